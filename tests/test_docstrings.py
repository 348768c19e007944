"""Docstrings of public names: parameters, units, errors and examples are there, and the examples are true."""

import ast
import importlib
import inspect
import pkgutil
import re
import textwrap
from pathlib import Path

import pytest
from examples import EXAMPLES, check_example

import cevnsjax
from cevnsjax.errors import InputError

INTERNAL = {
    "__main__",
    "arguments",
    "checkpoint",
    "cli",
    "display",
    "numeric",
    "programs",
    "reproduce",
    "resources",
    "store",
}
"""Modules right below the package that no user imports from."""

MODULES = [
    "cevnsjax",
    *(f"cevnsjax.{m.name}" for m in pkgutil.iter_modules(cevnsjax.__path__) if m.name not in INTERNAL),
]

ELSEWHERE = {
    "cevnsjax.figures.curves.plane_figure": "test_scan.py",
    "cevnsjax.figures.impacts.impacts_figure": "test_impacts.py",
    "cevnsjax.figures.posterior": "test_posterior.py",
    "cevnsjax.inference.consistency.consistency": "test_consistency.py",
    "cevnsjax.inference.impacts.impacts": "test_impacts.py",
    "cevnsjax.inference.scan.scan": "test_scan.py",
    "cevnsjax.sampling.calibration.calibrate": "test_calibration.py",
    "cevnsjax.sampling.posterior.sample": "test_posterior.py",
    "cevnsjax.toys.coverage.coverage": "test_coverage.py",
    "cevnsjax.toys.goodness.goodness_of_fit": "test_goodness.py",
    "cevnsjax.toys.significance.significance": "test_significance.py",
}
"""Examples that need large programs, and the tests that have compiled these programs already."""

NOT_RUN = {"cevnsjax.compilation.cache_compilations"}
"""Examples that would change how all tests after them run."""

WITHOUT_EXAMPLE = {
    # Results of verbs that take long: `fit_dict`, `profile_dataset` and others show how.
    "bands_dataset", "consistency_dict", "coverage_dataset", "coverage_dict", "goodness_dict", "impacts_dataset",
    "impacts_dict", "points_dataset", "sample_dict", "scan_dataset", "scan_dict", "significance_dict", "toys_dataset",
    "toys_dict", "write_posterior",
    # Ways to work on other processes and machines.
    "dask_cluster", "local_processes", "over_devices",
    # What likelihoods and results are made of inside.
    "Along", "Identity", "JointNuisance", "View", "scan.Axis",
    # Parts of a figure: its example has them.
    "AnglePoint", "Band", "FluxBins", "Mark", "Panel", "PublishedEvents", "StackedPanel", "Strength",
}  # fmt: skip
"""Public names that need no example, beside exceptions, abstract classes, and what a public function returns."""


def public_names():
    """Return all public classes and functions by the name under which they are defined, each once."""
    found = {}
    for module in map(importlib.import_module, MODULES):
        for name in getattr(module, "__all__", ()):
            thing = getattr(module, name)
            if getattr(thing, "__module__", "").startswith("cevnsjax") and (
                inspect.isclass(thing) or inspect.isroutine(inspect.unwrap(thing)) or hasattr(thing, "__wrapped__")
            ):
                found[f"{thing.__module__}.{thing.__qualname__}"] = thing
    return found


def methods_of(thing):
    """Return the public methods and properties that a class itself defines."""
    for name, value in vars(thing).items():
        function = getattr(value, "fget", None) or getattr(value, "func", None) or getattr(value, "__func__", value)
        if (not name.startswith("_") or name == "__call__") and inspect.isroutine(inspect.unwrap(function)):
            yield name, function


PUBLIC = public_names()
FUNCTIONS = {name: thing for name, thing in PUBLIC.items() if not inspect.isclass(thing)}
CLASSES = {name: thing for name, thing in PUBLIC.items() if inspect.isclass(thing)}
METHODS = {f"{name}.{inner}": (thing, f) for name, thing in CLASSES.items() for inner, f in methods_of(thing)}


def text_of(thing):
    """Return a docstring of its own, not one that a dataclass or a base class made."""
    text = vars(thing).get("__doc__") if inspect.isclass(thing) else thing.__doc__
    return "" if text is None or text.startswith(f"{getattr(thing, '__name__', '')}(") else inspect.cleandoc(text)


def told_elsewhere(owner, function):
    """Return where else a reader is told of a method: the methods that it overrides, its class, and its bases."""
    overridden = [vars(base)[function.__name__] for base in owner.__mro__[1:] if function.__name__ in vars(base)]
    overridden = [getattr(one, "fget", None) or getattr(one, "func", one) for one in overridden]
    bases = [base for base in owner.__mro__ if base.__module__.startswith("cevnsjax")]
    return [*(one for one in overridden if callable(one)), *bases]


def parameters_of(function):
    return [name for name in inspect.signature(function).parameters if name not in ("self", "cls")]


def unnamed(names, text):
    """Return the parameters that a text does not name as words of their own."""
    return [name for name in names if not re.search(rf"(?<!\w){re.escape(name)}(?!\w)", text)]


def source_of(thing):
    return ast.parse(textwrap.dedent(inspect.getsource(inspect.unwrap(thing))))


def raises(tree):
    """Return whether code raises `InputError` itself."""
    made = [node.exc for node in ast.walk(tree) if isinstance(node, ast.Raise) and isinstance(node.exc, ast.Call)]
    return any(getattr(call.func, "id", "") in ("InputError", "unknown_name") for call in made)


def has_source(function):
    return not inspect.unwrap(function).__code__.co_filename.startswith("<")


def has_floats(function):
    """Return whether a function takes or returns quantities; a confidence level is none."""
    annotations = inspect.get_annotations(inspect.unwrap(function))
    return any("Float[" in str(kind) or kind is float for name, kind in annotations.items() if name != "cl")


def says_units(text):
    return bool(re.search(r"\[[^\]]+\]|\bunits?\b|dimensionless|probabilit|\bshares?\b|\bfactor", text))


def called_in(example):
    """Return the names of all that an example calls or reads."""
    tree = ast.parse("".join(step.source for step in example.examples))
    return {getattr(node, "id", None) or getattr(node, "attr", None) for node in ast.walk(tree)} - {None}


RETURNED = " ".join(
    str(inspect.get_annotations(inspect.unwrap(function)).get("return"))
    for function in (*FUNCTIONS.values(), *(function for _, function in METHODS.values()))
)


def needs_example(name):
    """Return whether a name computes: it is no exception, no abstract class, and nothing that a function returns."""
    thing, own = PUBLIC[name], name.rsplit(".", 1)[1]
    if any(name.endswith(f".{one}") for one in WITHOUT_EXAMPLE):
        return False
    if not inspect.isclass(thing):
        return True
    abstract = inspect.isabstract(thing) or issubclass(thing, Exception) or getattr(thing, "_is_protocol", False)
    return not abstract and not re.search(rf"\b{own}\b", RETURNED)


CALLED = {name: called_in(example) for name, example in EXAMPLES.items()}


def has_example(name):
    """Return whether the docstring of a name, or that of its module, has an example that uses the name."""
    module = name.rsplit(".", 1)[0]
    return any(name.rsplit(".", 1)[1] in CALLED.get(place, ()) for place in (name, module))


def test_public_names_are_found():
    # Guards all tests below: with nothing to look at they would pass.
    assert len(FUNCTIONS) > 80
    assert len(CLASSES) > 50
    assert len(METHODS) > 100
    assert not [one for one in WITHOUT_EXAMPLE if not any(name.endswith(f".{one}") for name in PUBLIC)]


def faults(function, *others):
    """Return what is wrong with the docstring of a function, others being those that it may lean on."""
    own = text_of(function)
    told = "\n".join([own, *map(text_of, others)])
    if not own.partition("\n")[0].endswith("."):
        yield "the first line is no sentence"
    yield from (f"says nothing of '{parameter}'" for parameter in unnamed(parameters_of(function), told))
    if raises(source_of(function)) and "InputError" not in own:
        yield "does not say its error"
    if has_floats(function) and not says_units(told):
        yield "has no unit"
    if re.search(r"^Returns:\n.*:( |$)", own, flags=re.MULTILINE):
        yield "Sphinx reads the first line of what is returned up to a colon as its type"


def test_functions():
    assert not {name: wrong for name, function in FUNCTIONS.items() if (wrong := list(faults(function)))}


def test_methods():
    wrong = {}
    for name, (owner, function) in METHODS.items():
        wrong[name] = list(faults(function, *told_elsewhere(owner, function)))
        if isinstance(vars(owner)[function.__name__], property) and ": " in text_of(function).partition("\n")[0]:
            wrong[name].append("Sphinx reads a property's first line up to a colon as its type")
    assert not {name: found for name, found in wrong.items() if found}


def test_classes():
    wrong = {}
    for name, thing in CLASSES.items():
        text, makers = text_of(thing), [vars(thing).get(m) for m in ("__init__", "__post_init__", "__check_init__")]
        found = [] if text.partition("\n")[0].endswith(".") else ["the first line is no sentence"]
        if not (issubclass(thing, Exception) or getattr(thing, "_is_protocol", False)):
            found += [f"says nothing of '{field}'" for field in unnamed(parameters_of(thing), text)]
        written = [maker for maker in makers if maker is not None and has_source(maker)]
        if any(raises(source_of(maker)) for maker in written) and "InputError" not in text:
            found.append("does not say its error")
        if found:
            wrong[name] = found
    assert not wrong


def test_examples_are_there():
    assert not [name for name in PUBLIC if needs_example(name) and not has_example(name)]


def test_what_is_wrong_is_seen():
    """Guards the rules above: each of them has to be able to fail."""

    def bad(energy: float) -> float:
        """Return what is asked for

        Returns:
            What is asked for: nothing.
        """
        if energy < 0:
            raise InputError("a negative energy")
        return energy

    assert list(faults(bad)) == [
        "the first line is no sentence", "says nothing of 'energy'", "does not say its error", "has no unit",
        "Sphinx reads the first line of what is returned up to a colon as its type",
    ]  # fmt: skip
    assert not has_example("cevnsjax.errors.InputError")
    assert sections_of("Return.\n\nArgs:\n    x: a number.\n\nParameters:\n    y\n").keys() == {"Args:", "Parameters:"}


@pytest.mark.parametrize("name", [name for name in EXAMPLES if name not in {*ELSEWHERE, *NOT_RUN}])
def test_examples_give_what_they_show(name, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    check_example(name)


@pytest.mark.parametrize("name", ELSEWHERE)
def test_other_examples_are_run_elsewhere(name):
    assert name in EXAMPLES
    text = (Path(__file__).parent / ELSEWHERE[name]).read_text(encoding="utf-8")
    assert f'check_example("{name}")' in text, f"{ELSEWHERE[name]} does not run it"


def sections_of(text):
    """Return the sections of a docstring in Google's style, by their headings."""
    parts = re.split(r"^([A-Z]\w+:)\n(?= {4})", text, flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def test_sections_have_their_names():
    things = PUBLIC | {name: function for name, (_, function) in METHODS.items()}
    headings = {name: set(sections_of(text_of(thing))) for name, thing in things.items()}
    known = {"Args:", "Returns:", "Raises:", "Examples:"}
    assert not {name: found - known for name, found in headings.items() if found - known}


VERBS = sorted(name for name in cevnsjax.__all__ if inspect.isroutine(getattr(cevnsjax, name)))
REFUSE_NOTHING = {"cache_compilations", "nuisance_table"}


@pytest.mark.parametrize("name", VERBS)
def test_functions_of_the_package_have_sections(name):
    function = getattr(cevnsjax, name)
    sections = sections_of(text_of(function))
    told = re.findall(r"^ {4}(\w+): ", sections.get("Args:", ""), re.MULTILINE)
    assert told == parameters_of(function)
    assert "Examples:" in sections
    assert "Raises:" in sections or name in REFUSE_NOTHING

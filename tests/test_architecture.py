"""The order of the rooms: each imports and calls only those below it, so that a page can be read before the next."""

import ast
import functools
import importlib
import inspect
import sys
from pathlib import Path

import jax.numpy as jnp
import pytest
from jaxtyping import TypeCheckError

import cevnsjax
from cevnsjax.cli import main

PACKAGE = Path(cevnsjax.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))
LONGEST = 350
"""Lines of a file."""

ROOMS = [
    # The ground: numbers, errors, files, numerics.
    "constants",
    "errors",
    "arguments",
    "resources",
    "numeric",
    "store",
    "recent",
    "programs",
    "compilation",
    "flavours",
    "quadrature",
    "parameters",
    "display",
    "spreading",
    # Physics, from the nucleus to the cells of a detector.
    "matter",
    "interactions",
    "sources",
    "response",
    "rates",
    "experiments",
    # What is learnt from data.
    "likelihood",
    "inference",
    "sampling",
    "toys",
    # What leaves the package.
    "exporting",
    "provenance",
    "results",
    "checkpoint",
    "figures",
    "reproduce",
    "cli",
    "__main__",
]


RUNNERS = ("programs", "compilation", "spreading")
"""Rooms that run functions which they are given, as JAX does: who gave it is the caller."""


def name_of(path):
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


@functools.cache
def room_of(file):
    """Return the room that a file of the package is in, None for all other files."""
    path = Path(file)
    if PACKAGE not in path.parents:
        return None
    room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    return None if room == "__init__" else room


@functools.cache
def tree_of(path):
    return ast.parse(path.read_text(encoding="utf-8"))


def imported(path):
    """Rooms that a file imports from, wherever in the file it does so."""
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: imports are absolute"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        yield from (name.split(".")[1] for name in names if name.startswith("cevnsjax."))


def classes_of(*places):
    """Names of the classes that files define."""
    paths = [path for place in places for path in ([place] if place.suffix else place.glob("*.py"))]
    return {node.name for path in paths for node in ast.walk(tree_of(path)) if isinstance(node, ast.ClassDef)}


def test_every_file_is_in_a_room():
    rooms = {path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in FILES} - {"__init__"}
    assert rooms == set(ROOMS)


@pytest.mark.parametrize("path", [path for path in FILES if path != PACKAGE / "__init__.py"], ids=name_of)
def test_imports_go_down(path):
    room = room_of(str(path))
    upward = [other for other in imported(path) if other not in ROOMS or ROOMS.index(other) > ROOMS.index(room)]
    assert not upward


def test_a_parameter_enters_each_room_once(capsys):
    """Follow a free parameter from the command line to chi-squared and back: no function calls one of a room above.

    So along each chain of calls the rooms only go down, and none is entered a second time.
    """
    entered, upward = set(), set()

    def watch(frame, event, argument):
        room = room_of(frame.f_code.co_filename) if event == "call" else None
        if room is None:
            return
        caller = frame.f_back
        while caller is not None and room_of(caller.f_code.co_filename) in (None, *RUNNERS):
            caller = caller.f_back  # JAX, the type checker, the standard library
        if caller is None:
            return
        entered.add(room)
        above = room_of(caller.f_code.co_filename)
        if ROOMS.index(room) > ROOMS.index(above):
            upward.add(f"{above} calls {room}: {frame.f_code.co_qualname}")

    sys.setprofile(watch)
    try:
        with pytest.raises(SystemExit) as left:
            main(["fit", "conus_plus", "--free", "sin2_theta_w", "--json"])
    finally:
        sys.setprofile(None)
    capsys.readouterr()
    assert not left.value.code
    assert not upward
    assert entered >= {"cli", "provenance", "inference", "likelihood", "experiments", "rates", "interactions"}


KINDS = {
    "likelihood": classes_of(PACKAGE / "likelihood" / "terms.py"),
    "sources": classes_of(PACKAGE / "sources"),
}
"""Classes of which only their own room asks whether something is one."""


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_nobody_else_asks_for_the_kind(path):
    """A term and a source answer to a protocol: outside their rooms nothing depends on which kind they are."""
    forbidden = {name for room, names in KINDS.items() if room_of(str(path)) != room for name in names}
    asked = set()
    for node in ast.walk(tree_of(path)):
        if (
            isinstance(node, ast.Call)
            and isinstance(node.func, ast.Name)
            and node.func.id in ("isinstance", "issubclass")
        ):
            asked |= {n.id for n in ast.walk(node.args[1]) if isinstance(n, ast.Name)}
            asked |= {n.attr for n in ast.walk(node.args[1]) if isinstance(n, ast.Attribute)}
        elif isinstance(node, ast.MatchClass):
            asked |= {n.id for n in ast.walk(node.cls) if isinstance(n, ast.Name)}
    assert not asked & forbidden


def test_kinds_are_known():
    # Guards the test above: renamed files would leave it nothing to forbid.
    assert all(len(names) > 1 for names in KINDS.values())


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_public_names_exist_and_say_what_they_are(path):
    module = importlib.import_module(name_of(path))
    assert module.__doc__
    for name in getattr(module, "__all__", ()):
        public = getattr(module, name)
        defined_here = getattr(public, "__module__", "").startswith("cevnsjax")
        if defined_here and (inspect.isfunction(public) or inspect.isclass(public)):
            assert public.__doc__, f"{module.__name__}.{name} has no docstring"


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_public_functions_have_docstrings(path):
    """Of functions and methods alike, whether they are exported or not."""
    for node in ast.walk(tree_of(path)):
        if not isinstance(node, ast.ClassDef | ast.Module) or getattr(node, "name", "").startswith("_"):
            continue
        for inner in node.body:
            if isinstance(inner, ast.FunctionDef | ast.ClassDef) and not inner.name.startswith("_"):
                assert ast.get_docstring(inner), f"{inner.name} in line {inner.lineno} has no docstring"


# All names of `constants` are public.
@pytest.mark.parametrize(
    "path", [path for path in FILES if path.stem not in ("__init__", "__main__", "constants")], ids=name_of
)
def test_files_say_what_is_public(path):
    targets = [target for node in tree_of(path).body if isinstance(node, ast.Assign) for target in node.targets]
    assert "__all__" in [target.id for target in targets if isinstance(target, ast.Name)]


@pytest.mark.parametrize("path", FILES, ids=name_of)
def test_files_are_short(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST


def test_shapes_are_checked_while_testing():
    # Guards conftest.py: an import of the package before its hook would switch all such checks off.
    from cevnsjax.matter.atoms import effective_electrons, shells

    with pytest.raises(TypeCheckError, match="recoil_energy"):
        effective_electrons(jnp.ones((2, 2), dtype=int), shells("Ge"))

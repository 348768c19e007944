"""The order of the rooms: each imports only from those below it, so that a page can be read before the next."""

import ast
import importlib
import inspect
from pathlib import Path

import jax.numpy as jnp
import pytest
from jaxtyping import TypeCheckError

import cevnsjax
from cevnsjax.atoms import effective_electrons, shells

PACKAGE = Path(cevnsjax.__file__).parent
FILES = sorted(PACKAGE.rglob("*.py"))

ROOMS = [
    # What physics stands on: numbers, errors, files, numerics.
    "constants",
    "errors",
    "compilation",
    "resources",
    "flavours",
    "quadrature",
    "parameters",
    # Physics, from the nucleus to the bins of a detector.
    "nuclei",
    "atoms",
    "form_factors",
    "targets",
    "interactions",
    "flux",
    "response",
    "rates",
    "experiments",
    # What is learnt from it, and how it is told.
    "statistics",
    "results",
    "checkpoint",
    "cluster",
    "plotting",
    "posterior_plots",
    "projection_plots",
    "reproduce",
    "cli",
]


def name_of(path):
    parts = path.relative_to(PACKAGE.parent).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


def imported(path):
    """Rooms that a file imports from, wherever in the file it does so."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path.name}: imports are absolute"
            names = [f"{node.module}.{alias.name}" for alias in node.names]
        else:
            continue
        yield from (name.split(".")[1] for name in names if name.startswith("cevnsjax."))


def test_every_file_is_in_a_room():
    rooms = {path.relative_to(PACKAGE).parts[0].removesuffix(".py") for path in FILES} - {"__init__"}
    assert rooms == set(ROOMS)


@pytest.mark.parametrize("path", [path for path in FILES if path.parent != PACKAGE or path.stem in ROOMS], ids=name_of)
def test_imports_go_down(path):
    room = path.relative_to(PACKAGE).parts[0].removesuffix(".py")
    upward = [other for other in imported(path) if other not in ROOMS or ROOMS.index(other) > ROOMS.index(room)]
    assert not upward


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
def test_files_are_short(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= 350


def test_shapes_are_checked_while_testing():
    # Guards conftest.py: an import of the package before its hook would switch all such checks off.
    with pytest.raises(TypeCheckError, match="recoil_energy"):
        effective_electrons(jnp.ones(3), shells("Ge"))

"""Interactions of a user's own, from a Python file: FILE.py:NAME in place of a model's name."""

import dataclasses
import hashlib
import importlib.util
import sys
import traceback
from collections.abc import Callable
from functools import partial
from pathlib import Path
from types import ModuleType
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

from cevnsjax.errors import InputError
from cevnsjax.flavours import NU_E_BAR
from cevnsjax.interactions.base import ElectronRecoil, Interaction, NuclearRecoil
from cevnsjax.interactions.model import Model
from cevnsjax.interactions.standard_model import StandardModel
from cevnsjax.matter.nuclei import element
from cevnsjax.parameters import Parameter
from cevnsjax.resources import read_text

__all__ = ["custom_model", "in_users_words"]

_files: set[str] = set()
"""The users' files that were read, as tracebacks name them."""


def custom_model(text: str) -> Model:
    """Return the model that FILE.py:NAME stands for; its name is the text, and its digest that of the file.

    NAME is a `Model`, an `Interaction`, or a function without arguments (a class, too) that returns one of them. An
    interaction acts beside the Standard Model; free in a fit are its parameters that have a `power`, or all of them if
    none has. Modules beside the file can be imported in it.

    Raises `InputError` for a file that cannot be read, an error in it (with its line), a NAME that it lacks, something
    else of that name, and a method that returns another shape than `Interaction` says.
    """
    file, _, name = text.rpartition(":")
    if not file.endswith(".py") or not name.isidentifier():
        raise InputError(f"'{text}' is no model: give FILE.py:NAME, such as my_models.py:contact")
    path = Path(file)
    source = read_text(path, "file of a model")
    digest = hashlib.sha256(source.encode()).hexdigest()
    module = _module(path.resolve(), source, digest)
    if not hasattr(module, name):
        raise InputError(f"'{file}' has no '{name}'; it has {', '.join(_possible(module)) or 'no interaction'}")
    given = getattr(module, name)
    if callable(given) and not isinstance(given, Model | Interaction):
        given = _in_file(path, given)
    if isinstance(given, Interaction):
        given = Model(name, f"{name} of {path.name}", (StandardModel(), given), _free(given))
    if not isinstance(given, Model):
        raise InputError(
            f"'{text}' is of type {type(given).__name__}: give an Interaction, a Model, or a function of one"
        )
    _check(given, path)
    return dataclasses.replace(given, name=text, digest=digest)


def in_users_words(error: BaseException) -> str | None:
    """Return an error that was raised in a user's file as one line with its type and place; None for all others."""
    for one in (error, error.__cause__, error.__context__):
        if one is None:
            continue
        frames = [frame for frame in traceback.extract_tb(one.__traceback__) if frame.filename in _files]
        if frames:
            return _line(frames[-1].filename, frames[-1].lineno, one)
    return None


def _module(path: Path, source: str, digest: str) -> ModuleType:
    """Run a file as a module of its own, once for each content."""
    name = f"cevnsjax_user_{hashlib.sha256(f'{path}{digest}'.encode()).hexdigest()[:16]}"
    if name in sys.modules:
        return sys.modules[name]
    _files.add(str(path))
    specification = importlib.util.spec_from_loader(name, loader=None, origin=str(path))
    assert specification is not None
    module = importlib.util.module_from_spec(specification)
    module.__file__ = str(path)
    sys.modules[name] = module  # dataclasses look up their module while they are made
    sys.path.insert(0, str(path.parent))
    try:
        _in_file(path, lambda: exec(compile(source, str(path), "exec"), vars(module)))
    except InputError:
        del sys.modules[name]
        raise
    finally:
        sys.path.remove(str(path.parent))
    return module


def _possible(module: ModuleType) -> list[str]:
    """Return the names of a module that may stand for a model."""
    return [
        name
        for name, value in vars(module).items()
        if isinstance(value, Model | Interaction) or getattr(value, "__module__", "") == module.__name__
    ]


def _in_file(path: Path, call: Callable[[], Any]) -> Any:
    """Call something of a user's file; whatever it raises becomes one line."""
    try:
        return call()
    except SyntaxError as error:
        raise InputError(_line(error.filename or str(path), error.lineno, error)) from error
    except (Exception, SystemExit) as error:
        raise InputError(in_users_words(error) or _line(str(path), None, error)) from error


def _line(file: str, number: int | None, error: BaseException) -> str:
    reason = error.msg if isinstance(error, SyntaxError) else str(error)
    where = f"'{file}', line {number}" if number else f"'{file}'"
    return f"{where}: {type(error).__name__}: {' '.join(reason.split())[:300]}"


def _free(interaction: Interaction) -> tuple[str, ...]:
    own = [p for p in interaction.parameters if isinstance(p, Parameter)]
    return tuple(p.name for p in own if p.power is not None) or tuple(p.name for p in own) or ("sin2_theta_w",)


def _check(model: Model, path: Path) -> None:
    """Raise `InputError` where a method of the model's interactions returns another shape than it should."""
    for interaction in model.interactions:
        if not all(isinstance(p, Parameter) for p in interaction.parameters):
            raise InputError(f"'{path}': the parameters of {type(interaction).__name__} must be a tuple of Parameter")
    params = {p.name: jax.device_put(np.float64(p.default)) for p in model.parameters}
    nucleus = jax.tree.map(lambda leaf: jax.device_put(leaf[0]), element("Ge").isotopes)
    one, energy = jax.device_put(np.float64(1.0)), jax.device_put(np.ones(2))
    nuclear, electron = NuclearRecoil(one, nucleus, one), ElectronRecoil(one)
    methods = (
        ("nuclear_charge", (nuclear, NU_E_BAR, "e"), [((),)], "a number"),
        ("nuclear_terms", (nuclear, NU_E_BAR), [((3,),)], "the three coefficients c_n"),
        ("electron_couplings", (electron, NU_E_BAR, "e"), [((), ())], "two numbers"),
        ("electron_terms", (electron, NU_E_BAR), [((3,),)], "the three coefficients c_n"),
        ("survival", (energy, one, NU_E_BAR), [((2,),), ((),)], "a number, or one for each energy"),
    )
    for interaction in model.interactions:
        for name, arguments, shapes, words in methods:
            method = getattr(interaction, name)
            given = _in_file(path, partial(_shapes, method, params, arguments))
            if given not in shapes:
                called = f"{type(interaction).__name__}.{name}"
                raise InputError(f"'{path}': {called} returns arrays of shapes {given}; it must return {words}")


def _shapes(method: Callable[..., Any], params: Any, rest: tuple[Any, ...]) -> tuple[tuple[int, ...], ...]:
    """Return the shapes of the arrays that a method returns, nothing calculated."""
    result = jax.eval_shape(lambda values: jax.tree.map(jnp.asarray, method(values, *rest)), params)
    return tuple(leaf.shape for leaf in jax.tree.leaves(result))

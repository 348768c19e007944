"""What verbs are given: numbers, names, dicts. Each kind is checked here, and refused in one kind of sentence."""

import os
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float

from cevnsjax.errors import InputError, shown, unknown_name

__all__ = [
    "REAL",
    "array_of",
    "check_seed",
    "choice",
    "dict_of",
    "list_of_names",
    "path_of",
    "real_number",
    "whole_number",
]

REAL = (int, float, np.integer, np.floating)
"""Types of a real number."""

LARGEST_SEED = 2**32 - 1


def whole_number(value: object, least: int, most: int, said: str) -> int:
    """Return a whole number from `least` to `most`.

    Raises `InputError` for anything else. The message begins with `said`, in which braces stand for the value:
    "{} toys given".
    """
    if isinstance(value, bool) or not isinstance(value, int | np.integer) or not least <= value <= most:
        raise InputError(f"{said.format(shown(value))}; give a whole number from {least} to {most}")
    return int(value)


def check_seed(seed: object) -> None:
    """Raise `InputError` for a seed that is no whole number of 32 bits."""
    whole_number(seed, 0, LARGEST_SEED, "a seed of {} is not possible")


def real_number(value: object, low: float, high: float, said: str) -> float:
    """Return a number from `low` to `high`; raises `InputError` as `whole_number` does."""
    if not isinstance(value, REAL) or isinstance(value, bool) or not low <= value <= high:
        raise InputError(f"{said.format(shown(value))}: give a number from {low:g} to {high:g}")
    return float(value)


def choice(value: object, kind: str, known: Iterable[str]) -> str:
    """Return a name that must be one of `known`; raises `InputError` for anything else."""
    known = list(known)
    if not isinstance(value, str) or value not in known:
        raise unknown_name(kind, value, known)
    return value


def dict_of(value: object, name: str = "values") -> dict[Any, Any]:
    """Return a mapping from names as a dict, an empty one for None; raises `InputError` for anything else."""
    if value is None:
        return {}
    if not isinstance(value, Mapping):
        raise InputError(f"{name} = {shown(value)} is not possible: give a dict of names and values")
    return dict(value)


def list_of_names(value: object, name: str = "free") -> list[str]:
    """Return several texts as a list; raises `InputError` for anything else, for a single text, too."""
    if isinstance(value, str):
        raise InputError(f"{name} = {value!r} is one text; give a list of names, [{value!r}]")
    if not isinstance(value, Sequence | Mapping):
        raise InputError(f"{name} = {shown(value)} is not possible: give a list of names")
    for item in value:
        if not isinstance(item, str):
            raise InputError(f"the name of a parameter must be a text, not {shown(item)}")
    return list(value)


def path_of(value: object, said: str) -> Path:
    """Return a path; raises `InputError` for what is no text and no path. `said` says what for."""
    if not isinstance(value, str | os.PathLike):
        raise InputError(f"{said} is given by its path, not as {shown(value)}")
    return Path(value)


def array_of(value: object, shape: tuple[int, ...], said: str) -> Float[np.ndarray, "..."]:
    """Return finite numbers of a shape as an array; raises `InputError` for anything else. `said` says what for."""
    try:
        numbers = np.asarray(value)
    except (TypeError, ValueError):  # rows of several lengths
        numbers = np.array(None)
    if numbers.dtype.kind not in "fiub" or numbers.shape != shape or not np.isfinite(numbers).all():
        given = f"an array of shape {numbers.shape}" if numbers.dtype.kind in "fiub" else shown(value)
        raise InputError(f"{said} cannot be {given}: give finite numbers of shape {shape}")
    return numbers.astype(np.float64)

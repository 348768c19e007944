"""Files of experiments and combinations: which there are, how a name leads to one, and how it is read."""

import contextlib
import os
import shutil
import tomllib
from pathlib import Path
from typing import Any

from cevnsjax.arguments import choice, path_of
from cevnsjax.errors import InputError, unknown_name
from cevnsjax.experiments.parsing import printable
from cevnsjax.resources import data_folder, read_text

__all__ = ["combination_names", "copy_experiment", "experiment_names", "parts_of", "read_description"]

DESCRIPTION = "experiment.toml"
COMBINATIONS = "combinations"
DEEPEST = 40
"""Nested tables and lists beyond this depth are no description."""

LONGEST = 1 << 20
"""A description has fewer characters than this."""


def experiment_names() -> list[str]:
    """Return the names of the embedded experiments.

    >>> from cevnsjax.experiments import experiment_names
    >>> "conus_plus" in experiment_names()
    True
    """
    return sorted(path.parent.name for path in data_folder().glob(f"*/{DESCRIPTION}"))


def combination_names() -> list[str]:
    """Return the names of the embedded combinations.

    >>> from cevnsjax.experiments import combination_names
    >>> "global_2026" in combination_names()
    True
    """
    return sorted(path.stem for path in (data_folder() / COMBINATIONS).glob("*.toml"))


def copy_experiment(name: str, folder: str | os.PathLike[str]) -> list[Path]:
    """Copy the files of an embedded experiment or combination into a folder, for you to change.

    Args:
        name: the name of the experiment or combination.
        folder: the folder, which is made if it does not exist.

    Returns:
        The paths of the new files.

    Raises:
        InputError: for an unknown name, and where a file is already there or cannot be written.

    Examples:
        >>> from pathlib import Path
        >>> files = cevnsjax.copy_experiment("conus_plus", Path("mine"))
        >>> "experiment.toml" in [file.name for file in files]
        True
        >>> mine = cevnsjax.load_experiment("mine/experiment.toml")
    """
    choice(name, "experiment", [*experiment_names(), *combination_names()])
    folder = path_of(folder, "a folder to copy into")
    if name in combination_names():
        files = [data_folder() / COMBINATIONS / f"{name}.toml"]
    else:
        files = sorted(path for path in (data_folder() / name).iterdir() if path.is_file())
    targets = [folder / path.name for path in files]
    if there := [target for target in targets if target.exists()]:
        raise InputError(f"'{there[0]}' exists already; give a folder without it")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, target in zip(files, targets, strict=True):
            shutil.copyfile(path, target)
    except OSError as error:
        for target in targets:  # none was there before
            with contextlib.suppress(OSError):
                target.unlink()
        with contextlib.suppress(OSError):
            folder.rmdir()  # where nothing else is in it
        raise InputError(f"cannot copy into '{folder}': {error.strerror}") from error
    return targets


def parts_of(name: str | os.PathLike[str]) -> tuple[str, str]:
    """Return an experiment's name or path, and the part of it that follows a colon, "" if none does."""
    if not isinstance(name, str | os.PathLike):
        raise InputError(f"an experiment is given by its name or the path of a TOML file, not as {type(name).__name__}")
    whole = os.fspath(name)
    text, _, part = whole.rpartition(":")
    return (whole, "") if not text or os.sep in part or Path(whole).is_file() else (text, part)


def read_description(text: str) -> tuple[Path, dict[str, Any]]:
    """Return the path and the tables of a description, by its name or path.

    Raises `InputError` for an unknown name, a file that cannot be read, and what is no description.
    """
    if text.endswith(".toml") or os.sep in text:
        path = Path(text)
    elif text in experiment_names():
        path = data_folder() / text / DESCRIPTION
    elif text in combination_names():
        path = data_folder() / COMBINATIONS / f"{text}.toml"
    else:
        known = [*experiment_names(), *combination_names(), "or a path to a .toml file"]
        raise unknown_name("experiment", printable(text), known)
    content = read_text(path, "experiment file")
    if len(content) > LONGEST:
        raise InputError(f"'{path}' has {len(content)} characters, more than {LONGEST}: this is no description")
    try:
        tables = tomllib.loads(content)
    except tomllib.TOMLDecodeError as error:
        raise InputError(f"'{path}' is not valid TOML: {printable(str(error))}") from error
    except RecursionError as error:
        raise InputError(f"'{path}' is nested too deeply; no description is") from error
    except ValueError as error:  # Python converts no more than 4300 digits
        raise InputError(f"'{path}' has a number of thousands of digits; no description has") from error
    if _depth(tables) > DEEPEST:
        raise InputError(f"'{path}' is nested more than {DEEPEST} levels deep; no description is")
    return path, tables


def _depth(content: Any) -> int:
    level, depth = [content], 0
    while level and depth <= DEEPEST:
        level = [
            value
            for item in level
            for value in (item.values() if isinstance(item, dict) else item if isinstance(item, list) else ())
        ]
        depth += 1
    return depth

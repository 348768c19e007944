"""Experiments by name or file: the description is read, checked, and made into objects."""

import copy
import dataclasses
import hashlib
import os
import shutil
import tomllib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from cevnsjax.errors import InputError, unknown_name
from cevnsjax.experiments.building import experiment_of_data
from cevnsjax.experiments.experiment import Experiment, Identity
from cevnsjax.experiments.parsing import parse, printable
from cevnsjax.experiments.runs import experiments_of_runs, file_of_run
from cevnsjax.experiments.schema import Description
from cevnsjax.resources import data_folder, read_bytes, read_text

__all__ = ["copy_experiment", "describe", "experiment_names", "load_experiment", "load_runs"]

DESCRIPTION = "experiment.toml"
DEEPEST = 40
"""Nested tables and lists beyond this depth are no description."""

LONGEST = 1 << 20
"""A description has fewer characters than this."""

FILES = ("file", "matrix_file", "up", "down")
"""Keys whose values are names of files."""


def experiment_names() -> list[str]:
    """Return the names of the embedded experiments."""
    return sorted(path.parent.name for path in data_folder().glob(f"*/{DESCRIPTION}"))


def load_experiment(name: str | os.PathLike[str], overrides: Mapping[str, object] | None = None) -> Experiment:
    """Return an embedded experiment by name, or the one that a TOML file describes.

    `overrides` replace entries of the description, {"source.above_8_MeV": "cut"} for instance; None removes
    one, {"response.nuclear.smearing": None}; an item of a list is found by its name, {"nuisance.norm.sigma": 0.1}. So
    one assumption at a time can be switched.

    Raises `InputError` for an unknown name, a file that cannot be read, anything in it that is not known, missing, or
    impossible, and several runs; the message says what was given and what would be right.
    """
    runs = load_runs(name, overrides)
    if len(runs) > 1:
        given = ", ".join(experiment.label for experiment in runs)
        raise InputError(f"'{os.fspath(name)}' has several runs: take one of {given}, or all by `load_runs`")
    return runs[0]


def load_runs(
    name: str | os.PathLike[str],
    overrides: Mapping[str, object] | None = None,
    threshold: float | None = None,
) -> tuple[Experiment, ...]:
    """Return all runs of an experiment; most have one.

    A part may follow the name: one of its analyses or runs, `conus:eves` for instance, or a variant, `dresden2:ybe`,
    which is a set of overrides in the description itself. `threshold`, in the unit of the first axis, begins runs for
    which there are no data elsewhere, with bins as wide as before, or nearly so. Overrides and errors are those of
    `load_experiment`.
    """
    text, part = _parts(name)
    if threshold is not None and (isinstance(threshold, bool) or not isinstance(threshold, int | float)):
        raise InputError(f"a threshold is a number, not {threshold!r}")
    path, content = _read(text)
    description = parse(content, path)
    identity = Identity(
        description.name, description.title, description.reference, description.warning,
        source=os.fspath(name), digest=_digest(path, description),
        overrides=tuple(sorted(_checked(overrides).items())), threshold=threshold,
    )  # fmt: skip
    for variant, entries in description.variants.items():
        if variant != part:  # a mistake in a variant that is not asked for is a mistake all the same
            try:
                _made(_overridden(content, entries, path), identity, "", path, None)
            except InputError as error:
                reason = str(error).removeprefix(f"'{path}': ")
                raise InputError(f"'{path}': variant '{variant}': {reason}") from error
    if given := {**description.variants.get(part, {}), **_checked(overrides)}:
        description = _overridden(content, given, path)
        identity = dataclasses.replace(
            identity, name=description.name, title=description.title, reference=description.reference,
            warning=description.warning,
        )  # fmt: skip
    if not description.runs and threshold is not None:
        raise InputError(f"'{text}' has data, which begin where they begin; a threshold can be given for expected runs")
    if not description.runs and part and part not in description.variants:
        raise unknown_name(f"variant of {text}", printable(part), [*description.variants, f"or none: {text}"])
    return _made(description, identity, "" if part in description.variants else part, path, threshold)


def _made(
    description: Description, identity: Identity, part: str, path: Path, threshold: float | None
) -> tuple[Experiment, ...]:
    """Return the experiments of a description."""
    if (description.data is None) == (not description.runs):
        raise InputError(f"'{path}': give either [data] with [[detectors]], or [[runs]]")
    if description.runs:
        return experiments_of_runs(description, identity, part, path, threshold)
    return (experiment_of_data(description, identity, path),)


def _checked(overrides: Mapping[str, object] | None) -> Mapping[str, object]:
    """Return overrides that are a mapping from paths to values."""
    if overrides is None:
        return {}
    if not isinstance(overrides, Mapping) or not all(isinstance(key, str) for key in overrides):
        raise InputError("overrides are a dict from keys to values, {'source.power_GW': 3.0} for instance")
    return overrides


def describe(name: str | os.PathLike[str]) -> Description:
    """Return the description of an experiment, checked, with nothing made of it; errors are those of `load_runs`."""
    path, content = _read(_parts(name)[0])
    return parse(content, path)


def copy_experiment(name: str, folder: Path) -> list[Path]:
    """Copy an embedded experiment's description and tables into a folder, which is made; return the new files.

    Raises `InputError` for an unknown name, and where a file is already there or cannot be written.
    """
    if name not in experiment_names():
        raise unknown_name("experiment", name, experiment_names())
    files = sorted(path for path in (data_folder() / name).iterdir() if path.is_file())
    targets = [folder / path.name for path in files]
    if there := [target for target in targets if target.exists()]:
        raise InputError(f"'{there[0]}' exists already; give a folder without it")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        for path, target in zip(files, targets, strict=True):
            shutil.copyfile(path, target)
    except OSError as error:
        raise InputError(f"cannot copy into '{folder}': {error.strerror}") from error
    return targets


def _parts(name: str | os.PathLike[str]) -> tuple[str, str]:
    """Return an experiment's name or path, and the part of it that follows a colon, "" if none does."""
    if not isinstance(name, str | os.PathLike):
        raise InputError(f"an experiment is given by its name or the path of a TOML file, not as {type(name).__name__}")
    whole = os.fspath(name)
    text, _, part = whole.rpartition(":")
    return (whole, "") if not text or os.sep in part or Path(whole).is_file() else (text, part)


def _read(text: str) -> tuple[Path, dict[str, Any]]:
    if text.endswith(".toml") or os.sep in text:
        path = Path(text)
    elif text in experiment_names():
        path = data_folder() / text / DESCRIPTION
    else:
        raise unknown_name("experiment", printable(text), [*experiment_names(), "or a path to a .toml file"])
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


def _digest(path: Path, description: Description) -> str:
    """Return the digest of the description and of the tables beside it that it names."""
    found = hashlib.sha256(read_text(path, "experiment file").encode())
    for name in sorted(set(_files(description.model_dump()))):
        for one in dict.fromkeys(file_of_run(name, run.name) for run in description.runs) or (name,):
            beside = path.parent / one
            if beside.exists():  # others come with the package
                found.update(read_bytes(beside, "table"))
    return found.hexdigest()


def _files(content: Any) -> Iterator[str]:
    """Give the names of all files in a description's tables, those of its variants included."""
    if isinstance(content, dict):
        for key, value in content.items():
            if isinstance(value, str) and key.rpartition(".")[2] in FILES:
                yield value
            yield from _files(value)
    elif isinstance(content, list):
        for value in content:
            yield from _files(value)


def _overridden(content: dict[str, Any], overrides: Mapping[str, object], path: Path) -> Description:
    """Return the description with some entries set, or removed where the value is None."""
    changed = copy.deepcopy(content)
    for key, value in overrides.items():
        _override(changed, key.split("."), value, path)
    return parse(changed, path)


def _override(content: Any, keys: list[str], value: object, path: Path) -> None:
    *tables, last = keys
    for table in tables:
        inside = content.get(table) if isinstance(content, dict) else _named(content, table)
        if not isinstance(inside, dict | list):
            raise InputError(f"'{path}': there is no table '{table}' in which to override '{'.'.join(keys)}'")
        content = inside
    if not isinstance(content, dict):
        raise InputError(f"'{path}': '{'.'.join(keys)}' leads to a list: give the name of one of its tables, and a key")
    if value is None and last not in content:
        raise InputError(f"'{path}': there is no '{'.'.join(keys)}' that could be removed")
    if value is None:
        del content[last]
    else:
        content[last] = value


def _named(items: Any, name: str) -> Any:
    """Return the table of a list that has a name, or stands at a place counted from one."""
    tables = [item for item in items if isinstance(item, dict)]
    by_name = [item for item in tables if item.get("name") == name]
    if by_name:
        return by_name[0]
    return tables[int(name) - 1] if name.isdigit() and 1 <= int(name) <= len(tables) else None

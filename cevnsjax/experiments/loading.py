"""Experiments by name or file: the description is read, checked, and made into objects."""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cevnsjax.errors import InputError, unknown_name
from cevnsjax.experiments.assembly import excess
from cevnsjax.experiments.experiment import Experiment
from cevnsjax.experiments.runs import runs
from cevnsjax.experiments.schema import Description, parse
from cevnsjax.resources import data_folder

__all__ = ["describe", "experiment_names", "load_experiment", "load_runs"]

DESCRIPTION = "experiment.toml"


def experiment_names() -> list[str]:
    """Return the names of the embedded experiments."""
    return sorted(path.parent.name for path in data_folder().glob(f"*/{DESCRIPTION}"))


def load_experiment(name: str | os.PathLike[str], overrides: Mapping[str, object] | None = None) -> Experiment:
    """Return an embedded experiment by name, or the one that a TOML file describes.

    `overrides` replace entries of the description, {"source.above_8_MeV": "cut"} for instance; None removes
    one, {"response.resolution": None}. So one assumption at a time can be switched.

    Raises `InputError` for an unknown name, a file that cannot be read, anything in it that is not known, missing, or
    impossible, and several runs; the message says what was given and what would be right.
    """
    found = load_runs(name, overrides)
    if len(found) > 1:
        given = ", ".join(experiment.label for experiment in found)
        raise InputError(f"'{os.fspath(name)}' has several runs: take one of {given}, or all by `load_runs`")
    return found[0]


def load_runs(
    name: str | os.PathLike[str],
    overrides: Mapping[str, object] | None = None,
    threshold_eV: float | None = None,
) -> tuple[Experiment, ...]:
    """Return all runs of an experiment; most have one.

    A part may follow the name: one of its analyses or runs, `conus:eves` for instance, or a variant, `dresden2:ybe`,
    which is a set of overrides in the description itself. `threshold_eV` begins runs for which there are no data
    elsewhere, with bins as wide as before, or nearly so. Overrides and errors are those of `load_experiment`.
    """
    text, part = _parts(os.fspath(name))
    path, content = _read(text)
    description = parse(content, path)
    if given := {**description.variants.get(part, {}), **(overrides or {})}:
        for key, value in given.items():
            _override(content, key.split("."), value, path)
        description = parse(content, path)
    if (description.data is None) == (not description.runs):
        raise InputError(f"'{path}': give either [data] with [[detectors]], or [[runs]]")
    if description.runs:
        return runs(description, "" if part in description.variants else part, path, threshold_eV)
    if threshold_eV is not None:
        raise InputError(f"'{text}' has data, which begin where they begin; a threshold can be given for expected runs")
    if part and part not in description.variants:
        raise unknown_name(f"variant of {text}", part, [*description.variants, f"or none: {text}"])
    return (excess(description, path),)


def describe(name: str | os.PathLike[str]) -> Description:
    """Return the description of an experiment, checked, with nothing made of it; errors are those of `load_runs`."""
    path, content = _read(os.fspath(name))
    return parse(content, path)


def _parts(name: str) -> tuple[str, str]:
    """Return an experiment's name or path, and the part of it that follows a colon, "" if none does."""
    text, _, part = name.rpartition(":")
    return (name, "") if not text or os.sep in part or Path(name).is_file() else (text, part)


def _read(text: str) -> tuple[Path, dict[str, Any]]:
    if text.endswith(".toml") or os.sep in text:
        path = Path(text)
    elif text in experiment_names():
        path = data_folder() / text / DESCRIPTION
    else:
        raise unknown_name("experiment", text, [*experiment_names(), "or a path to a .toml file"])
    try:
        return path, tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"cannot read the experiment file '{path}': {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"'{path}' is not valid TOML: {error}") from error


def _override(content: dict[str, Any], keys: list[str], value: object, path: Path) -> None:
    """Set one entry of the description, or remove it where the value is None."""
    *tables, last = keys
    for table in tables:
        if not isinstance(content.get(table), dict):
            raise InputError(f"'{path}': there is no table '{table}' in which to override '{'.'.join(keys)}'")
        content = content[table]
    if value is None:
        content.pop(last, None)
    else:
        content[last] = value

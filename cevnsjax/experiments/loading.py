"""From a description to the runs of one experiment: overrides, variants, and the digest of its files."""

import copy
import dataclasses
import hashlib
import json
import os
from collections.abc import Hashable, Iterator, Mapping
from pathlib import Path
from typing import Any

from cevnsjax.errors import InputError, unknown_name
from cevnsjax.experiments.building import experiment_of_data
from cevnsjax.experiments.experiment import Experiment, Identity
from cevnsjax.experiments.files import parts_of, read_description
from cevnsjax.experiments.parsing import parse, printable
from cevnsjax.experiments.runs import experiments_of_runs, file_of_run
from cevnsjax.experiments.schema import Description
from cevnsjax.recent import Recent
from cevnsjax.resources import data_folder, read_bytes, read_text

__all__ = ["checked_overrides", "describe", "runs_of_file"]

FILES = ("file", "matrix_file", "up", "down")
"""Keys whose values are names of files."""

MEMORY = 64 << 20
"""Bytes of experiments that are kept."""

_recent: Recent[tuple[Experiment, ...]] = Recent(MEMORY)


def runs_of_file(
    text: str,
    part: str = "",
    overrides: Mapping[str, object] | None = None,
    threshold: float | None = None,
) -> tuple[Experiment, ...]:
    """Return the runs of one experiment, given by its name or path, or those of a part of it.

    Overrides, threshold and errors are those of `load_runs`. Where neither these nor the files have changed, nothing is
    made again: the runs have the same signal as before, and their arrays are read-only.
    """
    if threshold is not None and (isinstance(threshold, bool) or not isinstance(threshold, int | float)):
        raise InputError(f"a threshold is a number, not {threshold!r}")
    path, content = read_description(text)
    description, given = parse(content, path), checked_overrides(overrides)

    def key() -> Hashable | None:
        """Return all that the runs depend on, None where overrides are no plain values that their text tells."""
        try:
            json.dumps(given)
        except (TypeError, ValueError, RecursionError):
            return None
        tables = tuple((n, hashlib.sha256(t).digest()) for n, t in _tables(path, description, given).items())
        folder = path.parent if path.is_absolute() else Path.cwd()
        read = folder, data_folder(), read_text(path, "experiment file"), repr(content), tables
        return text, part, repr(list(given.items())), repr(threshold), *read

    before = key()
    runs = _recent.get(before)
    if runs is None:
        runs = _runs(text, part, given, threshold, path, content, description)
        if key() == before:  # no file has changed meanwhile
            _recent.put(before, runs)
    return tuple(dataclasses.replace(run, nuisances=dict(run.nuisances)) for run in runs)


def _runs(
    text: str,
    part: str,
    overrides: Mapping[str, object],
    threshold: float | None,
    path: Path,
    content: dict[str, Any],
    description: Description,
) -> tuple[Experiment, ...]:
    """Return the runs of a description that is read and checked."""
    identity = Identity(
        description.name, description.title, description.reference, description.warning,
        source=f"{text}:{part}" if part else text, digest=_digest(path, description),
        overrides=tuple(sorted(overrides.items())), threshold=threshold,
        version=description.version, release=description.release,
    )  # fmt: skip
    for variant, entries in description.variants.items():
        if variant != part:  # a mistake in a variant that is not asked for is a mistake all the same
            try:
                _made(_overridden(content, entries, path), identity, "", path, None)
            except InputError as error:
                reason = str(error).removeprefix(f"'{path}': ")
                raise InputError(f"'{path}': variant '{variant}': {reason}") from error
    if given := {**description.variants.get(part, {}), **overrides}:
        description = _overridden(content, given, path)
        identity = dataclasses.replace(
            identity, name=description.name, title=description.title, reference=description.reference,
            warning=description.warning, version=description.version, release=description.release,
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


def checked_overrides(overrides: Mapping[str, object] | None) -> Mapping[str, object]:
    """Return overrides that are a mapping from paths to values."""
    if overrides is None:
        return {}
    if not isinstance(overrides, Mapping) or not all(isinstance(key, str) for key in overrides):
        raise InputError("overrides are a dict from keys to values, {'source.power_GW': 3.0} for instance")
    return overrides


def describe(name: str | os.PathLike[str]) -> Description:
    """Return the description of an experiment by its `name` or path, checked, with nothing made of it.

    Errors are those of `load_runs`.

    >>> from cevnsjax.experiments import describe
    >>> describe("conus_plus").target.elements
    {'Ge': 1.0}
    """
    path, content = read_description(parts_of(name)[0])
    return parse(content, path)


def _digest(path: Path, description: Description) -> str:
    """Return the digest of the description and of the tables beside it that it names."""
    found = hashlib.sha256(read_text(path, "experiment file").encode())
    for content in _tables(path, description, {}).values():
        found.update(content)
    return found.hexdigest()


def _tables(path: Path, description: Description, overrides: Mapping[str, object]) -> dict[str, bytes]:
    """Return the contents of the files beside a description that it or its overrides name, by their names."""
    found = {}
    for name in sorted({*_files(description.model_dump()), *_files(dict(overrides))}):
        for one in dict.fromkeys(file_of_run(name, run.name) for run in description.runs) or (name,):
            beside = path.parent / one
            if beside.exists():  # others come with the package
                found[one] = read_bytes(beside, "table")
    return found


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

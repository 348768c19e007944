"""Experiments by name: one by itself, or a combination with the treatment of systematics that its file states."""

import dataclasses
import hashlib
import os
from collections.abc import Mapping, Sequence
from pathlib import Path

from cevnsjax.errors import InputError, unknown_name
from cevnsjax.experiments.combination_schema import CombinationTable, FactorTable, MemberTable, SharedTable
from cevnsjax.experiments.effects import SIGNAL, Nuisance
from cevnsjax.experiments.experiment import Experiment
from cevnsjax.experiments.files import parts_of, read_description
from cevnsjax.experiments.loading import checked_overrides, runs_of_file
from cevnsjax.experiments.nuisances import DEFAULT_SET
from cevnsjax.experiments.parsing import parse, parse_table, printable
from cevnsjax.parameters import NORM
from cevnsjax.resources import read_text

__all__ = ["cited_by", "describe_combination", "load_experiment", "load_runs"]

Sets = dict[str, tuple[Nuisance, ...]]


def load_experiment(name: str | os.PathLike[str], overrides: Mapping[str, object] | None = None) -> Experiment:
    """Return an embedded experiment by name, or the one that a TOML file describes.

    Args:
        name: the name of an embedded experiment, or the path of a TOML file.
        overrides: entries of the description that are replaced, so that one assumption at a time can be switched:
            {"source.above_8_MeV": "cut"} for instance. None removes an entry, {"response.nuclear.smearing": None}; an
            item of a list is found by its name, {"nuisance.norm.sigma": 0.1}.

    Raises:
        InputError: for an unknown name, a file that cannot be read, anything in it that is not known, missing, or
            impossible, and several runs or experiments.

    Examples:
        >>> experiment = cevnsjax.load_experiment("conus_plus", {"source.above_8_MeV": "cut"})
        >>> experiment.size, experiment.unit
        (19, 'counts / kg / (10 eV_ee)')
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
    """Return all runs of an experiment, or of all experiments of a combination; most experiments have one run.

    Args:
        name: a name or a path, as `load_experiment` takes it. A part may follow a colon: an analysis or a run,
            `conus:eves` for instance, a variant (a set of overrides in the description itself), `dresden2:ybe`, or a
            member of a combination, `global_2026:conus_plus`.
        overrides: those of `load_experiment`. For a combination they begin with a member's name,
            {"conus_plus.nuisance.flux.sigma": 0.03}.
        threshold: where runs without data begin, in the unit of the first axis. Bins stay as wide, or nearly so.

    Raises:
        InputError: as `load_experiment`.

    Examples:
        >>> [run.label for run in cevnsjax.load_runs("conus")][:2]
        ['conus:C1R1', 'conus:C2R1']
    """
    text, part = parts_of(name)
    path, content = read_description(text)
    if "experiment" not in content:
        return runs_of_file(text, part, overrides, threshold)
    if threshold is not None:
        raise InputError(f"'{text}' is a combination; a threshold can be given for one experiment with expected runs")
    return _combined(parse_table(CombinationTable, content, path), path, text, part, checked_overrides(overrides))


def describe_combination(name: str) -> CombinationTable:
    """Return the file of a combination by its `name`, checked, with nothing made of it.

    Errors are those of `load_runs`.

    >>> from cevnsjax.experiments import describe_combination
    >>> [member.name for member in describe_combination("coherent").experiment]
    ['coherent_csi', 'coherent_lar']
    """
    path, content = read_description(name)
    return parse_table(CombinationTable, content, path)


def cited_by(name: str | os.PathLike[str]) -> dict[str, tuple[str, ...]]:
    """Return what the files of an experiment, or of a combination and its members, name to cite, by experiment.

    Items are keys of the bibliography, or BibTeX entries. A combination's own items stand under its own name. Tables of
    data are not read. Raises `InputError` as `load_runs` does for names and for the keys of the files.

    >>> from cevnsjax.experiments import cited_by
    >>> cited_by("conus_plus")
    {'conus_plus': ('conusplus2025',)}
    """
    text, part = parts_of(name)
    path, content = read_description(text)
    if "experiment" not in content:
        description = parse(content, path)
        parts = [*description.variants, *description.analyses, *(run.name for run in description.runs)]
        if part and part not in parts:
            raise unknown_name(f"part of {text}", printable(part), parts)
        return {description.name: tuple(description.cite)}
    table = parse_table(CombinationTable, content, path)
    found = {table.name: tuple(table.cite)} if table.cite else {}
    for member in table.experiment:
        source, inner = _source(member, path)
        own = cited_by(f"{source}:{inner}" if inner else source)
        found |= {key: items for key, items in own.items() if part in ("", key)}
    if part and part not in found:
        known = [parts_of(member.name)[0] for member in table.experiment]
        raise unknown_name(f"experiment of {table.name}", printable(part), known)
    return found


def _combined(
    table: CombinationTable, path: Path, text: str, part: str, overrides: Mapping[str, object]
) -> tuple[Experiment, ...]:
    """Return the runs of a combination, or of one of its members, with its sets of systematics."""
    members = [runs_of_file(*_source(member, path), _overrides(member, overrides)) for member in table.experiment]
    names = [runs[0].name for runs in members]
    if len(set(names)) < len(names):
        raise InputError(f"'{path}': experiments {', '.join(names)} given; each may stand once")
    _check_names(table, names, path)
    if unknown := [key for key in overrides if key.partition(".")[0] not in names]:
        raise InputError(
            f"'{printable(unknown[0])}' begins with no experiment of {table.name}; give one of {', '.join(names)}, a "
            "dot, and a key of its file"
        )
    if part and part not in names:
        raise unknown_name(f"experiment of {table.name}", printable(part), names)
    sets = {s: {n: table.systematics.get(s, {}).get(n, DEFAULT_SET) for n in names} for s in _sets(table)}
    digest = hashlib.sha256(read_text(path, "combination").encode())
    for runs in members:
        digest.update(runs[0].identity.digest.encode())
    searching = {name: _searching(members, chosen, path) for name, chosen in sets.items()}
    found = []
    for runs in members:
        for run in runs:
            identity = dataclasses.replace(
                run.identity, source=f"{text}:{part}" if part else text, digest=digest.hexdigest(),
                overrides=tuple(sorted(overrides.items())), combination=f"{table.name}, version {table.version}",
            )  # fmt: skip
            nuisances = {name: _of_set(run, chosen, searching[name], table) for name, chosen in sets.items()}
            found.append(dataclasses.replace(run, identity=identity, nuisances=nuisances))
    _check_declared(found, table, path)
    for name in sets:
        _check_shared(found, name, table, path)
    return tuple(run for run in found if part in ("", run.name))


def _source(member: MemberTable, path: Path) -> tuple[str, str]:
    """Return a member's name, or its path from the folder of the combination's file, and its part."""
    text, part = parts_of(member.name)
    return (os.fspath(path.parent / text) if text.endswith(".toml") else text), part


def _overrides(member: MemberTable, given: Mapping[str, object]) -> dict[str, object]:
    """Return the overrides of a member: those of the combination's file, then those that were given."""
    prefix = f"{parts_of(member.name)[0]}."
    own = {key.removeprefix(prefix): value for key, value in given.items() if key.startswith(prefix)}
    return {**member.overrides, **own}


def _sets(table: CombinationTable) -> list[str]:
    return sorted({DEFAULT_SET, *table.systematics})


def _check_names(table: CombinationTable, names: Sequence[str], path: Path) -> None:
    """Raise `InputError` where the file names an experiment that is no member."""
    named: dict[str, Sequence[str]] = {f"[systematics.{name}]": list(of) for name, of in table.systematics.items()}
    named |= {f"[[shared]] {entry.nuisance}": entry.experiments for entry in table.shared}
    named |= {f"[[factor]] {entry.name}": entry.experiments for entry in table.factor}
    for where, given in named.items():
        for name in given:
            if name not in names:
                raise InputError(f"'{path}': {where}: {unknown_name('experiment', printable(name), names)}")


def _searching(
    members: Sequence[Sequence[Experiment]], chosen: Mapping[str, str], path: Path
) -> dict[str, dict[str, bool]]:
    """Return for each nuisance which members have it in one set, and whether they search for it."""
    found: dict[str, dict[str, bool]] = {}
    for run in (run for runs in members for run in runs):
        if chosen[run.name] not in run.nuisances:
            raise InputError(f"'{path}': {unknown_name(f'systematics of {run.name}', chosen[run.name], run.sets)}")
        for n in run.nuisances[chosen[run.name]]:
            here = found.setdefault(n.name, {})
            here[run.name] = here.get(run.name, False) or n.searched
    return found


def _of_set(
    run: Experiment, chosen: Mapping[str, str], searching: Mapping[str, Mapping[str, bool]], table: CombinationTable
) -> tuple[Nuisance, ...]:
    """Return a run's nuisances in one set of the combination.

    What the file does not declare as shared, and only one of its members searches for, is each member's own.
    """
    declared = {entry.nuisance: entry for entry in table.shared}
    found = []
    for nuisance in run.nuisances[chosen[run.name]]:
        here = searching[nuisance.name]
        if nuisance.name in declared:
            entry = declared[nuisance.name]
            used = any(here.get(name, False) for name in entry.experiments)
            nuisance = _shared(nuisance, entry, used) if run.name in entry.experiments else _own(nuisance)
        elif len(here) > 1 and sum(here.values()) == 1:
            nuisance = _own(nuisance)
        found.append(nuisance)
    return (*found, *(_factor(entry) for entry in table.factor if run.name in entry.experiments))


def _own(nuisance: Nuisance) -> Nuisance:
    return nuisance if nuisance.own is not None else dataclasses.replace(nuisance, own="experiment")


def _shared(nuisance: Nuisance, entry: SharedTable, used: bool) -> Nuisance:
    """Return a nuisance that several members share; `used` says that one of them searches for it in this set.

    Then the constraint of the combination's file holds for all of them. Otherwise it is held by all.
    """
    centre = entry.centre if used and entry.centre is not None else nuisance.centre
    sigma = entry.sigma if used and entry.sigma is not None else nuisance.sigma
    if nuisance.scale and centre != 1.0:
        raise InputError(f"[[shared]] {nuisance.name}: the centre of a factor is 1, not {centre:g}; leave out centre")
    scale = nuisance.parameter.scale if sigma is None else sigma
    parameter = dataclasses.replace(nuisance.parameter, default=centre, scale=scale, description=entry.why)
    free = nuisance.free and sigma is None
    return dataclasses.replace(nuisance, parameter=parameter, sigma=sigma, free=free, own=None)


def _factor(entry: FactorTable) -> Nuisance:
    parameter = dataclasses.replace(NORM, name=entry.name, scale=entry.sigma, latex="", description=entry.why)
    return Nuisance(parameter, sigma=entry.sigma, scale=(SIGNAL,))


def _check_shared(runs: Sequence[Experiment], chosen: str, table: CombinationTable, path: Path) -> None:
    """Raise `InputError` where members share what the file does not declare, and where they do not agree."""
    declared = {entry.nuisance: set(entry.experiments) for entry in table.shared}
    declared |= {entry.name: set(entry.experiments) for entry in table.factor}
    every: dict[str, dict[str, Nuisance]] = {}
    for run in runs:
        for nuisance in run.nuisances[chosen]:
            if nuisance.own is None:
                every.setdefault(nuisance.name, {})[run.name] = nuisance
    for name, here in every.items():
        if not any(n.searched for n in here.values()):
            continue
        if len(here) > 1 and set(here) - declared.get(name, set()):
            raise InputError(
                f"'{path}': '{name}' of {', '.join(here)} has one name in their files: declare in [[shared]] who "
                "shares it, and why"
            )
        constraints = {(n.centre, n.sigma) for n in here.values() if n.searched}
        if len(constraints) > 1:
            given = ", ".join(f"{n.centre:g} +- {n.sigma or 0:g} of {of}" for of, n in here.items() if n.searched)
            raise InputError(f"'{path}': '{name}' is {given}: give the centre and the sigma of all in [[shared]]")


def _check_declared(runs: Sequence[Experiment], table: CombinationTable, path: Path) -> None:
    """Raise `InputError` where an experiment that shall share a nuisance has none of its name."""
    for entry in table.shared:
        having = {run.name for run in runs if any(n.name == entry.nuisance for s in run.nuisances.values() for n in s)}
        if missing := [name for name in entry.experiments if name not in having]:
            raise InputError(
                f"'{path}': [[shared]] {entry.nuisance}: {missing[0]} has no nuisance of this name in any set used here"
            )

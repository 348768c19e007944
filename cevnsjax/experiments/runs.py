"""From a description with [[runs]] to experiments, one for each run: exposures, cells and counts on and off."""

import dataclasses
from pathlib import Path

import numpy as np
from jaxtyping import Float

from cevnsjax.constants import DAY
from cevnsjax.errors import InputError, unknown_name
from cevnsjax.experiments.building import assembled, axis_of, edges_of
from cevnsjax.experiments.cells import Axis, Cells, column_of_cells
from cevnsjax.experiments.experiment import Experiment, Identity
from cevnsjax.experiments.schema import Description, EvenEdges, RunTable
from cevnsjax.experiments.signal import Signal, signal
from cevnsjax.resources import read_rows

__all__ = ["experiments_of_runs", "file_of_run"]

DEFAULT = "default"
"""The analysis that an experiment's name alone stands for."""

RUN = "{run}"
"""What stands for a run's name in the name of a matrix."""


def experiments_of_runs(
    description: Description, identity: Identity, part: str, path: Path, threshold: float | None
) -> tuple[Experiment, ...]:
    """Return the runs of an analysis, or the one of a given name; by default those of the analysis `default`, or all.

    Raises `InputError` for an unknown name, and for tables that make no sense.
    """
    every = _checked(description, path)
    known = {DEFAULT: list(every), **description.analyses}
    if part and part not in {**known, **every}:
        raise unknown_name(f"analysis or run of {description.name}", part, {**known, **every})
    chosen = [every[name] for name in ([part] if part in every else known[part or DEFAULT])]
    if threshold is not None:
        chosen = [_from(run, threshold, path) for run in chosen]
    found: list[Experiment] = []
    like: Signal | None = None
    for run in chosen:
        found.append(_run(description, identity, run, path, like))
        like = found[0].signal
    return tuple(found)


def _checked(description: Description, path: Path) -> dict[str, RunTable]:
    """Return the runs by name, where all that names them makes sense."""
    every = {run.name: run for run in description.runs}
    if any(axis.edges is not None for axis in description.axes):
        raise InputError(f"'{path}': with [[runs]] give axes without edges, as each run has its own")
    if description.detectors:
        raise InputError(f"'{path}': [[detectors]] belong to [data]; of [[runs]] exposures are given")
    if both := [name for name in description.variants if name in {**every, **description.analyses}]:
        raise InputError(f"'{path}': '{both[0]}' is a variant and a run, or an analysis; rename one")
    if len(every) < len(description.runs):
        raise InputError(
            f"'{path}': names of runs must differ; given are {', '.join(r.name for r in description.runs)}"
        )
    for analysis, names in description.analyses.items():
        for name in names:
            if name not in every:
                raise InputError(f"'{path}': analysis '{analysis}': {unknown_name('run', name, every)}")
    for sample in description.sample:
        for name in sample.runs or []:
            if name not in every:
                raise InputError(f"'{path}': sample '{sample.name}': {unknown_name('run', name, every)}")
    return every


def _from(run: RunTable, threshold: float, path: Path) -> RunTable:
    """Return a run that begins at a threshold, with bins about as wide."""
    if not isinstance(run.edges, EvenEdges):
        raise InputError(f"'{path}': run '{run.name}' has several axes, which begin where they begin")
    start, stop, bins = run.edges.start, run.edges.stop, run.edges.bins
    if run.file is not None:
        raise InputError(
            f"'{path}': run '{run.name}' has data, which begin where they begin; no threshold can be given"
        )
    if not 0 < threshold < stop:
        raise InputError(
            f"a threshold of {threshold:g} is not possible: give one above 0 and below {stop:g}, where run "
            f"'{run.name}' ends"
        )
    bins = max(1, round((stop - threshold) / ((stop - start) / bins)))
    return run.model_copy(update={"edges": EvenEdges(start=threshold, stop=stop, bins=bins)})


def _run(description: Description, identity: Identity, run: RunTable, path: Path, like: Signal | None) -> Experiment:
    cells, phases = Cells(_axes_of_run(description, run, path)), 1 if run.off_kg_d is None else 2
    exposures = [run.on_kg_d] if run.off_kg_d is None else [run.on_kg_d, run.off_kg_d]
    sample_exposure: Float[np.ndarray, " all"] = np.repeat(np.array(exposures), cells.size)
    exposure = np.where(np.arange(phases * cells.size) < cells.size, run.on_kg_d * DAY, 0.0)
    identity = dataclasses.replace(identity, run=run.name, detector=run.detector or run.name)
    description = _with_matrix(description, run.name)
    here = signal(description, path, cells.axes)
    if like is not None:
        here = dataclasses.replace(here, target=like.target, components=like.components, moments=like.moments)
    observed, hypothesis = _counted(run, cells, path), ""
    if observed is None:
        hypothesis = run.expected or "sm"
    sigma = np.ones(phases * cells.size) if observed is None else np.sqrt(np.maximum(observed, 1.0))
    found = assembled(
        description, identity, path, here, cells, phases, exposure, (identity.detector,), exposure[None],
        sample_exposure, "poisson", observed, sigma, "counts", np.ones(phases * cells.size), hypothesis,
        observed is not None,
    )  # fmt: skip
    off = slice(cells.size, None)
    if observed is not None and phases == 2 and (observed[off][found.background()[off] == 0] > 0).any():
        raise InputError(
            f"'{path}': run '{run.name}' has counts with the source off where nothing is expected; describe a "
            "background in [[sample]]"
        )
    return found


def _axes_of_run(description: Description, run: RunTable, path: Path) -> tuple[Axis, ...]:
    names = [axis.name for axis in description.axes]
    edges = {names[0]: run.edges} if isinstance(run.edges, EvenEdges) else run.edges
    if list(edges) != names:
        raise InputError(
            f"'{path}': run '{run.name}' has edges of {', '.join(edges)}, the axes are {', '.join(names)}: give the "
            "edges of each axis, in their order"
        )
    return tuple(
        axis_of(table, *edges_of(edges[table.name], table.name, path), path, first=number == 0)
        for number, table in enumerate(description.axes)
    )


def _with_matrix(description: Description, run: str) -> Description:
    """Return the description with the name of the run in that of its matrix."""
    response = description.response
    if response.nuclear == "none" or response.nuclear.matrix_file is None:
        return description
    file = file_of_run(response.nuclear.matrix_file, run)
    nuclear = response.nuclear.model_copy(update={"matrix_file": file})
    return description.model_copy(update={"response": response.model_copy(update={"nuclear": nuclear})})


def file_of_run(file: str, run: str) -> str:
    """Return the name of a file with that of a run in place of `{run}`."""
    return file.replace(RUN, run)


def _counted(run: RunTable, cells: Cells, path: Path) -> np.ndarray | None:
    """Return the counts with the source on, then off; None where there is no file."""
    if run.file is None:
        return None
    file = path.parent / run.file
    if run.expected is not None:
        raise InputError(f"'{path}': run '{run.name}' has a file, and what is expected in its place; choose one")
    if run.off_kg_d is None and "off" in read_rows(file)[0]:
        raise InputError(f"'{path}': run '{run.name}' has counts without the source: give their exposure, off_kg_d")
    columns = ("on",) if run.off_kg_d is None else ("on", "off")
    return np.concatenate([column_of_cells(file, cells, column) for column in columns])

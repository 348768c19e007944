"""From a checked description and its tables to experiments: exposures, cells and data, one experiment for each run."""

import dataclasses
import math
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from cevnsjax.constants import DAY
from cevnsjax.errors import InputError, unknown_name
from cevnsjax.experiments.cells import Axis, Cells, column_of_cells, edges_of_cells
from cevnsjax.experiments.experiment import Experiment, Identity, Term
from cevnsjax.experiments.nuisances import nuisances
from cevnsjax.experiments.schema import AxisTable, Description, EvenEdges, RunTable
from cevnsjax.experiments.signal import Signal, signal
from cevnsjax.experiments.templates import samples
from cevnsjax.resources import read_rows

__all__ = ["experiment_of_data", "experiments_of_runs", "file_of_run"]

DEFAULT = "default"
"""The analysis that an experiment's name alone stands for."""

RUN = "{run}"
"""What stands for a run's name in the name of a matrix."""

MOST_CELLS = 1_000_000
"""More cells than this are a mistake of the edges."""


def experiment_of_data(description: Description, identity: Identity, path: Path) -> Experiment:
    """Return an experiment with [data] and [[detectors]]."""
    data, folder = description.data, path.parent
    assert data is not None
    if not description.detectors:
        raise InputError(f"'{path}': no [[detectors]] given; data need at least one")
    names = tuple(d.name for d in description.detectors)
    if len(set(names)) < len(names):
        raise InputError(f"'{path}': detector names must differ; given are {', '.join(names)}")
    if tied := [sample.name for sample in description.sample if sample.runs is not None]:
        raise InputError(f"'{path}': sample '{tied[0]}' has runs, but there are no [[runs]]; leave them out")
    if description.analyses:
        raise InputError(f"'{path}': [analyses] are of [[runs]]; data of one spectrum have variants")
    if data.term == "poisson" and (data.per_kg or data.per_energy is not None):
        raise InputError(
            f"'{path}': data with term = 'poisson' are counts in each cell; leave out per_kg and per_energy"
        )
    cells = Cells(_axes(description, folder / data.file, path))
    mass, threshold = (np.array([getattr(d, name) for d in description.detectors]) for name in ("mass_kg", "threshold"))
    days = _days(description, path)
    low, width = cells.low(), cells.high() - cells.low()
    # Thresholds and edges are typed in decimals; a part in 1e9 keeps their conversion from deciding.
    active = threshold[:, None] <= low * (1 + 1e-9) if (low > 0).any() else threshold[:, None] <= low
    _check_thresholds(description, active, low, path)
    exposure = np.where(active, (mass * days * DAY)[:, None], 0.0)
    active_mass = np.where(active, mass[:, None], 0.0).sum(axis=0)
    per_energy = data.per_energy
    if description.sample and per_energy is not None and not np.allclose(width, per_energy):
        raise InputError(f"'{path}': with samples all bins must be per_energy = {per_energy:g} wide")
    if description.sample and data.per_kg:
        raise InputError(f"'{path}': data with samples are counts in all detectors; leave out per_kg")
    events = np.ones(cells.size)
    if data.per_kg:
        exposure, events = exposure / active_mass, events * active_mass
    if per_energy is not None:
        exposure, events = exposure * (per_energy / width), events * width / per_energy
    observed = column_of_cells(folder / data.file, cells, "observed", negative=data.term == "gaussian")
    if data.term == "gaussian":
        sigma = column_of_cells(folder / data.file, cells, "sigma")
        if (sigma <= 0).any():
            row = int(np.flatnonzero(sigma <= 0)[0])
            raise InputError(f"row {row + 1} of '{folder / data.file}': sigma must be positive")
    else:
        sigma = np.sqrt(np.maximum(observed, 1.0))
    axis = cells.axes[0]
    unit = "counts / kg" if data.per_kg else "counts"
    unit = unit if per_energy is None else f"{unit} / ({per_energy:g} {axis.unit})"
    sample_exposure = np.full(cells.size, float(mass @ days))
    return _experiment(
        description, identity, path, signal(description, path, cells.axes), cells, 1, exposure.sum(axis=0), names,
        exposure, sample_exposure, data.term, observed, sigma, unit, events, "", True,
    )  # fmt: skip


def _days(description: Description, path: Path) -> np.ndarray:
    """Return the live time of each detector [d]; that of a source that counts protons is one day."""
    given = [d.live_days for d in description.detectors]
    if description.source.kind == "pion_at_rest":
        if any(days is not None for days in given):
            raise InputError(f"'{path}': protons_on_target are those of the whole run; leave out live_days")
        return np.ones(len(given))
    if missing := [d.name for d in description.detectors if d.live_days is None]:
        raise InputError(f"'{path}': detector '{missing[0]}' has no live_days; give the days of data")
    return np.array(given, dtype=float)


def _check_thresholds(description: Description, active: np.ndarray, low: np.ndarray, path: Path) -> None:
    thresholds = {d.name: d.threshold for d in description.detectors}
    if not active.any(axis=0).all():
        raise InputError(
            f"'{path}': the bin at {low.min():g} lies below all thresholds, of which the lowest is "
            f"{min(thresholds.values()):g}"
        )
    if blind := [name for name, seen in zip(thresholds, active, strict=True) if not seen.any()]:
        raise InputError(f"'{path}': detector '{blind[0]}' has a threshold of {thresholds[blind[0]]:g}, above all bins")
    if description.sample and not active.all():
        late = next(name for name, seen in zip(thresholds, active, strict=True) if not seen.all())
        raise InputError(
            f"'{path}': with samples all detectors must see all bins, but '{late}' begins above {low.min():g}"
        )


def _axes(description: Description, data: Path, path: Path) -> tuple[Axis, ...]:
    names = [axis.name for axis in description.axes]
    if len(set(names)) < len(names):
        raise InputError(f"'{path}': axes must have different names; given are {', '.join(names)}")
    found = []
    for number, table in enumerate(description.axes):
        if table.edges is None and len(names) > 1:
            raise InputError(f"'{path}': axis '{table.name}' needs edges; data hold those of a single axis only")
        low, high = edges_of_cells(data, table.name) if table.edges is None else _edges(table.edges, table.name, path)
        found.append(_axis(table, low, high, path, first=number == 0))
    if (cells := math.prod(axis.size for axis in found)) > MOST_CELLS:
        raise InputError(f"'{path}': the axes make {cells} cells; give fewer bins, {MOST_CELLS} cells at most")
    return tuple(found)


def _axis(table: AxisTable, low: np.ndarray, high: np.ndarray, path: Path, first: bool) -> Axis:
    if first and (low < 0).any():
        raise InputError(f"'{path}': the axis '{table.name}' begins at {low.min():g}, but a signal is not negative")
    return Axis(table.name, table.unit, low, high)


def _edges(edges: EvenEdges | list[float], name: str, path: Path) -> tuple[np.ndarray, np.ndarray]:
    if isinstance(edges, EvenEdges):
        if edges.start >= edges.stop:
            raise InputError(f"'{path}': the axis '{name}' starts at {edges.start:g} and stops at {edges.stop:g}")
        all_edges = np.linspace(edges.start, edges.stop, edges.bins + 1)
    else:
        all_edges = np.array(edges)
        if not (np.diff(all_edges) > 0).all():
            raise InputError(f"'{path}': the edges of axis '{name}' must rise")
    return all_edges[:-1], all_edges[1:]


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
    found = _experiment(
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
        _axis(table, *_edges(edges[table.name], table.name, path), path, first=number == 0)
        for number, table in enumerate(description.axes)
    )


def _with_matrix(description: Description, run: str) -> Description:
    """Return the description with the name of the run in that of its matrix."""
    response = description.response
    if response.nuclear.matrix_file is None:
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


def _experiment(
    description: Description, identity: Identity, path: Path, here: Signal, cells: Cells, phases: int,
    exposure: np.ndarray, detectors: tuple[str, ...], detector_exposure: np.ndarray, sample_exposure: np.ndarray,
    term: Term, observed: np.ndarray | None, sigma: np.ndarray, unit: str, events: np.ndarray, hypothesis: str,
    public: bool,
) -> Experiment:  # fmt: skip
    templates = samples(description, identity.run, cells, sample_exposure, path)
    template = None
    if description.signal is not None:
        template = column_of_cells(path.parent / description.signal.file, cells, description.signal.column)
        template = np.concatenate([template, np.zeros((phases - 1) * cells.size)])
    return Experiment(
        identity=identity,
        signal=here,
        cells=cells,
        phases=phases,
        first=_bin_of_response(description, cells),
        exposure=exposure,
        detectors=detectors,
        detector_exposure=detector_exposure,
        sample_exposure=sample_exposure,
        samples=templates,
        nuisances=nuisances(description, templates, here, path, term),
        term=term,
        observed=observed,
        sigma=sigma,
        unit=unit,
        events_per_unit=events,
        hypothesis=hypothesis,
        public=public,
        shape=_shape(description, cells, path),
        template=template,
    )


def _bin_of_response(description: Description, cells: Cells) -> Int[np.ndarray, " cells"]:
    """Return the response's bin of each cell: along the first axis, and those that a matrix covers."""
    covered = description.response.nuclear.matrix_axes
    numbers = [i for i, axis in enumerate(cells.axes) if i == 0 or axis.name in covered]
    return np.ravel_multi_index([cells.index(i) for i in numbers], [cells.axes[i].size for i in numbers])


def _shape(description: Description, cells: Cells, path: Path) -> Float[np.ndarray, " cells"] | None:
    """Return the probability of each cell's bins along the axes that a profile of the response covers."""
    profile = description.response.nuclear.profile
    if profile is None:
        return None
    numbers = [0, *(i for i, axis in enumerate(cells.axes) if i and axis.name in profile.axes)]
    part = Cells(tuple(cells.axes[i] for i in numbers))
    table = column_of_cells(path.parent / profile.file, part, profile.column)
    sums = table.reshape(cells.axes[0].size, -1).sum(axis=1)
    if not (sums <= 1 + 1e-6).all():
        raise InputError(
            f"'{path.parent / profile.file}': '{profile.column}' adds up to {sums.max():g} in a bin; give 1 at most"
        )
    place = np.ravel_multi_index([cells.index(i) for i in numbers], [axis.size for axis in part.axes])
    return np.asarray(table[place])

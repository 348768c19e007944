"""From a checked description and its tables to an experiment: exposures, cells and data."""

import math
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from cevnsjax.constants import DAY
from cevnsjax.errors import InputError
from cevnsjax.experiments.cells import Axis, Cells, column_of_cells, edges_of_cells
from cevnsjax.experiments.experiment import Experiment, Identity, Term
from cevnsjax.experiments.nuisances import nuisances
from cevnsjax.experiments.schema import AxisTable, Description, EvenEdges
from cevnsjax.experiments.signal import Signal, signal
from cevnsjax.experiments.templates import samples

__all__ = ["assembled", "axis_of", "edges_of", "experiment_of_data"]

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
    return assembled(
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
        low, high = edges_of_cells(data, table.name) if table.edges is None else edges_of(table.edges, table.name, path)
        found.append(axis_of(table, low, high, path, first=number == 0))
    if (cells := math.prod(axis.size for axis in found)) > MOST_CELLS:
        raise InputError(f"'{path}': the axes make {cells} cells; give fewer bins, {MOST_CELLS} cells at most")
    return tuple(found)


def axis_of(table: AxisTable, low: np.ndarray, high: np.ndarray, path: Path, first: bool) -> Axis:
    """Return an axis with given edges; raises `InputError` where the first one begins below zero."""
    if first and (low < 0).any():
        raise InputError(f"'{path}': the axis '{table.name}' begins at {low.min():g}, but a signal is not negative")
    return Axis(table.name, table.unit, low, high)


def edges_of(edges: EvenEdges | list[float], name: str, path: Path) -> tuple[np.ndarray, np.ndarray]:
    """Return lower and upper edges; raises `InputError` for edges that do not rise."""
    if isinstance(edges, EvenEdges):
        if edges.start >= edges.stop:
            raise InputError(f"'{path}': the axis '{name}' starts at {edges.start:g} and stops at {edges.stop:g}")
        all_edges = np.linspace(edges.start, edges.stop, edges.bins + 1)
    else:
        all_edges = np.array(edges)
        if not (np.diff(all_edges) > 0).all():
            raise InputError(f"'{path}': the edges of axis '{name}' must rise")
    return all_edges[:-1], all_edges[1:]


def assembled(
    description: Description, identity: Identity, path: Path, here: Signal, cells: Cells, phases: int,
    exposure: np.ndarray, detectors: tuple[str, ...], detector_exposure: np.ndarray, sample_exposure: np.ndarray,
    term: Term, observed: np.ndarray | None, sigma: np.ndarray, unit: str, events: np.ndarray, hypothesis: str,
    public: bool,
) -> Experiment:  # fmt: skip
    """Return an experiment of what data and runs have in common: samples, nuisances, a template of the signal."""
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
    covered = description.response.matrix_axes
    numbers = [i for i, axis in enumerate(cells.axes) if i == 0 or axis.name in covered]
    return np.ravel_multi_index([cells.index(i) for i in numbers], [cells.axes[i].size for i in numbers])


def _shape(description: Description, cells: Cells, path: Path) -> Float[np.ndarray, " cells"] | None:
    """Return the probability of each cell's bins along the axes that a profile of the response covers."""
    profile = description.response.profile
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

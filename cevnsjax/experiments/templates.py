"""[[sample]] of a description, made into samples."""

from pathlib import Path

import numpy as np
from jaxtyping import Float

from cevnsjax.errors import InputError, unknown_name
from cevnsjax.experiments.cells import Cells, column_of_cells
from cevnsjax.experiments.effects import SIGNAL
from cevnsjax.experiments.samples import Sample
from cevnsjax.experiments.schema import (
    Description,
    ExponentialTable,
    FlatTable,
    LineTable,
    SampleTable,
    TabulatedTable,
)
from cevnsjax.resources import read_arrays
from cevnsjax.response import contracted, points_of, weights

__all__ = ["samples"]


def samples(
    description: Description, run: str, cells: Cells, exposure: Float[np.ndarray, " all"], path: Path
) -> tuple[Sample, ...]:
    """Return the samples of a run ("" where there are none); `exposure` [kg d] is that of each cell.

    Raises `InputError` for names that are used twice and for tables that are not of the cells.
    """
    chosen = [table for table in description.sample if table.runs is None or run in table.runs]
    for names, kind in (
        ([table.name for table in chosen], f"samples{f' of run {run}' if run else ''}"),
        *(([f.name for f in t.followers], f"followers of '{t.name}'") for t in chosen if isinstance(t, LineTable)),
    ):
        if len(set(names)) < len(names):
            raise InputError(f"'{path}': {kind} must have different names; given are {', '.join(names)}")
        if SIGNAL in names:
            raise InputError(f"'{path}': a sample cannot be named '{SIGNAL}': that is the signal's name")
    return tuple(_sample(table, description, cells, exposure, path) for table in chosen)


def _sample(
    table: SampleTable, description: Description, cells: Cells, exposure: Float[np.ndarray, " all"], path: Path
) -> Sample:
    if isinstance(table, FlatTable):
        return Sample(table.name, ("flat",), {"rate_per_keV_kg_d": table.rate_per_keV_kg_d, "tilt": table.tilt})
    if isinstance(table, ExponentialTable):
        start = float(cells.axes[0].low[0]) if table.start is None else table.start
        numbers = {"height_per_keV_kg_d": table.height_per_keV_kg_d, "decay": table.decay, "start": start}
        return Sample(table.name, ("exponential",), numbers)
    if isinstance(table, LineTable):
        numbers = {"area_per_kg_d": table.area_per_kg_d, "centre": table.centre, "width": table.width}
        for f in table.followers:
            numbers |= {f"followers.{f.name}.ratio": f.ratio, f"followers.{f.name}.centre": f.centre}
            numbers |= {f"followers.{f.name}.width": table.width if f.width is None else f.width}
        return Sample(table.name, ("line", *(f.width is not None for f in table.followers)), numbers)
    return _tabulated(table, description, cells, exposure, path)


def _tabulated(
    table: TabulatedTable, description: Description, cells: Cells, exposure: Float[np.ndarray, " all"], path: Path
) -> Sample:
    phases = exposure.size // cells.size
    if phases > 1 and not table.per_kg_d:
        raise InputError(f"'{path}': sample '{table.name}' of a run on and off must be given per_kg_d = true")

    def read(file: str, column: str) -> Float[np.ndarray, " all"]:
        values = column_of_cells(path.parent / file, cells, column)
        if table.total is not None:
            if not values.sum() > 0:
                raise InputError(f"'{path.parent / file}': '{column}' adds up to nothing: no total can be given")
            values = values * (table.total / values.sum())
        return in_all(values)

    def in_all(values: Float[np.ndarray, "*grid cells"]) -> Float[np.ndarray, "*grid all"]:
        tiled = np.concatenate([values] * phases, axis=-1)
        return tiled * exposure if table.per_kg_d else tiled

    morphing = {n.name: n.morph[table.name] for n in description.nuisance if table.name in n.morph}
    if len(morphing) < sum(table.name in n.morph for n in description.nuisance):
        raise InputError(f"'{path}': two nuisances of one name morph '{table.name}'; rename one")
    points: dict[str, Float[np.ndarray, " points"]] = {}
    tables = None
    if table.file.endswith(".npz"):
        axes = {name: given.axis for name, given in morphing.items() if given.axis is not None}
        points, on_grid = _on_grid(table, cells, axes, path.parent / table.file)
        tables = in_all(on_grid)
        nominal = contracted(tables, points, dict.fromkeys(points, 0.0))
    elif any(given.axis is not None for given in morphing.values()):
        raise InputError(f"'{path}': '{table.name}' is no .npz file, and has no grid: give up and down of its morph")
    else:
        nominal = read(table.file, table.column)
    morphs = {}
    for name, given in morphing.items():
        if given.up is not None:
            up = read(given.up, given.column)
            down = 2 * nominal - up if given.down is None else read(given.down, given.down_column or given.column)
            morphs[name] = up, down
    return Sample(table.name, ("table",), {"factor": table.factor}, nominal, morphs, points, tables)


def _on_grid(
    table: TabulatedTable, cells: Cells, axes: dict[str, str], file: Path
) -> tuple[dict[str, Float[np.ndarray, " points"]], Float[np.ndarray, "*grid cells"]]:
    """Return the points of a grid, and a sample's tables on it; `axes` are those that nuisances move, by their names.

    Along other axes of the file's grid the tables are those at zero.
    """
    if table.total is not None:
        raise InputError(f"'{file}': tables on a grid have counts of their own; leave out total")
    arrays = read_arrays(file, (table.column,))
    points, tables = points_of(file, arrays), arrays[table.column]
    if strange := [axis for axis in axes.values() if axis not in points]:
        raise unknown_name(f"axis of the grid of '{file}'", strange[0], points)
    sizes = [places.size for places in points.values()]
    if list(tables.shape[: len(sizes)]) != sizes or tables.size != np.prod([*sizes, cells.size]):
        raise InputError(
            f"'{file}': '{table.column}' has the shape {tables.shape}; grid and cells make {(*sizes, cells.size)}"
        )
    if not (np.isfinite(tables).all() and (tables >= 0).all()):
        raise InputError(f"'{file}': '{table.column}' must be finite and not negative")
    tables = tables.reshape(*sizes, cells.size)
    moved = {axis: name for name, axis in axes.items()}
    for number, (axis, places) in reversed(list(enumerate(points.items()))):
        if axis not in moved:
            tables = np.tensordot(weights(places, 0.0, axis), tables, (0, number))
    return {moved[axis]: places for axis, places in points.items() if axis in moved}, tables

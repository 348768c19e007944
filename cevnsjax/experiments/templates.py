"""[[sample]] of a description, made into samples."""

from pathlib import Path

import numpy as np
from jaxtyping import Float

from cevnsjax.errors import InputError
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
        tiled = np.concatenate([values] * phases)
        return tiled * exposure if table.per_kg_d else tiled

    nominal, morphs = read(table.file, table.column), {}
    for nuisance in description.nuisance:
        if table.name in nuisance.morph:
            if nuisance.name in morphs:
                raise InputError(f"'{path}': two nuisances '{nuisance.name}' morph '{table.name}'; rename one")
            given = nuisance.morph[table.name]
            up = read(given.up, given.column)
            down = 2 * nominal - up if given.down is None else read(given.down, given.down_column or given.column)
            morphs[nuisance.name] = up, down
    return Sample(table.name, ("table",), {"factor": table.factor}, nominal, morphs)

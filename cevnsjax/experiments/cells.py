"""Cells: what data are counted in, the products of bins along named axes."""

import dataclasses
import math
from pathlib import Path

import numpy as np
from jaxtyping import Float, Int

from cevnsjax.errors import InputError
from cevnsjax.resources import read_table

__all__ = ["ENERGY_UNITS", "Axis", "Cells", "column_of_cells", "edges_of_cells"]

ENERGY_UNITS = {"eV_ee": 1e6, "keV_ee": 1e3, "eV": 1e6, "keV": 1e3, "MeV": 1.0}
"""Units of an axis that is an energy, as signals per MeV."""

SAME = 1e-6
"""How much an edge in a table may differ from the axis', relative to the bin's width."""


@dataclasses.dataclass(frozen=True, eq=False)
class Axis:
    """Bins along one axis, from `low` to `high` in its `unit`; they rise and do not overlap.

    `name` is that of the file.

    >>> from cevnsjax.experiments import Axis
    >>> Axis("energy", "eV_ee", np.array([160.0, 170.0]), np.array([170.0, 180.0])).contiguous
    True
    """

    name: str
    unit: str
    low: Float[np.ndarray, " bins"]
    high: Float[np.ndarray, " bins"]

    @property
    def size(self) -> int:
        """Number of bins."""
        return int(self.low.size)

    @property
    def contiguous(self) -> bool:
        """Whether each bin begins where the one before ends."""
        return bool(np.array_equal(self.low[1:], self.high[:-1]))


@dataclasses.dataclass(frozen=True, eq=False)
class Cells:
    """All products of the bins of `axes`, the last axis running fastest.

    >>> from cevnsjax.experiments import Axis, Cells
    >>> energy = Axis("energy", "PE", np.array([0.0, 10.0]), np.array([10.0, 30.0]))
    >>> time = Axis("time", "us", np.array([0.0, 1.0]), np.array([1.0, 4.0]))
    >>> cells = Cells((energy, time))
    >>> cells.low(), cells.share()
    (array([ 0.,  0., 10., 10.]), array([0.25, 0.75, 0.25, 0.75]))
    """

    axes: tuple[Axis, ...]

    @property
    def size(self) -> int:
        """Number of cells."""
        return math.prod(axis.size for axis in self.axes)

    def index(self, axis: int) -> Int[np.ndarray, " cells"]:
        """Return the number of each cell's bin along an `axis`."""
        return np.unravel_index(np.arange(self.size), [a.size for a in self.axes])[axis]

    def low(self, axis: int = 0) -> Float[np.ndarray, " cells"]:
        """Return the lower edge of each cell along an `axis`, in the axis' unit."""
        return self.axes[axis].low[self.index(axis)]

    def high(self, axis: int = 0) -> Float[np.ndarray, " cells"]:
        """Return the upper edge of each cell along an `axis`, in the axis' unit."""
        return self.axes[axis].high[self.index(axis)]

    def share(self) -> Float[np.ndarray, " cells"]:
        """Return the share of each cell in its bin of the first axis, if counts are even along the others."""
        share = np.ones(self.size)
        for number, axis in enumerate(self.axes[1:], start=1):
            share *= (self.high(number) - self.low(number)) / (axis.high - axis.low).sum()
        return share


def edges_of_cells(path: Path, name: str) -> tuple[Float[np.ndarray, " bins"], Float[np.ndarray, " bins"]]:
    """Return the bins of one axis as a table of data has them: columns `NAME_low` and `NAME_high`, row by row.

    Raises `InputError` for bins that are not finite, do not rise, or overlap.
    """
    low, high = read_table(path, (f"{name}_low", f"{name}_high")).values()
    for wrong, rule in (
        (~(np.isfinite(low) & np.isfinite(high)), "edges must be finite"),
        (high <= low, f"{name}_high must be above {name}_low"),
        (np.append(False, low[1:] < high[:-1]), "bins must rise and not overlap"),
    ):
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            raise InputError(f"row {row + 1} of '{path}' ({low[row]:g} to {high[row]:g}): {rule}")
    return low, high


def column_of_cells(path: Path, cells: Cells, column: str, negative: bool = False) -> Float[np.ndarray, " cells"]:
    """Return a column of a table that has one row for each cell, in their order.

    Raises `InputError` where rows are not the cells, and for values that are not finite, or negative if they must not.
    """
    names = [f"{axis.name}_{end}" for axis in cells.axes for end in ("low", "high")]
    table = read_table(path, (*names, column))
    values = table[column]
    if values.size != cells.size:
        shape = " x ".join(f"{axis.size} {axis.name}" for axis in cells.axes)
        raise InputError(
            f"'{path}' has {values.size} rows; the cells are {cells.size} ({shape}), the last axis fastest"
        )
    for number, axis in enumerate(cells.axes):
        width = cells.high(number) - cells.low(number)
        for end, edges in (("low", cells.low(number)), ("high", cells.high(number))):
            given = table[f"{axis.name}_{end}"]
            away = ~(np.abs(given - edges) <= SAME * width)
            if away.any():
                row = int(np.flatnonzero(away)[0])
                raise InputError(
                    f"row {row + 1} of '{path}': {axis.name}_{end} = {given[row]:g}, where the cell's is {edges[row]:g}"
                )
    wrong = ~np.isfinite(values) if negative else ~(np.isfinite(values) & (values >= 0))
    if wrong.any():
        row = int(np.flatnonzero(wrong)[0])
        rule = "finite" if negative else "finite and not negative"
        raise InputError(f"row {row + 1} of '{path}': '{column}' must be {rule}, not {values[row]:g}")
    return values

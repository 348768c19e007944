"""A response given as a matrix: the probability of each bin at tabulated recoil energies, and on a grid of shifts."""

import functools
import math
from collections.abc import Mapping
from pathlib import Path

import equinox as eqx
import numpy as np
from jaxtyping import Float

from cevnsjax.constants import KEV
from cevnsjax.errors import InputError
from cevnsjax.numeric import AnyArray, namespace
from cevnsjax.quadrature import panel_nodes
from cevnsjax.resources import read_arrays, read_table
from cevnsjax.response.chain import RESPONSE_ORDER, Bins, Response
from cevnsjax.response.grid import contracted, points_of
from cevnsjax.response.yields import Full, Yield

__all__ = ["Matrix", "matrix"]

RECOIL, PROBABILITY = "recoil_energy_keV", "probability"
"""The arrays of a file, beside those of its grid."""


class Matrix(Response):
    """Probabilities of the bins at recoil energies, linear in between; nothing is recorded beyond them.

    `recoil` [MeV] are the energies, `table` the probabilities, and `yields` those of the elements: the energy is
    visible in full. `grid` has the name of each axis of the grid that the table is taken from, and the number of its
    points.
    """

    recoil: Float[AnyArray, " knots"]
    table: Float[AnyArray, "bins knots"]
    yields: tuple[Yield, ...]
    grid: tuple[tuple[str, int], ...] = eqx.field(static=True, default=())

    @property
    def size(self) -> int:
        """Number of bins."""
        return int(self.table.shape[0])

    def nodes(self, order: int = RESPONSE_ORDER) -> tuple[Float[AnyArray, " nodes"], Float[AnyArray, " nodes"]]:
        """Return recoil energies [MeV] and weights on panels between the table's own."""
        energy, weight = panel_nodes(self.recoil[:-1], self.recoil[1:], order)
        return energy.ravel(), weight.ravel()

    def probabilities(self, energy: Float[AnyArray, " nodes"], bins: Bins) -> Float[AnyArray, "_bins nodes"]:
        """Return the interpolated probabilities."""
        xp = namespace(energy, self.table)
        return xp.stack([xp.interp(energy, self.recoil, row, left=0.0, right=0.0) for row in self.table[bins]])

    def reached(self, energy: Float[np.ndarray, " nodes"], bins: Bins) -> slice:
        """Return all of `energy`, visible energies [MeV]: any of some `bins` may have something everywhere."""
        return slice(0, energy.size)

    @property
    def content(self) -> None:
        """None, as to interpolate is as quick as to compare tables."""
        return None


def matrix(path: Path, bins: int, at: Mapping[str, float] | None = None) -> Matrix:
    r"""Return a response from a file of probabilities at `path`, in a number of `bins`.

    A CSV file has columns `recoil_energy_keV`, and `bin_1`, `bin_2`, ... An .npz file has arrays of the same: energies
    of shape (knots,), `probability` of shape (knots, bins), or (knots, points of the grid, ..., bins) with `grid`, the
    names of the grid's axes, each of them an array of points; `at` says where on the grid the response is. Bins may
    have several axes, the last of them running fastest.

    Raises `InputError` for recoil energies that do not rise, probabilities that are not between zero and one, and a
    place that is not on the grid.

    >>> from pathlib import Path
    >>> from cevnsjax.response import matrix
    >>> size = Path("matrix.csv").write_text("recoil_energy_keV,bin_1,bin_2\n1,0.1,0.0\n3,0.5,0.4\n")
    >>> matrix(Path("matrix.csv"), bins=2).probabilities(np.array([2e-3]), slice(0, 2))
    array([[0.3],
           [0.2]])
    """
    given = dict(at or {})
    if path.suffix != ".npz":
        if given:
            raise InputError(f"'{path}': a CSV file has no grid; leave out matrix_at, or give an .npz file")
        recoil, table = _of_csv(path, bins)
        return Matrix(recoil=recoil, table=table, yields=(Full(),))
    about = path.stat() if path.exists() else None
    recoil, probability, points = _of_arrays(
        path, bins, 0 if about is None else about.st_mtime_ns, 0 if about is None else about.st_size
    )
    if set(given) != set(points):
        raise InputError(
            f"'{path}': the grid has {', '.join(points) or 'no axes'}, matrix_at {', '.join(given) or 'none'}: give "
            "a number for each axis of the grid"
        )
    probability = contracted(probability, points, given)
    grid = tuple((name, places.size) for name, places in points.items())
    return Matrix(recoil=recoil, table=np.ascontiguousarray(probability.T), yields=(Full(),), grid=grid)


def _of_csv(path: Path, bins: int) -> tuple[Float[np.ndarray, " knots"], Float[np.ndarray, "bins knots"]]:
    names = tuple(f"bin_{i + 1}" for i in range(bins))
    columns = read_table(path, (RECOIL, *names))
    table = np.stack([columns[name] for name in names])
    _check(path, columns[RECOIL], np.moveaxis(table, 0, -1))
    return columns[RECOIL] * KEV, table


@functools.lru_cache(maxsize=16)
def _of_arrays(
    path: Path, bins: int, changed: int, size: int
) -> tuple[Float[np.ndarray, " knots"], Float[np.ndarray, "..."], dict[str, Float[np.ndarray, " points"]]]:
    """Return energies [MeV], probabilities (points of each axis of the grid, ..., knots, bins), and the grid's points.

    A file that has not changed is read once.
    """
    arrays = read_arrays(path, (RECOIL, PROBABILITY))
    recoil, probability = arrays[RECOIL], arrays[PROBABILITY]
    points = points_of(path, arrays)
    sizes = (recoil.size, *(places.size for places in points.values()))
    if (
        recoil.ndim != 1
        or probability.shape[: len(sizes)] != sizes
        or math.prod(probability.shape[len(sizes) :]) != bins
    ):
        raise InputError(
            f"'{path}': '{PROBABILITY}' has the shape {probability.shape}; energies, grid and bins make "
            f"{(*sizes, bins)}"
        )
    probability = probability.reshape(*sizes, bins)
    _check(path, recoil, probability)
    return recoil * KEV, np.moveaxis(probability, 0, -2), points


def _check(path: Path, recoil: Float[np.ndarray, " knots"], probability: Float[np.ndarray, "..."]) -> None:
    """Raise `InputError` for energies that do not rise, and what are no probabilities along the last axis."""
    if recoil.size < 2 or not (np.isfinite(recoil).all() and (np.diff(recoil) > 0).all() and recoil[0] >= 0):
        raise InputError(f"'{path}': recoil_energy_keV must not be negative, and rise from row to row")
    if not ((probability >= 0) & (probability <= 1)).all() or (probability.sum(axis=-1) > 1 + 1e-9).any():
        raise InputError(f"'{path}': probabilities lie between 0 and 1, and those of one row add up to no more than 1")

"""A response given as a matrix: the probability of each bin at tabulated recoil energies."""

from pathlib import Path

import numpy as np
from jaxtyping import Float

from cevnsjax.constants import KEV
from cevnsjax.errors import InputError
from cevnsjax.numeric import AnyArray, namespace
from cevnsjax.quadrature import panel_nodes
from cevnsjax.resources import read_table
from cevnsjax.response.chain import RESPONSE_ORDER, Response
from cevnsjax.response.yields import Full, Yield

__all__ = ["Matrix", "matrix"]


class Matrix(Response):
    """Probabilities of the bins at recoil energies [MeV], linear in between; nothing is recorded beyond them."""

    recoil: Float[AnyArray, " knots"]
    table: Float[AnyArray, "bins knots"]
    yields: tuple[Yield, ...]

    @property
    def size(self) -> int:
        """Number of bins."""
        return int(self.table.shape[0])

    def nodes(self, order: int = RESPONSE_ORDER) -> tuple[Float[AnyArray, " nodes"], Float[AnyArray, " nodes"]]:
        """Return recoil energies [MeV] and weights on panels between the table's own."""
        energy, weight = panel_nodes(self.recoil[:-1], self.recoil[1:], order)
        return energy.ravel(), weight.ravel()

    def probabilities(self, energy: Float[AnyArray, " nodes"], bins: slice) -> Float[AnyArray, "_bins nodes"]:
        """Return the interpolated probabilities."""
        xp = namespace(energy, self.table)
        return xp.stack([xp.interp(energy, self.recoil, row, left=0.0, right=0.0) for row in self.table[bins]])


def matrix(path: Path, bins: int) -> Matrix:
    """Return a response from a CSV file: `recoil_energy_keV`, and `bin_1`, `bin_2`, ... with probabilities.

    Raises `InputError` for recoil energies that do not rise, or probabilities that are not between zero and one.
    """
    names = tuple(f"bin_{i + 1}" for i in range(bins))
    columns = read_table(path, ("recoil_energy_keV", *names))
    recoil = columns["recoil_energy_keV"] * KEV
    table = np.stack([columns[name] for name in names])
    if recoil.size < 2 or not (np.isfinite(recoil).all() and (np.diff(recoil) > 0).all() and recoil[0] >= 0):
        raise InputError(f"'{path}': recoil_energy_keV must not be negative, and rise from row to row")
    if not ((table >= 0) & (table <= 1)).all() or (table.sum(axis=0) > 1 + 1e-9).any():
        raise InputError(f"'{path}': probabilities lie between 0 and 1, and those of one row add up to no more than 1")
    return Matrix(recoil=recoil, table=table, yields=(Full(),))

"""Electron shells: how many electrons of an atom a recoil can set free."""

import functools

import numpy as np
from jaxtyping import Float

from cevnsjax.constants import EV
from cevnsjax.errors import unknown_name
from cevnsjax.numeric import AnyArray, Part, namespace
from cevnsjax.resources import data_folder, read_rows, read_table

__all__ = ["Shells", "effective_electrons", "shells"]


class Shells(Part):
    """The shells of a neutral atom: electrons in each (`occupancy`), and their `binding_energy` [MeV]."""

    occupancy: Float[AnyArray, " shells"]
    binding_energy: Float[AnyArray, " shells"]


@functools.cache
def shells(symbol: str) -> Shells:
    """Return the shells of the atom of a `symbol`, from `data/atoms/binding_energies.csv`.

    Raises `InputError` for an unknown symbol.

    >>> from cevnsjax.matter import shells
    >>> germanium = shells("Ge")
    >>> float(germanium.occupancy.sum()), round(1e3 * float(germanium.binding_energy.max()), 2)  # K shell [keV]
    (32.0, 11.1)
    """
    path = data_folder() / "atoms" / "binding_energies.csv"
    symbols = np.array([row["element"] for row in read_rows(path)])
    if symbol not in symbols:
        raise unknown_name("atom", symbol, dict.fromkeys(symbols.tolist()))
    columns = read_table(path, ("occupancy", "binding_energy_eV"))
    occupancy, energy = (column[symbols == symbol] for column in columns.values())
    return Shells(occupancy, energy * EV)


def effective_electrons(recoil_energy: Float[AnyArray, "*n"], shells: Shells) -> Float[AnyArray, "*n"]:
    """Return Z_eff(T): the number of electrons in `shells` that are bound by less than the `recoil_energy` T [MeV].

    Below Eq. (19) of arXiv:2501.12441. It is a sum of steps: an integral over T needs panel edges at the
    binding energies.

    >>> from cevnsjax.matter import effective_electrons, shells
    >>> effective_electrons(np.array([1e-4, 1e-3, 2e-2]), shells("Ge"))
    array([14., 22., 32.])
    """
    xp = namespace(recoil_energy)
    free = xp.asarray(recoil_energy)[..., None] > shells.binding_energy
    return xp.sum(xp.where(free, shells.occupancy, 0.0), axis=-1)

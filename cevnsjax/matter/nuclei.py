"""Isotopes and elements: masses, abundances and radii from `data/nuclei/isotopes.csv`."""

import functools
from typing import NamedTuple

import equinox as eqx
import numpy as np
from jaxtyping import Float

from cevnsjax.constants import ATOMIC_MASS_UNIT, ELECTRON_MASS, HBAR_C_MEV_FM
from cevnsjax.errors import unknown_name
from cevnsjax.numeric import AnyArray, Part, namespace
from cevnsjax.resources import data_folder, read_rows, read_table

__all__ = [
    "Element",
    "NuclearSpin",
    "Nucleus",
    "coherence_energy",
    "element",
    "maximal_recoil_energy",
    "minimal_energy",
    "nuclear_spins",
]


class Nucleus(Part):
    """One nucleus, or several stacked along a leading axis.

    `Z` and `N` are the numbers of protons and neutrons. `mass` [MeV] is the nuclear mass: the atomic one less Z
    electron masses (the electrons' binding, below 1e-6 of it, is left out). `charge_radius` [fm] is the
    root-mean-square radius.

    >>> from cevnsjax.matter import Nucleus
    >>> Nucleus(Z=np.array([32.0]), N=np.array([40.0]), mass=np.array([66_978.6]), charge_radius=np.array([4.06])).A
    array([72.])
    """

    Z: Float[AnyArray, "*n"]
    N: Float[AnyArray, "*n"]
    mass: Float[AnyArray, "*n"]
    charge_radius: Float[AnyArray, "*n"]

    @property
    def A(self) -> Float[AnyArray, "*n"]:
        """Mass number, dimensionless."""
        return self.Z + self.N


class Element(Part):
    """An element as found in nature.

    `symbol` and `atomic_number` name it. `isotopes` are stacked, `abundance` are their atom fractions, which sum to
    one, and `molar_mass` [g/mol] is the mean atomic mass.
    """

    symbol: str = eqx.field(static=True)
    atomic_number: int = eqx.field(static=True)
    isotopes: Nucleus
    abundance: Float[AnyArray, " isotopes"]
    molar_mass: Float[AnyArray, ""]
    """Mean atomic mass [g/mol]."""

    @property
    def nuclear_mass(self) -> Float[AnyArray, ""]:
        """Mean nuclear mass [MeV]."""
        return self.abundance @ self.isotopes.mass


@functools.cache
def element(symbol: str) -> Element:
    """Return the element of a `symbol`, "Ge" for instance, with the isotopes of `data/nuclei/isotopes.csv`.

    Raises `InputError` for a symbol that the table lacks.

    >>> from cevnsjax.matter import element
    >>> germanium = element("Ge")
    >>> germanium.atomic_number, round(float(germanium.molar_mass), 2)
    (32, 72.63)
    """
    path = data_folder() / "nuclei" / "isotopes.csv"
    symbols = np.array([row["element"] for row in read_rows(path)])
    if symbol not in symbols:
        raise unknown_name("element", symbol, dict.fromkeys(symbols.tolist()))
    columns = read_table(path, ("Z", "A", "abundance", "atomic_mass_u", "charge_radius_fm"))
    z, a, abundance, mass, radius = (column[symbols == symbol] for column in columns.values())
    abundance = abundance / abundance.sum()
    return Element(
        symbol=symbol,
        atomic_number=int(z[0]),
        isotopes=Nucleus(
            Z=z,
            N=a - z,
            mass=mass * ATOMIC_MASS_UNIT - z * ELECTRON_MASS,
            charge_radius=radius,
        ),
        abundance=abundance,
        molar_mass=abundance @ mass,
    )


class NuclearSpin(NamedTuple):
    """A nucleus of `Z` protons and `N` neutrons with spin `J`, in units of hbar.

    `protons` and `neutrons` are the expectation values of their spins.
    """

    Z: int
    N: int
    J: float
    protons: float
    neutrons: float


def nuclear_spins() -> list[NuclearSpin]:
    """Return the nuclei with spin that `data/nuclei/spins.csv` lists, with the sources of their values.

    >>> from cevnsjax.matter import nuclear_spins
    >>> [(spin.Z, spin.N, spin.J) for spin in nuclear_spins()][:2]
    [(32, 41, 4.5)]
    """
    columns = read_table(data_folder() / "nuclei" / "spins.csv", ("Z", "A", "spin", "proton_spin", "neutron_spin"))
    rows = zip(*(column.tolist() for column in columns.values()), strict=True)
    return [NuclearSpin(int(z), int(a - z), *spins) for z, a, *spins in rows]


def minimal_energy(
    recoil_energy: Float[AnyArray, "*#n"], mass: Float[AnyArray, "*#n"] | float
) -> Float[AnyArray, "..."]:
    """Return the least neutrino energy [MeV] that gives a `recoil_energy` T [MeV] to a target of a `mass` M [MeV].

    E_min = (T + sqrt(T^2 + 2 M T)) / 2, exact two-body kinematics, of nuclei and electrons alike. Its derivative in T
    is truly infinite at T = 0. `recoil_energy` and `mass` have shapes that broadcast.

    >>> from cevnsjax.matter import element, minimal_energy
    >>> round(float(minimal_energy(np.float64(1e-3), element("Ge").nuclear_mass)), 2)  # 1 keV off germanium
    5.82
    """
    xp = namespace(recoil_energy, mass)
    return (recoil_energy + xp.sqrt(recoil_energy**2 + 2 * mass * recoil_energy)) / 2


def maximal_recoil_energy(
    energy: Float[AnyArray, "*#n"], mass: Float[AnyArray, "*#n"] | float
) -> Float[AnyArray, "..."]:
    """Return the largest recoil energy [MeV] at a neutrino `energy` E [MeV] off a target of a `mass` M [MeV].

    T_max = 2 E^2 / (M + 2 E), the inverse of `minimal_energy`. `energy` and `mass` have shapes that broadcast.

    >>> from cevnsjax.matter import element, maximal_recoil_energy
    >>> f"{1e3 * maximal_recoil_energy(np.float64(8.0), element('Ge').nuclear_mass):.2f} keV"
    '1.89 keV'
    """
    return 2 * energy**2 / (mass + 2 * energy)


def coherence_energy(mass_number: Float[AnyArray, "*n"]) -> Float[AnyArray, "*n"]:
    """Return the neutrino energy [MeV] up to which a nucleus of a `mass_number` A answers as one.

    hbar c / (2.5 fm A^(1/3)): E <= 1 / (2 R_A) with R_A = 1.25 fm A^(1/3), T. Rink, CONUS talk at PASCOS 2022.

    >>> from cevnsjax.matter import coherence_energy
    >>> coherence_energy(np.array([72.6, 133.0])).round(1)  # germanium, caesium
    array([18.9, 15.5])
    """
    return HBAR_C_MEV_FM / (2.5 * namespace(mass_number).cbrt(mass_number))

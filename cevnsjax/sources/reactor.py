"""The electron-antineutrino flux of a nuclear reactor, Eq. (18) of arXiv:2501.12441."""

import dataclasses
from collections.abc import Mapping

import equinox as eqx
import numpy as np
from jaxtyping import Float

from cevnsjax.constants import GIGAWATT, METRE
from cevnsjax.errors import InputError, unknown_name
from cevnsjax.flavours import NU_E_BAR, Flavour
from cevnsjax.numeric import AnyArray, namespace
from cevnsjax.resources import data_folder, read_table
from cevnsjax.sources.base import Continuum
from cevnsjax.sources.moments import total_flux
from cevnsjax.sources.spectra import ISOTOPES, MAXIMAL_ENERGY, BinnedSpectrum, FissionSpectrum, capture_spectrum

__all__ = ["ENERGY_TABLES", "ReactorFlux", "energy_per_fission", "reactor_flux"]

ENERGY_TABLES = ("ma_2013", "kopeikin_2004")


class ReactorFlux(Continuum):
    """Fissions and neutron captures on 238U, seen through a unit of area at the detector.

    `fission_rate` [cm^-2 s^-1] is P / (4 pi d^2 epsilon); `fractions` are the shares of fissions of 235U, 238U, 239Pu
    and 241Pu, taken as they are, not normalised; each of `captures_per_fission` gives one decay of 239U and one of
    239Np. `fission` and `capture` are the spectra of both. `scale` is one unless the flux was normalised to a total.
    `edges` [MeV] are panel edges; `baseline` [cm], `flavour` and `profiles` are those of any `Component`.
    """

    fission_rate: Float[AnyArray, ""] | float
    fractions: Float[AnyArray, " emitters"]
    captures_per_fission: Float[AnyArray, ""] | float
    scale: Float[AnyArray, ""] | float
    baseline: float
    edges: Float[AnyArray, " edges"]
    fission: FissionSpectrum
    capture: BinnedSpectrum
    flavour: Flavour = eqx.field(static=True)
    profiles: Mapping[str, Float[np.ndarray, " bins"]]

    def density(self, energy: Float[AnyArray, "*n"]) -> Float[AnyArray, "*n"]:
        """Return phi(E) [cm^-2 s^-1 MeV^-1]."""
        xp = namespace(energy, self.fractions)
        per_fission = xp.tensordot(self.fractions, self.fission(energy), axes=1)
        per_fission = per_fission + self.captures_per_fission * xp.sum(self.capture(energy), axis=0)
        return self.scale * self.fission_rate * per_fission

    def normalised_to(self, total: float) -> "ReactorFlux":
        """Return this flux scaled to a `total` [cm^-2 s^-1] over all energies."""
        return dataclasses.replace(self, scale=self.scale * total / total_flux(self))


def energy_per_fission(table: str, fractions: Float[np.ndarray, " emitters"]) -> float:
    """Return the mean energy per fission [MeV] from a column of `data/reactor/energy_per_fission.csv`.

    `table` is the column, one of ENERGY_TABLES; `fractions` are shares of fissions of 235U, 238U, 239Pu and 241Pu.
    Raises `InputError` for an unknown table.

    >>> from cevnsjax.sources import energy_per_fission
    >>> round(energy_per_fission("ma_2013", np.array([0.53, 0.08, 0.32, 0.07])), 2)
    206.29
    """
    if table not in ENERGY_TABLES:
        raise unknown_name("energy per fission", table, ENERGY_TABLES)
    energies = read_table(data_folder() / "reactor" / "energy_per_fission.csv", (table,))[table]
    return float(energies @ fractions / fractions.sum())


def reactor_flux(
    power_GW: float,
    baseline_m: float,
    fission_fractions: Mapping[str, float],
    energy_per_fission_MeV: float | str,
    spectrum: FissionSpectrum,
    captures_per_fission: float = 0.6,
) -> ReactorFlux:
    """Return the flux of a reactor of a thermal power `power_GW` [GW] at a distance `baseline_m` [m].

    Eq. (18) of arXiv:2501.12441. `fission_fractions` are the shares of U235, U238, Pu239 and Pu241.
    `energy_per_fission_MeV` is a number [MeV] or the name of a table, averaged with the fractions. `spectrum` are the
    antineutrinos per fission, and `captures_per_fission` is the number of neutron captures on 238U. Raises `InputError`
    for a fraction of another isotope, or a missing one, and for fractions that do not add up to about one.

    >>> from cevnsjax.sources import fission_spectrum, reactor_flux, total_flux
    >>> fractions = {"U235": 0.53, "U238": 0.08, "Pu239": 0.32, "Pu241": 0.07}
    >>> flux = reactor_flux(3.6, 20.7, fractions, "ma_2013", fission_spectrum())
    >>> f"{total_flux(flux):.2e}"  # [cm^-2 s^-1]; CONUS+ quotes 1.5e13 at this distance
    '1.38e+13'
    """
    if set(fission_fractions) != set(ISOTOPES):
        raise InputError(f"fission fractions of {', '.join(fission_fractions)} given; give {', '.join(ISOTOPES)}")
    fractions = np.array([float(fission_fractions[i]) for i in ISOTOPES])
    if not 0.5 <= fractions.sum() <= 1.5:
        raise InputError(f"fission fractions add up to {fractions.sum():g}; give shares that add up to about 1")
    energy = energy_per_fission_MeV
    if isinstance(energy, str):
        energy = energy_per_fission(energy, fractions)
    distance = baseline_m * METRE
    capture = capture_spectrum()
    edges = np.unique(np.concatenate([spectrum.knots, capture.knots, [0.0, MAXIMAL_ENERGY]]))
    return ReactorFlux(
        fission_rate=power_GW * GIGAWATT / (4 * np.pi * distance**2 * energy),
        fractions=fractions,
        captures_per_fission=captures_per_fission,
        scale=1.0,
        baseline=distance,
        edges=edges,
        fission=spectrum,
        capture=capture,
        flavour=NU_E_BAR,
        profiles={},
    )

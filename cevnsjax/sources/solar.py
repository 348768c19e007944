"""Neutrinos of the Sun: lines and spectra of its nuclear reactions, with the flavours in which they reach the Earth.

    pp, hep, 8B, 13N, 15O, 17F    spectra
    pep, 7Be                      one line, two lines

All are born as nu_e. Their flavours follow from the adiabatic conversion in the Sun. The day is assumed: matter in the
Earth regenerates less than 3 % of nu_e of 8B at night, and none of pp and 7Be.

Each flavour is a component with its share of the flux, and shares are incoherent: rates add up, weighted with P_ee and
(1 - P_ee) / 2. This is exact wherever an interaction keeps the flavour, as those with diagonal couplings do. With a
flavour-changing coupling nu_e and nu_mu of one neutrino lead to the same final flavour; a calculation with the density
matrix of the neutrinos would have the interference of both amplitudes, which is left out here.
"""

import functools
import math
from collections.abc import Mapping
from typing import NamedTuple

import equinox as eqx
import numpy as np
from jaxtyping import Float

from cevnsjax.constants import ALPHA, ELECTRON_MASS
from cevnsjax.flavours import NU_E, NU_MU, NU_TAU, Flavour
from cevnsjax.numeric import AnyArray, Part, namespace
from cevnsjax.quadrature import panel_nodes
from cevnsjax.resources import data_folder, read_rows, read_table
from cevnsjax.sources.base import Component, Continuum, Line

__all__ = [
    "SOLAR_COMPONENTS",
    "SOLAR_MODELS",
    "BetaSpectrum",
    "Mixing",
    "SolarSpectrum",
    "TabulatedSpectrum",
    "beta_spectrum",
    "boron_spectrum",
    "solar_fluxes",
    "solar_neutrinos",
    "solar_potentials",
]

SOLAR_MODELS = ("gs98", "agss09met")
"""Standard solar models B16, by their metallicities."""

BETA_DECAYS = {"pp": (0.42341, 1), "hep": (18.77, 2), "13N": (1.1982, 6), "15O": (1.7317, 7), "17F": (1.7364, 8)}
"""End point [MeV] and charge of the daughter. The thermal energy of the Sun is in that of pp."""

LINES = {"pep": ((1.442, 1.0),), "7Be": ((0.8613, 0.896), (0.3843, 0.104))}
"""Energies [MeV] of lines, and their shares of the flux."""

SOLAR_COMPONENTS = ("pp", "pep", "hep", "7Be", "8B", "13N", "15O", "17F")

MEV = 1e6
"""One MeV in eV, the unit of mass splittings and potentials here."""

LARGEST_EXPONENT = 600.0
"""exp of it is still a number of double precision."""


class Mixing(Part):
    """Mixing of neutrinos: `sin2_theta_12`, `sin2_theta_13`, and `dm2_21` [eV^2], the smaller splitting.

    >>> from cevnsjax.flavours import NU_MU
    >>> from cevnsjax.sources import Mixing, solar_potentials
    >>> mixing, potential = Mixing(), solar_potentials()["8B"]
    >>> mixing.survival(np.array([0.1, 10.0]), potential).round(2)  # vacuum and matter
    array([0.55, 0.33])
    >>> mixing.share(NU_MU, np.array([10.0]), potential).round(2)
    array([0.34])
    """

    sin2_theta_12: Float[AnyArray, ""] | float = 0.307
    sin2_theta_13: Float[AnyArray, ""] | float = 0.0220
    dm2_21: Float[AnyArray, ""] | float = 7.53e-5

    def survival(self, energy: Float[AnyArray, "*n"], potential: Float[AnyArray, ""] | float) -> Float[AnyArray, "*n"]:
        """Return P_ee, the share of nu_e at each `energy` [MeV], for a birth at a `potential` sqrt(2) G_F n_e [eV].

        P_ee = c13^4 / 2 (1 + cos(2 theta_12) cos(2 theta_M)) + s13^4, the adiabatic limit: S. J. Parke, Phys. Rev.
        Lett. 57, 1275 (1986); de Holanda, Liao and Smirnov, hep-ph/0404042.
        """
        c13 = 1 - self.sin2_theta_13
        cosine = 1 - 2 * self.sin2_theta_12
        sine2 = 4 * self.sin2_theta_12 * (1 - self.sin2_theta_12)
        away = cosine - 2 * potential * c13 * energy * MEV / self.dm2_21
        matter = away / (away**2 + sine2) ** 0.5
        return c13**2 / 2 * (1 + cosine * matter) + self.sin2_theta_13**2

    def share(
        self, flavour: Flavour, energy: Float[AnyArray, "*n"], potential: Float[AnyArray, ""] | float
    ) -> Float[AnyArray, "*n"]:
        """Return the share of a `flavour` at the Earth: P_ee, or half of the rest, as theta_23 is nearly maximal.

        `energy` [MeV] and `potential` [eV] are those of `survival`.
        """
        survived = self.survival(energy, potential)
        return survived if flavour.lepton == "e" else (1 - survived) / 2


class BetaSpectrum(Part):
    """The neutrinos of an allowed beta+ decay, normalised to one.

    dN/dE = norm F(Z, W) p W E^2 with the positron's energy W = Q + m_e - E and momentum p. Fermi's function is that of
    a point charge without the factor of its radius: F = eta / (1 - exp(-eta)), eta = -2 pi alpha Z W / p, so that
    F p = a W / (exp(a W / p) - 1) for a = 2 pi alpha Z.
    """

    end_point: float
    charge: float
    norm: float = 1.0

    def __call__(self, energy: Float[AnyArray, "*n"]) -> Float[AnyArray, "*n"]:
        """Return neutrinos / MeV."""
        xp = namespace(energy)
        inside = (energy > 0) & (energy < self.end_point)
        total = xp.where(inside, self.end_point - energy, self.end_point) + ELECTRON_MASS
        strength = 2 * math.pi * ALPHA * self.charge
        # Near the end point the positron does not leave the nucleus.
        exponent = xp.minimum(strength * total / (total**2 - ELECTRON_MASS**2) ** 0.5, LARGEST_EXPONENT)
        return self.norm * xp.where(inside, strength * total**2 / xp.expm1(exponent) * energy**2, 0.0)

    @property
    def edges(self) -> Float[np.ndarray, " edges"]:
        """Return panel edges [MeV], closer towards the end point."""
        return self.end_point * (1 - np.linspace(1.0, 0.0, 33) ** 2)


class TabulatedSpectrum(Part):
    """A spectrum that is straight between the energies [MeV] of a table and zero beyond, normalised to one."""

    edges: Float[np.ndarray, " edges"]
    table: Float[np.ndarray, " edges"]

    def __call__(self, energy: Float[AnyArray, "*n"]) -> Float[AnyArray, "*n"]:
        """Return neutrinos / MeV."""
        return namespace(energy).interp(energy, self.edges, self.table, left=0.0, right=0.0)

    @property
    def end_point(self) -> float:
        """The largest energy [MeV]."""
        return float(self.edges[-1])


class Branch(NamedTuple):
    """One of the spectra: its shape, its flux of all flavours [cm^-2 s^-1], and the potential [eV] of its origin."""

    shape: BetaSpectrum | TabulatedSpectrum
    flux: Float[AnyArray, ""] | float
    potential: Float[AnyArray, ""] | float


class SolarSpectrum(Continuum):
    """All solar neutrinos of one flavour that are no line."""

    branches: tuple[Branch, ...]
    mixing: Mixing
    edges: Float[AnyArray, " edges"]
    baseline: float
    flavour: Flavour = eqx.field(static=True)
    profiles: Mapping[str, Float[np.ndarray, " bins"]]

    def density(self, energy: Float[AnyArray, "*n"]) -> Float[AnyArray, "*n"]:
        """Return phi(E) [cm^-2 s^-1 MeV^-1]."""
        parts = [b.flux * b.shape(energy) * self.mixing.share(self.flavour, energy, b.potential) for b in self.branches]
        return sum(parts[1:], parts[0])

    @property
    def corners(self) -> Float[np.ndarray, " branches"]:
        """Return the end points [MeV]."""
        return np.unique([branch.shape.end_point for branch in self.branches])


@functools.cache
def beta_spectrum(component: str) -> BetaSpectrum:
    """Return the spectrum of pp, hep, 13N, 15O or 17F."""
    shape = BetaSpectrum(*BETA_DECAYS[component])
    energy, weight = panel_nodes(shape.edges[:-1], shape.edges[1:], 16)
    return BetaSpectrum(*BETA_DECAYS[component], norm=float(1 / np.sum(weight * shape(energy))))


@functools.cache
def boron_spectrum() -> TabulatedSpectrum:
    """Return the spectrum of 8B, from `data/solar/b8.csv`."""
    energy, flux = read_table(data_folder() / "solar" / "b8.csv", ("energy_MeV", "flux")).values()
    return TabulatedSpectrum(energy, flux / np.trapezoid(flux, energy))


def solar_fluxes(model: str = "gs98") -> dict[str, float]:
    """Return the fluxes of all flavours together [cm^-2 s^-1] by component; `model` is one of SOLAR_MODELS.

    The models are the B16 ones of N. Vinyoles et al., arXiv:1611.09867.

    >>> from cevnsjax.sources import solar_fluxes
    >>> f"{solar_fluxes('gs98')['8B']:.2e}"
    '5.46e+06'
    """
    return _column(model)


def solar_potentials() -> dict[str, float]:
    """Return sqrt(2) G_F n_e [eV] by component, averaged over the regions of their production.

    >>> from cevnsjax.sources import solar_potentials
    >>> f"{solar_potentials()['8B']:.1e}"
    '6.8e-12'
    """
    return _column("potential_eV")


def _column(name: str) -> dict[str, float]:
    path = data_folder() / "solar" / "fluxes.csv"
    symbols = [row["component"] for row in read_rows(path)]
    return dict(zip(symbols, read_table(path, (name,))[name].tolist(), strict=True))


def solar_neutrinos(
    fluxes: Mapping[str, Float[AnyArray, ""] | float],
    potentials: Mapping[str, Float[AnyArray, ""] | float] | None = None,
    mixing: Mixing | None = None,
) -> tuple[Component, ...]:
    """Return the components of the Sun's neutrinos: of each flavour one spectrum, and its part of each line.

    `fluxes` [cm^-2 s^-1] are those of all flavours together, by names of SOLAR_COMPONENTS; what is not there is left
    out. `potentials` [eV] are those of `solar_potentials` by default, and `mixing` is `Mixing()`. There is no distance:
    on their way neutrinos lose their coherence.

    >>> from cevnsjax.sources import solar_neutrinos, total_flux
    >>> [f"{total_flux(component):.2e}" for component in solar_neutrinos({"8B": 5.46e6})]  # nu_e, nu_mu, nu_tau
    ['2.03e+06', '1.71e+06', '1.71e+06']
    """
    mixing = Mixing() if mixing is None else mixing
    potentials = solar_potentials() if potentials is None else potentials
    branches = tuple(
        Branch(boron_spectrum() if name == "8B" else beta_spectrum(name), flux, potentials[name])
        for name, flux in fluxes.items()
        if name not in LINES
    )
    edges = np.unique(np.concatenate([[0.0], *(branch.shape.edges for branch in branches)]))
    found: list[Component] = []
    for flavour in (NU_E, NU_MU, NU_TAU):
        if branches:
            found.append(
                SolarSpectrum(
                    branches=branches, mixing=mixing, edges=edges, baseline=math.inf, flavour=flavour, profiles={}
                )
            )
        for name in (name for name in fluxes if name in LINES):
            for energy, part in LINES[name]:
                flux = fluxes[name] * part * mixing.share(flavour, np.float64(energy), potentials[name])
                found.append(Line(energy=energy, flux=flux, baseline=math.inf, flavour=flavour, profiles={}))
    return tuple(found)

"""Neutrinos of stopped pions, as at a spallation source: a line of nu_mu, then nu_e and nu_mu-bar of the muon.

    pi+ -> mu+ nu_mu            one line, 29.8 MeV
    mu+ -> e+ nu_e nu_mu-bar    Michel's spectra, up to half the muon's mass

Neutrinos of the pion arrive with the proton pulse and the pion's life, those of the muon after its own life, too: time
tells flavours apart.
"""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import equinox as eqx
import numpy as np
from jaxtyping import Float
from scipy.special import log_ndtr, ndtr

from cevnsjax.constants import MUON_LIFE, MUON_MASS, PION_LIFE, PION_MASS
from cevnsjax.flavours import NU_E, NU_MU, NU_MU_BAR, Flavour
from cevnsjax.numeric import AnyArray, namespace
from cevnsjax.sources.base import Component, Continuum, Line

Arrived = Callable[[Float[np.ndarray | np.float64, "*n"]], Float[np.ndarray | np.float64, "*n"]]
"""A share, as a function of time [us]."""

__all__ = ["LARGEST_ENERGY", "LINE_ENERGY", "MuonDecay", "Pulse", "pion_at_rest"]

LINE_ENERGY = (PION_MASS**2 - MUON_MASS**2) / (2 * PION_MASS)
"""Energy of the nu_mu [MeV]: 29.79."""

LARGEST_ENERGY = MUON_MASS / 2
"""Largest energy of the muon's neutrinos [MeV]: 52.83."""

FINE = 0.01
"""Width of panels [us] over which arrival times are integrated with an efficiency."""


class MuonDecay(Continuum):
    """One of the two neutrinos of a muon that decays at rest; `flux` is their number [cm^-2 s^-1].

    `edges` [MeV] are panel edges; `baseline`, `flavour` and `profiles` are those of any `Component`.

    >>> from cevnsjax.sources import MuonDecay, pion_at_rest
    >>> _, electron, muon = pion_at_rest(flux=4.2e7, baseline=1930.0)
    >>> isinstance(electron, MuonDecay), electron.density(np.array([30.0, 60.0])).round(-3)
    (True, array([1329000.,       0.]))
    """

    flux: Float[AnyArray, ""] | float
    baseline: float
    edges: Float[AnyArray, " edges"]
    flavour: Flavour = eqx.field(static=True)
    profiles: Mapping[str, Float[np.ndarray, " bins"]]

    def density(self, energy: Float[AnyArray, "*n"]) -> Float[AnyArray, "*n"]:
        """Return phi(E) [cm^-2 s^-1 MeV^-1] at each `energy` E [MeV].

        192 E^2 / m^3 (1/2 - E / m) for nu_e, and 64 E^2 / m^3 (3/4 - E / m) for nu_mu-bar, times the flux: L. Michel,
        Proc. Phys. Soc. A 63, 514 (1950), for a muon at rest and a massless electron.
        """
        x = energy / MUON_MASS
        shape = 192 * (0.5 - x) if self.flavour.lepton == "e" else 64 * (0.75 - x)
        inside = (x >= 0) & (x <= 0.5)
        return self.flux * namespace(x, self.flux).where(inside, shape * x**2 / MUON_MASS, 0.0)

    @property
    def corners(self) -> Float[np.ndarray, "1"]:
        """Return the end point [MeV]."""
        return np.array([LARGEST_ENERGY])


class Pulse(NamedTuple):
    """A Gaussian pulse of protons: its `mean` on the experiment's clock, and its standard deviation `sigma` [us].

    >>> from cevnsjax.sources import Pulse
    >>> pulse = Pulse(mean=0.5, sigma=0.15)
    >>> time = np.array([0.5, 1.0, 6.0])
    >>> pulse.prompt(time).round(2), pulse.delayed(time).round(2)
    (array([0.43, 1.  , 1.  ]), array([0.02, 0.19, 0.92]))
    >>> low = np.array([0.0, 1.0])
    >>> pulse.profile(pulse.prompt, low, low + 1).round(2)
    array([1., 0.])
    """

    mean: float
    sigma: float

    def prompt(self, time: Float[np.ndarray | np.float64, "*n"]) -> Float[np.ndarray | np.float64, "*n"]:
        """Return the share of the pions' neutrinos that have arrived at a time [us]."""
        return self._arrived(time, PION_LIFE)

    def delayed(self, time: Float[np.ndarray | np.float64, "*n"]) -> Float[np.ndarray | np.float64, "*n"]:
        """Return the share of the muons' neutrinos that have arrived at a time [us]."""
        muon, pion = self._arrived(time, MUON_LIFE), self._arrived(time, PION_LIFE)
        return (MUON_LIFE * muon - PION_LIFE * pion) / (MUON_LIFE - PION_LIFE)

    def _arrived(self, time: Float[np.ndarray | np.float64, "*n"], life: float) -> Float[np.ndarray | np.float64, "*n"]:
        """Return the cumulative distribution of a Gaussian folded with an exponential."""
        z, ratio = (time - self.mean) / self.sigma, self.sigma / life
        # The factors of the second term overflow by themselves.
        return ndtr(z) - np.exp(ratio**2 / 2 - z * ratio + log_ndtr(z - ratio))

    def profile(
        self,
        arrived: Arrived,
        low: Float[np.ndarray, " bins"],
        high: Float[np.ndarray, " bins"],
        efficiency: Arrived | None = None,
    ) -> Float[np.ndarray, " bins"]:
        """Return the probability of each bin in time, from `low` to `high` [us]: those who arrive, and are recorded.

        `arrived` is `prompt` or `delayed`; `efficiency` takes a time [us]. A kink of it inside a bin costs 1e-4.
        """
        if efficiency is None:
            return np.asarray(arrived(high) - arrived(low))
        found = []
        for start, end in zip(low, high, strict=True):
            # Within a panel of FINE both shares and efficiency are nearly straight lines.
            edges = np.linspace(start, end, 1 + max(1, int(np.ceil((end - start) / FINE))))
            found.append(np.sum(np.diff(arrived(edges)) * efficiency((edges[1:] + edges[:-1]) / 2)))
        return np.array(found)


def pion_at_rest(
    flux: float, baseline: float, profiles: Mapping[str, Mapping[str, Float[np.ndarray, " bins"]]] | None = None
) -> tuple[Component, ...]:
    """Return the three components of a source with a `flux` of each flavour [cm^-2 s^-1] at a `baseline` [cm].

    `profiles` are those of the "prompt" nu_mu and of the two "delayed" flavours. Decays in flight and captures, some
    0.6 % of nu_mu at a spallation source, are left out.

    >>> from cevnsjax.sources import pion_at_rest
    >>> line, *decays = pion_at_rest(flux=4.2e7, baseline=1930.0)
    >>> round(line.energy, 2), [float(decay.edges[-1].round(2)) for decay in decays]
    (29.79, [52.83, 52.83])
    """
    given = {"prompt": {}, "delayed": {}} if profiles is None else profiles
    edges = np.linspace(0.0, LARGEST_ENERGY, 41)
    line = Line(energy=LINE_ENERGY, flux=flux, baseline=baseline, flavour=NU_MU, profiles=dict(given["prompt"]))
    return line, *(
        MuonDecay(flux=flux, baseline=baseline, edges=edges, flavour=flavour, profiles=dict(given["delayed"]))
        for flavour in (NU_E, NU_MU_BAR)
    )

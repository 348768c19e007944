"""Where neutrinos come from: components of one flavour each, with a spectrum or as a line."""

import abc
from collections.abc import Callable, Mapping

import equinox as eqx
import numpy as np
from jaxtyping import Float

from cevnsjax.flavours import Flavour
from cevnsjax.numeric import AnyArray, Part, namespace
from cevnsjax.quadrature import panel_nodes
from cevnsjax.sources.moments import LineMoments, Moments, energy_grid, flux_moments

__all__ = ["Component", "Continuum", "Line"]


class Component(Part):
    """One component of a source, of one `flavour`, as it arrives at the detector.

    `baseline` [cm] is the distance from the source. `profiles` hold, by the name of an axis beside the first, the
    probability of each of its bins.
    """

    flavour: eqx.AbstractVar[Flavour]
    baseline: eqx.AbstractVar[float]
    profiles: eqx.AbstractVar[Mapping[str, Float[np.ndarray, " bins"]]]

    @abc.abstractmethod
    def energies(self) -> Float[AnyArray, "*energies"]:
        """Return the energies [MeV] at which `moments` must know what is left of the component."""

    @abc.abstractmethod
    def moments(self, survival: Float[AnyArray, "*energies"] | float = 1.0) -> Moments:
        """Return the flux moments [cm^-2 s^-1 MeV^-n] of what is left.

        `survival` is the share of neutrinos at each of `energies`.
        """

    @abc.abstractmethod
    def fold(
        self, cross_section: Callable[[AnyArray], AnyArray], minimum: Float[AnyArray, ""], order: int = 8
    ) -> Float[AnyArray, ""]:
        """Return the integral of phi(E) d(sigma)/dT(E) over E > E_min [s^-1 MeV^-1], for any function of E.

        `cross_section` takes energies [MeV] of any shape and returns [cm^2/MeV]. It may have any form: the method
        checks the moments, and serves cross sections that are no polynomial in 1/E. `minimum` is E_min [MeV], `order`
        the number of Gauss-Legendre nodes on each panel.
        """

    @property
    def corners(self) -> Float[np.ndarray, " corners"]:
        """Return energies [MeV] across whose largest recoil no quadrature should reach, such as an end point."""
        return np.zeros(0)


class Continuum(Component):
    """A component with a spectrum.

    `edges` are ascending energies [MeV], from its first to its last, between which it is smooth.
    """

    edges: eqx.AbstractVar[Float[AnyArray, " edges"]]

    @abc.abstractmethod
    def density(self, energy: Float[AnyArray, "*n"]) -> Float[AnyArray, "*n"]:
        """Return phi(E) [cm^-2 s^-1 MeV^-1] at each `energy` E [MeV]."""

    def energies(self) -> Float[AnyArray, "panels nodes"]:
        """Return the energies [MeV] at which `moments` must know what is left of the component."""
        return energy_grid(self).energy

    def moments(self, survival: Float[AnyArray, "panels nodes"] | float = 1.0) -> Moments:
        """Return the flux moments of what is left; `survival` is the share of neutrinos at each of `energies`."""
        return flux_moments(self, survival=survival)

    def fold(
        self, cross_section: Callable[[AnyArray], AnyArray], minimum: Float[AnyArray, ""], order: int = 8
    ) -> Float[AnyArray, ""]:
        """Return the integral of phi(E) d(sigma)/dT(E) over E > E_min [s^-1 MeV^-1], for any function of E.

        Panels below E_min have zero width, which keeps derivatives with respect to the limit. A cross section that
        rises like 1/E^2 needs E_min above 1 keV, or a higher order: the lowest panel of the tables is 8 keV wide.
        """
        xp = namespace(minimum, self.edges)
        edges = xp.maximum(self.edges, minimum)
        energy, weight = panel_nodes(edges[:-1], edges[1:], order)
        return xp.sum(weight * self.density(energy) * cross_section(energy))


class Line(Component):
    """Neutrinos of one `energy` [MeV]; `flux` is their number [cm^-2 s^-1].

    `baseline`, `flavour` and `profiles` are those of any `Component`.

    >>> from cevnsjax.flavours import NU_E
    >>> from cevnsjax.sources import Line
    >>> beryllium = Line(0.8613, 4.4e9, baseline=1.5e13, flavour=NU_E, profiles={})
    >>> beryllium.moments()(np.array([0.5, 1.0]))[0]  # below and above the line
    array([4.4e+09, 0.0e+00])
    """

    energy: Float[AnyArray, ""] | float
    flux: Float[AnyArray, ""] | float
    baseline: float
    flavour: Flavour = eqx.field(static=True)
    profiles: Mapping[str, Float[np.ndarray, " bins"]]

    def energies(self) -> Float[AnyArray, "1"]:
        """Return the line's energy [MeV]."""
        return namespace(self.energy).reshape(namespace(self.energy).asarray(self.energy), (1,))

    def moments(self, survival: Float[AnyArray, "1"] | float = 1.0) -> Moments:
        """Return the moments of what is left of the line."""
        xp = namespace(self.energy, self.flux, survival)
        return LineMoments(self.energy, xp.sum(xp.asarray(self.flux * survival)))

    def fold(
        self, cross_section: Callable[[AnyArray], AnyArray], minimum: Float[AnyArray, ""], order: int = 8
    ) -> Float[AnyArray, ""]:
        """Return the flux times d(sigma)/dT at the line's energy, zero where that is below E_min."""
        xp = namespace(minimum, self.energy)
        return xp.where(minimum < self.energy, self.flux * xp.sum(cross_section(self.energies())), 0.0)

    @property
    def corners(self) -> Float[np.ndarray, "1"]:
        """Return the line's energy [MeV]."""
        return np.asarray(self.energies())

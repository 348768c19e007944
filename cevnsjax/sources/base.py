"""Where neutrinos come from: components of one flavour each, and their integral with any function of the energy."""

import abc
from collections.abc import Callable, Mapping

import equinox as eqx
import numpy as np
from jaxtyping import Float

from cevnsjax.flavours import Flavour
from cevnsjax.numeric import AnyArray, Part, namespace
from cevnsjax.quadrature import panel_nodes

__all__ = ["Component", "fold"]


class Component(Part):
    """One flavour component of a source, as it arrives at the detector.

    `edges` are ascending energies [MeV], from the component's first to its last, between which it is smooth;
    `baseline` [cm] is the distance from the source. `profiles` hold, by the name of an axis beside the first, the
    probability of each of its bins.
    """

    flavour: eqx.AbstractVar[Flavour]
    edges: eqx.AbstractVar[Float[AnyArray, " edges"]]
    baseline: eqx.AbstractVar[float]
    profiles: eqx.AbstractVar[Mapping[str, Float[np.ndarray, " bins"]]]

    @abc.abstractmethod
    def density(self, energy: Float[AnyArray, "*n"]) -> Float[AnyArray, "*n"]:
        """Return phi(E) [cm^-2 s^-1 MeV^-1] at the energies E [MeV]."""


def fold(
    cross_section: Callable[[AnyArray], AnyArray], component: Component, minimum: Float[AnyArray, ""], order: int = 8
) -> Float[AnyArray, ""]:
    """Return the integral of phi(E) d(sigma)/dT(E) over E > E_min [s^-1 MeV^-1], for any function of E.

    `cross_section` takes energies [MeV] of shape (panels, order) and returns [cm^2/MeV]. The cross
    section may have any form: the function checks the moments, and serves cross sections that are no polynomial
    in 1/E. Panels below E_min have zero width, which keeps derivatives with respect to the limit. A cross
    section that rises like 1/E^2 needs E_min above 1 keV, or a higher order: the lowest panel of the tables is 8 keV
    wide.
    """
    xp = namespace(minimum, component.edges)
    edges = xp.maximum(component.edges, minimum)
    energy, weight = panel_nodes(edges[:-1], edges[1:], order)
    return xp.sum(weight * component.density(energy) * cross_section(energy))

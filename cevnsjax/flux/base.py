"""A neutrino flux of one flavour, and its integral with any function of the energy."""

import abc
from collections.abc import Callable

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from cevnsjax.flavours import Flavour
from cevnsjax.quadrature import panel_nodes

__all__ = ["Flux", "fold"]


class Flux(eqx.Module):
    """One flavour component of a flux.

    `edges` are ascending energies [MeV], from the flux' first to its last, between which it is smooth;
    `baseline` [cm] is the distance from its source.
    """

    flavour: eqx.AbstractVar[Flavour]
    edges: eqx.AbstractVar[Float[Array, " edges"]]
    baseline: eqx.AbstractVar[Float[Array, ""]]

    @abc.abstractmethod
    def density(self, energy: Float[Array, "*n"]) -> Float[Array, "*n"]:
        """Return phi(E) [cm^-2 s^-1 MeV^-1] at the energies E [MeV]."""


def fold(
    cross_section: Callable[[Array], Array], flux: Flux, minimum: Float[Array, ""], order: int = 8
) -> Float[Array, ""]:
    """Return the integral of phi(E) d(sigma)/dT(E) over E > E_min [s^-1 MeV^-1], for any function of E.

    `cross_section` takes energies [MeV] of shape (panels, order) and returns [cm^2/MeV]. Nothing is assumed
    of its form: this is the check of the moments, and the way in for a cross section that is no polynomial
    in 1/E. Panels below E_min shrink to no width, so the limit keeps its derivative. A cross section that rises
    like 1/E^2 needs E_min above 1 keV, or a higher order: the lowest panel of the tables is 8 keV wide.
    """
    edges = jnp.maximum(flux.edges, minimum)
    energy, weight = panel_nodes(edges[:-1], edges[1:], order)
    return jnp.sum(weight * flux.density(energy) * cross_section(energy))

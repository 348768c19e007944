"""A neutrino flux of one flavour, and its moments Phi_n over the energies that can make a recoil."""

import abc

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from cevnsjax.flavours import Flavour
from cevnsjax.quadrature import panel_nodes

__all__ = ["MOMENTS", "Flux", "flux_moments", "fold", "total_flux"]

MOMENTS = 3
"""Cross sections are polynomials of second degree in 1/E: three moments carry all of the flux."""


class Flux(eqx.Module):
    """One flavour component of a flux.

    `edges` are ascending energies [MeV], from the flux' first to its last, between which it is smooth.
    """

    flavour: eqx.AbstractVar[Flavour]
    edges: eqx.AbstractVar[Float[Array, "edges"]]

    @abc.abstractmethod
    def density(self, energy: Float[Array, "*n"]) -> Float[Array, "*n"]:
        """Return phi(E) [cm^-2 s^-1 MeV^-1] at the energies E [MeV]."""


def flux_moments(flux: Flux, minimum: Float[Array, "*n"], order: int) -> Float[Array, "3 *n"]:
    """Return Phi_n = integral of phi(E) E^-n from each E_min [MeV] to the end; [cm^-2 s^-1 MeV^-n].

    Gauss-Legendre of a static order on panels between the flux' edges. A panel that E_min cuts is
    integrated from E_min, so the moments are differentiable in it; an E_min beyond the end gives zero.
    """
    edges = flux.edges
    start = jnp.clip(minimum, edges[0], edges[-1]).ravel()
    upper = jnp.clip(jnp.searchsorted(edges, start, side="right"), 1, edges.size - 1)
    # Whole panels, then the panels that E_min cuts: one evaluation of the density for all.
    low, high = jnp.concatenate([edges[:-1], start]), jnp.concatenate([edges[1:], edges[upper]])
    energy, weight = panel_nodes(low, high, order)
    powers = jnp.stack([energy**-n for n in range(MOMENTS)])
    integrals = jnp.sum(weight * flux.density(energy) * powers, axis=-1)
    whole, cut = integrals[:, : edges.size - 1], integrals[:, edges.size - 1 :]
    # above[:, k] is the integral from edge k to the end.
    above = jnp.cumsum(jnp.pad(whole, ((0, 0), (0, 1)))[:, ::-1], axis=-1)[:, ::-1]
    return (cut + above[:, upper]).reshape(MOMENTS, *minimum.shape)


def total_flux(flux: Flux, order: int = 8) -> Float[Array, ""]:
    """Return the integral of phi(E) over all energies [cm^-2 s^-1]."""
    return flux_moments(flux, flux.edges[0], order)[0]


def fold(cross_section, flux: Flux, minimum: Float[Array, ""], order: int = 8) -> Float[Array, ""]:
    """Return the integral of phi(E) d(sigma)/dT(E) over E > E_min [s^-1 MeV^-1], for any function of E.

    `cross_section` takes energies [MeV] of shape (panels, order) and returns [cm^2/MeV]. Nothing is assumed
    of its form: this is the check of the moments, and the way in for a cross section that is no polynomial
    in 1/E. Panels below E_min shrink to no width, so the limit keeps its derivative.
    """
    edges = jnp.maximum(flux.edges, minimum)
    energy, weight = panel_nodes(edges[:-1], edges[1:], order)
    return jnp.sum(weight * flux.density(energy) * cross_section(energy))

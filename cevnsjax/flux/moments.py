"""Flux moments Phi_n(E_min): all that a cross section polynomial in 1/E needs to know of a flux."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from cevnsjax.flux.base import Flux
from cevnsjax.quadrature import panel_nodes

__all__ = ["MOMENTS", "FluxMoments", "flux_moments", "total_flux"]

MOMENTS = 3
"""Cross sections are polynomials of second degree in 1/E: three moments carry all of the flux."""

LEAST_ENERGY = 5e-5
"""Neutrinos below this energy [MeV] are left out: they give an electron 0.01 eV, a nucleus less."""

# Panel edges beside the flux' own: one per cent apart below 5 MeV, and a 400th of the whole range. A cubic
# is then exact to 1e-7 in between.
_RATIO_FILL = np.geomspace(LEAST_ENERGY, 5.0, 1152)
_LINEAR_FILL = np.linspace(0.0, 1.0, 401)


class FluxMoments(eqx.Module):
    """Phi_n = integral of phi(E) E^-n from E_min to the end, n = 0, 1, 2; [cm^-2 s^-1 MeV^-n].

    Tabulated at panel edges, and in between a cubic through values and slopes: the slope is known, it is
    -phi(E_min) E_min^-n. A panel has its own slopes at both ends, as the flux may jump between panels.
    """

    low: Float[Array, " panels"]
    width: Float[Array, " panels"]
    value_low: Float[Array, "3 panels"]
    value_high: Float[Array, "3 panels"]
    slope_low: Float[Array, "3 panels"]
    slope_high: Float[Array, "3 panels"]

    def __call__(self, minimum: Float[Array, "*n"]) -> Float[Array, "3 *n"]:
        """Return the moments for each E_min [MeV]; zero beyond the flux' end."""
        minimum = jnp.clip(minimum, self.low[0], self.low[-1] + self.width[-1])
        panel = jnp.clip(jnp.searchsorted(self.low, minimum, side="right") - 1, 0, self.low.size - 1)
        width = self.width[panel]
        t = jnp.where(width > 0, (minimum - self.low[panel]) / jnp.where(width > 0, width, 1.0), 0.0)
        s = 1 - t
        return (
            s * s * (1 + 2 * t) * self.value_low[:, panel]
            + t * t * (1 + 2 * s) * self.value_high[:, panel]
            + width * s * t * (s * self.slope_low[:, panel] - t * self.slope_high[:, panel])
        )


def flux_moments(flux: Flux, order: int) -> FluxMoments:
    """Return a flux' moments, by Gauss-Legendre of a static order on each panel; differentiable in the flux."""
    end = flux.edges[-1]
    edges = jnp.concatenate([flux.edges, jnp.asarray(_RATIO_FILL), end * _LINEAR_FILL])
    edges = jnp.sort(jnp.clip(edges, LEAST_ENERGY, end))
    low, high = edges[:-1], edges[1:]
    inside, weight = panel_nodes(low, high, order)
    # The ends a hair inside the panel, where the density is the panel's own.
    hair = 1e-9 * (high - low)
    energy = jnp.concatenate([inside, jnp.stack([low + hair, high - hair], axis=-1)], axis=-1)
    density = flux.density(energy) * jnp.stack([energy**-n for n in range(MOMENTS)])
    panels = jnp.sum(weight * density[..., :order], axis=-1)
    values = jnp.cumsum(jnp.pad(panels, ((0, 0), (0, 1)))[:, ::-1], axis=-1)[:, ::-1]
    return FluxMoments(low, high - low, values[:, :-1], values[:, 1:], -density[..., -2], -density[..., -1])


def total_flux(flux: Flux, order: int = 4) -> Float[Array, ""]:
    """Return the integral of phi(E) over all energies above LEAST_ENERGY [cm^-2 s^-1]."""
    return flux_moments(flux, order).value_low[0, 0]

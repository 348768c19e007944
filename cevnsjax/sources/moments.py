"""Flux moments Phi_n(E_min), which determine the rate of any cross section that is a polynomial in 1/E."""

import abc
from typing import Protocol, runtime_checkable

import numpy as np
from jaxtyping import Float

from cevnsjax.numeric import AnyArray, Part, namespace
from cevnsjax.quadrature import panel_nodes

__all__ = [
    "MOMENTS",
    "EnergyGrid",
    "FluxMoments",
    "LineMoments",
    "Moments",
    "energy_grid",
    "flux_moments",
    "total_flux",
]

MOMENTS = 3
"""Cross sections are polynomials of second degree in 1/E: three moments carry all of the flux."""

LEAST_ENERGY = 5e-5
"""Neutrinos below this energy [MeV] are left out: they give an electron 0.01 eV, a nucleus less."""

FLUX_ORDER = 4
"""Gauss-Legendre nodes on each panel of the flux."""

# Panel edges beside the flux' own: one per cent apart below 5 MeV, and a 400th of the whole range. A cubic
# is then exact to 1e-7 in between.
_RATIO_FILL = np.geomspace(LEAST_ENERGY, 5.0, 1152)
_LINEAR_FILL = np.linspace(0.0, 1.0, 401)


@runtime_checkable
class Smooth(Protocol):
    """A flux that is smooth between its edges [MeV]."""

    edges: Float[AnyArray, " edges"]

    def density(self, energy: Float[AnyArray, "*n"]) -> Float[AnyArray, "*n"]:
        """Return phi(E) [cm^-2 s^-1 MeV^-1]."""


class EnergyGrid(Part):
    """Panels in the neutrino energy, from `low` to `high` [MeV], and the energies at which a flux must be known.

    `energy` [MeV] has the nodes of each panel and both of its ends, `weight` [MeV] the weights of the nodes.
    """

    low: Float[AnyArray, " panels"]
    high: Float[AnyArray, " panels"]
    energy: Float[AnyArray, "panels nodes"]
    weight: Float[AnyArray, "panels order"]


class Moments(Part):
    """Phi_n = integral of phi(E) E^-n from E_min to the end, n = 0, 1, 2; [cm^-2 s^-1 MeV^-n]."""

    @abc.abstractmethod
    def __call__(self, minimum: Float[AnyArray, "*n"]) -> Float[AnyArray, "3 *n"]:
        """Return the moments for each `minimum` E_min [MeV]; zero beyond the flux' end."""


class LineMoments(Moments):
    """The moments of neutrinos of one `energy` [MeV] and of a `flux` [cm^-2 s^-1]: all of them, until E_min exceeds it.

    >>> from cevnsjax.sources import LineMoments
    >>> LineMoments(2.0, 4.0)(np.array([1.0, 3.0]))
    array([[4., 0.],
           [2., 0.],
           [1., 0.]])
    """

    energy: Float[AnyArray, ""] | float
    flux: Float[AnyArray, ""] | float

    def __call__(self, minimum: Float[AnyArray, "*n"]) -> Float[AnyArray, "3 *n"]:
        """Return the moments for each E_min [MeV]; zero beyond the line."""
        xp = namespace(minimum, self.energy, self.flux)
        reached = xp.where(xp.asarray(minimum) < self.energy, self.flux, 0.0)
        return xp.stack([reached / self.energy**n for n in range(MOMENTS)])


class FluxMoments(Moments):
    """Moments of a spectrum [cm^-2 s^-1 MeV^-n].

    Tabulated at panel edges, and in between a cubic through values and slopes: the slope is known, it is
    -phi(E_min) E_min^-n. A panel begins at `low` and has a `width` [MeV]. `value_low`, `slope_low`, `value_high` and
    `slope_high` are those at its ends: it has its own slopes, as the flux may jump between panels.
    """

    low: Float[AnyArray, " panels"]
    width: Float[AnyArray, " panels"]
    value_low: Float[AnyArray, "3 panels"]
    value_high: Float[AnyArray, "3 panels"]
    slope_low: Float[AnyArray, "3 panels"]
    slope_high: Float[AnyArray, "3 panels"]

    def __call__(self, minimum: Float[AnyArray, "*n"]) -> Float[AnyArray, "3 *n"]:
        """Return the moments for each E_min [MeV]; zero beyond the flux' end."""
        xp = namespace(minimum, self.value_low)
        minimum = xp.clip(minimum, self.low[0], self.low[-1] + self.width[-1])
        panel = xp.clip(xp.searchsorted(self.low, minimum, side="right") - 1, 0, self.low.size - 1)
        low, width = xp.asarray(self.low)[panel], xp.asarray(self.width)[panel]
        t = xp.where(width > 0, (minimum - low) / xp.where(width > 0, width, 1.0), 0.0)
        s = 1 - t
        return (
            s * s * (1 + 2 * t) * xp.asarray(self.value_low)[:, panel]
            + t * t * (1 + 2 * s) * xp.asarray(self.value_high)[:, panel]
            + width * s * t * (s * xp.asarray(self.slope_low)[:, panel] - t * xp.asarray(self.slope_high)[:, panel])
        )


def energy_grid(component: Smooth, order: int = FLUX_ORDER) -> EnergyGrid:
    """Return the panels for a `component`'s moments, with Gauss-Legendre nodes of a static `order` on each.

    >>> from cevnsjax.sources import energy_grid
    >>> (component,) = cevnsjax.load_experiment("conus_plus").signal.components
    >>> f"{energy_grid(component).low[0]:.0e} to {energy_grid(component).high[-1]} MeV"
    '5e-05 to 12.5 MeV'
    """
    xp = namespace(component.edges)
    end = component.edges[-1]
    edges = xp.concatenate([component.edges, _RATIO_FILL, end * _LINEAR_FILL])
    edges = xp.sort(xp.clip(edges, LEAST_ENERGY, end))
    low, high = edges[:-1], edges[1:]
    inside, weight = panel_nodes(low, high, order)
    # The ends a hair inside the panel, where the density is the panel's own.
    hair = 1e-9 * (high - low)
    energy = xp.concatenate([inside, xp.stack([low + hair, high - hair], axis=-1)], axis=-1)
    return EnergyGrid(low, high, energy, weight)


def flux_moments(
    component: Smooth, grid: EnergyGrid | None = None, survival: Float[AnyArray, "panels nodes"] | float = 1.0
) -> FluxMoments:
    """Return the moments [cm^-2 s^-1 MeV^-n] of a `component`.

    `grid` is that of `energy_grid` by default; `survival` is the share of neutrinos that is left at each of its
    energies.

    >>> from cevnsjax.sources import flux_moments
    >>> (component,) = cevnsjax.load_experiment("conus_plus").signal.components
    >>> moments = flux_moments(component)(np.array([0.0, 6.0]))
    >>> [f"{value:.2e}" for value in moments[0]]  # all, and above 6 MeV [cm^-2 s^-1]
    ['1.50e+13', '5.38e+10']
    """
    grid = energy_grid(component) if grid is None else grid
    flux = component.density(grid.energy) * survival
    xp = namespace(flux)
    order = grid.weight.shape[-1]
    density = flux * namespace(grid.energy).stack([grid.energy**-n for n in range(MOMENTS)])
    panels = xp.sum(grid.weight * density[..., :order], axis=-1)
    values = xp.cumsum(xp.pad(panels, ((0, 0), (0, 1)))[:, ::-1], axis=-1)[:, ::-1]
    width = grid.high - grid.low
    return FluxMoments(grid.low, width, values[:, :-1], values[:, 1:], -density[..., -2], -density[..., -1])


def total_flux(component: Smooth, order: int = FLUX_ORDER) -> Float[AnyArray, ""]:
    """Return the integral of phi(E) over all energies above LEAST_ENERGY [cm^-2 s^-1].

    `order` is the number of Gauss-Legendre nodes on each panel of the `component`.

    >>> from cevnsjax.sources import total_flux
    >>> (component,) = cevnsjax.load_experiment("conus_plus").signal.components
    >>> f"{total_flux(component):.2e}"  # the quoted 1.5e13
    '1.50e+13'
    """
    return flux_moments(component, energy_grid(component, order)).value_low[0, 0]

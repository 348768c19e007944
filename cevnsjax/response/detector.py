"""From ionisation energy to the bins of the data: resolution, efficiency, energy scale and thresholds."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jax.scipy.special import erf
from jaxtyping import Array, Float

from cevnsjax.compilation import constant
from cevnsjax.quadrature import panel_nodes
from cevnsjax.response.quenching import Quenching

__all__ = ["Efficiency", "Resolution", "Response", "panel_edges"]

REACH = 8.0
"""How many standard deviations beyond the bins the ionisation energy is integrated over."""


class Resolution(eqx.Module):
    """A Gaussian of sigma^2 = noise^2 + F eta E, with Fano's factor F and the pair energy eta [MeV].

    If `truncated`, no energy below zero is found, and the Gaussian is normalised above it.
    """

    noise: Float[Array, ""]
    fano: Float[Array, ""]
    pair_energy: Float[Array, ""]
    truncated: bool = eqx.field(static=True, default=False)

    def sigma(self, energy: Float[Array, "*n"] | float) -> Float[Array, "*n"]:
        """Return the standard deviation [MeV] at an ionisation energy [MeV]."""
        return (self.noise**2 + self.fano * self.pair_energy * energy) ** 0.5


class Efficiency(eqx.Module):
    """The trigger's efficiency against the ionisation energy [MeV], linear between its points."""

    energy: Float[Array, " knots"]
    efficiency: Float[Array, " knots"]

    def __call__(self, energy: Float[Array, "*n"]) -> Float[Array, "*n"]:
        """Return the efficiency at ionisation energies [MeV], constant beyond the table's ends."""
        return jnp.interp(energy, self.energy, self.efficiency)


class Response(eqx.Module):
    """How a detector answers to ionisation. Every array is a leaf, to be varied or differentiated.

    An ionisation energy E is reconstructed around `scale` E + `shift`, so both move the spectrum and leave
    the bins where they are. `low` and `high` [MeV] limit the bins; `contiguous` says that each begins where
    the one before ends. `breaks` [MeV] are fixed panel edges: the ends of the integration, fill between
    them, and the binding energies, where Z_eff steps.
    """

    quenching: Quenching
    resolution: Resolution | None
    efficiency: Efficiency | None
    scale: Float[Array, ""]
    shift: Float[Array, ""]
    low: Float[Array, " bins"]
    high: Float[Array, " bins"]
    breaks: Float[Array, " breaks"]
    contiguous: bool = eqx.field(static=True)

    def nodes(self, order: int) -> tuple[Float[Array, " nodes"], Float[Array, " nodes"]]:
        """Return ionisation energies [MeV] and quadrature weights on panels between all edges.

        The bins' edges are among them, so that a bin without resolution is integrated to its very limits,
        and a moving edge has its derivative.
        """
        bins = jnp.concatenate([self.low, self.high[-1:] if self.contiguous else self.high])
        edges = jnp.sort(jnp.concatenate([self.breaks, jnp.maximum((bins - self.shift) / self.scale, 0.0)]))
        energy, weight = panel_nodes(edges[:-1], edges[1:], order)
        return energy.ravel(), weight.ravel()

    def bin_matrix(self, energy: Float[Array, " nodes"]) -> Float[Array, "bins nodes"]:
        """Return the probability that an ionisation energy is found in each bin."""
        reconstructed = self.scale * energy + self.shift
        low, high = self.low[:, None], self.high[:, None]
        if self.resolution is None:
            # A panel of no width lies on the edge where it meets another: closed above, it keeps its derivative.
            inside = (reconstructed > low) & (reconstructed <= high)
            matrix = jnp.where(inside, 1.0, 0.0)
        else:
            width = jnp.sqrt(2.0) * self.resolution.sigma(energy)
            matrix = (erf((high - reconstructed) / width) - erf((low - reconstructed) / width)) / 2
            if self.resolution.truncated:
                matrix *= 2 / (1 + erf(reconstructed / width))
        return matrix if self.efficiency is None else matrix * self.efficiency(energy)


def panel_edges(
    low: np.ndarray, high: np.ndarray, resolution: Resolution | None, steps: np.ndarray
) -> Float[Array, " breaks"]:
    """Return fixed panel edges [MeV] for bins [low, high], given the energies at which Z_eff steps.

    Panels are at most one standard deviation wide; they reach REACH standard deviations beyond the bins, but
    not below zero. Without resolution they end with the bins, and are a tenth of the energy wide, or as
    wide as the narrowest bin.
    """
    start, end = float(low.min()), float(high.max())
    if resolution is not None:
        start = max(0.0, start - REACH * float(resolution.sigma(start)))
        end += REACH * float(resolution.sigma(end))
    narrowest = float((high - low).min())
    fill = [start]
    while (here := fill[-1]) < end:
        step = max(here / 10, narrowest) if resolution is None else float(resolution.sigma(here))
        fill.append(here + step)
    steps = steps[(steps > start) & (steps < end)]
    return constant(np.unique(np.concatenate([fill[:-1], [end], steps])))

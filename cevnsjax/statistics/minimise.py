"""Gradient minimisation within bounds, vmapped over starting points."""

from collections.abc import Callable, Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from cevnsjax.parameters import Parameter

__all__ = ["Minimum", "minimise", "starting_points"]

TOLERANCE = 1e-8
MAX_STEPS = 100


class Minimum(eqx.Module):
    """Where a function is least, its value there, and whether the minimiser says that it converged."""

    point: Float[Array, " parameters"]
    value: Float[Array, ""]
    converged: Bool[Array, ""]


class _Coordinates(eqx.Module):
    """Minuit's internal coordinates: any real number maps into the bounds, and the bounds can be reached."""

    low: Float[Array, " parameters"]
    high: Float[Array, " parameters"]
    scale: Float[Array, " parameters"]

    def inside(self, internal: Float[Array, " parameters"]) -> Float[Array, " parameters"]:
        below, above = jnp.isfinite(self.low), jnp.isfinite(self.high)
        both = below & above
        low, high = jnp.where(below, self.low, 0.0), jnp.where(above, self.high, 0.0)
        half = jnp.where(both, (high - low) / 2, 1.0)
        boxed = low + half * (1 + jnp.sin(internal * self.scale / half))
        x = internal * self.scale
        ramp = self.scale * (jnp.sqrt(1 + internal**2) - 1)
        one_sided = jnp.where(below, low + ramp, high - ramp)
        return jnp.where(both, boxed, jnp.where(below | above, one_sided, x))

    def internal(self, point: Float[Array, " parameters"]) -> Float[Array, " parameters"]:
        below, above = jnp.isfinite(self.low), jnp.isfinite(self.high)
        both = below & above
        low, high = jnp.where(below, self.low, 0.0), jnp.where(above, self.high, 0.0)
        half = jnp.where(both, (high - low) / 2, 1.0)
        boxed = jnp.arcsin(jnp.clip((point - low) / half - 1, -1, 1)) * half / self.scale
        ramp = jnp.abs(point - jnp.where(below, low, high)) / self.scale
        one_sided = jnp.sqrt(jnp.maximum((ramp + 1) ** 2 - 1, 0.0))
        return jnp.where(both, boxed, jnp.where(below | above, one_sided, point / self.scale))


def minimise(
    function: Callable[[Float[Array, " parameters"]], Float[Array, ""]],
    start: Float[Array, "starts parameters"],
    parameters: Sequence[Parameter],
) -> Minimum:
    """Return the least of the minima that BFGS finds from several starts, within the parameters' bounds.

    The function is scalar and differentiable. Traceable: it may stand inside `jit` and `vmap`.
    """
    import optimistix as optx  # takes a third of a second to import, which a prediction need not wait for

    coordinates = _Coordinates(
        low=jnp.asarray([p.bounds[0] for p in parameters]),
        high=jnp.asarray([p.bounds[1] for p in parameters]),
        scale=jnp.asarray([p.scale for p in parameters]),
    )

    def from_one(point: Float[Array, " parameters"]) -> Minimum:
        solution: optx.Solution = optx.minimise(
            lambda internal, _: function(coordinates.inside(internal)),
            optx.BFGS(rtol=TOLERANCE, atol=TOLERANCE),
            coordinates.internal(point),
            options={"autodiff_mode": "fwd"},  # few parameters, and no look-ups to transpose
            max_steps=MAX_STEPS,
            throw=False,
        )
        best = coordinates.inside(solution.value)
        return Minimum(best, function(best), jnp.asarray(solution.result == optx.RESULTS.successful))

    minima = jax.vmap(from_one)(start)
    least = jnp.argmin(jnp.where(jnp.isfinite(minima.value), minima.value, jnp.inf))
    return jax.tree.map(lambda leaf: leaf[least], minima)


def starting_points(parameters: Sequence[Parameter], number: int, seed: int = 0) -> Float[Array, "starts parameters"]:
    """Return the defaults, and points drawn around them: within the bounds, else ten scales to either side."""
    rng = np.random.default_rng(seed)
    default = np.array([p.default for p in parameters])
    low = np.array([max(p.bounds[0], p.default - 10 * p.scale) for p in parameters])
    high = np.array([min(p.bounds[1], p.default + 10 * p.scale) for p in parameters])
    drawn = rng.uniform(low, high, size=(number - 1, len(parameters)))
    return jnp.asarray(np.concatenate([default[None], drawn]))

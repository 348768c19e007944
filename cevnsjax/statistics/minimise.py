"""Gradient minimisation within bounds, vmapped over starting points."""

from collections.abc import Callable, Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from cevnsjax.parameters import Parameter

__all__ = ["Minimum", "minima", "own_scales", "starting_points", "typical_steps"]

TOLERANCE = 1e-6
"""Of a step, in units of the parameters' scales, and of the function: its minimum is then good to 1e-12."""

MAX_STEPS = 60


class Minimum(eqx.Module):
    """Where a function is least, its value there, and whether the minimiser says that it converged."""

    point: Float[Array, "*starts parameters"]
    value: Float[Array, "*starts"]
    converged: Bool[Array, "*starts"]


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


def minima(
    function: Callable[[Float[Array, " parameters"]], Float[Array, ""]],
    start: Float[Array, "starts parameters"],
    scale: Float[Array, " parameters"],
    parameters: Sequence[Parameter],
) -> Minimum:
    """Return the minima that BFGS finds from several starts, within the parameters' bounds.

    The function is scalar and differentiable; `scale` is a typical step of each parameter. Traceable: it may
    stand inside `jit` and `vmap`.
    """
    import optimistix as optx  # takes a third of a second to import, which a prediction need not wait for

    coordinates = _Coordinates(
        low=jnp.asarray([p.bounds[0] for p in parameters]),
        high=jnp.asarray([p.bounds[1] for p in parameters]),
        scale=scale,
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

    return jax.vmap(from_one)(start)


TRIED = np.outer(2.0 ** np.arange(-30, 61), [1.0, -1.0]).ravel()
"""Steps, the smaller ones first, in both directions."""


def typical_steps(
    function: Callable[[Float[Array, " parameters"]], Float[Array, ""]],
    parameters: Sequence[Parameter],
    units: Float[Array, " parameters"],
) -> Float[Array, " parameters"]:
    """Return, for each parameter, the least step from its default that changes the function by one.

    What a data set says of a coupling may lie orders of magnitude from what others say: the step is found,
    in powers of two about the parameter's `units`, its own scale mostly, which is returned where no step within bounds
    does it.
    """
    if not parameters:
        return jnp.zeros(0)
    default = jnp.asarray([p.default for p in parameters])
    tried = jnp.concatenate(
        [
            default[None],
            *(
                jnp.tile(default, (TRIED.size, 1)).at[:, i].set(tried_values(p, units[i]))
                for i, p in enumerate(parameters)
            ),
        ]
    )
    values = jax.vmap(function)(tried)
    return jnp.stack(
        [
            step_that_matters(values[0], one, unit)
            for one, unit in zip(jnp.split(values[1:], len(parameters)), units, strict=True)
        ]
    )


def tried_values(parameter: Parameter, unit: Float[Array, ""]) -> Float[Array, " tried"]:
    """Return a parameter's values where a function is looked at for its typical step, as close as they come first."""
    return jnp.clip(parameter.default + jnp.asarray(TRIED) * unit, *parameter.bounds)


def step_that_matters(
    at_default: Float[Array, ""], tried: Float[Array, " tried"], unit: Float[Array, ""]
) -> Float[Array, ""]:
    """Return the least step by which a function changes by one, of its values at those of `tried_values`."""
    changes = jnp.abs(tried - at_default) >= 1.0
    return jnp.where(changes.any(), jnp.abs(jnp.asarray(TRIED))[jnp.argmax(changes)] * unit, unit)


def own_scales(parameters: Sequence[Parameter]) -> Float[Array, " parameters"]:
    """Return each parameter's own scale."""
    return jnp.asarray([p.scale for p in parameters])


def starting_points(
    parameters: Sequence[Parameter], scale: Float[Array, " parameters"], number: int, seed: int = 0
) -> Float[Array, "starts parameters"]:
    """Return the defaults, and points drawn around them, three scales and thirty scales wide in turn.

    Between two bounds the second kind is drawn evenly. A coupling that enters squared has no slope at its default,
    zero: the drawn points find the way out.
    """
    rng = np.random.default_rng(seed)
    drawn = jnp.asarray(rng.uniform(-1.0, 1.0, size=(number - 1, len(parameters))))
    default = jnp.asarray([p.default for p in parameters])[None]
    low, high = (jnp.asarray([p.bounds[end] for p in parameters]) for end in (0, 1))
    far = jnp.where(
        jnp.isfinite(low) & jnp.isfinite(high),
        (low + high) / 2 + drawn * (high - low) / 2,
        default + 30 * scale * drawn,
    )
    points = jnp.where(jnp.arange(number - 1)[:, None] % 2 == 0, default + 3 * scale * drawn, far)
    return jnp.clip(jnp.concatenate([default, points]), low, high)

"""Chi-squared along one parameter, the other free ones minimised."""

from collections.abc import Callable, Mapping
from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from cevnsjax.parameters import Parameter
from cevnsjax.statistics.base import BinnedLikelihood
from cevnsjax.statistics.curve import Curve, FunctionCurve, Points
from cevnsjax.statistics.expansion import ExpandedLikelihood, anonymous
from cevnsjax.statistics.likelihood import Likelihood
from cevnsjax.statistics.minimise import (
    Minimum,
    minima,
    starting_points,
    step_that_matters,
    tried_values,
    typical_steps,
)

__all__ = [
    "Chi2Along",
    "ProfiledChi2",
    "chi2_of",
    "global_minima",
    "march",
    "prepared",
    "prepared_once",
    "simplified",
    "steps_of",
]

Values = Mapping[str, Float[Array, ""]]

FRESH = 6
"""How many starts are made anew at each point of a profile, beside the valleys that are followed."""

NEW_VALLEY = 1e-6
"""By how much a minimum must lie below those followed to be another."""

LONGEST_STEP = 4.0
"""How far a valley is followed in a straight line, in units of the step before."""


def chi2_of(
    likelihood: BinnedLikelihood, fixed: Values, parameters: tuple[Parameter, ...]
) -> Callable[[Float[Array, " parameters"]], Float[Array, ""]]:
    """Return chi^2 as a function of the parameters' values in a row."""
    return lambda point: likelihood.chi2({**fixed, **{p.name: point[i] for i, p in enumerate(parameters)}})


def prepared(
    likelihood: BinnedLikelihood, fixed: Values, free: tuple[Parameter, ...]
) -> tuple[BinnedLikelihood, Values]:
    """Return a likelihood that is cheap to vary in the free parameters, and the fixed ones it still needs.

    Where all of them have a power, or a pull, the counts are expanded; else the tables are made for the fixed
    quenching.
    """
    if not isinstance(likelihood, Likelihood):
        return likelihood, fixed
    couplings = [p for p in free if p.name not in likelihood.nuisance_names]
    if any(p.power is None for p in couplings):
        return likelihood.absorb(fixed)
    rest = {name: value for name, value in fixed.items() if name in likelihood.nuisance_names}
    return likelihood.expand(fixed, [p.name for p in couplings]), rest


# Run once for each fit: the compiler's effort would cost more than it saves.
prepared_once = jax.jit(prepared, static_argnames="free", compiler_options={"xla_backend_optimization_level": 0})


def simplified(
    likelihood: BinnedLikelihood, fixed: Values, free: tuple[Parameter, ...]
) -> tuple[BinnedLikelihood, Values, tuple[Parameter, ...]]:
    """Return a likelihood that is cheap to vary, what is fixed in it, and the free parameters as it has them.

    Couplings lose their names, so that what is compiled for one serves all others of its kind.
    """
    cheap, rest = prepared_once(likelihood, fixed, free)
    if not isinstance(cheap, ExpandedLikelihood):
        return cheap, rest, free
    couplings = [p for p in free if p.name not in likelihood.nuisance_names]
    inner = tuple(anonymous(p, couplings.index(p)) if p in couplings else p for p in free)
    return cheap.anonymous(), rest, inner


def steps_of(
    likelihood: BinnedLikelihood,
    fixed: Values,
    parameters: tuple[Parameter, ...],
    units: Float[Array, " parameters"],
) -> Float[Array, " parameters"]:
    """Return a typical step of each parameter, found about its `units`."""
    if len(parameters) != 1:
        return _steps_of_several(likelihood, fixed, parameters, units)
    # What is compiled for the curve of one parameter serves here, too.
    (parameter,) = parameters
    tried = np.append(parameter.default, np.asarray(tried_values(parameter, units[0])))
    chi2 = FunctionCurve(Chi2Along(likelihood, fixed, jnp.zeros(()), parameter)).along(tried).value
    return step_that_matters(chi2[0], chi2[1:], units[0])[None]


@partial(jax.jit, static_argnames="parameters")
def _steps_of_several(
    likelihood: BinnedLikelihood,
    fixed: Values,
    parameters: tuple[Parameter, ...],
    units: Float[Array, " parameters"],
) -> Float[Array, " parameters"]:
    return typical_steps(chi2_of(likelihood, fixed, parameters), parameters, units)


@eqx.filter_jit
def global_minima(
    likelihood: BinnedLikelihood,
    fixed: Values,
    parameters: tuple[Parameter, ...],
    scale: Float[Array, " parameters"],
    starts: int,
) -> Minimum:
    """Return the minima of chi^2 found from several starts, the least first."""
    start = starting_points(parameters, scale, starts)
    found = minima(chi2_of(likelihood, fixed, parameters), start, scale, parameters)
    order = jnp.argsort(jnp.where(jnp.isfinite(found.value), found.value, jnp.inf))
    return jax.tree.map(lambda leaf: leaf[order], found)


class Chi2Along(eqx.Module):
    """chi^2(x) less `reference`, one parameter at x and the `fixed` ones given: a function for a `FunctionCurve`."""

    likelihood: BinnedLikelihood
    fixed: Values
    reference: Float[Array, ""]
    over: Parameter = eqx.field(static=True)

    def __call__(self, x: Float[Array, ""]) -> Float[Array, ""]:
        """Return chi^2(x) less the reference."""
        return self.likelihood.chi2({**self.fixed, self.over.name: x}) - self.reference


class ProfiledChi2(Curve):
    """chi^2(x) less `reference`: one parameter at x, `fixed` ones given, `others` minimised.

    The minimum in the others moves with x, and there may be several. So they are followed: from `seeds`, minima
    at x = `origin`, outwards from point to point, each started where the last two steps point to. A start from
    afar alone would be lost, as chi^2 is flat where the prediction exceeds the data so far that the
    normalisation's pull has given up; but some are made, for valleys that open on the way.
    """

    likelihood: BinnedLikelihood
    fixed: Values
    scale: Float[Array, " others"]
    origin: Float[Array, ""]
    seeds: Float[Array, "lanes others"]
    reference: Float[Array, ""]
    over: Parameter = eqx.field(static=True)
    others: tuple[Parameter, ...] = eqx.field(static=True)

    def along(self, x: Float[np.ndarray, " n"]) -> Points:
        """Return the profile at ascending values, followed outwards from the origin to both sides."""
        # Both sides as far as the longer one, and that to a round number, so that few lengths are compiled.
        sides = [x[x >= float(self.origin)], x[x < float(self.origin)][::-1]]
        length = -(-max(side.size for side in sides) // 64) * 64
        padded = [np.pad(s, (0, length - s.size), constant_values=s[-1] if s.size else self.origin) for s in sides]
        marched = march(self, jnp.asarray(np.stack(padded)))
        after, before = (jax.tree.map(lambda leaf, i=i: leaf[i, : sides[i].size], marched) for i in (0, 1))
        return jax.tree.map(lambda a, b: jnp.concatenate([b[::-1], a]), after, before)

    def between(self, x: Float[Array, ""], left: Points, right: Points) -> tuple[Float[Array, ""], Float[Array, ""]]:
        """Return height and slope at a value between two points, started between their minima."""
        share = (x - left.x) / (right.x - left.x)
        start = left.state + share * (right.state - left.state)
        point = self._at(x, start, jnp.zeros((0, len(self.others))))
        return point.value, point.slope

    def _at(
        self, x: Float[Array, ""], start: Float[Array, "lanes others"], fresh: Float[Array, "starts others"]
    ) -> Points:
        """Return the profile at one value; its slope is that of chi^2 at the minimum, by the envelope theorem."""
        at_x = {**self.fixed, self.over.name: x}
        likelihood, rest = prepared(self.likelihood, at_x, self.others)
        chi2 = chi2_of(likelihood, rest, self.others)
        found = minima(chi2, jnp.concatenate([start, fresh]), self.scale, self.others)
        value = jnp.where(jnp.isfinite(found.value), found.value, jnp.inf)
        best = found.point[jnp.argmin(value)]
        # A valley that has opened beside those followed takes the place of the worst of them.
        followed = value[: start.shape[0]]
        lost = jnp.min(value) < jnp.min(followed) - NEW_VALLEY
        state = found.point[: start.shape[0]]
        state = state.at[jnp.argmax(followed)].set(jnp.where(lost, best, state[jnp.argmax(followed)]))
        at_minimum = {p.name: best[i] for i, p in enumerate(self.others)}
        along_x = Chi2Along(self.likelihood, {**self.fixed, **at_minimum}, self.reference, self.over)
        value, slope = jax.jvp(along_x, (x,), (jnp.ones(()),))
        return Points(x, value, slope, state)


@eqx.filter_jit
def march(profile: ProfiledChi2, x: Float[Array, "sides n"]) -> Points:
    """Return the profile at values that lead away from its origin to both sides, one after the other."""
    Carry = tuple[Array, Array, Array, Array]

    def step(carry: Carry, x: Float[Array, ""]) -> tuple[Carry, Points]:
        x_before, before, x_last, last = carry
        length = x_last - x_before
        ratio = jnp.where(length != 0, (x - x_last) / jnp.where(length != 0, length, 1.0), 0.0)
        # Two values may lie so close together that the step between their minima is noise.
        ratio = jnp.clip(ratio, 0.0, LONGEST_STEP)
        point = profile._at(x, last + ratio * (last - before), fresh)
        return (x_last, last, x, point.state), point

    fresh = starting_points(profile.others, profile.scale, FRESH)
    start = profile.origin, profile.seeds, profile.origin, profile.seeds
    return jax.vmap(lambda side: jax.lax.scan(step, start, side)[1])(x)

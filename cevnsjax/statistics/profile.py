"""Chi-squared along one parameter, the other free ones minimised."""

from collections.abc import Mapping

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from cevnsjax.parameters import Parameter
from cevnsjax.statistics.curve import Curve, Points
from cevnsjax.statistics.likelihood import Likelihood
from cevnsjax.statistics.minimise import Minimum, minima, starting_points, typical_steps

__all__ = ["Chi2Along", "ProfiledChi2", "global_minima"]

Values = Mapping[str, Float[Array, ""]]


@eqx.filter_jit
def global_minima(
    likelihood: Likelihood, fixed: Values, parameters: tuple[Parameter, ...], starts: int
) -> tuple[Minimum, Float[Array, " parameters"]]:
    """Return the minima of chi^2 found from several starts, the least first, and a typical step of each parameter."""
    likelihood, fixed = likelihood.absorb(fixed)

    def chi2(point: Float[Array, " parameters"]) -> Float[Array, ""]:
        return likelihood.chi2({**fixed, **{p.name: point[i] for i, p in enumerate(parameters)}})

    scale = typical_steps(chi2, parameters)
    found = minima(chi2, starting_points(parameters, scale, starts), scale, parameters)
    order = jnp.argsort(jnp.where(jnp.isfinite(found.value), found.value, jnp.inf))
    return jax.tree.map(lambda leaf: leaf[order], found), scale


class Chi2Along(eqx.Module):
    """chi^2(x) less `reference`, one parameter at x and the `fixed` ones given: a function for a `FunctionCurve`."""

    likelihood: Likelihood
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
    afar would be lost, as chi^2 is flat where the prediction exceeds the data so far that the normalisation's
    pull has given up.
    """

    likelihood: Likelihood
    fixed: Values
    scale: Float[Array, " others"]
    origin: Float[Array, ""]
    seeds: Float[Array, "lanes others"]
    reference: Float[Array, ""]
    over: Parameter = eqx.field(static=True)
    others: tuple[Parameter, ...] = eqx.field(static=True)

    def along(self, x: Float[np.ndarray, " n"]) -> Points:
        """Return the profile at ascending values, followed outwards from the origin to both sides."""
        right = x >= float(self.origin)
        after, before = _march(self, jnp.asarray(x[right])), _march(self, jnp.asarray(x[~right][::-1]))
        return jax.tree.map(lambda a, b: jnp.concatenate([b[::-1], a]), after, before)

    def between(self, x: Float[Array, ""], left: Points, right: Points) -> tuple[Float[Array, ""], Float[Array, ""]]:
        """Return height and slope at a value between two points, started between their minima."""
        share = (x - left.x) / (right.x - left.x)
        point = self._at(x, left.state + share * (right.state - left.state))
        return point.value, point.slope

    def _at(self, x: Float[Array, ""], start: Float[Array, "lanes others"]) -> Points:
        """Return the profile at one value; its slope is that of chi^2 at the minimum, by the envelope theorem."""
        likelihood, rest = self.likelihood.absorb({**self.fixed, self.over.name: x})

        def chi2(point: Float[Array, " others"]) -> Float[Array, ""]:
            return likelihood.chi2({**rest, **{p.name: point[i] for i, p in enumerate(self.others)}})

        found = minima(chi2, start, self.scale, self.others)
        best = found.point[jnp.argmin(jnp.where(jnp.isfinite(found.value), found.value, jnp.inf))]
        at_minimum = {p.name: best[i] for i, p in enumerate(self.others)}
        along_x = Chi2Along(self.likelihood, {**self.fixed, **at_minimum}, self.reference, self.over)
        value, slope = jax.jvp(along_x, (x,), (jnp.ones(()),))
        return Points(x, value, slope, found.point)


@eqx.filter_jit
def _march(profile: ProfiledChi2, x: Float[Array, " n"]) -> Points:
    """Return the profile at values that lead away from its origin, one after the other."""
    Carry = tuple[Array, Array, Array, Array]

    def step(carry: Carry, x: Float[Array, ""]) -> tuple[Carry, Points]:
        x_before, before, x_last, last = carry
        length = x_last - x_before
        ratio = jnp.where(length != 0, (x - x_last) / jnp.where(length != 0, length, 1.0), 0.0)
        point = profile._at(x, last + ratio * (last - before))
        return (x_last, last, x, point.state), point

    start = profile.origin, profile.seeds, profile.origin, profile.seeds
    return jax.lax.scan(step, start, x)[1]

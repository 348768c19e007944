"""Chi-squared as a function of some parameters, the other free ones minimised."""

from collections.abc import Mapping

import equinox as eqx
import jax
from jaxtyping import Array, Float

from cevnsjax.parameters import Parameter
from cevnsjax.statistics.likelihood import Likelihood
from cevnsjax.statistics.minimise import Minimum, minimise, starting_points, typical_steps

__all__ = ["ProfiledChi2", "minimum", "on_grid"]


class ProfiledChi2(eqx.Module):
    """chi^2(x) less `reference`: one parameter at x, `fixed` ones given, `others` minimised from `start`.

    Its derivative in x is that of chi^2 at the minimum: by the envelope theorem the motion of the others does
    not count, so they are stopped. (A second derivative would need it.)
    """

    likelihood: Likelihood
    fixed: dict[str, Float[Array, ""]]
    start: Float[Array, "starts others"]
    scale: Float[Array, " others"]
    reference: Float[Array, ""]
    over: Parameter = eqx.field(static=True)
    others: tuple[Parameter, ...] = eqx.field(static=True)

    def __call__(self, x: Float[Array, ""]) -> Float[Array, ""]:
        """Return the profiled chi^2 at one value of the parameter."""
        fixed = {**self.fixed, self.over.name: x}
        if not self.others:
            return self.likelihood.chi2(fixed) - self.reference
        likelihood, rest = self.likelihood.absorb(fixed)
        frozen = jax.lax.stop_gradient((likelihood, rest))
        best = minimise(lambda point: self._chi2(*frozen, point), self.start, self.scale, self.others)
        return self._chi2(likelihood, rest, jax.lax.stop_gradient(best.point)) - self.reference

    def _chi2(
        self, likelihood: Likelihood, fixed: Mapping[str, Float[Array, ""]], point: Float[Array, " others"]
    ) -> Float[Array, ""]:
        return likelihood.chi2({**fixed, **{p.name: point[i] for i, p in enumerate(self.others)}})


@eqx.filter_jit
def minimum(
    likelihood: Likelihood,
    fixed: Mapping[str, Float[Array, ""]],
    parameters: tuple[Parameter, ...],
    starts: int,
) -> tuple[Minimum, Float[Array, " parameters"]]:
    """Return the least chi^2 over the parameters, the fixed ones given, and a typical step of each."""
    likelihood, fixed = likelihood.absorb(fixed)

    def chi2(point: Float[Array, " parameters"]) -> Float[Array, ""]:
        return likelihood.chi2({**fixed, **{p.name: point[i] for i, p in enumerate(parameters)}})

    scale = typical_steps(chi2, parameters)
    return minimise(chi2, starting_points(parameters, scale, starts), scale, parameters), scale


@eqx.filter_jit
def on_grid(profile: ProfiledChi2, x: Float[Array, " points"]) -> Float[Array, " points"]:
    """Return the profile at many values, vmapped."""
    return jax.vmap(profile)(x)

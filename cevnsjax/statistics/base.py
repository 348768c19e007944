"""Chi-squared of counts, whatever predicts them: what every likelihood of binned data has in common."""

import abc
from collections.abc import Mapping

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from cevnsjax.parameters import NORM, Parameter, Parameters, canonical
from cevnsjax.statistics import gaussian

__all__ = ["BinnedLikelihood", "Data"]

Values = Mapping[str, object]


class Data(eqx.Module):
    """What was observed in each bin, with its standard deviation, and that of the normalisation's pull."""

    observed: Float[Array, " bins"]
    sigma: Float[Array, " bins"]
    norm_sigma: Float[Array, ""]


class BinnedLikelihood(eqx.Module):
    """Gaussian likelihood of counts, each experiment's with a normalisation of its own.

    What a dict of parameters leaves out is treated as it is in the published analysis: couplings stay at their
    defaults, and the normalisation's pull is minimised or integrated out, in closed form. What a dict holds is used
    as given.
    """

    names: eqx.AbstractVar[tuple[str, ...]]
    integrated: eqx.AbstractVar[Float[Array, ""]]
    """One where the pull is integrated out, zero where it is minimised."""

    @property
    @abc.abstractmethod
    def parameters(self) -> dict[str, Parameter]:
        """All parameters by name; defaults as they hold here."""

    @abc.abstractmethod
    def observations(self) -> tuple[Data, ...]:
        """Return the data of each experiment."""

    @abc.abstractmethod
    def counts(self, params: Parameters) -> tuple[Float[Array, "detectors bins"], ...]:
        """Return each experiment's prediction by detector, in the data's unit, before normalisation."""

    def sums(self, params: Parameters) -> tuple[gaussian.Sums, ...]:
        """Return what each experiment's chi-squared needs to know of the prediction."""
        return tuple(
            gaussian.sums(counts.sum(axis=0), data.observed, data.sigma, data.norm_sigma)
            for counts, data in zip(self.counts(params), self.observations(), strict=True)
        )

    @property
    def norms(self) -> tuple[str, ...]:
        """The names of the experiments' normalisations."""
        if len(self.names) == 1:
            return (NORM.name,)
        return tuple(f"{NORM.name}_{name}" for name in self.names)

    def chi2(self, params: Values) -> Float[Array, ""]:
        """Return Eq. (20) of arXiv:2501.12441, summed over experiments.

        Raises `InputError` for an unknown parameter.
        """
        return _chi2(self, canonical(params, self.parameters))

    def log_likelihood(self, params: Values) -> Float[Array, ""]:
        """Return -chi^2 / 2 - sum_i log(sqrt(2 pi) sigma_i): the density of the data, times that of the pulls.

        The pulls enter without their own constant, which no inference within this likelihood depends on.
        """
        width = jnp.concatenate([data.sigma for data in self.observations()])
        return -self.chi2(params) / 2 - jnp.sum(jnp.log(jnp.sqrt(2 * jnp.pi) * width))

    def best_norms(self, params: Values) -> dict[str, Float[Array, ""]]:
        """Return the normalisations that minimise chi^2 where `params` leaves them out, else as given."""
        return _best_norms(self, canonical(params, self.parameters))


@jax.jit
def _chi2(likelihood: BinnedLikelihood, params: Parameters) -> Float[Array, ""]:
    total = jnp.zeros(())
    for norm, given in zip(likelihood.norms, likelihood.sums(params), strict=True):
        if norm in params:
            total += gaussian.chi2_at_norm(given, params[norm])
        else:
            total += gaussian.chi2_profiled(given) + likelihood.integrated * gaussian.log_volume(given)
    return total


@jax.jit
def _best_norms(likelihood: BinnedLikelihood, params: Parameters) -> dict[str, Float[Array, ""]]:
    given = zip(likelihood.norms, likelihood.sums(params), strict=True)
    return {norm: params.get(norm, gaussian.best_norm(one)) for norm, one in given}

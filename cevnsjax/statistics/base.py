"""Chi-squared of counts, whatever predicts them: what every likelihood of binned data has in common."""

import abc
from collections.abc import Mapping

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from cevnsjax.parameters import Parameter, Parameters, canonical
from cevnsjax.statistics import gaussian
from cevnsjax.statistics.pulls import Data, Measurement, Problem, Shape

__all__ = ["BinnedLikelihood", "problem_of"]

Values = Mapping[str, object]


class BinnedLikelihood(eqx.Module):
    """Gaussian likelihood of counts, each experiment's with normalisations of its own.

    What a dict of parameters leaves out is treated as it is in the published analysis: couplings stay at their
    defaults, and what has a pull is minimised, factors on the signal in closed form (or integrated out). What a dict
    holds is used as given.
    """

    names: eqx.AbstractVar[tuple[str, ...]]
    integrated: eqx.AbstractVar[Float[Array, ""]]
    """One where the normalisation's pull is integrated out, zero where it is minimised."""
    shapes: eqx.AbstractVar[tuple[Shape, ...]]

    @property
    @abc.abstractmethod
    def parameters(self) -> dict[str, Parameter]:
        """All parameters by name; defaults as they hold here."""

    @abc.abstractmethod
    def observations(self) -> tuple[Measurement, ...]:
        """Return the data of each experiment."""

    @abc.abstractmethod
    def terms(self, params: Parameters) -> tuple[Float[Array, "_terms _bins"], ...]:
        """Return each experiment's prediction before normalisation, as coefficients of its data's monomials."""

    def sums(self, params: Parameters) -> tuple[gaussian.Sums, ...]:
        """Return what each experiment's chi-squared needs to know of the prediction, where no shape is varied."""
        return tuple(
            gaussian.sums(terms[0], data.observed, data.sigma)
            for terms, data in zip(self.terms(params), self.observations(), strict=True)
        )

    @property
    def norms(self) -> tuple[str, ...]:
        """The names of all factors on the signal."""
        return tuple(name for data in self.observations() for name in data.norms)

    @property
    def nuisance_names(self) -> tuple[str, ...]:
        """The names of all that has, or may have, a pull: factors on the signal, and shapes."""
        return (*self.norms, *(shape.name for shape in self.shapes))

    def chi2(self, params: Values) -> Float[Array, ""]:
        """Return Eq. (20) of arXiv:2501.12441, summed over experiments, and the pulls of shapes.

        Raises `InputError` for an unknown parameter.
        """
        return _chi2(self, canonical(params, self.parameters))

    def log_likelihood(self, params: Values) -> Float[Array, ""]:
        """Return the logarithm of the probability (density) of the data, times that of the pulls.

        That is -chi^2 / 2, less sum_i log(sqrt(2 pi) sigma_i) for Gaussian data. The pulls enter without their own
        constant, which no inference within this likelihood depends on.
        """
        return -self.chi2(params) / 2 + sum(data.log_constant() for data in self.observations())

    def best_nuisances(self, params: Values) -> dict[str, Float[Array, ""]]:
        """Return the factors on the signal, and the shapes, that minimise chi^2 where `params` leaves them out.

        Those it holds are returned as given.
        """
        return _best_nuisances(self, canonical(params, self.parameters))

    def predicted(self, params: Values) -> tuple[Float[Array, " _bins"], ...]:
        """Return each experiment's prediction before normalisation, with the shapes that suit the data best."""
        return _predicted(self, canonical(params, self.parameters))


def problem_of(likelihood: BinnedLikelihood, params: Parameters) -> tuple[Problem, Float[Array, ""]]:
    """Return chi^2 as a function of the shapes alone, less what given factors on the signal add, and that."""
    data = likelihood.observations()
    fixed = tuple(i for i, shape in enumerate(likelihood.shapes) if shape.name in params)
    z = [(params[s.name] - s.centre) / s.sigma if s.name in params else jnp.zeros(()) for s in likelihood.shapes]
    places = jnp.stack(z) if z else jnp.zeros(0)
    pulls, penalties = zip(*(one.pull(params) for one in data), strict=True)
    problem = Problem(
        likelihood.terms(params), data, pulls, jnp.zeros(len(z)), likelihood.integrated, places, fixed,
        weight=tuple(float(shape.pulled) for shape in likelihood.shapes),
        reach=tuple((shape.low, shape.high) for shape in likelihood.shapes),
    )  # fmt: skip
    return problem, sum(penalties)


@jax.jit
def _chi2(likelihood: BinnedLikelihood, params: Parameters) -> Float[Array, ""]:
    if likelihood.shapes or not all(isinstance(one, Data) for one in likelihood.observations()):
        problem, penalty = problem_of(likelihood, params)
        return penalty + problem.minimum()
    pulls, penalties = zip(*(one.pull(params) for one in likelihood.observations()), strict=True)
    total = sum(penalties)
    for sums, pull in zip(likelihood.sums(params), pulls, strict=True):
        total += gaussian.chi2_profiled(sums, pull) + likelihood.integrated * gaussian.log_volume(sums, pull)
    return total


@jax.jit
def _best_nuisances(likelihood: BinnedLikelihood, params: Parameters) -> dict[str, Float[Array, ""]]:
    problem, _ = problem_of(likelihood, params)
    z = problem.place(problem.minimised())
    best = {shape.name: shape.centre + shape.sigma * z[i] for i, shape in enumerate(likelihood.shapes)}
    for data, pull, norm in zip(problem.data, problem.pulls, problem.norms(z), strict=True):
        variance = jnp.where(pull.variance > 0, pull.variance, 1.0)
        for name, sigma in zip(data.norms, data.norm_sigma, strict=True):
            # Each factor takes the part of the whole that its variance has in that of all.
            best[name] = params.get(name, 1 + (norm - pull.centre) * sigma**2 / variance)
    return best


@jax.jit
def _predicted(likelihood: BinnedLikelihood, params: Parameters) -> tuple[Float[Array, " _bins"], ...]:
    problem, _ = problem_of(likelihood, params)
    return problem.predicted(problem.place(problem.minimised()))

"""How improbable the data are without any signal: by toys, beside the asymptotic formula."""

import dataclasses
import math
from collections.abc import Mapping
from functools import partial

import jax
import jax.numpy as jnp
from jax.scipy.stats import norm as normal
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from cevnsjax.errors import InputError
from cevnsjax.parameters import NORM, canonical
from cevnsjax.statistics.base import problem_of
from cevnsjax.statistics.counted_toys import q0_of_counts, toys_above
from cevnsjax.statistics.counting import Counting
from cevnsjax.statistics.gaussian import Pull, best_norm
from cevnsjax.statistics.likelihood import Likelihood
from cevnsjax.statistics.pulls import Problem
from cevnsjax.statistics.toys import data_of, with_data

__all__ = ["Significance", "significance"]

FREE = 1e12
"""Variance of a pull that does not pull."""

MANY, FEW = 100_000, 1000
"""How many toys there are by default, without and with a background to be searched for."""

AT_ONCE = 1000
"""How many toys are in memory together."""


@dataclasses.dataclass(frozen=True)
class Significance:
    """The test of no signal: q0, chi^2 without a signal less that of the best strength that is not negative.

    `p_asymptotic` is half the probability of chi^2 with one degree of freedom above q0, and `sigma` its one-sided
    Gaussian equivalent. `p_toys` is the share of toys without signal whose q0 is no smaller, `p_error` its binomial
    error; where no toy was, `p_toys` is zero and only below 3 / `toys` at 95 %.
    """

    q0: float
    strength: float
    p_asymptotic: float
    sigma: float
    p_toys: float
    p_error: float
    toys: int


def significance(
    likelihood: Likelihood, values: Mapping[str, float] | None = None, toys: int | None = None, seed: int = 0
) -> Significance:
    """Return the significance of the signal that a likelihood of one experiment predicts at `values`.

    The strength of the signal is free, so factors on it do not matter; other nuisances with a pull are minimised, for
    toys too, whose pulls are centred on values drawn around the experiment's own. By default there are 100000 toys, or
    of counts with a background, whose nuisances take their time, 1000. Raises `InputError` for several experiments, a
    given strength, and fewer than 100 toys.
    """
    if len({e.name for e in likelihood.experiments}) > 1:
        raise InputError(f"experiments {', '.join(likelihood.names)} given; a signal is tested in one at a time")
    counted = any(isinstance(data, Counting) for data in likelihood.observations())
    toys = (MANY, FEW)[counted] if toys is None else toys
    if toys < 100:
        raise InputError(f"{toys} toys given; at least 100 are needed")
    params = canonical(values or {}, likelihood.parameters)
    if counted:
        return _of_counts(likelihood, params, toys, seed)
    problem = jax.jit(_free)(likelihood, params)
    q0, strength = (float(x) for x in jax.jit(_q0)(problem))
    chunks = -(-toys // AT_ONCE)
    above = int(_count(problem, jax.random.key(seed), jnp.asarray(q0), chunks))
    return _result(q0, strength, above, chunks * AT_ONCE)


def _result(q0: float, strength: float, above: int, toys: int) -> Significance:
    p = above / toys
    error = math.sqrt(p * (1 - p) / toys)
    return Significance(q0, strength, float(normal.sf(math.sqrt(q0))), math.sqrt(q0), p, error, toys)


def _of_counts(likelihood: Likelihood, params: Mapping[str, Float[Array, ""]], toys: int, seed: int) -> Significance:
    if NORM.name in params:
        raise InputError(f"'{NORM.name}' is the strength that is tested for; do not set it")
    problem, _ = jax.jit(problem_of)(likelihood, params)
    q0, strength, place = jax.jit(q0_of_counts)(problem)
    q0 = jnp.maximum(q0, 0.0)
    above, made = toys_above(problem, place, q0, jax.random.key(seed), toys)
    return _result(float(q0), float(strength), above, made)


def _free(likelihood: Likelihood, params: Mapping[str, Float[Array, ""]]) -> Problem:
    """Return chi^2 with a factor on the signal that nothing pulls."""
    problem, _ = problem_of(likelihood, params)
    return dataclasses.replace(problem, pulls=(Pull(jnp.ones(()), jnp.asarray(FREE)),))


def _q0(problem: Problem) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """Return q0 and the best strength, zero where a negative one would be better."""
    (data,) = problem.data
    place = problem.minimised()
    (sums,), (pull,) = problem.sums(problem.place(place)), problem.pulls
    strength = jnp.maximum(best_norm(sums, pull), 0.0)
    # Without a signal nothing moves: shapes lie where they are pulled to.
    nothing = jnp.sum((data.observed / data.sigma) ** 2)
    nothing += jnp.sum((problem.z - problem.centre)[jnp.asarray(problem.fixed, dtype=int)] ** 2)
    return jnp.where(strength > 0, jnp.maximum(nothing - problem.chi2(place), 0.0), 0.0), strength


@partial(jax.jit, static_argnames="chunks")
def _count(problem: Problem, key: PRNGKeyArray, q0: Float[Array, ""], chunks: int) -> Int[Array, ""]:
    """Return how many toys without signal have a q0 that is no smaller."""
    size = data_of(problem).size
    shapes = problem.z.size
    # Data of no signal, in units of their errors; shapes at the experiment's own values.
    mean = jnp.zeros(size).at[size - shapes :].set(problem.z)

    def one(key: PRNGKeyArray) -> Bool[Array, ""]:
        x = mean + jax.random.normal(key, (size,))
        return _q0(with_data(problem, x))[0] >= q0

    def chunk(number: Array) -> Int[Array, ""]:
        return jnp.sum(jax.vmap(one)(jax.random.split(jax.random.fold_in(key, number), AT_ONCE)))

    return jnp.sum(jax.lax.map(chunk, jnp.arange(chunks)))

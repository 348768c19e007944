"""Toys of counts with a background: how often no signal looks like at least as much of one."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from cevnsjax.statistics.counting import Counting
from cevnsjax.statistics.gaussian import Pull
from cevnsjax.statistics.pulls import Problem

__all__ = ["q0_of_counts", "toys_above"]

AT_ONCE = 250
"""Toys that are fitted side by side."""


def q0_of_counts(problem: Problem) -> tuple[Float[Array, ""], Float[Array, ""], Float[Array, " shapes"]]:
    """Return q0, the strength that suits the data best, and the nuisances that do without a signal.

    q0 = chi^2(strength 0) - min over strengths >= 0, nuisances minimised in both: G. Cowan et al., Eur. Phys. J. C 71,
    1554 (2011), Eq. (12). All measurements must be counts with a background, and their signals have one strength.
    """
    nothing = _without_signal(problem)
    place = nothing.minimised()
    searched = _with_strength(problem)
    # From one, and where all else suits no signal.
    best = searched.minimised(jnp.append(place, 1.0))
    least = jnp.minimum(searched.chi2(best), nothing.chi2(place))
    return nothing.chi2(place) - least, best[-1], nothing.place(place)


def toys_above(
    problem: Problem, place: Float[Array, " shapes"], q0: Float[Array, ""], key: PRNGKeyArray, toys: int
) -> tuple[int, int]:
    """Return how many toys without a signal have a q0 that is no smaller, and how many were made.

    Counts are drawn from what is expected at `place`, the centres of pulls around it.
    """
    chunks = -(-toys // AT_ONCE)
    count = jax.jit(_chunk)
    above = sum(int(count(problem, place, q0, jax.random.fold_in(key, i))) for i in range(chunks))
    return above, chunks * AT_ONCE


def _chunk(problem: Problem, place: Float[Array, " shapes"], q0: Float[Array, ""], key: PRNGKeyArray) -> Int[Array, ""]:
    def one(key: PRNGKeyArray) -> Bool[Array, ""]:
        return q0_of_counts(_drawn(problem, place, key))[0] >= q0

    return jnp.sum(jax.vmap(one)(jax.random.split(key, AT_ONCE)))


def _drawn(problem: Problem, place: Float[Array, " shapes"], key: PRNGKeyArray) -> Problem:
    """Return the problem of one toy."""
    pulls, *keys = jax.random.split(key, 1 + len(problem.data))
    nothing = _without_signal(problem)
    data = []
    for one, signal, pull, own in zip(problem.data, nothing.predicted(place), nothing.pulls, keys, strict=True):
        assert isinstance(one, Counting)
        means = one.means(signal, place, pull.centre)
        if one.poisson:
            counts = jax.random.poisson(own, means).astype(float)
        else:
            counts = means + one.sigma * jax.random.normal(own, means.shape)
        off = None if one.off is None else counts[one.observed.size :]
        data.append(dataclasses.replace(one, observed=counts[: one.observed.size], off=off))
    centre = place + jax.random.normal(pulls, place.shape)
    return dataclasses.replace(problem, data=tuple(data), centre=jnp.where(np.array(problem.weight) > 0, centre, 0.0))


def _without_signal(problem: Problem) -> Problem:
    return dataclasses.replace(problem, pulls=tuple(Pull(jnp.zeros(()), jnp.zeros(())) for _ in problem.pulls))


def _with_strength(problem: Problem) -> Problem:
    """Return a problem that has the strength as its last variable, which nothing pulls."""
    number = jnp.asarray(problem.z.size)
    data = tuple(dataclasses.replace(one, strength=number) for one in problem.data if isinstance(one, Counting))
    return dataclasses.replace(
        problem,
        data=data,
        z=jnp.append(problem.z, 1.0),
        centre=jnp.append(problem.centre, 0.0),
        weight=(*problem.weight, 0.0),
        reach=(*problem.reach, (0.0, np.inf)),
    )

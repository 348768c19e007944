"""Chi-squared of a kernel, with its slopes and curvature, and closed factors at their best."""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from cevnsjax.likelihood.kernel import Data, Kernel, Term, Vector, closed_factor, means_of
from cevnsjax.likelihood.slopes import Slopes, bends, rest_slopes, signal_slopes
from cevnsjax.likelihood.terms import TERMS, Means, best_norm

__all__ = ["Expansion", "chi2", "expansion", "quadratic", "with_closed"]

Expansion = list[tuple[Slopes, Slopes]]
"""What the terms of each group expect at one point, and the slopes: of the signal, and of all else."""


def _constraints(kernel: Kernel, held: Bool[Array, " n"]) -> Vector:
    """Return the weight of each variable's constraint; closed factors count theirs themselves while not held."""
    return kernel.weight * jnp.where((kernel.closed > 0) & ~held, 0.0, 1.0)


def chi2(kernel: Kernel, data: Data, y: Vector, held: Bool[Array, " n"]) -> Float[Array, ""]:
    """Return chi-squared of all terms, and of the constraints; closed factors that are not held are minimised."""
    total = jnp.sum(_constraints(kernel, held) * (y - data.centre) ** 2)
    for group, observed in zip(kernel.groups, data.observed, strict=True):

        def one(term: Term, observed: Array) -> Array:
            means = means_of(kernel, term, y, held, data.centre)
            return TERMS[term.kind].chi2(means, observed, term.sigma, kernel.integrated)

        total += jnp.sum(jax.vmap(one)(group, observed))
    return total


def expansion(kernel: Kernel, y: Vector) -> Expansion:
    """Return what all terms expect, and their slopes: the same for all data, so that many may share it."""

    def one(term: Term) -> tuple[Slopes, Slopes]:
        ended = jnp.append(y, 0.0)
        return signal_slopes(term, ended, kernel.couplings), rest_slopes(term, ended, term.sigma.size)

    return [jax.vmap(one)(group) for group in kernel.groups]


def quadratic(
    kernel: Kernel, data: Data, y: Vector, held: Bool[Array, " n"], known: Expansion | None = None
) -> tuple[Float[Array, ""], Vector, Float[Array, "n n"], Float[Array, "n n"]]:
    """Return chi-squared, its gradient, its curvature as Gauss and Newton, or Fisher, have it, and what this lacks.

    It lacks second derivatives of counts, and of counts observed the difference from those expected. With them the
    curvature may be indefinite; without them steps creep along a valley that bends, or leap across it. Where the
    expansion of counts is `known`, second derivatives of counts are left out.
    """
    weight = _constraints(kernel, held)
    value = jnp.sum(weight * (y - data.centre) ** 2)
    gradient = 2 * weight * (y - data.centre)
    curvature = jnp.diag(2 * weight)
    bent = jnp.zeros_like(curvature)
    slopes_of = expansion(kernel, y) if known is None else known
    for group, observed, expanded in zip(kernel.groups, data.observed, slopes_of, strict=True):

        def one(term: Term, observed: Array, expanded: tuple[Slopes, Slopes]) -> tuple[Array, Array, Array, Array]:
            kind, ended, (signal, rest) = TERMS[term.kind], jnp.append(y, 0.0), expanded
            factor, variance = closed_factor(term, ended, held, data.centre)
            means = Means(signal.counts, rest.counts, factor, variance)
            along = means._replace(signal=signal.along, rest=rest.along)
            value = kind.chi2(means, observed, term.sigma, kernel.integrated)
            *on, curvature, lacking = kind.quadratic(means, along, observed, term.sigma, kernel.integrated)
            if known is None:
                lacking += bends(term, ended, kernel.couplings, *on)
            return value, along.signal @ on[0] + along.rest @ on[1], curvature, lacking

        values, slopes, curvatures, bent_by = jax.vmap(one)(group, observed, expanded)
        value += jnp.sum(values)
        gradient = gradient.at[group.own].add(slopes, mode="drop")
        block = group.own[:, :, None], group.own[:, None, :]
        curvature = curvature.at[block].add(curvatures, mode="drop")
        bent = bent.at[block].add(bent_by, mode="drop")
    return value, gradient, curvature, bent


def with_closed(kernel: Kernel, data: Data, y: Vector, held: Bool[Array, " n"]) -> Vector:
    """Return the variables with closed factors at their best: each takes the share of its variance."""
    given = y
    for group, observed in zip(kernel.groups, data.observed, strict=True):

        def one(term: Term, observed: Array) -> Array:
            means = means_of(kernel, term, given, held, data.centre)
            variance = jnp.where(means.variance > 0, means.variance, 1.0)
            away = (best_norm(means, observed, term.sigma) - means.centre) / variance
            best = jnp.append(data.centre, 0.0)[term.closed_index] + away * term.closed_sigma
            return jnp.where(jnp.append(held, True)[term.closed_index], jnp.append(given, 0.0)[term.closed_index], best)

        y = y.at[group.closed_index].set(jax.vmap(one)(group, observed), mode="drop")
    return y

"""Exact derivatives of a likelihood: gradient, Hessian, Fisher information and covariance."""

from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from cevnsjax.parameters import canonical
from cevnsjax.statistics.likelihood import Likelihood

__all__ = ["covariance", "fisher", "gradient", "hessian"]

Values = Mapping[str, object]
Matrix = Float[Array, "parameters parameters"]


def gradient(likelihood: Likelihood, params: Values) -> dict[str, Float[Array, ""]]:
    """Return d(log L)/d(parameter) at given values, for each parameter that `params` holds.

    Raises `InputError` for an unknown parameter.
    """
    return jax.grad(likelihood.log_likelihood)(canonical(params, likelihood.parameters))


def hessian(likelihood: Likelihood, params: Values, names: Sequence[str] | None = None) -> Matrix:
    """Return the second derivatives of -log L, rows and columns in the order of `names` (those of `params`).

    What `params` leaves out is treated as in `chi2`: a normalisation that is minimised there gives the Hessian of the
    profiled likelihood. At the best fit its inverse is the covariance that a minimiser reports.
    """
    values = canonical(params, likelihood.parameters)
    order = tuple(params) if names is None else tuple(names)

    def minus_log(point: Float[Array, " parameters"]) -> Float[Array, ""]:
        return -likelihood.log_likelihood({**values, **{name: point[i] for i, name in enumerate(order)}})

    return jax.jit(jax.hessian(minus_log))(jnp.stack([values[name] for name in order]))


def fisher(likelihood: Likelihood, params: Values, names: Sequence[str] | None = None) -> Matrix:
    """Return the Fisher information: the expected Hessian of -log L if `params` were true.

    It holds J^T V^-1 J with the predictions' derivatives J, and 1 / s^2 for each pull. What has a pull and is not among
    `params` is eliminated, which is what profiling does on average.
    """
    values = canonical(params, likelihood.parameters)
    order = tuple(params) if names is None else tuple(names)
    data = likelihood.observations()
    pulls = {shape.name: (shape.centre, shape.sigma) for shape in likelihood.shapes}
    for one in data:
        pulls |= {n: (jnp.ones(()), s) for n, s in zip(one.norms, one.norm_sigma, strict=True) if s > 0}
    every = (*order, *(name for name in pulls if name not in values))
    point = jnp.stack([values[name] if name in values else pulls[name][0] for name in every])

    def predicted(point: Float[Array, " parameters"]) -> Float[Array, " bins"]:
        return likelihood.expected({**values, **{name: point[i] for i, name in enumerate(every)}})

    sigma = jnp.concatenate([one.sigma for one in data])
    slopes = jax.jit(jax.jacfwd(predicted))(point) / sigma[:, None]
    weights = [1 / pulls[name][1] ** 2 if name in pulls else jnp.zeros(()) for name in every]
    information = slopes.T @ slopes + jnp.diag(jnp.stack(weights))
    kept = len(order)
    mixed, own = information[:kept, kept:], information[kept:, kept:]
    return information[:kept, :kept] - mixed @ jnp.linalg.solve(own, mixed.T)


def covariance(likelihood: Likelihood, params: Values, names: Sequence[str] | None = None) -> Matrix:
    """Return the inverse of `hessian`: the covariance of the parameters at the best fit.

    It is NaN or has negative variances where the Hessian is singular or `params` is no minimum, as at a coupling of
    zero that enters squared.
    """
    return jnp.linalg.inv(hessian(likelihood, params, names))

"""Exact derivatives of a likelihood: gradient, Hessian, Fisher information and covariance."""

from collections.abc import Mapping, Sequence
from functools import partial

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from cevnsjax.errors import InputError
from cevnsjax.parameters import canonical
from cevnsjax.statistics.counting import LEAST_MEAN
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
    profiled likelihood. At the best fit its inverse is the covariance that a minimiser reports. Raises `InputError` for
    names that are unknown, or not in `params`.
    """
    values = canonical(params, likelihood.parameters)
    order = _order(params, names)

    def minus_log(point: Float[Array, " parameters"]) -> Float[Array, ""]:
        return -likelihood.log_likelihood({**values, **{name: point[i] for i, name in enumerate(order)}})

    return jax.jit(jax.hessian(minus_log))(jnp.stack([values[name] for name in order]))


def fisher(likelihood: Likelihood, params: Values, names: Sequence[str] | None = None) -> Matrix:
    """Return the Fisher information: the expected Hessian of -log L if `params` were true.

    It holds J^T V^-1 J with the predictions' derivatives J and variances V, and 1 / s^2 for each pull. What is
    minimised where `params` leaves it out, for its pull or as a quantity of the background, is eliminated, which is
    what profiling does on average. `params` must hold all of `names`; raises `InputError` for what is unknown or left
    out.
    """
    values = canonical(params, likelihood.parameters)
    order = _order(params, names)
    searched = {shape.name: (shape.centre, shape.sigma if shape.pulled else None) for shape in likelihood.shapes}
    for one in likelihood.observations():
        searched |= {n: (jnp.ones(()), s) for n, s in zip(one.norms, one.norm_sigma, strict=True) if s > 0}
    every = (*order, *(name for name in searched if name not in values))
    point = jnp.stack([values[name] if name in values else searched[name][0] for name in every])
    # In units of their steps, as a coupling may be 1e-20 and a background's rate 1e3.
    step = jnp.stack([jnp.asarray(likelihood.parameters[name].scale) for name in every])

    found = _information(likelihood, values, every, point, step) / jnp.outer(step, step)
    pulls = [searched.get(name, (None, None))[1] for name in every]
    found += jnp.diag(jnp.stack([jnp.zeros(()) if sigma is None else 1 / sigma**2 for sigma in pulls]))
    kept = len(order)
    scaled = found * jnp.outer(step, step)  # which is inverted without a loss of digits
    mixed, own = scaled[:kept, kept:], scaled[kept:, kept:]
    return (scaled[:kept, :kept] - mixed @ jnp.linalg.solve(own, mixed.T)) / jnp.outer(step[:kept], step[:kept])


# Run once for each likelihood: the compiler's effort would cost more than it saves.
@partial(jax.jit, static_argnames="names", compiler_options={"xla_backend_optimization_level": 0})
def _information(
    likelihood: Likelihood, values: Values, names: tuple[str, ...], point: Float[Array, " n"], step: Float[Array, " n"]
) -> Float[Array, "n n"]:
    """Return J^T V^-1 J, with derivatives in units of the steps."""

    def means(z: Float[Array, " n"]) -> Float[Array, " cells"]:
        return likelihood.cells({**values, **{name: point[i] + step[i] * z[i] for i, name in enumerate(names)}})[0]

    here = jnp.zeros(len(names))
    slopes = jax.jacfwd(means)(here)
    variance = likelihood.cells({**values, **{name: point[i] for i, name in enumerate(names)}})[1]
    return slopes.T @ (slopes / jnp.maximum(variance, LEAST_MEAN)[:, None])  # zero where nothing can be counted


def _order(params: Values, names: Sequence[str] | None) -> tuple[str, ...]:
    order = tuple(params) if names is None else tuple(names)
    if missing := [name for name in order if name not in params]:
        raise InputError(f"derivatives in {missing[0]} need a value of it: give one, at which they are taken")
    return order


def covariance(likelihood: Likelihood, params: Values, names: Sequence[str] | None = None) -> Matrix:
    """Return the inverse of `hessian`: the covariance of the parameters at the best fit.

    It is NaN or has negative variances where the Hessian is singular or `params` is no minimum, as at a coupling of
    zero that enters squared.
    """
    return jnp.linalg.inv(hessian(likelihood, params, names))

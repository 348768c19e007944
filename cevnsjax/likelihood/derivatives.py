"""Exact derivatives of a likelihood: gradient, Hessian, Fisher information and covariance."""

import dataclasses
from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from cevnsjax.arguments import list_of_names
from cevnsjax.errors import InputError
from cevnsjax.likelihood import newton
from cevnsjax.likelihood.assembly import Layout
from cevnsjax.likelihood.given import Given, likelihood_of
from cevnsjax.likelihood.kernel import Data, Kernel, Term, means_of
from cevnsjax.likelihood.likelihood import Likelihood
from cevnsjax.likelihood.objective import chi2
from cevnsjax.likelihood.terms import LEAST_MEAN, TERMS
from cevnsjax.likelihood.views import View
from cevnsjax.parameters import canonical, check_names
from cevnsjax.programs import options_of, program

__all__ = ["covariance", "fisher", "gradient", "hessian"]

Values = Mapping[str, object]
Matrix = Float[Array, "parameters parameters"]


def gradient(likelihood: Given, params: Values) -> dict[str, Float[Array, ""]]:
    """Return the first derivatives of log L with respect to the parameters that are given.

    Args:
        likelihood: the likelihood, or names or paths of experiments.
        params: values of parameters by name; the others are treated as in `Likelihood.chi2`.

    Returns:
        d(log L)/d(parameter), in one over the parameter's unit, for each name in `params`.

    Raises:
        InputError: for an unknown parameter.

    Examples:
        >>> slope = cevnsjax.gradient(cevnsjax.Likelihood("conus_plus"), {"sin2_theta_w": 0.24})
        >>> round(float(slope["sin2_theta_w"]), 3)
        6.265
    """
    likelihood = likelihood_of(likelihood)
    values = canonical(params, likelihood.parameters)
    return jax.grad(likelihood.log_likelihood)({name: jax.device_put(value) for name, value in values.items()})


def hessian(likelihood: Given, params: Values, names: Sequence[str] | None = None) -> Matrix:
    """Return the second derivatives of -log L, in one over the units of both parameters.

    At the best fit the inverse is the covariance that a minimiser reports. A nuisance that `params` leaves out is
    minimised: this is then the Hessian of the profiled likelihood.

    Args:
        likelihood: the likelihood, or names or paths of experiments.
        params: values of parameters by name; the others are treated as in `Likelihood.chi2`.
        names: parameters along rows and columns, in this order; by default all of `params`.

    Raises:
        InputError: for names that are unknown, or not in `params`.

    Examples:
        >>> cevnsjax.hessian(cevnsjax.Likelihood("conus_plus"), {"sin2_theta_w": 0.24}).shape
        (1, 1)
    """
    likelihood = likelihood_of(likelihood)
    values = canonical(params, likelihood.parameters)
    order = _order(params, names, likelihood)
    view = likelihood.view(values)
    if all(name in view.layout.names for name in order):
        return _of_variables(view, values, order, likelihood.pull == "marginalised")
    # Counts are no polynomial in a mass: it goes through the model itself.
    scales = np.array([likelihood.parameters[name].scale for name in order])

    def minus_log(point: Float[Array, " parameters"]) -> Float[Array, ""]:
        given = {name: values[name] + scales[i] * point[i] for i, name in enumerate(order)}
        return -likelihood.log_likelihood({**values, **given})

    # In units of the parameters' scales, as a coupling may be 1e-20 and a background's rate 1e3. It runs once.
    second = jax.jit(jax.hessian(minus_log), compiler_options=options_of(0))
    return jax.device_put(np.asarray(second(np.zeros(len(order)))) / np.outer(scales, scales))


def _of_variables(view: View, values: Values, order: Sequence[str], integrated: bool) -> Matrix:
    """Return the second derivatives of -log L in variables of the kernel, as those of parameters."""
    y, held = view.start(values)
    kernel = dataclasses.replace(view.kernel, integrated=np.float64(integrated))
    places = np.array([view.layout.place(name) for name in order])
    search = bool((~held & (np.asarray(kernel.closed) == 0)).any())
    slopes, second = (np.asarray(part) for part in _second(kernel, view.data, y, held, places, search))
    units = np.array([_unit(view.layout, name) for name in order])
    once = np.array([_slope(view.layout, name, float(np.asarray(values[name]))) for name in order])
    # A variable that is the square of its coupling bends.
    twice = np.array([2.0 if name in _squared(view.layout) else 0.0 for name in order])
    return jax.device_put((second * np.outer(once, once) + np.diag(slopes * twice)) / np.outer(units, units) / 2)


@program("search", effort=0)
def _second(
    kernel: Kernel,
    data: Data,
    y: Float[Array, " n"],
    held: Bool[Array, " n"],
    places: Int[Array, " some"],
    search: bool,
) -> tuple[Float[Array, " some"], Float[Array, "some some"]]:
    """Return chi-squared's first and second derivatives in some variables; what is not held is minimised."""
    function = newton.minimum if search else lambda arguments: chi2(*arguments)

    def at(point: Float[Array, " some"]) -> Float[Array, ""]:
        return function((kernel, data, y.at[places].set(point), held))

    def slopes(point: Float[Array, " some"]) -> tuple[Array, Array]:
        found = jax.grad(at)(point)
        return found, found

    second, first = jax.jacfwd(slopes, has_aux=True)(y[places])
    return first, second


def fisher(likelihood: Given, params: Values, names: Sequence[str] | None = None) -> Matrix:
    """Return the Fisher information: the expected Hessian of -log L if `params` were true.

    It is J^T V^-1 J with the predictions' derivatives J and variances V, and 1 / s^2 for each constraint. Nuisances
    that `params` leaves out and that fits minimise are eliminated, as profiling does on average.

    Args:
        likelihood: the likelihood, or names or paths of experiments.
        params: true values of parameters by name.
        names: parameters along rows and columns, in this order; by default all of `params`.

    Raises:
        InputError: for names that are unknown, or not in `params`.

    Examples:
        >>> information = cevnsjax.fisher(cevnsjax.Likelihood("conus_plus"), {"sin2_theta_w": 0.23857})
        >>> round(float(information[0, 0]) ** -0.5, 3)
        0.056
    """
    likelihood = likelihood_of(likelihood)
    values = canonical(params, likelihood.parameters)
    order = _order(params, names, likelihood)
    view = likelihood.view(values, [name for name in order if _is_variable(likelihood, name)])
    missing = [name for name in order if name not in view.layout.names]
    if missing:
        raise InputError(f"the Fisher information of {missing[0]} is not possible: counts are no polynomial in it")
    given = {name: value for name, value in values.items() if name in view.layout.names}
    y, _ = view.start(given)
    every = (*order, *(n.name for n in view.layout.nuisances if n.searched and n.name not in values))
    places = np.array([view.layout.place(name) for name in every])
    information = np.asarray(_information(view.kernel, view.data, y))[np.ix_(places, places)]
    slopes = np.array([_slope(view.layout, name, float(values[name])) if name in values else 1.0 for name in every])
    information *= np.outer(slopes, slopes)
    pulls = [view.kernel.weight[place] for place in places]
    information += np.diag(pulls * slopes**2)
    kept = len(order)
    mixed, own = information[:kept, kept:], information[kept:, kept:]
    result = information[:kept, :kept] - mixed @ np.linalg.lstsq(own, mixed.T, rcond=None)[0]
    scales = np.array([_unit(view.layout, name) for name in order])
    return jax.device_put(result / np.outer(scales, scales))


def _is_variable(likelihood: Likelihood, name: str) -> bool:
    couplings = {p.name: p for p in likelihood.model.parameters}
    return name not in couplings or couplings[name].power is not None


def _unit(layout: Layout, name: str) -> float:
    """Return what a variable is measured in: a coupling's natural step, or a nuisance's width."""
    for p, step in zip(layout.couplings, layout.steps, strict=True):
        if p.name == name:
            return float(step)
    return float(layout.nuisance(name).step)


def _squared(layout: Layout) -> list[str]:
    """Return the couplings whose variable is their square."""
    return [p.name for p in layout.couplings if p.power == 2]


def _slope(layout: Layout, name: str, value: float) -> float:
    """Return the derivative of a variable in units of its parameter: t = u^p has p u^(p - 1)."""
    return 2 * value / _unit(layout, name) if name in _squared(layout) else 1.0


@program(effort=0)
def _information(kernel: Kernel, data: Data, y: Float[Array, " n"]) -> Float[Array, "n n"]:
    """Return J^T V^-1 J in the kernel's variables, closed factors varied like all others."""
    held = jnp.ones(y.shape, dtype=bool)
    total = jnp.zeros((y.size, y.size))
    for group in kernel.groups:

        def one(term: Term) -> Array:
            def mean(own: Array) -> tuple[Array, Array]:
                means = means_of(kernel, term, y.at[term.own].set(own, mode="drop"), held, data.centre)
                return means.centre * means.signal + means.rest, TERMS[term.kind].variance(means, term.sigma)

            slopes, variance = jax.jacfwd(mean, has_aux=True)(y[term.own])
            return slopes.T @ (slopes / jnp.maximum(variance, LEAST_MEAN)[:, None])  # zero where nothing can be counted

        found = jax.vmap(one)(group)
        total = total.at[group.own[:, :, None], group.own[:, None, :]].add(found, mode="drop")
    return total


def _order(params: Values, names: Sequence[str] | None, likelihood: Likelihood) -> tuple[str, ...]:
    order = tuple(params) if names is None else tuple(list_of_names(names, "names"))
    check_names(order, likelihood.parameters)
    if not order:
        raise InputError(
            "derivatives of nothing are not possible: give values of the parameters in which they are taken"
        )
    if missing := [name for name in order if name not in params]:
        raise InputError(f"derivatives in {missing[0]} need a value of it: give one, at which they are taken")
    return order


def covariance(likelihood: Given, params: Values, names: Sequence[str] | None = None) -> Matrix:
    """Return the inverse of `hessian`: the covariance of the parameters at the best fit.

    It means nothing where the Hessian is singular or `params` is no minimum, as at a coupling of zero that enters
    squared: it may then be NaN, or have negative variances.

    Args:
        likelihood: the likelihood, or names or paths of experiments.
        params: the best fit: values of parameters by name.
        names: parameters along rows and columns, in this order; by default all of `params`.

    Raises:
        InputError: for names that are unknown, or not in `params`.

    Examples:
        >>> variance = cevnsjax.covariance(cevnsjax.Likelihood("conus_plus"), {"sin2_theta_w": 0.2582})
        >>> round(float(variance[0, 0]) ** 0.5, 3)
        0.055
    """
    likelihood = likelihood_of(likelihood)
    canonical(params, likelihood.parameters)  # refuses what is no dict
    order = _order(params, names, likelihood)
    scales = np.array([likelihood.parameters[name].scale for name in order])
    scaled = np.asarray(hessian(likelihood, params, order)) * np.outer(scales, scales)
    return jax.device_put(np.linalg.inv(scaled) * np.outer(scales, scales))

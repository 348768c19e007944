"""Fits and profiles: the two verbs of inference by minimisation."""

import dataclasses
from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from cevnsjax.errors import InputError, unknown_name
from cevnsjax.parameters import Parameter, check_value
from cevnsjax.statistics.intervals import Interval, allowed_intervals, search_grid, threshold
from cevnsjax.statistics.likelihood import Likelihood
from cevnsjax.statistics.minimise import minimise, starting_points

__all__ = ["FitResult", "ProfileResult", "fit", "profile"]

STARTS = 8
PROFILE_REACH = 0.9973
"""A profile without a range shows what is allowed at this confidence level, three standard deviations."""


@dataclasses.dataclass(frozen=True)
class FitResult:
    """The least chi-squared and where it lies: free parameters, and normalisations minimised in closed form.

    `intervals` hold, for each free parameter, the pieces allowed at `cl` with the others profiled; an end is
    None where the data give none within the parameter's bounds. `converged` is the minimiser's own word.
    """

    best_fit: dict[str, float]
    chi2_min: float
    intervals: dict[str, list[Interval]]
    cl: float
    converged: bool


@dataclasses.dataclass(frozen=True)
class ProfileResult:
    """Delta chi-squared along one parameter, the others minimised; `best_fit` and `intervals` as in a fit."""

    name: str
    x: Float[np.ndarray, "points"]
    delta_chi2: Float[np.ndarray, "points"]
    best_fit: dict[str, float]
    chi2_min: float
    intervals: list[Interval]
    cl: float


class _Problem:
    """A likelihood with some parameters free and some fixed: the function to minimise, and its profiles."""

    def __init__(self, likelihood: Likelihood, free: Sequence[str] | None, values: Mapping[str, float] | None):
        known = likelihood.parameters
        self.values = {name: float(value) for name, value in (values or {}).items()}
        names = tuple(free) if free is not None else tuple(n for n in likelihood.model.free if n not in self.values)
        for name in (*names, *self.values):
            if name not in known:
                raise unknown_name("parameter", name, known)
        for name, value in self.values.items():
            check_value(known[name], value)
        if not names:
            raise InputError(f"no parameter is free; free at least one of {', '.join(known)}")
        if len(set(names)) < len(names):
            raise InputError(f"free parameters {', '.join(names)} given; each may stand once")
        if both := [name for name in names if name in self.values]:
            raise InputError(f"'{both[0]}' is both free and set to {self.values[both[0]]:g}; choose one")
        self.likelihood = likelihood
        self.free = tuple(known[name] for name in names)

    def chi2(self, free: Sequence[Parameter], point: Float[Array, "free"], **others: Array) -> Float[Array, ""]:
        params = {p.name: point[i] for i, p in enumerate(free)}
        return self.likelihood.chi2({**self.values, **params, **others})

    def minimum(self) -> tuple[dict[str, float], float, bool]:
        starts = starting_points(self.free, STARTS)
        found = jax.jit(lambda s: minimise(lambda point: self.chi2(self.free, point), s, self.free))(starts)
        best = {p.name: float(x) for p, x in zip(self.free, found.point, strict=True)}
        norms = self.likelihood.best_norms({**self.values, **best})
        best |= {name: float(norm) for name, norm in norms.items() if name not in self.values}
        return best, float(found.value), bool(found.converged)

    def profile(self, over: Parameter, best: Mapping[str, float]):
        """Return chi^2 as a function of one parameter, minimised over the other free ones.

        Its derivative is that of chi^2 at the minimum: by the envelope theorem the others' own motion does
        not count, so they are stopped.
        """
        others = tuple(p for p in self.free if p.name != over.name)
        if not others:
            return lambda x: self.chi2((), jnp.zeros(0), **{over.name: x})
        centre = jnp.asarray([best[p.name] for p in others])[None]
        starts = jnp.concatenate([centre, starting_points(others, 2, seed=1)])

        def at(x: Float[Array, ""]) -> Float[Array, ""]:
            frozen = jax.lax.stop_gradient(x)
            found = minimise(lambda point: self.chi2(others, point, **{over.name: frozen}), starts, others)
            return self.chi2(others, jax.lax.stop_gradient(found.point), **{over.name: x})

        return at


def fit(
    likelihood: Likelihood,
    free: Sequence[str] | None = None,
    values: Mapping[str, float] | None = None,
    cl: float = 0.90,
) -> FitResult:
    """Minimise chi^2 over the free parameters, and find what is allowed for each at a confidence level.

    `free` names what varies, by default the model's own choice less what `values` fixes. The minimum is the
    least of several starts, with exact gradients; intervals come from roots of the profiles. Raises
    `InputError` for unknown, doubly given or impossible names and values.
    """
    level = threshold(cl)
    problem = _Problem(likelihood, free, values)
    best, chi2_min, converged = problem.minimum()
    intervals = {}
    for parameter in problem.free:
        profile = problem.profile(parameter, best)
        grid = search_grid(parameter, best[parameter.name])
        intervals[parameter.name] = allowed_intervals(lambda x, f=profile: f(x) - chi2_min, grid, level)
    return FitResult(best, chi2_min, intervals, cl, converged)


def profile(
    likelihood: Likelihood,
    over: str,
    free: Sequence[str] | None = None,
    values: Mapping[str, float] | None = None,
    limits: tuple[float, float] | None = None,
    points: int = 101,
    cl: float = 0.90,
) -> ProfileResult:
    """Return Delta chi^2 along the parameter `over`, minimised over the other free parameters, vmapped.

    `free` are the others, by default the model's own choice. `limits` are the ends of the `points` values,
    by default what is allowed at three standard deviations. Raises `InputError` as `fit` does, and for
    limits that do not rise or lie out of bounds.
    """
    level = threshold(cl)
    if points < 2:
        raise InputError(f"{points} points given; a profile needs at least 2")
    values = values or {}
    others = likelihood.model.free if free is None else free
    problem = _Problem(likelihood, [over, *(n for n in others if n != over and n not in values)], values)
    parameter = problem.free[0]
    if limits is not None and not check_value(parameter, limits[0]) < check_value(parameter, limits[1]):
        raise InputError(f"the range {limits[0]:g} to {limits[1]:g} of {over} does not rise")

    best, chi2_min, _ = problem.minimum()
    chi2 = problem.profile(parameter, best)
    grid = search_grid(parameter, best[over])
    intervals = allowed_intervals(lambda x: chi2(x) - chi2_min, grid, level)
    if limits is None:
        reach = allowed_intervals(lambda x: chi2(x) - chi2_min, grid, threshold(PROFILE_REACH))
        low, high = reach[0][0], reach[-1][1]
        limits = (grid[0] if low is None else low, grid[-1] if high is None else high)
    x = np.linspace(*limits, points)
    delta = np.asarray(jax.jit(jax.vmap(chi2))(jnp.asarray(x))) - chi2_min
    return ProfileResult(over, x, delta, best, chi2_min, intervals, cl)

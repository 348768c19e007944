"""Fits and profiles: the two verbs of inference by minimisation."""

import dataclasses
from collections.abc import Mapping, Sequence

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from cevnsjax.errors import InputError, unknown_name
from cevnsjax.parameters import Parameter, check_value
from cevnsjax.statistics.curve import Curve, FunctionCurve
from cevnsjax.statistics.intervals import Interval, allowed_intervals, search_grid, threshold
from cevnsjax.statistics.likelihood import Likelihood
from cevnsjax.statistics.minimise import own_scales, starting_points
from cevnsjax.statistics.profile import Chi2Along, ProfiledChi2, global_minima, simplified, steps_of

__all__ = ["FitResult", "ProfileResult", "checked", "fit", "profile"]

STARTS = 13
LANES = 3
"""How many valleys a profile follows: as many minima, and as many points of departure."""
PROFILE_REACH = 0.9973
"""A profile without a range shows what is allowed at this confidence level, three standard deviations."""


@dataclasses.dataclass(frozen=True)
class FitResult:
    """The least chi-squared and where it lies: free parameters, and nuisances with a pull.

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
    x: Float[np.ndarray, " points"]
    delta_chi2: Float[np.ndarray, " points"]
    best_fit: dict[str, float]
    chi2_min: float
    intervals: list[Interval]
    cl: float


def checked(
    likelihood: Likelihood, free: Sequence[str], values: Mapping[str, float]
) -> tuple[tuple[Parameter, ...], dict[str, Float[Array, ""]]]:
    """Return the free parameters and the values of the fixed ones; raises `InputError` where they make no sense."""
    known = likelihood.parameters
    for name in (*free, *values):
        if name not in known:
            raise unknown_name("parameter", name, known)
    for name, value in values.items():
        check_value(known[name], value)
    if not free:
        raise InputError(f"no parameter is free; free at least one of {', '.join(known)}")
    if len(set(free)) < len(free):
        raise InputError(f"free parameters {', '.join(free)} given; each may stand once")
    if both := [name for name in free if name in values]:
        raise InputError(f"'{both[0]}' is both free and set to {values[both[0]]:g}; choose one")
    return tuple(known[name] for name in free), {name: jnp.asarray(float(v)) for name, v in values.items()}


class _Problem:
    """A likelihood with some parameters free and others fixed, its minimum, and profiles from there."""

    def __init__(self, likelihood: Likelihood, free: Sequence[str], values: Mapping[str, float]):
        self.free, fixed = checked(likelihood, free, values)
        # What chi^2 minimises by itself, in closed form, need not be searched for.
        self.searched = tuple(p for p in self.free if p.name not in likelihood.closed_norms)

        self.likelihood, self.fixed, inner = simplified(likelihood, fixed, self.searched)
        self.inner = {p.name: p for p in self.free} | {p.name: q for p, q in zip(self.searched, inner, strict=True)}

        scale = steps_of(self.likelihood, self.fixed, inner, own_scales(self.searched))
        found = global_minima(self.likelihood, self.fixed, inner, scale, STARTS)
        self.scale = {p.name: p.scale for p in self.free} | {
            p.name: float(s) for p, s in zip(self.searched, scale, strict=True)
        }
        self.minima = np.asarray(found.point)
        self.best = {p.name: float(x) for p, x in zip(self.searched, self.minima[0], strict=True)}
        at_best = {q.name: jnp.asarray(self.best[p.name]) for p, q in zip(self.searched, inner, strict=True)}
        nuisances = self.likelihood.best_nuisances({**self.fixed, **at_best})
        self.best |= {name: float(value) for name, value in nuisances.items() if name not in fixed}
        self.chi2_min = float(found.value[0])
        self.converged = bool(found.converged[0])

    def profile(self, over: Parameter) -> Curve:
        """Return chi^2 above its minimum along one parameter."""
        reference = jnp.asarray(self.chi2_min)
        keep = [i for i, p in enumerate(self.searched) if p.name != over.name]
        if not keep:
            return FunctionCurve(Chi2Along(self.likelihood, self.fixed, reference, self.inner[over.name]))
        others = tuple(self.inner[self.searched[i].name] for i in keep)
        scale = jnp.asarray([self.scale[self.searched[i].name] for i in keep])
        seeds = jnp.concatenate([self.minima[:LANES, keep], starting_points(others, scale, LANES)])
        origin = jnp.asarray(self.best[over.name])
        inner = self.inner[over.name]
        return ProfiledChi2(self.likelihood, self.fixed, scale, origin, seeds, reference, inner, others)

    def grid(self, over: Parameter) -> Float[np.ndarray, " points"]:
        return search_grid(over, self.best[over.name], self.scale[over.name])


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
    values = values or {}
    if free is None:
        free = [name for name in likelihood.model.free if name not in values]
    problem = _Problem(likelihood, free, values)
    intervals = {}
    for parameter in problem.free:
        curve = problem.profile(parameter)
        intervals[parameter.name] = allowed_intervals(curve, curve.along(problem.grid(parameter)), level)
    return FitResult(problem.best, problem.chi2_min, intervals, cl, problem.converged)


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
    if free is None:
        free = [name for name in likelihood.model.free if name not in values]
    if limits is not None and over in likelihood.parameters:
        low, high = (check_value(likelihood.parameters[over], limit) for limit in limits)
        if low >= high:
            raise InputError(f"the range {low:g} to {high:g} of {over} does not rise")

    problem = _Problem(likelihood, [over, *(name for name in free if name != over)], values)
    curve, grid = problem.profile(problem.free[0]), problem.grid(problem.free[0])
    searched = curve.along(grid)
    if limits is None:
        pieces = allowed_intervals(curve, searched, threshold(PROFILE_REACH))
        (left, _), (_, right) = pieces[0], pieces[-1]
        limits = (grid[0] if left is None else left, grid[-1] if right is None else right)
    x = np.linspace(*limits, points)
    # The grid leads from the best fit to a range that may lie far from it.
    everywhere = np.unique(np.concatenate([x, grid]))
    delta = np.asarray(curve.along(everywhere).value)[np.searchsorted(everywhere, x)]
    intervals = allowed_intervals(curve, searched, level)
    return ProfileResult(over, x, delta, problem.best, problem.chi2_min, intervals, cl)

"""Allowed intervals of one parameter: where a profile stays below a threshold, every disjoint piece."""

from collections.abc import Callable
from statistics import NormalDist

import jax
import jax.numpy as jnp
import numpy as np
import optimistix as optx
from jaxtyping import Array, Float

from cevnsjax.errors import InputError
from cevnsjax.parameters import Parameter

__all__ = ["Interval", "allowed_intervals", "search_grid", "threshold"]

Interval = tuple[float | None, float | None]
"""Low and high end; None where the data give no end within the range that was searched."""

Profile = Callable[[Float[Array, ""]], Float[Array, ""]]


def threshold(cl: float) -> float:
    """Return the rise of chi^2 that bounds one parameter at a confidence level (Wilks).

    Raises `InputError` unless 0 < cl < 1.
    """
    if not 0.0 < cl < 1.0:
        raise InputError(f"a confidence level of {cl:g} is not possible: give a number between 0 and 1, such as 0.90")
    return NormalDist().inv_cdf((1 + cl) / 2) ** 2


def search_grid(parameter: Parameter, best: float) -> Float[np.ndarray, "points"]:
    """Return ascending values to search for intervals: the bounds evenly, or all scales around the best fit."""
    low, high = parameter.bounds
    if np.isfinite(low) and np.isfinite(high):
        grid = np.linspace(low, high, 257)
    else:
        away = parameter.scale * np.geomspace(1e-3, 1e6, 181)
        grid = np.concatenate([best - away, best + away])
        grid = np.concatenate([grid[(grid > low) & (grid < high)], [x for x in (low, high) if np.isfinite(x)]])
    return np.unique(np.append(grid, best))


def allowed_intervals(profile: Profile, grid: Float[np.ndarray, "points"], level: float) -> list[Interval]:
    """Return where `profile` is at most `level`, within the grid's range.

    `profile` is a scalar function of a scalar, traceable and differentiable. Between neighbouring points its
    slope tells of a minimum or a maximum in between; these are found and join the grid, so that an allowed
    piece narrower than the grid is not missed, unless the function turns more than once in a cell. The ends
    are roots found by bisection.
    """
    value_and_slope = jax.jit(jax.vmap(jax.value_and_grad(profile)))
    values, slopes = map(np.asarray, value_and_slope(jnp.asarray(grid)))
    excess = values - level
    turns = (np.sign(slopes[:-1]) * np.sign(slopes[1:]) < 0) & (np.sign(excess[:-1]) == np.sign(excess[1:]))
    # Only a dip between two excluded points, or a rise between two allowed ones, can hide a piece.
    hidden = turns & (np.sign(slopes[1:]) == np.sign(excess[:-1]))
    if hidden.any():
        extrema = _roots(jax.grad(profile), grid[:-1][hidden], grid[1:][hidden])
        order = np.argsort(np.concatenate([grid, extrema]))
        excess = np.concatenate([excess, np.asarray(value_and_slope(jnp.asarray(extrema))[0]) - level])[order]
        grid = np.concatenate([grid, extrema])[order]

    allowed = excess <= 0
    crossing = np.flatnonzero(allowed[:-1] != allowed[1:])
    ends: list[float | None] = []
    if crossing.size:
        ends = [float(x) for x in _roots(lambda x: profile(x) - level, grid[crossing], grid[crossing + 1])]
    if allowed[0]:
        ends.insert(0, None)
    if allowed[-1]:
        ends.append(None)
    return list(zip(ends[::2], ends[1::2], strict=True))


def _roots(function: Profile, low: Float[np.ndarray, "n"], high: Float[np.ndarray, "n"]) -> Float[np.ndarray, "n"]:
    """Return a root between each pair, at whose ends the function has opposite signs."""

    def one(low: Float[Array, ""], high: Float[Array, ""]) -> Float[Array, ""]:
        solver = optx.Bisection(rtol=1e-10, atol=0.0)
        options = {"lower": low, "upper": high}
        solution = optx.root_find(
            lambda x, _: function(x), solver, (low + high) / 2, options=options, max_steps=100, throw=False
        )
        return solution.value

    return np.asarray(jax.jit(jax.vmap(one))(jnp.asarray(low), jnp.asarray(high)))

"""Allowed intervals of one parameter: where a profile stays below a threshold, every disjoint piece."""

from collections.abc import Callable
from statistics import NormalDist

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

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


def search_grid(parameter: Parameter, best: float, scale: float) -> Float[np.ndarray, " points"]:
    """Return ascending values to search for intervals.

    Between two finite bounds evenly; else half a scale apart up to forty scales to either side of the best
    fit, and beyond, and close to it, at all powers of ten.
    """
    low, high = parameter.bounds
    if np.isfinite(low) and np.isfinite(high):
        return np.linspace(low, high, 97)
    away = scale * np.concatenate([np.geomspace(1e-3, 1e6, 55), np.arange(0.5, 40.0, 0.5)])
    grid = np.concatenate([best - away, [best], best + away])
    return np.unique(np.clip(grid, low, high))


def allowed_intervals(profile: Profile, grid: Float[np.ndarray, " points"], level: float) -> list[Interval]:
    """Return where `profile` is at most `level`, within the range of the ascending grid.

    `profile` is a scalar function of a scalar, traceable and differentiable; a module with arrays as leaves
    is compiled once for all its values. The slopes at neighbouring points tell of a minimum or a maximum in
    between: these are found and join the grid, so that an allowed piece narrower than the grid is not
    missed, unless the function turns more than once between two points. Ends are roots found by bisection.
    """
    values, slopes = map(np.asarray, _values_and_slopes(profile, jnp.asarray(grid)))
    excess = values - level
    turns = (np.sign(slopes[:-1]) * np.sign(slopes[1:]) < 0) & (np.sign(excess[:-1]) == np.sign(excess[1:]))
    # Only a dip between two excluded points, or a rise between two allowed ones, can hide a piece.
    hidden = turns & (np.sign(slopes[1:]) == np.sign(excess[:-1]))
    if hidden.any():
        extrema = np.asarray(_turning_points(profile, jnp.asarray(grid[:-1][hidden]), jnp.asarray(grid[1:][hidden])))
        order = np.argsort(np.concatenate([grid, extrema]))
        more, _ = _values_and_slopes(profile, jnp.asarray(extrema))
        grid = np.concatenate([grid, extrema])[order]
        excess = np.concatenate([excess, np.asarray(more) - level])[order]

    allowed = excess <= 0
    crossing = np.flatnonzero(allowed[:-1] != allowed[1:])
    ends: list[float | None] = []
    if crossing.size:
        low, high = jnp.asarray(grid[crossing]), jnp.asarray(grid[crossing + 1])
        ends += np.asarray(_crossings(profile, jnp.asarray(level), low, high)).tolist()
    if allowed[0]:
        ends.insert(0, None)
    if allowed[-1]:
        ends.append(None)
    return list(zip(ends[::2], ends[1::2], strict=True))


def _with_slope(profile: Profile, x: Float[Array, ""]) -> tuple[Float[Array, ""], Float[Array, ""]]:
    return jax.jvp(profile, (x,), (jnp.ones(()),))


@eqx.filter_jit
def _values_and_slopes(profile: Profile, x: Float[Array, " n"]) -> tuple[Float[Array, " n"], Float[Array, " n"]]:
    return jax.vmap(lambda one: _with_slope(profile, one))(x)


@eqx.filter_jit
def _turning_points(profile: Profile, low: Array, high: Array) -> Float[Array, " n"]:
    return _bisect(lambda x: _with_slope(profile, x)[1] > 0, low, high)


@eqx.filter_jit
def _crossings(profile: Profile, level: Float[Array, ""], low: Array, high: Array) -> Float[Array, " n"]:
    return _bisect(lambda x: profile(x) > level, low, high)


def _bisect(above: Callable[[Float[Array, ""]], Bool[Array, ""]], low: Array, high: Array) -> Float[Array, " n"]:
    """Return where a condition changes between each pair, to 1e-12 of their distance.

    A library's root finder refuses a bracket whose end is the root itself, and a grid point may be one.
    """

    def one(low: Float[Array, ""], high: Float[Array, ""]) -> Float[Array, ""]:
        at_high = above(high)

        def halve(_: Array, ends: tuple[Array, Array]) -> tuple[Array, Array]:
            middle = (ends[0] + ends[1]) / 2
            right = above(middle) == at_high
            return jnp.where(right, ends[0], middle), jnp.where(right, middle, ends[1])

        return sum(jax.lax.fori_loop(0, 40, halve, (low, high))) / 2

    return jax.vmap(one)(low, high)

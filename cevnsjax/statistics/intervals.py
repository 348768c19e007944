"""Allowed intervals of one parameter: where a curve stays below a threshold, every disjoint piece."""

from collections.abc import Callable
from statistics import NormalDist

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from cevnsjax.errors import InputError
from cevnsjax.parameters import Parameter
from cevnsjax.statistics.curve import Curve, Points

__all__ = ["Interval", "allowed_intervals", "search_grid", "threshold"]

Interval = tuple[float | None, float | None]
"""Low and high end; None where the data give no end within the range that was searched."""


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


def allowed_intervals(curve: Curve, points: Points, level: float) -> list[Interval]:
    """Return where a curve is at most `level`, within the range of its ascending points.

    The slopes at neighbouring points tell of a minimum or a maximum in between: these are found and join the
    points, so that an allowed piece narrower than their distance is not missed, unless the curve turns more
    than once between two. Ends are found by bisection.
    """
    x, excess, slopes = np.asarray(points.x), np.asarray(points.value) - level, np.asarray(points.slope)
    same_side = (excess[:-1] <= 0) == (excess[1:] <= 0)
    # Only a dip between two excluded points, or a rise between two allowed ones, can hide a piece.
    toward = np.where(excess[:-1] > 0, 1.0, -1.0)
    hidden = np.flatnonzero(same_side & (slopes[:-1] * toward < 0) & (slopes[1:] * toward > 0))

    # Brackets: two values between which the curve crosses the level, in the cell of two neighbouring points.
    crossing = np.flatnonzero(~same_side)
    brackets = [(cell, x[cell], x[cell + 1], excess[cell + 1] > 0) for cell in crossing]
    if hidden.size:
        turns, heights = map(np.asarray, _turning_points(curve, *_cells(points, _filled(hidden))))
        for cell, turn, height in zip(hidden, turns, heights, strict=False):
            if (height <= level) != (excess[cell] <= 0):
                above = excess[cell] > 0
                brackets += [(cell, x[cell], turn, not above), (cell, turn, x[cell + 1], above)]
    ends: list[float | None] = []
    if brackets:
        cells, *given = (_filled(np.array(column)) for column in zip(*brackets, strict=True))
        left, right = _cells(points, cells)
        found = _crossings(curve, jnp.asarray(level), left, right, *map(jnp.asarray, given))
        ends += sorted(np.asarray(found)[: len(brackets)].tolist())
    if excess[0] <= 0:
        ends.insert(0, None)
    if excess[-1] <= 0:
        ends.append(None)
    return list(zip(ends[::2], ends[1::2], strict=True))


def _filled(values: np.ndarray) -> np.ndarray:
    """Return the values repeated up to the next multiple of four, so that few lengths are compiled."""
    return np.resize(values, -(-values.size // 4) * 4)


def _cells(points: Points, cells: np.ndarray) -> tuple[Points, Points]:
    """Return the left and the right points of some cells."""
    left, right = (jax.tree.map(lambda leaf, i=index: leaf[i], points) for index in (cells, cells + 1))
    return left, right


@eqx.filter_jit
def _turning_points(curve: Curve, left: Points, right: Points) -> tuple[Float[Array, " n"], Float[Array, " n"]]:
    """Return where the slope changes its sign in each cell, and the curve's height there."""

    def one(left: Points, right: Points) -> tuple[Float[Array, ""], Float[Array, ""]]:
        def rises(x: Float[Array, ""]) -> tuple[Bool[Array, ""], Float[Array, ""]]:
            height, slope = curve.between(x, left, right)
            return slope > 0, height

        return _bisect(rises, left.x, right.x, right.slope > 0)

    return jax.vmap(one)(left, right)


@eqx.filter_jit
def _crossings(
    curve: Curve,
    level: Float[Array, ""],
    left: Points,
    right: Points,
    low: Float[Array, " n"],
    high: Float[Array, " n"],
    above: Bool[Array, " n"],
) -> Float[Array, " n"]:
    """Return where the curve crosses the level between `low` and `high`, in the cell of `left` and `right`.

    `above` tells whether it is above the level at `high`.
    """

    def one(left: Points, right: Points, low: Array, high: Array, above: Array) -> Float[Array, ""]:
        def exceeds(x: Float[Array, ""]) -> tuple[Bool[Array, ""], Float[Array, ""]]:
            height = curve.between(x, left, right)[0]
            return height > level, height

        return _bisect(exceeds, low, high, above)[0]

    return jax.vmap(one)(left, right, low, high, above)


def _bisect(
    condition: Callable[[Float[Array, ""]], tuple[Bool[Array, ""], Float[Array, ""]]],
    low: Float[Array, ""],
    high: Float[Array, ""],
    at_high: Bool[Array, ""],
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """Return where a condition changes between two values, to 1e-9 of their distance, and the height there.

    The condition comes with a height, and stands once in what is compiled: what it is at the high end is told. A
    library's root finder refuses a bracket whose end is the root itself, and a grid point may be one.
    """
    Carry = tuple[Array, Array, Array]

    def halve(_: Array, ends: Carry) -> Carry:
        middle = (ends[0] + ends[1]) / 2
        found, height = condition(middle)
        right = found == at_high
        return jnp.where(right, ends[0], middle), jnp.where(right, middle, ends[1]), height

    left, right, height = jax.lax.fori_loop(0, 31, halve, (low, high, jnp.zeros(())))
    return (left + right) / 2, height

"""Allowed intervals of one parameter: where a curve stays below a threshold, every disjoint piece."""

from statistics import NormalDist

import numpy as np
from jaxtyping import Float

from cevnsjax.errors import InputError, shown
from cevnsjax.inference.profile import SECTIONS, Curve

__all__ = ["FAR", "Interval", "allowed_intervals", "lowest", "threshold"]

Interval = tuple[float | None, float | None]
"""Low and high end; None where the data give no end within the range that was searched."""

LARGEST_CL = 1 - 1e-12
"""Beyond it a quantile of the normal distribution has no digits left."""

ROUNDS = 12
"""How often brackets are cut into SECTIONS parts at most: to 1e-14 of their width."""

ACCURACY = 1e-10
"""Accuracy of an end, relative to its first bracket and to the value of the parameter."""


ROUGH, ROUGH_SHARE = 1e-6, 2e-3
"""By how much chi^2 must turn, to be followed; and what share of it above FAR."""

FAR = 100.0
"""How far above a level chi^2 needs no digits."""


def threshold(cl: float) -> float:
    """Return the rise of chi^2, dimensionless, that bounds one parameter at a confidence level `cl` (Wilks).

    Raises `InputError` unless 0 < cl < 1, not closer to one than a quantile can tell.

    >>> from cevnsjax.inference import threshold
    >>> round(threshold(0.90), 3)
    2.706
    """
    if isinstance(cl, bool | str) or not isinstance(cl, int | float) or not 0.0 < cl <= LARGEST_CL:
        raise InputError(
            f"a confidence level of {shown(cl)} is not possible: give a number between 0 and 1, such as 0.90"
        )
    return NormalDist().inv_cdf((1 + cl) / 2) ** 2


def allowed_intervals(curve: Curve, grid: Float[np.ndarray, " points"], level: float) -> list[Interval]:
    """Return where a curve is at most `level`, within the range of ascending values.

    A dip between two excluded points, or a rise between two allowed ones, shows as a lowest or a highest point of the
    grid; it is followed to its bottom or top, so that an allowed piece narrower than the distance of two points is not
    missed, unless the curve turns more than once between two. Ends are found by cutting brackets.
    """
    x = np.unique(grid)
    excess = curve.at(x) - level
    x, excess = _with_turns(curve, x, excess, level)
    allowed = excess <= 0
    crossing = np.flatnonzero(allowed[:-1] != allowed[1:])
    ends: list[float | None] = list(_crossings(curve, x[crossing], x[crossing + 1], allowed[crossing + 1], level))
    if allowed[0]:
        ends.insert(0, None)
    if allowed[-1]:
        ends.append(None)
    return list(zip(ends[::2], ends[1::2], strict=True))


def _with_turns(
    curve: Curve, x: Float[np.ndarray, " n"], excess: Float[np.ndarray, " n"], level: float
) -> tuple[Float[np.ndarray, " more"], Float[np.ndarray, " more"]]:
    """Return the points, and the bottoms of dips and the tops of rises that may hide a piece."""
    middle, left, right = excess[1:-1], excess[:-2], excess[2:]
    # On a plateau, and high up, minima differ by what searches leave.
    rough = ROUGH + ROUGH_SHARE * np.where(np.isfinite(middle), np.maximum(middle - FAR, 0.0), 0.0)
    dips = np.flatnonzero((middle > 0) & (np.minimum(left, right) > middle + rough) & np.isfinite(middle)) + 1
    rises = np.flatnonzero((middle <= 0) & (np.maximum(left, right) < middle - ROUGH)) + 1
    found = [
        lowest(curve, x[index - 1], x[index + 1], sign, level)
        for index, sign in [(i, 1.0) for i in dips] + [(i, -1.0) for i in rises]
    ]
    if not found:
        return x, excess
    every = np.unique(np.concatenate([x, found]))
    return every, curve.at(every) - level


def lowest(curve: Curve, low: float, high: float, sign: float = 1.0, level: float | None = None) -> float:
    """Return where a curve is lowest (or highest, of sign -1) between two values, or the first value past `level`."""
    for number in range(ROUNDS):
        cuts = np.linspace(low, high, SECTIONS + 1)
        values = sign * curve.at(cuts, near=number > 0)
        best = int(np.argmin(values))
        if level is not None and values[best] <= sign * level:
            break
        low, high = cuts[max(best - 1, 0)], cuts[min(best + 1, SECTIONS)]
        if high - low <= 1e-8 * max(abs(low), abs(high)):
            break
    return float(cuts[best])


def _crossings(
    curve: Curve,
    low: Float[np.ndarray, " n"],
    high: Float[np.ndarray, " n"],
    allowed_at_high: np.ndarray,
    level: float,
) -> list[float]:
    """Return where the curve crosses the level in each bracket; all brackets are cut at once."""
    low, high = low.copy(), high.copy()
    width = high - low
    for number in range(ROUNDS):
        open_ones = np.flatnonzero(high - low > ACCURACY * np.minimum(width, np.maximum(abs(low), abs(high)) + 1e-300))
        if not open_ones.size:
            break
        share = np.linspace(0.0, 1.0, SECTIONS + 1)
        cuts = low[open_ones, None] + (high - low)[open_ones, None] * share
        inside = curve.at(cuts.ravel(), near=number > 0).reshape(cuts.shape) <= level
        # The first cut from the left that is on the side of the high end.
        turned = inside == allowed_at_high[open_ones, None]
        turned[:, -1] = True
        first = np.maximum(np.argmax(turned, axis=1), 1)
        rows = np.arange(open_ones.size)
        low[open_ones], high[open_ones] = cuts[rows, first - 1], cuts[rows, first]
    return ((low + high) / 2).tolist()

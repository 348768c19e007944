"""Frequentist intervals from toy data: G. J. Feldman and R. D. Cousins, Phys. Rev. D 57, 3873 (1998)."""

import dataclasses
from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
from jaxtyping import Bool, Float

from cevnsjax.arguments import check_seed
from cevnsjax.errors import InputError
from cevnsjax.inference.intervals import Interval, threshold
from cevnsjax.inference.scan import Axis, AxisLimits, axis_of, check_axes
from cevnsjax.inference.search import PolynomialSearch, checked
from cevnsjax.likelihood import Given, likelihood_of
from cevnsjax.spreading import Gathering, Kept, Spread
from cevnsjax.toys.draw import check_toys
from cevnsjax.toys.fits import check_profiled, check_tested, deltas_at, hypotheses, quantiles

__all__ = ["FeldmanCousins", "feldman_cousins"]

BLOCK = 16
"""True points that make one piece of work."""

MOST_POINTS = 100_000
MOST_FITS = 500_000_000
"""Toys of all points together: more would not fit into the memory of a workstation."""


@dataclasses.dataclass(frozen=True, eq=False)
class FeldmanCousins:
    """Delta chi-squared of the data on a grid of one or two parameters, and the value it may have at each point.

    `delta_chi2` counts from the minimum within the parameters' physical bounds, wherever the grid ends, for toys as for
    the data. `critical` is its quantile `cl` among the `toys` made at that point, and `critical_error` its Monte-Carlo
    error. Where it is not exceeded the point is `accepted`. Arrays follow the `axes`, the last one (y) first. Of one
    parameter `intervals` are the accepted pieces, interpolated between points, None for an end at which the grid ends;
    `interval_error` are the Monte-Carlo errors of their ends.
    """

    axes: tuple[Axis, ...]
    delta_chi2: Float[np.ndarray, "..."]
    critical: Float[np.ndarray, "..."]
    critical_error: Float[np.ndarray, "..."]
    intervals: list[Interval]
    interval_error: list[Interval]
    cl: float
    toys: int

    @property
    def accepted(self) -> Bool[np.ndarray, "..."]:
        """Which points of the grid the data allow."""
        return self.delta_chi2 <= self.critical


def feldman_cousins(
    likelihood: Given,
    x: AxisLimits,
    y: AxisLimits | None = None,
    values: Mapping[str, float] | None = None,
    toys: int = 1000,
    cl: float = 0.90,
    seed: int = 0,
    spread: Spread | None = None,
    advance: Callable[[int, int], None] | None = None,
    kept: Kept | None = None,
) -> FeldmanCousins:
    """Return Delta chi^2 of the data and its critical values from toys, on a grid of one or two parameters.

    The method is that of G. J. Feldman and R. D. Cousins, Phys. Rev. D 57, 3873 (1998). At each point toys are drawn
    with the nuisances that suit the data best there; each has data of its own, and constraints centred on values drawn
    around them. Each toy is fitted at the truth, and with the parameters free within their physical bounds, nuisances
    minimised in both.

    Args:
        likelihood: a `Likelihood`; or an experiment, or a list of them, under the Standard Model.
        x: the first axis: (name, low, high, points), as in `scan`.
        y: the second axis, if there is one.
        values: other parameters, which stay fixed, by name.
        toys: the number of toys at each point, at least 10. They do not depend on how they are spread.
        cl: the confidence level.
        seed: a whole number; the same one gives the same toys.
        spread: does blocks of points; by default one after another.
        advance: called as `advance(done, all)` after each block.
        kept: the blocks that an earlier run has finished; new ones are added.

    Raises:
        InputError: for impossible names, axes and numbers, and where a normalisation is integrated.

    Examples:
        >>> result = cevnsjax.feldman_cousins("conus_plus", ("sin2_theta_w", 0.1, 0.5, 3), toys=100)
        >>> result.accepted
        array([False,  True, False])
    """
    likelihood = likelihood_of(likelihood)
    threshold(cl)
    check_toys(toys, 10)
    check_seed(seed)
    check_profiled(likelihood)
    limits = [x] if y is None else [x, y]
    check_axes(*limits)
    parameters, fixed = checked(likelihood, [name for name, *_ in limits], values)
    axes = tuple(axis_of(p, *limit[1:]) for p, limit in zip(parameters, limits, strict=True))
    check_tested(likelihood, None, parameters)
    shape = tuple(axis.values.size for axis in axes[::-1])
    if np.prod(shape) > MOST_POINTS:
        raise InputError(f"a grid of {np.prod(shape)} points is not possible: give no more than {MOST_POINTS}")
    if np.prod(shape) * toys > MOST_FITS:
        raise InputError(
            f"{toys} toys at each of {np.prod(shape)} points are not possible: give no more than "
            f"{MOST_FITS // np.prod(shape)} toys"
        )
    search = PolynomialSearch(likelihood, parameters, fixed)
    check_tested(likelihood, search, parameters)
    columns = [column.ravel() for column in np.meshgrid(*(axis.values for axis in axes))]
    given, observed = hypotheses(search, parameters, columns)
    blocks = np.split(np.arange(len(given.truths)), np.arange(BLOCK, len(given.truths), BLOCK))
    found = Gathering(spread, kept, advance).results(partial(deltas_at, given, seed, toys), blocks)
    quantile, error = quantiles(np.concatenate(found), cl)
    delta = observed.reshape(shape)
    intervals, ends = _intervals(axes[0].values, delta - quantile, error) if len(axes) == 1 else ([], [])
    return FeldmanCousins(axes, delta, quantile.reshape(shape), error.reshape(shape), intervals, ends, cl, toys)


def _intervals(
    x: Float[np.ndarray, " n"], excess: Float[np.ndarray, " n"], error: Float[np.ndarray, " n"]
) -> tuple[list[Interval], list[Interval]]:
    """Return where the excess over the critical value is not positive, linear between points, and the ends' errors."""
    allowed = excess <= 0
    ends: list[float | None] = []
    errors: list[float | None] = []
    for i in np.flatnonzero(allowed[:-1] != allowed[1:]):
        slope = (excess[i + 1] - excess[i]) / (x[i + 1] - x[i])
        share = -excess[i] / (excess[i + 1] - excess[i])
        ends.append(float(x[i] + share * (x[i + 1] - x[i])))
        errors.append(float(abs(((1 - share) * error[i] + share * error[i + 1]) / slope)))
    for place, first in ((0, True), (len(ends) + 1, False)):
        if allowed[0 if first else -1]:
            ends.insert(place, None)
            errors.insert(place, None)
    return list(zip(ends[::2], ends[1::2], strict=True)), list(zip(errors[::2], errors[1::2], strict=True))

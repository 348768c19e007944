"""Frequentist intervals from toy data: G. J. Feldman and R. D. Cousins, Phys. Rev. D 57, 3873 (1998)."""

import dataclasses
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key, PRNGKeyArray

from cevnsjax.compilation import at_once, over_devices
from cevnsjax.errors import InputError
from cevnsjax.inference.fit import Fitted
from cevnsjax.inference.intervals import Interval, threshold
from cevnsjax.inference.scan import Axis, AxisLimits, axis_of, check_axes
from cevnsjax.inference.search import PolynomialSearch, checked
from cevnsjax.likelihood import Given, likelihood_of
from cevnsjax.likelihood.kernel import Data, Kernel, with_shapes
from cevnsjax.likelihood.newton import minimise_all
from cevnsjax.likelihood.objective import chi2, with_closed
from cevnsjax.spreading import Gathering, Kept, Spread, own_threads
from cevnsjax.toys.draw import check_seed, check_toys, chunks, drawn

__all__ = ["FeldmanCousins", "feldman_cousins"]

CHUNK = 256
"""Toys that one call of a program takes."""

BLOCK = 16
"""True points that make one piece of work."""

COARSE = {1: 32, 2: 12}
"""Numbers of values, for one and for two parameters, at which chi^2 of each toy is calculated before its fit.

They lie in the middle of even parts of the range, of which no end and, as numbers are even, no centre is one: where a
coupling is zero, chi^2 may have a saddle, from which no search finds its way."""

WIDE = 40.0
"""How far these reach where a parameter has no bounds, in typical steps of the data."""

CANDIDATES = 1
"""How many of the best of them a fit of a toy starts from, beside the truth."""

TIE = 1e-6
"""Added to critical values: toys with the very counts of the data differ from these by what searches leave."""

MOST_POINTS = 100_000

CLOSE = 1e-4
"""A step that would lower a toy's chi-squared by no more ends its search: quantiles are known to 1e-2."""


@dataclasses.dataclass(frozen=True, eq=False)
class FeldmanCousins:
    """Delta chi-squared of the data on a grid of one or two parameters, and the value it may have at each point.

    Delta chi-squared counts from the minimum within the parameters' physical bounds, wherever the grid ends, for toys
    as for the data. `critical` is its quantile `cl` among toys made at that point, with its Monte-Carlo error: where
    it is not exceeded the point is `accepted`. Arrays follow the axes, the last one (y) first. Of one parameter
    `intervals` are the accepted pieces, interpolated between points, None for an end at which the grid ends;
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


@dataclasses.dataclass(frozen=True, eq=False)
class _Grid:
    """The true points, as variables with the nuisances that suit the data best there, and what toys are fitted with."""

    kernel: Kernel
    truths: Float[np.ndarray, "points n"]
    held: Bool[np.ndarray, " n"]
    tested: Int[np.ndarray, " parameters"]
    coarse: Float[np.ndarray, "candidates parameters"]


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

    `x` and `y` are (name, low, high, points), as in `scan`. At each point toys are drawn with the nuisances that suit
    the data best there; each has data of its own, and constraints centred on values drawn around them. Each toy is
    fitted: at the truth, and with the parameters free within their physical bounds, nuisances minimised in both. Other
    parameters stay at `values`. Work is done in blocks of points by `spread`, by default one after another, and after
    each `advance(done, all)` is called; toys do not depend on how. Blocks that are `kept` are not done again. Raises
    `InputError` for impossible names, axes and numbers, and where a normalisation is integrated.
    """
    likelihood = likelihood_of(likelihood)
    threshold(cl)
    check_toys(toys, 10)
    check_seed(seed)
    if likelihood.pull != "profiled":
        raise InputError("toys need nuisances that are minimised; make the likelihood with pull='profiled'")
    limits = [x] if y is None else [x, y]
    check_axes(*limits)
    parameters, fixed = checked(likelihood, [name for name, *_ in limits], values or {})
    axes = tuple(axis_of(p, *limit[1:]) for p, limit in zip(parameters, limits, strict=True))
    for p in parameters:
        if p.power is None and p.name in {q.name for q in likelihood.model.parameters}:
            raise InputError(f"'{p.name}' is no axis of a grid of toys: give it a value by --set, and take a coupling")
    shape = tuple(axis.values.size for axis in axes[::-1])
    if np.prod(shape) > MOST_POINTS:
        raise InputError(f"a grid of {np.prod(shape)} points is not possible: give no more than {MOST_POINTS}")
    search = PolynomialSearch(likelihood, parameters, fixed)
    if closed := [p.name for p in parameters if not search.moves(p.name)]:
        raise InputError(f"'{closed[0]}' is minimised in closed form; it is no axis of a grid of toys")
    grid, observed = _tabulated(search, axes)
    blocks = np.split(np.arange(len(grid.truths)), np.arange(BLOCK, len(grid.truths), BLOCK))
    work = partial(_toys_at, grid, seed, toys)
    found = Gathering(spread, kept, advance).results(work, blocks)
    quantile, error = _quantiles(np.concatenate(found), cl)
    delta = observed.reshape(shape)
    intervals, ends = _intervals(axes[0].values, delta - quantile, error) if len(axes) == 1 else ([], [])
    return FeldmanCousins(axes, delta, quantile.reshape(shape), error.reshape(shape), intervals, ends, cl, toys)


def _tabulated(search: PolynomialSearch, axes: tuple[Axis, ...]) -> tuple[_Grid, Float[np.ndarray, " points"]]:
    """Return the grid of truths, and Delta chi^2 of the data there."""
    fitted = Fitted(search)
    columns = [column.ravel() for column in np.meshgrid(*(axis.values for axis in axes))]
    tested = [search.place(axis.parameter.name) for axis in axes]
    starts = np.tile(fitted.best, (columns[0].size, 1))
    for place, axis, column in zip(tested, axes, columns, strict=True):
        starts[:, place] = search.variable(axis.parameter.name, column)
    minima = search.minima(starts, tested)
    least = fitted.chi2_min
    if minima.value.min() < least - 1e-9:
        least = min(least, float(search.minima(minima.place[[minima.best()]]).value[0]))
    kernel, data = search.view.kernel, search.view.data
    truths = np.asarray(_all_closed(kernel, data, minima.place, search.held))
    ranges = []
    for axis in axes:
        p = axis.parameter
        reach = WIDE * max(fitted.steps[p.name], 0.0)
        middle = fitted.best_fit()[p.name]
        low, high = (end if np.isfinite(end) else middle + s * reach for end, s in zip(p.bounds, (-1, 1), strict=True))
        low, high = min(low, axis.values[0]), max(high, axis.values[-1])
        parts = COARSE[len(axes)]
        ranges.append(low + (high - low) * (np.arange(parts) + 0.5) / parts)
    coarse = [
        np.asarray(search.variable(axis.parameter.name, column.ravel()))
        for axis, column in zip(axes, np.meshgrid(*ranges), strict=True)
    ]
    grid = _Grid(kernel, truths, search.held, np.array(tested), np.stack(coarse, axis=1))
    return grid, minima.value - least


@jax.jit
def _all_closed(
    kernel: Kernel, data: Data, y: Float[Array, "points n"], held: Bool[Array, " n"]
) -> Float[Array, "points n"]:
    return jax.vmap(lambda one: with_closed(kernel, data, one, held))(y)


def _toys_at(grid: _Grid, seed: int, toys: int, points: Int[np.ndarray, " block"]) -> Float[np.ndarray, "block toys"]:
    """Return Delta chi^2 at the truth for toys of each of a block of points."""

    def at(point: int) -> Float[np.ndarray, " toys"]:
        key = jax.random.fold_in(jax.random.key(seed), point)
        parts = []
        for number, wanted in chunks(toys, CHUNK):
            keys = jax.random.split(jax.random.fold_in(key, number), CHUNK)
            delta = _deltas(grid.kernel, grid.truths[point], grid.held, grid.tested, grid.coarse, keys)
            parts.append(np.asarray(delta)[:wanted])
        return np.concatenate(parts)

    # A program of toys runs on one core: threads share the points.
    with ThreadPoolExecutor(own_threads()) as pool:
        return np.stack(list(pool.map(at, points.tolist())))


@jax.jit
def _deltas(
    kernel: Kernel,
    truth: Float[Array, " n"],
    held: Bool[Array, " n"],
    tested: Int[Array, " parameters"],
    coarse: Float[Array, "candidates parameters"],
    keys: Key[Array, " many"],
) -> Float[Array, " toys"]:
    """Return Delta chi^2 at the truth for each toy."""
    at_truth = held.at[tested].set(True)
    masks = jnp.stack([at_truth, *[held] * (1 + CANDIDATES)])

    def each(given: tuple[Kernel, Array, Array], keys: Key[Array, " many"]) -> Float[Array, " share"]:
        kernel, truth, masks = given
        at_shapes = with_shapes(kernel, truth)
        near = jax.vmap(lambda point: truth.at[tested].set(point))(coarse)

        def begun(key: PRNGKeyArray) -> tuple[Data, Float[Array, "starts n"]]:
            data = drawn(kernel, truth, key)
            # Where a fit should start: chi^2 over all that data may allow, nuisances as they suit the truth.
            around = jax.vmap(partial(chi2, at_shapes, data, held=held))(near)
            _, nearest = jax.lax.top_k(-jnp.where(jnp.isfinite(around), around, jnp.inf), CANDIDATES)
            return data, jnp.concatenate([truth[None], truth[None], near[nearest]])

        data, starts = jax.lax.map(begun, keys, batch_size=at_once(len(keys)))
        # The fits at the truth and those from all starts are one queue of searches, so that the compiler sees one.
        many, fits, n = starts.shape
        jobs = starts.reshape(many * fits, n)
        held_of = jnp.tile(masks, (many, 1))
        found = minimise_all(kernel, data, jobs, held_of, many * fits, at_once(many * fits), CLOSE)
        values = found.value.reshape(many, fits)
        free = jnp.where(jnp.isfinite(values[:, 1:]), values[:, 1:], jnp.inf)
        return jnp.maximum(values[:, 0] - jnp.min(free, axis=1), 0.0)

    return over_devices(each, (kernel, truth, masks), keys)


def _quantiles(
    delta: Float[np.ndarray, "points toys"], cl: float
) -> tuple[Float[np.ndarray, " points"], Float[np.ndarray, " points"]]:
    """Return the quantile of each row and its error, from the order statistics one binomial deviation around it."""
    toys = delta.shape[1]
    width = np.sqrt(cl * (1 - cl) / toys)
    ends = np.clip([cl - width, cl + width], 0.0, 1.0)
    low, high = np.quantile(delta, ends, axis=1)
    return np.quantile(delta, cl, axis=1) + TIE, (high - low) / 2


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

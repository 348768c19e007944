"""Frequentist intervals from toy data: G. J. Feldman and R. D. Cousins, Phys. Rev. D 57, 3873 (1998)."""

import dataclasses
from collections.abc import Callable, Iterable, Mapping
from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from cevnsjax.compilation import over_devices
from cevnsjax.errors import InputError
from cevnsjax.statistics.base import problem_of
from cevnsjax.statistics.counting import Counting
from cevnsjax.statistics.fit import checked
from cevnsjax.statistics.gaussian import Pull
from cevnsjax.statistics.intervals import threshold
from cevnsjax.statistics.likelihood import Likelihood
from cevnsjax.statistics.pulls import Problem
from cevnsjax.statistics.scan import Axis, AxisLimits, axis_of

__all__ = ["FeldmanCousins", "Spread", "data_of", "feldman_cousins", "with_data"]

AT_ONCE = 8
"""How many true points have their toys in memory together."""

BLOCK = 64
"""How many true points make one piece of work."""

CANDIDATES = 2
"""How many points of the grid, the best ones where shapes act linearly, are minimised over exactly for each toy."""

Work = Callable[[np.ndarray], np.ndarray]
Spread = Callable[[Work, list[np.ndarray]], Iterable[np.ndarray]]
"""What does the work for each block of points, in their order: `map`, or an engine that spreads it over machines."""


@dataclasses.dataclass(frozen=True)
class FeldmanCousins:
    """Delta chi-squared of the data on a grid of one or two parameters, and the value it may have at each point.

    `critical` is the quantile `cl` of Delta chi-squared among toys made at that point: where it is not exceeded the
    point is `accepted`. Arrays follow the axes, the last one (y) first.
    """

    axes: tuple[Axis, ...]
    delta_chi2: Float[np.ndarray, "..."]
    critical: Float[np.ndarray, "..."]
    cl: float
    toys: int

    @property
    def accepted(self) -> Bool[np.ndarray, "..."]:
        """Which points of the grid the data allow."""
        return self.delta_chi2 <= self.critical


class _Grid(eqx.Module):
    """chi^2 at all points of a grid: each point's problem, its minimum, and chi^2 as it is if shapes act linearly.

    That is x x - (a x)^2 - 2 l x + c in x, which holds data and pulls, with a row of a for each nuisance, by which
    chi^2 can be made less: exact without shapes, as the prediction is linear in factors on the signal, and else a guide
    to the points that are worth an exact minimum.
    """

    problems: Problem  # leaves of shape (points, ...)
    free: Float[Array, "*points free"]
    norms: Float[Array, "*points experiments"]
    along: Float[Array, "*points nuisances x"]
    linear: Float[Array, "*points x"]
    constant: Float[Array, "*points"]

    def about(self, x: Float[Array, " x"]) -> Float[Array, " points"]:
        """Return chi^2 at all points, less x x, shapes taken as linear about what suits the real data."""
        return self.constant - jnp.sum((self.along @ x) ** 2, axis=1) - 2 * self.linear @ x

    def exact(self, point: Int[Array, ""], x: Float[Array, " x"]) -> Float[Array, ""]:
        """Return chi^2 at one point, shapes minimised."""
        problem = jax.tree.map(lambda leaf: leaf[point], self.problems)
        problem = with_data(problem, x)
        return problem.minimum(self.free[point])


def feldman_cousins(
    likelihood: Likelihood,
    x: AxisLimits,
    y: AxisLimits | None = None,
    values: Mapping[str, float] | None = None,
    toys: int = 1000,
    cl: float = 0.90,
    seed: int = 0,
    spread: Spread | None = None,
    advance: Callable[[int, int], None] | None = None,
) -> FeldmanCousins:
    """Return Delta chi^2 of the data and its critical values from toys, on a grid of one or two parameters.

    `x` and `y` are (name, low, high, points), as in `scan`. Minima are those of the grid, of toys as of the data. At
    each point toys are drawn with the nuisances that suit the data best there; each has data of its own, and pulls
    centred on values drawn around them. Nuisances with a pull are minimised; other parameters stay at `values`. Work
    is done block by block of points, after each of which `advance(done, all)` is called, or by `spread`; toys do not
    depend on how. Raises `InputError` for impossible names, axes and numbers, and where the
    pull is integrated out.
    """
    threshold(cl)
    if toys < 10:
        raise InputError(f"{toys} toys given; at least 10 are needed")
    if likelihood.pull != "profiled":
        raise InputError("toys need a pull that is minimised; make the likelihood with pull='profiled'")
    if any(isinstance(data, Counting) for data in likelihood.observations()):
        raise InputError(
            f"{', '.join(likelihood.names)} given; grids of toys are for Gaussian data, and these have a "
            "background: use fit"
        )
    limits = [x] if y is None else [x, y]
    parameters, fixed = checked(likelihood, [name for name, *_ in limits], values or {})
    if norms := [p.name for p in parameters if p.name in likelihood.closed_norms]:
        raise InputError(f"'{norms[0]}' is minimised in closed form; it is no axis of a grid of toys")
    axes = tuple(axis_of(p, *limit[1:]) for p, limit in zip(parameters, limits, strict=True))
    shape = tuple(axis.values.size for axis in axes[::-1])
    points = {
        axis.parameter.name: jnp.asarray(column.ravel())
        for axis, column in zip(axes, np.meshgrid(*(axis.values for axis in axes)), strict=True)
    }
    grid, observed = _tabulated(likelihood, points, fixed)
    every = np.arange(observed.size)
    together = AT_ONCE * jax.device_count()
    blocks = [np.pad(b, (0, -b.size % together), mode="edge") for b in np.split(every, every[BLOCK::BLOCK])]
    work = partial(_critical, grid, seed, toys, cl)
    critical = []
    for one in (map if spread is None else spread)(work, blocks):
        critical.append(one)
        if advance is not None:
            advance(len(critical), len(blocks))
    keep = np.unique(np.concatenate(blocks), return_index=True)[1]
    delta = np.asarray(observed - observed.min())
    return FeldmanCousins(axes, delta.reshape(shape), np.concatenate(critical)[keep].reshape(shape), cl, toys)


def data_of(problem: Problem) -> Float[Array, " x"]:
    """Return data in units of their errors, then the centres of the pulls in units of theirs."""
    data = [one.observed / one.sigma for one in problem.data]
    centres = [_over(pull.centre, jnp.sqrt(pull.variance)) for pull in problem.pulls]
    return jnp.concatenate([*data, jnp.stack(centres), problem.centre])


def with_data(problem: Problem, x: Float[Array, " x"]) -> Problem:
    """Return a problem with the data and the centres of pulls that `data_of` describes."""
    sizes = [one.observed.size for one in problem.data]
    parts = jnp.split(x, np.cumsum([*sizes, len(sizes)]))
    data = tuple(
        dataclasses.replace(one, observed=part * one.sigma) for part, one in zip(parts, problem.data, strict=False)
    )
    pulls = tuple(
        Pull(jnp.where(pull.variance > 0, centre * jnp.sqrt(pull.variance), pull.centre), pull.variance)
        for centre, pull in zip(parts[-2], problem.pulls, strict=True)
    )
    return dataclasses.replace(problem, data=data, pulls=pulls, centre=parts[-1])


def _over(value: Float[Array, ""], width: Float[Array, ""]) -> Float[Array, ""]:
    """Return value / width, zero where there is no width."""
    return jnp.where(width > 0, value / jnp.where(width > 0, width, 1.0), 0.0)


def _tabulated(
    likelihood: Likelihood, points: Mapping[str, Float[Array, " points"]], fixed: Mapping[str, Float[Array, ""]]
) -> tuple[_Grid, Float[Array, " points"]]:
    """Return the grid, and chi^2 of the data at its points; in blocks, which bounds the memory."""
    size = next(iter(points.values())).size
    every = np.arange(size)
    blocks = [np.pad(block, (0, -block.size % BLOCK), mode="edge") for block in np.split(every, every[BLOCK::BLOCK])]
    parts = [_block(likelihood, {name: x[block] for name, x in points.items()}, fixed) for block in blocks]
    return jax.tree.map(lambda *leaves: jnp.concatenate(leaves)[:size], *parts)


@eqx.filter_jit
def _block(
    likelihood: Likelihood, points: Mapping[str, Float[Array, " points"]], fixed: Mapping[str, Float[Array, ""]]
) -> tuple[_Grid, Float[Array, " points"]]:
    def at(point: Mapping[str, Float[Array, ""]]) -> tuple[_Grid, Float[Array, ""]]:
        problem, penalty = problem_of(likelihood, {**fixed, **point})
        free = problem.minimised()
        norms = jnp.stack(problem.norms(problem.place(free)))
        return _Grid(problem, free, norms, *_linear(problem, free, norms)), penalty + problem.chi2(free)

    return jax.vmap(at)(points)


def _linear(
    problem: Problem, free: Float[Array, " free"], norms: Float[Array, " experiments"]
) -> tuple[Float[Array, "nuisances x"], Float[Array, " x"], Float[Array, ""]]:
    """Return a, l, c of chi^2 = x x - (a x)^2 - 2 l x + c, minimised over nuisances that act linearly about a place."""
    width = jnp.sqrt(jnp.stack([pull.variance for pull in problem.pulls]))

    def residuals(nuisances: Float[Array, " nuisances"]) -> Float[Array, " x"]:
        """Return what is left of predictions and pulls where x is zero."""
        factors, z = nuisances[: width.size], problem.place(nuisances[width.size :])
        scaled = zip(jnp.where(width > 0, factors * width, norms), problem.predicted(z), problem.data, strict=True)
        units = [factor * predicted / data.sigma for factor, predicted, data in scaled]
        return jnp.concatenate([*units, jnp.where(width > 0, factors, 0.0), z])

    place = jnp.concatenate([jax.vmap(_over)(norms, width), free])
    slopes = jax.jacfwd(residuals)(place)
    # What the nuisances can make good of any residual is projected out. Columns of one length, as a prediction may be
    # a million times the data; one of none, of a factor without a pull, stays so.
    length = jnp.sqrt(jnp.sum(slopes**2, axis=0))
    slopes /= jnp.where(length > 0, length, 1.0)
    gram = slopes.T @ slopes + jnp.diag(jnp.where(length > 0, 0.0, 1.0))
    along = jax.scipy.linalg.solve_triangular(jnp.linalg.cholesky(gram), slopes.T, lower=True)
    offset = residuals(place) - jax.jacfwd(residuals)(place) @ place
    left = offset - along.T @ (along @ offset)
    return along, left, offset @ left


def _critical(
    grid: _Grid, seed: int, toys: int, cl: float, truths: Int[np.ndarray, " block"]
) -> Float[np.ndarray, " block"]:
    """Return the quantile of Delta chi^2 among toys at each of a block of points."""
    return np.asarray(_quantiles(grid, jax.random.key(seed), jnp.asarray(truths), jnp.asarray(cl), toys))


@partial(jax.jit, static_argnames="toys")
def _quantiles(
    grid: _Grid, key: PRNGKeyArray, truths: Int[Array, " block"], cl: Float[Array, ""], toys: int
) -> Float[Array, " block"]:
    shapes = grid.free.shape[1] > 0

    def drawn(mean: Float[Array, " x"], truth: Int[Array, ""], key: PRNGKeyArray) -> Float[Array, ""]:
        """Return Delta chi^2 at the truth for one toy."""
        x = mean + jax.random.normal(key, mean.shape)
        about = grid.about(x)
        if not shapes:
            return about[truth] - about.min()
        nearest = jax.lax.top_k(-about, CANDIDATES)[1]
        exact = jax.vmap(grid.exact, in_axes=(0, None))(jnp.append(nearest, truth), x)
        return exact[-1] - exact.min()

    def quantile(truth: Int[Array, ""]) -> Float[Array, ""]:
        problem = jax.tree.map(lambda leaf: leaf[truth], grid.problems)
        mean = _expected(problem, grid.free[truth], grid.norms[truth])
        keys = jax.random.split(jax.random.fold_in(key, truth), toys)
        return jnp.quantile(jax.vmap(partial(drawn, mean, truth))(keys), cl)

    def each(_: None, truths: Int[Array, " share"]) -> Float[Array, " share"]:
        return jax.lax.map(quantile, truths, batch_size=AT_ONCE)

    return over_devices(each, None, truths)


def _expected(problem: Problem, free: Float[Array, " free"], norms: Float[Array, " experiments"]) -> Float[Array, " x"]:
    """Return the mean of toys' data and pulls, for nuisances at given places."""
    z = problem.place(free)
    unit = [n * one / d.sigma for n, one, d in zip(norms, problem.predicted(z), problem.data, strict=True)]
    centres = [_over(norm, jnp.sqrt(pull.variance)) for norm, pull in zip(norms, problem.pulls, strict=True)]
    return jnp.concatenate([*unit, jnp.stack(centres), z])

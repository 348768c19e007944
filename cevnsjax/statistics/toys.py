"""Frequentist intervals from toy data: G. J. Feldman and R. D. Cousins, Phys. Rev. D 57, 3873 (1998)."""

import dataclasses
from collections.abc import Mapping
from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, PRNGKeyArray

from cevnsjax.errors import InputError
from cevnsjax.statistics import gaussian
from cevnsjax.statistics.fit import checked
from cevnsjax.statistics.intervals import threshold
from cevnsjax.statistics.likelihood import Likelihood
from cevnsjax.statistics.scan import Axis, AxisLimits, axis_of

__all__ = ["FeldmanCousins", "feldman_cousins"]

AT_ONCE = 8
"""How many true points have their toys in memory together."""


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
    """One experiment's predictions at all points of the grid, in units of the bins' errors, and its pull."""

    unit: Float[Array, "points bins"]
    predicted: Float[Array, " points"]
    norm_sigma: Float[Array, ""]

    def chi2(self, data: Float[Array, " bins"], centre: Float[Array, ""]) -> Float[Array, " points"]:
        """Return chi^2 at all points for data in units of their errors, the pull around `centre` minimised."""
        mixed, observed = self.unit @ data, data @ data

        def at(predicted: Float[Array, ""], mixed: Float[Array, ""]) -> Float[Array, ""]:
            # The norm is n = centre n', which leaves the pull at one: chi^2 as it stands, with the prediction scaled.
            given = gaussian.Sums(centre**2 * predicted, centre * mixed, observed, self.norm_sigma / centre)
            return gaussian.chi2_profiled(given)

        return jax.vmap(at)(self.predicted, mixed)


def feldman_cousins(
    likelihood: Likelihood,
    x: AxisLimits,
    y: AxisLimits | None = None,
    values: Mapping[str, float] | None = None,
    toys: int = 1000,
    cl: float = 0.90,
    seed: int = 0,
) -> FeldmanCousins:
    """Return Delta chi^2 of the data and its critical values from toys, on a grid of one or two parameters.

    `x` and `y` are (name, low, high, points), as in `scan`. Minima are those of the grid, of toys as of the data. At
    each point toys are drawn with the normalisation that suits the data best there; each has data of its own, and a
    pull centred on a value drawn around it. Normalisations are minimised in closed form; other parameters stay at
    `values`. Raises `InputError` for impossible names, axes and numbers, and where the pull is integrated out.
    """
    threshold(cl)
    if toys < 10:
        raise InputError(f"{toys} toys given; at least 10 are needed")
    if likelihood.pull != "profiled":
        raise InputError("toys need a pull that is minimised; make the likelihood with pull='profiled'")
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
    grids, data = _tabulated(likelihood, points, fixed)
    observed = np.asarray(sum(grid.chi2(one, jnp.ones(())) for grid, one in zip(grids, data, strict=True)))
    critical = np.asarray(_critical(grids, data, jax.random.key(seed), toys, jnp.asarray(cl)))
    return FeldmanCousins(axes, (observed - observed.min()).reshape(shape), critical.reshape(shape), cl, toys)


@eqx.filter_jit
def _tabulated(
    likelihood: Likelihood, points: Mapping[str, Float[Array, " points"]], fixed: Mapping[str, Float[Array, ""]]
) -> tuple[list[_Grid], list[Float[Array, " bins"]]]:
    """Return each experiment's predictions on the grid, and its data in units of their errors."""

    def at(point: Mapping[str, Float[Array, ""]]) -> list[Float[Array, " bins"]]:
        params = {**fixed, **point}
        return [
            params.get(norm, 1.0) * counts.sum(axis=0)
            for norm, counts in zip(likelihood.norms, likelihood.counts(params), strict=True)
        ]

    grids, observed = [], []
    for norm, counts, data in zip(
        likelihood.norms, jax.lax.map(at, points, batch_size=64), likelihood.observations(), strict=True
    ):
        unit = counts / data.sigma
        given = norm in points or norm in fixed
        grids.append(_Grid(unit, jnp.sum(unit**2, axis=1), jnp.zeros(()) if given else data.norm_sigma))
        observed.append(data.observed / data.sigma)
    return grids, observed


@partial(jax.jit, static_argnames="toys")
def _critical(
    grids: list[_Grid], data: list[Float[Array, " bins"]], key: PRNGKeyArray, toys: int, cl: Float[Array, ""]
) -> Float[Array, " points"]:
    """Return the quantile of Delta chi^2 among toys at each point of the grid."""

    def drawn(truth: Int[Array, ""], key: PRNGKeyArray) -> Float[Array, ""]:
        """Return Delta chi^2 at the truth for one toy."""
        total = jnp.zeros(grids[0].predicted.size)
        for grid, observed, one in zip(grids, data, jax.random.split(key, len(grids)), strict=True):
            noise, pull = jax.random.split(one)
            unit = grid.unit[truth]
            norm = gaussian.best_norm(gaussian.Sums(unit @ unit, unit @ observed, observed @ observed, grid.norm_sigma))
            centre = norm + grid.norm_sigma * jax.random.normal(pull)
            total += grid.chi2(norm * unit + jax.random.normal(noise, unit.shape), centre)
        return total[truth] - total.min()

    def quantile(truth: Int[Array, ""]) -> Float[Array, ""]:
        keys = jax.random.split(jax.random.fold_in(key, truth), toys)
        return jnp.quantile(jax.vmap(partial(drawn, truth))(keys), cl)

    return jax.lax.map(quantile, jnp.arange(grids[0].predicted.size), batch_size=AT_ONCE)

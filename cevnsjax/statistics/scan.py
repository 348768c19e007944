"""Chi-squared over a plane of two parameters, the other free ones minimised, and the contours in it."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from cevnsjax.compilation import over_devices
from cevnsjax.errors import InputError
from cevnsjax.parameters import Parameter, check_value
from cevnsjax.statistics.base import BinnedLikelihood
from cevnsjax.statistics.contours import contour_curves, plane_threshold
from cevnsjax.statistics.fit import LANES, STARTS, checked
from cevnsjax.statistics.likelihood import Likelihood
from cevnsjax.statistics.minimise import minima, own_scales, starting_points, typical_steps
from cevnsjax.statistics.profile import ProfiledChi2, chi2_of, march, prepared

__all__ = ["Axis", "AxisLimits", "ScanResult", "axis_of", "scan"]

CHUNK, CHEAP = 32, 256
"""How many lines of the plane are computed at once, which bounds the memory; and how many if there is no search."""

AxisLimits = tuple[str, float, float, int]
"""A parameter's name, the ends of its range, and the number of values."""

Values = Mapping[str, Float[Array, ""]]
Lines = Float[np.ndarray, "lines n"]


class Axis(eqx.Module):
    """A parameter and its ascending values, evenly spaced in themselves or in their logarithm."""

    parameter: Parameter = eqx.field(static=True)
    values: Float[np.ndarray, " n"]

    def at(self, place: Float[Array, ""]) -> Float[Array, ""]:
        """Return the value at a place between 0 and 1 along the axis."""
        low, high = self.values[0], self.values[-1]
        return low * (high / low) ** place if self.parameter.logarithmic else low + (high - low) * place


@dataclasses.dataclass(frozen=True)
class ScanResult:
    """Delta chi-squared over a plane; its rows follow y.

    It counts from `chi2_min`, the least chi-squared within the plane's limits, which lies at `best_fit` and not
    at a point of the grid. `contours` are the curves, of shape (points, 2), on which it has the value that belongs to
    `cl` and `dof`.
    """

    x: Axis
    y: Axis
    delta_chi2: Float[np.ndarray, "ny nx"]
    best_fit: dict[str, float]
    chi2_min: float
    contours: list[Float[np.ndarray, "_ 2"]]
    cl: float
    dof: int

    def at_level(self, cl: float, dof: int) -> "ScanResult":
        """Return the same scan with the contours of another confidence level or number of degrees of freedom."""
        curves = _curves(self.x, self.y, self.delta_chi2, plane_threshold(cl, dof))
        return dataclasses.replace(self, contours=curves, cl=cl, dof=dof)


def scan(
    likelihood: Likelihood,
    x: AxisLimits,
    y: AxisLimits,
    free: Sequence[str] | None = None,
    values: Mapping[str, float] | None = None,
    cl: float = 0.90,
    dof: int = 2,
    advance: Callable[[int, int], None] | None = None,
    finished: Lines | None = None,
    keep: Callable[[Lines], None] | None = None,
) -> ScanResult:
    """Return Delta chi^2 over a plane, minimised over the other free parameters, with its contours.

    `x` and `y` are (name, low, high, points); masses and couplings are spaced evenly in their logarithm. `free` are
    the others, by default the model's own choice. `dof` is the number of degrees of freedom behind the level
    of the contours: 2 for a region in the plane, 1 for the coupling at each mass by itself. After every chunk of lines
    `advance(done, all)` is called, and `keep` with chi^2 along all lines, NaN where it is not known yet: given again as
    `finished`, it is not calculated anew. Lines are spread over all devices. Raises `InputError` as `fit` does, and for
    impossible axes.
    """
    level = plane_threshold(cl, dof)
    values = values or {}
    if free is None:
        free = [name for name in likelihood.model.free if name not in values]
    names = [x[0], y[0], *(name for name in free if name not in (x[0], y[0]))]
    parameters, fixed = checked(likelihood, names, values)
    axes = axis_of(parameters[0], *x[1:]), axis_of(parameters[1], *y[1:])
    others = tuple(p for p in parameters[2:] if p.name not in likelihood.closed_norms)

    # A line runs along a coupling, so that its counts are a polynomial, and one made once for all lines if both are.
    flip = axes[1].parameter.power is not None and axes[0].parameter.power is None
    outer, inner = axes if flip else axes[::-1]
    cheap, rest = _prepared(likelihood, fixed, (outer.parameter, inner.parameter, *others))
    lines = _Lines(cheap, rest, outer.parameter, inner.parameter, others, _nearest_default(inner))
    chi2 = _in_chunks(lines, outer.values, jnp.asarray(inner.values), advance, finished, keep)
    chi2 = chi2.T if flip else chi2
    if not np.isfinite(chi2).all():
        raise InputError(
            f"chi-squared overflows in the plane of {x[0]} and {y[0]}; choose smaller ends than {x[2]:g}, {y[2]:g}"
        )

    best, chi2_min = _polished(lines, axes, others, chi2)
    nuisances = likelihood.best_nuisances({**fixed, **best})
    best |= {name: float(value) for name, value in nuisances.items() if name not in fixed}
    delta = chi2 - chi2_min
    return ScanResult(*axes, delta, best, chi2_min, _curves(*axes, delta, level), cl, dof)


_prepared = eqx.filter_jit(prepared)


def axis_of(parameter: Parameter, low: float, high: float, points: int) -> Axis:
    """Return an axis; raises `InputError` for limits that do not rise or are out of bounds, and too few points."""
    low, high = (check_value(parameter, limit) for limit in (low, high))
    if low >= high:
        raise InputError(f"the range {low:g} to {high:g} of {parameter.name} does not rise")
    if points < 2:
        raise InputError(f"{points} points given for {parameter.name}; an axis needs at least 2")
    if parameter.logarithmic and low <= 0:
        raise InputError(f"the range of {parameter.name} begins at {low:g}; a logarithmic axis needs a positive end")
    spacing = np.geomspace if parameter.logarithmic else np.linspace
    return Axis(parameter, spacing(low, high, points))


def _nearest_default(axis: Axis) -> int:
    """Return where a line begins: at the value next to the default, where chi^2 is no plateau."""
    return int(np.argmin(np.abs(axis.values - axis.parameter.default)))


class _Lines(eqx.Module):
    """chi^2 along lines of the plane: the outer parameter fixed, the inner one varied, others minimised."""

    likelihood: BinnedLikelihood
    fixed: Values
    outer: Parameter = eqx.field(static=True)
    inner: Parameter = eqx.field(static=True)
    others: tuple[Parameter, ...] = eqx.field(static=True)
    begin: int = eqx.field(static=True)

    def at(self, outer: Float[Array, ""]) -> tuple[BinnedLikelihood, Values]:
        """Return the likelihood of a line, cheap to vary along it, and what is fixed there."""
        return prepared(self.likelihood, {**self.fixed, self.outer.name: outer}, (self.inner, *self.others))

    def along(self, likelihood: BinnedLikelihood, rest: Values, inner: Float[Array, " n"]) -> Float[Array, " n"]:
        """Return chi^2 at values of the inner parameter, on the line that `at` returned."""
        if not self.others:
            return jax.vmap(lambda value: likelihood.chi2({**rest, self.inner.name: value}))(inner)
        origin = inner[self.begin]
        chi2 = chi2_of(likelihood, {**rest, self.inner.name: origin}, self.others)
        scale = typical_steps(chi2, self.others, own_scales(self.others))
        found = minima(chi2, starting_points(self.others, scale, STARTS), scale, self.others)
        order = jnp.argsort(jnp.where(jnp.isfinite(found.value), found.value, jnp.inf))
        seeds = jnp.concatenate([found.point[order[:LANES]], starting_points(self.others, scale, LANES)])
        followed = ProfiledChi2(likelihood, rest, scale, origin, seeds, jnp.zeros(()), self.inner, self.others)
        return _both_ways(followed, inner, self.begin)


def _both_ways(profile: ProfiledChi2, x: Float[Array, " n"], begin: int) -> Float[Array, " n"]:
    """Return a profile at ascending values, followed from the one numbered `begin` to both ends."""
    after, before = x[begin:], x[:begin][::-1]
    length = max(after.size, before.size)
    sides = [
        jnp.pad(side if side.size else after, (0, max(length - side.size, 0)), mode="edge")[:length]
        for side in (after, before)
    ]
    marched = march(profile, jnp.stack(sides)).value
    return jnp.concatenate([marched[1, : before.size][::-1], marched[0, : after.size]])


@eqx.filter_jit
def _chunk(lines: _Lines, outer: Float[Array, " chunk"], inner: Float[Array, " n"]) -> Float[Array, "chunk n"]:
    def each(given: tuple[_Lines, Array], outer: Array) -> Array:
        lines, inner = given
        prepared = jax.vmap(lines.at)(outer)
        # Where shapes are minimised one slow point keeps all waiting that are done at once: one line then, not many.
        together = None if lines.likelihood.shapes and not lines.others else outer.size
        return jax.lax.map(lambda line: lines.along(line[0], line[1], inner), prepared, batch_size=together)

    return over_devices(each, (lines, inner), outer)


def _in_chunks(
    lines: _Lines,
    outer: np.ndarray,
    inner: Float[Array, " n"],
    advance: Callable[[int, int], None] | None,
    finished: Lines | None,
    keep: Callable[[Lines], None] | None,
) -> Lines:
    """Return chi^2 along all lines; chunks are filled up, so that all have one shape, and the same digits."""
    chi2 = np.full((outer.size, inner.size), np.nan) if finished is None else np.array(finished)
    todo = np.flatnonzero(np.isnan(chi2).any(axis=1))
    devices = jax.device_count()
    largest = CHUNK if lines.others or lines.likelihood.shapes else CHEAP
    size = -(-outer.size // -(-outer.size // largest))  # chunks of one size, with few lines to fill up
    size = -(-size // devices) * devices
    for first in range(0, todo.size, size):
        chunk = todo[first : first + size]
        padded = np.pad(outer[chunk], (0, size - chunk.size), mode="edge")
        chi2[chunk] = np.asarray(_chunk(lines, jnp.asarray(padded), inner))[: chunk.size]
        if keep is not None:
            keep(chi2)
        if advance is not None:
            advance(outer.size - todo.size + first + chunk.size, outer.size)
    return chi2


def _polished(
    lines: _Lines, axes: tuple[Axis, Axis], others: tuple[Parameter, ...], chi2: Float[np.ndarray, "ny nx"]
) -> tuple[dict[str, float], float]:
    """Return where chi^2 is least within the plane, and its value there, started from the grid's least."""
    row, column = np.unravel_index(np.argmin(chi2), chi2.shape)
    places = []
    for axis, index in zip(axes, (column, row), strict=True):
        step = 1 / (axis.values.size - 1)
        # Not on the very edge, where the minimiser's coordinates have no slope.
        place = float(np.clip(index * step, step / 2, 1 - step / 2))
        places.append(Parameter(axis.parameter.name, default=place, scale=step, bounds=(0.0, 1.0)))
    point, least = _minimum(lines, axes, (*places, *others))
    best = {}
    for axis, place in zip(axes, point[:2], strict=True):
        best[axis.parameter.name] = float(np.clip(axis.at(place), axis.values[0], axis.values[-1]))
    best |= {p.name: float(value) for p, value in zip(others, point[2:], strict=True)}
    if chi2.min() < float(least):  # at an edge of the plane
        best |= {
            axes[0].parameter.name: float(axes[0].values[column]),
            axes[1].parameter.name: float(axes[1].values[row]),
        }
    return best, min(float(least), float(chi2.min()))


@eqx.filter_jit
def _minimum(
    lines: _Lines, axes: tuple[Axis, Axis], parameters: tuple[Parameter, ...]
) -> tuple[Float[Array, " parameters"], Float[Array, ""]]:
    """Return the least chi^2 near the defaults of the first two parameters, places on the axes, and where it is."""

    def chi2(point: Float[Array, " parameters"]) -> Float[Array, ""]:
        given = {axis.parameter.name: axis.at(point[i]) for i, axis in enumerate(axes)}
        given |= {p.name: point[i + 2] for i, p in enumerate(parameters[2:])}
        return lines.likelihood.chi2({**lines.fixed, **given})

    scale = typical_steps(chi2, parameters, own_scales(parameters))
    # The grid has seen the whole plane; what it has not seen is the others' own valleys.
    start = starting_points(parameters, scale, STARTS if len(parameters) > 2 else 3)
    found = minima(chi2, start, scale, parameters)
    best = jnp.argmin(jnp.where(jnp.isfinite(found.value), found.value, jnp.inf))
    return found.point[best], found.value[best]


def _curves(x: Axis, y: Axis, delta: Float[np.ndarray, "ny nx"], level: float) -> list[Float[np.ndarray, "_ 2"]]:
    logarithmic = x.parameter.logarithmic, y.parameter.logarithmic
    return contour_curves(x.values, y.values, delta, level, logarithmic)

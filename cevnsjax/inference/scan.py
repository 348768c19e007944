"""Chi-squared over a plane of two parameters, the other free ones minimised, and the contours in it."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence

import numpy as np
from jaxtyping import Float

from cevnsjax.arguments import whole_number
from cevnsjax.errors import InputError, shown
from cevnsjax.inference.contours import contour_curves, excluded_regions, plane_threshold
from cevnsjax.inference.fit import search_of
from cevnsjax.inference.least import least_between
from cevnsjax.inference.lines import LineMinimum, Lines, started
from cevnsjax.inference.profile import SECTIONS
from cevnsjax.inference.search import checked, free_or_default
from cevnsjax.likelihood import Given, Likelihood, likelihood_of
from cevnsjax.parameters import Parameter, check_value
from cevnsjax.spreading import Gathering, Kept, Spread, in_threads, one_by_one

__all__ = ["Axis", "AxisLimits", "ScanResult", "axis_of", "check_axes", "scan"]

AxisLimits = tuple[str, float, float, int]
"""A parameter's name, the ends of its range, and the number of values."""

MOST_VALUES, MOST_CELLS = 100_000, 20_000_000
"""More values along an axis, or points in a plane, would not fit into the memory of a workstation."""

CLOSE = 1e-5
"""How closely the mass of the least chi-squared is looked for: in its logarithm, or in units of the range where it has
none. Chi-squared goes with the square."""


@dataclasses.dataclass(frozen=True, eq=False)
class Axis:
    """A `parameter` and its ascending `values`, evenly spaced in themselves or in their logarithm."""

    parameter: Parameter
    values: Float[np.ndarray, " n"]


@dataclasses.dataclass(frozen=True, eq=False)
class ScanResult:
    """Delta chi-squared over a plane; its rows follow y.

    `delta_chi2` counts from `chi2_min`, the least chi-squared within the limits of the axes `x` and `y`, which lies at
    `best_fit` and not at a point of the grid. `contours` are the curves, of shape (points, 2), on which it has the
    value that belongs to `cl` and `dof`. `messages` are sentences that a reader must know.
    """

    x: Axis
    y: Axis
    delta_chi2: Float[np.ndarray, "ny nx"]
    best_fit: dict[str, float]
    chi2_min: float
    contours: list[Float[np.ndarray, "_ 2"]]
    cl: float
    dof: int
    messages: list[str] = dataclasses.field(default_factory=list)

    def at_level(self, cl: float, dof: int) -> "ScanResult":
        """Return the same scan with contours at another confidence level `cl` or number of degrees of freedom `dof`.

        The level is a quantile of chi-squared. Raises `InputError` for an impossible one.
        """
        curves = _curves(self.x, self.y, self.delta_chi2, plane_threshold(cl, dof))
        return dataclasses.replace(self, contours=curves, cl=cl, dof=dof)

    def excluded(self) -> list[tuple[Float[np.ndarray, "points 2"], np.ndarray]]:
        """Return the regions beyond the contours, in the units of the axes, as `excluded_regions` does."""
        logarithmic = self.x.parameter.logarithmic, self.y.parameter.logarithmic
        level = plane_threshold(self.cl, self.dof)
        return excluded_regions(self.x.values, self.y.values, self.delta_chi2, level, logarithmic)


def scan(
    likelihood: Given,
    x: AxisLimits,
    y: AxisLimits,
    free: Sequence[str] | None = None,
    values: Mapping[str, float] | None = None,
    cl: float = 0.90,
    dof: int = 2,
    advance: Callable[[int, int], None] | None = None,
    spread: Spread | None = None,
    kept: Kept | None = None,
) -> ScanResult:
    """Return Delta chi^2 over a plane, minimised over the other free parameters, with its contours.

    Masses and couplings are spaced evenly in their logarithm. Within a process work is spread over all devices; sums
    may then differ in their last digits.

    Args:
        likelihood: a `Likelihood`; or an experiment, or a list of them, under the Standard Model.
        x: the horizontal axis: (name, low, high, points).
        y: the vertical axis, likewise.
        free: names of the others that vary; by default the model's own choice.
        values: parameters that are fixed, by name.
        cl: the confidence level of the contours.
        dof: degrees of freedom behind their level: 2 for a region in the plane, 1 for a coupling at each given mass.
        advance: called as `advance(done, all)` after each block, with numbers of lines.
        spread: does blocks of lines; by default on this machine.
        kept: the blocks that an earlier run has finished; new ones are added.

    Raises:
        InputError: as `fit`, and for impossible axes.

    Examples:
        >>> likelihood = cevnsjax.Likelihood("conus_plus", model="charge_radius")
        >>> plane = cevnsjax.scan(likelihood, ("r2_ee", -8e-31, 2e-31, 6), ("r2_emu", -5e-31, 5e-31, 5))
        >>> plane.delta_chi2.shape, len(plane.contours)
        ((5, 6), 1)
    """
    likelihood = likelihood_of(likelihood)
    level = plane_threshold(cl, dof)
    names, given = free_or_default(likelihood, free, values)
    check_axes(x, y)
    every = [x[0], y[0], *(name for name in names if name not in (x[0], y[0]))]
    parameters, fixed = checked(likelihood, every, given)
    axes = axis_of(parameters[0], *x[1:]), axis_of(parameters[1], *y[1:])
    if axes[0].values.size * axes[1].values.size > MOST_CELLS:
        raise InputError(
            f"a plane of {x[3]} x {y[3]} points is not possible: give no more than {MOST_CELLS} points in all"
        )
    # A line runs along a coupling, so that its counts are a polynomial.
    couplings = {p.name for p in likelihood.model.parameters}
    bare = [p.power is None and p.name in couplings for p in parameters[:2]]
    flip = bare[0] and not bare[1]
    outer, inner = axes if flip else axes[::-1]
    lines = Lines(likelihood, outer.parameter, inner.parameter, parameters[2:], fixed)
    chi2 = np.empty((outer.values.size, inner.values.size))
    blocks = lines.blocks(outer.values, inner.values)

    def tell(done: int, _: int) -> None:
        if advance is not None:
            advance(min(done * blocks.size, outer.values.size), outer.values.size)

    if spread is None:
        spread = in_threads if blocks.searched else one_by_one
    for block, rows in Gathering(spread, kept, tell).each(blocks.work, blocks.blocks):
        chi2[blocks.rows(block)] = rows
    plane = chi2.T if flip else chi2
    place = np.unravel_index(np.argmin(chi2), chi2.shape)
    column, row = (int(i) for i in (place if flip else place[::-1]))
    if not np.isfinite(plane).all():
        raise InputError(
            f"chi-squared overflows in the plane of {x[0]} and {y[0]}; choose smaller ends than {x[2]:g}, {y[2]:g}"
        )
    best, chi2_min, messages = _least(likelihood, axes, parameters, fixed, plane, (row, column), lines)
    plane -= chi2_min
    return ScanResult(*axes, plane, best, chi2_min, _curves(*axes, plane, level), cl, dof, messages)


def check_axes(*axes: AxisLimits) -> None:
    """Raise `InputError` for an axis that is not a name, two ends and a number of values."""
    for limits in axes:
        if not isinstance(limits, Sequence) or isinstance(limits, str) or len(limits) != 4:
            raise InputError(
                f"the axis {shown(limits)} is not possible: give a name, a low and a high end, and a number of values"
            )


def axis_of(parameter: Parameter, low: float, high: float, points: int) -> Axis:
    """Return an axis; raises `InputError` for limits that do not rise or are out of bounds, and too few points."""
    low, high = (check_value(parameter, limit) for limit in (low, high))
    if low >= high:
        raise InputError(f"the range {low:g} to {high:g} of {parameter.name} does not rise")
    points = whole_number(points, 2, MOST_VALUES, f"{{}} points given for {parameter.name}")
    if parameter.logarithmic and low <= 0:
        raise InputError(f"the range of {parameter.name} begins at {low:g}; a logarithmic axis needs a positive end")
    spacing = np.geomspace if parameter.logarithmic else np.linspace
    return Axis(parameter, spacing(low, high, points))


def _least(
    likelihood: Likelihood,
    axes: tuple[Axis, Axis],
    parameters: Sequence[Parameter],
    fixed: Mapping[str, float],
    plane: Float[np.ndarray, "ny nx"],
    least: tuple[int, int],
    lines: Lines,
) -> tuple[dict[str, float], float, list[str]]:
    """Return where chi^2 is least within the plane, its value there, and messages, started from the grid's least."""
    row, column = least
    inside = [
        dataclasses.replace(p, bounds=(float(axis.values[0]), float(axis.values[-1])), default=float(axis.values[i]))
        for p, axis, i in zip(parameters[:2], axes, (column, row), strict=True)
    ]
    couplings = {p.name for p in likelihood.model.parameters}
    bare = [p for p in parameters[:2] if p.power is None and p.name in couplings]
    if bare:
        if lines.outer.name != bare[0].name:  # lines along a mass, as the other axis is one too
            lines = Lines(
                likelihood, bare[0], next(p for p in parameters[:2] if p is not bare[0]), parameters[2:], fixed
            )
        return _least_of_mass(lines, axes, inside, plane, least)
    search = search_of(likelihood, parameters, fixed)
    start = search.start.copy()
    indices = [search.place(p.name) for p in inside]
    for p, index in zip(inside, indices, strict=True):
        ends = sorted(float(search.variable(p.name, end)) for end in p.bounds)
        search.limit(index, *ends)
        start[index] = search.variable(p.name, p.default)
    on_grid = search.minima(started(search, parameters[2:], start), indices)
    minima = search.minima(on_grid.place)
    value, place = float(minima.value[minima.best()]), minima.place[minima.best()]
    if not value <= plane[row, column]:  # where no search helps: all is closed or flat
        value, place = float(plane[row, column]), on_grid.place[on_grid.best()]
    best = {
        p.name: float(search.value(p.name, place[search.place(p.name)])) for p in parameters if search.moves(p.name)
    }
    messages = [f"these data do not depend on {p.name}" for p in parameters if not search.acts(p.name)]
    return best | search.nuisances(place), value, messages


def _least_of_mass(
    lines: Lines,
    axes: tuple[Axis, Axis],
    inside: Sequence[Parameter],
    plane: Float[np.ndarray, "ny nx"],
    least: tuple[int, int],
) -> tuple[dict[str, float], float, list[str]]:
    """Return the least chi^2 in a plane of a mass, the coupling minimised at each mass that is looked at."""
    mass = lines.outer
    which = next(i for i in (0, 1) if inside[i].name == mass.name)
    axis, number = axes[which], least[1 - which]
    bounds = inside[1 - which].bounds
    grid = plane.T if which == 0 else plane
    found: dict[float, LineMinimum] = {}

    def near(at: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
        """Return the coupling that fits best on the grid's next line, from which a minimum is found."""
        rows = grid[np.minimum(np.searchsorted(axis.values, at), len(grid) - 1)]
        return axes[1 - which].values[np.argmin(rows, axis=1)]

    def look(at: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
        """Return chi^2 minimised over the coupling within the plane, at each mass."""
        new = np.array([value for value in at if value not in found])
        found.update(zip(new.tolist(), lines.least(new, bounds, near(new)), strict=True))
        return np.array([found[value].chi2 for value in at.tolist()])

    def lowest(look: Callable[[Float[np.ndarray, " n"]], Float[np.ndarray, " n"]]) -> float:
        """Return the mass where it is least."""
        # The grid's least point may lie beside the valley: its lines are seen at several masses first.
        last, sections = axis.values.size - 1, np.linspace(0, axis.values.size - 1, SECTIONS).astype(int)
        seen = np.unique(np.clip([*sections, number - 1, number, number + 1], 0, last))
        nearest = int(np.argmin(look(axis.values[seen])))
        low, high = axis.values[seen[max(nearest - 1, 0)]], axis.values[seen[min(nearest + 1, seen.size - 1)]]
        # A mass that is not logarithmic may begin at zero.
        if mass.logarithmic:
            place = least_between(lambda at: look(np.exp(at)), float(np.log(low)), float(np.log(high)), CLOSE)
            return float(np.clip(np.exp(place), low, high))
        return least_between(look, float(low), float(high), CLOSE * float(high - low))

    nearly = lines.valley()
    if nearly is None:
        lowest(look)
    else:
        look(np.array([lowest(lambda at: nearly(at, bounds, near(at)))]))
    best = min(found, key=lambda value: found[value].chi2)
    place, messages = found[best].values(), found[best].messages()
    if plane[least] < found[best].chi2:
        return {**place, **{p.name: p.default for p in inside}}, float(plane[least]), messages
    return {mass.name: best, **place}, found[best].chi2, messages


def _curves(x: Axis, y: Axis, delta: Float[np.ndarray, "ny nx"], level: float) -> list[Float[np.ndarray, "_ 2"]]:
    logarithmic = x.parameter.logarithmic, y.parameter.logarithmic
    return contour_curves(x.values, y.values, delta, level, logarithmic)

"""A fit: the data of each experiment beside the best prediction, and the pulls of the nuisances below."""

from typing import Any

import matplotlib
import numpy as np
from jaxtyping import Float
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cevnsjax.errors import InputError
from cevnsjax.experiments import Cells, Experiment
from cevnsjax.figures.style import BLUE, COLUMN_WIDTH, ORANGE, SMALL, STYLE, in_latex, level_label, scaled_axis
from cevnsjax.inference import FitResult
from cevnsjax.parameters import Parameter

__all__ = ["along_first", "fit_figure"]

MOST_PANELS, MOST_PULLS = 12, 40
"""Experiments, and nuisances, that a figure shows; the largest pulls are those that it shows."""

PANEL, ROW = 2.0, 0.15
"""Heights of a panel and of a nuisance's row [inch]."""

CROWDED = 60
"""Points are smaller in panels of more bins."""

LEAST_PULL = 1.6
"""The axis of pulls reaches at least as far, so that the band of one standard deviation stands in it."""


def fit_figure(result: FitResult) -> Figure:
    """Return a panel for each experiment of a fit, and the pulls of nuisances that are constrained.

    `result` is that of `cevnsjax.fit`. Panels show sums over all axes but the first, with the source on, in the data's
    unit. Bars of counts are square roots of the prediction. Raises `InputError` for a result that holds no likelihood.

    >>> from cevnsjax.figures import fit_figure
    >>> len(fit_figure(cevnsjax.fit("conus_plus")).axes)
    2
    """
    if result.likelihood is None:
        raise InputError("this FitResult holds no likelihood, which a figure needs; take one that `fit` returns")
    likelihood, params = result.likelihood, {**result.values, **result.best_fit}
    shown = likelihood.experiments[:MOST_PANELS]
    means, backgrounds = likelihood.expected_in(params), likelihood.background_in(params)
    columns = 1 if len(shown) == 1 else 2
    rows = -(-len(shown) // columns)
    pulls = sorted((row for row in result.nuisances if row["pull"] is not None), key=lambda row: -abs(row["pull"]))
    heights = [PANEL * rows, 0.6 + ROW * max(len(pulls[:MOST_PULLS]), 2)][: 2 if pulls else 1]
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(COLUMN_WIDTH * (1 if columns == 1 else 1.7), sum(heights) + 0.6))
        parts = figure.subfigures(len(heights), 1, height_ratios=heights, squeeze=False)[:, 0]
        grid = parts[0].subplots(rows, columns, squeeze=False)
        for axes, experiment, mean, background in zip(grid.flat, shown, means, backgrounds, strict=False):
            _draw_cells(axes, experiment, np.asarray(mean), np.asarray(background))
        for axes in grid.flat[len(shown) :]:
            axes.set_axis_off()
        legend: dict[str, Any] = {}
        for axes in grid.flat:
            legend |= dict(zip(*reversed(axes.get_legend_handles_labels()), strict=True))
        hidden = len(likelihood.experiments) - len(shown)
        more = f"\n{hidden} more experiments are not shown" if hidden else ""
        parts[0].legend(
            list(legend.values()),
            list(legend),
            loc="outside upper center",
            ncols=3,
            title=_title(result) + more,
        )
        if pulls:
            _draw_pulls(parts[1].subplots(), pulls[:MOST_PULLS], len(pulls))
    return figure


def _title(result: FitResult) -> str:
    """Return the best fit and the intervals of the free parameters, and the least chi-squared."""
    assert result.likelihood is not None
    known = result.likelihood.parameters
    lines = [_allowed(known[name], result.best_fit.get(name), pieces) for name, pieces in result.intervals.items()]
    cells = sum(e.size for e in result.likelihood.experiments)
    least = rf"$\chi^2_\mathrm{{min}}$ = {result.chi2_min:.4g}, {cells} bins"
    return "\n".join([*lines, f"intervals at {level_label(result.cl, 1)}; {least}"])


def _allowed(parameter: Parameter, best: float | None, pieces: list[tuple[float | None, float | None]]) -> str:
    """Return a parameter's best value and what is allowed, in a power of ten that suits both."""
    numbers = [abs(end) for piece in pieces for end in piece if end is not None] + [abs(best or 0.0)]
    unit, label = scaled_axis(parameter, max(numbers))

    def short(end: float | None) -> str:
        return "..." if end is None else f"{end / unit:.3g}"

    allowed = " or ".join(f"[{short(low)}, {short(high)}]" for low, high in pieces)
    return f"{label}: {short(best)}, {allowed}"


def _draw_cells(
    axes: Axes, experiment: Experiment, mean: Float[np.ndarray, " all"], background: Float[np.ndarray, " all"]
) -> None:
    cells, axis = experiment.cells, experiment.cells.axes[0]
    here = slice(0, cells.size)
    variance = experiment.sigma**2 if experiment.term == "gaussian" else mean
    data, expected, other, spread = (
        along_first(np.asarray(values)[None, here], cells)[0]
        for values in (experiment.observed, mean, background, variance)
    )
    size = 2.0 if axis.size <= CROWDED else 0.8
    centre, half = (axis.high + axis.low) / 2, (axis.high - axis.low) / 2
    for values, colour, style, label in ((expected, BLUE, "-", "best fit"), (other, ORANGE, "--", "without signal")):
        if label == "best fit" or experiment.samples:
            # Bin by bin, as bins need not follow each other without a gap.
            edges, steps = _outline(axis.low, axis.high, values)
            axes.plot(edges, steps, color=colour, ls=style, lw=1.0, label=label, zorder=4)
    axes.errorbar(centre, data, spread**0.5, xerr=half, fmt="o", ms=size, lw=0.7, color="black", label="data", zorder=3)
    if min(data.min(), expected.min()) < 0:
        axes.axhline(0.0, color="grey", lw=0.5)
    else:
        axes.set_ylim(bottom=0.0)
    axes.set_xlim(axis.low[0], axis.high[-1])
    axes.set_xlabel(f"{axis.name.replace('_', ' ')} [{in_latex(axis.unit)}]" if axis.unit else axis.name)
    axes.set_ylabel("counts / bin" if experiment.unit == "counts" else in_latex(experiment.unit))
    axes.set_title(experiment.label + (", expected data" if experiment.hypothesis else ""))


def _outline(
    low: Float[np.ndarray, " bins"], high: Float[np.ndarray, " bins"], values: Float[np.ndarray, " bins"]
) -> tuple[Float[np.ndarray, " points"], Float[np.ndarray, " points"]]:
    """Return the points of a step function; it is interrupted where bins do not touch."""
    nothing = np.full(low.size, np.nan)
    touching = np.append(low[1:] == high[:-1], False)
    x = np.stack([low, high, np.where(touching, high, nothing)], axis=1).ravel()
    following = np.append(values[1:], np.nan)
    y = np.stack([values, values, np.where(touching, following, nothing)], axis=1).ravel()
    return x, y


def _draw_pulls(axes: Axes, rows: list[dict], number: int) -> None:
    place = -np.arange(len(rows))
    pull = np.array([row["pull"] for row in rows])
    error = np.array([np.nan if row["error"] is None else row["error"] / row["width"] for row in rows])
    axes.axvspan(-1, 1, color="0.92", lw=0, zorder=0)
    axes.axvline(0.0, color="grey", lw=0.5, zorder=0.5)
    axes.errorbar(pull, place, xerr=error, fmt="o", ms=2.5, lw=0.9, color="black")
    reach = 1.05 * max(LEAST_PULL, float(np.nanmax(np.abs(pull) + np.nan_to_num(error))))
    axes.set_xlim(-reach, reach)
    axes.set_ylim(-len(rows) + 0.4, 0.6)
    axes.set_yticks(place, [row["name"] for row in rows], fontsize=SMALL)
    axes.tick_params(axis="y", length=0, right=False)
    hidden = f"; {number - len(rows)} smaller ones not shown" if number > len(rows) else ""
    axes.set_xlabel(rf"pull and error, (value $-$ centre) / width{hidden}")


def along_first(values: Float[np.ndarray, "rows cells"], cells: Cells) -> Float[np.ndarray, "rows bins"]:
    """Return sums over all axes but the first."""
    sums = np.zeros((cells.axes[0].size, len(values)))
    np.add.at(sums, cells.index(0), values.T)
    return sums.T

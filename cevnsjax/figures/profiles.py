"""Delta chi-squared along a parameter, and what is allowed of one parameter against another."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from cevnsjax.figures.style import (
    BLUE,
    COLUMN_WIDTH,
    GREEN,
    SKY,
    STYLE,
    VERMILION,
    axis_label,
    level_label,
    scaled_axis,
)
from cevnsjax.parameters import Parameter

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes

__all__ = ["Panel", "bands_figure", "profiles_figure"]

HIGHEST = 9.0
"""Delta chi-squared at which panels end: three standard deviations."""


class Panel(NamedTuple):
    """Delta chi-squared `curves` with labels along one `parameter`.

    A curve is what `results.profile_dataset` gives. `published` is the interval that was published, with its label.
    """

    curves: Sequence[tuple[str, "xr.Dataset"]]
    parameter: Parameter
    published: tuple[float, float, str] | None = None


def profiles_figure(panels: Sequence[Panel], columns: int, levels: Sequence[tuple[float, str]]) -> Figure:
    """Return `panels` in rows of `columns`, with horizontal `levels` (height, label) in each.

    The legend stands above each panel, where no curve passes.

    >>> from cevnsjax.figures import Panel, profiles_figure
    >>> from cevnsjax.results import profile_dataset
    >>> likelihood = cevnsjax.Likelihood("conus_plus")
    >>> curve = profile_dataset(cevnsjax.profile(likelihood, "sin2_theta_w"), likelihood)
    >>> published = (0.188, 0.308, "arXiv:2501.12441")
    >>> panel = Panel([("CONUS+", curve)], likelihood.parameters["sin2_theta_w"], published)
    >>> figure = profiles_figure([panel], columns=1, levels=[(1.0, "68.27 % CL")])
    """
    rows = -(-len(panels) // columns)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(COLUMN_WIDTH * (1 if columns == 1 else 1.7), (2.8 if rows == 1 else 2.4) * rows))
        grid = figure.subplots(rows, columns, squeeze=False)
        for axes, panel in zip(grid.flat, panels, strict=True):
            _draw_profiles(axes, panel, levels)
    return figure


def _draw_profiles(axes: "Axes", panel: Panel, levels: Sequence[tuple[float, str]]) -> None:
    parameter = panel.parameter
    far = max(float(np.abs(curve[parameter.name]).max()) for _, curve in panel.curves)
    unit, label_of_axis = scaled_axis(parameter, far)
    if panel.published is not None:
        low, high, label = panel.published
        axes.axvspan(low / unit, high / unit, facecolor="0.9", edgecolor="0.6", lw=0.4, label=label)
    for (label, curve), colour, style in zip(panel.curves, (BLUE, VERMILION, GREEN), ("-", "--", "-."), strict=False):
        axes.plot(curve[parameter.name] / unit, curve["delta_chi2"], color=colour, ls=style, label=label)
    top = max(float(curve["delta_chi2"].max()) for _, curve in panel.curves)
    for (level, text), dashes in zip(levels, ((0, (1, 2)), (0, (4, 2))), strict=False):
        axes.axhline(level, color="black", lw=0.6, ls=dashes, label=text)
    axes.set_ylim(0.0, max(min(top, HIGHEST), *(1.1 * level for level, _ in levels)))
    axes.margins(x=0)
    axes.set_xlabel(label_of_axis)
    axes.set_ylabel(r"$\Delta\chi^2$")
    axes.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, columnspacing=1.0, borderaxespad=0.2)


def bands_figure(
    curves: Sequence[tuple[Parameter, "xr.Dataset"]], over: Parameter, measured: tuple[float, float, str]
) -> Figure:
    """Return, one above the other, the intervals of each parameter against another one, `over`.

    `measured` are the ends and the label of the interval in which the other was measured. `curves` are parameters with
    what `results.bands_dataset` gives.

    >>> from cevnsjax.figures import bands_figure
    >>> from cevnsjax.parameters import QUENCHING_K
    >>> from cevnsjax.results import bands_dataset
    >>> likelihood = cevnsjax.Likelihood("conus_plus")
    >>> k = np.array([0.155, 0.162, 0.170])
    >>> fits = [cevnsjax.fit(likelihood, values={"quenching_k": float(value)}) for value in k]
    >>> ends = np.array([[f.best_fit["sin2_theta_w"], *f.intervals["sin2_theta_w"][0]] for f in fits])
    >>> curve = bands_dataset(likelihood, "sin2_theta_w", QUENCHING_K, k, ends, cl=0.9)
    >>> angle = likelihood.parameters["sin2_theta_w"]
    >>> figure = bands_figure([(angle, curve)], QUENCHING_K, (0.158, 0.166, "arXiv:2202.03754"))
    """
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(COLUMN_WIDTH, 1.7 * len(curves) + 0.4))
        grid = figure.subplots(len(curves), 1, sharex=True, squeeze=False)
        for axes, (parameter, curve) in zip(grid.flat, curves, strict=True):
            unit, label = scaled_axis(parameter, float(np.abs(curve["high"]).max()))
            x = curve[over.name]
            axes.axvspan(*measured[:2], facecolor="0.9", edgecolor="0.6", lw=0.4, label=measured[2])
            level = level_label(curve.attrs["cl"], 1)
            axes.fill_between(x, curve["low"] / unit, curve["high"] / unit, color=SKY, alpha=0.5, lw=0, label=level)
            axes.plot(x, curve["best_fit"] / unit, color=BLUE, label="best fit")
            axes.set_ylabel(label)
            axes.margins(x=0)
            if float(curve["low"].min()) == parameter.bounds[0] == 0:
                axes.set_ylim(bottom=0.0)
            axes.legend(loc="best")
        grid[-1, 0].set_xlabel(axis_label(over))
    return figure

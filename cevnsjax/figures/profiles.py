"""Delta chi-squared along a parameter, and what is allowed of one parameter against another."""

import itertools
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from cevnsjax.figures.style import (
    BLUE,
    COLUMN_WIDTH,
    EXCLUDED,
    LOOKS,
    MEASURED,
    STYLE,
    VERMILION,
    axis_label,
    legend_above,
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
    """Delta chi-squared `curves` with labels along one `parameter`, and published intervals, each with its label.

    A curve is what `results.profile_dataset` gives. `measured` is the interval of a measurement, `allowed` what a limit
    leaves: all else is shaded as excluded.
    """

    curves: Sequence[tuple[str, "xr.Dataset"]]
    parameter: Parameter
    measured: tuple[float, float, str] | None = None
    allowed: tuple[float, float, str] | None = None


def profiles_figure(
    panels: Sequence[Panel],
    columns: int,
    levels: Sequence[tuple[float, str]],
    looks: Sequence[tuple[str, Any]] = LOOKS,
) -> Figure:
    """Return `panels` in rows of `columns`, with horizontal `levels` (height, label) in each.

    The legend stands above each panel, where no curve passes. `looks` are colours and line styles of the curves.

    >>> from cevnsjax.figures import Panel, profiles_figure
    >>> from cevnsjax.results import profile_dataset
    >>> likelihood = cevnsjax.Likelihood("conus_plus")
    >>> curve = profile_dataset(cevnsjax.profile(likelihood, "sin2_theta_w"), likelihood)
    >>> published = (0.188, 0.308, "arXiv:2501.12441")
    >>> panel = Panel([("CONUS+", curve)], likelihood.parameters["sin2_theta_w"], measured=published)
    >>> figure = profiles_figure([panel], columns=1, levels=[(1.0, "68.27 % CL")])
    """
    rows = -(-len(panels) // columns)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(COLUMN_WIDTH * columns, 2.8 * rows))
        grid = figure.subplots(rows, columns, squeeze=False)
        for axes, panel in zip(grid.flat, panels, strict=True):
            _draw_profiles(axes, panel, levels, looks)
    return figure


def _draw_profiles(
    axes: "Axes", panel: Panel, levels: Sequence[tuple[float, str]], looks: Sequence[tuple[str, Any]]
) -> None:
    parameter = panel.parameter
    every = np.concatenate([np.ravel(curve[parameter.name]) for _, curve in panel.curves])
    unit, label_of_axis = scaled_axis(parameter, float(np.abs(every).max()))
    ends = every.min() / unit, every.max() / unit
    if panel.measured is not None:
        low, high, label = panel.measured
        axes.axvspan(low / unit, high / unit, label=label, **MEASURED)
    if panel.allowed is not None:
        low, high, label = panel.allowed
        _shade_outside(axes, ends, (low / unit, high / unit), label)
    for (label, curve), (colour, style) in zip(panel.curves, itertools.cycle(looks), strict=False):
        axes.plot(curve[parameter.name] / unit, curve["delta_chi2"], color=colour, ls=style, label=label)
    top = max(float(curve["delta_chi2"].max()) for _, curve in panel.curves)
    for (level, text), dashes in zip(levels, ((0, (1, 2)), (0, (4, 2))), strict=False):
        axes.axhline(level, color="black", lw=0.6, ls=dashes, label=text)
    axes.set_ylim(0.0, max(min(top, HIGHEST), *(1.1 * level for level, _ in levels)))
    axes.set_xlim(*ends)
    axes.set_xlabel(label_of_axis)
    axes.set_ylabel(r"$\Delta\chi^2$")
    legend_above(axes)


def _shade_outside(axes: "Axes", ends: tuple[float, float], allowed: tuple[float, float], label: str) -> None:
    """Shade what lies between the ends of the axis and outside an interval."""
    sides = [(ends[0], allowed[0]), (allowed[1], ends[1])]
    for i, (low, high) in enumerate(side for side in sides if side[0] < side[1]):
        axes.axvspan(low, high, label=label if i == 0 else None, **EXCLUDED)


def bands_figure(
    curves: Sequence[tuple[Parameter, "xr.Dataset", tuple[float, float, str] | None]],
    over: Parameter,
    measured: tuple[float, float, str],
) -> Figure:
    """Return, one above the other, what is allowed for each parameter against another one, `over`; all else is shaded.

    `measured` are the ends and the label of the interval in which the other was measured. `curves` are parameters with
    what `results.bands_dataset` gives, and perhaps a published limit: a value of the other, the limit, and a label.

    >>> from cevnsjax.figures import bands_figure
    >>> from cevnsjax.parameters import QUENCHING_K
    >>> from cevnsjax.results import bands_dataset
    >>> likelihood = cevnsjax.Likelihood("conus_plus")
    >>> k = np.array([0.155, 0.162, 0.170])
    >>> fits = [cevnsjax.fit(likelihood, values={"quenching_k": float(value)}) for value in k]
    >>> ends = np.array([[f.best_fit["sin2_theta_w"], *f.intervals["sin2_theta_w"][0]] for f in fits])
    >>> curve = bands_dataset(likelihood, "sin2_theta_w", QUENCHING_K, k, ends, cl=0.9)
    >>> angle = likelihood.parameters["sin2_theta_w"]
    >>> figure = bands_figure([(angle, curve, None)], QUENCHING_K, (0.158, 0.166, "arXiv:2202.03754"))
    """
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(COLUMN_WIDTH, 2.1 * len(curves) + 0.4))
        grid = figure.subplots(len(curves), 1, sharex=True, squeeze=False)
        for axes, (parameter, curve, limit) in zip(grid.flat, curves, strict=True):
            unit, label = scaled_axis(parameter, float(np.abs(curve["high"]).max()))
            x, low, high = curve[over.name], curve["low"] / unit, curve["high"] / unit
            axes.axvspan(*measured[:2], label=measured[2], **MEASURED)
            room = 0.15 * float(high.max() - low.min())
            bottom, top = max(float(low.min()) - room, parameter.bounds[0] / unit), float(high.max()) + room
            level = f"excluded, {level_label(curve.attrs['cl'], 1)}"
            axes.fill_between(x, high, top, label=level, **EXCLUDED)
            axes.fill_between(x, bottom, low, **EXCLUDED)
            axes.plot(x, curve["best_fit"] / unit, color=BLUE, label="best fit", clip_on=False)
            if limit is not None:
                at, value, text = limit
                axes.plot(at, value / unit, "D", ms=3.5, mfc="none", color=VERMILION, ls="", label=text)
            axes.set_ylabel(label)
            axes.set_xlim(float(x[0]), float(x[-1]))
            axes.set_ylim(bottom, top)
            legend_above(axes)
        grid[-1, 0].set_xlabel(f"{over.description or over.name}: {axis_label(over)}")
    return figure

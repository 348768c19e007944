"""Feldman and Cousins' construction: chi-squared of the data against its critical values from toys."""

import itertools
from typing import TYPE_CHECKING

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from cevnsjax.figures.style import BLUE, COLUMN_WIDTH, EXCLUDED, STYLE, VERMILION, axis_label, legend_above, scaled_axis
from cevnsjax.inference.intervals import threshold
from cevnsjax.parameters import Parameter

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from cevnsjax.toys import FeldmanCousins

__all__ = ["toys_figure"]


def toys_figure(result: "FeldmanCousins", label: str) -> Figure:
    """Return delta chi-squared and critical values along one parameter, or the accepted region of two.

    `result` is that of `cevnsjax.feldman_cousins`, and `label` names the data. The level, the number of free parameters
    and that of toys at each point stand above.

    >>> from cevnsjax.figures import toys_figure
    >>> result = cevnsjax.feldman_cousins("conus_plus", ("sin2_theta_w", 0.1, 0.5, 3), toys=100)
    >>> figure = toys_figure(result, "CONUS+")
    """
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(COLUMN_WIDTH, 2.9))
        axes = figure.subplots()
        (_along if len(result.axes) == 1 else _plane)(axes, result, label)
        number = len(result.axes)
        free = f"{number} parameter{'s' if number > 1 else ''}"
        legend_above(axes, f"Feldman-Cousins, {100 * result.cl:g} % CL, {free}, {result.toys} toys a point")
    return figure


def _unit(parameter: Parameter, values: np.ndarray) -> tuple[float, str]:
    if parameter.logarithmic:
        return 1.0, axis_label(parameter)
    return scaled_axis(parameter, float(np.abs(values).max()))


def _along(axes: "Axes", result: "FeldmanCousins", label: str) -> None:
    (axis,) = result.axes
    unit, name = _unit(axis.parameter, axis.values)
    x = axis.values / unit
    allowed = [(x[0] if low is None else low / unit, x[-1] if high is None else high / unit)
               for low, high in result.intervals]  # fmt: skip
    edges = [x[0], *itertools.chain.from_iterable(allowed), x[-1]]
    for i, ends in enumerate(pair for pair in zip(edges[::2], edges[1::2], strict=True) if pair[0] < pair[1]):
        axes.axvspan(*ends, label="excluded" if i == 0 else None, **EXCLUDED)
    axes.plot(x, result.delta_chi2, color=BLUE, marker="o", ms=1.5, label=label)
    axes.plot(x, result.critical, color=VERMILION, ls="--", label="critical value, by toys")
    band = result.critical - result.critical_error, result.critical + result.critical_error
    axes.fill_between(x, *band, color=VERMILION, alpha=0.25, lw=0)
    height = threshold(result.cl)
    axes.axhline(height, color="black", lw=0.6, ls=":", label=r"asymptotic, $\chi^2$ of 1 d.o.f.")
    axes.set_ylim(0.0, 2.5 * max(height, float(np.max(result.critical))))
    axes.set_xlim(x[0], x[-1])
    axes.set_xscale("log" if axis.parameter.logarithmic else "linear")
    axes.set_xlabel(name)
    axes.set_ylabel(r"$\Delta\chi^2$")


def _plane(axes: "Axes", result: "FeldmanCousins", label: str) -> None:
    scaled = [_unit(axis.parameter, axis.values) for axis in result.axes]
    x, y = (axis.values / unit for axis, (unit, _) in zip(result.axes, scaled, strict=True))
    above = result.delta_chi2 - result.critical
    if above.max() > 0:
        axes.contourf(x, y, above, levels=[0.0, above.max() + 1.0], colors=[EXCLUDED["facecolor"]], zorder=0)
    if above.min() < 0 < above.max():
        axes.contour(x, y, above, levels=[0.0], colors=[BLUE], linewidths=1.2)
    axes.fill_between([], [], [], **EXCLUDED | {"edgecolor": BLUE, "lw": 1.0}, label=f"excluded by {label}")
    for axis, which, (_, name) in zip(result.axes, "xy", scaled, strict=True):
        getattr(axes, f"set_{which}label")(name)
        getattr(axes, f"set_{which}scale")("log" if axis.parameter.logarithmic else "linear")

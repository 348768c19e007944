"""Contours in a plane of two parameters, and curves and points of others beside them."""

import itertools
import pathlib
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.patches import PathPatch
from matplotlib.path import Path
from numpy.typing import ArrayLike

from cevnsjax.errors import InputError
from cevnsjax.figures.style import (
    COLUMN_WIDTH,
    EXCLUDED,
    LOOKS,
    STYLE,
    axis_label,
    legend_above,
    level_label,
    scaled_axis,
)
from cevnsjax.inference import ScanResult
from cevnsjax.parameters import Parameter
from cevnsjax.resources import read_rows, read_table

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["Band", "Mark", "Overlay", "plane_figure", "read_overlay"]

Looks = Sequence[tuple[str, Any]]
"""Colours and line styles of scans, one after the other, and again from the first where there are more."""


class Overlay(NamedTuple):
    """Curves of others in a plane of the parameters `x` and `y`: in `curves`, by label, the points (x, y) in a row."""

    x: str
    y: str
    curves: Mapping[str, ArrayLike]


class Mark(NamedTuple):
    """A point (`x`, `y`) in a plane, with its `label`.

    It has the colour of the `scan` that it belongs to, counted from zero, or its own `colour`. `x_ends` and `y_ends`
    are the intervals of its errors.
    """

    x: float
    y: float
    label: str
    scan: int = 0
    colour: str | None = None
    x_ends: tuple[float, float] | None = None
    y_ends: tuple[float, float] | None = None


class Band(NamedTuple):
    """An interval of the parameter y at all x, from `low` to `high`, with its `label`.

    It has the colour of the `scan` that it belongs to, counted from zero.
    """

    low: float
    high: float
    label: str
    scan: int = 0


def read_overlay(path: pathlib.Path) -> Overlay:
    r"""Return the curves of a CSV file at `path`, by label.

    It has two columns named after the parameters, and a third, `curve`, with labels. Raises `InputError` where the file
    is not so.

    >>> from pathlib import Path
    >>> from cevnsjax.figures import read_overlay
    >>> size = Path("others.csv").write_text("m_z,g_bl,curve\n1,1e-5,theirs\n10,2e-5,theirs\n")
    >>> read_overlay(Path("others.csv")).curves["theirs"].shape
    (2, 2)
    """
    rows = read_rows(path)
    columns = list(rows[0]) if rows else []
    if len(columns) != 3 or columns[2] != "curve":
        raise InputError(
            f"'{path}' has columns {', '.join(columns)}; give two parameters and 'curve', as in m_z,g_bl,curve"
        )
    x, y = columns[:2]
    table = read_table(path, (x, y))
    labels = np.array([row["curve"] for row in rows])
    points = np.stack([table[x], table[y]], axis=1)
    return Overlay(x, y, {label: points[labels == label] for label in dict.fromkeys(labels.tolist())})


def plane_figure(
    scans: Sequence[tuple[str, ScanResult]],
    overlays: Sequence[Overlay] = (),
    marks: Sequence[Mark] = (),
    bands: Sequence[Band] = (),
    shaded: Sequence[int] = (0,),
    looks: Looks = LOOKS,
) -> Figure:
    """Return the contours of `scans` of one plane, each with its label.

    What any of the scans with the numbers `shaded` excludes is shaded. `overlays`, curves of others, are drawn beside
    the contours where they are of the same two parameters, `marks` and `bands` in any case. `looks` are colours and
    line styles.

    >>> from cevnsjax.figures import Band, Mark, plane_figure
    >>> likelihood = cevnsjax.Likelihood("conus_plus", model="charge_radius")
    >>> plane = cevnsjax.scan(likelihood, ("r2_ee", -8e-31, 2e-31, 6), ("r2_emu", -5e-31, 5e-31, 5))
    >>> marks, bands = [Mark(0.0, 0.0, "Standard Model")], [Band(-1e-31, 1e-31, "theirs")]
    >>> figure = plane_figure([("CONUS+", plane)], marks=marks, bands=bands)
    """
    (_, first), *_ = scans
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(COLUMN_WIDTH, 3.2))
        axes = figure.subplots()
        scaled = [_scaled(axis.parameter, axis.values) for axis in (first.x, first.y)]
        units = np.array([unit for unit, _ in scaled])
        for band in bands:
            colour, style = looks[band.scan % len(looks)]
            ends = band.low / units[1], band.high / units[1]
            axes.axhspan(*ends, facecolor=colour, alpha=0.15, edgecolor=colour, lw=0.5, ls=style, label=band.label)
        for (label, result), (colour, style) in zip(scans, itertools.cycle(looks), strict=False):
            for i, curve in enumerate(result.contours):
                axes.plot(*(curve / units).T, color=colour, ls=style, label=label if i == 0 else None)
        greys = itertools.cycle(itertools.product(("0.35", "0.6"), (":", "--", "-.")))
        for overlay in overlays:
            if (overlay.x, overlay.y) != (first.x.parameter.name, first.y.parameter.name):
                continue
            for (label, points), (colour, style) in zip(overlay.curves.items(), greys, strict=False):
                axes.plot(*(np.asarray(points) / units).T, color=colour, ls=style, lw=0.9, label=label)
        for mark in marks:
            _draw_mark(axes, mark, units, looks)
        for axis, which, (unit, label) in zip((first.x, first.y), "xy", scaled, strict=True):
            getattr(axes, f"set_{which}label")(label)
            getattr(axes, f"set_{which}scale")("log" if axis.parameter.logarithmic else "linear")
            getattr(axes, f"set_{which}lim")(axis.values[0] / unit, axis.values[-1] / unit)
        level = level_label(first.cl, first.dof)
        if by := [label for label, result in (scans[i] for i in shaded) if _shade(axes, result, units)]:
            level += "; shaded: excluded" + (f" by {' or '.join(by)}" if len(by) < len(scans) else "")
        if axes.get_legend_handles_labels()[0]:
            legend_above(axes, level)
        else:
            axes.set_title(f"no contour of {level}")
    return figure


def _shade(axes: "Axes", result: ScanResult, units: np.ndarray) -> bool:
    """Shade what a scan excludes, and return whether there is any of it; its edge is that of the contours."""
    regions = result.excluded()
    for points, codes in regions:
        axes.add_patch(PathPatch(Path(points / units, codes), **EXCLUDED | {"lw": 0.0}))
    return bool(regions)


def _draw_mark(axes: "Axes", mark: Mark, units: np.ndarray, looks: Looks) -> None:
    colour = mark.colour or looks[mark.scan % len(looks)][0]
    point = np.array([mark.x, mark.y]) / units
    bars = [
        None if ends is None else np.abs(np.array(ends)[:, None] / unit - value)
        for ends, unit, value in zip((mark.x_ends, mark.y_ends), units, point, strict=True)
    ]
    if any(bar is not None for bar in bars):
        axes.errorbar(point[0], point[1], bars[1], bars[0], color=colour, lw=0.9, capsize=2, ls="")
    axes.plot(*point, "D", ms=3.5, mfc="white", color=colour, ls="", label=mark.label)


def _scaled(parameter: Parameter, values: np.ndarray) -> tuple[float, str]:
    """Return the unit in which an axis is drawn, and its label: powers of ten stand there where it is linear."""
    return (
        (1.0, axis_label(parameter)) if parameter.logarithmic else scaled_axis(parameter, float(np.abs(values).max()))
    )

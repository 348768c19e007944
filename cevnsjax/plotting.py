"""Figures for a paper: one column wide, units on the axes, colours that the colour-blind can tell apart."""

import itertools
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from cevnsjax.errors import InputError
from cevnsjax.parameters import Parameter
from cevnsjax.resources import read_rows, read_table
from cevnsjax.results import write_figure
from cevnsjax.statistics import ScanResult

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.axes import Axes

__all__ = [
    "BLUE",
    "COLUMN_WIDTH",
    "STYLE",
    "VERMILION",
    "Overlay",
    "Panel",
    "axis_label",
    "bands_figure",
    "plane_figure",
    "profiles_figure",
    "read_overlay",
    "save",
    "scaled_axis",
    "spectrum_figure",
    "weak_mixing_angle_figure",
]

COLUMN_WIDTH = 3.4
"""Width of a journal's column [inch]."""

# M. Okabe and K. Ito, "Color Universal Design" (2008).
BLUE, ORANGE, GREEN, SKY, VERMILION = "#0072B2", "#E69F00", "#009E73", "#56B4E9", "#D55E00"

STYLE: dict[Any, Any] = {
    "font.size": 8.0,
    "axes.labelsize": 8.0,
    "legend.fontsize": 6.5,
    "legend.frameon": False,
    "xtick.direction": "in",
    "ytick.direction": "in",
    "xtick.top": True,
    "ytick.right": True,
    "lines.linewidth": 1.2,
    "mathtext.fontset": "dejavusans",
    "figure.constrained_layout.use": True,
}


class Overlay(NamedTuple):
    """Curves of others in a plane: the two parameters, and for each label the points (x, y) in a row."""

    x: str
    y: str
    curves: dict[str, np.ndarray]


def read_overlay(path: Path) -> Overlay:
    """Return the curves of a CSV file: two columns named after the parameters, and a third, `curve`, with labels.

    Raises `InputError` where the file is not so.
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


def plane_figure(scans: Sequence[tuple[str, ScanResult]], overlays: Sequence[Overlay] = ()) -> Figure:
    """Return the contours of scans of one plane, and curves of others beside them where they are of the same plane."""
    (_, first), *_ = scans
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(COLUMN_WIDTH, 3.0))
        axes = figure.subplots()
        looks = itertools.cycle(zip((BLUE, VERMILION, GREEN, ORANGE, SKY), ("-", "--", "-.", ":", "-"), strict=True))
        for (label, result), (colour, style) in zip(scans, looks, strict=False):
            for i, curve in enumerate(result.contours):
                axes.plot(*curve.T, color=colour, ls=style, label=label if i == 0 else None)
        greys = itertools.cycle(itertools.product(("0.35", "0.6"), (":", "--", "-.")))
        for overlay in overlays:
            if (overlay.x, overlay.y) != (first.x.parameter.name, first.y.parameter.name):
                continue
            for (label, points), (colour, style) in zip(overlay.curves.items(), greys, strict=False):
                axes.plot(*points.T, color=colour, ls=style, lw=0.9, label=label)
        for axis, which in ((first.x, "x"), (first.y, "y")):
            p = axis.parameter
            getattr(axes, f"set_{which}label")(axis_label(p))
            getattr(axes, f"set_{which}scale")("log" if p.logarithmic else "linear")
            getattr(axes, f"set_{which}lim")(axis.values[0], axis.values[-1])
        level = f"{100 * first.cl:g} % CL, {first.dof} d.o.f."
        if axes.get_legend_handles_labels()[0]:
            axes.legend(loc="best", title=level, title_fontsize=6.5)
        else:
            axes.set_title(f"no contour of {level}")
    return figure


def spectrum_figure(prediction: "xr.Dataset") -> Figure:
    """Return the detectors' predictions stacked against the data, and below each channel by itself.

    `prediction` is what `results.prediction_dataset` gives.
    """
    low, high = prediction["low"].values, prediction["high"].values
    edges, centre = np.append(low, high[-1]), (low + high) / 2
    unit = prediction["observed"].attrs["units"].replace("eV_ee", r"eV$_\mathrm{ee}$")
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(COLUMN_WIDTH, 3.7))
        top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=[2, 1])
        by_detector = prediction["expected"].sum("channel")
        base = np.zeros(centre.size)
        for detector, colour in zip(
            by_detector["detector"].values, (ORANGE, SKY, GREEN, VERMILION, BLUE), strict=False
        ):
            share = by_detector.sel(detector=detector).values
            label = f"{detector}, {low[np.flatnonzero(share)[0]]:g} eV threshold"
            top.stairs(base + share, edges, baseline=base, fill=True, color=colour, label=label)
            base = base + share
        top.stairs(base, edges, baseline=None, color="black", lw=0.6)
        top.errorbar(
            centre, prediction["observed"], prediction["sigma"], fmt="o", ms=2.5, lw=0.8, color="black", label="data"
        )
        top.axhline(0.0, color="grey", lw=0.5)
        top.set_ylabel(unit)
        top.legend(loc="upper right")

        for channel, colour, style, label in (
            ("cevns", BLUE, "-", r"CE$\nu$NS"),
            ("eves", VERMILION, "--", r"$\bar\nu_e\,e$"),
        ):
            total = prediction["expected"].sel(channel=channel).sum("detector").values
            bottom.stairs(total, edges, baseline=None, color=colour, ls=style, label=label)
        bottom.set_yscale("log")
        bottom.set_ylim(1e-3, 1e2)
        bottom.set_xlim(edges[0], edges[-1])
        bottom.set_xlabel(r"ionisation energy [eV$_\mathrm{ee}$]")
        bottom.set_ylabel(unit)
        bottom.legend(loc="center left", bbox_to_anchor=(0.0, 0.4))
    return figure


class Panel(NamedTuple):
    """Delta chi-squared curves with labels along one parameter, and the interval that was published, with its label."""

    curves: Sequence[tuple[str, "xr.Dataset"]]
    parameter: Parameter
    published: tuple[float, float, str] | None = None


def profiles_figure(panels: Sequence[Panel], columns: int, levels: Sequence[tuple[float, str]]) -> Figure:
    """Return panels in rows of `columns`, with horizontal levels (height, label) in each."""
    rows = -(-len(panels) // columns)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(COLUMN_WIDTH * (1 if columns == 1 else 1.7), (2.6 if rows == 1 else 2.1) * rows))
        grid = figure.subplots(rows, columns, squeeze=False)
        for axes, panel in zip(grid.flat, panels, strict=True):
            _draw_profiles(axes, panel, levels)
    return figure


def axis_label(parameter: Parameter, factor: str = "") -> str:
    """Return a parameter's symbol and unit; `factor` is a power of ten in which it is given."""
    units = {"mu_B": r"\mu_B", "cm^2": r"\mathrm{cm}^2", "eV^2": r"\mathrm{eV}^2", "MeV": r"\mathrm{MeV}"}
    unit = factor + units.get(parameter.unit, parameter.unit)
    return f"${parameter.latex or parameter.name}$" + (f" $[{unit}]$" if unit else "")


def scaled_axis(parameter: Parameter, far: float) -> tuple[float, str]:
    """Return the power of ten in which values up to `far` are to be shown, one where they are handy, and the label."""
    decade = 0 if far == 0 or 1e-2 <= far < 1e4 else int(np.floor(np.log10(far)))
    return 10.0**decade, axis_label(parameter, f"10^{{{decade}}}\\," if decade else "")


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
    for level, text in levels:
        axes.axhline(level, color="black", lw=0.5, ls=":")
        axes.annotate(
            text, (1.0, level), xycoords=("axes fraction", "data"), xytext=(-3, 1.5), textcoords="offset points",
            ha="right", fontsize=6.5,
        )  # fmt: skip
    axes.set_ylim(0.0, min(top, 9.0))
    axes.margins(x=0)
    axes.set_xlabel(label_of_axis)
    axes.set_ylabel(r"$\Delta\chi^2$")
    axes.legend(loc="upper center")


def bands_figure(
    curves: Sequence[tuple[Parameter, "xr.Dataset"]], over: Parameter, measured: tuple[float, float, str]
) -> Figure:
    """Return, one above the other, what is allowed for each parameter against another, and where that is measured.

    The curves are what `results.bands_dataset` gives.
    """
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(COLUMN_WIDTH, 1.7 * len(curves) + 0.4))
        grid = figure.subplots(len(curves), 1, sharex=True, squeeze=False)
        for axes, (parameter, curve) in zip(grid.flat, curves, strict=True):
            unit, label = scaled_axis(parameter, float(np.abs(curve["high"]).max()))
            x = curve[over.name]
            axes.axvspan(*measured[:2], facecolor="0.9", edgecolor="0.6", lw=0.4, label=measured[2])
            level = f"{100 * curve.attrs['cl']:g} % CL"
            axes.fill_between(x, curve["low"] / unit, curve["high"] / unit, color=SKY, alpha=0.5, lw=0, label=level)
            axes.plot(x, curve["best_fit"] / unit, color=BLUE, label="best fit")
            axes.set_ylabel(label)
            axes.margins(x=0)
            axes.legend(loc="best")
        grid[-1, 0].set_xlabel(axis_label(over))
    return figure


def weak_mixing_angle_figure(
    others: Sequence[dict[str, str]],
    at_zero: float,
    at_z_pole: float,
    ours: tuple[float, float, float, float, str],
) -> Figure:
    """Return sin^2(theta_W) against the momentum transfer [MeV].

    `others` are rows of `data/published/weak_mixing_angle.csv`; `at_zero` and `at_z_pole` the predicted values
    at q = 0 and at M_Z, without a curve between them; `ours` is (scale, value, low, high, label).
    """
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(COLUMN_WIDTH, 2.9))
        axes = figure.subplots()
        axes.axhline(at_zero, color=BLUE, lw=0.9, label=rf"theory at $q = 0$: {at_zero}")
        axes.axhline(at_z_pole, color=BLUE, lw=0.9, ls="--", label=rf"theory at $M_Z$: {at_z_pole}")
        looks = itertools.cycle(zip("sDv^<>P", (ORANGE, GREEN, "black", SKY, "grey", "0.3", BLUE), strict=True))
        for row, (marker, colour) in zip(others, looks, strict=False):
            errors = [[float(row["error_down"])], [float(row["error_up"])]]
            axes.errorbar(
                float(row["scale_MeV"]),
                float(row["value"]),
                errors,
                fmt=marker,
                ms=3.5,
                lw=0.9,
                mfc="none",
                color=colour,
                capsize=1.5,
                label=row["experiment"].replace("133Cs", r"$^{133}$Cs").replace("nu-e", r"$\bar\nu_e\,e$"),
            )
        scale, value, low, high, label = ours
        spread = [[value - low], [high - value]]
        axes.errorbar(scale, value, spread, fmt="o", ms=4, lw=1.4, color=VERMILION, capsize=2, label=label)
        axes.set_xscale("log")
        axes.set_xlim(1.0, 3e5)
        axes.set_ylim(0.19, 0.375)
        axes.set_xlabel(r"momentum transfer [MeV]")
        axes.set_ylabel(r"$\sin^2\theta_W$")
        axes.legend(loc="upper right", ncols=2, columnspacing=1.0)
    return figure


def save(figure: Figure, path: Path, notes: Sequence[str] = ()) -> None:
    """Write a figure as PDF and as PNG, under `notes` on the data; `path` has no suffix."""
    for suffix in (".pdf", ".png"):
        write_figure(path.with_suffix(suffix), figure, notes)

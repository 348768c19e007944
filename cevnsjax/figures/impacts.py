"""Pulls of nuisances, and their impacts on a parameter, the largest first."""

from typing import TYPE_CHECKING

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from cevnsjax.figures.style import BLUE, ORANGE, SMALL, STYLE, scaled_axis
from cevnsjax.parameters import Parameter

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["MOST_ROWS", "impacts_figure"]

MOST_ROWS = 30
"""Nuisances that a figure shows."""

WIDTH, ROW = 5.0, 0.17
"""Width of the figure, and height of a row [inch]."""

LEAST_PULL = 1.6
"""The axis of pulls reaches at least as far, so that the band of one standard deviation stands in it."""


def impacts_figure(impacts: "xr.Dataset", parameter: Parameter) -> Figure:
    """Return pulls on the lower axis and impacts on the upper one: `impacts` is what `results.impacts_dataset` gives.

    `parameter` is the one that moves. Bars are impacts of nuisances held one error above and below their best values,
    outlines those of one width of the constraint. A nuisance without a constraint has no pull and no outline. At most
    MOST_ROWS are shown.

    >>> from cevnsjax.figures import impacts_figure
    >>> from cevnsjax.results import impacts_dataset
    >>> likelihood = cevnsjax.Likelihood("conus_plus", systematics="detailed")
    >>> impacts = impacts_dataset(cevnsjax.impacts(likelihood, "sin2_theta_w"), likelihood)
    >>> figure = impacts_figure(impacts, likelihood.parameters["sin2_theta_w"])
    """
    rows = impacts.isel(nuisance=slice(MOST_ROWS))
    number = rows.sizes["nuisance"]
    place = -np.arange(number)
    columns = ("impact_up", "impact_down", "prefit_up", "prefit_down")
    every = np.abs(np.concatenate([np.zeros(1), *(rows[name].values for name in columns)]))
    unit, label = scaled_axis(parameter, max(abs(float(impacts.attrs["value"])), float(np.nanmax(every))))
    reach = 1.1 * np.nanmax(every) / unit or 1.0
    with matplotlib.rc_context(STYLE | {"xtick.top": False, "ytick.right": False}):
        figure = Figure(figsize=(WIDTH, 1.3 + ROW * max(number, 3)))
        bars = figure.subplots()
        pulls = bars.twiny()
        pulls.patch.set_visible(False)
        for name, colour, text in (("up", BLUE, "+"), ("down", ORANGE, "-")):
            impact, before = rows[f"impact_{name}"] / unit, np.nan_to_num(rows[f"prefit_{name}"]) / unit
            bars.barh(place, impact, height=0.7, color=colour, label=rf"nuisance ${text}$ error")
            bars.barh(place, before, height=0.7, color="none", edgecolor=colour, lw=0.7)
        bars.barh(place, np.zeros(number), color="none", edgecolor="grey", lw=0.7, label=r"$\pm$ width, before the fit")
        bars.set_xlim(-reach, reach)
        bars.xaxis.set_major_locator(MaxNLocator(4, symmetric=True))  # numbers of four digits need the room
        bars.xaxis.tick_top()
        bars.xaxis.set_label_position("top")
        bars.set_xlabel(rf"impact on {label}")
        bars.set_yticks(place, [str(name) for name in rows["nuisance"].values], fontsize=SMALL)
        bars.tick_params(axis="y", length=0)
        bars.set_ylim(-max(number, 1) + 0.4, 0.6)

        pull, width = rows["pull"].values, rows["width"].values
        ends = np.array([np.where(np.isnan(one), rows["error"], one) / width for one in _ends(rows)])
        known = np.isfinite(pull)
        pulls.errorbar(
            pull[known],
            place[known],
            xerr=ends[:, known],
            fmt="o",
            ms=2.5,
            lw=0.9,
            color="black",
            label="pull and error",
        )
        limit = 1.05 * np.concatenate([[LEAST_PULL], (np.abs(pull) + ends.max(axis=0))[known]]).max()
        pulls.set_xlim(-limit, limit)
        # Both axes are centred on zero: the band of one standard deviation is drawn below the bars, on their axis.
        bars.axvspan(-reach / limit, reach / limit, color="0.92", lw=0, zorder=0)
        bars.axvline(0.0, color="grey", lw=0.5, zorder=0.5)
        pulls.xaxis.tick_bottom()
        pulls.xaxis.set_label_position("bottom")
        hidden = impacts.sizes["nuisance"] - number
        left_out = f"; {hidden} smaller ones not shown" if hidden else ""
        pulls.set_xlabel(rf"pull, (value $-$ centre) / width{left_out}")
        figure.legend(loc="outside lower center", ncols=4, columnspacing=1.0, handlelength=1.2)
    return figure


def _ends(rows: "xr.Dataset") -> tuple[np.ndarray, np.ndarray]:
    return rows["error_down"].values, rows["error_up"].values

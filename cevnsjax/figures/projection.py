"""Figures of what an experiment will be able to say."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from cevnsjax.figures.style import BLUE, COLUMN_WIDTH, STYLE, VERMILION, axis_label, level_label, scaled_axis
from cevnsjax.parameters import QUENCHING_K, Parameter

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["PublishedEvents", "events_figure", "projection_figure"]


def projection_figure(curve: "xr.Dataset", parameter: Parameter, exposure: tuple[float, str] | None = None) -> Figure:
    """Return the ends of the expected intervals against the exposure.

    `curve` is what `results.projection_dataset` gives, and `parameter` is the one that is expected. `exposure` is the
    experiment's own, and its unit; without it the axis is in units of that.

    >>> from cevnsjax.figures import projection_figure
    >>> from cevnsjax.results import projection_dataset
    >>> likelihood = cevnsjax.Likelihood("conus_plus")
    >>> curve = projection_dataset(cevnsjax.project(likelihood, "sin2_theta_w", [1.0, 10.0]), likelihood)
    >>> figure = projection_figure(curve, likelihood.parameters["sin2_theta_w"], (327.0, "kg d"))
    """
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(COLUMN_WIDTH, 2.4))
        axes = figure.subplots()
        unit, label = scaled_axis(parameter, float(np.nanmax(np.abs(curve["fisher_high"]))))
        own, name = exposure or (1.0, "in units of the experiment's")
        x = own * curve["exposure"]
        for ends, colour, style, text in (
            (("low", "high"), BLUE, "-", "fit to expected data"),
            (("fisher_low", "fisher_high"), VERMILION, "--", "Fisher information"),
        ):
            for end, line in zip(ends, (text, None), strict=True):
                axes.plot(x, curve[end] / unit, color=colour, ls=style, label=line)
        axes.axhline(parameter.default / unit, color="black", lw=0.5, ls=":", label="true value")
        axes.set_xscale("log")
        axes.set_xlim(float(x[0]), float(x[-1]))
        axes.set_xlabel(f"exposure [{name}]" if exposure else f"exposure, {name}")
        axes.set_ylabel(label)
        level = level_label(curve.attrs["cl"], 1)
        axes.legend(loc="center right", title=level, title_fontsize=6.5, frameon=True, framealpha=1.0, edgecolor="none")
    return figure


class PublishedEvents(NamedTuple):
    """A published `limit` on events and the `prediction` behind it [1 / kg / d], at one `k`, and their `source`."""

    k: float
    limit: float
    prediction: float
    source: str


def events_figure(rows: Sequence[Mapping[str, float]], cl: float, published: PublishedEvents) -> Figure:
    """Return the limit on events and their prediction [1 / kg / d] against the quenching, and the `published` ones.

    Each of `rows` has `quenching_k`, `limit` and `predicted`; `cl` is the confidence level.

    >>> from cevnsjax.figures import PublishedEvents, events_figure
    >>> rows = [{"quenching_k": k, "limit": 0.4, "predicted": k / 4} for k in (0.14, 0.16, 0.18)]
    >>> figure = events_figure(rows, 0.9, PublishedEvents(0.16, 0.4, 0.023, "CONUS"))
    """
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(COLUMN_WIDTH, 2.6))
        axes = figure.subplots()
        k = [row["quenching_k"] for row in rows]
        axes.plot(k, [row["limit"] for row in rows], color=BLUE, label="limit on expected data")
        axes.plot(k, [row["predicted"] for row in rows], color=VERMILION, ls="--", label="prediction")
        for value, colour, label in (
            (published.limit, BLUE, f"published limit, {published.source}"),
            (published.prediction, VERMILION, "published limit over published ratio"),
        ):
            axes.plot(published.k, value, "D", ms=3.5, mfc="none", color=colour, ls="", label=label)
        axes.set_yscale("log")
        axes.yaxis.set_minor_formatter(NullFormatter())
        rates = [published.limit, published.prediction] + [row[name] for row in rows for name in ("limit", "predicted")]
        # Room above the highest line for the legend.
        axes.set_ylim(10.0 ** np.floor(np.log10(min(rates))), 10.0 ** (np.ceil(np.log10(max(rates))) + 1))
        axes.set_xlim(k[0], k[-1])
        axes.set_xlabel(axis_label(QUENCHING_K))
        axes.set_ylabel(r"CE$\nu$NS events [kg$^{-1}$ d$^{-1}$]")
        axes.legend(title=level_label(cl, 1), title_fontsize=6.5)
    return figure

"""Figures of what an experiment will be able to say."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from cevnsjax.figures.style import (
    BLUE,
    COLUMN_WIDTH,
    EXCLUDED,
    STYLE,
    VERMILION,
    axis_label,
    legend_above,
    level_label,
    scaled_axis,
)
from cevnsjax.parameters import QUENCHING_K, Parameter

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["PublishedEvents", "events_figure", "projection_figure"]


def projection_figure(curve: "xr.Dataset", parameter: Parameter, exposure: tuple[float, str] | None = None) -> Figure:
    """Return the ends of the expected intervals against the exposure.

    `curve` is what `results.projection_dataset` gives, and `parameter` is the one that is expected. What fits to
    expected data will exclude is shaded. `exposure` is the experiment's own, and its unit; without it the axis is in
    units of that. Points are the exposures that were calculated.

    >>> from cevnsjax.figures import projection_figure
    >>> from cevnsjax.results import projection_dataset
    >>> likelihood = cevnsjax.Likelihood("conus_plus")
    >>> curve = projection_dataset(cevnsjax.project(likelihood, "sin2_theta_w", [1.0, 10.0]), likelihood)
    >>> figure = projection_figure(curve, likelihood.parameters["sin2_theta_w"], (327.0, "kg d"))
    """
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(COLUMN_WIDTH, 2.7))
        axes = figure.subplots()
        unit, label = scaled_axis(parameter, float(np.nanmax(np.abs(curve["fisher_high"]))))
        own, name = exposure or (1.0, "in units of the experiment's")
        x = own * curve["exposure"]
        for ends, colour, style, marker, text in (
            (("low", "high"), BLUE, "-", "o", "fit to expected data"),
            (("fisher_low", "fisher_high"), VERMILION, "--", "s", "Fisher information"),
        ):
            for end, line in zip(ends, (text, None), strict=True):
                axes.plot(x, curve[end] / unit, color=colour, ls=style, marker=marker, ms=2.5, label=line)
        axes.axhline(parameter.default / unit, color="black", lw=0.5, ls=":", label="true value")
        bottom, top = axes.get_ylim()
        axes.fill_between(x, curve["high"] / unit, top, label="will be excluded", **EXCLUDED)
        axes.fill_between(x, bottom, curve["low"] / unit, **EXCLUDED)
        axes.set_ylim(bottom, top)
        axes.set_xscale("log")
        axes.set_xlim(float(x[0]), float(x[-1]))
        axes.set_xlabel(f"exposure [{name}]" if exposure else f"exposure, {name}")
        axes.set_ylabel(label)
        legend_above(axes, level_label(curve.attrs["cl"], 1))
    return figure


class PublishedEvents(NamedTuple):
    """A published `limit` on events [1 / kg / d] at one `k`, the `prediction` behind it or None, and their `source`."""

    k: float
    limit: float
    prediction: float | None
    source: str


def events_figure(rows: Sequence[Mapping[str, float]], cl: float, published: Sequence[PublishedEvents]) -> Figure:
    """Return the limit on events and their prediction [1 / kg / d] against the quenching, and the `published` ones.

    Each of `rows` has `quenching_k`, `limit` and `predicted`; `cl` is the confidence level.

    >>> from cevnsjax.figures import PublishedEvents, events_figure
    >>> rows = [{"quenching_k": k, "limit": 0.4, "predicted": k / 4} for k in (0.14, 0.16, 0.18)]
    >>> figure = events_figure(rows, 0.9, [PublishedEvents(0.16, 0.4, 0.023, "CONUS")])
    """
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(COLUMN_WIDTH, 3.0))
        axes = figure.subplots()
        k = [row["quenching_k"] for row in rows]
        limit, predicted = ([row[name] for row in rows] for name in ("limit", "predicted"))
        axes.plot(k, limit, color=BLUE, marker="o", ms=2.5, label="limit, expected data")
        axes.plot(k, predicted, color=VERMILION, ls="--", marker="s", ms=2.5, label="prediction")
        rates = [*limit, *predicted]
        for one, marker in zip(published, "D^v", strict=False):
            look: dict[str, Any] = {"marker": marker, "ms": 4.0, "mfc": "white", "ls": "", "zorder": 3}
            axes.plot(one.k, one.limit, color=BLUE, label=f"limit, {one.source}", **look)
            rates.append(one.limit)
            if one.prediction is not None:
                axes.plot(one.k, one.prediction, color=VERMILION, label="prediction behind it", **look)
                rates.append(one.prediction)
        axes.set_yscale("log")
        axes.yaxis.set_minor_formatter(NullFormatter())
        bottom, top = 10.0 ** np.floor(np.log10(min(rates))), 10.0 ** np.ceil(np.log10(max(rates)))
        axes.fill_between(k, limit, top, label="will be excluded", **EXCLUDED)
        axes.set_ylim(bottom, top)
        axes.set_xlim(k[0], k[-1])
        axes.set_xlabel(f"Lindhard's {axis_label(QUENCHING_K)}")
        axes.set_ylabel(r"CE$\nu$NS events [kg$^{-1}$ d$^{-1}$]")
        legend_above(axes, level_label(cl, 1))
    return figure

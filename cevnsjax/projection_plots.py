"""Figures of what an experiment will be able to say."""

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

import matplotlib
import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import NullFormatter

from cevnsjax.parameters import QUENCHING_K, Parameter
from cevnsjax.plotting import BLUE, COLUMN_WIDTH, STYLE, VERMILION, axis_label, scaled_axis

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["events_figure", "projection_figure"]


def projection_figure(curve: "xr.Dataset", parameter: Parameter) -> Figure:
    """Return the ends of what is allowed against the exposure: what `results.projection_dataset` gives."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(COLUMN_WIDTH, 2.4))
        axes = figure.subplots()
        unit, label = scaled_axis(parameter, float(np.nanmax(np.abs(curve["fisher_high"]))))
        x = curve["exposure"]
        for ends, colour, style, text in (
            (("low", "high"), BLUE, "-", "fit to what is expected"),
            (("fisher_low", "fisher_high"), VERMILION, "--", "Fisher information"),
        ):
            for end, name in zip(ends, (text, None), strict=True):
                axes.plot(x, curve[end] / unit, color=colour, ls=style, label=name)
        axes.set_xscale("log")
        axes.set_xlim(float(x[0]), float(x[-1]))
        axes.set_xlabel("exposure [that of the experiment]")
        axes.set_ylabel(label)
        axes.legend(title=f"{100 * curve.attrs['cl']:g} % CL", title_fontsize=6.5)
    return figure


def events_figure(rows: Sequence[Mapping[str, float]]) -> Figure:
    """Return the limit on events and their prediction [1 / kg / d] against the quenching: rows of the reproduction."""
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(COLUMN_WIDTH, 2.4))
        axes = figure.subplots()
        k = [row["quenching_k"] for row in rows]
        axes.plot(k, [row["limit"] for row in rows], color=BLUE, label="expected limit, 90 % CL")
        axes.plot(k, [row["predicted"] for row in rows], color=VERMILION, ls="--", label="prediction")
        axes.set_yscale("log")
        axes.yaxis.set_minor_formatter(NullFormatter())
        rates = [row[name] for row in rows for name in ("limit", "predicted")]
        axes.set_ylim(10.0 ** np.floor(np.log10(min(rates))), 10.0 ** np.ceil(np.log10(max(rates))))
        axes.set_xlim(k[0], k[-1])
        axes.set_xlabel(axis_label(QUENCHING_K))
        axes.set_ylabel(r"CE$\nu$NS events / kg / d")
        axes.legend()
    return figure

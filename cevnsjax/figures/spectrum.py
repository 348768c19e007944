"""A predicted spectrum beside the data."""

from typing import TYPE_CHECKING

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from cevnsjax.figures.style import BLUE, COLUMN_WIDTH, GREEN, ORANGE, SKY, STYLE, VERMILION, in_latex

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["spectrum_figure"]

CHANNELS = (("cevns", BLUE, "-", "CEvNS"), ("eves", VERMILION, "--", "nu-e"))
LEAST, LARGEST = 1e-3, 1e2
"""Range of the lower panel, in the data's unit."""


def spectrum_figure(prediction: "xr.Dataset") -> Figure:
    """Return the detectors' predictions stacked against the data, and below each channel by itself.

    `prediction` is what `results.prediction_dataset` gives.

    >>> from cevnsjax.figures import spectrum_figure
    >>> from cevnsjax.results import prediction_dataset
    >>> figure = spectrum_figure(prediction_dataset(cevnsjax.Likelihood("conus_plus"), {}))
    """
    low, high = prediction["low"].values, prediction["high"].values
    edges, centre = np.append(low, high[-1]), (low + high) / 2
    unit, axis_unit = in_latex(prediction["observed"].attrs["units"]), prediction["low"].attrs["units"]
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(COLUMN_WIDTH, 3.7))
        top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=[2, 1])
        by_detector = prediction["expected"].sum("channel")
        base = np.zeros(centre.size)
        for detector, colour in zip(
            by_detector["detector"].values, (ORANGE, SKY, GREEN, VERMILION, BLUE), strict=False
        ):
            share = by_detector.sel(detector=detector).values
            label = f"{detector}, from {low[np.flatnonzero(share)[0]]:g} {in_latex(axis_unit)} on"
            top.stairs(base + share, edges, baseline=base, fill=True, color=colour, label=label)
            base = base + share
        top.stairs(base, edges, baseline=None, color="black", lw=0.6)
        top.errorbar(
            centre, prediction["observed"], prediction["sigma"], fmt="o", ms=2.5, lw=0.8, color="black", label="data"
        )
        top.axhline(0.0, color="grey", lw=0.5)
        top.set_ylabel(unit)
        top.legend(loc="upper right", title="CE$\\nu$NS and $\\bar\\nu_e\\,e$, predicted", title_fontsize=6.5)

        for channel, colour, style, label in CHANNELS:
            total = prediction["expected"].sel(channel=channel).sum("detector").values
            bottom.stairs(total, edges, baseline=None, color=colour, ls=style, label=in_latex(label))
        bottom.set_yscale("log")
        bottom.set_ylim(LEAST, LARGEST)
        bottom.set_xlim(edges[0], edges[-1])
        bottom.set_xlabel(f"ionisation energy [{in_latex(axis_unit)}]")
        bottom.set_ylabel(unit)
        bottom.legend(loc="upper right")
    return figure

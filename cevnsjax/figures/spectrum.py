"""A predicted spectrum beside the data."""

from collections.abc import Sequence
from typing import TYPE_CHECKING

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from cevnsjax.figures.style import (
    BLUE,
    COLUMN_WIDTH,
    FILLS,
    GREEN,
    PURPLE,
    STYLE,
    VERMILION,
    in_latex,
    legend_above,
)

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["spectrum_figure"]

CHANNELS = (("cevns", BLUE, "-", "CEvNS"), ("eves", VERMILION, "--", "nu-e"))
LEAST, LARGEST = 1e-3, 1e2
"""Range of the lower panel, in the data's unit."""

OTHER_LOOKS = ((BLUE, "--"), (VERMILION, "-."), (PURPLE, "-"), ("black", ":"), (GREEN, (0, (6, 1.5, 1, 1.5))))


def spectrum_figure(prediction: "xr.Dataset", others: Sequence[tuple[str, "xr.Dataset"]] = ()) -> Figure:
    """Return the detectors' predictions stacked against the data, and below each channel by itself.

    `prediction`, and with labels `others`, whose sums over channels and detectors are drawn as lines, are what
    `results.prediction_dataset` gives.

    >>> from cevnsjax.figures import spectrum_figure
    >>> from cevnsjax.results import prediction_dataset
    >>> figure = spectrum_figure(prediction_dataset(cevnsjax.Likelihood("conus_plus"), {}))
    """
    low, high = prediction["low"].values, prediction["high"].values
    edges, centre = np.append(low, high[-1]), (low + high) / 2
    unit, axis_unit = in_latex(prediction["observed"].attrs["units"]), prediction["low"].attrs["units"]
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(COLUMN_WIDTH, 4.3 + 0.07 * len(others)))
        top, bottom = figure.subplots(2, 1, sharex=True, height_ratios=[2, 1])
        by_detector = prediction["expected"].sum("channel")
        base = np.zeros(centre.size)
        for detector, colour in zip(by_detector["detector"].values, FILLS, strict=False):
            share = by_detector.sel(detector=detector).values
            label = f"{detector}, from {low[np.flatnonzero(share)[0]]:g} {in_latex(axis_unit)} on"
            top.stairs(base + share, edges, baseline=base, fill=True, color=colour, label=label)
            base = base + share
            top.stairs(base, edges, baseline=None, color="black", lw=0.6)
        for (label, other), (colour, style) in zip(others, OTHER_LOOKS, strict=False):
            total = other["expected"].sum(("channel", "detector")).values
            top.stairs(total, edges, baseline=None, color=colour, ls=style, lw=1.0, label=label)
        top.errorbar(
            centre, prediction["observed"], prediction["sigma"], fmt="o", ms=2.5, lw=0.8, color="black", label="data"
        )
        top.axhline(0.0, color="grey", lw=0.5)
        top.set_ylabel(unit)
        lines = "\nlines: new physics at its limit, 90 % CL, 1 d.o.f." if others else ""
        legend_above(top, rf"CE$\nu$NS and $\bar\nu_e\,e$, predicted; errors: 1$\sigma${lines}")

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

"""Figures of a posterior: densities, chains, and predictions beside the data.

>>> from cevnsjax.figures import corner_figure, predictive_figure, trace_figure
>>> likelihood = cevnsjax.Likelihood("conus_plus")
>>> result = cevnsjax.sample(likelihood, chains=2, samples=200, warmup=200)
>>> [len(draw(result, likelihood).axes) for draw in (corner_figure, trace_figure, predictive_figure)]
[1, 1, 1]
"""

import itertools
from typing import TYPE_CHECKING, Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from cevnsjax.figures.fitted import along_first
from cevnsjax.figures.style import (
    BLUE,
    COLUMN_WIDTH,
    LOOKS,
    SMALL,
    STYLE,
    VERMILION,
    in_latex,
    legend_above,
    scaled_axis,
)
from cevnsjax.likelihood import Likelihood

if TYPE_CHECKING:
    from cevnsjax.sampling import SampleResult

__all__ = ["corner_figure", "predictive_figure", "trace_figure"]

LEVELS = (0.68, 0.90)
"""Probabilities within the contours of two parameters."""


def corner_figure(result: "SampleResult", likelihood: Likelihood) -> Figure:
    """Return the densities of all parameters and of their pairs, with 68 % and 90 % contours.

    `result` is that of `cevnsjax.sample` for the `likelihood`.
    """
    import corner

    names, draws = _columns(result)
    scaled = [
        scaled_axis(likelihood.parameters[n], float(np.abs(d).max())) for n, d in zip(names, draws.T, strict=True)
    ]
    draws, labels = draws / np.array([unit for unit, _ in scaled]), [label for _, label in scaled]
    with matplotlib.rc_context({**STYLE, "figure.constrained_layout.use": False}):
        size = COLUMN_WIDTH * max(0.75, 0.55 * len(names))
        figure = Figure(figsize=(size, size))
        corner.corner(
            draws, labels=labels, levels=LEVELS, quantiles=(0.05, 0.5, 0.95), color=BLUE, bins=30, smooth=1.0,
            plot_datapoints=False, fig=figure, max_n_ticks=3,
        )  # fmt: skip
        about = "dashed: median, 5 % and 95 %"
        if len(names) == 1:
            figure.axes[0].set_title(about)
        else:
            regions = " and ".join(f"{100 * level:g} %" for level in LEVELS)
            figure.text(0.97, 0.97, f"contours: {regions}\n{about}", ha="right", va="top", fontsize=SMALL)
    return figure


def trace_figure(result: "SampleResult", likelihood: Likelihood) -> Figure:
    """Return each parameter's chains against the draw: they should look alike, and like noise.

    `result` is that of `cevnsjax.sample` for the `likelihood`.
    """
    posterior = result.data.posterior
    names = list(posterior.data_vars)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(2 * COLUMN_WIDTH, 1.2 * len(names) + 0.4))
        grid = figure.subplots(len(names), 1, sharex=True, squeeze=False)
        for axes, name in zip(grid.flat, names, strict=True):
            draws = np.asarray(posterior[name])
            unit, label = scaled_axis(likelihood.parameters[name], float(np.abs(draws).max()))
            for chain, (colour, _) in zip(draws / unit, itertools.cycle(LOOKS), strict=False):
                axes.plot(chain, lw=0.3, color=colour)
            axes.set_ylabel(label)
            axes.margins(x=0)
        grid[-1, 0].set_xlabel("draw")
    return figure


def predictive_figure(result: "SampleResult", likelihood: Likelihood) -> Figure:
    """Return the central 90 % of predictions and of data that they would make, beside the data, by experiment.

    `result` is that of `cevnsjax.sample` for the `likelihood`. Cells of several axes are added up along the others than
    the first. Counts with the source off are left out.
    """
    predictive, observed, constant = (
        result.data[name] for name in ("posterior_predictive", "observed_data", "constant_data")
    )
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(COLUMN_WIDTH, 2.7 * len(likelihood.experiments)))
        grid = figure.subplots(len(likelihood.experiments), 1, squeeze=False)
        first = 0
        for axes, experiment in zip(grid.flat, likelihood.experiments, strict=True):
            cells = experiment.cells
            here = slice(first, first + cells.size)
            first += experiment.size
            axis = cells.axes[0]
            edges, centre = np.append(axis.low, axis.high[-1]), (axis.low + axis.high) / 2
            for name, colour, label in (("observed", "#D6ECF9", "data to expect"), ("expected", BLUE, "prediction")):
                draws = along_first(np.asarray(predictive[name])[0, :, here], cells)
                ends = np.quantile(draws, [0.05, 0.95], axis=0)
                axes.stairs(ends[1], edges, baseline=ends[0], fill=True, color=colour, label=f"{label}, 90 %")
            data = along_first(np.asarray(observed["observed"])[None, here], cells)[0]
            sigma = along_first(np.asarray(constant["sigma"])[None, here] ** 2, cells)[0] ** 0.5
            axes.errorbar(centre, data, sigma, fmt="o", ms=2.5, lw=0.8, color=VERMILION, label="data")
            axes.set_xlabel(f"{axis.name} [{in_latex(axis.unit)}]" if axis.unit else axis.name)
            axes.set_ylabel(in_latex(experiment.unit))
            axes.margins(x=0)
            legend_above(axes, experiment.label)
    return figure


def _columns(result: "SampleResult") -> tuple[list[str], Any]:
    """Return the parameters' names, and their draws of all chains in columns."""
    posterior = result.data.posterior
    names = list(posterior.data_vars)
    return names, np.stack([np.asarray(posterior[name]).reshape(-1) for name in names], axis=1)

"""Plots of a posterior: corner, trace, and the prediction it makes beside the data."""

from pathlib import Path
from typing import Any

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from cevnsjax.constants import EV
from cevnsjax.errors import InputError
from cevnsjax.plotting import BLUE, COLUMN_WIDTH, STYLE, VERMILION, scaled_axis
from cevnsjax.results import write_figure
from cevnsjax.statistics import Likelihood, SampleResult

__all__ = ["corner_figure", "predictive_figure", "trace_figure", "write_all"]


def corner_figure(result: SampleResult, likelihood: Likelihood) -> Figure:
    """Return the densities of all parameters and of their pairs, with 68 % and 90 % contours."""
    import corner

    names, draws = _columns(result)
    scaled = [
        scaled_axis(likelihood.parameters[n], float(np.abs(d).max())) for n, d in zip(names, draws.T, strict=True)
    ]
    draws, labels = draws / np.array([unit for unit, _ in scaled]), [label for _, label in scaled]
    with matplotlib.rc_context({**STYLE, "figure.constrained_layout.use": False}):
        size = COLUMN_WIDTH * max(0.75, 0.55 * len(names))
        return corner.corner(
            draws, labels=labels, levels=(0.68, 0.90), quantiles=(0.05, 0.5, 0.95), color=BLUE, bins=30, smooth=1.0,
            plot_datapoints=False, fig=Figure(figsize=(size, size)), max_n_ticks=3,
        )  # fmt: skip


def trace_figure(result: SampleResult, likelihood: Likelihood) -> Figure:
    """Return each parameter's chains against the draw: they should look alike, and like noise."""
    posterior = result.data.posterior
    names = list(posterior.data_vars)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(2 * COLUMN_WIDTH, 1.2 * len(names) + 0.4))
        grid = figure.subplots(len(names), 1, sharex=True, squeeze=False)
        for axes, name in zip(grid.flat, names, strict=True):
            draws = np.asarray(posterior[name])
            unit, label = scaled_axis(likelihood.parameters[name], float(np.abs(draws).max()))
            for chain in draws / unit:
                axes.plot(chain, lw=0.3)
            axes.set_ylabel(label)
            axes.margins(x=0)
        grid[-1, 0].set_xlabel("draw")
    return figure


def predictive_figure(result: SampleResult, likelihood: Likelihood) -> Figure:
    """Return the central 90 % of predictions and of data that they would make, beside the data, by experiment."""
    predictive, observed = result.data.posterior_predictive, result.data.observed_data
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(COLUMN_WIDTH, 2.4 * len(likelihood.experiments)))
        grid = figure.subplots(len(likelihood.experiments), 1, squeeze=False)
        first = 0
        for axes, experiment in zip(grid.flat, likelihood.experiments, strict=True):
            bins = slice(first, first := first + experiment.observed.size)
            low, high = (np.asarray(edge) / EV for edge in (experiment.response.low, experiment.response.high))
            edges = np.append(low, high[-1])
            for name, colour, label in (("replicated", "0.9", "data to expect"), ("expected", BLUE, "prediction")):
                ends = np.quantile(np.asarray(predictive[name])[0, :, bins], [0.05, 0.95], axis=0)
                axes.stairs(ends[1], edges, baseline=ends[0], fill=True, color=colour, label=f"{label}, 90 %")
            axes.errorbar(
                (low + high) / 2, np.asarray(observed["observed"])[bins], np.asarray(observed["sigma"])[bins],
                fmt="o", ms=2.5, lw=0.8, color=VERMILION, label="data",
            )  # fmt: skip
            axes.set_xlabel(r"ionisation energy [eV$_\mathrm{ee}$]")
            axes.set_ylabel(experiment.unit.replace("eV_ee", r"eV$_\mathrm{ee}$"))
            axes.margins(x=0)
            axes.legend(loc="upper right")
    return figure


def write_all(folder: Path, result: SampleResult, likelihood: Likelihood) -> None:
    """Write the three as PDF into a folder, which is made where it is missing."""
    try:
        folder.mkdir(exist_ok=True)
    except OSError as error:
        raise InputError(f"cannot make the folder '{folder}': {error.strerror}") from error
    for name, draw in (("corner", corner_figure), ("trace", trace_figure), ("predictive", predictive_figure)):
        write_figure(folder / f"{name}.pdf", draw(result, likelihood), likelihood.notes)


def _columns(result: SampleResult) -> tuple[list[str], Any]:
    """Return the parameters' names, and their draws of all chains in columns."""
    posterior = result.data.posterior
    names = list(posterior.data_vars)
    return names, np.stack([np.asarray(posterior[name]).reshape(-1) for name in names], axis=1)

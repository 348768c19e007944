"""The data of an experiment beside the prediction of the Standard Model, as a picture for its page."""

import io

import numpy as np

from cevnsjax.experiments import Experiment
from cevnsjax.figures import StackedPanel, stacked_figure
from cevnsjax.likelihood import Likelihood
from cevnsjax.results import nuisance_table

__all__ = ["data_picture"]

COLUMNS, MOST = 3, 9
"""Panels side by side, and runs that are shown."""


def data_picture(likelihood: Likelihood) -> bytes:
    """Return a PNG with one panel for each run, along its first axis; all others are added up.

    This is the prediction before a fit: constrained nuisances stand at their centres. Those without a constraint have
    the values that suit the data best.
    """
    rows = nuisance_table(likelihood)
    values = {row["name"]: row["centre"] for row in rows if not isinstance(row["width"], str)}
    if any(row["width"] == "free" for row in rows) and any(not one.hypothesis for one in likelihood.experiments):
        values |= likelihood.best_nuisances(values)
    counts = zip(likelihood.experiments, likelihood.expected_in(values), likelihood.signal_in(values), strict=True)
    panels = [_panel(one, np.asarray(expected), np.asarray(signal)) for one, expected, signal in counts][:MOST]
    grid = [panels[start : start + COLUMNS] for start in range(0, len(panels), COLUMNS)]
    file = io.BytesIO()
    stacked_figure(grid).savefig(file, format="png", dpi=130)
    return file.getvalue()


def _panel(experiment: Experiment, expected: np.ndarray, signal: np.ndarray) -> StackedPanel:
    assert experiment.observed is not None
    axis, size = experiment.cells.axes[0], experiment.cells.size
    index = experiment.cells.index(0)

    def along(counts: np.ndarray) -> np.ndarray:
        """Add up all cells of a bin, those with the source on."""
        return np.bincount(index, weights=counts[:size], minlength=axis.size)

    observed = np.asarray(experiment.observed)
    variance = experiment.sigma**2 if experiment.term == "gaussian" else observed
    background = [("background", along(expected - signal))] if experiment.samples else []
    return StackedPanel(
        title=f"{experiment.label}: {experiment.unit}",
        label=f"{axis.name} [{axis.unit}]" if axis.unit else axis.name,
        unit=axis.unit,
        edges=np.append(axis.low, axis.high[-1]),
        components=[*background, ("signal", along(signal))],
        observed=along(observed),
        errors=np.sqrt(along(variance)),
    )

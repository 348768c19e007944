"""The data of an experiment beside the prediction of the Standard Model, as a picture for its page."""

import io

import numpy as np

from cevnsjax.experiments import Experiment
from cevnsjax.figures import StackedPanel, stacked_figure
from cevnsjax.likelihood import Likelihood

__all__ = ["data_picture"]

COLUMNS, MOST = 3, 9
"""Panels side by side, and runs that are shown."""


def data_picture(likelihood: Likelihood) -> bytes:
    """Return a PNG with one panel for each run, along its first axis; all others are added up.

    Nuisances that are minimised in a fit have the values that suit the data best with the Standard Model's signal.
    """
    values = likelihood.best_nuisances({}) if any(one.hypothesis == "" for one in likelihood.experiments) else {}
    counts = zip(likelihood.experiments, likelihood.expected_in(values), likelihood.signal_in(values), strict=True)
    panels = [_panel(one, np.asarray(expected), np.asarray(signal)) for one, expected, signal in counts][:MOST]
    rows = [panels[start : start + COLUMNS] for start in range(0, len(panels), COLUMNS)]
    file = io.BytesIO()
    stacked_figure(rows).savefig(file, format="png", dpi=130)
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

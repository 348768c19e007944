"""Experiments: files that describe them, and the objects that predictions and likelihoods use."""

from cevnsjax.experiments.experiment import Counts, Detectors, Experiment, Systematics, expected_counts, tabulate
from cevnsjax.experiments.loading import describe, experiment_names, load_experiment, load_runs

__all__ = [
    "Counts",
    "Detectors",
    "Experiment",
    "Systematics",
    "describe",
    "expected_counts",
    "experiment_names",
    "load_experiment",
    "load_runs",
    "tabulate",
]

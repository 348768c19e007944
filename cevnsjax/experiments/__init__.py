"""Experiments: files that describe them, and the objects that predictions and likelihoods use."""

from cevnsjax.experiments.experiment import Detectors, Experiment, Systematics, expected_counts, tabulate
from cevnsjax.experiments.loading import experiment_names, load_experiment

__all__ = [
    "Detectors",
    "Experiment",
    "Systematics",
    "expected_counts",
    "experiment_names",
    "load_experiment",
    "tabulate",
]

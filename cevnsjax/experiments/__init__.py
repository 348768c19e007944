"""Experiments: files that describe them, and the objects that predictions and likelihoods use."""

from cevnsjax.experiments.cells import Axis, Cells
from cevnsjax.experiments.effects import REACH, SIGNAL, Nuisance
from cevnsjax.experiments.experiment import Experiment, Identity
from cevnsjax.experiments.loading import copy_experiment, describe, experiment_names, load_experiment, load_runs
from cevnsjax.experiments.nuisances import DEFAULT_SET, SHIFT
from cevnsjax.experiments.projection import projected
from cevnsjax.experiments.samples import Sample, formula_counts
from cevnsjax.experiments.signal import Signal

__all__ = [
    "DEFAULT_SET",
    "REACH",
    "SHIFT",
    "SIGNAL",
    "Axis",
    "Cells",
    "Experiment",
    "Identity",
    "Nuisance",
    "Sample",
    "Signal",
    "copy_experiment",
    "describe",
    "experiment_names",
    "formula_counts",
    "load_experiment",
    "load_runs",
    "projected",
]

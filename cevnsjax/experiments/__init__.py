"""Experiments: files that describe them, and the objects that predictions and likelihoods use."""

from cevnsjax.experiments.cells import Axis, Cells
from cevnsjax.experiments.combinations import cited_by, describe_combination, load_experiment, load_runs
from cevnsjax.experiments.effects import SIGNAL, Nuisance
from cevnsjax.experiments.experiment import Experiment, Identity
from cevnsjax.experiments.files import combination_names, copy_experiment, experiment_names
from cevnsjax.experiments.loading import describe
from cevnsjax.experiments.nuisances import SHIFT
from cevnsjax.experiments.projection import check_factor, projected
from cevnsjax.experiments.samples import Sample, formula_counts
from cevnsjax.experiments.signal import Signal

__all__ = [
    "SHIFT",
    "SIGNAL",
    "Axis",
    "Cells",
    "Experiment",
    "Identity",
    "Nuisance",
    "Sample",
    "Signal",
    "check_factor",
    "cited_by",
    "combination_names",
    "copy_experiment",
    "describe",
    "describe_combination",
    "experiment_names",
    "formula_counts",
    "load_experiment",
    "load_runs",
    "projected",
]

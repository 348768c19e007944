"""A linear and Gaussian likelihood whose answers are matrices: CONUS+'s signal over two backgrounds, made by NumPy."""

import dataclasses

import numpy as np

import cevnsjax

SAMPLES = [
    {"name": "flat", "kind": "flat", "rate_per_keV_kg_d": 10.0},
    {"name": "falling", "kind": "exponential", "height_per_keV_kg_d": 20.0, "decay": 100.0},
]
DETECTORS = [{"name": "all", "mass_kg": 2.83, "live_days": 115, "threshold": 160}]
NUISANCES = [
    {"name": "flat_rate", "scale": ["flat"], "sigma": 0.3},
    {"name": "exposure", "scale": ["flat", "falling"], "sigma": 0.2},
    {"name": "falling_rate", "scale": ["falling"], "free": True},
]
WIDTHS = {"flat_rate": 0.3, "exposure": 0.2}
"""What is constrained, and how; `falling_rate` is free, and `norm`, the strength of the signal, is of interest."""


def linear(name="linear", seed=0, **changes):
    """Return an experiment whose counts are linear in `norm`, and in each nuisance."""
    overrides = {"data.per_kg": False, "detectors": DETECTORS, "sample": SAMPLES, "nuisance": NUISANCES} | changes
    experiment = cevnsjax.load_experiment("conus_plus", overrides)
    experiment = dataclasses.replace(experiment, identity=dataclasses.replace(experiment.identity, name=name))
    likelihood = cevnsjax.Likelihood(experiment)
    mean = np.asarray(likelihood.expected({"norm": 1.2}))
    return experiment.with_data(mean + experiment.sigma * np.random.default_rng(seed).normal(size=mean.size))


def matrices(likelihood, names):
    """Return slopes of the counts in `names` (norm first) in units of the data's errors, data, and constraints.

    All are at the centres, in the parameters' own units: chi^2 = |A x - d|^2 + x^T W x for distances x from there.
    """
    (experiment,) = likelihood.experiments
    centre = {name: likelihood.parameters[name].default for name in names}
    middle = np.asarray(likelihood.expected(centre))
    columns = [np.asarray(likelihood.expected(centre | {name: centre[name] + 1.0})) - middle for name in names]
    slopes = np.stack(columns, axis=1) / experiment.sigma[:, None]
    constraints = np.diag([WIDTHS[name] ** -2 if name in WIDTHS else 0.0 for name in names])
    return slopes, (experiment.observed - middle) / experiment.sigma, constraints

"""cevnsjax: differentiable cross sections, rates and likelihoods for coherent neutrino scattering.

All arithmetic is in double precision: importing the package sets `jax_enable_x64`, before it makes any
array.
"""

import jax

# First of all, so that no array is made in single precision: the imports below must follow it.
jax.config.update("jax_enable_x64", True)

from cevnsjax.experiments import load_experiment, load_runs  # noqa: E402
from cevnsjax.interactions import model  # noqa: E402
from cevnsjax.statistics import (  # noqa: E402
    FeldmanCousins,
    FitResult,
    Likelihood,
    Prior,
    ProfileResult,
    Projection,
    SampleResult,
    ScanResult,
    Significance,
    asimov,
    covariance,
    expected_intervals,
    feldman_cousins,
    fisher,
    fit,
    gradient,
    hessian,
    profile,
    project,
    sample,
    scan,
    significance,
)

__all__ = [
    "FeldmanCousins",
    "FitResult",
    "Likelihood",
    "Prior",
    "ProfileResult",
    "Projection",
    "SampleResult",
    "ScanResult",
    "Significance",
    "asimov",
    "covariance",
    "expected_intervals",
    "feldman_cousins",
    "fisher",
    "fit",
    "gradient",
    "hessian",
    "load_experiment",
    "load_runs",
    "model",
    "profile",
    "project",
    "sample",
    "scan",
    "significance",
]

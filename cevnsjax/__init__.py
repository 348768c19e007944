"""cevnsjax: differentiable cross sections, rates and likelihoods for coherent neutrino scattering.

All arithmetic is in double precision: importing the package sets `jax_enable_x64`, before it makes any
array.
"""

import jax

# First of all, so that no array is made in single precision: the imports below must follow it.
jax.config.update("jax_enable_x64", True)

from cevnsjax.compilation import cache_compilations  # noqa: E402
from cevnsjax.experiments import load_experiment, load_runs  # noqa: E402
from cevnsjax.inference import (  # noqa: E402
    FitResult,
    ProfileResult,
    Projection,
    ScanResult,
    asimov,
    expected_intervals,
    fit,
    profile,
    project,
    scan,
)
from cevnsjax.interactions import model  # noqa: E402
from cevnsjax.likelihood import Likelihood  # noqa: E402
from cevnsjax.likelihood.derivatives import covariance, fisher, gradient, hessian  # noqa: E402
from cevnsjax.sampling import Prior, SampleResult, sample  # noqa: E402
from cevnsjax.toys import FeldmanCousins, Significance, feldman_cousins, significance  # noqa: E402

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
    "cache_compilations",
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

"""Likelihoods, fits, profiles, intervals, scans, posteriors and derivatives."""

from cevnsjax.statistics.derivatives import covariance, fisher, gradient, hessian
from cevnsjax.statistics.fit import FitResult, ProfileResult, fit, profile
from cevnsjax.statistics.likelihood import Likelihood
from cevnsjax.statistics.posterior import SampleResult, sample
from cevnsjax.statistics.priors import Prior
from cevnsjax.statistics.scan import ScanResult, scan

__all__ = [
    "FitResult",
    "Likelihood",
    "Prior",
    "ProfileResult",
    "SampleResult",
    "ScanResult",
    "covariance",
    "fisher",
    "fit",
    "gradient",
    "hessian",
    "profile",
    "sample",
    "scan",
]

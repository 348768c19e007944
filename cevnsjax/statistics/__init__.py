"""Likelihoods, fits, profiles, intervals, scans, posteriors, toys and derivatives."""

from cevnsjax.statistics.derivatives import covariance, fisher, gradient, hessian
from cevnsjax.statistics.fit import FitResult, ProfileResult, fit, profile
from cevnsjax.statistics.likelihood import Likelihood
from cevnsjax.statistics.posterior import SampleResult, sample
from cevnsjax.statistics.priors import Prior
from cevnsjax.statistics.projection import Projection, asimov, expected_intervals, project
from cevnsjax.statistics.scan import ScanResult, scan
from cevnsjax.statistics.significance import Significance, significance
from cevnsjax.statistics.toys import FeldmanCousins, feldman_cousins

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
    "profile",
    "project",
    "sample",
    "scan",
    "significance",
]

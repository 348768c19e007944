"""Likelihoods, fits, profiles and intervals."""

from cevnsjax.statistics.fit import FitResult, ProfileResult, fit, profile
from cevnsjax.statistics.likelihood import Likelihood
from cevnsjax.statistics.scan import ScanResult, scan

__all__ = ["FitResult", "Likelihood", "ProfileResult", "ScanResult", "fit", "profile", "scan"]

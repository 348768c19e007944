"""Likelihoods, fits, profiles and intervals."""

from cevnsjax.statistics.fit import FitResult, ProfileResult, fit, profile
from cevnsjax.statistics.likelihood import Likelihood

__all__ = ["FitResult", "Likelihood", "ProfileResult", "fit", "profile"]

"""Likelihoods: their kernels, terms, nuisances and derivatives."""

from cevnsjax.likelihood.given import Given, likelihood_of
from cevnsjax.likelihood.likelihood import Likelihood, Pull
from cevnsjax.likelihood.nuisances import JointNuisance
from cevnsjax.likelihood.views import Along, View

__all__ = ["Along", "Given", "JointNuisance", "Likelihood", "Pull", "View", "likelihood_of"]

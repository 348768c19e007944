"""Bayesian answers: priors, posteriors and their samplers."""

from cevnsjax.sampling.model import numpyro_model
from cevnsjax.sampling.posterior import SAMPLERS, SampleResult, sample
from cevnsjax.sampling.priors import Prior, parse_prior

__all__ = ["SAMPLERS", "Prior", "SampleResult", "numpyro_model", "parse_prior", "sample"]

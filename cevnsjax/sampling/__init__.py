"""Bayesian answers: priors, posteriors and their samplers, and whether posteriors are calibrated."""

from cevnsjax.sampling.calibration import Calibration, calibrate
from cevnsjax.sampling.model import numpyro_model
from cevnsjax.sampling.posterior import SAMPLERS, SampleResult, sample
from cevnsjax.sampling.priors import Prior, parse_prior

__all__ = ["SAMPLERS", "Calibration", "Prior", "SampleResult", "calibrate", "numpyro_model", "parse_prior", "sample"]

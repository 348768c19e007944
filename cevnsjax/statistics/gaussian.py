"""Gaussian chi-squared with one pull on the normalisation, Eq. (20) of arXiv:2501.12441.

    chi^2 = sum_i ((n R_i - d_i) / sigma_i)^2 + ((n - 1) / s)^2 ,   n = 1 + alpha

The bins enter by three sums over them, and the chi-squared is a parabola in n, so its minimum over n is closed. All is
written in s^2, and nothing divides by it: s = 0 is a fixed normalisation, not a special case.
"""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

__all__ = [
    "Sums",
    "best_norm",
    "chi2_at_norm",
    "chi2_marginalised",
    "chi2_profiled",
    "log_volume",
    "norm_width",
    "sums",
]

Bins = Float[Array, " bins"]
Scalar = Float[Array, ""]


class Sums(eqx.Module):
    """sum (R_i / sigma_i)^2, sum R_i d_i / sigma_i^2, sum (d_i / sigma_i)^2, and the pull's standard deviation s."""

    predicted: Scalar
    mixed: Scalar
    observed: Scalar
    norm_sigma: Scalar


def sums(expected: Bins, observed: Bins, sigma: Bins, norm_sigma: Scalar) -> Sums:
    """Return what the chi-squared needs to know of a prediction and the data."""
    unit, data = expected / sigma, observed / sigma
    return Sums(unit @ unit, unit @ data, data @ data, norm_sigma)


def chi2_at_norm(given: Sums, norm: Scalar) -> Scalar:
    """Return chi^2 at a given n, pull included; with s = 0 there is no pull, and n is free."""
    pulled = given.norm_sigma > 0
    pull = jnp.where(pulled, (norm - 1) / jnp.where(pulled, given.norm_sigma, 1.0), 0.0)
    return norm**2 * given.predicted - 2 * norm * given.mixed + given.observed + pull**2


def best_norm(given: Sums) -> Scalar:
    """Return the n that minimises chi^2; it may be negative, where the data pull it there."""
    variance = given.norm_sigma**2
    return (1 + variance * given.mixed) / (1 + variance * given.predicted)


def chi2_profiled(given: Sums) -> Scalar:
    """Return the minimum of chi^2 over n."""
    norm = best_norm(given)
    # (n - 1) / s at the minimum. Nothing here exceeds the data's own sum, nor 1/s^2, however large the prediction: a
    # coupling in a scan may make it a million times the data, and no digit is lost.
    pull = given.norm_sigma * (given.mixed - given.predicted) / (1 + given.norm_sigma**2 * given.predicted)
    return norm**2 * given.predicted - 2 * norm * given.mixed + given.observed + pull**2


def log_volume(given: Sums) -> Scalar:
    """Return log(1 + s^2 sum (R_i / sigma_i)^2), by which the integral over n differs from the minimum."""
    return jnp.log1p(given.norm_sigma**2 * given.predicted)


def chi2_marginalised(given: Sums) -> Scalar:
    """Return -2 log of the integral of exp(-chi^2 / 2) over n, normalised to chi^2 itself where s = 0.

    The integral is Gaussian: it adds `log_volume` to the minimum, and so prefers small predictions, which the
    minimum does not.
    """
    return chi2_profiled(given) + log_volume(given)


def norm_width(given: Sums) -> Scalar:
    """Return the standard deviation of n given the prediction; its density is normal around `best_norm`."""
    return given.norm_sigma * jnp.exp(-log_volume(given) / 2)

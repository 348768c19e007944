"""Gaussian chi-squared with a pull on the normalisation, Eq. (20) of arXiv:2501.12441.

    chi^2 = sum_i ((n R_i - d_i) / sigma_i)^2 + ((n - c) / s)^2

with c = 1 and n = 1 + alpha in the paper. Several factors on the signal, n = 1 + sum_j (nu_j - 1), each with a pull of
its own, are one with s^2 = sum_j s_j^2; those that are given move its centre c. The bins enter by three sums over them,
and the chi-squared is a parabola in n, so its minimum over n is closed. All is written in s^2, and nothing divides by
it: s = 0 is a fixed normalisation, not a special case.
"""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

__all__ = ["Pull", "Sums", "best_norm", "chi2_marginalised", "chi2_profiled", "log_volume", "norm_width", "sums"]

Bins = Float[Array, " bins"]
Scalar = Float[Array, ""]


class Sums(eqx.Module):
    """sum (R_i / sigma_i)^2, sum R_i d_i / sigma_i^2, sum (d_i / sigma_i)^2."""

    predicted: Scalar
    mixed: Scalar
    observed: Scalar


class Pull(eqx.Module):
    """Where the normalisation is pulled to, c, and the variance s^2."""

    centre: Scalar
    variance: Scalar


def sums(expected: Bins, observed: Bins, sigma: Bins) -> Sums:
    """Return what the chi-squared needs to know of a prediction and the data."""
    unit, data = expected / sigma, observed / sigma
    return Sums(unit @ unit, unit @ data, data @ data)


def best_norm(given: Sums, pull: Pull) -> Scalar:
    """Return the n that minimises chi^2; it may be negative, where the data pull it there."""
    return (pull.centre + pull.variance * given.mixed) / (1 + pull.variance * given.predicted)


def chi2_profiled(given: Sums, pull: Pull) -> Scalar:
    """Return the minimum of chi^2 over n."""
    norm = best_norm(given, pull)
    # (n - c) / s^2 at the minimum. Nothing here exceeds the data's own sum, nor 1/s^2, however large the prediction: a
    # coupling in a scan may make it a million times the data, and no digit is lost.
    away = (given.mixed - pull.centre * given.predicted) / (1 + pull.variance * given.predicted)
    return norm**2 * given.predicted - 2 * norm * given.mixed + given.observed + pull.variance * away**2


def log_volume(given: Sums, pull: Pull) -> Scalar:
    """Return log(1 + s^2 sum (R_i / sigma_i)^2), by which the integral over n differs from the minimum."""
    return jnp.log1p(pull.variance * given.predicted)


def chi2_marginalised(given: Sums, pull: Pull) -> Scalar:
    """Return -2 log of the integral of exp(-chi^2 / 2) over n, normalised to chi^2 itself where s = 0.

    The integral is Gaussian: it adds `log_volume` to the minimum, and so prefers small predictions, which the
    minimum does not.
    """
    return chi2_profiled(given, pull) + log_volume(given, pull)


def norm_width(given: Sums, pull: Pull) -> Scalar:
    """Return the standard deviation of n given the prediction; its density is normal around `best_norm`."""
    return jnp.sqrt(pull.variance) * jnp.exp(-log_volume(given, pull) / 2)

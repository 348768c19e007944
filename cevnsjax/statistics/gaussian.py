"""Gaussian chi-squared with one pull on the normalisation, Eq. (20) of arXiv:2501.12441.

    chi^2 = sum_i ((n R_i - d_i) / sigma_i)^2 + ((n - 1) / s)^2 ,   n = 1 + alpha

The chi-squared is a parabola in n, so its minimum over n is closed. All is written in s^2, and nothing
divides by it: s = 0 is a fixed normalisation, not a special case.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

__all__ = ["best_norm", "chi2_at_norm", "chi2_marginalised", "chi2_profiled", "log_volume", "norm_density"]

Bins = Float[Array, " bins"]
Scalar = Float[Array, ""]


def chi2_at_norm(expected: Bins, observed: Bins, sigma: Bins, norm_sigma: Scalar, norm: Scalar) -> Scalar:
    """Return chi^2 at a given n, pull included; with s = 0 there is no pull, and n is free."""
    residual = (norm * expected - observed) / sigma
    pulled = norm_sigma > 0
    pull = jnp.where(pulled, (norm - 1) / jnp.where(pulled, norm_sigma, 1.0), 0.0)
    return residual @ residual + pull**2


def best_norm(expected: Bins, observed: Bins, sigma: Bins, norm_sigma: Scalar) -> Scalar:
    """Return the n that minimises chi^2; it may be negative, where the data pull it there."""
    unit = expected / sigma
    return (1 + norm_sigma**2 * (unit @ (observed / sigma))) / (1 + norm_sigma**2 * (unit @ unit))


def norm_density(expected: Bins, observed: Bins, sigma: Bins, norm_sigma: Scalar) -> tuple[Scalar, Scalar]:
    """Return mean and standard deviation of n given the prediction; its density is normal."""
    width = norm_sigma * jnp.exp(-log_volume(expected, sigma, norm_sigma) / 2)
    return best_norm(expected, observed, sigma, norm_sigma), width


def chi2_profiled(expected: Bins, observed: Bins, sigma: Bins, norm_sigma: Scalar) -> Scalar:
    """Return the minimum of chi^2 over n."""
    norm = best_norm(expected, observed, sigma, norm_sigma)
    residual = (norm * expected - observed) / sigma
    # (n - 1) / s at the minimum. The closed minimum as a difference would lose all digits where a coupling
    # makes the prediction a million times the data.
    unit = expected / sigma
    pull = norm_sigma * (unit @ ((observed - expected) / sigma)) / (1 + norm_sigma**2 * (unit @ unit))
    return residual @ residual + pull**2


def log_volume(expected: Bins, sigma: Bins, norm_sigma: Scalar) -> Scalar:
    """Return log(1 + s^2 sum (R_i / sigma_i)^2), by which the integral over n differs from the minimum."""
    unit = expected / sigma
    return jnp.log1p(norm_sigma**2 * (unit @ unit))


def chi2_marginalised(expected: Bins, observed: Bins, sigma: Bins, norm_sigma: Scalar) -> Scalar:
    """Return -2 log of the integral of exp(-chi^2 / 2) over n, normalised to chi^2 itself where s = 0.

    The integral is Gaussian: it adds `log_volume` to the minimum, and so prefers small predictions, which the
    minimum does not.
    """
    return chi2_profiled(expected, observed, sigma, norm_sigma) + log_volume(expected, sigma, norm_sigma)

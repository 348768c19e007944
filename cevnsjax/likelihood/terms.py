"""Terms of a likelihood: how expected counts are compared with data.

Each kind of term knows its chi-squared, the slopes and the curvature that a Gauss-Newton step needs, how a toy is
drawn, and the constant that makes a probability of it. Nothing else in the package asks which kind a term is.

Gaussian terms, Eq. (20) of arXiv:2501.12441:

    chi^2 = sum_i ((n S_i + B_i - d_i) / sigma_i)^2 + (n - c)^2 / s^2

with a signal S, a background B, and the factor n on the signal, whose minimum is closed. Several
constrained factors, n = 1 + sum_j (nu_j - 1), act as one with s^2 = sum_j s_j^2. Given factors move its centre c.
No formula divides by s^2, so that s = 0 is a fixed normalisation and no special case.

Poisson terms: -2 log(L / L_saturated), S. Baker and R. D. Cousins, Nucl. Instrum. Meth. 221, 437 (1984).
"""

from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from cevnsjax.numeric import AnyArray, namespace, special

__all__ = ["LEAST_MEAN", "TERMS", "Means", "best_norm", "deviance", "norm_width"]

Cells = Float[AnyArray, "*t cells"]
Scalar = Float[AnyArray, "*t"]
HostCells = Float[np.ndarray, "..."]

LEAST_MEAN = 1e-12
"""Counts in a cell by which a curvature may divide."""


class Means(NamedTuple):
    """What is expected in each cell: the signal at n = 1, all else, and the factor n's centre and variance."""

    signal: Cells
    rest: Cells
    centre: Scalar
    variance: Scalar


def _sums(means: Means, observed: Cells, sigma: Cells) -> tuple[Cells, Cells, Scalar, Scalar]:
    """Return signal and data less the rest in units of the errors, and the sums of their products."""
    unit, data = means.signal / sigma, (observed - means.rest) / sigma
    return unit, data, unit @ unit, unit @ data


def best_norm(means: Means, observed: Cells, sigma: Cells) -> Scalar:
    """Return the n that minimises chi^2; it may be negative, where the data pull it there."""
    _, _, square, mixed = _sums(means, observed, sigma)
    return (means.centre + means.variance * mixed) / (1 + means.variance * square)


def norm_width(means: Means, sigma: Cells) -> Scalar:
    """Return the standard deviation of n given the prediction; its density is normal around `best_norm`."""
    unit = means.signal / sigma
    return jnp.sqrt(means.variance / (1 + means.variance * (unit @ unit)))


def deviance(observed: Cells, mean: Cells) -> Cells:
    """Return -2 log of the Poisson probability of counts, less that where the mean is what is observed.

    At mean zero the deviance of no counts is zero, and of any counts infinite. It is infinite at a negative mean.
    """
    possible = mean > 0
    some = observed > 0
    ratio = jnp.where(some, observed, 1.0) / jnp.where(possible, mean, 1.0)
    value = 2 * (mean - observed + jnp.where(some & possible, observed * jnp.log(ratio), 0.0))
    return jnp.where(possible | ((mean == 0) & ~some), value, jnp.inf)


class _Gaussian:
    """Gaussian data, the factor on the signal minimised, or integrated where `integrated` is one."""

    @staticmethod
    def chi2(means: Means, observed: Cells, sigma: Cells, integrated: Scalar) -> Scalar:
        """Return chi^2 at its minimum in n; integrated over n it has log(1 + s^2 S S) beside.

        No digit is lost however large the prediction: nothing here exceeds the data's own sum, nor 1 / s^2, and a
        coupling in a scan may make the signal a million times the data.
        """
        _, data, square, mixed = _sums(means, observed, sigma)
        spread = 1 + means.variance * square
        norm = (means.centre + means.variance * mixed) / spread
        away = (mixed - means.centre * square) / spread  # (n - c) / s^2
        value = norm**2 * square - 2 * norm * mixed + data @ data + means.variance * away**2
        return value + integrated * jnp.log(spread)

    @staticmethod
    def quadratic(
        means: Means, slopes: Means, observed: Cells, sigma: Cells, integrated: Scalar
    ) -> tuple[Cells, Cells, Array, Array]:
        """Return the slopes of chi^2 in signal and rest, the curvature of Gauss and Newton, and what this lacks.

        While counts are linear it lacks nothing. `slopes` are those of counts, in variables along a leading axis.
        """
        unit, data, square, mixed = _sums(means, observed, sigma)
        spread = 1 + means.variance * square
        norm = (means.centre + means.variance * mixed) / spread
        along = (norm * slopes.signal + slopes.rest) / sigma
        on_rest = 2 * (norm * unit - data) / sigma
        on_signal = norm * on_rest + integrated * 2 * means.variance * unit / (sigma * spread)
        overlap = along @ unit
        curvature = 2 * (along @ along.T - (means.variance / spread) * jnp.outer(overlap, overlap))
        return on_signal, on_rest, curvature, jnp.zeros_like(curvature)

    @staticmethod
    def draw(rng: np.random.Generator, mean: HostCells, sigma: HostCells) -> HostCells:
        """Return toy data around each mean."""
        return mean + sigma * rng.standard_normal(mean.shape)

    @staticmethod
    def variance(means: Means, sigma: Cells) -> Cells:
        """Return the variance of each cell."""
        return sigma**2

    @staticmethod
    def covaried(vector: Cells, observed: Cells, sigma: Cells) -> Cells:
        """Return the covariance of the observations, as these themselves estimate it, times a vector."""
        return sigma**2 * vector

    @staticmethod
    def log_constant(observed: Float[AnyArray, " cells"], sigma: Float[AnyArray, " cells"]) -> Float[AnyArray, ""]:
        """Return the logarithm of the data's density where chi^2 is zero: - sum_i log(sqrt(2 pi) sigma_i)."""
        xp = namespace(observed, sigma)
        return -xp.sum(xp.log((2 * np.pi) ** 0.5 * sigma))

    @staticmethod
    def log_probability(
        observed: Float[AnyArray, " cells"], mean: Float[AnyArray, "*n cells"], sigma: Float[AnyArray, " cells"]
    ) -> Float[AnyArray, "*n cells"]:
        """Return the logarithm of the density of each cell's observation."""
        xp = namespace(observed, mean)
        return -(((observed - mean) / sigma) ** 2) / 2 - xp.log((2 * np.pi) ** 0.5 * sigma)


class _Poisson:
    """Counts. Factors on the signal are searched for; the variance of n is zero."""

    @staticmethod
    def chi2(means: Means, observed: Cells, sigma: Cells, integrated: Scalar) -> Scalar:
        """Return -2 log(L / L_saturated)."""
        return jnp.sum(deviance(observed, means.centre * means.signal + means.rest))

    @staticmethod
    def quadratic(
        means: Means, slopes: Means, observed: Cells, sigma: Cells, integrated: Scalar
    ) -> tuple[Cells, Cells, Array, Array]:
        """Return slopes of chi^2 in signal and rest, Fisher's expected Hessian, and how the observed one differs."""
        mean = jnp.maximum(means.centre * means.signal + means.rest, LEAST_MEAN)
        along = means.centre * slopes.signal + slopes.rest
        share = 1 / mean
        on_rest = 2 * (1 - observed * share)
        expected = 2 * (along * share) @ along.T
        return means.centre * on_rest, on_rest, expected, 2 * (along * (observed * share**2)) @ along.T - expected

    @staticmethod
    def draw(rng: np.random.Generator, mean: HostCells, sigma: HostCells) -> HostCells:
        """Return toy counts of each mean.

        NumPy's generator takes a fifth of the time that JAX's takes on a processor, and no compiler.
        """
        return rng.poisson(np.maximum(mean, 0.0)).astype(float)

    @staticmethod
    def variance(means: Means, sigma: Cells) -> Cells:
        """Return the mean of each cell."""
        return means.centre * means.signal + means.rest

    @staticmethod
    def covaried(vector: Cells, observed: Cells, sigma: Cells) -> Cells:
        """Return the covariance of the observations, as the counts themselves estimate it, times a vector."""
        return observed * vector

    @staticmethod
    def log_constant(observed: Float[AnyArray, " cells"], sigma: Float[AnyArray, " cells"]) -> Float[AnyArray, ""]:
        """Return the logarithm of the probability where each mean is what is observed."""
        xp, gammaln = namespace(observed), special(observed).gammaln
        some = xp.where(observed > 0, observed, 1.0)
        return xp.sum(xp.where(observed > 0, observed * xp.log(some), 0.0) - observed - gammaln(observed + 1))

    @staticmethod
    def log_probability(
        observed: Float[AnyArray, " cells"], mean: Float[AnyArray, "*n cells"], sigma: Float[AnyArray, " cells"]
    ) -> Float[AnyArray, "*n cells"]:
        """Return the logarithm of the probability of each cell's counts; minus infinity at a negative mean."""
        xp, functions = namespace(observed, mean), special(mean)
        possible = xp.where(mean > 0, mean, 0.0)
        found = functions.xlogy(observed, possible) - possible - functions.gammaln(observed + 1)
        return xp.where(mean >= 0, found, -xp.inf)


TERMS: dict[str, type[_Gaussian] | type[_Poisson]] = {"gaussian": _Gaussian, "poisson": _Poisson}
"""The kinds of terms by the names that files use."""

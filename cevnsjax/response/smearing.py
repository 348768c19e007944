"""Smearing: how likely a mean signal is reconstructed within given limits."""

import abc
import math

import equinox as eqx
import numpy as np
import scipy.special
from jaxtyping import Bool, Float

from cevnsjax.numeric import AnyArray, Part, namespace, special

__all__ = ["Exact", "Gamma", "Gaussian", "Poisson", "Smearing"]

REACH = 8.0
"""How many standard deviations beyond the bins the mean signal is integrated over."""

NOTHING = 8.5
"""Standard deviations beyond which a Gaussian leaves nothing: there the error function is one to its last digit."""

FAINT = 37.5
"""Minus the logarithm of a probability, 5e-17, that is lost beside one in double precision."""

FINEST = 64
"""Steps of a smearing that vanishes at zero are no narrower than this share of a range."""


class Smearing(Part):
    """The distribution of the reconstructed signal about its mean. Both are in the unit of the axis.

    `deviation` tells the quadrature how wide its panels are and, with REACH, how far beyond the bins it goes.
    """

    @abc.abstractmethod
    def below(self, limit: Float[AnyArray, "#b #n"], mean: Float[AnyArray, " n"]) -> Float[AnyArray, "b n"]:
        """Return the probability that a `mean` signal is reconstructed below a `limit`.

        A constant may be missing that is the same for all limits.
        """

    @abc.abstractmethod
    def reaches(self, low: float, high: float, mean: Float[np.ndarray, " n"]) -> Bool[np.ndarray, " n"]:
        """Return where a `mean` signal may be reconstructed between `low` and `high`.

        Elsewhere the probability is no more than the rounding of a difference of two that are close to one.
        """

    def between(
        self, low: Float[AnyArray, "#b #n"], high: Float[AnyArray, "#b #n"], mean: Float[AnyArray, " n"]
    ) -> Float[AnyArray, "b n"]:
        """Return the probability that a `mean` signal is reconstructed between two limits, `low` and `high`."""
        return self.below(high, mean) - self.below(low, mean)

    @abc.abstractmethod
    def deviation(self, mean: Float[AnyArray, "*n"] | float) -> Float[AnyArray, "*n"] | float:
        """Return the standard deviation at a `mean` signal, in the axis' unit; zero where there is no smearing."""

    def steps(self, low: float, high: float) -> Float[np.ndarray, " steps"]:
        """Return signals between `low` and `high` so close that the distribution is smooth from one to the next."""
        width = max(float(self.deviation(low)), (high - low) / FINEST)
        return np.linspace(low, high, 1 + math.ceil((high - low) / width))


class Exact(Smearing):
    """No smearing.

    >>> from cevnsjax.response import Exact
    >>> Exact().between(np.array([[0.0], [1.0]]), np.array([[1.0], [2.0]]), np.array([0.5, 1.5]))
    array([[1., 0.],
           [0., 1.]])
    """

    def below(self, limit: Float[AnyArray, "#b #n"], mean: Float[AnyArray, " n"]) -> Float[AnyArray, "b n"]:
        """Return one up to the limit, else zero."""
        # A panel of no width lies on the edge where it meets another: closed above, it keeps its derivative.
        return namespace(mean, limit).where(mean <= limit, 1.0, 0.0)

    def reaches(self, low: float, high: float, mean: Float[np.ndarray, " n"]) -> Bool[np.ndarray, " n"]:
        """Return where the mean signal is within the limits."""
        return (mean > low) & (mean <= high)

    def deviation(self, mean: Float[AnyArray, "*n"] | float) -> Float[AnyArray, "*n"] | float:
        """Return zero."""
        return 0.0 * mean


class Gaussian(Smearing):
    """A Gaussian of sigma = sqrt(noise^2 + poisson E + (relative E)^2) + linear E, in the unit of the axis.

    In a semiconductor `poisson` is Fano's factor times the pair energy. Collaborations that fit a E^(1/2) + b E to the
    width have `linear` b. `noise` is the width at zero, and `relative` a constant relative width. If `truncated`, no
    signal below zero is reconstructed, and the Gaussian is normalised above it.

    >>> from cevnsjax.response import Gaussian
    >>> smearing = Gaussian(noise=20.0, poisson=0.3)  # [eV_ee]
    >>> smearing.deviation(np.array([0.0, 200.0])).round(1)
    array([20. , 21.4])
    >>> smearing.between(np.array([[150.0]]), np.array([[250.0]]), np.array([200.0])).round(3)
    array([[0.98]])
    """

    noise: Float[AnyArray, ""] | float
    poisson: Float[AnyArray, ""] | float
    relative: Float[AnyArray, ""] | float = 0.0
    linear: Float[AnyArray, ""] | float = 0.0
    truncated: bool = eqx.field(static=True, default=False)

    def below(self, limit: Float[AnyArray, "#b #n"], mean: Float[AnyArray, " n"]) -> Float[AnyArray, "b n"]:
        """Return the probability of the Gaussian below the limit, less that below its mean."""
        given = mean, limit, self.noise, self.poisson, self.relative, self.linear
        xp, erf = namespace(*given), special(*given).erf
        width = 2.0**0.5 * self.deviation(mean)
        if self.truncated:
            return erf((xp.maximum(limit, 0.0) - mean) / width) / (1 + erf(mean / width))
        return erf((limit - mean) / width) / 2

    def reaches(self, low: float, high: float, mean: Float[np.ndarray, " n"]) -> Bool[np.ndarray, " n"]:
        """Return where the limits are less than NOTHING standard deviations away."""
        far = NOTHING * np.asarray(self.deviation(mean))
        return (mean + far >= low) & (mean - far <= high)

    def deviation(self, mean: Float[AnyArray, "*n"] | float) -> Float[AnyArray, "*n"] | float:
        """Return sigma."""
        return (self.noise**2 + self.poisson * mean + (self.relative * mean) ** 2) ** 0.5 + self.linear * mean


class Gamma(Smearing):
    """A gamma distribution of shape 1 + b E and the given mean, as photo-electrons of caesium iodide follow.

    COHERENT, arXiv:2110.07730. `shape_slope` is b in units of one over the signal's unit.

    >>> from cevnsjax.response import Gamma
    >>> Gamma(shape_slope=0.7).deviation(np.array([10.0])).round(2)
    array([3.54])
    """

    shape_slope: Float[AnyArray, ""] | float

    def below(self, limit: Float[AnyArray, "#b #n"], mean: Float[AnyArray, " n"]) -> Float[AnyArray, "b n"]:
        """Return the probability of the gamma distribution below the limit."""
        given = mean, limit, self.shape_slope
        xp, gammainc = namespace(*given), special(*given).gammainc
        shape = 1 + self.shape_slope * mean
        return gammainc(shape, xp.maximum(limit, 0.0) * shape / mean)

    def reaches(self, low: float, high: float, mean: Float[np.ndarray, " n"]) -> Bool[np.ndarray, " n"]:
        """Return where no limit is so far out in a tail that no more than exp(-FAINT) is left."""
        shape = 1 + self.shape_slope * mean
        first, last = (max(limit, 0.0) * shape / mean for limit in (low, high))
        above, under = (shape < first) & _faint(shape, first), (shape > last) & _faint(shape, last)
        return ~(above | under)

    def deviation(self, mean: Float[AnyArray, "*n"] | float) -> Float[AnyArray, "*n"] | float:
        """Return mean / sqrt(shape)."""
        return mean / (1 + self.shape_slope * mean) ** 0.5


class Poisson(Smearing):
    """Whole numbers n with a Poisson distribution; a bin holds low <= n < high.

    >>> from cevnsjax.response import Poisson
    >>> Poisson().between(np.array([[0.0], [1.0]]), np.array([[1.0], [2.0]]), np.array([1.0])).round(3)
    array([[0.368],
           [0.368]])
    """

    def below(self, limit: Float[AnyArray, "#b #n"], mean: Float[AnyArray, " n"]) -> Float[AnyArray, "b n"]:
        """Return the sum of probabilities of the whole numbers below the limit."""
        xp, gammaincc = namespace(mean, limit), special(mean, limit).gammaincc
        n = xp.ceil(xp.maximum(limit, 0.0))
        return xp.where(n > 0, gammaincc(xp.maximum(n, 1.0), mean), 0.0)

    def reaches(self, low: float, high: float, mean: Float[np.ndarray, " n"]) -> Bool[np.ndarray, " n"]:
        """Return where no limit is so far out in a tail that no more than exp(-FAINT) is left."""
        first, last = (np.ceil(max(limit, 0.0)) for limit in (low, high))
        above, under = (mean < first) & _faint(first, mean), (mean > last) & _faint(last, mean)
        return (last > 0) & ~(above | under)

    def deviation(self, mean: Float[AnyArray, "*n"] | float) -> Float[AnyArray, "*n"] | float:
        """Return the root of the `mean`, at least one so that panels near zero have a width; in the axis' unit."""
        return namespace(mean).maximum(mean, 1.0) ** 0.5

    def steps(self, low: float, high: float) -> Float[np.ndarray, " steps"]:
        """Return the whole numbers between `low` and `high`, beside these limits."""
        return np.unique([low, *np.arange(math.ceil(low), high), high])


def _faint(number: Float[AnyArray, "#n"] | float, mean: Float[AnyArray, "#n"]) -> Bool[np.ndarray, " n"]:
    """Return where a Poisson distribution of some `mean` has less than exp(-FAINT) from a `number` outwards.

    By Chernoff's bound, exp(-(m - n + n ln(n / m))). It is that of a gamma distribution of shape n beyond m, too.
    """
    return np.asarray(scipy.special.kl_div(number, mean) > FAINT)

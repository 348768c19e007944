"""Smearing: how likely a mean signal is reconstructed within given limits."""

import abc
import math

import equinox as eqx
import numpy as np
from jaxtyping import Float

from cevnsjax.numeric import AnyArray, Part, namespace, special

__all__ = ["Exact", "Gamma", "Gaussian", "Poisson", "Smearing"]

REACH = 8.0
"""How many standard deviations beyond the bins the mean signal is integrated over."""

FINEST = 64
"""Steps of a smearing that vanishes at zero are no narrower than this share of a range."""


class Smearing(Part):
    """The distribution of the reconstructed signal about its mean. Both are in the unit of the axis.

    `deviation` tells the quadrature how wide its panels are and, with REACH, how far beyond the bins it goes.
    """

    @abc.abstractmethod
    def between(
        self, low: Float[AnyArray, "#b #n"], high: Float[AnyArray, "#b #n"], mean: Float[AnyArray, " n"]
    ) -> Float[AnyArray, "b n"]:
        """Return the probability that a `mean` signal is reconstructed between two limits, `low` and `high`."""

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

    def between(
        self, low: Float[AnyArray, "#b #n"], high: Float[AnyArray, "#b #n"], mean: Float[AnyArray, " n"]
    ) -> Float[AnyArray, "b n"]:
        """Return one within the limits, else zero."""
        # A panel of no width lies on the edge where it meets another: closed above, it keeps its derivative.
        return namespace(mean, low).where((mean > low) & (mean <= high), 1.0, 0.0)

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

    def between(
        self, low: Float[AnyArray, "#b #n"], high: Float[AnyArray, "#b #n"], mean: Float[AnyArray, " n"]
    ) -> Float[AnyArray, "b n"]:
        """Return the probability of the Gaussian between the limits."""
        given = mean, low, high, self.noise, self.poisson, self.relative, self.linear
        xp, erf = namespace(*given), special(*given).erf
        width = 2.0**0.5 * self.deviation(mean)
        if self.truncated:
            low, high = xp.maximum(low, 0.0), xp.maximum(high, 0.0)
        found = (erf((high - mean) / width) - erf((low - mean) / width)) / 2
        return found * (2 / (1 + erf(mean / width))) if self.truncated else found

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

    def between(
        self, low: Float[AnyArray, "#b #n"], high: Float[AnyArray, "#b #n"], mean: Float[AnyArray, " n"]
    ) -> Float[AnyArray, "b n"]:
        """Return the probability of the gamma distribution between the limits."""
        given = mean, low, high, self.shape_slope
        xp, gammainc = namespace(*given), special(*given).gammainc
        shape = 1 + self.shape_slope * mean
        below, above = (xp.maximum(limit, 0.0) * shape / mean for limit in (low, high))
        return gammainc(shape, above) - gammainc(shape, below)

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

    def between(
        self, low: Float[AnyArray, "#b #n"], high: Float[AnyArray, "#b #n"], mean: Float[AnyArray, " n"]
    ) -> Float[AnyArray, "b n"]:
        """Return the sum of probabilities of the whole numbers between the limits."""
        xp, gammaincc = namespace(mean, low, high), special(mean, low, high).gammaincc
        first, last = xp.ceil(xp.maximum(low, 0.0)), xp.ceil(xp.maximum(high, 0.0))

        def up_to(n: AnyArray) -> AnyArray:
            """Return the probability of a number below n."""
            return xp.where(n > 0, gammaincc(xp.maximum(n, 1.0), mean), 0.0)

        return up_to(last) - up_to(first)

    def deviation(self, mean: Float[AnyArray, "*n"] | float) -> Float[AnyArray, "*n"] | float:
        """Return the root of the `mean`, at least one so that panels near zero have a width; in the axis' unit."""
        return namespace(mean).maximum(mean, 1.0) ** 0.5

    def steps(self, low: float, high: float) -> Float[np.ndarray, " steps"]:
        """Return the whole numbers between `low` and `high`, beside these limits."""
        return np.unique([low, *np.arange(math.ceil(low), high), high])

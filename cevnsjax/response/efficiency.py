"""Efficiency: the share of signals that are recorded, as a table or a formula."""

import abc

import equinox as eqx
import numpy as np
from jaxtyping import Float

from cevnsjax.numeric import AnyArray, Part, namespace, special

__all__ = ["Efficiency", "LogisticEfficiency", "TabulatedEfficiency"]


class Efficiency(Part):
    """Efficiency against a signal in the axis' unit: the mean one, or the `reconstructed` one after smearing."""

    reconstructed: bool = eqx.field(static=True, default=False, kw_only=True)

    @abc.abstractmethod
    def __call__(self, signal: Float[AnyArray, "*n"]) -> Float[AnyArray, "*n"]:
        """Return the efficiency, dimensionless, at each `signal` in the axis' unit."""

    @abc.abstractmethod
    def slope(self, signal: Float[AnyArray, "*n"]) -> Float[AnyArray, "*n"]:
        """Return the derivative in the `signal`, in one over its unit, anywhere but at `knots`."""

    @property
    @abc.abstractmethod
    def knots(self) -> Float[np.ndarray, " knots"]:
        """Signals, in the axis' unit, at which the slope changes."""


class TabulatedEfficiency(Efficiency):
    """A table: `efficiency` at each `signal` in the axis' unit, linear in between, constant beyond.

    It acts on the mean signal, or on the `reconstructed` one.

    >>> from cevnsjax.response import TabulatedEfficiency
    >>> TabulatedEfficiency(np.array([100.0, 200.0]), np.array([0.0, 0.9]))(np.array([150.0, 300.0]))
    array([0.45, 0.9 ])
    """

    signal: Float[AnyArray, " knots"]
    efficiency: Float[AnyArray, " knots"]

    def __call__(self, signal: Float[AnyArray, "*n"]) -> Float[AnyArray, "*n"]:
        """Return the efficiency at signals."""
        return namespace(signal, self.efficiency).interp(signal, self.signal, self.efficiency)

    def slope(self, signal: Float[AnyArray, "*n"]) -> Float[AnyArray, "*n"]:
        """Return the slope of the piece, zero beyond the table."""
        xp = namespace(signal, self.efficiency)
        slopes = xp.concatenate([xp.zeros(1), xp.diff(self.efficiency) / np.diff(self.signal), xp.zeros(1)])
        return slopes[xp.searchsorted(self.signal, signal, side="right")]

    @property
    def knots(self) -> Float[np.ndarray, " knots"]:
        """Signals at which the slope changes."""
        return np.asarray(self.signal)


class LogisticEfficiency(Efficiency):
    """a / (1 + exp(-b (x - c))) + d for `numbers` = (a, b, c, d), and zero where that is negative.

    x is the signal in the axis' unit: the mean one, or the `reconstructed` one.

    >>> from cevnsjax.response import LogisticEfficiency
    >>> LogisticEfficiency(np.array([1.0, 0.1, 150.0, 0.0]))(np.array([150.0, 200.0])).round(3)
    array([0.5  , 0.993])
    """

    numbers: Float[AnyArray, "4"]

    def __call__(self, signal: Float[AnyArray, "*n"]) -> Float[AnyArray, "*n"]:
        """Return the efficiency at signals."""
        a, _, _, d = self.numbers
        return namespace(signal, self.numbers).maximum(a * self._share(signal) + d, 0.0)

    def slope(self, signal: Float[AnyArray, "*n"]) -> Float[AnyArray, "*n"]:
        """Return the derivative, zero where the efficiency is."""
        a, b, _, d = self.numbers
        share = self._share(signal)
        return namespace(signal, self.numbers).where(a * share + d > 0, a * b * share * (1 - share), 0.0)

    def _share(self, signal: Float[AnyArray, "*n"]) -> Float[AnyArray, "*n"]:
        _, b, c, _ = self.numbers
        return special(signal, self.numbers).expit(b * (signal - c))

    @property
    def knots(self) -> Float[np.ndarray, " knots"]:
        """The signal above which the efficiency is positive, if there is one."""
        a, b, c, d = (float(number) for number in np.asarray(self.numbers))
        if not (a > 0 and -a < d < 0):
            return np.zeros(0)
        with np.errstate(divide="ignore", over="ignore"):  # a flat curve has none, or one that nobody sees
            knot = np.array([c - np.divide(np.log(-a / d - 1), b)])
        return knot[np.isfinite(knot)]

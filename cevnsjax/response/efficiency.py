"""Efficiency: the share of signals that are recorded."""

import equinox as eqx
import numpy as np
from jaxtyping import Float

from cevnsjax.numeric import AnyArray, Part, namespace

__all__ = ["Efficiency"]


class Efficiency(Part):
    """A table of efficiencies against a signal in the axis' unit, linear between its points, constant beyond.

    The signal is the mean one, or the `reconstructed` one after smearing.
    """

    signal: Float[AnyArray, " knots"]
    efficiency: Float[AnyArray, " knots"]
    reconstructed: bool = eqx.field(static=True, default=False)

    def __call__(self, signal: Float[AnyArray, "*n"]) -> Float[AnyArray, "*n"]:
        """Return the efficiency at signals."""
        return namespace(signal, self.efficiency).interp(signal, self.signal, self.efficiency)

    @property
    def knots(self) -> Float[np.ndarray, " knots"]:
        """Signals at which the slope changes."""
        return np.asarray(self.signal)

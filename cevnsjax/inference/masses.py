"""Signals at any mass between two, interpolated from exact ones at a few."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float
from numpy.polynomial.chebyshev import chebvander

__all__ = ["AtMasses", "Exact", "Signals", "Steps", "between_masses"]

NODES_A_DECADE, LEAST_NODES = 18, 15
"""Masses at which counts are calculated for interpolation: 105 over five decades were exact to 2e-12."""

UNITS_SHARE, ALIKE = 8, 2.0
"""One mass of so many gives a natural step, and the factor by which interpolated steps may be off.

They are units of the coupling, in which counts are exact whatever they are.
"""

CHECKED, EXACT = 5, 1e-9
"""Masses at which an interpolation is checked, and how exact it must be, relative to the largest count."""

Masses = Float[np.ndarray, " lines"]

Steps = Callable[[Masses], Float[np.ndarray, "lines 1"]]
"""Gives the coupling's natural step at masses."""

Columns = list[Float[np.ndarray, "lines monomials cells"]]

Exact = Callable[[Masses, Float[np.ndarray, "lines 1"]], Columns]
"""Gives the coefficients of each experiment's signal at masses, in steps of the coupling."""

AtMasses = tuple[Float[np.ndarray, "lines 1"], Columns]
"""The coupling's step at each mass, and the coefficients in it."""

Signals = Callable[[Masses], AtMasses]
"""Gives signals at masses."""


class _Series:
    """Polynomials in the logarithm of the mass, from values at Chebyshev nodes: as many as there are nodes."""

    def __init__(self, masses: Masses, number: int):
        self.low, self.high = np.log(masses.min()), np.log(masses.max())
        self.order = np.arange(number)

    def nodes(self) -> Masses:
        """Return the masses at which values are to be given."""
        angles = np.pi * (self.order + 0.5) / self.order.size
        return np.exp(self.low + (self.high - self.low) * (np.cos(angles) + 1) / 2)

    def of(self, values: Float[np.ndarray, "nodes ..."]) -> Callable[[Masses], Float[np.ndarray, "lines ..."]]:
        """Return the polynomial through values at the nodes."""
        number = self.order.size
        # Chebyshev polynomials at the nodes are cosines of equal steps.
        at_nodes = np.cos(self.order[:, None] * (np.pi * (self.order + 0.5) / number))
        coefficients = np.tensordot(at_nodes * np.where(self.order == 0, 1.0, 2.0)[:, None] / number, values, 1)

        def at(masses: Masses) -> Float[np.ndarray, "lines ..."]:
            places = np.clip(2 * (np.log(masses) - self.low) / (self.high - self.low) - 1, -1.0, 1.0)
            return np.tensordot(chebvander(places, number - 1), coefficients, 1)

        return at


def between_masses(steps: Steps, exact: Exact, masses: Masses) -> Signals | None:
    """Return a function that interpolates what `exact` calculates, in the range of positive `masses`.

    In natural units counts are smooth in the logarithm of the mass. None where `masses` are few, or the interpolation
    fails a check at some of them.
    """
    number = LEAST_NODES + round(NODES_A_DECADE * np.log10(masses.max() / masses.min()))
    if masses.size <= 2 * number:
        return None
    some = masses[np.linspace(0, masses.size - 1, CHECKED).astype(int)]
    few, every = (_Series(masses, n) for n in (number // UNITS_SHARE, number))
    natural = np.log(steps(np.append(few.nodes(), some)))
    logarithm = few.of(natural[:-CHECKED])
    if np.abs(logarithm(some) - natural[-CHECKED:]).max() > np.log(ALIKE):
        return None
    at = np.append(every.nodes(), some)
    columns = exact(at, np.exp(logarithm(at)))
    series = [every.of(column[:-CHECKED]) for column in columns]
    for one, column in zip(series, columns, strict=True):
        expected = column[-CHECKED:]
        if not np.abs(one(some) - expected).max() <= EXACT * np.abs(expected).max():
            return None
    return lambda masses: (np.exp(logarithm(masses)), [one(masses) for one in series])

"""Numbers of the description whose effect is a parabola by definition, as published systematics often are.

A release may give the signal at plus and minus one standard deviation of a principal component, and analyses lead a
parabola through the three in each cell. What several such numbers change adds up, as the parts of a morphed template
do. The numbers are not calculated in between: a component may well make no sense three standard deviations away.
"""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from cevnsjax.experiments import Experiment
from cevnsjax.likelihood.shapes import Degrees, Moved, Rates, SignalGrid, TracedRate, fitted
from cevnsjax.numeric import AnyArray, namespace
from cevnsjax.rates import Channel

__all__ = ["ParabolaGrid", "grid_of", "grid_with"]


class ParabolaGrid:
    """A grid over exactly calculated numbers, and two more such grids for each number with a parabola."""

    def __init__(self, grid: SignalGrid, moved: Sequence[Moved], channel: Channel):
        """Take the grid of the other numbers, and all numbers in the order of the polynomial's."""
        experiment = grid.experiment
        self.grid, self.moved, self.limits = grid, tuple(moved), grid.limits
        self.places = [i for i, m in enumerate(moved) if m.parabola is not None]
        exact = [i for i, m in enumerate(moved) if m.parabola is None]
        self._ends = []
        for i in self.places:
            centre, sigma = self._parabola(i)
            signals = [experiment.signal.at({moved[i].key: centre + s * sigma}) for s in (1.0, -1.0)]
            self._ends.append(
                [SignalGrid(experiment.with_signal(one), grid.moved, grid.limits, channel) for one in signals]
            )
        whole = [dict(zip(exact, row, strict=True)) for row in grid.degrees]
        rows = [whole, *([{**row, i: degree} for row in whole] for i in self.places for degree in (1, 2))]
        self.degrees: Degrees = tuple(tuple(row.get(i, 0) for i in range(len(moved))) for each in rows for row in each)

    def _parabola(self, i: int) -> tuple[float, float]:
        found = self.moved[i].parabola
        assert found is not None
        return found

    def coefficients(self, rates: Rates) -> Float[np.ndarray, "terms points all"]:
        """Return the coefficients of the counts in all cells, as those of a grid."""
        return np.asarray(self._added(lambda grid: grid.coefficients(rates)))

    def traced(self, rate: TracedRate) -> Float[AnyArray, "terms all"]:
        """Return the coefficients of counts whose rates JAX traces."""
        return self._added(lambda grid: grid.traced(rate))

    def _added(self, of: Callable[[SignalGrid], Any]) -> Any:
        """Return the other numbers' coefficients, then those with each parabola's first and second polynomial."""
        middle = of(self.grid)
        found, behind = middle, []
        for i, (above, below) in zip(self.places, self._ends, strict=True):
            up, down = of(above), of(below)
            centre, sigma = self._parabola(i)
            m = self.moved[i]
            # Standard deviations from the centre: z = a x + b. Chebyshev's second polynomial is 2 x^2 - 1.
            a, b = (m.high - m.low) / 2 / sigma, ((m.high + m.low) / 2 - centre) / sigma
            linear, square = (up - down) / 2, (up + down) / 2 - middle
            found = found + b * linear + (b * b + a * a / 2) * square
            behind += [a * linear + 2 * a * b * square, a * a / 2 * square]
        return namespace(found).concatenate([found, *behind])


def grid_of(
    experiment: Experiment, moved: Sequence[Moved], channel: Channel, rates: Rates, known: tuple[int, ...] = ()
) -> tuple[SignalGrid | ParabolaGrid, Float[np.ndarray, "terms points all"]]:
    """Return a grid of all numbers and the coefficients of its counts; errors and `known` are those of `fitted`."""
    exact = [m for m in moved if m.parabola is None]
    grid, counts = fitted(experiment, exact, channel, rates, known)
    if len(exact) == len(moved):
        return grid, counts
    whole = ParabolaGrid(grid, moved, channel)
    return whole, whole.coefficients(rates)


def grid_with(
    experiment: Experiment, moved: Sequence[Moved], channel: Channel, limits: tuple[int, ...]
) -> SignalGrid | ParabolaGrid:
    """Return the grid that has the `limits` of another one, of the same numbers."""
    exact = [m for m in moved if m.parabola is None]
    grid = SignalGrid(experiment, exact, limits, channel)
    return grid if len(exact) == len(moved) else ParabolaGrid(grid, moved, channel)

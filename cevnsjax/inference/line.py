"""Blocks of a plane's lines: what is done with each wherever it is sent to, from its numbers alone."""

import dataclasses
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from cevnsjax.inference.plane import Sums, plane_chi2
from cevnsjax.inference.profile import Curve
from cevnsjax.inference.search import Search
from cevnsjax.inference.starts import starting_points, typical_steps
from cevnsjax.parameters import Parameter

__all__ = ["STARTS", "PlainBlock", "PlainLines", "SearchedLine"]

STARTS = 13


class PlainBlock(NamedTuple):
    """Lines on which nothing is searched for: sums over cells, couplings, and the inner coupling's natural step."""

    sums: Sums
    couplings: Float[np.ndarray, "lines couplings"]
    steps: Float[np.ndarray, " lines"]


@dataclasses.dataclass(frozen=True, eq=False)
class PlainLines:
    """chi^2 along lines by sums over cells, at the values `inner` of the coupling at place `along`."""

    inner: Float[np.ndarray, " n"]
    power: int | None
    along: int

    def __call__(self, block: PlainBlock) -> Float[np.ndarray, "lines n"]:
        """Return chi^2 at all inner values on each line."""
        return plane_chi2(block.sums, block.couplings, self.along, block.steps, self.inner, self.power)


@dataclasses.dataclass(frozen=True, eq=False)
class SearchedLine:
    """chi^2 along a line, all else minimised.

    `search` serves all lines if each does not have its own; `outer` is the parameter that this search must hold, None
    if it is built into the search of each line.
    """

    search: Search | None
    outer: str | None
    inner: Parameter
    others: tuple[Parameter, ...]
    values: Float[np.ndarray, " n"]

    def __call__(self, block: tuple[float, Search | None]) -> Float[np.ndarray, "1 n"]:
        """Return chi^2 at all inner values for a value of the outer parameter and the line's own search, if it has."""
        value, own = block
        search = own if self.search is None else self.search
        assert search is not None
        # Begun next to the inner parameter's default: chi^2 is no plateau there.
        begin = float(self.values[np.argmin(np.abs(self.values - self.inner.default))])
        curve = self._curve(search, value, begin)
        curve.at(self.values)
        curve.follow_leaps()
        return curve.at(self.values)[None]

    def _curve(self, search: Search, value: float, begin: float) -> Curve:
        hold = []
        start = search.start.copy()
        if self.outer is not None:
            index = search.place(self.outer)
            start[index] = search.variable(self.outer, value)
            hold.append(index)
        others = [p for p in self.others if search.moves(p.name)]
        if not others:
            return Curve(search, self.inner.name, start[None], {}, hold)
        start[search.place(self.inner.name)] = search.variable(self.inner.name, begin)
        steps = typical_steps(search, others)
        starts = starting_points(search, others, steps, STARTS, start)
        minima = search.minima(starts, [*hold, search.place(self.inner.name)])
        order = np.argsort(np.where(np.isfinite(minima.value), minima.value, np.inf))
        return Curve(
            search,
            self.inner.name,
            minima.place[order[:3]],
            {p.name: s for p, s in zip(others, steps, strict=True)},
            hold,
        )

"""Lines of a plane: chi-squared along one parameter at values of another, the rest minimised."""

import dataclasses
import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from cevnsjax.inference.fit import search_of
from cevnsjax.inference.line import STARTS, PlainBlock, PlainLines, SearchedLine
from cevnsjax.inference.masses import AtMasses, Signals, between_masses
from cevnsjax.inference.plane import is_plain, sums_of
from cevnsjax.inference.search import PolynomialSearch, Search
from cevnsjax.inference.starts import starting_points, typical_steps
from cevnsjax.inference.valley import least_on_lines
from cevnsjax.likelihood import Along, Likelihood
from cevnsjax.parameters import Parameter
from cevnsjax.spreading import Lazy, Work

__all__ = ["LineBlocks", "LineMinimum", "Lines", "started"]

CHEAP, DEAR = 1024, 16
"""Lines that are prepared together, at most, where nothing is searched for, and where something is."""

MOST_POINTS = 1 << 19
"""Points of a block of lines, so that memory does not grow with the plane."""

Valley = Callable[[Float[np.ndarray, " n"], tuple[float, float], Float[np.ndarray, " n"]], Float[np.ndarray, " n"]]
"""Gives the least chi^2 at values of the outer parameter, the inner one within bounds, begun at values of its own."""


@dataclasses.dataclass(frozen=True, eq=False)
class LineBlocks:
    """All lines of a plane in blocks of `size`, what is done with each, and whether anything is searched for."""

    work: Work
    blocks: Sequence[Any]
    size: int
    searched: bool

    def rows(self, block: int) -> slice:
        """Return which lines a block has."""
        return slice(block * self.size, (block + 1) * self.size)


class Lines:
    """chi^2 along an inner parameter at values of an outer one, others and nuisances minimised.

    If counts are no polynomial in the outer parameter, a mass for instance, each of its values has a kernel of its own.
    """

    def __init__(
        self,
        likelihood: Likelihood,
        outer: Parameter,
        inner: Parameter,
        others: Sequence[Parameter],
        fixed: Mapping[str, float],
    ):
        """Take a likelihood, the two parameters, other free ones, and the values of what is fixed."""
        self.likelihood, self.outer, self.inner = likelihood, outer, inner
        self.others, self.fixed = list(others), dict(fixed)
        couplings = {p.name for p in likelihood.model.parameters}
        self.own_kernels = outer.power is None and outer.name in couplings
        self.general = any(p.power is None and p.name in couplings for p in (inner, *others))
        self._search: Search | None = None
        self._masses: Float[np.ndarray, " lines"] = np.empty(0)

    @property
    def varied(self) -> list[Parameter]:
        """The parameters that a line's kernel varies."""
        return (
            [self.inner, *self.others]
            if self.own_kernels and not self.general
            else [self.outer, self.inner, *self.others]
        )

    def search(self) -> Search:
        """Return the search that serves all lines, or that of a line at the outer parameter's default."""
        if self._search is None:
            own = self.own_kernels and not self.general
            fixed = {**self.fixed, self.outer.name: self.outer.default} if own else self.fixed
            self._search = search_of(self.likelihood, self.varied, fixed)
        return self._search

    def blocks(self, outer: Float[np.ndarray, " lines"], inner: Float[np.ndarray, " n"]) -> "LineBlocks":
        """Return the blocks of all lines. The cut depends on the plane alone."""
        self._masses = outer
        if self._plain():
            size = max(min(CHEAP, MOST_POINTS // inner.size), 1)
            number = -(-outer.size // size)
            place = self.search().place(self.inner.name)
            cheap = PlainLines(inner, self.inner.power, place)
            return LineBlocks(cheap, Lazy(lambda i: self._cheap(outer[i * size : (i + 1) * size]), number), size, False)
        own = self.own_kernels and not self.general
        dear = SearchedLine(
            None if own else self.search(), None if own else self.outer.name, self.inner, tuple(self.others), inner
        )
        latest: dict[int, list[Search]] = {}

        def line(i: int) -> tuple[float, Search | None]:
            if not own:
                return float(outer[i]), None
            first = i - i % DEAR
            if first not in latest:  # searches of several lines are prepared together
                latest.clear()
                latest[first] = list(self._searches(outer[first : first + DEAR]))
            return float(outer[i]), latest[first][i - first]

        return LineBlocks(dear, Lazy(line, outer.size), 1, True)

    def _plain(self) -> bool:
        search = self.search()
        if not isinstance(search, PolynomialSearch):
            return False
        if search.place(self.inner.name) >= len(search.view.layout.couplings):
            return False  # a nuisance along the line: each point has sums of its own
        searched = search.searched.copy()
        for p in (self.outer, self.inner):
            if p.name in search.view.layout.names:
                searched[search.place(p.name)] = False
        return is_plain(search.view, searched)

    def _along(self, outer: Float[np.ndarray, " lines"]) -> Along:
        return self.likelihood.preparation.along(self.fixed, [p.name for p in self.varied], self.outer.name, outer)

    def _cheap(self, outer: Float[np.ndarray, " lines"]) -> PlainBlock:
        """Return a block of lines on which nothing is searched for."""
        search = self.search()
        assert isinstance(search, PolynomialSearch)
        view, couplings = search.view, len(search.view.layout.couplings)
        start = np.tile(search.start, (outer.size, 1))
        held = search.held.copy()
        if self.own_kernels:
            steps, coefficients = (self._between or self._signals)(outer)
            return PlainBlock(sums_of(view, start, held, coefficients), start[:, :couplings], steps[:, 0])
        across, along = search.place(self.outer.name), search.place(self.inner.name)
        start[:, across] = search.variable(self.outer.name, outer)
        held[[across, along]] = True
        steps = np.full(outer.size, view.layout.steps[along])
        return PlainBlock(sums_of(view, start, held), start[:, :couplings], steps)

    def _steps(self, outer: Float[np.ndarray, " lines"]) -> Float[np.ndarray, "lines couplings"]:
        """Return the natural step of each coupling on each line."""
        return self._along(outer).steps[0]

    def _exact(
        self, outer: Float[np.ndarray, " lines"], steps: Float[np.ndarray, "lines couplings"]
    ) -> list[Float[np.ndarray, "lines monomials cells"]]:
        """Return the coefficients of each experiment's signal, which no number of the files moves."""
        expanded = self._along(outer).expanded(steps)
        return [np.stack([one.coefficients[0] for one in column]) for column in expanded]

    def _signals(self, outer: Float[np.ndarray, " lines"]) -> AtMasses:
        """Return natural steps and coefficients in them."""
        steps = self._steps(outer)
        return steps, self._exact(outer, steps)

    @functools.cached_property
    def _between(self) -> Signals | None:
        """Interpolates between the masses of the plane, where they are many."""
        return between_masses(self._steps, self._exact, self._masses) if self.outer.logarithmic else None

    def valley(self) -> Valley | None:
        """Return the function that gives the least chi^2 at masses between those of `blocks`, by interpolation.

        It takes what `least` does. None where nothing is interpolated, or more than the inner coupling is searched for.
        """
        if not self.own_kernels or not self._plain() or self._between is None:
            return None

        def least(
            outer: Float[np.ndarray, " n"], bounds: tuple[float, float], begins: Float[np.ndarray, " n"]
        ) -> Float[np.ndarray, " n"]:
            block = self._cheap(outer)
            assert block.couplings.shape[1] == 1  # else another one was searched for
            begin, *ends = ((np.asarray(g) / block.steps) ** (self.inner.power or 1) for g in (begins, *bounds))
            return least_on_lines(block.sums, begin, np.minimum(*ends), np.maximum(*ends))[1]

        return least

    def _searches(self, outer: Float[np.ndarray, " lines"]) -> Iterator[Search]:
        """Give a search for each line."""
        if not self.own_kernels or self.general:
            for _ in outer:
                yield self.search()
            return
        for view in self._along(outer).views():
            yield PolynomialSearch.of_view(view, self.varied, self.fixed)

    def least(
        self, outer: Float[np.ndarray, " lines"], bounds: tuple[float, float], begins: Float[np.ndarray, " lines"]
    ) -> list["LineMinimum"]:
        """Return for each line where chi^2 is least, over the inner parameter within bounds too.

        `begins` are values of the inner parameter to start from.
        """
        found = []
        for value, begin, search in zip(outer, begins, self._searches(outer), strict=True):
            index = search.place(self.inner.name)
            search.limit(index, *sorted(float(search.variable(self.inner.name, end)) for end in bounds))
            start, hold = search.start.copy(), []
            start[index] = search.variable(self.inner.name, begin)
            if self.general:
                hold = [search.place(self.outer.name)]
                start[hold[0]] = search.variable(self.outer.name, float(value))
            minima = search.minima(started(search, self.others, start), hold)
            best = minima.best()
            found.append(LineMinimum(float(minima.value[best]), minima.place[best], search, (self.inner, *self.others)))
        return found


@dataclasses.dataclass(frozen=True, eq=False)
class LineMinimum:
    """The least chi^2 of a line, the variables there, the search that led to them, and the parameters that it moved."""

    chi2: float
    place: Float[np.ndarray, " n"]
    search: Search
    varied: tuple[Parameter, ...]

    def values(self) -> dict[str, float]:
        """Return the values of the parameters there, and of the nuisances."""
        search, place = self.search, self.place
        found = {p.name: float(search.value(p.name, place[search.place(p.name)])) for p in self.varied}
        return found | search.nuisances(place)

    def messages(self) -> list[str]:
        """Return what a reader must know: couplings that do nothing on this line."""
        return [f"these data do not depend on {p.name}" for p in self.varied if not self.search.acts(p.name)]


def started(
    search: Search, others: Sequence[Parameter], start: Float[np.ndarray, " n"]
) -> Float[np.ndarray, "starts n"]:
    """Return starts that differ in the other free parameters; the only one where there is none."""
    varied = [p for p in others if search.moves(p.name)]
    return starting_points(search, varied, typical_steps(search, varied), STARTS, start) if varied else start[None]

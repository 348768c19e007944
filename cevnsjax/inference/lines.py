"""Lines of a plane: chi-squared along one parameter at values of another, the rest minimised."""

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from jaxtyping import Float, Int

from cevnsjax.inference.fit import search_of
from cevnsjax.inference.plane import is_plain, plane_chi2, sums_of
from cevnsjax.inference.profile import Curve
from cevnsjax.inference.search import PolynomialSearch, Search
from cevnsjax.inference.starts import starting_points, typical_steps
from cevnsjax.likelihood import Along, Likelihood
from cevnsjax.parameters import Parameter

__all__ = ["Lines", "started"]

CHEAP, DEAR = 1024, 16
"""Lines that are prepared together where nothing is searched for, and where something is."""

STARTS = 13

NODES_A_DECADE, LEAST_NODES = 30, 15
"""Masses at which counts are calculated for interpolation: 161 over five decades were exact to 9e-11."""

CHECKED, EXACT = 5, 1e-9
"""Masses at which an interpolation is checked, and how exact it must be, relative to the largest count."""


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

    def chunks(
        self, outer: Float[np.ndarray, " lines"], todo: Int[np.ndarray, " todo"]
    ) -> Iterator[tuple[int, Int[np.ndarray, " chunk"]]]:
        """Give the numbers of lines that are done together, and how many are done then."""
        size = CHEAP if self._plain() else DEAR
        for first in range(0, todo.size, size):
            chunk = todo[first : first + size]
            yield first + chunk.size, chunk

    def _plain(self) -> bool:
        search = self.search()
        if not isinstance(search, PolynomialSearch):
            return False
        searched = search.searched.copy()
        for p in (self.outer, self.inner):
            if p.name in search.view.layout.names:
                searched[search.place(p.name)] = False
        return is_plain(search.view, searched)

    def along(self, outer: Float[np.ndarray, " lines"], inner: Float[np.ndarray, " n"]) -> Float[np.ndarray, "lines n"]:
        """Return chi^2 at all inner values on each line."""
        if self._plain():
            return self._cheap(outer, inner)
        rows = []
        for value, search in zip(outer, self._searches(outer), strict=True):
            rows.append(self._searched(search, float(value), inner))
        return np.stack(rows)

    def _along(self, outer: Float[np.ndarray, " lines"]) -> Along:
        return self.likelihood.preparation.along(self.fixed, [p.name for p in self.varied], self.outer.name, outer)

    def _cheap(
        self, outer: Float[np.ndarray, " lines"], inner: Float[np.ndarray, " n"]
    ) -> Float[np.ndarray, "lines n"]:
        """Return chi^2 on all lines by sums over cells; nothing is searched for."""
        search = self.search()
        assert isinstance(search, PolynomialSearch)
        view, couplings = search.view, len(search.view.layout.couplings)
        if search.place(self.inner.name) >= couplings:  # a nuisance along the line: each point has sums of its own
            return np.stack([self._searched(search, float(value), inner) for value in outer])
        start = np.tile(search.start, (outer.size, 1))
        held = search.held.copy()
        t = np.zeros((outer.size, inner.size, couplings))
        if self.own_kernels:
            steps, coefficients = self._coefficients(outer)
            scaled = inner / steps
            t[..., 0] = scaled**2 if self.inner.power == 2 else scaled
            return plane_chi2(sums_of(view, start, held, coefficients), t)
        across, along = search.place(self.outer.name), search.place(self.inner.name)
        start[:, across] = search.variable(self.outer.name, outer)
        held[[across, along]] = True
        t += start[:, None, :couplings]
        t[..., along] = search.variable(self.inner.name, inner)
        return plane_chi2(sums_of(view, start, held), t)

    def _coefficients(
        self, outer: Float[np.ndarray, " lines"]
    ) -> tuple[Float[np.ndarray, "lines 1"], list[Float[np.ndarray, "lines monomials cells"]]]:
        """Return the inner coupling's natural step on each line, and the coefficients of each experiment's signal.

        Many masses are interpolated: in natural units counts are smooth in the logarithm of the mass. If a check at a
        few masses fails, each mass is calculated.
        """
        decades = np.log10(outer.max() / outer.min()) if self.outer.logarithmic else np.inf
        if outer.size > 2 * (LEAST_NODES + NODES_A_DECADE * decades):
            low, high = np.log(outer.min()), np.log(outer.max())
            number = LEAST_NODES + round(NODES_A_DECADE * decades)
            nodes = _chebyshev_nodes(number)
            steps, columns = _stacked(self._along(np.exp(low + (high - low) * (nodes + 1) / 2)))
            matrix = _interpolation(2 * (np.log(outer) - low) / (high - low) - 1, number)
            steps = np.exp(matrix @ np.log(steps))
            columns = [np.tensordot(matrix, column, 1) for column in columns]
            some = np.linspace(0, outer.size - 1, CHECKED).astype(int)
            exact_steps, exact = _stacked(self._along(outer[some]))
            power = self.inner.power or 1
            ratio = (steps[some] / exact_steps) ** power  # between the two units of the coupling
            units = np.concatenate([np.ones_like(ratio), ratio, ratio**2], axis=1)[..., None]
            if all(
                np.abs(c[some] / units - e).max() <= EXACT * np.abs(e).max()
                for c, e in zip(columns, exact, strict=True)
            ):
                return steps, columns
        return _stacked(self._along(outer))

    def _searches(self, outer: Float[np.ndarray, " lines"]) -> Iterator[Search]:
        """Give a search for each line."""
        if not self.own_kernels or self.general:
            for _ in outer:
                yield self.search()
            return
        for view in self._along(outer).views():
            yield PolynomialSearch.of_view(view, self.varied, self.fixed)

    def _searched(self, search: Search, outer: float, inner: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
        """Return chi^2 along one line, all else minimised."""
        curve = self._curve(search, outer, float(inner[np.argmin(np.abs(inner - self.inner.default))]))
        return curve.at(inner)

    def _curve(self, search: Search, outer: float, begin: float) -> Curve:
        """Return the curve of a line, begun next to the inner parameter's default: chi^2 is no plateau there."""
        hold = []
        start = search.start.copy()
        if not self.own_kernels or self.general:
            index = search.place(self.outer.name)
            start[index] = search.variable(self.outer.name, outer)
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

    def least(
        self, outer: Float[np.ndarray, " lines"], bounds: tuple[float, float], begins: Sequence[float]
    ) -> list[tuple[float, dict[str, float]]]:
        """Return for each line the least chi^2, over the inner parameter within bounds too, and all values there.

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
            least, place = float(minima.value[minima.best()]), minima.place[minima.best()]
            values = {
                p.name: float(search.value(p.name, place[search.place(p.name)])) for p in (self.inner, *self.others)
            }
            found.append((least, values | search.nuisances(place)))
        return found

    def messages(self, outer: float) -> list[str]:
        """Return what a reader must know: couplings that do nothing at a value of the outer parameter."""
        (search,) = self._searches(np.array([outer]))
        return [f"these data do not depend on {p.name}" for p in (self.inner, *self.others) if not search.acts(p.name)]


def started(
    search: Search, others: Sequence[Parameter], start: Float[np.ndarray, " n"]
) -> Float[np.ndarray, "starts n"]:
    """Return starts that differ in the other free parameters; the only one where there is none."""
    varied = [p for p in others if search.moves(p.name)]
    return starting_points(search, varied, typical_steps(search, varied), STARTS, start) if varied else start[None]


def _stacked(along: Along) -> tuple[Float[np.ndarray, "lines 1"], list[Float[np.ndarray, "lines monomials cells"]]]:
    """Return natural steps and coefficients of signals that no number of the files moves."""
    return along.steps, [np.stack([one.coefficients[0] for one in column]) for column in along.expanded]


def _chebyshev_nodes(number: int) -> Float[np.ndarray, " nodes"]:
    return np.cos(np.pi * (np.arange(number) + 0.5) / number)


def _interpolation(places: Float[np.ndarray, " lines"], number: int) -> Float[np.ndarray, "lines nodes"]:
    """Return the matrix that leads from values at Chebyshev nodes to those at places between -1 and 1."""
    order = np.arange(number)
    angle = np.arccos(np.clip(places, -1.0, 1.0))[:, None]
    at_nodes = (
        np.cos(order[:, None] * np.arccos(_chebyshev_nodes(number))) * np.where(order == 0, 1.0, 2.0)[:, None] / number
    )
    return np.cos(order * angle) @ at_nodes

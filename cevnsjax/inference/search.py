"""A likelihood as a function of a few free parameters, and its minima from many starts at once.

The host asks for batches of one size: a program that is compiled for one profile serves all of them, whatever is held,
and every likelihood of the same shapes.
"""

import abc
import dataclasses
import hashlib
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from cevnsjax.arguments import dict_of, list_of_names
from cevnsjax.compilation import at_once, over_devices
from cevnsjax.errors import InputError
from cevnsjax.likelihood import Likelihood, View
from cevnsjax.likelihood.kernel import Data, Kernel, means_of
from cevnsjax.likelihood.newton import minimise_all
from cevnsjax.likelihood.terms import Means
from cevnsjax.parameters import Parameter, check_names, check_value
from cevnsjax.programs import program
from cevnsjax.spreading import Gathering, Lazy, Work

__all__ = [
    "BATCH",
    "Minima",
    "PolynomialSearch",
    "Search",
    "checked",
    "filled",
    "free_or_default",
    "means_at",
    "rows_of",
]

BATCH = 64
"""Searches that one call of a program takes."""

Reached = tuple[Float[Array, "lanes n"], Float[Array, " lanes"], Bool[Array, " lanes"]]


class Minima(NamedTuple):
    """Minima from several starts: the variables, chi-squared, and whether each search ended by itself."""

    place: Float[np.ndarray, "lanes n"]
    value: Float[np.ndarray, " lanes"]
    converged: Bool[np.ndarray, " lanes"]

    def best(self) -> int:
        """Return the number of the least one."""
        return int(np.argmin(np.where(np.isfinite(self.value), self.value, np.inf)))


class Search(abc.ABC):
    """chi^2 as a function of variables y, and the conversion between variables and parameters.

    `free` are the parameters that the user varies; `searched` says which variables a search moves; `low` and `high`
    are the variables' limits. `gathering` is how batches of searches are done: here, unless somebody says otherwise.
    """

    free: tuple[Parameter, ...]
    start: Float[np.ndarray, " n"]
    searched: Bool[np.ndarray, " n"]
    low: Float[np.ndarray, " n"]
    high: Float[np.ndarray, " n"]
    gathering: Gathering | None = None

    @abc.abstractmethod
    def place(self, name: str) -> int:
        """Return the place of a parameter among the variables."""

    @abc.abstractmethod
    def variable(self, name: str, value: Float[np.ndarray, "*n"] | float) -> Float[np.ndarray, "*n"] | float:
        """Return the variable of a parameter's values."""

    @abc.abstractmethod
    def value(self, name: str, variable: Float[np.ndarray, "*n"] | float) -> Float[np.ndarray, "*n"] | float:
        """Return the parameter's values of a variable."""

    def minima(self, start: Float[np.ndarray, "lanes n"], hold: Sequence[int] = (), far: float = np.inf) -> Minima:
        """Return the minima reached from each start, the variables numbered in `hold` kept there.

        Where chi^2 lies above `far` searches end early, a thousandth of its height from the minimum.
        """
        gathering = self.gathering or Gathering()
        size = self.batch
        batches = Lazy(lambda i: (start[i * size : (i + 1) * size], list(hold), far), -(-len(start) // size))
        names = None if gathering.kept is None else [_name(batches[i]) for i in range(len(batches))]
        rows = np.concatenate(gathering.results(self.searching(), batches, names))
        return Minima(rows[:, :-2], rows[:, -2], rows[:, -1] == 1.0)

    @property
    @abc.abstractmethod
    def batch(self) -> int:
        """Starts that one call of a program takes."""

    @abc.abstractmethod
    def searching(self) -> Work:
        """Return what searches from a batch (starts, held variables, `far`): no more than its numbers, to be sent.

        It returns rows of the variables where chi^2 is least, its value there, and whether the search ended by itself.
        """

    @abc.abstractmethod
    def nuisances(self, y: Float[np.ndarray, " n"]) -> dict[str, float]:
        """Return the values of all nuisances that are not given, closed factors at their best."""

    @abc.abstractmethod
    def acts(self, name: str) -> bool:
        """Return whether anything depends on a parameter."""

    def moves(self, name: str) -> bool:
        """Return whether a search moves a parameter: it is neither given nor minimised in closed form."""
        return bool(self.searched[self.place(name)])

    def limit(self, place: int, low: float, high: float) -> None:
        """Set the limits of a variable."""
        self.low, self.high = self.low.copy(), self.high.copy()
        self.low[place], self.high[place] = low, high


class PolynomialSearch(Search):
    """Counts are a polynomial in all free parameters: the damped Gauss-Newton of the kernel searches."""

    def __init__(self, likelihood: Likelihood, free: Sequence[Parameter], values: Mapping[str, float]):
        """Take a likelihood, its free parameters, and the values of others."""
        self._take(likelihood.view(values, [p.name for p in free]), free, values)

    @classmethod
    def of_view(cls, view: View, free: Sequence[Parameter], values: Mapping[str, float]) -> "PolynomialSearch":
        """Return the search of a view that is there already."""
        search = cls.__new__(cls)
        search._take(view, free, values)
        return search

    def _take(self, view: View, free: Sequence[Parameter], values: Mapping[str, float]) -> None:
        self.free, self.view = tuple(free), view
        kernel = view.kernel
        given = {name: value for name, value in values.items() if name in view.layout.names}
        self.start, self.held = view.start(given)
        self.searched = ~self.held & (np.asarray(kernel.closed) == 0)
        self.low, self.high = np.asarray(kernel.low), np.asarray(kernel.high)

    def limit(self, place: int, low: float, high: float) -> None:
        """Set the limits of a variable."""
        super().limit(place, low, high)
        kernel = dataclasses.replace(self.view.kernel, low=self.low, high=self.high)
        self.view = dataclasses.replace(self.view, kernel=kernel)

    def place(self, name: str) -> int:
        """Return the place of a parameter among the variables."""
        return self.view.layout.place(name)

    def variable(self, name: str, value: Float[np.ndarray, "*n"] | float) -> Float[np.ndarray, "*n"] | float:
        """Return the variable of a parameter's values."""
        return self.view.layout.variable(name, value)

    def value(self, name: str, variable: Float[np.ndarray, "*n"] | float) -> Float[np.ndarray, "*n"] | float:
        """Return the parameter's values of a variable."""
        return self.view.layout.value(name, variable)

    @property
    def batch(self) -> int:
        """Starts that one call of a program takes."""
        return BATCH

    def searching(self) -> Work:
        """Return what searches from a batch: the kernel, its data, and what is given."""
        return partial(_searched, self.view.kernel, self.view.data, self.held)

    def nuisances(self, y: Float[np.ndarray, " n"]) -> dict[str, float]:
        """Return the values of all nuisances that are not given."""
        best = np.array(y)
        kernel = self.view.kernel
        # Where no factor is closed nothing is left to calculate, and nothing to compile for it.
        pairs = zip(kernel.groups, self.view.data.observed, strict=True)
        closed = [(group, observed) for group, observed in pairs if np.size(group.closed_index)]
        groups = tuple(group for group, _ in closed)
        expected = self.means(y[None], dataclasses.replace(kernel, groups=groups)) if closed else []
        for (group, observed), means in zip(closed, expected, strict=True):
            for t in range(len(observed)):
                signal, rest, centre, variance = (np.asarray(part)[0, t] for part in means)
                unit, data = signal / group.sigma[t], (observed[t] - rest) / group.sigma[t]
                # (n - c) / s^2 at the best n, of which each closed factor takes the share of its variance.
                away = (unit @ data - centre * (unit @ unit)) / (1 + variance * (unit @ unit))
                for index, sigma in zip(group.closed_index[t], group.closed_sigma[t], strict=True):
                    if not self.held[index]:
                        best[index] = away * sigma
        names = [n.name for n in self.view.layout.nuisances]
        return {
            name: float(self.value(name, best[self.place(name)])) for name in names if not self.held[self.place(name)]
        }

    def means(self, y: Float[np.ndarray, "lanes n"], kernel: Kernel | None = None) -> list[Means]:
        """Return what each group of terms expects at several places, with lanes as the leading axis."""
        return means_at(self.view.kernel if kernel is None else kernel, y, self.held)

    def acts(self, name: str) -> bool:
        """Return whether anything depends on a coupling."""
        return self.view.acts.get(name, True)


def means_at(kernel: Kernel, y: Float[np.ndarray, "lanes n"], held: Bool[np.ndarray, " n"]) -> list[Means]:
    """Return what each group of a kernel's terms expects at several places, with lanes as the leading axis."""
    parts = [_means(kernel, y[chunk], held) for chunk in _batches(len(y))]
    together = jax.tree.map(lambda *leaves: np.concatenate([np.asarray(leaf) for leaf in leaves]), *parts)
    return jax.tree.map(lambda leaf: leaf[: len(y)], together)


def _batches(number: int) -> list[np.ndarray]:
    """Return the indices of batches; the last one is filled up with its last index."""
    return [np.minimum(np.arange(i, i + BATCH), number - 1) for i in range(0, number, BATCH)]


def filled(start: Float[np.ndarray, "lanes n"], size: int) -> Float[np.ndarray, "size n"]:
    """Return a batch of one size, filled up with its last start."""
    return start[np.minimum(np.arange(size), len(start) - 1)]


def rows_of(reached: Reached | Minima, number: int) -> Float[np.ndarray, "number columns"]:
    """Return the first minima of a batch (places, values, and whether searches ended by themselves) as rows."""
    place, value, converged = (np.asarray(part) for part in reached)
    return np.concatenate([place, value[:, None], converged[:, None]], axis=1)[:number]


def _searched(
    kernel: Kernel, data: Data, given: Bool[np.ndarray, " n"], batch: tuple[np.ndarray, list[int], float]
) -> Float[np.ndarray, "lanes columns"]:
    """Search from a batch of starts."""
    start, hold, far = batch
    held = given.copy()
    held[hold] = True
    number = len(start)
    return rows_of(_minimise(kernel, data, filled(start, BATCH), held, number, np.float64(far)), number)


def _name(batch: tuple[np.ndarray, list[int], float]) -> str:
    """Return the name of a batch in what is kept: whatever leads to the same searches, they are the same."""
    start, hold, far = batch
    return hashlib.sha256(repr((start.shape, hold, far)).encode() + start.tobytes()).hexdigest()


@program(effort=1)
def _minimise(
    kernel: Kernel,
    data: Data,
    start: Float[Array, "lanes n"],
    held: Bool[Array, " n"],
    number: Int[Array, ""],
    far: Float[Array, ""],
) -> Reached:
    """Search from the first `number` starts, and return place, value and whether each search ended by itself.

    The compiler's last effort would cost more than it saves in a single fit.
    """

    def each(given: tuple[Any, ...], lanes: tuple[Array, Array]) -> Reached:
        kernel, data, held, number, far = given
        start, lane = lanes
        size = len(start)
        alike = jax.tree.map(lambda leaf: leaf[None], data)
        # Of a device's share the first lanes are those that are wanted.
        own = jnp.sum(lane < number)
        reached = minimise_all(kernel, alike, start, jnp.tile(held, (size, 1)), own, at_once(size), far=far)
        return reached.place, reached.value, reached.converged

    return over_devices(each, (kernel, data, held, number, far), (start, jnp.arange(len(start))))


@program(effort=0)
def _means(kernel: Kernel, y: Float[Array, "lanes n"], held: Bool[Array, " n"]) -> list[Means]:
    """Return what is expected of all terms at several places; run a few times: the compiler need not try hard."""

    def at(y: Float[Array, " n"]) -> list[Means]:
        return [jax.vmap(lambda term: means_of(kernel, term, y, held, jnp.zeros(y.shape)))(g) for g in kernel.groups]

    return jax.vmap(at)(y)


def free_or_default(
    likelihood: Likelihood, free: Sequence[str] | None, values: Mapping[str, float] | None
) -> tuple[list[str], dict[str, float]]:
    """Return the free names, by default the model's own choice less what `values` fixes, and the values."""
    given = dict_of(values)
    if free is None:
        return [name for name in likelihood.model.free if name not in given], given
    return list_of_names(free), given


def checked(
    likelihood: Likelihood, free: Sequence[str], values: Mapping[str, float] | None, least: int = 1
) -> tuple[tuple[Parameter, ...], dict[str, float]]:
    """Return the free parameters and the values of the fixed ones; raises `InputError` where they make no sense.

    `least` is the number of parameters that must be free.
    """
    known, values = likelihood.parameters, dict_of(values)
    check_names((*free, *values), known)
    for name, value in values.items():
        check_value(known[name], value)
    if len(free) < least:
        raise InputError(f"no parameter is free; free at least one of {', '.join(known)}")
    if len(set(free)) < len(free):
        raise InputError(f"free parameters {', '.join(free)} given; each may stand once")
    if both := [name for name in free if name in values]:
        raise InputError(f"'{both[0]}' is both free and set to {values[both[0]]:g}; choose one")
    return tuple(known[name] for name in free), {name: float(value) for name, value in values.items()}

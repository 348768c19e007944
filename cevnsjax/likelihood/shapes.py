"""Signals as polynomials in numbers of the description that move them: quenching, energy scale, radius, anything.

A fit over the quenching would need new recoil energies, rates and responses at each step. NumPy calculates them once,
on Chebyshev points of each number, and fits a polynomial. Each step of a fit then needs one product of matrices.
Numbers of source, target and yield change the rates at the nodes; numbers of smearing, efficiency and scale change the
probabilities of the bins. Each kind has points of its own.
"""

import dataclasses
import functools
import itertools
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from cevnsjax.errors import InputError
from cevnsjax.experiments import Experiment, Signal
from cevnsjax.numeric import AnyArray
from cevnsjax.rates import Channel, ElectronNodes, NuclearNodes, electron_nodes, nuclear_nodes
from cevnsjax.response import Response

__all__ = ["Degrees", "Moved", "Rates", "SignalGrid", "TracedRate", "chebyshev", "fitted"]

Degrees = tuple[tuple[int, ...], ...]
"""For each term of the polynomial, the degree of each number's Chebyshev polynomial."""

Rates = Callable[[Sequence[NuclearNodes | ElectronNodes]], list[Float[np.ndarray, "points components nodes"]]]

TracedRate = Callable[[str, Any], Float[Array, "components nodes"]]
"""Rates at one set of nodes, of "nuclear" or of "electron" recoils."""

LADDER = (3, 5, 8, 12, 16, 24, 32, 48)
"""Degrees that are tried for each number by itself."""

STRETCH = (1.0, 1.35, 1.8)
"""Factors on the degrees of several numbers together, tried until the error of the joint polynomial is small enough."""

EXACT = 1e-6
"""How large the polynomial's error may be, relative to the largest bin."""

KEPT = 20_000_000
"""Entries of a response matrix up to which it is kept in memory; larger ones are made in blocks, each time anew."""

BLOCK = 2_000_000
"""Entries of a block."""


@dataclasses.dataclass(frozen=True)
class Moved:
    """A number of the description, by its path, and the range in which a polynomial describes its effect.

    `parabola` has the centre and the standard deviation of a number whose effect is a parabola by definition, and
    `degree` is that of a polynomial by definition, of which all products with others count.
    """

    name: str
    key: str
    low: float
    high: float
    parabola: tuple[float, float] | None = None
    degree: int | None = None

    @property
    def of_response(self) -> bool:
        """Whether the number changes probabilities of bins, and not rates at given visible energies."""
        return self.key.startswith("response.") and ".yield" not in self.key

    @property
    def of_nuclei(self) -> bool:
        """Whether the number leaves scattering off electrons as it is."""
        return ".yield" in self.key or self.key in ("target.radius_factor", "target.neutron_radius")

    def at(self, x: float) -> float:
        """Return the number at a place between -1 and 1 in its range."""
        return self.low + (self.high - self.low) * (x + 1) / 2


def chebyshev(x: Float[np.ndarray, "points numbers"], degrees: Degrees) -> Float[np.ndarray, "points terms"]:
    """Return the products of Chebyshev polynomials at places between -1 and 1."""
    found = np.ones((x.shape[0], len(degrees)))
    for number, column in enumerate(np.array(degrees, dtype=int).reshape(len(degrees), len(degrees[0])).T):
        found *= np.cos(column * np.arccos(np.clip(x[:, number], -1.0, 1.0))[:, None])
    return found


@functools.lru_cache(maxsize=32)
def _inverse(places: tuple[tuple[float, ...], ...], degrees: Degrees) -> Float[np.ndarray, "terms points"]:
    """Return the matrix that gives the coefficients of values at the places.

    Grids of several runs, and of several models, have the same places. With three numbers the matrix takes longer than
    the rates and the responses.
    """
    matrix = np.linalg.pinv(chebyshev(np.array(places), degrees))
    matrix.setflags(write=False)
    return matrix


def _points(number: int) -> Float[np.ndarray, " points"]:
    return np.cos(np.pi * (np.arange(number) + 0.5) / number)


class Sampled(NamedTuple):
    """One kind of recoil at the nodes of a response: visible energies [MeV], quadrature weights, and what is there."""

    energy: Float[np.ndarray, " nodes"]
    weight: Float[np.ndarray, " nodes"]
    nodes: NuclearNodes | ElectronNodes

    @classmethod
    def of(cls, signal: Signal, recoil: str) -> "Sampled":
        """Return the nodes of a signal."""
        response: Response = getattr(signal, recoil)
        energy, weight = response.nodes()
        if recoil == "nuclear":
            return cls(energy, weight, nuclear_nodes(signal.target, signal.moments, response, energy))
        return cls(energy, weight, electron_nodes(signal.target, signal.moments, energy))


class SignalGrid:
    """One experiment's signal on a grid of moved numbers: nodes on one side, responses on the other."""

    def __init__(self, experiment: Experiment, moved: Sequence[Moved], limits: Sequence[int], channel: Channel):
        """Take the numbers that move the signal, the degree of the polynomial in each, and the kinds of recoil."""
        self.experiment, self.moved, self.channel, self.limits = experiment, tuple(moved), channel, tuple(limits)
        every = itertools.product(*(range(limit + 1) for limit in limits))
        free = [i for i, m in enumerate(moved) if m.degree is None]
        self.degrees: Degrees = tuple(d for d in every if sum(d[i] / limits[i] for i in free) <= 1 + 1e-9)
        rate_side = [i for i, m in enumerate(moved) if not m.of_response]
        response_side = [i for i, m in enumerate(moved) if m.of_response]
        points = [_points(limit + (2 if m.degree is None else 1)) for limit, m in zip(limits, moved, strict=True)]
        self.rate_values = list(_combinations(moved, rate_side, points))
        self.response_values = list(_combinations(moved, response_side, points))
        places = [
            {**dict(zip(response_side, r, strict=True)), **dict(zip(rate_side, s, strict=True))}
            for r in itertools.product(*(points[i] for i in response_side))
            for s in itertools.product(*(points[i] for i in rate_side))
        ]
        x = np.array([[place[i] for i in range(len(moved))] for place in places]).reshape(len(places), len(moved))
        self.fit = _inverse(tuple(map(tuple, x.tolist())), self.degrees) if moved else np.ones((1, 1))
        self._matrices: dict[object, Float[np.ndarray, "bins nodes"]] = {}
        self._signals = [experiment.signal.at(values) for values in self.rate_values]
        self._responses = [experiment.signal.at(values) for values in self.response_values]
        given = experiment.template is not None
        unseen = given or channel == "eves" or experiment.signal.nuclear is None
        self.nuclear = [] if unseen else [Sampled.of(signal, "nuclear") for signal in self._signals]
        self.electron = [] if given or channel == "cevns" else self._electrons()

    def _electrons(self) -> list["Sampled"]:
        if self.experiment.signal.electron is None:
            return []
        alike = all(m.of_nuclei or m.of_response for m in self.moved)
        return [Sampled.of(signal, "electron") for signal in (self._signals[:1] if alike else self._signals)]

    def coefficients(self, rates: Rates) -> Float[np.ndarray, "terms points all"]:
        """Return the coefficients of the counts in all cells at several points in the couplings.

        `rates` returns dR/dE at several sets of nodes, for each point and component of the source.
        """
        total: Float[np.ndarray, "grid points all"] | float = 0.0
        for recoil, sampled in (("nuclear", self.nuclear), ("electron", self.electron)):
            if sampled:
                spectra = rates([one.nodes for one in sampled])
                weighted = [one.weight * spectrum for one, spectrum in zip(sampled, spectra, strict=True)]
                total = total + self._binned(recoil, weighted)
        if isinstance(total, float):
            return self._without_rates()[:, None]
        return np.tensordot(self.fit, total, 1)

    def _without_rates(self) -> Float[np.ndarray, "terms all"]:
        """Return the coefficients where the model has no say: of a template, or of nothing."""
        found = np.zeros((len(self.degrees), self.experiment.size))
        if self.experiment.template is not None:
            found[[d == (0,) * len(d) for d in self.degrees].index(True)] = self.experiment.template
        return found

    def _binned(self, recoil: str, spectra: list[np.ndarray]) -> Float[np.ndarray, "grid points all"]:
        """Return counts for every response and every set of rates."""
        rows = []
        for r, signal in enumerate(self._responses):
            for s, spectrum in enumerate(spectra):
                bins = np.concatenate(
                    [spectrum @ block.T for block in self._blocks(recoil, signal, r, s)], axis=-1
                )  # points, components, bins
                rows.append(self.experiment.in_cells(np.moveaxis(bins, 1, 0), self._signals[s]))
            if len(spectra) == 1:
                rows += [rows[-1]] * (len(self._signals) - 1)
        return np.stack(rows)

    def _blocks(self, recoil: str, signal: Signal, r: int, s: int) -> Iterator[Float[np.ndarray, "bins nodes"]]:
        """Give the probabilities of the bins at the nodes of one set of rates, in blocks of bins."""
        response: Response = getattr(signal, recoil)
        sampled: list[Sampled] = getattr(self, recoil)
        energy, first = sampled[s].energy, sampled[0].energy
        if s and energy.size == first.size and np.array_equal(energy, first):
            s = 0
        total = response.size * energy.size * max(len(self._responses), 1)
        if (recoil, r, s) in self._matrices:
            yield self._matrices[recoil, r, s]
        elif total <= KEPT:
            self._matrices[recoil, r, s] = response.probabilities(energy, slice(None))
            yield self._matrices[recoil, r, s]
        else:
            rows = max(1, BLOCK // energy.size)
            for start in range(0, response.size, rows):
                yield response.probabilities(energy, slice(start, start + rows))

    def traced(self, rate: TracedRate) -> Float[Array, "terms all"]:
        """Return the coefficients of counts whose rates JAX traces; `rate` returns those at one set of nodes."""
        total: Array | float = 0.0
        for recoil, sampled in (("nuclear", self.nuclear), ("electron", self.electron)):
            if sampled:
                total = total + self._binned_traced(recoil, [one.weight * rate(recoil, one.nodes) for one in sampled])
        if isinstance(total, float):
            return jnp.asarray(self._without_rates())
        return jnp.tensordot(self.fit, total, 1)

    def _binned_traced(
        self, recoil: str, spectra: Sequence[Float[AnyArray, "components nodes"]]
    ) -> Float[Array, "grid all"]:
        """Return counts of traced rates for every response and every set of rates, as `_binned` does."""
        rows = []
        for r, signal in enumerate(self._responses):
            for s, spectrum in enumerate(spectra):
                bins = [spectrum @ block.T for block in self._blocks(recoil, signal, r, s)]
                rows.append(self.experiment.in_cells(jnp.concatenate(bins, axis=-1), self._signals[s]))
            if len(spectra) == 1:
                rows += [rows[-1]] * (len(self._signals) - 1)
        return jnp.stack(rows)


def _combinations(moved: Sequence[Moved], side: list[int], points: list[np.ndarray]) -> Iterator[dict[str, float]]:
    for values in itertools.product(*(points[i] for i in side)):
        yield {moved[i].key: moved[i].at(x) for i, x in zip(side, values, strict=True)}


def fitted(
    experiment: Experiment, moved: Sequence[Moved], channel: Channel, rates: Rates, known: tuple[int, ...] = ()
) -> tuple[SignalGrid, Float[np.ndarray, "terms points all"]]:
    """Return a grid on which the polynomial is exact to EXACT of the largest bin, and the coefficients of its counts.

    `known` are the degrees that were enough for another run of the experiment, so that these are tried first. The
    error is measured between the points of the grid. Raises `InputError` where no degree is enough: a number that may
    move so far changes too much.
    """
    if not moved:
        grid = SignalGrid(experiment, (), (), channel)
        return grid, grid.coefficients(rates)
    limits = known or tuple(_degree(experiment, m, channel, rates) for m in moved)
    probes = Probes(experiment, moved, channel, rates)
    worst = np.inf
    for stretch in STRETCH:
        stretched = [limit if m.degree else round(limit * stretch) for limit, m in zip(limits, moved, strict=True)]
        grid = SignalGrid(experiment, moved, stretched, channel)
        coefficients = grid.coefficients(rates)
        worst = probes.error(grid.degrees, coefficients)
        if worst <= EXACT:
            return grid, coefficients
    raise _too_wide(experiment, moved, worst)


def _degree(experiment: Experiment, moved: Moved, channel: Channel, rates: Rates) -> int:
    """Return the degree that one number needs by itself."""
    if moved.degree is not None:
        return moved.degree
    probes = Probes(experiment, (moved,), channel, rates)
    worst = np.inf
    for degree in LADDER:
        grid = SignalGrid(experiment, (moved,), (degree,), channel)
        worst = probes.error(grid.degrees, grid.coefficients(rates))
        if worst <= EXACT:
            return degree
    raise _too_wide(experiment, (moved,), worst)


def _too_wide(experiment: Experiment, moved: Sequence[Moved], worst: float) -> InputError:
    ranges = ", ".join(f"{m.name} from {m.low:.4g} to {m.high:.4g}" for m in moved)
    return InputError(
        f"{experiment.label}: the spectrum changes too much with {ranges}: a polynomial is wrong by {worst:.1e} of the "
        "largest bin; give a smaller sigma, or narrower bounds, or a smearing: without it bins have sharp edges"
    )


class Probes:
    """Counts calculated anew, between the points of grids and at corners, with which polynomials are compared."""

    def __init__(self, experiment: Experiment, moved: Sequence[Moved], channel: Channel, rates: Rates):
        """Calculate the counts, by far the longest part of a comparison, once for all degrees."""
        n = len(moved)
        rng = np.random.default_rng(0)
        self.places = np.concatenate([rng.uniform(-1, 1, (4, n)), [np.ones(n)], [-np.ones(n)]])
        given = [{m.key: m.at(v) for m, v in zip(moved, x, strict=True)} for x in self.places]
        self.exact = [counts_at(experiment, values, channel, rates) for values in given]

    def error(self, degrees: Degrees, coefficients: Float[np.ndarray, "terms points all"]) -> float:
        """Return the largest difference of a polynomial, in units of the largest count at the place."""
        worst = 0.0
        for x, exact in zip(self.places, self.exact, strict=True):
            polynomial = np.tensordot(chebyshev(x[None], degrees)[0], coefficients, 1)
            scale = np.abs(exact).max()
            if scale > 0:
                worst = max(worst, float(np.abs(polynomial - exact).max() / scale))
        return worst


def counts_at(
    experiment: Experiment, values: Mapping[str, float], channel: Channel, rates: Rates
) -> Float[np.ndarray, "points all"]:
    """Return the counts in all cells with other numbers of the description, calculated anew."""
    there = dataclasses.replace(experiment, signal=experiment.signal.at(values))
    return SignalGrid(there, (), (), channel).coefficients(rates)[0]

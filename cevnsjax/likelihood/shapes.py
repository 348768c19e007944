"""Signals as polynomials in numbers of the description that move them: quenching, energy scale, radius, anything.

A fit over the quenching would need new recoil energies, rates and responses at each step. NumPy calculates them once,
on Chebyshev points of each number, and fits a polynomial. Each step of a fit then needs one product of matrices.
Numbers of source, target and yield change the rates at the nodes; numbers of smearing, efficiency and scale change the
probabilities of the bins. Each kind has points of its own.
"""

import dataclasses
import itertools
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from cevnsjax.errors import InputError
from cevnsjax.experiments import Experiment, Signal
from cevnsjax.likelihood.folding import Folding, SharedNodes, Terms
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

SAMPLE = 400
"""Bins at which the degrees of polynomials are found; the error of the joint one is that of all bins."""

LARGEST = 100_000_000
"""Coefficients of one experiment's signal; a fit takes several times their 0.8 GB."""


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


def _inverse(x: Float[np.ndarray, "points numbers"], degrees: Degrees) -> Float[np.ndarray, "terms points"]:
    """Return the matrix that gives the coefficients of values at all products of Chebyshev points.

    On these points the polynomials are orthogonal, as long as there are fewer degrees than points.
    """
    values = chebyshev(x, degrees)
    return values.T / (values**2).sum(axis=0)[:, None]


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

    def __init__(
        self,
        experiment: Experiment,
        moved: Sequence[Moved],
        limits: Sequence[int],
        channel: Channel,
        bins: Int[np.ndarray, " some"] | None = None,
    ):
        """Take the numbers that move the signal, the degree of the polynomial in each, and the kinds of recoil.

        Counts are those in the cells of some `bins` of the response, by default of all.
        """
        self.experiment, self.moved, self.channel, self.limits = experiment, tuple(moved), channel, tuple(limits)
        every = itertools.product(*(range(limit + 1) for limit in limits))
        free = [i for i, m in enumerate(moved) if m.degree is None]
        self.degrees: Degrees = tuple(d for d in every if sum(d[i] / limits[i] for i in free) <= 1 + 1e-9)
        points = [_points(limit + (2 if m.degree is None else 1)) for limit, m in zip(limits, moved, strict=True)]
        rate_side = [i for i, m in enumerate(moved) if not m.of_response]
        response_side = [i for i, m in enumerate(moved) if m.of_response]
        self.rate_values, of_rates, rate_term = _side(moved, rate_side, points, self.degrees)
        self.response_values, of_response, response_term = _side(moved, response_side, points, self.degrees)
        signals = [experiment.signal.at(values) for values in self.rate_values]
        given = experiment.template is not None
        unseen = given or channel == "eves" or experiment.signal.nuclear is None
        self.nuclear = [] if unseen else [Sampled.of(signal, "nuclear") for signal in signals]
        unseen = given or channel == "cevns" or experiment.signal.electron is None
        alike = all(m.of_nuclei or m.of_response for m in moved)
        of_electrons = [] if unseen else (signals[:1] if alike else signals)
        self.electron = [Sampled.of(signal, "electron") for signal in of_electrons]
        nodes = [
            *_shared("nuclear", self.nuclear, signals, of_rates),
            *_shared("electron", self.electron, signals, of_rates),
        ]
        responses = [experiment.signal.at(values) for values in self.response_values]
        terms = Terms(of_response, of_rates, response_term, rate_term)
        self.folding = Folding(experiment, responses, nodes, terms, bins)

    def coefficients(self, rates: Rates) -> Float[np.ndarray, "terms points all"]:
        """Return the coefficients of the counts in all cells at several points in the couplings.

        `rates` returns dR/dE at several sets of nodes, for each point and component of the source. Raises `InputError`
        where the coefficients would take too much memory, before they are calculated.
        """
        spectra = self._spectra(lambda _, sampled: rates([one.nodes for one in sampled]))
        if not spectra:
            return self._without_rates()[:, None]
        points = next(iter(spectra.values()))[0].shape[0]
        self._check(points)
        found = np.empty((len(self.degrees), points, self.folding.cells.size))
        for some, part in self.folding.parts(spectra):
            found[..., some] = part
        return found

    def traced(self, rate: TracedRate) -> Float[Array, "terms all"]:
        """Return the coefficients of counts whose rates JAX traces; `rate` returns those at one set of nodes."""
        spectra = self._spectra(lambda recoil, sampled: [rate(recoil, one.nodes) for one in sampled])
        if not spectra:
            return jnp.asarray(self._without_rates())
        cells, parts = zip(*self.folding.parts(spectra), strict=True)
        return jnp.concatenate(parts, axis=-1)[..., np.argsort(np.concatenate(cells))]

    def _spectra(self, rates: Callable[[str, list["Sampled"]], list[Any]]) -> dict[str, list[Any]]:
        """Return rates times quadrature weights, for each kind of recoil that is seen."""
        kinds = {"nuclear": self.nuclear, "electron": self.electron}
        return {
            recoil: [one.weight * spectrum for one, spectrum in zip(sampled, rates(recoil, sampled), strict=True)]
            for recoil, sampled in kinds.items()
            if sampled
        }

    def _check(self, points: int) -> None:
        """Raise `InputError` where the coefficients in all bins, not only those of a sample, are too many."""
        entries = len(self.degrees) * points * self.experiment.size
        if entries > LARGEST:
            bins = int(self.experiment.first.max()) + 1
            raise InputError(
                f"{self.experiment.label}: the signal in {bins} bins as a polynomial in "
                f"{', '.join(m.name for m in self.moved) or 'the couplings'} takes {8e-9 * entries:.3g} GB, and a fit "
                f"several times that: give at most {bins * LARGEST // entries} bins, or fewer such nuisances"
            )

    def _without_rates(self) -> Float[np.ndarray, "terms all"]:
        """Return the coefficients where the model has no say: of a template, or of nothing."""
        found = np.zeros((len(self.degrees), self.folding.cells.size))
        if self.experiment.template is not None:
            found[[d == (0,) * len(d) for d in self.degrees].index(True)] = self.experiment.template[self.folding.cells]
        return found


def _side(
    moved: Sequence[Moved], side: list[int], points: list[np.ndarray], degrees: Degrees
) -> tuple[list[dict[str, float]], Float[np.ndarray, "side_terms side_points"], Int[np.ndarray, " terms"]]:
    """Return the values of some numbers on all products of their points, and the polynomials in them.

    The latter are a matrix that makes their coefficients, and their numbers in all terms of the whole polynomial.
    """
    places = list(itertools.product(*(points[i] for i in side)))
    values = [{moved[i].key: moved[i].at(x) for i, x in zip(side, place, strict=True)} for place in places]
    own = [tuple(row[i] for i in side) for row in degrees]
    distinct = tuple(dict.fromkeys(own))
    inverse = _inverse(np.array(places).reshape(len(places), len(side)), distinct)
    return values, inverse, np.array([distinct.index(row) for row in own])


def _shared(
    recoil: str, sampled: list[Sampled], signals: list[Signal], of_rates: Float[np.ndarray, "rate_terms rates"]
) -> list[SharedNodes]:
    """Return nodes of one kind of recoil, those of several rates together where these have all alike but the rates."""
    if len(sampled) == 1:
        return [SharedNodes(recoil, signals[0], sampled[0].energy, (0,), of_rates.sum(axis=1, keepdims=True))]
    groups: dict[object, list[int]] = {}
    for number, (one, signal) in enumerate(zip(sampled, signals, strict=False)):
        groups.setdefault((one.energy.tobytes(), id(signal.components)), []).append(number)
    return [SharedNodes(recoil, signals[m[0]], sampled[m[0]].energy, tuple(m), of_rates[:, m]) for m in groups.values()]


def fitted(
    experiment: Experiment, moved: Sequence[Moved], channel: Channel, rates: Rates, known: tuple[int, ...] = ()
) -> tuple[SignalGrid, Float[np.ndarray, "terms points all"]]:
    """Return a grid on which the polynomial is exact to EXACT of the largest bin, and the coefficients of its counts.

    `known` are the degrees that were enough for another run of the experiment, so that these are tried first. The
    error is measured between the points of the grid: first in a sample of the bins, then in all. Raises `InputError`
    where no degree is enough, as a number that may move so far changes too much, and for too many bins.
    """
    if not moved:
        grid = SignalGrid(experiment, (), (), channel)
        return grid, grid.coefficients(rates)
    sample = _sample(experiment)
    limits = known or tuple(_degree(experiment, m, channel, rates, sample) for m in moved)
    tried = [None] if sample is None else [sample, None]
    probes = {bins is None: Probes(experiment, moved, channel, rates, bins) for bins in tried}
    worst = np.inf
    for stretch in STRETCH:
        stretched = [limit if m.degree else round(limit * stretch) for limit, m in zip(limits, moved, strict=True)]
        for bins in tried:
            grid = SignalGrid(experiment, moved, stretched, channel, bins)
            coefficients = grid.coefficients(rates)
            worst = probes[bins is None].error(grid.degrees, coefficients)
            if worst > EXACT:
                break
        else:
            return grid, coefficients
    raise _too_wide(experiment, moved, worst)


def _sample(experiment: Experiment) -> Int[np.ndarray, " some"] | None:
    """Return some of the bins, evenly spread, or None where there are no more than that."""
    size = int(experiment.first.max()) + 1
    return None if size <= SAMPLE else np.linspace(0, size - 1, SAMPLE).round().astype(int)


def _degree(
    experiment: Experiment, moved: Moved, channel: Channel, rates: Rates, bins: Int[np.ndarray, " some"] | None
) -> int:
    """Return the degree that one number needs by itself, in some bins."""
    if moved.degree is not None:
        return moved.degree
    probes = Probes(experiment, (moved,), channel, rates, bins)
    worst = np.inf
    for degree in LADDER:
        grid = SignalGrid(experiment, (moved,), (degree,), channel, bins)
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

    def __init__(
        self,
        experiment: Experiment,
        moved: Sequence[Moved],
        channel: Channel,
        rates: Rates,
        bins: Int[np.ndarray, " some"] | None = None,
    ):
        """Calculate the counts, by far the longest part of a comparison, once for all degrees."""
        n = len(moved)
        rng = np.random.default_rng(0)
        self.places = np.concatenate([rng.uniform(-1, 1, (4, n)), [np.ones(n)], [-np.ones(n)]])
        given = [{m.key: m.at(v) for m, v in zip(moved, x, strict=True)} for x in self.places]
        self.exact = [counts_at(experiment, values, channel, rates, bins) for values in given]

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
    experiment: Experiment,
    values: Mapping[str, float],
    channel: Channel,
    rates: Rates,
    bins: Int[np.ndarray, " some"] | None = None,
) -> Float[np.ndarray, "points all"]:
    """Return the counts in all cells, or those of some bins, with other numbers of the description, calculated anew."""
    there = dataclasses.replace(experiment, signal=experiment.signal.at(values))
    return SignalGrid(there, (), (), channel, bins).coefficients(rates)[0]

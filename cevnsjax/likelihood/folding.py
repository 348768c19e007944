"""From spectra at the nodes of responses to the coefficients of polynomials in all cells, block by block.

The probabilities of many bins at all nodes, for each response of a grid, would take gigabytes; so would the counts at
all points of the grid. Here one block of bins is finished after the other. Its probabilities are calculated once for
each response, for all spectra at the same nodes, and only coefficients are kept. Nodes that no bin of a block sees are
left out.
"""

import dataclasses
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float, Int

from cevnsjax.experiments import Experiment, Signal
from cevnsjax.numeric import AnyArray, namespace
from cevnsjax.recent import key_of
from cevnsjax.response import Bins, Response, shared_probabilities

__all__ = ["Folding", "SharedNodes", "Terms"]

KEPT = 2_000_000
"""Entries of response matrices up to which a grid keeps them in memory; others are made anew each time."""

BLOCK = 500_000
"""Entries of a block's probabilities."""

COUNTS = 2_000_000
"""Counts of a block at all points of a grid."""


class Terms(NamedTuple):
    """How values on a grid make the coefficients of a polynomial.

    The grid has all products of some responses and some rates, and each term of the polynomial is a product of a
    polynomial on either side: those numbered `response_term` and `rate_term`. Rows of `of_response` and `of_rates` turn
    values at the points of a side into coefficients of its polynomials.
    """

    of_response: Float[np.ndarray, "response_terms responses"]
    of_rates: Float[np.ndarray, "rate_terms rates"]
    response_term: Int[np.ndarray, " terms"]
    rate_term: Int[np.ndarray, " terms"]


@dataclasses.dataclass(frozen=True, eq=False)
class SharedNodes:
    """Nodes of one kind of recoil that some of a grid's rates have in common.

    `recoil` is "nuclear" or "electron", and `energy` are the visible energies [MeV]. `members` are the numbers of the
    spectra at these nodes. `weights` are what each of them adds to the polynomials on the side of the rates. `signal`
    has the profiles along other axes.
    """

    recoil: str
    signal: Signal
    energy: Float[np.ndarray, " nodes"]
    members: tuple[int, ...]
    weights: Float[np.ndarray, "rate_terms members"]

    def mixed(
        self, spectra: list[Float[AnyArray, "*points components nodes"]]
    ) -> tuple[Float[AnyArray, "rows *points components nodes"], Float[np.ndarray, "rate_terms rows"] | None]:
        """Return the members' `spectra`, and what each adds to each polynomial.

        Where polynomials are fewer than members, the spectra are added up first: there is one for each polynomial, and
        None beside them.
        """
        stacked = namespace(*spectra).stack(spectra)
        terms, number = self.weights.shape
        if number <= terms:
            return stacked, self.weights
        return (self.weights @ stacked.reshape(number, -1)).reshape(terms, *stacked.shape[1:]), None


class Folding:
    """The responses of a grid in some bins of an experiment. Small matrices are kept from one call to the next."""

    def __init__(
        self,
        experiment: Experiment,
        responses: Sequence[Signal],
        nodes: Sequence[SharedNodes],
        terms: Terms,
        bins: Int[np.ndarray, " some"] | None = None,
    ):
        """Take signals with the grid's responses, the nodes, the terms of the polynomial, and bins, by default all."""
        self.experiment, self.responses, self.terms, self.bins = experiment, tuple(responses), terms, bins
        self.cells = experiment.cells_of(slice(None) if bins is None else bins)
        # Nodes of equal energies one behind the other: they share a matrix.
        numbers = _numbered([one.energy for one in nodes])
        self.nodes = [nodes[i] for i in np.argsort(numbers, kind="stable")]
        self._energies = sorted(numbers)
        self._alike = [_alike(signal) for signal in self.responses]
        self._matrices: dict[object, tuple[slice, Float[np.ndarray, "bins some"]]] = {}
        self.size = _size(experiment.signal) if bins is None else int(bins.size)
        width = sum(one.energy.size for one in nodes)
        self._keeps = self.size * width * len(self.responses) <= KEPT

    def parts(
        self, spectra: Mapping[str, Sequence[AnyArray]]
    ) -> Iterator[tuple[Int[np.ndarray, " some"], Float[AnyArray, "terms *points some"]]]:
        """Give the coefficients of one block of bins after the other, and which of `cells` they belong to.

        `spectra` of each kind of recoil are rates times quadrature weights.
        """
        every = [one.mixed([spectra[one.recoil][member] for member in one.members]) for one in self.nodes]
        for block in self._blocks([values.shape for values, _ in every]):
            counts: list[list[AnyArray]] = [[] for _ in every]
            for r, signal in enumerate(self.responses):
                made: object = None
                for i, (one, (values, _)) in enumerate(zip(self.nodes, every, strict=True)):
                    key = self._energies[i], self._alike[r] or one.recoil
                    if key != made:
                        part, matrix = self._matrix(r, getattr(signal, one.recoil), one.energy, block, key)
                        made = key
                    counts[i].append(values[..., part] @ matrix.T)
            bins = self._bins(block)
            total = sum(
                self.experiment.in_cells(self._coefficients(rows, mixing), one.signal, bins)
                for one, rows, (_, mixing) in zip(self.nodes, counts, every, strict=True)
            )
            yield np.searchsorted(self.cells, self.experiment.cells_of(bins)), total

    def _blocks(self, shapes: Sequence[tuple[int, ...]]) -> Iterator[slice]:
        """Give the bins in blocks whose probabilities and counts take little memory."""
        most = max(1, COUNTS // (len(self.responses) * sum(math.prod(shape[:-1]) for shape in shapes)))
        most = min(most, self.size)
        start = 0
        while start < self.size:
            step = most if self._keeps else min(most, max(1, BLOCK // max(shape[-1] for shape in shapes)))
            # Of all nodes a block of narrow bins sees few.
            while 2 * step <= most and 2 * step * self._seen(slice(start, start + 2 * step)) <= BLOCK:
                step *= 2
            yield slice(start, min(start + step, self.size))
            start += step

    def _seen(self, block: slice) -> int:
        """Return the number of nodes that a block sees, by the first of the responses."""
        parts = [getattr(self.responses[0], one.recoil).reached(one.energy, self._bins(block)) for one in self.nodes]
        return max(part.stop - part.start for part in parts)

    def _bins(self, block: slice) -> Bins:
        """Return the bins of a block."""
        return block if self.bins is None else self.bins[block]

    def _matrix(
        self, r: int, response: Response, energy: Float[np.ndarray, " nodes"], block: slice, key: object
    ) -> tuple[slice, Float[np.ndarray, "bins some"]]:
        """Return the part of the nodes that a block of bins sees, and the probabilities of the bins there."""
        if not self._keeps:
            part = response.reached(energy, self._bins(block))
            return part, response.probabilities(energy[part], self._bins(block))
        if (r, key) not in self._matrices:
            self._matrices[r, key] = shared_probabilities(response, energy, self._bins(slice(0, self.size)))
        part, matrix = self._matrices[r, key]
        return part, matrix[block]

    def _coefficients(
        self,
        counts: Sequence[Float[AnyArray, "rows *points components bins"]],
        mixing: Float[np.ndarray, "rate_terms rows"] | None,
    ) -> Float[AnyArray, "components terms *points bins"]:
        """Return the coefficients of counts at all responses, the components of the source first."""
        xp, rest = namespace(*counts), counts[0].shape[1:]
        rows = xp.stack(counts).reshape(len(counts), len(counts[0]), -1)
        mixed = rows if mixing is None else mixing @ rows
        terms = [np.flatnonzero(self.terms.rate_term == number) for number in range(len(self.terms.of_rates))]
        found = [
            self.terms.of_response[self.terms.response_term[some]] @ mixed[:, number]
            for number, some in enumerate(terms)
        ]
        ordered = xp.concatenate(found)[np.argsort(np.concatenate(terms))]
        return xp.moveaxis(ordered.reshape(-1, *rest), -2, 0)


def _size(signal: Signal) -> int:
    """Return the number of bins of the responses."""
    return next((response.size for response in (signal.nuclear, signal.electron) if response is not None), 0)


def _alike(signal: Signal) -> bool:
    """Return whether nuclear and electron recoils of the same visible energy are found in the same bins."""
    if signal.nuclear is None or signal.electron is None:
        return False
    if signal.nuclear is signal.electron:  # one matrix for both
        return True
    if signal.nuclear.content is None:
        return False
    key = key_of(signal.nuclear.content)
    return key is not None and key == key_of(signal.electron.content)


def _numbered(arrays: Sequence[Float[np.ndarray, " _"]]) -> list[int]:
    """Return a number for each array, the same for arrays that are equal."""
    known: dict[bytes, int] = {}
    return [known.setdefault(array.tobytes(), len(known)) for array in arrays]

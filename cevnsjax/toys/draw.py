"""Toy data of a kernel: counts and the centres of constraints, drawn at given variables."""

import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import numpy as np
from jaxtyping import ArrayLike, Float, Int, Shaped

from cevnsjax.arguments import whole_number
from cevnsjax.inference.search import means_at
from cevnsjax.likelihood.kernel import Data, Kernel
from cevnsjax.likelihood.terms import TERMS
from cevnsjax.spreading import Gathering, Kept, Spread, Work, own_threads

__all__ = [
    "MOST_TOYS",
    "by_threads",
    "check_toys",
    "chunks",
    "drawn",
    "gathered",
    "share_above",
]

CHUNK = 256
"""Toys that are drawn, and go into a program, together."""

BLOCK = 4
"""Chunks that make one piece of work."""

LIMIT = 0.05
"""One minus the confidence level of the upper limit on p where no toy was above."""

MOST_TOYS = 10_000_000


def drawn(kernel: Kernel, y: Float[np.ndarray, " n"], seed: int, *numbers: int) -> Data:
    """Return one chunk of toy data of the expectation at y, toys along the leading axis of each array.

    Constraints are centred on values drawn around y. Toys depend on the seed, and on the numbers: of a point, and of
    the chunk.
    """
    rng = np.random.default_rng([seed, *numbers])
    observed = []
    for group, means in zip(kernel.groups, means_at(kernel, y[None], np.ones(y.size, dtype=bool)), strict=True):
        (mean,) = means.centre[..., None] * means.signal + means.rest
        toys = np.broadcast_to(mean, (CHUNK, *mean.shape))
        observed.append(TERMS[group.kind].draw(rng, toys, np.asarray(group.sigma)))
    centre = np.where(np.asarray(kernel.weight) > 0, y + rng.standard_normal((CHUNK, y.size)), 0.0)
    return Data(tuple(observed), centre)


def chunks(toys: int) -> Int[np.ndarray, " chunks"]:
    """Return the numbers of the chunks that so many toys take."""
    return np.arange(-(-toys // CHUNK))


def by_threads(
    work: Callable[[Any], Shaped[ArrayLike, " chunk"]], chunks: Sequence[Any]
) -> Shaped[np.ndarray, "chunks chunk"]:
    """Return what work gives for each of several chunks, done by threads: a program of toys runs on one core."""
    with ThreadPoolExecutor(own_threads()) as pool:
        return np.stack([np.asarray(one) for one in pool.map(work, chunks)])


def gathered(
    work: Work,
    toys: int,
    spread: Spread | None = None,
    kept: Kept | None = None,
    advance: Callable[[int, int], None] | None = None,
) -> Shaped[np.ndarray, " toys"]:
    """Return what work gives for each toy; it takes blocks of numbers of chunks, which may be spread or kept."""
    numbers = chunks(toys)
    blocks = np.split(numbers, range(BLOCK, numbers.size, BLOCK))
    return np.concatenate(Gathering(spread, kept, advance).results(work, blocks)).ravel()[:toys]


class Share(NamedTuple):
    """The share of toys above the data, its binomial error, and the upper limit at 95 % CL where no toy is above."""

    value: float
    error: float
    upper: float | None


def share_above(above: Shaped[np.ndarray, " toys"]) -> Share:
    """Return the p-value from the toys that are no less extreme than the data."""
    p = float(above.mean())
    return Share(p, math.sqrt(p * (1 - p) / above.size), 1 - LIMIT ** (1 / above.size) if not above.any() else None)


def check_toys(toys: int, least: int) -> None:
    """Raise `InputError` for a number of toys that is no whole number, too small, or too large."""
    whole_number(toys, least, MOST_TOYS, "{} toys given")

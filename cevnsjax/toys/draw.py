"""Toy data of a kernel: counts and the centres of constraints, drawn at given variables."""

import functools
import math
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, ArrayLike, Float, Int, Key, PRNGKeyArray, Shaped

from cevnsjax.arguments import whole_number
from cevnsjax.likelihood.kernel import Data, Kernel, Term, means_of
from cevnsjax.likelihood.terms import TERMS
from cevnsjax.spreading import Gathering, Kept, Spread, Work, own_threads

__all__ = [
    "MOST_TOYS",
    "by_threads",
    "check_toys",
    "chunk_keys",
    "chunks",
    "drawn",
    "gathered",
    "share_above",
]

CHUNK = 256
"""Toys that one call of a program takes."""

BLOCK = 4
"""Chunks that make one piece of work."""

LIMIT = 0.05
"""One minus the confidence level of the upper limit on p where no toy was above."""

MOST_TOYS = 10_000_000


def drawn(kernel: Kernel, y: Float[Array, " n"], key: PRNGKeyArray) -> Data:
    """Return toy data of the expectation at y; constraints are centred on values drawn around y. Traceable."""
    pulls, *keys = jax.random.split(key, 1 + len(kernel.groups))
    held = jnp.ones(y.shape, dtype=bool)
    observed = []
    for group, own in zip(kernel.groups, keys, strict=True):

        def one(term: Term, key: PRNGKeyArray) -> Array:
            return TERMS[term.kind].draw(key, means_of(kernel, term, y, held, y), term.sigma)

        number = group.coefficients.shape[0]
        observed.append(jax.vmap(one)(group, jax.random.split(own, number)))
    centre = jnp.where(jnp.asarray(kernel.weight) > 0, y + jax.random.normal(pulls, y.shape), 0.0)
    return Data(tuple(observed), centre)


def chunk_keys(seed: int, *numbers: int) -> Key[Array, " chunk"]:
    """Return the keys of the toys of one chunk, which depend on the seed and on numbers: of a point, of the chunk."""
    key = functools.reduce(jax.random.fold_in, numbers, jax.random.key(seed))
    return jax.random.split(key, CHUNK)


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

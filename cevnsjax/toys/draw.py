"""Toy data of a kernel: counts and the centres of constraints, drawn at given variables."""

import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Key, PRNGKeyArray, Shaped

from cevnsjax.errors import InputError
from cevnsjax.likelihood.kernel import Data, Kernel, Term, means_of
from cevnsjax.likelihood.terms import TERMS

__all__ = ["MOST_TOYS", "check_seed", "check_toys", "drawn", "in_chunks", "workers"]

CHUNK = 256
"""Toys that one call of a program takes."""

MOST_TOYS = 10_000_000
LARGEST_SEED = 2**32 - 1


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


def in_chunks(
    work: Callable[[Key[Array, " chunk"]], Shaped[Array, " chunk"]],
    key: PRNGKeyArray,
    toys: int,
    advance: Callable[[int, int], None] | None = None,
) -> Shaped[np.ndarray, " toys"]:
    """Return what work gives for each of many toys, chunk by chunk, by several threads.

    A toy depends on the key and on its number alone. `advance(done, all)` is called after each chunk.
    """

    def one(number: int) -> Shaped[np.ndarray, " chunk"]:
        return np.asarray(work(jax.random.split(jax.random.fold_in(key, number), CHUNK)))

    numbers, found = range(-(-toys // CHUNK)), []
    with workers() as pool:
        for result in pool.map(one, numbers):
            found.append(result)
            if advance is not None:
                advance(len(found), len(numbers))
    return np.concatenate(found)[:toys]


def workers() -> ThreadPoolExecutor:
    """Return threads that share work: a program of toys runs on one core.

    Programs over several devices would wait for each other if two of them were started at once.
    """
    alone = jax.device_count() == 1 and jax.default_backend() == "cpu"
    return ThreadPoolExecutor(os.cpu_count() if alone else 1)


def check_toys(toys: int, least: int) -> None:
    """Raise `InputError` for a number of toys that is no whole number, too small, or too large."""
    if isinstance(toys, bool) or not isinstance(toys, int) or not least <= toys <= MOST_TOYS:
        raise InputError(f"{toys!r} toys given; give a whole number from {least} to {MOST_TOYS}")


def check_seed(seed: int) -> None:
    """Raise `InputError` for a seed that is no whole number of 32 bits."""
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed <= LARGEST_SEED:
        raise InputError(f"a seed of {seed!r} is not possible: give a whole number from 0 to {LARGEST_SEED}")

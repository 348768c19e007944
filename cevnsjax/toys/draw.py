"""Toy data of a kernel: counts and the centres of constraints, drawn at given variables."""

from collections.abc import Iterator

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PRNGKeyArray

from cevnsjax.errors import InputError
from cevnsjax.likelihood.kernel import Data, Kernel, Term, means_of
from cevnsjax.likelihood.terms import TERMS

__all__ = ["MOST_TOYS", "check_seed", "check_toys", "chunks", "drawn"]

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


def chunks(toys: int, size: int) -> Iterator[tuple[int, int]]:
    """Give the number of each chunk of toys, and how many of its toys are wanted: chunks are of one size."""
    for number, first in enumerate(range(0, toys, size)):
        yield number, min(size, toys - first)


def check_toys(toys: int, least: int) -> None:
    """Raise `InputError` for a number of toys that is no whole number, too small, or too large."""
    if isinstance(toys, bool) or not isinstance(toys, int) or not least <= toys <= MOST_TOYS:
        raise InputError(f"{toys!r} toys given; give a whole number from {least} to {MOST_TOYS}")


def check_seed(seed: int) -> None:
    """Raise `InputError` for a seed that is no whole number of 32 bits."""
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed <= LARGEST_SEED:
        raise InputError(f"a seed of {seed!r} is not possible: give a whole number from 0 to {LARGEST_SEED}")

"""Many fits of one kernel, each with its own start, held variables, observations and centres of constraints.

All of them are one program, which takes BATCH fits at a time. Batches do not depend on each other: they may be spread
over processes or machines.
"""

import dataclasses
from functools import partial
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from cevnsjax.compilation import at_once
from cevnsjax.inference.search import BATCH
from cevnsjax.likelihood.kernel import Data, Kernel
from cevnsjax.likelihood.newton import minimise_all
from cevnsjax.programs import program
from cevnsjax.spreading import Gathering, Spread

__all__ = ["Refits", "Refitted", "refitted"]


class Refitted(NamedTuple):
    """All variables at the minimum of each fit, and chi-squared there."""

    place: Float[np.ndarray, "jobs n"]
    value: Float[np.ndarray, " jobs"]


@dataclasses.dataclass(frozen=True, eq=False)
class Refits:
    """Fits that do not depend on each other.

    `observed` has one array for each group of terms, with several sets of observations along its leading axis, and
    `choice` says which set each fit takes. `held` variables stay at their values in `start`.
    """

    kernel: Kernel
    observed: tuple[Float[np.ndarray, "sets _terms _cells"], ...]
    choice: Int[np.ndarray, " jobs"]
    centre: Float[np.ndarray, "jobs n"]
    start: Float[np.ndarray, "jobs n"]
    held: Bool[np.ndarray, "jobs n"]


def refitted(refits: Refits, spread: Spread | None = None) -> Refitted:
    """Return the minima of all fits; `spread` does the blocks."""
    blocks = list(np.split(np.arange(len(refits.start)), np.arange(BATCH, len(refits.start), BATCH)))
    table = np.concatenate(Gathering(spread).results(partial(_done, refits), blocks))
    return Refitted(table[:, :-1], table[:, -1])


def _done(refits: Refits, jobs: Int[np.ndarray, " block"]) -> Float[np.ndarray, "block columns"]:
    """Return one row for each fit: all variables at its minimum, then chi-squared. A block has at most BATCH."""
    filled = jobs[np.minimum(np.arange(BATCH), len(jobs) - 1)]
    observed = tuple(group[refits.choice[filled]] for group in refits.observed)
    given = observed, refits.centre[filled], refits.start[filled], refits.held[filled]
    place, value = _minimise(refits.kernel, *given, len(jobs))
    return np.concatenate([np.asarray(place), np.asarray(value)[:, None]], axis=1)[: len(jobs)]


@program(effort=1)
def _minimise(
    kernel: Kernel,
    observed: tuple[Float[Array, "jobs _terms _cells"], ...],
    centre: Float[Array, "jobs n"],
    start: Float[Array, "jobs n"],
    held: Bool[Array, "jobs n"],
    number: Int[Array, ""] | int,
) -> tuple[Float[Array, "jobs n"], Float[Array, " jobs"]]:
    data = jax.vmap(Data)(observed, centre)
    found = minimise_all(kernel, data, start, held, number, at_once(len(start)))
    return found.place, found.value

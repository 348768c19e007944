"""Toy data of a likelihood: counts, and the centres of the constraints, drawn at given values."""

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import jax
import numpy as np
from jaxtyping import Float, PRNGKeyArray

from cevnsjax.arguments import whole_number
from cevnsjax.errors import InputError, shown
from cevnsjax.experiments import Experiment
from cevnsjax.likelihood.nuisances import JointNuisance
from cevnsjax.likelihood.terms import TERMS

__all__ = ["ToyData", "toy_data"]

MOST_VALUES = 500_000_000
"""Values that all toys may have together: more would not fit into the memory of a workstation."""


class ToyData(NamedTuple):
    """Sets of toy data, along the leading axis of each array.

    `observed` has one array for each experiment, in the order of its cells. `centres` has, by name, what an auxiliary
    measurement of each constrained nuisance would have given.
    """

    observed: tuple[Float[np.ndarray, "toys _all"], ...]
    centres: dict[str, Float[np.ndarray, " toys"]]

    def data(self, toy: int) -> list[Float[np.ndarray, " _all"]]:
        """Return the counts of one toy, as `Likelihood.with_data` takes them."""
        return [observed[toy] for observed in self.observed]


def toy_data(
    experiments: Sequence[Experiment],
    means: Sequence[Float[np.ndarray, " _all"]],
    nuisances: Sequence[JointNuisance],
    values: Mapping[str, float],
    key: PRNGKeyArray,
    n: int,
) -> ToyData:
    """Draw data around `means`, and centres around the nuisances' `values`, by default where they are centred.

    Raises `InputError` for an impossible number of toys.
    """
    most = MOST_VALUES // max(sum(e.size for e in experiments) + len(nuisances), 1)
    n = whole_number(n, 1, most, "{} toys given")
    if not isinstance(key, jax.Array):
        raise InputError(f"the key of random numbers cannot be {shown(key)}: give jax.random.key(0) for instance")
    rng = np.random.default_rng(np.asarray(jax.random.key_data(key)).ravel())
    drawn = tuple(
        TERMS[e.term].draw(rng, np.broadcast_to(np.asarray(mean, dtype=float), (n, mean.size)), np.asarray(e.sigma))
        for e, mean in zip(experiments, means, strict=True)
    )
    constrained = [(joint, joint.sigma) for joint in nuisances if joint.sigma is not None]
    normal = rng.standard_normal((n, len(constrained)))
    centres = {
        joint.name: float(values.get(joint.name, joint.centre)) + sigma * normal[:, i]
        for i, (joint, sigma) in enumerate(constrained)
    }
    return ToyData(drawn, centres)

"""What moves an experiment's spectrum: the parameters of its response and its nuclei, by name."""

from collections.abc import Callable, Mapping
from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from cevnsjax.constants import EV
from cevnsjax.experiments.experiment import Experiment
from cevnsjax.parameters import ENERGY_SHIFT, NUCLEAR_RADIUS, QUENCHING_K, Parameter
from cevnsjax.response import Lindhard

__all__ = ["MOVES", "Move", "moved"]


class Move(NamedTuple):
    """A parameter, where an experiment has it, and the experiment with another value of it."""

    parameter: Parameter
    value: Callable[[Experiment], Float[Array, ""] | None]
    """The experiment's own value; None where it has no such parameter."""
    apply: Callable[[Experiment, Float[Array, ""]], Experiment]


def _quenching_k(experiment: Experiment) -> Float[Array, ""] | None:
    quenching = experiment.response.quenching
    return quenching.k if isinstance(quenching, Lindhard) else None


def _with_radius(experiment: Experiment, factor: Float[Array, ""]) -> Experiment:
    radii = [element.isotopes.charge_radius for element in experiment.target.elements]
    where = lambda e: [element.isotopes.charge_radius for element in e.target.elements]  # noqa: E731
    return eqx.tree_at(where, experiment, [factor * radius for radius in radii])


MOVES = {
    move.parameter.name: move
    for move in (
        Move(
            QUENCHING_K,
            _quenching_k,
            lambda experiment, k: eqx.tree_at(lambda e: e.response.quenching.k, experiment, k),
        ),
        Move(
            ENERGY_SHIFT,
            lambda experiment: experiment.response.shift / EV,
            lambda experiment, shift: eqx.tree_at(lambda e: e.response.shift, experiment, shift * EV),
        ),
        Move(NUCLEAR_RADIUS, lambda _: jnp.ones(()), _with_radius),
    )
}


def moved(experiment: Experiment, values: Mapping[str, Float[Array, ""]]) -> Experiment:
    """Return the experiment with other values of what `MOVES` names; what it has not is left out."""
    for name, value in values.items():
        if MOVES[name].value(experiment) is not None:
            experiment = MOVES[name].apply(experiment, value)
    return experiment

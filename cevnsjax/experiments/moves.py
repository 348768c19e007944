"""What moves an experiment's spectrum: the parameters of its response and its nuclei, by name."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import NamedTuple

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from cevnsjax.constants import EV
from cevnsjax.experiments.experiment import Experiment
from cevnsjax.flavours import Flavour
from cevnsjax.flux import Flux
from cevnsjax.interactions import Model
from cevnsjax.parameters import ENERGY_SHIFT, NUCLEAR_RADIUS, QUENCHING_K, QUENCHING_YIELD, Parameter, Parameters
from cevnsjax.response import Lindhard, TabulatedYield

__all__ = ["MOVES", "Move", "Oscillated", "moved", "oscillated"]


class Move(NamedTuple):
    """A parameter, where an experiment has it, and the experiment with another value of it."""

    parameter: Parameter
    value: Callable[[Experiment], Float[Array, ""] | None]
    """The experiment's own value; None where it has no such parameter."""
    apply: Callable[[Experiment, Float[Array, ""]], Experiment]


def _quenching_k(experiment: Experiment) -> Float[Array, ""] | None:
    quenching = experiment.response.quenching
    return quenching.k if isinstance(quenching, Lindhard) else None


def _with_yield(experiment: Experiment, factor: Float[Array, ""]) -> Experiment:
    where = lambda e: e.response.quenching.yields  # noqa: E731
    return eqx.tree_at(where, experiment, factor * where(experiment))


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
            QUENCHING_YIELD,
            lambda experiment: jnp.ones(()) if isinstance(experiment.response.quenching, TabulatedYield) else None,
            _with_yield,
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


class Oscillated(Flux):
    """What a model leaves of a flux."""

    flavour: Flavour = eqx.field(static=True)
    edges: Float[Array, " edges"]
    baseline: Float[Array, ""]
    flux: Flux
    model: Model
    params: Parameters

    def density(self, energy: Float[Array, "*n"]) -> Float[Array, "*n"]:
        """Return phi(E) [cm^-2 s^-1 MeV^-1] of what is left."""
        return self.flux.density(energy) * self.model.survival(self.params, energy, self.baseline, self.flavour)


def oscillated(experiment: Experiment, model: Model, params: Parameters) -> Experiment:
    """Return the experiment with what a model leaves of its fluxes."""
    fluxes = tuple(
        Oscillated(flux.flavour, flux.edges, flux.baseline, flux, model, dict(params)) for flux in experiment.fluxes
    )
    return dataclasses.replace(experiment, fluxes=fluxes)

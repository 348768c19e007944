"""An experiment as it might become: more exposure, another background, smaller systematics."""

import dataclasses
import math

import equinox as eqx
import jax.numpy as jnp

from cevnsjax.errors import InputError
from cevnsjax.experiments.experiment import Experiment, Systematics

__all__ = ["projected"]


def projected(
    experiment: Experiment, exposure: float = 1.0, background: float = 1.0, systematics: float = 1.0
) -> Experiment:
    """Return an experiment with exposure, background, and standard deviations of all pulls multiplied.

    Of an excess, whose errors are those of its background, errors grow with the roots of the first two. The data stay
    what they were. Raises `InputError` for a factor that is not positive.
    """
    for name, factor in (("exposure", exposure), ("background", background), ("systematics", systematics)):
        if not (0 < factor < math.inf):
            raise InputError(f"a factor of {factor:g} on the {name} is not possible: give a positive number")
    sets = {name: _pulls(one, systematics) for name, one in experiment.systematics.items()}
    longer = eqx.tree_at(lambda e: e.detectors.live_time, experiment, experiment.detectors.live_time * exposure)
    longer = dataclasses.replace(longer, systematics=sets)
    if experiment.counts is None:
        return dataclasses.replace(longer, sigma=experiment.sigma * jnp.sqrt(exposure * background))
    model = experiment.counts.background
    components = []
    for component in model.components:
        scaled = component.scaled(background)
        quantities = {name: q.scaled(1.0, systematics) if q.pulled else q for name, q in scaled.quantities.items()}
        components.append(dataclasses.replace(scaled, quantities=quantities))
    counts = dataclasses.replace(
        experiment.counts,
        background=dataclasses.replace(model, components=tuple(components)),
        exposures=experiment.counts.exposures * exposure,
    )
    sigma = experiment.sigma if counts.poisson else experiment.sigma * jnp.sqrt(exposure * background)
    return dataclasses.replace(longer, counts=counts, sigma=sigma)


def _pulls(one: Systematics, factor: float) -> Systematics:
    return dataclasses.replace(one, norm_sigma=one.norm_sigma * factor, shape_sigma=one.shape_sigma * factor)

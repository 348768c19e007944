"""An experiment as it might become: more exposure, another background, smaller systematics."""

import dataclasses
import math

from cevnsjax.arguments import real_number
from cevnsjax.experiments.effects import Nuisance
from cevnsjax.experiments.experiment import Experiment

__all__ = ["check_factor", "projected"]

SMALLEST = 1e-9


def projected(
    experiment: Experiment, exposure: float = 1.0, background: float = 1.0, systematics: float = 1.0
) -> Experiment:
    """Return an `experiment` with other `exposure`, `background` and `systematics`, each given as a factor.

    `systematics` multiplies the widths of all constraints. The errors of an excess, which are those of its background,
    grow with the roots of the first two. Measured data stay what they were; expected data are made anew. Raises
    `InputError` for a factor below 1e-9 or above 1e9.

    >>> from cevnsjax.experiments import projected
    >>> conus_plus = cevnsjax.load_experiment("conus_plus")
    >>> longer = projected(conus_plus, exposure=4.0)
    >>> float(longer.exposure[0] / conus_plus.exposure[0]), float(longer.sigma[0] / conus_plus.sigma[0])
    (4.0, 2.0)
    """
    for name, factor in (("exposure", exposure), ("background", background), ("systematics", systematics)):
        check_factor(name, factor)
    samples = tuple(sample.scaled(background) for sample in experiment.samples)
    # A table holds the counts of the whole run, a formula those of a kilogram and a day.
    samples = tuple(s.exposed(exposure) for s in samples)
    amplitudes = {f"sample.{s.name}.{s.amplitude}" for s in samples}
    nuisances = {
        name: tuple(_scaled(n, background) if n.key in amplitudes else n for n in chosen)
        for name, chosen in experiment.nuisances.items()
    }
    nuisances = {name: tuple(n.narrowed(systematics) for n in chosen) for name, chosen in nuisances.items()}
    gaussian = experiment.term == "gaussian"
    return dataclasses.replace(
        experiment,
        exposure=experiment.exposure * exposure,
        detector_exposure=experiment.detector_exposure * exposure,
        sample_exposure=experiment.sample_exposure * exposure,
        samples=samples,
        nuisances=nuisances,
        sigma=experiment.sigma * math.sqrt(exposure * background) if gaussian else experiment.sigma,
        observed=experiment.observed,
    )


def check_factor(name: str, factor: object) -> float:
    """Return a `factor` without a unit on what `name` says; raises `InputError` outside 1e-9 to 1e9.

    >>> from cevnsjax.experiments import check_factor
    >>> check_factor("exposure", 12)
    12.0
    """
    return real_number(factor, SMALLEST, 1 / SMALLEST, f"a factor of {{}} on the {name} is not possible")


def _scaled(nuisance: Nuisance, factor: float) -> Nuisance:
    """Return the nuisance of a sample's size, with its centre and its width multiplied."""
    p = nuisance.parameter
    parameter = dataclasses.replace(p, default=p.default * factor, scale=p.scale * factor)
    sigma = None if nuisance.sigma is None else nuisance.sigma * factor
    return dataclasses.replace(nuisance, parameter=parameter, sigma=sigma)

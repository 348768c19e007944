"""The assumptions of the analysis of CONUS+, switched one at a time."""

import dataclasses
import functools
import math

from cevnsjax.experiments import Experiment, describe, load_experiment
from cevnsjax.parameters import NORM

__all__ = [
    "DEFAULT",
    "EXPERIMENT",
    "FREE",
    "INTEGRATED",
    "LIKELY",
    "ONE_SIGMA",
    "Assumption",
    "angle_assumptions",
    "limit_assumptions",
    "without_constraint",
]

EXPERIMENT = "conus_plus"

ONE_SIGMA = math.erf(math.sqrt(0.5))
"""The confidence level of one standard deviation."""

WHOLE_RUN = 119.0
"""Days of the run, for which Fig. 1 of arXiv:2501.12441 takes all detectors."""


@dataclasses.dataclass(frozen=True)
class Assumption:
    """A name, what it changes in the experiment's description, and how it treats the constraint on the signal."""

    name: str
    overrides: dict[str, object] = dataclasses.field(default_factory=dict)
    pull: str = "profiled"

    def experiment(self) -> Experiment:
        """Return the experiment under this assumption."""
        return load_experiment(EXPERIMENT, self.overrides)


DEFAULT = Assumption("default")
INTEGRATED = Assumption("constraint integrated out instead of minimised", pull="marginalised")
FREE = Assumption("32 free electrons instead of Z_eff", {"target.electrons": "free"})
LIKELY = Assumption("32 free electrons, constraint integrated out", FREE.overrides, INTEGRATED.pull)
"""The two causes that together bring most of the published limits back."""


def _whole_run() -> list[dict[str, object]]:
    detectors = describe(EXPERIMENT).detectors
    assert detectors is not None
    return [{**one.model_dump(exclude_none=True), "live_days": WHOLE_RUN} for one in detectors]


@functools.cache
def limit_assumptions() -> tuple[Assumption, ...]:
    """Return what may move limits on new physics, the default first."""
    return (
        DEFAULT,
        INTEGRATED,
        # The quadratic sum of the effects that other fits of these data use: see the experiment's file.
        Assumption("constraint of 16.9 % instead of 20 %", {"nuisance.norm.sigma": 0.169}),
        Assumption("no energy resolution", {"response.nuclear.smearing": None}),
        FREE,
        Assumption(f"{WHOLE_RUN:g} days for every detector", {"detectors": _whole_run()}),
        Assumption("spectrum cut at 8 MeV", {"source.above_8_MeV": "cut"}),
        Assumption("flux not rescaled to the quoted total", {"source.total_flux_per_cm2_s": None}),
        Assumption("BESTIOLE below 2 MeV", {"source.below_2_MeV": "bestiole"}),
        Assumption("no form factor", {"target.form_factor": "point"}),
        LIKELY,
    )


@functools.cache
def angle_assumptions() -> tuple[Assumption, ...]:
    """Return what may move the weak mixing angle, the default first."""
    k = next(n for n in DEFAULT.experiment().nuisances["detailed"] if n.name == "quenching_k")
    assert k.sigma is not None
    return (
        *limit_assumptions(),
        Assumption("exponential above 8 MeV", {"source.above_8_MeV": "exponential"}),
        Assumption("BESTIOLE above 2 MeV", {"source.above_2_MeV": "bestiole", "source.above_8_MeV": "table"}),
        Assumption("Kopeikin 2021 above 2 MeV", {"source.above_2_MeV": "kopeikin_2021"}),
        *(
            Assumption(f"quenching k = {value:g}", {"response.nuclear.yield.k": value})
            for value in (k.centre - k.sigma, k.centre + k.sigma)
        ),
        Assumption("Klein-Nystrand form factor", {"target.form_factor": "klein_nystrand"}),
    )


def without_constraint(experiment: Experiment) -> Experiment:
    """Return an experiment whose strength of the signal nothing constrains, until it is freed by name."""
    nuisances = {
        name: tuple(dataclasses.replace(n, sigma=None) if n.name == NORM.name else n for n in chosen)
        for name, chosen in experiment.nuisances.items()
    }
    return dataclasses.replace(experiment, nuisances=nuisances)

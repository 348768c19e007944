"""The assumptions of an analysis, switched one at a time."""

import dataclasses

from cevnsjax.experiments import Experiment, load_experiment

__all__ = ["ASSUMPTIONS", "DEFAULT", "EXPERIMENT", "FREE", "INTEGRATED", "LIKELY", "LIMIT_ASSUMPTIONS", "Assumption"]

EXPERIMENT = "conus_plus"


@dataclasses.dataclass(frozen=True)
class Assumption:
    """A name, what it changes in the experiment's description, and how it treats the pull."""

    name: str
    overrides: dict[str, object] = dataclasses.field(default_factory=dict)
    pull: str = "profiled"

    def experiment(self) -> Experiment:
        """Return the experiment under this assumption."""
        return load_experiment(EXPERIMENT, self.overrides)


def _full_run() -> list[dict[str, object]]:
    """Return the detectors as if each had run for all 119 days, as the paper's Fig. 1 says."""
    masses = {"C3": (0.94, 160), "C5": (0.94, 170), "C2": (0.95, 180)}
    return [
        {"name": name, "mass_kg": mass, "live_days": 119, "threshold_eV": threshold}
        for name, (mass, threshold) in masses.items()
    ]


DEFAULT = Assumption("default")
INTEGRATED = Assumption("pull integrated out instead of minimised", pull="marginalised")
FREE = Assumption("32 free electrons instead of Z_eff", {"target.electrons": "free"})
LIKELY = Assumption("32 free electrons, pull integrated out", FREE.overrides, INTEGRATED.pull)
"""The two causes that together bring most of the published limits back."""

LIMIT_ASSUMPTIONS: tuple[Assumption, ...] = (
    DEFAULT,
    INTEGRATED,
    Assumption("pull of 16.9 % instead of 20 %", {"systematics.default.normalisation.norm": 0.169}),
    Assumption("no energy resolution", {"response.resolution": None}),
    FREE,
    Assumption("119 days for every detector", {"detectors": _full_run()}),
    Assumption("spectrum cut at 8 MeV", {"source.above_8_MeV": "cut"}),
    Assumption("flux not rescaled to 1.5e13", {"source.total_flux_per_cm2_s": None}),
    Assumption("BESTIOLE below 2 MeV", {"source.below_2_MeV": "bestiole"}),
    Assumption("no form factor", {"target.form_factor": "point"}),
    LIKELY,
)
"""What may move limits on new physics."""

ASSUMPTIONS: tuple[Assumption, ...] = (
    *LIMIT_ASSUMPTIONS,
    Assumption("exponential above 8 MeV", {"source.above_8_MeV": "exponential"}),
    Assumption("BESTIOLE above 2 MeV", {"source.above_2_MeV": "bestiole", "source.above_8_MeV": "table"}),
    Assumption("Kopeikin 2021 above 2 MeV", {"source.above_2_MeV": "kopeikin_2021"}),
    Assumption("quenching k = 0.158", {"response.quenching.k": 0.158}),
    Assumption("quenching k = 0.166", {"response.quenching.k": 0.166}),
    Assumption("Klein-Nystrand form factor", {"target.form_factor": "klein_nystrand"}),
)
"""What may move the weak mixing angle."""

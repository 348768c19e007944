"""Light mediators and contact interactions in CONUS+: Fig. 7 of arXiv:2501.12441, and its claim about P, A and T."""

import dataclasses
from typing import Any

from cevnsjax.figures import in_latex, plane_figure
from cevnsjax.figures.smooth import smooth_plane
from cevnsjax.inference import ScanResult, fit
from cevnsjax.interactions import ContactInteraction, Model, StandardModel, model
from cevnsjax.interactions.generalised import STRUCTURES
from cevnsjax.likelihood import Likelihood
from cevnsjax.reproduce.assumptions import DEFAULT
from cevnsjax.reproduce.limits import CHANNELS, CL, of_channel
from cevnsjax.reproduce.solar_limits import SOLAR
from cevnsjax.reproduce.study import Results, Step
from cevnsjax.reproduce.workspace import Workspace
from cevnsjax.results import scan_dataset

__all__ = ["PLANES", "mediator_steps", "mediators"]

Grid = tuple[float, float, int]
"""Two ends and a number of points between them."""


@dataclasses.dataclass(frozen=True)
class Plane:
    """The plane of a mediator's mass [MeV] and its coupling, each between two ends with a number of points.

    `solar`: experiments with solar neutrinos are drawn beside CONUS+.
    """

    model: str
    mass: str
    coupling: str
    masses: Grid = (1e-3, 1e3, 121)
    couplings: Grid = (1e-7, 1e-2, 151)
    solar: bool = True

    def __call__(self, work: Workspace) -> list[dict[str, Any]]:
        """Draw the plane, and return limits on the coupling at the smallest and the largest mass."""
        scans, limits = [], []
        experiment = DEFAULT.experiment()
        for channel, label in CHANNELS.items():
            likelihood = of_channel(experiment, self.model, channel)
            scans.append(
                (f"CONUS+, {in_latex(label)}", self._scan(work, likelihood, channel, self.masses, self.couplings))
            )
            limits += [self._limit(likelihood, channel, mass) for mass in self.masses[:2]]
        beside = [one for one in SOLAR if self.solar and one.masses]
        for one in beside:
            likelihood = Likelihood(one.experiment, model=self.model)
            masses = *self.masses[:2], one.masses
            scans.append((in_latex(one.label), self._scan(work, likelihood, one.experiment, masses, one.couplings)))
        drawn = Likelihood(experiment, *(one.experiment for one in beside), model=self.model)
        smooth = [(label, smooth_plane(result)) for label, result in scans]
        work.figure(f"fig7_{self.model}", plane_figure(smooth, work.overlays), drawn)
        return limits

    def _scan(self, work: Workspace, likelihood: Likelihood, name: str, masses: Grid, couplings: Grid) -> ScanResult:
        """Return chi-squared in the plane, and save it under the plane's name and another."""
        axes = {"x": (self.mass, *masses), "y": (self.coupling, *couplings)}
        result, origin = work.answer(likelihood, "scan", **axes, cl=CL, dof=2)
        work.curve(f"fig7_{self.model}_{name}", scan_dataset(result, likelihood, origin))
        return result

    def _limit(self, likelihood: Likelihood, channel: str, mass: float) -> dict[str, Any]:
        """Return what is allowed of the coupling at one mass, for one degree of freedom."""
        result = fit(likelihood, free=[self.coupling], values={self.mass: mass}, cl=CL)
        intervals = [list(piece) for piece in result.intervals[self.coupling]]
        about = {"model": self.model, "channel": channel, "coupling": self.coupling, "mass_MeV": mass}
        return about | {"intervals": intervals}


# The third is not in the paper.
PLANES = (
    Plane("vector_bl", "m_z", "g_bl"),
    Plane("scalar", "m_phi", "g_phi"),
    Plane("vector_universal", "m_z", "g_z", solar=False),
)


def mediator_steps() -> tuple[Step, ...]:
    """Return the steps: one for each plane, and the contact interactions."""
    planes = [Step(f"fig7_{plane.model}", f"Fig. 7: {model(plane.model).description}", plane) for plane in PLANES]
    return (*planes, Step("contacts", "contact interactions", _contacts))


def mediators(results: Results) -> dict[str, Any]:
    """Return limits on couplings at small and at large mass, and on contact interactions."""
    return {
        "mediators": [row for plane in PLANES for row in results[f"fig7_{plane.model}"]],
        "contacts": results["contacts"],
    }


def _contacts(work: Workspace) -> list[dict[str, Any]]:
    """Return the limits on each coupling of Eq. (8) by itself."""
    rows = []
    experiment = DEFAULT.experiment()
    for structure in STRUCTURES:
        interaction = ContactInteraction(structure)
        for parameter in interaction.parameters:
            acting = Model(structure, interaction.structure, (StandardModel(), interaction), (parameter.name,))
            result = fit(Likelihood(experiment, model=acting), cl=CL)
            pieces = [list(piece) for piece in result.intervals[parameter.name]]
            rows.append({"structure": structure, "parameter": parameter.name, "intervals": pieces})
    return rows

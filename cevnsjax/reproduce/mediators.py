"""Light mediators and contact interactions: Fig. 7 of arXiv:2501.12441, and its claim about P, A and T as numbers."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from cevnsjax import plotting, results
from cevnsjax.interactions import ContactInteraction, Model, StandardModel, model
from cevnsjax.interactions.generalised import STRUCTURES
from cevnsjax.reproduce.assumptions import DEFAULT
from cevnsjax.reproduce.limits import CHANNELS, CL, of_channel
from cevnsjax.statistics import Likelihood, ScanResult, fit, scan

__all__ = ["STEPS", "make"]

PLANES = (
    ("vector_bl", "m_z", "g_bl", (1e-7, 1e-2)),
    ("scalar", "m_phi", "g_phi", (1e-7, 1e-2)),
    ("vector_universal", "m_z", "g_z", (1e-7, 1e-2)),
)
"""Model, mass and coupling, and the range of the coupling. The third is not in the paper."""

MASSES = (1e-3, 1e3, 121)
COUPLINGS = 151
STEPS = len(PLANES) + 1


def make(folder: Path, advance: Callable[[str], None], overlays: Sequence[plotting.Overlay]) -> dict[str, Any]:
    """Write Fig. 7 with its contours, and return limits on couplings at small and large mass, and on contacts."""
    limits = []
    for name, mass, coupling, limits_of_coupling in PLANES:
        advance(f"Fig. 7: {model(name).description}")
        scans = []
        for channel, label in CHANNELS.items():
            likelihood = of_channel(DEFAULT.experiment(), name, channel)
            found = scan(likelihood, (mass, *MASSES), (coupling, *limits_of_coupling, COUPLINGS), cl=CL, dof=2)
            results.write_netcdf(folder / f"fig7_{name}_{channel}.nc", results.scan_dataset(found, likelihood))
            label = label.replace("nu-e", r"$\bar\nu_e e$").replace("CEvNS", r"CE$\nu$NS")
            scans += [(label, found)]
            limits += _ends(likelihood, channel, found)
        figure = plotting.plane_figure(scans, overlays)
        plotting.save(figure, folder / f"fig7_{name}")
    advance("contact interactions")
    return {"mediators": limits, "contacts": _contacts()}


def _ends(likelihood: Likelihood, channel: str, found: ScanResult) -> list[dict[str, Any]]:
    """Return the limit on the coupling at the smallest and the largest mass, for one degree of freedom."""
    mass, coupling = found.x.parameter, found.y.parameter
    rows = []
    for value in (MASSES[0], MASSES[1]):
        result = fit(likelihood, free=[coupling.name], values={mass.name: value}, cl=CL)
        intervals = [list(piece) for piece in result.intervals[coupling.name]]
        rows.append(
            {"model": likelihood.model.name, "channel": channel, "coupling": coupling.name, "mass_MeV": value}
            | {"intervals": intervals}
        )
    return rows


def _contacts() -> list[dict[str, Any]]:
    """Return the limits on each structure of Eq. (8) by itself, and on how many events a unit coupling makes."""
    rows = []
    experiment = DEFAULT.experiment()
    for structure in STRUCTURES:
        interaction = ContactInteraction(structure)
        for parameter in interaction.parameters:
            acting = Model(structure, interaction.structure, (StandardModel(), interaction), (parameter.name,))
            found = fit(Likelihood(experiment, model=acting), cl=CL)
            pieces = [list(piece) for piece in found.intervals[parameter.name]]
            rows.append({"structure": structure, "parameter": parameter.name, "intervals": pieces})
    return rows

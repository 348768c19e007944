"""Planes of couplings: caesium iodide, argon and germanium at reactors, each by itself and together in one figure."""

import dataclasses
from typing import Any

from cevnsjax.figures import Mark, plane_figure
from cevnsjax.likelihood import Likelihood
from cevnsjax.reproduce.study import Results, Step
from cevnsjax.reproduce.workspace import Workspace
from cevnsjax.results import scan_dataset

__all__ = ["PLANES", "plane_rows", "plane_steps"]

CL, ANGLE = 0.90, "sin2_theta_w"

Data = tuple[str, tuple[str, ...]]
"""A label and experiments."""

CSI: Data = ("CsI", ("coherent_csi",))
LAR: Data = ("LAr", ("coherent_lar",))
BEAM: Data = ("CsI + LAr", ("coherent_csi", "coherent_lar"))
CONUS_PLUS: Data = ("CONUS+", ("conus_plus",))
DRESDEN: Data = ("Dresden-II", ("dresden2",))
ALL: Data = ("CsI + LAr + CONUS+", ("coherent_csi", "coherent_lar", "conus_plus"))

Axis = tuple[str, float, float, int]


@dataclasses.dataclass(frozen=True)
class Plane:
    """A plane of two parameters of a model, and the data whose contours are drawn in it.

    `standard` are the Standard Model's values, which a figure marks. Nothing but the two and the nuisances is free.
    """

    name: str
    model: str
    x: Axis
    y: Axis
    data: tuple[Data, ...]
    standard: tuple[float, float] | None = None

    def __call__(self, work: Workspace) -> list[dict[str, Any]]:
        """Draw the plane, and return for each data where they fit best and how far the Standard Model lies above."""
        scans, rows = [], []
        for label, experiments in self.data:
            likelihood = Likelihood(*experiments, model=self.model)
            axes = {"x": self.x, "y": self.y}
            result, origin = work.answer(likelihood, "scan", **axes, free=[], cl=CL, dof=2)
            suffix = label.lower().replace(" + ", "_").replace("+", "_plus").replace("-", "_")
            work.curve(f"{self.name}_{suffix}", scan_dataset(result, likelihood, origin))
            scans.append((label, result))
            names = (self.x[0], self.y[0])
            row: dict[str, Any] = {"plane": self.name, "data": label, "chi2_min": result.chi2_min}
            row["best_fit"] = {name: result.best_fit[name] for name in names}
            if self.standard is not None:
                at = dict(zip(names, self.standard, strict=True))
                row["standard_model"] = float(likelihood.chi2(at)) - result.chi2_min
            rows.append(row)
        marks = [] if self.standard is None else [Mark(*self.standard, "Standard Model", colour="black")]
        work.figure(self.name, plane_figure(scans, work.overlays, marks), likelihood)
        return rows


MASSES, COUPLINGS = (1e-3, 1e3, 31), (1e-7, 1e-2, 76)


PLANES = (
    Plane("coherent_radius", "sm", ("neutron_radius", 3.5, 7.5, 41), (ANGLE, 0.14, 0.42, 41), (CSI,)),
    Plane(
        "coherent_nsi_quarks", "nsi_vector", ("eps_ee_uv", -1.0, 1.0, 51), ("eps_ee_dv", -1.0, 1.0, 51),
        (CSI, LAR, CONUS_PLUS, ALL), (0.0, 0.0),
    ),
    Plane(
        "coherent_nsi_flavours", "nsi_vector", ("eps_ee_dv", -0.3, 0.7, 61), ("eps_mumu_dv", -0.3, 0.7, 61),
        (CSI, LAR, ALL), (0.0, 0.0),
    ),
    Plane(
        "coherent_charge_radii", "charge_radius", ("r2_ee", -9.5e-31, 4.5e-31, 61), ("r2_mumu", -9.5e-31, 4.5e-31, 61),
        (CSI, LAR, ALL), (0.0, 0.0),
    ),
    Plane("coherent_vector_bl", "vector_bl", ("m_z", *MASSES), ("g_bl", *COUPLINGS), (CONUS_PLUS, DRESDEN, BEAM)),
    Plane("coherent_scalar", "scalar", ("m_phi", *MASSES), ("g_phi", *COUPLINGS), (CONUS_PLUS, DRESDEN, BEAM)),
    Plane("coherent_lmu_ltau", "vector_lmu_ltau", ("m_z", *MASSES), ("g_z", 1e-5, 1e-2, 46), (CSI, LAR, BEAM)),
)  # fmt: skip


def plane_steps() -> tuple[Step, ...]:
    """Return a step for each plane."""
    return tuple(Step(plane.name, f"plane of {plane.x[0]} and {plane.y[0]} ({plane.model})", plane) for plane in PLANES)


def plane_rows(results: Results) -> list[dict[str, Any]]:
    """Return what the planes have found, one after the other."""
    return [row for plane in PLANES for row in results[plane.name]]

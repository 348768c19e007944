"""Planes of couplings that CONUS will be able to exclude, and the plane of a sterile neutrino."""

import dataclasses
from functools import partial
from typing import Any

import numpy as np

from cevnsjax.constants import W_MASS
from cevnsjax.figures import Mark, Overlay, in_latex, plane_figure, power_of_ten
from cevnsjax.figures.smooth import refined, smooth_plane
from cevnsjax.inference import asimov
from cevnsjax.interactions import Model, model
from cevnsjax.likelihood import Likelihood
from cevnsjax.matter import element
from cevnsjax.reproduce.conus_limits import BSM, CL, SCALAR, talk
from cevnsjax.reproduce.projections import future
from cevnsjax.reproduce.published import published_rows
from cevnsjax.reproduce.study import Results, Step
from cevnsjax.reproduce.workspace import Workspace
from cevnsjax.results import scan_dataset

__all__ = ["PLANES", "STERILE_PLANE", "conus_plane_steps", "conus_planes"]

CHANNELS = (("cevns", BSM, "CEvNS"), ("eves", "conus:eves_bsm", "nu-e"))

STERILE, MIXINGS, SPLITTINGS = "conus_sterile", (1e-2, 1.0, 31), (0.05, 5.0, 221)
STERILE_PLANE = ("sin2_2theta_14", "dm2_41")
"""sin^2(2 theta) and Delta m^2 [eV^2] of a sterile neutrino."""

VECTORS, TENSORS = (-3.0, 3.0, 37), (-0.5, 0.5, 37)
"""Ends and numbers of values of both couplings to quarks, of vector and of tensor interactions."""

TARGETS, DRAWN = ("Ge", "Si", "Ar", "Cs", "I", "Xe"), ("Ge", "Si")
"""Targets of the table of slopes, and those whose lines are drawn."""


Grid = tuple[float, float, int]
"""Two ends and a number of values."""


@dataclasses.dataclass(frozen=True)
class Plane:
    """The plane of a mediator's mass [MeV] and its coupling."""

    name: str
    model: Model
    mass: str
    coupling: str
    couplings: Grid
    published: str
    masses: Grid = (1e-3, 1e2, 26)

    def __call__(self, work: Workspace) -> None:
        """Draw what is expected in each channel, and the talk's limits at small mass."""
        scans, marks = [], []
        for number, (channel, analysis, label) in enumerate(CHANNELS):
            # Of one channel alone, as its data are.
            likelihood = asimov(Likelihood(analysis, model=self.model, channel=channel))
            axes = {"x": (self.mass, *self.masses), "y": (self.coupling, *self.couplings)}
            result, origin = work.answer(likelihood, "scan", **axes, cl=CL, dof=2)
            work.curve(f"{self.name}_{channel}", scan_dataset(result, likelihood, origin))
            scans.append((f"{in_latex(label)}, expected", smooth_plane(result)))
            limit = float(talk()[f"{self.published}_{channel}"]["value"])
            # The talk's limit holds at small mass; at the plane's edge the point would stand on the axis.
            marks.append(Mark(2 * self.masses[0], limit, f"{in_latex(label)}, talk: ${power_of_ten(limit)}$", number))
        figure = plane_figure(scans, work.overlays, marks, shaded=range(len(scans)))
        work.figure(self.name, figure, Likelihood(BSM, model=self.model))


PLANES = (
    Plane("conus_scalar", SCALAR, "m_phi", "g_phi", (1e-6, 1e-2, 61), "scalar"),
    Plane("conus_vector", model("vector_universal"), "m_z", "g_z", (1e-7, 1e-2, 101), "vector"),
)


def conus_plane_steps() -> tuple[Step, ...]:
    """Return the steps: interactions with quarks, one for each mediator, and the sterile neutrino."""
    planes = [Step(plane.name, f"plane of {plane.mass} and {plane.coupling}", plane) for plane in PLANES]
    return (
        Step("conus_nsi", "vector interactions with quarks", partial(_quarks, "conus_nsi", "vector", VECTORS)),
        Step("conus_tensor", "tensor interactions with quarks", partial(_quarks, "conus_tensor", "tensor", TENSORS)),
        *planes,
        Step(STERILE, "sterile neutrino", _sterile),
    )


def conus_planes(results: Results) -> dict[str, Any]:
    """Return along which lines vector interactions with quarks change nothing."""
    return {"conus_band": results["conus_nsi"]}


def _quarks(name: str, kind: str, ends: Grid, work: Workspace) -> list[dict[str, Any]]:
    """Draw the plane of interactions with up and down quarks, and return the lines on which counts are the same.

    A nucleus sees (2 Z + N) eps_u + (Z + 2 N) eps_d alone, so that only another ratio of N to Z turns the line.
    """
    likelihood = Likelihood(BSM, model=f"nsi_{kind}")
    quarks = f"eps_ee_u{kind[0]}", f"eps_ee_d{kind[0]}"
    result, origin = work.answer(likelihood, "scan", x=(quarks[0], *ends), y=(quarks[1], *ends), cl=CL, dof=1)
    work.curve(name, scan_dataset(result, likelihood, origin))
    lines, rows = {}, []
    up = np.linspace(*ends)
    for symbol in TARGETS:
        made_of = element(symbol)
        Z, numbers = made_of.atomic_number, made_of.isotopes.N
        mean = float(made_of.abundance @ numbers)
        slope, lightest, heaviest = (float(-(2 * Z + N) / (Z + 2 * N)) for N in (mean, numbers.min(), numbers.max()))
        rows.append(
            {"target": symbol, "N_over_Z": mean / Z, "slope": slope}
            | {"slope_lightest": lightest, "slope_heaviest": heaviest}
        )
        if symbol in DRAWN:
            lines[f"no change in {symbol}"] = np.stack([up, slope * up], axis=1)
    scale = float(talk()[f"{kind}_nsi"]["value"])
    epsilon = (W_MASS / 1e3 / scale) ** 2
    marks = [Mark(sign * epsilon, 0.0, rf"talk, up quarks alone: $\Lambda = {scale:g}$ GeV", 1) for sign in (1, -1)]
    marks[1] = marks[1]._replace(label="")
    figure = plane_figure([("CONUS, expected", refined(result))], [Overlay(*quarks, lines)], marks)
    work.figure(name, figure, likelihood, origin)
    return rows


def _sterile(work: Workspace) -> None:
    talks = published_rows("conus_projection")
    kg_years, threshold = max(float(r["kg_years"]) for r in talks), min(float(r["threshold_eV"]) for r in talks)
    likelihood = Likelihood(future(kg_years, threshold), model="sterile")
    axes = {"x": (STERILE_PLANE[0], *MIXINGS), "y": (STERILE_PLANE[1], *SPLITTINGS)}
    result, origin = work.answer(likelihood, "scan", **axes, cl=CL, dof=2)
    work.curve(STERILE, scan_dataset(result, likelihood, origin))
    label = f"{kg_years:g} kg yr from {threshold:g} {in_latex('eV_ee')} on, expected"
    work.figure(STERILE, plane_figure([(label, refined(result))], work.overlays), likelihood, origin)

"""Beam and reactor together: the radius of the neutrons of CsI, and the weak mixing angle.

At a beam a larger radius takes away what a larger angle adds, so that caesium iodide alone fixes one combination of the
two. Momentum transfers to germanium at a reactor are some 10 MeV, at which no radius matters: germanium fixes the
angle, and so cuts the band of caesium iodide.
"""

from typing import Any

import numpy as np
from jaxtyping import Float
from scipy.interpolate import CubicSpline

from cevnsjax.experiments import Experiment, projected
from cevnsjax.figures import Band, plane_figure
from cevnsjax.figures.smooth import FINE, refined
from cevnsjax.inference import ScanResult, threshold
from cevnsjax.likelihood import Likelihood
from cevnsjax.reproduce.reactor_spectrum import conus_100
from cevnsjax.reproduce.study import Step
from cevnsjax.reproduce.workspace import Workspace
from cevnsjax.results import scan_dataset

__all__ = ["ANGLES", "CL", "PLANE", "RADII", "radius_steps"]

CL = 0.90

PLANE = ("neutron_radius", "sin2_theta_w")

RADII, ANGLES = (3.5, 7.6, 26), (0.14, 0.44, 26)
"""Ranges and numbers of values of the radius [fm], nearly up to its bound, and of the angle."""

CSI, CONUS_PLUS = "coherent_csi", "conus_plus"

CONSTRAINTS = 1 / 3
"""Factor on the widths of all constraints of CONUS-100: with those of CONUS the energy scale alone would decide."""


def radius_steps() -> tuple[Step, ...]:
    """Return the step of the plane."""
    return (Step("radius", "plane of radius and weak mixing angle", _plane),)


def _plane(work: Workspace) -> dict[str, Any]:
    """Draw the contours, and return the angle of each germanium experiment and the intervals of each contour."""
    later = projected(conus_100(), systematics=CONSTRAINTS)
    reactors: tuple[tuple[str, Experiment | str], ...] = (("CONUS+", CONUS_PLUS), ("CONUS-100", later))
    angle = PLANE[1]
    cases: list[tuple[str, str, tuple[Experiment | str, ...]]] = [("CsI", "csi", (CSI,))]
    cases += [(f"CsI + {label}", f"csi_{_plain(label)}", (CSI, germanium)) for label, germanium in reactors]
    scans, rows = [], []
    for label, name, experiments in cases:
        likelihood = Likelihood(*experiments)
        # Alone the radius has its plain name; beside another experiment it carries the experiment's.
        radius = PLANE[0] if len(experiments) == 1 else f"{PLANE[0]}_{CSI}"
        axes = {"x": (radius, *RADII), "y": (angle, *ANGLES)}
        result, origin = work.answer(likelihood, "scan", **axes, free=[], cl=CL, dof=2)
        work.curve(f"reactor_radius_{name}", scan_dataset(result, likelihood, origin))
        scans.append((label, result))
        intervals = {quantity: _interval(refined(result), quantity) for quantity in PLANE}
        best = {PLANE[0]: result.best_fit[radius], angle: result.best_fit[angle]}
        rows.append({"data": label, "best_fit": best, "intervals": intervals, "chi2_min": result.chi2_min})
    (_, alone), *both = scans
    angles = {label: _added(alone, result) for (label, _), (_, result) in zip(reactors, both, strict=True)}
    bands = [
        Band(low, high, f"{label} alone, 1 d.o.f.", number)
        for number, (label, (low, high)) in enumerate(angles.items(), start=1)
        if low is not None and high is not None
    ]
    smooth = [(label, refined(result)) for label, result in scans]
    # What CONUS+ excludes together with caesium iodide is shaded: CONUS-100 has no data.
    work.figure("reactor_radius", plane_figure(smooth, work.overlays, bands=bands, shaded=[1]), likelihood)
    return {
        "cl": CL,
        "constraints": CONSTRAINTS,
        "angles": angles,
        "contours": rows,
    }


def _plain(label: str) -> str:
    return label.lower().replace("+", "_plus").replace("-", "_")


def _interval(fine: ScanResult, quantity: str) -> list[float | None]:
    """Return what is allowed for one parameter of a refined plane at CL, one degree of freedom, the other minimised.

    None stands for an end beyond the plane.
    """
    along = PLANE.index(quantity)
    return _ends((fine.x, fine.y)[along].values, fine.delta_chi2.min(axis=along))


def _added(alone: ScanResult, both: ScanResult) -> list[float | None]:
    """Return the angles that germanium alone allows at CL, one degree of freedom.

    All nuisances are its own and it does not see the radius, so that it adds a function of the angle to chi^2.
    """
    added = (both.delta_chi2 - alone.delta_chi2).mean(axis=1)
    fine = np.linspace(both.y.values[0], both.y.values[-1], FINE)
    curve = CubicSpline(both.y.values, added)(fine)
    return _ends(fine, curve - curve.min())


def _ends(values: Float[np.ndarray, " n"], delta: Float[np.ndarray, " n"]) -> list[float | None]:
    """Return the outermost values at which a curve crosses the level of CL, None where it is below it at the end."""
    level = threshold(CL)
    inside = np.flatnonzero(delta <= level)
    if inside.size == 0:
        return [None, None]
    found: list[float | None] = []
    for place, step in ((int(inside[0]), -1), (int(inside[-1]), 1)):
        beyond = place + step
        if not 0 <= beyond < values.size:
            found.append(None)
            continue
        share = (level - delta[place]) / (delta[beyond] - delta[place])
        found.append(float(values[place] + share * (values[beyond] - values[place])))
    return found

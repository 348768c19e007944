"""Beam and reactor together: the radius of the neutrons of CsI, and the weak mixing angle.

At a beam a larger radius takes away what a larger angle adds, so that caesium iodide alone fixes one combination of the
two. Momentum transfers to germanium at a reactor are some 10 MeV, at which no radius matters: germanium fixes the
angle, and so cuts the band of caesium iodide.
"""

from typing import Any

import numpy as np
from jaxtyping import Float

from cevnsjax.experiments import Experiment, projected
from cevnsjax.figures import Band, plane_figure
from cevnsjax.inference import ScanResult, expected_intervals, fit, threshold
from cevnsjax.likelihood import Likelihood
from cevnsjax.reproduce.markdown import at_cl
from cevnsjax.reproduce.reactor_spectrum import conus_100
from cevnsjax.reproduce.study import Step
from cevnsjax.reproduce.workspace import Workspace
from cevnsjax.results import scan_dataset

__all__ = ["ANGLES", "CL", "PLANE", "RADII", "radius_steps"]

CL = 0.90

PLANE = ("neutron_radius", "sin2_theta_w")

RADII, ANGLES = (3.5, 7.6, 31), (0.14, 0.44, 31)
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
    angle = PLANE[1]
    ((plus,),) = (fit(Likelihood(CONUS_PLUS), [angle], cl=CL).intervals[angle],)
    ((expected,),) = (expected_intervals(Likelihood(later), angle, cl=CL),)
    reactors: tuple[tuple[str, tuple[float | None, float | None], Experiment | str], ...]
    reactors = (("CONUS+", plus, CONUS_PLUS), ("CONUS-100", expected, later))
    cases: list[tuple[str, str, tuple[Experiment | str, ...]]] = [("CsI", "csi", (CSI,))]
    cases += [(f"CsI + {label}", f"csi_{_plain(label)}", (CSI, germanium)) for label, _, germanium in reactors]
    scans, rows = [], []
    for label, name, experiments in cases:
        likelihood = Likelihood(*experiments)
        # Alone the radius has its plain name; beside another experiment it carries the experiment's.
        radius = PLANE[0] if len(experiments) == 1 else f"{PLANE[0]}_{CSI}"
        axes = {"x": (radius, *RADII), "y": (angle, *ANGLES)}
        result, origin = work.answer(likelihood, "scan", **axes, free=[], cl=CL, dof=2)
        work.curve(f"reactor_radius_{name}", scan_dataset(result, likelihood, origin))
        scans.append((label, result))
        intervals = {quantity: _interval(result, quantity) for quantity in PLANE}
        best = {PLANE[0]: result.best_fit[radius], angle: result.best_fit[angle]}
        rows.append({"data": label, "best_fit": best, "intervals": intervals, "chi2_min": result.chi2_min})
    bands = [
        Band(low, high, f"{label}{', expected' * (label != 'CONUS+')}, {at_cl(CL)}, 1 d.o.f.", number)
        for number, (label, (low, high), _) in enumerate(reactors, start=1)
        if low is not None and high is not None
    ]
    work.figure("reactor_radius", plane_figure(scans, work.overlays, bands=bands), likelihood)
    return {
        "cl": CL,
        "constraints": CONSTRAINTS,
        "angles": {label: list(interval) for label, interval, _ in reactors},
        "contours": rows,
    }


def _plain(label: str) -> str:
    return label.lower().replace("+", "_plus").replace("-", "_")


def _interval(result: ScanResult, quantity: str) -> list[float | None]:
    """Return what is allowed for one parameter of a plane at CL, one degree of freedom, the other one minimised.

    None stands for an end beyond the plane. Delta chi^2 is straight between the values of the plane.
    """
    along = PLANE.index(quantity)
    values = (result.x, result.y)[along].values
    delta = result.delta_chi2.min(axis=along)
    return _ends(values, delta, threshold(CL))


def _ends(values: Float[np.ndarray, " n"], delta: Float[np.ndarray, " n"], level: float) -> list[float | None]:
    """Return the outermost values at which a curve crosses a level, None where it is below it at the end."""
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

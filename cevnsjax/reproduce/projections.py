"""What CONUS plans: the talk's projected counts, and the weak mixing angle that they will give.

T. Rink, PASCOS 2022. All data are what is expected of the Standard Model and the background.
"""

from typing import Any

import numpy as np

from cevnsjax.experiments import Experiment, load_runs, projected
from cevnsjax.experiments.signal import number_of
from cevnsjax.figures import projection_figure
from cevnsjax.likelihood import Likelihood
from cevnsjax.reproduce.conus_limits import CL
from cevnsjax.reproduce.published import published_rows
from cevnsjax.reproduce.study import Results, Step
from cevnsjax.reproduce.workspace import Workspace
from cevnsjax.results import projection_dataset

__all__ = ["future", "measured_k", "projection_steps", "projections"]

RUN = "conus:C1R1"
"""One run stands for the detector."""

DAYS_PER_YEAR = 365.25

EXPOSURES = 6
"""Number of exposures between the talk's smallest and largest."""

PULLS = (("conus_angle", 1.0), ("conus_angle_small_pulls", 1 / 3))
"""The name of a curve, and the factor on the widths of all constraints."""


def projection_steps() -> tuple[Step, ...]:
    """Return the steps: counts, and the angle with each width of the constraints."""
    angles = [
        Step(name, f"projection of the weak mixing angle, constraints x {scale:.2g}", _Angle(name, scale))
        for name, scale in PULLS
    ]
    return (Step("counts", "projected counts", _counts), *angles)


def projections(results: Results) -> dict[str, Any]:
    """Return the projection's table and what the weak mixing angle will be."""
    return {
        "conus_projection": results["counts"],
        "conus_projection_k": measured_k(),
        "conus_angle": [row for name, _ in PULLS for row in results[name]],
    }


def measured_k() -> float:
    """Return Lindhard's k as the collaboration measured it, which "quenching factor known" (talk) means."""
    return number_of(load_runs("conus_plus")[0].signal.description, "response.nuclear.yield.k")


def future(kg_years: float, threshold: float) -> Experiment:
    """Return one run of a later experiment at the same place, counted from a threshold [eV_ee] on."""
    (run,) = load_runs(RUN, {"response.nuclear.yield.k": measured_k()}, threshold)
    return projected(run, exposure=kg_years * DAYS_PER_YEAR / float(run.sample_exposure[0]))


def _talk() -> list[dict[str, float]]:
    rows = published_rows("conus_projection")
    return [{name: float(value) for name, value in row.items()} for row in rows]


def _counts(work: Workspace) -> list[dict[str, float]]:
    """Return signal and background, Z = s / sqrt(b) and V = (s + b) / s^2, beside the talk's, for each threshold."""
    rows = []
    rates: dict[float, tuple[float, float]] = {}
    for published in _talk():
        years, threshold = published["kg_years"], published["threshold_eV"]
        if threshold not in rates:
            rates[threshold] = _rates(future(1.0, threshold))
        s, b = (years * rate for rate in rates[threshold])
        obtained = {"signal": s, "background": b, "Z": s / np.sqrt(b), "V": (s + b) / s**2}
        rows.append(published | {f"{name}_here": float(value) for name, value in obtained.items()})
    return rows


def _rates(run: Experiment) -> tuple[float, float]:
    """Return how many events of CEvNS, and how many counts of background, a run expects with the reactor on."""
    (signal,) = Likelihood(run, channel="cevns").signal_in({})
    on = slice(0, run.cells.size)
    return float(signal[on].sum()), float(run.background()[on].sum())


class _Angle:
    """What will be allowed for the weak mixing angle against the exposure."""

    def __init__(self, name: str, scale: float):
        self.name, self.scale = name, scale

    def __call__(self, work: Workspace) -> list[dict[str, Any]]:
        talk = _talk()
        smallest, largest = (end(row["kg_years"] for row in talk) for end in (min, max))
        likelihood = Likelihood(future(smallest, min(row["threshold_eV"] for row in talk)))
        factors = np.geomspace(1.0, largest / smallest, EXPOSURES).tolist()
        request = {"name": "sin2_theta_w", "exposures": factors, "systematics": self.scale, "cl": CL}
        result, origin = work.answer(likelihood, "project", **request)
        curve = projection_dataset(result, likelihood, origin)
        work.curve(self.name, curve)
        figure = projection_figure(curve, likelihood.parameters[result.name], (smallest, "kg yr"))
        work.figure(self.name, figure, likelihood, origin)
        return [
            {"kg_years": factor * smallest, "systematics": self.scale, "fisher": fisher.tolist()}
            | {"intervals": [list(piece) for piece in pieces]}
            for factor, fisher, pieces in zip(factors, result.fisher, result.asimov, strict=True)
        ]

"""The Standard Model in CONUS+: Figs. 1-3 of arXiv:2501.12441, the weak mixing angle, and what moves it."""

import math
from functools import partial
from typing import Any

import numpy as np

from cevnsjax.figures import Panel, profiles_figure, spectrum_figure, value_label
from cevnsjax.inference import Interval, fit, threshold
from cevnsjax.inference.value import chi2_at
from cevnsjax.likelihood import Likelihood
from cevnsjax.reproduce.assumptions import (
    EXPERIMENT,
    ONE_SIGMA,
    Assumption,
    angle_assumptions,
    without_constraint,
)
from cevnsjax.reproduce.published import Estimate, beside, published_by, published_limits
from cevnsjax.reproduce.study import Results, Step
from cevnsjax.reproduce.weak_mixing_angle import ANGLE, ARXIV, against_scale
from cevnsjax.reproduce.workspace import Workspace
from cevnsjax.results import prediction_dataset, profile_dataset

__all__ = ["standard_model", "standard_model_steps"]

ALONE = "CEvNS alone"

PULLS = (("constraint minimised", "profiled"), ("constraint integrated out", "marginalised"))
CL, MEDIATOR_MASS = 0.90, 10.0
"""Of the limits on mediators in Fig. 1, and their mass [MeV]."""

RANGE, POINTS = (0.0, 0.6), 301
"""Of the profile of the angle."""


def standard_model_steps() -> tuple[Step, ...]:
    """Return the steps: three figures, and one for each assumption."""
    assumptions = [
        Step(f"angle_{number:02d}", f"weak mixing angle: {one.name}", partial(_under, one))
        for number, one in enumerate(angle_assumptions())
    ]
    return (
        Step("fig1", "Fig. 1: the spectrum", _spectrum),
        Step("fig2", "Fig. 2: profile of the weak mixing angle", _profiles),
        *assumptions,
        Step("angle_cevns", f"weak mixing angle: {ALONE}", _alone),
        Step("fig3", "Fig. 3: the weak mixing angle against scale", against_scale),
    )


def standard_model(results: Results) -> dict[str, Any]:
    """Return the published numbers beside those obtained, and what moves the angle."""
    names = [f"angle_{number:02d}" for number in range(len(angle_assumptions()))]
    variants = [results[name] for name in (*names, "angle_cevns")]
    published, default = published_by("conus_plus", "name"), variants[0]
    obtained: dict[str, Estimate] = {
        ANGLE: (default["best"], default["low"], default["high"]),
        "significance": (math.sqrt(default["gain"]), None, None),
        "signal_observed": tuple(
            default["events"] * default[end] for end in ("strength", "strength_low", "strength_high")
        ),
        "signal_predicted": (default["events"], None, None),
    }
    return {
        "comparisons": [beside(published[name], numbers) for name, numbers in obtained.items()],
        "assumptions": variants,
        **results["fig3"],
    }


def _spectrum(work: Workspace) -> None:
    likelihood = Likelihood(EXPERIMENT)
    _, origin = work.answer(likelihood, "predict", values={})
    prediction = prediction_dataset(likelihood, {}, origin)
    work.curve("fig1_spectrum", prediction)
    others = []
    for name, label, values in _new_physics():
        model = Likelihood(EXPERIMENT, model=name)
        _, about = work.answer(model, "predict", values=values)
        others.append((label, prediction_dataset(model, values, about)))
        work.curve(f"fig1_spectrum_{name}", others[-1][1])
    work.figure("fig1_spectrum", spectrum_figure(prediction, others), likelihood, origin)


def _new_physics() -> list[tuple[str, str, dict[str, float]]]:
    """Return models, labels and values: couplings at their published limits, those of mediators at the limits here."""
    published, found = published_limits(), []
    for name, quantity in (("magnetic_moment", "mu_nu_e"), ("millicharge", "q_ee"), ("charge_radius", "r2_ee")):
        value = float(published[quantity, "conus_plus"]["high"])
        parameter = Likelihood(EXPERIMENT, model=name).parameters[quantity]
        found.append((name, value_label(parameter, value, 3), {quantity: value}))
    for name, coupling, mass in (("vector_bl", "g_bl", "m_z"), ("scalar", "g_phi", "m_phi")):
        likelihood = Likelihood(EXPERIMENT, model=name)
        ((_, limit),) = fit(likelihood, [coupling], {mass: MEDIATOR_MASS}, cl=CL).intervals[coupling]
        assert limit is not None
        values = {coupling: limit, mass: MEDIATOR_MASS}
        label = ", ".join(value_label(likelihood.parameters[one], at) for one, at in values.items())
        found.append((name, label, values))
    return found


def _profiles(work: Workspace) -> None:
    curves = []
    for label, pull in PULLS:
        likelihood = Likelihood(EXPERIMENT, pull=pull)
        result, origin = work.answer(likelihood, "profile", over=ANGLE, limits=RANGE, points=POINTS, cl=ONE_SIGMA)
        curve = profile_dataset(result, likelihood, origin)
        work.curve(f"fig2_{ANGLE}_{pull}", curve)
        curves.append((label, curve))
    row = published_by("conus_plus", "name")[ANGLE]
    band = float(row["low"]), float(row["high"]), rf"{ARXIV}, $1\sigma$"
    levels = [(threshold(ONE_SIGMA), r"$1\sigma$, 1 d.o.f."), (threshold(CL), "90 % CL, 1 d.o.f.")]
    figure = profiles_figure([Panel(curves, likelihood.parameters[ANGLE], band)], 1, levels)
    work.figure(f"fig2_{ANGLE}", figure, likelihood)


def _under(assumption: Assumption, work: Workspace) -> dict[str, Any]:
    return _variant(assumption.name, Likelihood(assumption.experiment(), pull=assumption.pull))


def _alone(work: Workspace) -> dict[str, Any]:
    return _variant(ALONE, Likelihood(EXPERIMENT, channel="cevns"))


def _variant(name: str, likelihood: Likelihood) -> dict[str, Any]:
    """Return what one set of assumptions gives.

    That is sin^2(theta_W) with its 1 sigma interval; the predicted events in all detectors; the factor on them that the
    data prefer without a constraint, with its interval; and how far chi-squared falls from no signal to that factor.
    """
    result = fit(likelihood, cl=ONE_SIGMA)
    low, high = _closed(result.intervals[ANGLE])
    (experiment,) = likelihood.experiments
    events = float(experiment.events_per_unit @ np.asarray(likelihood.expected({})))
    free = Likelihood(without_constraint(experiment), model=likelihood.model, channel=likelihood.channel)
    strength = fit(free, free=["norm"], cl=ONE_SIGMA)
    strength_low, strength_high = _closed(strength.intervals["norm"])
    return {
        "name": name, "best": result.best_fit[ANGLE], "low": low, "high": high, "events": events,
        "strength": strength.best_fit["norm"], "strength_low": strength_low, "strength_high": strength_high,
        "gain": chi2_at(free, {"norm": 0.0}) - strength.chi2_min,
    }  # fmt: skip


def _closed(intervals: list[Interval]) -> tuple[float, float]:
    """Return the ends of an interval in one piece, as those of the Standard Model are at one sigma."""
    ((low, high),) = intervals
    if low is None or high is None:
        raise RuntimeError(f"the interval {low} to {high} is open: the assumptions leave the parameter unconstrained")
    return low, high

"""The study of COHERENT: caesium iodide and liquid argon, alone and together, beside what is published of them."""

import math
from collections.abc import Mapping
from functools import partial
from typing import Any

from cevnsjax.experiments import load_experiment
from cevnsjax.figures import Panel, profiles_figure
from cevnsjax.figures.smooth import smooth_profile
from cevnsjax.inference import fit, threshold
from cevnsjax.inference.value import chi2_at
from cevnsjax.likelihood import Likelihood
from cevnsjax.parameters import NORM
from cevnsjax.reproduce.assumptions import ONE_SIGMA
from cevnsjax.reproduce.coherent_counts import BACKGROUNDS, CSI, LAR, MODELS, TEMPLATES, counts_steps
from cevnsjax.reproduce.markdown import pieces, table, with_errors
from cevnsjax.reproduce.one_sigma import around, one_sigma
from cevnsjax.reproduce.planes import Data, Plane, planes_table, published_radius
from cevnsjax.reproduce.published import Estimate, beside, ends_of, published_by, published_limits
from cevnsjax.reproduce.study import Results, Step, Study
from cevnsjax.reproduce.workspace import Workspace
from cevnsjax.results import profile_dataset

__all__ = ["COHERENT"]

ANGLE, RADIUS = "sin2_theta_w", "neutron_radius"
TIMED = "coherent_lar:timed"
BOTH = (CSI, LAR)

STRENGTHS = (CSI, TEMPLATES, LAR, TIMED)
"""Experiments whose signal has a free normalisation; backgrounds are the only nuisances."""

PUBLISHED = {CSI: "csi", TEMPLATES: "lar"}
"""The prefix of the published rows of an experiment."""

ANGLES = {
    "csi_angle": (CSI,),
    "lar_angle": (LAR,),
    "both_angle": BOTH,
    "own_flux_angle": (CSI, f"{LAR}:own_flux"),
    "with_conus_plus_angle": (*BOTH, "conus_plus"),
}
RADII = {"csi_radius": (CSI,), "both_radius": BOTH}
RANGE, POINTS = (0.10, 0.40), 61

SWITCHES: dict[str, tuple[str, dict[str, object]]] = {
    "as the file has it": ("default", {}),
    "efficiency and quenching as one factor of 5 %": ("rates", {}),
    "form factor of Klein and Nystrand": ("default", {"target.form_factor": "klein_nystrand"}),
    "neutron radius of 5.1 fm": ("default", {"target.neutron_radius": 5.1}),
    "flux known to 5 %": ("default", {"nuisance.sns_flux.sigma": 0.05}),
    "onset of the pulse free within 25 ns": ("detailed", {}),
}
"""What moves the angle of caesium iodide: a set of systematics, and overrides of the file."""

LIMITS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("magnetic_moment", "mu_nu_e", ()),
    ("millicharge", "q_ee", ()),
    ("millicharge", "q_emu", ()),
    ("charge_radius", "r2_ee", ()),
    ("charge_radius", "r2_ee", ("r2_mumu",)),
    ("charge_radius", "r2_emu", ()),
    ("charge_radius", "r2_emu", ("r2_ee", "r2_mumu")),
)
"""A model, the coupling, and others that are free beside it."""

QUOTED = "COHERENT CsI+LAr"

PLANE = Plane(
    "coherent_radius", "sm", (RADIUS, 3.5, 7.5, 41), (ANGLE, 0.14, 0.42, 41), (Data("CsI", (CSI,)),),
    published=published_radius,
)  # fmt: skip


def _steps() -> tuple[Step, ...]:
    limits = [
        Step(f"limit_{'_'.join((name, *others))}", f"limit on {name}", partial(_limit, model, name, others))
        for model, name, others in LIMITS
    ]
    return (
        Step("strengths", "numbers of events", _strengths),
        Step("angles", "weak mixing angle", _angles),
        Step("switches", "what moves the angle", _switches),
        Step("radii", "radius of the neutrons", _radii),
        *limits,
        *counts_steps(),
        Step(PLANE.name, "plane of radius and weak mixing angle", PLANE),
        Step("profiles", "profiles of the angle", _draw),
    )


def _strengths(work: Workspace) -> list[dict[str, Any]]:
    rows = []
    for name in STRENGTHS:
        experiment = load_experiment(name)
        likelihood = Likelihood(experiment, systematics=BACKGROUNDS)
        result = fit(likelihood, [NORM.name], cl=ONE_SIGMA)
        predicted = float(likelihood.signal_in({})[0].sum())
        best = result.best_fit[NORM.name]
        low, high = around(best, result.intervals[NORM.name])
        held = {name: result.best_fit[name] for name in likelihood.searched}
        ((least, most),) = fit(likelihood, [NORM.name], held, cl=ONE_SIGMA).intervals[NORM.name]
        assert least is not None
        assert most is not None
        without = chi2_at(likelihood, {NORM.name: 0.0}) - result.chi2_min
        rows.append(
            {
                "experiment": name,
                "predicted": predicted,
                "events": [None if x is None else predicted * x for x in (best, low, high)],
                "error_of_counting": predicted * (most - least) / 2,
                "significance": math.sqrt(without),
                "chi2_min": result.chi2_min,
                "cells": experiment.cells.size,
            }
        )
    return rows


def _angles(work: Workspace) -> dict[str, Estimate]:
    return {name: one_sigma(Likelihood(*experiments), ANGLE) for name, experiments in ANGLES.items()}


def _switches(work: Workspace) -> dict[str, Estimate]:
    return {
        label: one_sigma(Likelihood(load_experiment(CSI, overrides), systematics=systematics), ANGLE)
        for label, (systematics, overrides) in SWITCHES.items()
    }


def _radii(work: Workspace) -> dict[str, Estimate]:
    found = {}
    for name, experiments in RADII.items():
        likelihood = Likelihood(*experiments)
        (own,) = (n.name for n in likelihood.nuisances if n.name.startswith(RADIUS) and "lar" not in n.name)
        found[name] = one_sigma(likelihood, own)
    return found


def _limit(model: str, name: str, others: tuple[str, ...], work: Workspace) -> dict[str, Any]:
    result = fit(Likelihood(*BOTH, model=model), [name, *others], of=[name])
    quoted = published_limits()[name, QUOTED]
    return {
        "name": name,
        "free": list(others),
        "obtained": [list(piece) for piece in result.intervals[name]],
        "published": list(ends_of(quoted)),
        "kind": quoted["kind"],
        "cl": 0.90,
    }


def _draw(work: Workspace) -> None:
    curves = []
    for label, experiments in (("CsI", (CSI,)), ("LAr", (LAR,)), ("CsI + LAr", BOTH)):
        likelihood = Likelihood(*experiments)
        result, origin = work.answer(likelihood, "profile", over=ANGLE, limits=RANGE, points=POINTS, cl=ONE_SIGMA)
        curve = profile_dataset(result, likelihood, origin)
        work.curve(f"coherent_{ANGLE}_{label.lower().replace(' + ', '_')}", curve)
        curves.append((label, smooth_profile(ANGLE, result.x, result.delta_chi2)))
    published, panels = published_by("coherent", "name"), []
    for shown, name in ((curves[:1], "csi_angle"), (curves[1:], "both_angle")):
        row = published[name]
        band = float(row["low"]), float(row["high"]), rf"{shown[-1][0]}, {row['source']}, $1\sigma$"
        panels.append(Panel(shown, likelihood.parameters[ANGLE], band))
    levels = [(threshold(ONE_SIGMA), r"$1\sigma$, 1 d.o.f."), (threshold(0.90), "90 % CL, 1 d.o.f.")]
    figure = profiles_figure(panels, 2, levels)
    work.figure(f"coherent_{ANGLE}", figure, likelihood)


def _compose(results: Results) -> dict[str, Any]:
    published = published_by("coherent", "name")
    obtained: dict[str, Estimate] = {}
    for row in results["strengths"]:
        if (prefix := PUBLISHED.get(row["experiment"])) is not None:
            obtained[f"{prefix}_events"] = tuple(row["events"])
            obtained[f"{prefix}_significance"] = (row["significance"], None, None)
    obtained |= {name: tuple(numbers) for name, numbers in {**results["angles"], **results["radii"]}.items()}
    return {
        "comparisons": [beside(published[name], numbers) for name, numbers in obtained.items() if name in published],
        "published_only": [row for name, row in published.items() if name not in obtained],
        "predictions": results["predictions"],
        "alternatives": results["alternatives"],
        "planes": results[PLANE.name],
        "strengths": results["strengths"],
        "angles": results["angles"],
        "radii": results["radii"],
        "switches": results["switches"],
        "limits": [row for name, row in results.items() if name.startswith("limit_")],
    }


def _page(content: Mapping[str, Any]) -> dict[str, str]:
    comparisons = [
        (
            row["name"], row["unit"], with_errors(row["published"], ".4g"), row["source"],
            with_errors(row["obtained"], ".4g"), f"{100 * row['deviation']:+.0f} %",
        )
        for row in content["comparisons"]
    ]  # fmt: skip
    strengths = [
        (
            row["experiment"], f"{row['predicted']:.1f}", with_errors(row["events"], ".1f"),
            f"{row['error_of_counting']:.1f}", f"{row['significance']:.1f}", f"{row['chi2_min']:.1f}",
            f"{row['cells']}",
        )
        for row in content["strengths"]
    ]  # fmt: skip
    limits = [
        (
            row["name"], ", ".join(row["free"]), pieces([row["published"]]),
            f"{pieces(row['obtained'])}{' (published: absolute value)' * (row['kind'] == 'absolute')}",
        )
        for row in content["limits"]
    ]  # fmt: skip
    (csi,) = (row for row in content["comparisons"] if row["name"] == "csi_events")
    corrected = [
        row["events"] for row in content["predictions"] if (row["experiment"], row["model"]) == (CSI, MODELS[1])
    ]
    csi_expected = next(row for row in content["published_only"] if row["name"] == "csi_predicted")
    return {
        "comparisons": table(("quantity", "unit", "published", "source", "obtained", "deviation"), comparisons),
        "strengths": table(
            ("experiment", "predicted", "events", "error, backgrounds held", "sigma", "chi^2", "cells"), strengths
        ),
        "csi_published_error": f"{(csi['published'][2] - csi['published'][1]) / 2:.0f}",
        "csi_error": f"{content['strengths'][0]['error_of_counting']:.0f}",
        "angles": _values("data", "sin^2(theta_W)", content["angles"], ".3f"),
        "csi_expected": f"{csi_expected['value']}",
        "csi_least": f"{min(corrected):.0f}",
        "csi_most": f"{max(corrected):.0f}",
        "published_only": table(
            ("quantity", "unit", "published", "source"),
            [
                (row["name"], row["unit"], with_errors([float(row["value"]), *ends_of(row)], ".4g"), row["source"])
                for row in content["published_only"]
            ],
        ),
        "predictions": table(
            ("experiment", "model", "form factor", "events"),
            [
                (row["experiment"], row["model"], row["form_factor"], f"{row['events']:.1f}")
                for row in content["predictions"]
            ],
        ),
        "alternatives": table(
            ("in place of the central template", "events"),
            [(row["in_place"], f"{row['events']:.1f}") for row in content["alternatives"]],
        ),
        "planes": planes_table(content["planes"]),
        "switches": _values("choice", "sin^2(theta_W)", content["switches"], ".3f"),
        "radii": _values("data", "R_n [fm]", content["radii"], ".2f"),
        "limits": table(("coupling", "free beside it", "published, 90 % CL", "obtained"), limits),
    }


def _values(what: str, quantity: str, rows: Mapping[str, list[float | None]], digits: str) -> str:
    names = {"csi": "CsI", "lar": "LAr", "both": "CsI + LAr", "with_conus_plus": "CsI + LAr + CONUS+"}
    names |= {"own_flux": "CsI + LAr, each with a flux of its own"}
    labels = {name: names.get(name.removesuffix("_angle").removesuffix("_radius"), name) for name in rows}
    return table((what, quantity), [(labels[name], with_errors(numbers, digits)) for name, numbers in rows.items()])


COHERENT = Study("coherent", _steps, _compose, _page, ((PLANE.x[0], PLANE.y[0]),))

"""8B neutrinos off xenon nuclei: strength of the signal, flux, weak mixing angle, limits on new physics."""

import dataclasses
import math
from functools import partial
from typing import Any

import numpy as np

from cevnsjax.figures import Panel, Strength, profiles_figure, strengths_figure
from cevnsjax.figures.smooth import smooth_profile
from cevnsjax.inference import fit, threshold
from cevnsjax.inference.value import chi2_at
from cevnsjax.likelihood import Likelihood
from cevnsjax.parameters import Parameter
from cevnsjax.reproduce.assumptions import ONE_SIGMA
from cevnsjax.reproduce.one_sigma import around, one_sigma
from cevnsjax.reproduce.published import Estimate, published_by
from cevnsjax.reproduce.solar_limits import Request, single_limits
from cevnsjax.reproduce.study import Step
from cevnsjax.reproduce.workspace import Workspace
from cevnsjax.results import profile_dataset

__all__ = ["ANGLES", "B8_LIMITS", "FIRST", "LZ", "PANDAX", "REFERENCE", "RUNS", "TOGETHER", "XENONNT", "b8_steps"]

XENONNT, FIRST, PANDAX, LZ = "xenonnt_b8", "xenonnt_b8:first", "pandax4t_b8", "lz_b8"
RUNS = tuple(f"{XENONNT}:{run}" for run in ("SR0", "SR1", "SR2"))
TOGETHER = (XENONNT, PANDAX, LZ)

REFERENCE = 5.25
"""Flux of the experiments' files [1e6 cm^-2 s^-1]: SNO's sum of all flavours, Phys. Rev. C 88, 025501 (2013)."""

FREE_FLUX, B8_FLUX, EFFICIENCY = "free_flux", "b8_flux", "signal_efficiency"
"""The set of systematics with a free flux, the flux [cm^-2 s^-1] in it, and the efficiency of XENONnT's signal."""

FLUX = Parameter("flux", REFERENCE, 1.0, (0.0, math.inf), "1e6 cm^-2 s^-1", r"\Phi(^8\mathrm{B})")
"""The flux as figures show it."""

MILLION = 1e6

LARGEST, POINTS = 20.0, 41
"""Largest flux [1e6 cm^-2 s^-1] of a profile, and its number of values."""

CL = 0.90
LIGHT, HEAVY = 1e-3, 1e3
"""Masses of mediators [MeV], far below and far above all momentum transfers, 10 to 35 MeV."""


@dataclasses.dataclass(frozen=True)
class Measurement:
    """A fit of the flux: its name, a label, and experiments.

    `published` is the prefix of the rows of `data/published/solar.csv`. With `fixed` it is fitted a second time, with
    the efficiency fixed. Its profiles are `drawn` in the figure, or not.
    """

    name: str
    label: str
    experiments: tuple[str, ...]
    published: str | None = None
    fixed: bool = False
    drawn: bool = False


MEASUREMENTS = (
    *(Measurement(run[-3:].lower(), f"XENONnT, {run[-3:]}", (run,), fixed=True) for run in RUNS),
    Measurement("first", "XENONnT, SR0 + SR1", (FIRST,), "xenonnt", fixed=True, drawn=True),
    Measurement("all_runs", "XENONnT, three runs", (XENONNT,), fixed=True, drawn=True),
    Measurement("pandax", "PandaX-4T", (PANDAX,), "pandax"),
    Measurement("lz", "LZ", (LZ,), "lz"),
    Measurement("together", "all experiments", TOGETHER, drawn=True),
)

FIGURE = (
    (("first", "free", "XENONnT, SR0 + SR1"), ("first", "fixed", "efficiency fixed")),
    (("all_runs", "free", "XENONnT, three runs"), ("together", "free", "all experiments")),
)
"""Profiles that share a panel of the figure: a measurement, whether its efficiency is fixed, and a label."""
BANDS = (("xenonnt_flux", r"published, SR0 + SR1, $1\sigma$"), ("sno_flux", r"SNO, all flavours, $1\sigma$"))
"""The published flux of each panel, and its label."""

ANGLES: dict[str, tuple[str, ...]] = {
    "XENONnT, three runs": (XENONNT,),
    "XENONnT, SR0 + SR1, and PandaX-4T": (FIRST, PANDAX),
    "CONUS+": ("conus_plus",),
}
"""Data for the weak mixing angle. The second are those of the analyses that arXiv:2501.12441 compares CONUS+ with."""

B8_LIMITS = (
    Request("magnetic_moment_effective", "mu_nu", {}),
    Request("nsi_vector", "eps_ee_uv", {}),
    Request("vector_bl", "g_bl", {"m_z": LIGHT}),
    Request("vector_bl", "g_bl", {"m_z": HEAVY}),
    Request("scalar", "g_phi", {"m_phi": LIGHT}),
    Request("scalar", "g_phi", {"m_phi": HEAVY}),
)


def b8_steps() -> tuple[Step, ...]:
    """Return the steps: fluxes and their figures, weak mixing angle, limits."""
    fluxes = [Step(f"flux_{one.name}", f"flux of 8B: {one.label}", partial(_flux, one)) for one in MEASUREMENTS]
    return (
        *fluxes,
        Step("b8_figures", "figures of the flux of 8B", _draw, tuple(step.name for step in fluxes)),
        Step("b8_angles", "weak mixing angle from 8B", _angles),
        Step("b8_limits", "limits from 8B", _limits),
    )


def _flux(one: Measurement, work: Workspace) -> dict[str, Any]:
    """Return the flux with one standard deviation, the significance of the signal, and counts.

    The significance is the root of chi-squared without a signal above its minimum: at 1 cm^-2 s^-1, the flux's bound.
    """
    likelihood = Likelihood(*one.experiments, systematics=FREE_FLUX)
    least = likelihood.parameters[B8_FLUX].bounds[0]
    fluxes, profiles = {}, {}
    for kind, values in (("free", {}), *([("fixed", {EFFICIENCY: 1.0})] if one.fixed else [])):
        if one.drawn:
            limits = (least, MILLION * LARGEST)
            request = {"over": B8_FLUX, "free": [], "values": values, "limits": limits, "points": POINTS}
            profile, origin = work.answer(likelihood, "profile", **request, cl=ONE_SIGMA)
            work.curve(f"solar_flux_{one.name}_{kind}", profile_dataset(profile, likelihood, origin))
            profiles[kind] = [(profile.x / MILLION).tolist(), profile.delta_chi2.tolist()]
            chi2_min, best, intervals = profile.chi2_min, profile.best_fit[B8_FLUX], profile.intervals
        else:
            result = fit(likelihood, [B8_FLUX], values, cl=ONE_SIGMA)
            chi2_min, best, intervals = result.chi2_min, result.best_fit[B8_FLUX], result.intervals[B8_FLUX]
        fluxes[kind] = [None if x is None else x / MILLION for x in (best, *around(best, intervals))]
    return {
        "name": one.name,
        "label": one.label,
        "flux": fluxes["free"],
        "flux_efficiency_fixed": fluxes.get("fixed"),
        "significance": math.sqrt(chi2_at(likelihood, {B8_FLUX: least}) - chi2_min),
        "chi2_min": chi2_min,
        "published": one.published,
        "profiles": profiles,
        **_counts(likelihood),
    }


def _counts(likelihood: Likelihood) -> dict[str, float | int]:
    """Return observed events, and those that the nominal background and the Standard Model predict."""
    return {
        "observed": float(sum(np.asarray(run.observed)[: run.cells.size].sum() for run in likelihood.experiments)),
        "background": float(sum(counts.sum() for counts in likelihood.background_in({}))),
        "predicted": float(sum(counts.sum() for counts in likelihood.signal_in({}))),
        "cells": sum(run.cells.size for run in likelihood.experiments),
    }


def _draw(work: Workspace) -> None:
    """Draw the profiles of the flux, and all strengths beside the published ones."""
    published, panels = published_by("solar", "name"), []
    rows = {one.name: work.results[f"flux_{one.name}"] for one in MEASUREMENTS}
    for drawn, (quoted, text) in zip(FIGURE, BANDS, strict=True):
        curves = []
        for name, kind, label in drawn:
            x, y = rows[name]["profiles"][kind]
            curves.append((label, smooth_profile(FLUX.name, x, y)))
        band = float(published[quoted]["low"]), float(published[quoted]["high"]), text
        panels.append(Panel(curves, FLUX, band))
    levels = [(threshold(ONE_SIGMA), r"$1\sigma$, 1 d.o.f."), (threshold(CL), "90 % CL, 1 d.o.f.")]
    work.figure("solar_flux", profiles_figure(panels, 2, levels), Likelihood(*TOGETHER, systematics=FREE_FLUX))

    strengths = []
    for row in rows.values():
        value, low, high = (None if x is None else x / REFERENCE for x in row["flux"])
        if value is None or low is None or high is None:
            continue
        given = None
        if row["published"] is not None:
            numbers = published[f"{row['published']}_flux"]
            best, down, up = (float(numbers[name]) / REFERENCE for name in ("value", "low", "high"))
            given = best, best - down, up - best
        strengths.append(Strength(row["label"], value, low, high, given))
    figure = strengths_figure(strengths, r"published flux / $5.25\times10^6$ cm$^{-2}$ s$^{-1}$")
    work.figure("solar_strengths", figure, Likelihood(*TOGETHER, systematics=FREE_FLUX))


def _angles(work: Workspace) -> dict[str, Estimate]:
    """Return the angle with one standard deviation; nuisances of the flux and the efficiency have their constraints."""
    return {label: one_sigma(Likelihood(*experiments), "sin2_theta_w") for label, experiments in ANGLES.items()}


def _limits(work: Workspace) -> list[dict[str, Any]]:
    return single_limits(XENONNT, B8_LIMITS, CL)

"""8B neutrinos off xenon nuclei: strength of the signal, flux, weak mixing angle, limits on new physics."""

import dataclasses
import math
from functools import partial
from typing import Any

import numpy as np
import xarray as xr

from cevnsjax.experiments import load_runs
from cevnsjax.figures import Panel, Strength, profiles_figure, strengths_figure
from cevnsjax.inference import fit, threshold
from cevnsjax.likelihood import Likelihood
from cevnsjax.parameters import NORM, Parameter
from cevnsjax.reproduce.assumptions import ONE_SIGMA
from cevnsjax.reproduce.published import published_by
from cevnsjax.reproduce.study import Step
from cevnsjax.reproduce.workspace import Workspace
from cevnsjax.results import profile_dataset

__all__ = ["ANGLES", "B8_LIMITS", "FIRST", "LZ", "PANDAX", "REFERENCE", "RUNS", "TOGETHER", "XENONNT", "b8_steps"]

XENONNT, FIRST, PANDAX, LZ = "xenonnt_b8", "xenonnt_b8:first", "pandax4t_b8", "lz_b8"
RUNS = tuple(f"{XENONNT}:{run}" for run in ("SR0", "SR1", "SR2"))
TOGETHER = (XENONNT, PANDAX, LZ)

REFERENCE = 5.25
"""Flux of the experiments' files [1e6 cm^-2 s^-1]: SNO's sum of all flavours, Phys. Rev. C 88, 025501 (2013)."""

BACKGROUNDS, FREE_FLUX, B8_FLUX = "backgrounds", "free_flux", "b8_flux"
"""Two sets of systematics, and the free parameter of the second. The first has no nuisance on the signal's strength."""

FLUX = Parameter("flux", REFERENCE, 1.0, (0.0, math.inf), "1e6 cm^-2 s^-1", r"\Phi(^8\mathrm{B})")
"""The flux as figures show it."""

LARGEST, POINTS = 20.0, 41
"""Largest flux [1e6 cm^-2 s^-1] of a profile, and its number of values."""

CL = 0.90
LIGHT, HEAVY = 1e-3, 1e3
"""Masses of mediators [MeV], far below and far above all momentum transfers, 10 to 35 MeV."""


@dataclasses.dataclass(frozen=True)
class Measurement:
    """A fit of the flux: its name, a label, experiments, and a set of systematics.

    `published` is the prefix of the rows of `data/published/solar.csv`.
    """

    name: str
    label: str
    experiments: tuple[str, ...]
    systematics: str = BACKGROUNDS
    published: str | None = None

    @property
    def parameter(self) -> str:
        """The parameter that is free: the signal's strength, or the flux, which all experiments share."""
        return B8_FLUX if self.systematics == FREE_FLUX else NORM.name

    @property
    def unit(self) -> float:
        """The flux [1e6 cm^-2 s^-1] that one of the free parameter stands for."""
        return 1e-6 if self.systematics == FREE_FLUX else REFERENCE

    def likelihood(self) -> Likelihood:
        """Return the likelihood of the Standard Model."""
        return Likelihood(*self.experiments, systematics=self.systematics)


EACH_RUN = tuple(Measurement(name.split(":")[1].lower(), f"XENONnT, {name.split(':')[1]}", (name,)) for name in RUNS)
MEASUREMENTS = (
    *EACH_RUN,
    Measurement("first", "XENONnT, SR0 + SR1, efficiency fixed", (FIRST,)),
    Measurement("first_efficiency", "XENONnT, SR0 + SR1", (FIRST,), FREE_FLUX, "xenonnt"),
    Measurement("all_runs", "XENONnT, three runs, efficiency fixed", (XENONNT,)),
    Measurement("all_runs_efficiency", "XENONnT, three runs", (XENONNT,), FREE_FLUX),
    Measurement("pandax", "PandaX-4T, counts", (PANDAX,), BACKGROUNDS, "pandax"),
    Measurement("lz", "LZ, published flux", (LZ,), FREE_FLUX, "lz"),
    Measurement("together", "all experiments", TOGETHER, FREE_FLUX),
)

FIGURE = (("first_efficiency", "first"), ("all_runs_efficiency", "together"))
"""Measurements that share a panel of the figure."""
BANDS = (("xenonnt_flux", r"XENONnT, SR0 + SR1, published, $1\sigma$"), ("sno_flux", r"SNO, all flavours, $1\sigma$"))

ANGLES: dict[str, tuple[str, ...]] = {
    "XENONnT, three runs": (XENONNT,),
    "XENONnT, SR0 + SR1, and PandaX-4T": (FIRST, PANDAX),
    "CONUS+": ("conus_plus",),
}
"""Data for the weak mixing angle. The second are those of the analyses that arXiv:2501.12441 compares CONUS+ with."""

B8_LIMITS: tuple[tuple[str, str, dict[str, float]], ...] = (
    ("magnetic_moment_effective", "mu_nu", {}),
    ("nsi_vector", "eps_ee_uv", {}),
    ("nsi_vector", "eps_ee_dv", {}),
    ("vector_bl", "g_bl", {"m_z": LIGHT}),
    ("vector_bl", "g_bl", {"m_z": HEAVY}),
    ("scalar", "g_phi", {"m_phi": LIGHT}),
    ("scalar", "g_phi", {"m_phi": HEAVY}),
)
"""A model, the coupling that is free, and the mass [MeV] of a mediator."""


def b8_steps() -> tuple[Step, ...]:
    """Return the steps: fluxes and their figures, weak mixing angle, limits."""
    fluxes = [Step(f"flux_{one.name}", f"flux of 8B: {one.label}", partial(_flux, one)) for one in MEASUREMENTS]
    return (
        *fluxes,
        Step("b8_figures", "figures of the flux of 8B", _draw),
        Step("b8_angles", "weak mixing angle from 8B", _angles),
        Step("b8_limits", "limits from 8B", _limits),
    )


def _flux(one: Measurement, work: Workspace) -> dict[str, Any]:
    """Return the flux with one standard deviation, the significance of the signal, and counts.

    The significance is the root of the chi-squared without a signal above its minimum. Where the flux is free it may
    not vanish, and the significance is that of the fit without the efficiency's nuisance.
    """
    likelihood = one.likelihood()
    profile = None
    if any(one.name in names for names in FIGURE):
        limits = (0.0 if one.parameter == NORM.name else 1.0, LARGEST / one.unit)
        request = {"over": one.parameter, "free": [], "limits": limits, "points": POINTS, "cl": ONE_SIGMA}
        result, origin = work.answer(likelihood, "profile", **request)
        work.curve(f"solar_flux_{one.name}", profile_dataset(result, likelihood, origin))
        profile = [(one.unit * result.x).tolist(), result.delta_chi2.tolist()]
        ((low, high),) = result.intervals
    else:
        result = fit(likelihood, [one.parameter], cl=ONE_SIGMA)
        ((low, high),) = result.intervals[one.parameter]
    significance = None
    if one.parameter == NORM.name:
        significance = math.sqrt(float(likelihood.chi2({NORM.name: 0.0})) - result.chi2_min)
    ends = [result.best_fit[one.parameter], low, high]
    return {
        "name": one.name,
        "label": one.label,
        "systematics": one.systematics,
        "flux": [None if x is None else one.unit * x for x in ends],
        "significance": significance,
        "chi2_min": result.chi2_min,
        "published": one.published,
        "profile": profile,
        **_counts(one.experiments),
    }


def _counts(names: tuple[str, ...]) -> dict[str, float | int]:
    """Return observed events, and those that the nominal background and the Standard Model predict."""
    runs = [run for name in names for run in load_runs(name)]
    likelihood = Likelihood(*runs, systematics=FREE_FLUX)
    expected = float(sum(np.asarray(counts).sum() for counts in likelihood.expected_in({})))
    background = float(sum(run.background().sum() for run in runs))
    return {
        "observed": float(sum(np.asarray(run.observed)[: run.cells.size].sum() for run in runs)),
        "background": background,
        "predicted": expected - background,
        "cells": sum(run.cells.size for run in runs),
    }


def _draw(work: Workspace) -> None:
    """Draw the profiles of the flux, and all strengths beside the published ones."""
    published, panels = published_by("solar", "name"), []
    rows = {one.name: work.results[f"flux_{one.name}"] for one in MEASUREMENTS}
    for names, (quoted, label) in zip(FIGURE, BANDS, strict=True):
        curves = []
        for row in (rows[name] for name in names):
            x, y = row["profile"]
            curves.append((row["label"], xr.Dataset({"delta_chi2": (FLUX.name, y)}, {FLUX.name: x})))
        band = float(published[quoted]["low"]), float(published[quoted]["high"]), label
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
    figure = strengths_figure(strengths, "published flux / 5.25e6")
    work.figure("solar_strengths", figure, Likelihood(*TOGETHER, systematics=FREE_FLUX))


def _angles(work: Workspace) -> dict[str, list[float | None]]:
    """Return the angle with one standard deviation; nuisances of the flux and the efficiency have their constraints."""
    found = {}
    for label, experiments in ANGLES.items():
        result = fit(Likelihood(*experiments), ["sin2_theta_w"], cl=ONE_SIGMA)
        ((low, high),) = result.intervals["sin2_theta_w"]
        found[label] = [result.best_fit["sin2_theta_w"], low, high]
    return found


def _limits(work: Workspace) -> list[dict[str, Any]]:
    rows, models = [], {}
    for name, quantity, values in B8_LIMITS:
        if name not in models:
            models[name] = Likelihood(XENONNT, model=name)
        result = fit(models[name], [quantity], values, cl=CL)
        pieces = [list(piece) for piece in result.intervals[quantity]]
        rows.append({"model": name, "quantity": quantity, "values": values, "intervals": pieces})
    return rows

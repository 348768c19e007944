"""Solar neutrinos off electrons in xenon: XENONnT's spectrum, and limits beside published ones."""

from collections.abc import Mapping
from functools import partial
from types import MappingProxyType
from typing import Any

import numpy as np

from cevnsjax.experiments import load_experiment
from cevnsjax.figures import Panel, StackedPanel, power_of_ten, profiles_figure, stacked_figure
from cevnsjax.figures.smooth import smooth_profile
from cevnsjax.figures.style import level_label
from cevnsjax.inference import fit, threshold
from cevnsjax.likelihood import Likelihood
from cevnsjax.reproduce.projections import DAYS_PER_YEAR
from cevnsjax.reproduce.published import ends_of, half_width, outer_ends, published_by, published_limits
from cevnsjax.reproduce.solar_limits import Request, single_limits
from cevnsjax.reproduce.study import Results, Step
from cevnsjax.reproduce.workspace import Workspace
from cevnsjax.results import profile_dataset

__all__ = ["CL", "DEFAULT", "EXPERIMENT", "MEDIATORS", "QUANTITIES", "VARIANTS", "electron_limits", "electron_steps"]

EXPERIMENT = "xenonnt_er"
CL = 0.90
BACKGROUND = "background_rate"
"""The nuisance that scales the whole background."""

QUANTITIES = {
    "mu_nu": "magnetic_moment_effective",
    "mu_nu_e": "magnetic_moment",
    "q_ee": "millicharge",
    "r2_ee": "charge_radius",
}
"""Couplings with a published limit, and their models."""

DRAWN = {"mu_nu": (0.0, 1.2e-11), "mu_nu_e": (0.0, 1.6e-11), "q_ee": (-6e-13, 1.0e-12), "r2_ee": (-1.6e-30, 9e-31)}
"""Ranges of the figure, in mu_B, e and cm^2."""
POINTS = 61

LIGHT, HEAVY = 1e-3, 1e2
"""Masses of mediators [MeV], far below and far above the momentum transfers, 0.03 to 0.2 MeV."""
MEDIATORS = tuple(
    Request(model, coupling, {mass: at})
    for model, coupling, mass in (("vector_bl", "g_bl", "m_z"), ("scalar", "g_phi", "m_phi"))
    for at in (LIGHT, HEAVY)
)


DEFAULT, WITHIN, FIXED = "background free", "background within 3 %", "background fixed"
FREE = "54 free electrons"
BOTH = f"{FREE}, background fixed"
VARIANTS = (DEFAULT, WITHIN, FIXED, FREE, BOTH)
"""Assumptions, the file's own first."""

NARROW: dict[str, object] = {f"nuisance.{BACKGROUND}.free": False, f"nuisance.{BACKGROUND}.sigma": 0.03}
ALL_ELECTRONS: dict[str, object] = {"target.electrons": "free"}
HELD: dict[str, float] = {BACKGROUND: 1.0}

FITS: tuple[tuple[dict[str, object], dict[str, dict[str, float]]], ...] = (
    ({}, {DEFAULT: {}, FIXED: HELD}),
    (NARROW, {WITHIN: {}}),
    (ALL_ELECTRONS, {FREE: {}, BOTH: HELD}),
)
"""Overrides of the experiment's file, and by assumption the parameters that are held."""

CURVES = {DEFAULT: "background_free", WITHIN: "background_within_3", FIXED: "background_fixed"}
"""Assumptions whose profiles are drawn, and how their files are called."""


def electron_steps() -> tuple[Step, ...]:
    """Return the steps: the limits under each assumption, figures, expected limit, mediators."""
    limits = [
        Step(f"electrons_{quantity}", f"limits on {quantity}", partial(_limits, quantity)) for quantity in QUANTITIES
    ]
    return (
        *limits,
        Step("electrons_profiles", "profiles of electromagnetic properties", _draw, tuple(one.name for one in limits)),
        Step("electrons_spectrum", "electron recoils, spectrum", _spectrum, ("electrons_mu_nu",)),
        Step("electrons_expected", "expected limit on the effective moment", _expected),
        Step("electrons_mediators", "mediators off electrons", _mediators),
    )


def _likelihood(quantity: str, overrides: Mapping[str, object] = MappingProxyType({})) -> Likelihood:
    return Likelihood(load_experiment(EXPERIMENT, dict(overrides)), model=QUANTITIES[quantity])


def _limits(quantity: str, work: Workspace) -> dict[str, dict[str, Any]]:
    """Return what is allowed of a coupling under each assumption, with the profiles that are drawn."""
    rows: dict[str, dict[str, Any]] = {}
    for overrides, held in FITS:
        likelihood = _likelihood(quantity, overrides)
        for name, values in held.items():
            if name not in CURVES:
                result = fit(likelihood, [quantity], values, cl=CL)
                rows[name] = {"best": result.best_fit[quantity], "intervals": _pieces(result.intervals[quantity])}
                continue
            request = {"over": quantity, "free": [], "values": values, "limits": DRAWN[quantity], "points": POINTS}
            profile, origin = work.answer(likelihood, "profile", **request, cl=CL)
            work.curve(f"solar_{quantity}_{CURVES[name]}", profile_dataset(profile, likelihood, origin))
            rows[name] = {
                "best": profile.best_fit[quantity],
                "intervals": _pieces(profile.intervals),
                "profile": [profile.x.tolist(), profile.delta_chi2.tolist()],
            }
    return rows


def _pieces(intervals: Any) -> list[list[float | None]]:
    return [list(piece) for piece in intervals]


def _draw(work: Workspace) -> None:
    """Draw the profiles of each coupling for each treatment of the background."""
    panels = []
    for quantity, row in _published().items():
        curves = []
        for name in CURVES:
            x, y = work.results[f"electrons_{quantity}"][name]["profile"]
            curves.append((name, smooth_profile(quantity, x, y)))
        low = row["low"] if row["low"] is not None else 0.0
        parameter = _likelihood(quantity).parameters[quantity]
        allowed = low, row["high"], f"excluded, {row['source'].removeprefix('Tables of ')}"
        panels.append(Panel(curves, parameter, allowed=allowed))
    figure = profiles_figure(panels, 2, [(threshold(CL), level_label(CL, 1))])
    work.figure("solar_electron_limits", figure, _likelihood("mu_nu"))


def _spectrum(work: Workspace) -> dict[str, float]:
    """Draw data and prediction, with and without the background, and return the counts of 1 to 30 keV.

    The background is at its best fit of the Standard Model. The effective moment is at its limit.
    """
    likelihood = _likelihood("mu_nu")
    (experiment,) = likelihood.experiments
    ((_, moment),) = work.results["electrons_mu_nu"][DEFAULT]["intervals"]
    scale = fit(likelihood, [BACKGROUND], cl=CL).best_fit[BACKGROUND]
    background = scale * np.asarray(experiment.background())
    at = {BACKGROUND: scale}
    standard = np.asarray(likelihood.expected(at)) - background
    magnetic = np.asarray(likelihood.expected({**at, "mu_nu": moment})) - background - standard
    observed = np.asarray(experiment.observed)
    (axis,) = experiment.cells.axes
    edges, unit = np.append(axis.low[::2], axis.high[-1]), r"keV$_\mathrm{ee}$"
    # Two bins of the fit are one of the figure.
    under, sun, of_moment, data = (x.reshape(-1, 2).sum(axis=1) for x in (background, standard, magnetic, observed))
    of_sun = [("solar neutrinos", sun), (rf"$\mu_\nu={power_of_ten(moment)}\,\mu_B$, 90 % CL, 1 d.o.f.", of_moment)]
    exposure = float(experiment.sample_exposure[0]) / (1e3 * DAYS_PER_YEAR)
    panels = [
        StackedPanel(title, f"energy [{unit}]", unit, edges, components, points, np.sqrt(data))
        for title, components, points in (
            (f"XENONnT, {exposure:.3g} t yr", [("background", under), *of_sun], data),
            ("background taken off", [("background", 0 * under), *of_sun], data - under),
        )
    ]
    work.figure("solar_electron_spectrum", stacked_figure([panels]), likelihood)
    below = axis.high <= 10
    return {
        "observed": float(observed.sum()),
        "background": float(background.sum()),
        "solar": float(standard.sum()),
        "solar_below_10_keV": float(standard[below].sum()),
        "of_moment": float(magnetic.sum()),
        "moment": moment,
    }


def _expected(work: Workspace) -> float:
    """Return the limit on the effective moment of data that equal the Standard Model's expectation."""
    likelihood = Likelihood(EXPERIMENT)
    data = likelihood.experiments[0].with_data(np.asarray(likelihood.expected({})))
    ((_, high),) = fit(Likelihood(data, model=QUANTITIES["mu_nu"]), ["mu_nu"], cl=CL).intervals["mu_nu"]
    assert high is not None
    return high


def _mediators(work: Workspace) -> list[dict[str, Any]]:
    return single_limits(EXPERIMENT, MEDIATORS, CL)


def _published() -> dict[str, dict[str, Any]]:
    """Return the published limits on XENONnT's data by coupling."""
    moment = published_by("solar", "name")["mu_nu"]
    rows = {
        "mu_nu": {"low": None, "high": float(moment["high"]), "kind": "upper", "source": "arXiv:2207.11330"},
    }
    limits = published_limits()
    for quantity in QUANTITIES:
        if (row := limits.get((quantity, "XENONnT"))) is not None:
            low, high = ends_of(row)
            rows[quantity] = {"low": low, "high": high, "kind": row["kind"], "source": "Tables of arXiv:2501.12441"}
    return rows


def electron_limits(results: Results) -> list[dict[str, Any]]:
    """Return each coupling's published limit beside those under all assumptions.

    A deviation is that of half the width between the outer ends, or of the upper limit.
    """
    table = []
    for quantity, row in _published().items():
        published = [row["low"], row["high"]]
        under = {}
        for name in VARIANTS:
            intervals = results[f"electrons_{quantity}"][name]["intervals"]
            ends = outer_ends(intervals, row["kind"])
            deviation = half_width(ends) / half_width((row["low"], row["high"])) - 1
            under[name] = {"intervals": intervals, "ends": list(ends), "deviation": deviation}
        table.append({**row, "quantity": quantity, "published": published, "under": under})
    return table

"""Solar neutrinos off electrons in xenon: XENONnT's spectrum, and limits beside published ones."""

import dataclasses
from functools import partial
from typing import Any

import numpy as np

from cevnsjax.experiments import load_experiment
from cevnsjax.figures import Panel, StackedPanel, power_of_ten, profiles_figure, stacked_figure
from cevnsjax.figures.style import level_label
from cevnsjax.inference import fit, threshold
from cevnsjax.likelihood import Likelihood
from cevnsjax.reproduce.published import half_width, outer_ends, published_by, published_rows
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
    (model, coupling, mass, at)
    for model, coupling, mass in (("vector_bl", "g_bl", "m_z"), ("scalar", "g_phi", "m_phi"))
    for at in (LIGHT, HEAVY)
)
"""A model, the coupling that is free, and the name and value [MeV] of the mediator's mass."""


@dataclasses.dataclass(frozen=True)
class Variant:
    """One assumption: its name, what it changes in the experiment's file, and whether its profiles are drawn."""

    name: str
    overrides: dict[str, object] = dataclasses.field(default_factory=dict)
    drawn: bool = True

    def likelihood(self, quantity: str) -> Likelihood:
        """Return the likelihood of a coupling's model."""
        return Likelihood(load_experiment(EXPERIMENT, self.overrides), model=QUANTITIES[quantity])


def _known(width: float) -> dict[str, object]:
    """Return the overrides that constrain the background's normalisation to a share of it."""
    return {f"nuisance.{BACKGROUND}.free": False, f"nuisance.{BACKGROUND}.sigma": width}


DEFAULT = Variant("background free")
FIXED = Variant("background fixed", _known(1e-6))
VARIANTS = (
    DEFAULT,
    Variant("background within 3 %", _known(0.03)),
    FIXED,
    Variant("54 free electrons", {"target.electrons": "free"}, drawn=False),
    Variant("54 free electrons, background fixed", {"target.electrons": "free", **FIXED.overrides}, drawn=False),
)


def electron_steps() -> tuple[Step, ...]:
    """Return the steps: the limits under each assumption, figures, expected limit, mediators."""
    limits = [
        Step(f"electrons_{number}_{quantity}", f"{quantity}: {variant.name}", partial(_limit, variant, quantity))
        for number, variant in enumerate(VARIANTS)
        for quantity in QUANTITIES
    ]
    return (
        *limits,
        Step("electrons_profiles", "profiles of electromagnetic properties", _draw),
        Step("electrons_spectrum", "electron recoils, spectrum", _spectrum),
        Step("electrons_expected", "expected limit on the effective moment", _expected),
        Step("electrons_mediators", "mediators off electrons", _mediators),
    )


def _limit(variant: Variant, quantity: str, work: Workspace) -> dict[str, Any]:
    likelihood = variant.likelihood(quantity)
    if not variant.drawn:
        result = fit(likelihood, [quantity], cl=CL)
        return {"best": result.best_fit[quantity], "intervals": _pieces(result.intervals[quantity])}
    limits = DRAWN[quantity]
    request = {"over": quantity, "free": [], "limits": limits, "points": POINTS, "cl": CL}
    profile, origin = work.answer(likelihood, "profile", **request)
    curve = profile_dataset(profile, likelihood, origin)
    work.curve(f"solar_{quantity}_{variant.name.replace(' %', '').replace(' ', '_')}", curve)
    return {
        "best": profile.best_fit[quantity],
        "intervals": _pieces(profile.intervals),
        "profile": [profile.x.tolist(), profile.delta_chi2.tolist()],
    }


def _pieces(intervals: Any) -> list[list[float | None]]:
    return [list(piece) for piece in intervals]


def _draw(work: Workspace) -> None:
    """Draw the profiles of each coupling for each treatment of the background."""
    import xarray as xr

    panels = []
    for quantity, row in _published().items():
        curves = []
        for number, variant in enumerate(VARIANTS):
            if variant.drawn:
                x, y = work.results[f"electrons_{number}_{quantity}"]["profile"]
                curves.append((variant.name, xr.Dataset({"delta_chi2": (quantity, y)}, {quantity: x})))
        low = row["low"] if row["low"] is not None else 0.0
        parameter = DEFAULT.likelihood(quantity).parameters[quantity]
        panels.append(Panel(curves, parameter, (low, row["high"], f"{row['source']}, 90 % CL")))
    figure = profiles_figure(panels, 2, [(threshold(CL), level_label(CL, 1))])
    work.figure("solar_electron_limits", figure, DEFAULT.likelihood("mu_nu"))


def _spectrum(work: Workspace) -> dict[str, float]:
    """Draw data and prediction, with and without the background, and return the counts of 1 to 30 keV.

    The background is at its best fit of the Standard Model. The effective moment is at its limit.
    """
    likelihood = DEFAULT.likelihood("mu_nu")
    (experiment,) = likelihood.experiments
    ((_, moment),) = work.results["electrons_0_mu_nu"]["intervals"]
    scale = fit(likelihood, [BACKGROUND], cl=CL).best_fit[BACKGROUND]
    background = scale * np.asarray(experiment.background())
    at = {BACKGROUND: scale}
    standard = np.asarray(likelihood.expected(at)) - background
    magnetic = np.asarray(likelihood.expected({**at, "mu_nu": moment})) - background - standard
    observed = np.asarray(experiment.observed)
    (axis,) = experiment.cells.axes
    edges, unit = np.append(axis.low, axis.high[-1]), r"keV$_\mathrm{ee}$"
    of_sun = [("solar neutrinos", standard), (rf"$\mu_\nu={power_of_ten(moment)}\,\mu_B$, 90 % CL", magnetic)]
    panels = [
        StackedPanel(title, f"energy [{unit}]", unit, edges, components, data, np.sqrt(observed))
        for title, components, data in (
            ("XENONnT, 1.16 t yr", [("background", background), *of_sun], observed),
            ("background taken off", [("background", 0 * background), *of_sun], observed - background),
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
    rows, likelihoods = [], {}
    for model, coupling, mass, at in MEDIATORS:
        if model not in likelihoods:
            likelihoods[model] = Likelihood(EXPERIMENT, model=model)
        result = fit(likelihoods[model], [coupling], {mass: at}, cl=CL)
        rows.append(
            {"model": model, "quantity": coupling, "values": {mass: at}, "intervals": _pieces(result.intervals[coupling])}
        )
    return rows


def _published() -> dict[str, dict[str, Any]]:
    """Return the published limits on XENONnT's data by coupling."""
    moment = published_by("solar", "name")["mu_nu"]
    rows = {
        "mu_nu": {"low": None, "high": float(moment["high"]), "kind": "upper", "source": "arXiv:2207.11330"},
    }
    for row in published_rows("limits"):
        if row["experiment"] == "XENONnT" and row["quantity"] in QUANTITIES:
            low = float(row["low"]) if row["low"] else None
            about = {"low": low, "high": float(row["high"]), "kind": row["kind"], "source": "Tables of arXiv:2501.12441"}
            rows[row["quantity"]] = about
    return rows


def electron_limits(results: Results) -> list[dict[str, Any]]:
    """Return each coupling's published limit beside those under all assumptions.

    A deviation is that of half the width between the outer ends, or of the upper limit.
    """
    table = []
    for quantity, row in _published().items():
        published = [row["low"], row["high"]]
        under = {}
        for number, variant in enumerate(VARIANTS):
            intervals = results[f"electrons_{number}_{quantity}"]["intervals"]
            ends = outer_ends(intervals, row["kind"])
            deviation = half_width(ends) / half_width((row["low"], row["high"])) - 1
            under[variant.name] = {"intervals": intervals, "ends": list(ends), "deviation": deviation}
        table.append({**row, "quantity": quantity, "published": published, "under": under})
    return table

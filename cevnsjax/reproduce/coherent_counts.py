"""COHERENT's counts: spectra with components stacked, profiles of the number of events, alternatives, predictions."""

import itertools
from typing import Any

import numpy as np
import xarray as xr

from cevnsjax.experiments import Experiment, load_experiment
from cevnsjax.figures import Panel, StackedPanel, in_latex, profiles_figure, stacked_figure
from cevnsjax.inference import fit, threshold
from cevnsjax.likelihood import Likelihood
from cevnsjax.matter import Target
from cevnsjax.matter.form_factors import YUKAWA_RANGE_FM
from cevnsjax.parameters import NORM, Parameter
from cevnsjax.reproduce.assumptions import ONE_SIGMA
from cevnsjax.reproduce.published import published_by
from cevnsjax.reproduce.study import Step
from cevnsjax.reproduce.workspace import Workspace
from cevnsjax.resources import data_folder, read_table
from cevnsjax.results import profile_dataset

__all__ = ["BACKGROUNDS", "CSI", "LAR", "MODELS", "TEMPLATES", "counts_steps"]

CSI, LAR, TEMPLATES = "coherent_csi", "coherent_lar", "coherent_lar:templates"

BACKGROUNDS = "backgrounds"
"""The set of systematics of a free normalisation: the signal's own are in it."""

SUBTRACTED = "steady_state"
"""The background that is taken off expectation and data, as the collaboration's figures do."""

LABELS = {
    "beam_neutrons": "beam neutrons", "neutrino_neutrons": "neutrino-induced neutrons",
    "brn": "beam neutrons", "delayed_brn": "delayed beam neutrons",
}  # fmt: skip
AXES = {"energy": "energy", "f90": "F90", "time": "time"}

MODELS = ("sm", "sm:radiative")
HELM, MEASURED, ORIGINAL = "Helm", "Klein and Nystrand", "Klein and Nystrand, R = 1.2 A^(1/3) fm"
FORM_FACTORS = {HELM: "helm", MEASURED: "klein_nystrand", ORIGINAL: "klein_nystrand"}
"""Form factors by their labels: radii are the measured ones but in the last."""

ALTERNATIVES: tuple[tuple[str, dict[str, str]], ...] = (
    ("none: the release's central templates", {}),
    ("signal, F90 one standard deviation up", {"signal.column": "cevns_f90_up"}),
    ("signal, F90 one standard deviation down", {"signal.column": "cevns_f90_down"}),
    ("signal, mean time", {"signal.column": "cevns_time"}),
    ("beam neutrons, energy up", {"sample.brn.column": "brn_energy_up"}),
    ("beam neutrons, energy down", {"sample.brn.column": "brn_energy_down"}),
    ("beam neutrons, mean time up", {"sample.brn.column": "brn_time_up"}),
    ("beam neutrons, mean time down", {"sample.brn.column": "brn_time_down"}),
    ("beam neutrons, width of time", {"sample.brn.column": "brn_width"}),
)
"""Templates of liquid argon that are taken in place of the central ones."""

EVENTS = Parameter("events", 0.0, 1.0, (0.0, np.inf), latex=r"N_{\mathrm{CE}\nu\mathrm{NS}}")
POINTS = 121


def counts_steps() -> tuple[Step, ...]:
    """Return the steps: spectra, profiles of the number of events, alternative templates, predictions."""
    return (
        Step("spectra", "spectra with their components", _spectra),
        Step("events", "profiles of the number of events", _events),
        Step("alternatives", "alternative templates of liquid argon", _alternatives),
        Step("predictions", "predictions of the Standard Model", _predictions),
    )


def _spectra(work: Workspace) -> None:
    """Draw both detectors at their best fit of a free normalisation, the steady background taken off."""
    rows = []
    for name, title in ((CSI, "CsI"), (LAR, "LAr")):
        likelihood = Likelihood(name, systematics=BACKGROUNDS)
        result = fit(likelihood, [NORM.name], cl=ONE_SIGMA)
        (experiment,) = likelihood.experiments
        parts = _components(experiment, result.best_fit)
        (parts["signal"],) = likelihood.signal_in(result.best_fit)
        shape = [axis.size for axis in experiment.cells.axes]
        panels = []
        for number, axis in enumerate(experiment.cells.axes):
            others = tuple(i for i in range(len(shape)) if i != number)

            def along(counts: np.ndarray, shape: list[int] = shape, others: tuple[int, ...] = others) -> np.ndarray:
                return counts.reshape(shape).sum(axis=others)

            components = [(LABELS[part], along(parts[part])) for part in LABELS if part in parts]
            components.append((in_latex("CEvNS"), along(parts["signal"])))
            observed = along(np.asarray(experiment.observed))
            unit = {"us": r"$\mu$s"}.get(axis.unit, axis.unit.replace("keV_ee", r"keV$_\mathrm{ee}$"))
            label = AXES[axis.name] + (f" [{unit}]" if unit else "")
            edges = np.append(axis.low, axis.high[-1])
            panel = StackedPanel(
                title, label, unit, edges, components, observed - along(parts[SUBTRACTED]), np.sqrt(observed)
            )
            panels.append(panel)
        rows.append(panels)
    work.figure("coherent_spectra", stacked_figure(rows), Likelihood(CSI, LAR))


def _components(experiment: Experiment, fitted: dict[str, float]) -> dict[str, np.ndarray]:
    """Return the counts of each background, its factors as they were fitted."""
    counts = {sample.name: np.array(experiment.sample_counts(sample)) for sample in experiment.samples}
    for nuisance in experiment.nuisances[BACKGROUNDS]:
        for name in set(nuisance.scale) & set(counts):
            counts[name] *= fitted.get(nuisance.name, 1.0)
    return counts


def _events(work: Workspace) -> None:
    """Draw Delta chi^2 against the number of events, beside the official curve and the published interval."""
    published, panels = published_by("coherent", "name"), []
    table = read_table(data_folder() / "published" / "coherent_lar_profile.csv", ("cevns_counts", "minus2_dlnL"))
    official = _against(table["cevns_counts"], table["minus2_dlnL"])
    for name, title, most, row, quoted in (
        (CSI, "CsI", 450.0, "csi_events", "arXiv:2110.07730"),
        (TEMPLATES, "LAr", 320.0, "lar_events", "arXiv:2003.10630"),
    ):
        likelihood = Likelihood(name, systematics=BACKGROUNDS)
        unit = float(likelihood.signal_in({})[0].sum())
        limits = (150.0 / unit if name == CSI else 0.0, most / unit)
        result, origin = work.answer(
            likelihood, "profile", over=NORM.name, free=[], limits=limits, points=POINTS, cl=ONE_SIGMA
        )
        curve = profile_dataset(result, likelihood, origin)
        work.curve(f"coherent_events_{title.lower()}", curve)
        curves = [(f"{title}, this work", _against(unit * curve[NORM.name].values, curve["delta_chi2"].values))]
        curves += [(f"{title}, release", official)] * (name == TEMPLATES)
        band = float(published[row]["low"]), float(published[row]["high"]), rf"{quoted}, $1\sigma$"
        panels.append(Panel(curves, EVENTS, band))
    levels = [(threshold(ONE_SIGMA), r"$1\sigma$, 1 d.o.f.")]
    work.figure("coherent_events", profiles_figure(panels, 2, levels), Likelihood(CSI, TEMPLATES))


def _against(events: np.ndarray, delta_chi2: np.ndarray) -> xr.Dataset:
    return xr.Dataset({"delta_chi2": (EVENTS.name, delta_chi2)}, {EVENTS.name: events})


def _alternatives(work: Workspace) -> list[dict[str, Any]]:
    rows = []
    for label, overrides in ALTERNATIVES:
        likelihood = Likelihood(load_experiment(TEMPLATES, overrides), systematics=BACKGROUNDS)
        (counts,) = likelihood.signal_in({})
        result = fit(likelihood, [NORM.name], cl=ONE_SIGMA)
        rows.append({"in_place": label, "events": result.best_fit[NORM.name] * float(counts.sum())})
    return rows


def _predictions(work: Workspace) -> list[dict[str, Any]]:
    rows = []
    for name, model, (label, form_factor) in itertools.product((CSI, LAR), MODELS, FORM_FACTORS.items()):
        overrides: dict[str, Any] = {"target.form_factor": form_factor}
        if label == ORIGINAL:
            overrides["target.radius_factor"] = _radii_of_the_original(load_experiment(name).signal.target)
        likelihood = Likelihood(load_experiment(name, overrides), model=model)
        (counts,) = likelihood.signal_in({})
        rows.append({"experiment": name, "model": model, "form_factor": label, "events": float(counts.sum())})
    return rows


def _radii_of_the_original(target: Target) -> float:
    """Return the factor on the charge radii that makes Klein and Nystrand's R_A the original 1.2 A^(1/3) fm.

    It is the mean over the isotopes; they differ by less than half a per cent.
    """
    factors = []
    for part in target.elements:
        A = part.isotopes.Z + part.isotopes.N
        radius = np.sqrt(3 / 5 * (1.2 * A ** (1 / 3)) ** 2 + 6 * YUKAWA_RANGE_FM**2)
        factors.append(float(part.abundance @ (radius / part.isotopes.charge_radius)))
    return float(np.mean(factors))

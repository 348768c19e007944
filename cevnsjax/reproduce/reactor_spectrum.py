"""The reactor's antineutrino flux in bins of energy, from the recoils that CONUS-100 will count.

The covariance of the normalisations of the bins is calculated twice: by the Fisher information and by a fit. No
information of the flux's size is used unless a case says so.
"""

import itertools
from typing import Any

import numpy as np

from cevnsjax.experiments import Experiment, projected
from cevnsjax.figures import FluxBins, flux_bins_figure, in_latex
from cevnsjax.inference import asimov
from cevnsjax.likelihood import Likelihood
from cevnsjax.matter.nuclei import minimal_energy
from cevnsjax.parameters import ENERGY_SHIFT, NORM
from cevnsjax.reproduce.flux_fit import chi2_at_ends, fitted_covariance, with_free_bins
from cevnsjax.reproduce.flux_information import DETECTOR, fisher_of_bins, flux_templates
from cevnsjax.reproduce.projections import DAYS_PER_YEAR, future
from cevnsjax.reproduce.published import published_rows
from cevnsjax.reproduce.study import Step
from cevnsjax.reproduce.workspace import Workspace
from cevnsjax.sources.spectra import MAXIMAL_ENERGY

__all__ = ["EDGES", "SMOOTHNESS", "conus_100", "spectrum_steps"]

EDGES = (0.0, 6.0, 7.0, 8.0, MAXIMAL_ENERGY)
"""Edges of the flux bins [MeV]; the outer bins reach to the ends of the spectrum, so that no flux is left out."""

SMOOTHNESS = 0.10
"""Width of the smoothness prior: the difference between the normalisations of neighbouring bins is 0 +- SMOOTHNESS."""

SHOWN = (5.0, 9.5)
"""Energies [MeV] between which the spectrum is drawn: nearly all recoils come from there."""

CASES = (("as in the file", 1.0), ("a third as wide", 1 / 3))
"""A label, and the factor on the widths of all constraints."""


def spectrum_steps() -> tuple[Step, ...]:
    """Return the steps of the flux in bins: the information, and its figure."""
    return (Step("spectrum", "flux of the reactor in bins of energy", _spectrum),)


def conus_100() -> Experiment:
    """Return CONUS-100 at the talk's largest exposure and lowest threshold."""
    rows = published_rows("conus_projection")
    return future(max(float(r["kg_years"]) for r in rows), min(float(r["threshold_eV"]) for r in rows))


def _spectrum(work: Workspace) -> dict[str, Any]:
    """Return counts, covariances and errors of the flux bins, and draw spectrum and correlations."""
    run = conus_100()
    templates = flux_templates(run, EDGES)
    on = slice(0, run.cells.size)
    (moments,) = run.signal.moments
    edges = np.array(EDGES)
    flux = moments(edges[:-1])[0] - moments(edges[1:])[0]
    rows, covariances = [], {}
    for label, factor in CASES:
        case = projected(run, systematics=factor)
        widths = {n.name: n.sigma for n in case.nuisances["default"]}
        free, names = with_free_bins(case, EDGES)
        likelihood = asimov(Likelihood(free, channel="cevns"), {NORM.name: 0.0})
        matrices = {"Fisher": fisher_of_bins(case, EDGES), "smooth": fisher_of_bins(case, EDGES, SMOOTHNESS)}
        matrices["fit"] = fitted_covariance(likelihood, names, np.sqrt(np.diag(matrices["Fisher"])))
        covariances[label] = matrices
        rows.append(
            {
                "constraints": label,
                "factor": factor,
                "energy_scale_eV": widths[ENERGY_SHIFT.name],
                "detector": widths[DETECTOR],
                **{f"covariance_{kind}": matrix.tolist() for kind, matrix in matrices.items()},
                **{f"errors_{kind}": np.sqrt(np.diag(matrix)).tolist() for kind, matrix in matrices.items()},
                "at_ends": chi2_at_ends(likelihood, names, np.sqrt(np.diag(matrices["fit"]))),
            }
        )
    drawn = [(f"constraints {label}", covariances[label]["Fisher"]) for label, _ in CASES]
    drawn.append((f"the latter, neighbours alike to {100 * SMOOTHNESS:g} %", covariances[CASES[-1][0]]["smooth"]))
    exposure, threshold = float(run.sample_exposure[0]) / DAYS_PER_YEAR, float(run.ends[0])
    about = f"CONUS-100, {exposure:g} kg yr from {threshold:g} {in_latex('eV_ee')} on"
    labels = [f"< {edges[1]:g}", *(f"{a:g}-{b:g}" for a, b in itertools.pairwise(edges[1:-1])), f"> {edges[-2]:g}"]
    # The flux density is the slope of the integral of the flux.
    ends = np.linspace(*SHOWN, 226)
    energy = (ends[1:] + ends[:-1]) / 2
    density = -np.diff(moments(ends)[0]) / np.diff(ends)
    shown = FluxBins(np.clip(edges, *SHOWN), labels, energy, density)
    work.figure("reactor_spectrum", flux_bins_figure(shown, drawn, about), Likelihood(run, channel="cevns"))
    below = flux_templates(run, (0.0, SHOWN[0], MAXIMAL_ENERGY))[:, on].sum(axis=1)
    return {
        "exposure_kg_years": exposure,
        "threshold_eV": threshold,
        "least_energy_MeV": _least_energy(run),
        "share_below_shown": float(below[0] / below.sum()),
        "shown_MeV": list(SHOWN),
        "edges_MeV": list(EDGES),
        "labels": labels,
        "flux_per_cm2_s": flux.tolist(),
        "counts": templates[:, on].sum(axis=1).tolist(),
        "background": float(run.background()[on].sum()),
        "smoothness": SMOOTHNESS,
        "cases": rows,
    }


def _least_energy(run: Experiment) -> float:
    """Return the least neutrino energy [MeV] whose recoils reach the threshold without help of the resolution."""
    assert run.signal.nuclear is not None
    recoil = np.linspace(0.1e-3, 10e-3, 1000)
    visible = 1e6 * np.asarray(run.signal.nuclear.of_element(0).visible(recoil))
    (germanium,) = run.signal.target.elements
    return float(minimal_energy(np.interp(run.ends[0], visible, recoil), germanium.nuclear_mass))

"""The reactor's antineutrino flux in bins of energy, from the recoils that CONUS-100 will count.

Nuclear recoils lie below 2 E^2 / M, so that each bin of the flux has a recoil spectrum of its own, and a fit can free
the normalisation of each. Steps:

1. The templates are the package's predictions with the flux of one bin alone.
2. The Fisher information is J^T V^-1 J + constraints, in NumPy, for Poisson counts with the reactor on and off.
3. The package fits the templates to the counts that they sum to (Asimov data). Second differences of chi^2, all
   nuisances minimised, give the covariance again, and chi^2 at the ends of the errors tells how far they are Gaussian.

Normalisations are in units of the predicted flux. No information of the flux's size is used unless a case says so.
"""

import dataclasses
import itertools
from collections.abc import Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from cevnsjax.experiments import Experiment, projected
from cevnsjax.experiments.effects import Nuisance
from cevnsjax.experiments.samples import Sample
from cevnsjax.figures import FluxBins, flux_bins_figure, in_latex
from cevnsjax.inference import asimov
from cevnsjax.likelihood import Likelihood
from cevnsjax.matter.nuclei import minimal_energy
from cevnsjax.numeric import AnyArray, namespace
from cevnsjax.parameters import ENERGY_SHIFT, NORM, Parameter
from cevnsjax.reproduce.projections import DAYS_PER_YEAR, future
from cevnsjax.reproduce.published import published_rows
from cevnsjax.reproduce.study import Step
from cevnsjax.reproduce.workspace import Workspace
from cevnsjax.sources import Moments
from cevnsjax.sources.spectra import MAXIMAL_ENERGY

__all__ = [
    "EDGES",
    "SMOOTHNESS",
    "conus_100",
    "fisher_of_bins",
    "fitted_covariance",
    "flux_templates",
    "spectrum_steps",
    "with_free_bins",
]

EDGES = (0.0, 6.0, 7.0, 8.0, MAXIMAL_ENERGY)
"""Edges of the flux bins [MeV]; the outer bins reach to the ends of the spectrum, so that no flux is left out."""

SMOOTHNESS = 0.10
"""Width of the smoothness prior: the difference between the normalisations of neighbouring bins is 0 +- SMOOTHNESS."""

SHOWN = (5.0, 9.5)
"""Energies [MeV] between which the spectrum is drawn: nearly all recoils come from there."""

DETECTOR = "detector"
"""The nuisance that scales the whole signal beside the flux: active mass and efficiency."""

CASES = (("as in the file", 1.0), ("a third as wide", 1 / 3))
"""A label, and the factor on the widths of all constraints: energy scale (15 eV_ee) and detector (3 %)."""

DIFFERENCE = 0.01
"""Step of the second differences of chi^2, in units of the errors: small enough that chi^2 is a parabola."""

RELATIVE_STEP = 1e-4
"""Relative step of finite differences in the numbers of the background, whose counts are smooth."""


def spectrum_steps() -> tuple[Step, ...]:
    """Return the steps of the flux in bins: the information, and its figure."""
    return (Step("spectrum", "flux of the reactor in bins of energy", _spectrum),)


def conus_100() -> Experiment:
    """Return CONUS-100 at the talk's largest exposure and lowest threshold."""
    rows = published_rows("conus_projection")
    return future(max(float(r["kg_years"]) for r in rows), min(float(r["threshold_eV"]) for r in rows))


class _Window(Moments):
    """Moments of the flux between two energies [MeV] alone. Those of adjacent windows add up exactly."""

    moments: Moments
    low: float
    high: float

    def __call__(self, minimum: Float[AnyArray, "*n"]) -> Float[AnyArray, "3 *n"]:
        xp = namespace(minimum)
        return self.moments(xp.maximum(minimum, self.low)) - self.moments(xp.maximum(minimum, self.high))


def flux_templates(run: Experiment, edges: Sequence[float], shift: float = 0.0) -> Float[np.ndarray, "bins all"]:
    """Return the CEvNS counts in all cells that each flux bin gives; `shift` moves the energy scale [eV_ee]."""
    (moments,) = run.signal.moments
    rows: list[np.ndarray] = []
    for low, high in itertools.pairwise(edges):
        window = dataclasses.replace(run.signal, moments=(_Window(moments, low, high),))
        likelihood = Likelihood(run.with_signal(window), channel="cevns")
        rows += likelihood.signal_in({ENERGY_SHIFT.name: shift} if shift else {})
    return np.array(rows)


def fisher_of_bins(run: Experiment, edges: Sequence[float], smoothness: float | None = None) -> np.ndarray:
    """Return the covariance of the normalisations of the flux bins by the linear Fisher information.

    All nuisances of the run but the flux are free within their constraints, and eliminated. `smoothness` is the width
    of the constraint on the differences of neighbours; None: there is none.
    """
    templates = flux_templates(run, edges)
    size, signal = len(templates), templates.sum(axis=0)
    widths = {n.name: n.sigma for n in run.nuisances["default"]}
    sigma = widths[ENERGY_SHIFT.name]
    assert sigma is not None
    # The noise falls from a free height with a free decay: a shift of its formula changes nothing beside them.
    moved = sum(sign * flux_templates(run, edges, sign * sigma).sum(axis=0) for sign in (1, -1)) / (2 * sigma)
    slopes = np.vstack([templates, signal, moved, _background_slopes(run)])
    means = signal + run.background()
    counted = means > 0
    information = (slopes[:, counted] / means[counted]) @ slopes[:, counted].T
    for place, name in ((size, DETECTOR), (size + 1, ENERGY_SHIFT.name)):
        width = widths[name]
        assert width is not None
        information[place, place] += 1 / width**2
    if smoothness is not None:
        difference = np.diff(np.eye(size), axis=0) / smoothness
        information[:size, :size] += difference.T @ difference
    scales = 1 / np.sqrt(np.diag(information))
    inverse = np.linalg.inv(information * np.outer(scales, scales)) * np.outer(scales, scales)
    return inverse[:size, :size]


def _background_slopes(run: Experiment) -> Float[np.ndarray, "numbers all"]:
    """Return the derivatives of the counts with respect to the logarithms of the free numbers of the background."""
    rows = []
    for nuisance in run.nuisances["default"]:
        if not nuisance.free:
            continue
        assert nuisance.key is not None
        _, name, number = nuisance.key.split(".")
        (sample,) = (s for s in run.samples if s.name == name)
        value = sample.numbers[number]
        ends = [
            run.sample_counts(dataclasses.replace(sample, numbers={**sample.numbers, number: factor * value}))
            for factor in (1 + RELATIVE_STEP, 1 - RELATIVE_STEP)
        ]
        rows.append((ends[0] - ends[1]) / (2 * RELATIVE_STEP))
    return np.array(rows)


def with_free_bins(run: Experiment, edges: Sequence[float]) -> tuple[Experiment, list[str]]:
    """Return a run with a template in place of the signal for each flux bin, and the names of their free factors.

    The energy scale morphs the templates; all other nuisances are those of the run, but that of the flux. The signal
    itself has to be held at a norm of zero.
    """
    nuisances = {n.name: n for n in run.nuisances["default"]}
    shift = nuisances[ENERGY_SHIFT.name]
    assert shift.sigma is not None
    central, up, down = (flux_templates(run, edges, x) for x in (0.0, shift.sigma, -shift.sigma))
    names = [f"flux_{number}" for number in range(1, len(edges))]
    samples = [
        Sample(
            name, ("table",), {"factor": 1.0}, table, {ENERGY_SHIFT.name: (high, low)}
        )
        for name, table, high, low in zip(names, central, up, down, strict=True)
    ]  # fmt: skip
    chosen = [
        Nuisance(
            # No physical limit: an error near one would be cut at a flux of zero.
            Parameter(name, 1.0, 0.3, (-10.0, 12.0), description=f"flux at {low:g} to {high:g} MeV, relative"),
            free=True, scale=(name,),
        )
        for name, low, high in zip(names, edges[:-1], edges[1:], strict=True)
    ]  # fmt: skip
    chosen.append(dataclasses.replace(nuisances[DETECTOR], scale=tuple(names)))
    chosen.append(dataclasses.replace(shift, key=None, morph=tuple(names)))
    chosen += [n for n in nuisances.values() if n.free or n.name == NORM.name]
    free = dataclasses.replace(run, samples=(*run.samples, *samples), nuisances={"default": tuple(chosen)})
    return dataclasses.replace(free, observed=None), names


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
        free, names = with_free_bins(case, EDGES)
        likelihood = asimov(Likelihood(free, channel="cevns"), {NORM.name: 0.0})
        matrices = {"Fisher": fisher_of_bins(case, EDGES), "smooth": fisher_of_bins(case, EDGES, SMOOTHNESS)}
        matrices["fit"] = fitted_covariance(likelihood, names, np.sqrt(np.diag(matrices["Fisher"])))
        covariances[label] = matrices
        rows.append(
            {
                "constraints": label,
                "factor": factor,
                **{f"covariance_{kind}": matrix.tolist() for kind, matrix in matrices.items()},
                **{f"errors_{kind}": np.sqrt(np.diag(matrix)).tolist() for kind, matrix in matrices.items()},
                "at_ends": _at_ends(likelihood, names, np.sqrt(np.diag(matrices["fit"]))),
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


def fitted_covariance(likelihood: Likelihood, names: Sequence[str], errors: Float[np.ndarray, " bins"]) -> np.ndarray:
    """Return the covariance of a fit to Asimov data: twice the inverse Hessian of chi^2, all nuisances minimised.

    The Hessian is made of second differences, in steps of DIFFERENCE errors.
    """
    steps = DIFFERENCE * np.asarray(errors)

    def chi2(move: np.ndarray) -> float:
        return float(likelihood.chi2({NORM.name: 0.0} | dict(zip(names, 1.0 + move * steps, strict=True))))

    units = np.eye(len(names))
    hessian = np.empty((len(names), len(names)))
    for i, j in itertools.combinations_with_replacement(range(len(names)), 2):
        # At the truth chi^2 and its slope are zero.
        same, opposite = (np.mean([chi2(s * (units[i] + sign * units[j])) for s in (1, -1)]) for sign in (1, -1))
        hessian[i, j] = hessian[j, i] = (same - opposite) / (2 * steps[i] * steps[j])
    return 2 * np.linalg.inv(hessian)


def _at_ends(likelihood: Likelihood, names: Sequence[str], errors: Float[np.ndarray, " bins"]) -> list[list[float]]:
    """Return chi^2 of the fit with each bin one error below and above the truth: one each, if errors are Gaussian.

    The other bins and all nuisances are minimised; the least chi^2 is zero, at the truth.
    """
    return [
        [float(likelihood.chi2({NORM.name: 0.0, name: 1.0 + sign * error})) for sign in (-1, 1)]
        for name, error in zip(names, errors, strict=True)
    ]


def _least_energy(run: Experiment) -> float:
    """Return the least neutrino energy [MeV] whose recoils reach the threshold without help of the resolution."""
    assert run.signal.nuclear is not None
    recoil = np.linspace(0.1e-3, 10e-3, 1000)
    visible = 1e6 * np.asarray(run.signal.nuclear.of_element(0).visible(recoil))
    (germanium,) = run.signal.target.elements
    return float(minimal_energy(np.interp(run.ends[0], visible, recoil), germanium.nuclear_mass))

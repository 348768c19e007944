"""What recoils tell of the antineutrino flux in bins of energy, by the linear Fisher information.

Nuclear recoils lie below 2 E^2 / M, so that each bin of the flux has a recoil spectrum of its own: its template, the
package's prediction with the flux of this bin alone. The information is J^T V^-1 J + constraints, in NumPy, for Poisson
counts with the reactor on and off. Normalisations of the bins are in units of the predicted flux.
"""

import dataclasses
import itertools
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from cevnsjax.experiments import Experiment
from cevnsjax.likelihood import Likelihood
from cevnsjax.numeric import AnyArray, namespace
from cevnsjax.parameters import ENERGY_SHIFT
from cevnsjax.sources import Moments

__all__ = ["DETECTOR", "fisher_of_bins", "flux_templates"]

DETECTOR = "detector"
"""The nuisance that scales the whole signal beside the flux: active mass and efficiency."""

RELATIVE_STEP = 1e-4
"""Relative step of finite differences in the numbers of the background, whose counts are smooth."""


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

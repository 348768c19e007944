"""The reactor's flux in bins of energy: templates against an independent integration, and the information in them."""

import math
import tomllib
from functools import partial

import numpy as np
import power_reactor as reference
import pytest
from ingredients import DATA
from scipy.special import ndtr

import cevnsjax
from cevnsjax.inference import asimov
from cevnsjax.likelihood.derivatives import covariance
from cevnsjax.reproduce.flux_fit import with_free_bins
from cevnsjax.reproduce.flux_information import fisher_of_bins, flux_templates
from cevnsjax.reproduce.projections import measured_k
from cevnsjax.reproduce.reactor_spectrum import EDGES, SMOOTHNESS, conus_100

SIN2 = 0.23857


@pytest.fixture(scope="module")
def run():
    return conus_100()


@pytest.fixture(scope="module")
def templates(run) -> np.ndarray:
    return flux_templates(run, EDGES)


def test_bins_add_up_to_the_whole_prediction(run, templates) -> None:
    likelihood = cevnsjax.Likelihood(run, channel="cevns")
    (both,), (rest,) = (likelihood.expected_in({"norm": norm}) for norm in (1.0, 0.0))
    whole = np.asarray(both) - np.asarray(rest)
    np.testing.assert_allclose(templates.sum(axis=0), whole, rtol=1e-9, atol=1e-6 * whole.max())
    assert (templates[:, 0] > 0).all()
    assert (templates >= 0).all()
    # Nothing with the reactor off.
    assert (templates[:, run.cells.size :] == 0).all()


def test_one_bin_against_an_independent_integration(run, templates, monkeypatch) -> None:
    """Neutrinos of 7 to 8 MeV alone, Lindhard's yield and the resolution written out."""
    source = tomllib.loads((DATA / "conus" / "experiment.toml").read_text(encoding="utf-8"))["source"]
    low, high = EDGES[2:4]
    spectrum, flux = reference.spectrum, reference.flux(source)

    def window(energy: np.ndarray, fractions, captures: float) -> np.ndarray:
        return np.where((energy > low) & (energy < high), spectrum(energy, fractions, captures), 0.0)

    monkeypatch.setattr(reference, "spectrum", window)
    monkeypatch.setattr(reference, "flux", lambda _: flux)
    k = measured_k()

    def seen(T: float) -> float:
        reduced = 11.5 * 32 ** (-7 / 3) * T
        g = k * (3 * reduced**0.15 + 0.7 * reduced**0.6 + reduced)
        visible = 1e3 * T * g / (1 + g)
        sigma = math.sqrt(30.0**2 + 0.1096 * 2.96 * visible)
        return float(ndtr((750 - visible) / sigma) - ndtr((200 - visible) / sigma))

    # The largest recoils of 7 and 8 MeV on the isotopes of germanium are at 1.38 to 1.46, and 1.81 to 1.92 keV.
    found = reference.counts(source, {"Ge": 1}, SIN2, seen, (0.3, 0.7, 1.0, 1.2, 1.37, 1.47, 1.7, 1.8, 1.93))
    kg_d = float(run.sample_exposure[0])
    # Edges of flux bins are no edges of the quadrature over recoils, which costs 1e-3 of a bin, and nothing of the sum.
    assert templates[2].sum() / kg_d == pytest.approx(found, rel=2e-3)


def hessian(minus_log, size: int, steps: np.ndarray) -> np.ndarray:
    """Second differences at zero."""
    units = np.diag(steps)
    result = np.empty((size, size))
    for i in range(size):
        for j in range(size):
            corners = [minus_log(a * units[i] + b * units[j]) for a, b in ((1, 1), (1, -1), (-1, 1), (-1, -1))]
            result[i, j] = (corners[0] - corners[1] - corners[2] + corners[3]) / (4 * steps[i] * steps[j])
    return result


def test_information_against_finite_differences(run, templates) -> None:
    """Of a Poisson likelihood written out here: bins, detector, energy scale, rate, height and decay of backgrounds."""
    low, high = (np.tile(edges, 2) for edges in (run.cells.low(), run.cells.high()))
    per_keV = run.sample_exposure * 1e-3
    slope = {
        width: sum(sign * flux_templates(run, EDGES, sign * width).sum(axis=0) for sign in (1, -1)) / (2 * width)
        for width in (1.0, 15.0)
    }

    def counts(x: np.ndarray, width: float) -> np.ndarray:
        bins, (detector, shift, rate, height, decay) = 1 + x[:4], x[4:]
        length = 15.0 * (1 + decay)
        signal = (1 + detector) * bins @ templates + shift * slope[width]
        noise = 40.0 * (1 + height) * length * (np.exp((200 - low) / length) - np.exp((200 - high) / length))
        return signal + per_keV * (10.0 * (1 + rate) * (high - low) + noise)

    truth = counts(np.zeros(9), 1.0)

    def minus_log(x: np.ndarray, width: float) -> float:
        mean = counts(x, width)
        # Differences of nearly equal numbers are taken cell by cell.
        data = mean - truth - truth * np.log(mean / truth)
        return math.fsum(data) + (x[4] / 0.03) ** 2 / 2 + (x[5] / 15.0) ** 2 / 2

    steps = np.array([1e-3] * 5 + [1e-2] + [1e-4, 1e-3, 1e-3])
    chord, tangent = (np.linalg.inv(hessian(partial(minus_log, width=w), 9, steps))[:4, :4] for w in (15.0, 1.0))
    found = fisher_of_bins(run, EDGES)
    np.testing.assert_allclose(found, chord, rtol=0.02)
    # The slope at zero, in place of the chord over one standard deviation, makes the errors smaller by 2 to 3 %.
    np.testing.assert_allclose(np.sqrt(np.diag(tangent) / np.diag(found)), 0.975, atol=0.01)


def test_information_is_the_inverse_covariance_of_the_fit(run) -> None:
    """JAX' second derivatives of the package's own likelihood, nuisances minimised."""
    free, names = with_free_bins(run, EDGES)
    likelihood = asimov(cevnsjax.Likelihood(free, channel="cevns"), {"norm": 0.0})
    found = covariance(likelihood, {"norm": 0.0} | dict.fromkeys(names, 1.0), names)
    np.testing.assert_allclose(found, fisher_of_bins(run, EDGES), rtol=0.02)


def test_smoothness_says_nothing_of_the_whole_flux(run) -> None:
    """With a prior that is exact the bins are one normalisation, as known as that of the whole signal."""
    rigid = fisher_of_bins(run, EDGES, 1e-5)
    whole = float(fisher_of_bins(run, (EDGES[0], EDGES[-1]))[0, 0])
    np.testing.assert_allclose(rigid, whole, rtol=1e-3)
    assert np.diag(fisher_of_bins(run, EDGES, SMOOTHNESS)).min() > whole

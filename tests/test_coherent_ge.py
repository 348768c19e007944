"""COHERENT's germanium: expected counts against an independent integration, and what is published beside them."""

import math
from itertools import pairwise

import numpy as np
import pions as reference
import pytest
from scipy.optimize import brentq

import cevnsjax

SIN2, K = 0.23857, 0.157


def visible(T: float) -> float:
    """Lindhard's ionisation energy [keV] of a recoil energy [MeV]."""
    e = 11.5 * 32 ** (-7 / 3) * T * 1e3
    kg = K * (3 * e**0.15 + 0.7 * e**0.6 + e)
    return 1e3 * T * kg / (1 + kg)


def counts(low: float, high: float) -> float:
    """Counts of one kilogram in a window of ionisation energy, for 10.22 GWh, all recoils recorded."""
    fluence = 2.187e23 * 0.0963 / (4 * math.pi * 1910.0**2)
    atoms = 1e3 * reference.AVOGADRO / reference.molar_mass("Ge")
    first, last = (brentq(lambda T, E=E: visible(T) - E, 1e-5, 1.0) for E in (low, high))
    x, w = np.polynomial.legendre.leggauss(12)
    total = 0.0
    for flavour in reference.FLAVOURS:
        edges = np.unique(
            np.clip([first, *np.linspace(first, last, 6), *reference.ends(flavour, "Ge"), last], first, last)
        )
        for a, b in pairwise(edges):
            nodes = (a + b) / 2 + (b - a) / 2 * x
            total += (
                (b - a) / 2 * sum(v * reference.recoils(flavour, T, "Ge", SIN2) for v, T in zip(w, nodes, strict=True))
            )
    return fluence * atoms * total


@pytest.fixture(scope="module")
def likelihood():
    return cevnsjax.Likelihood("coherent_ge")


def test_counts_against_an_independent_integration(likelihood) -> None:
    """Some 37 with unity efficiency; the collaboration's Standard Model has 35.1 +- 3.6."""
    expected = likelihood.expected_in({"sin2_theta_w": SIN2})
    found = [
        float((np.asarray(one) - e.background()).sum()) for one, e in zip(expected, likelihood.experiments, strict=True)
    ]
    assert found == pytest.approx([counts(1.5, 8.5), counts(10.6, 20.0)], rel=1e-3)
    assert sum(found) == pytest.approx(37, abs=0.5)


def test_every_result_says_that_data_are_expected(likelihood) -> None:
    (note,) = likelihood.notes
    assert "no data are public" in note
    assert "20.6 +7.1 -6.3" in note


def test_the_source_is_shared_with_the_other_detectors() -> None:
    names = [n.name for n in cevnsjax.Likelihood("coherent_ge", "coherent_csi").nuisances]
    assert names.count("sns_flux") == 1
    assert "background_rate_coherent_ge" in names

"""Dresden-II: its tabulated, steep yield, integrated over recoil energies with the table read by the test itself."""

import csv
import dataclasses
import math

import numpy as np
import pytest
from direct import CM2_PER_MEV2, FERMI_CONSTANT, atoms_per_kg, helm, isotopes, maximum_recoil
from ingredients import DATA
from scattering import prediction
from scipy.special import ndtr

from cevnsjax.experiments import load_experiment

S2W = 0.23857
NOISE, FANO, PAIR = 68.5, 0.11, 2.96
EDGES = np.arange(200.0, 1510.0, 10.0)


def table(column):
    """Recoil energies [keV] and yields, bridged where the visible energy falls.

    Rows that are above a later row, or below an earlier one, are taken out: what remains rises.
    """
    with open(DATA / "quenching" / "germanium_collar_2021.csv", encoding="utf-8") as file:
        rows = list(csv.DictReader(line for line in file if not line.startswith("#")))
    T, Q = (np.array([float(row[name]) for row in rows]) for name in ("recoil_energy_keV", column))
    E = T * Q
    keep = [i for i in range(E.size) if all(E[:i] <= E[i]) and all(E[i + 1 :] >= E[i])]
    bridged = np.interp(T, T[keep], E[keep])
    return T, np.where(np.isin(np.arange(T.size), keep), Q, bridged / np.where(T > 0, T, 1.0))


def seen(visible_eV):
    """Probability of each bin: a Gaussian that is cut below zero and normalised above it."""
    sigma = np.sqrt(NOISE**2 + FANO * PAIR * visible_eV)
    return np.diff(ndtr((EDGES[:, None] - visible_eV) / sigma), axis=0) / ndtr(visible_eV / sigma)


def nodes(edges, order):
    x, w = np.polynomial.legendre.leggauss(order)
    half = np.diff(edges)[:, None] / 2
    return (edges[:-1, None] + half * (1 + x)).ravel(), (half * w).ravel()


def counts(flux, column, factor):
    """Events in each bin in one day of 2.924 kg.

    The recoil is integrated first, up to the largest one that a neutrino energy allows, and the neutrino energy last:
    neither flux moments nor the inverse of the yield are needed. Only the density of the flux is the package's.
    """
    knots, yields = table(column)
    energy, weight = nodes(np.unique(np.concatenate([flux.edges, np.arange(2.0, 12.6, 0.25)])), 12)
    total = np.zeros(EDGES.size - 1)
    for isotope in isotopes():
        M, protons, neutrons = isotope["M"], isotope["Z"], isotope["A"] - isotope["Z"]
        ends = np.array([maximum_recoil(E, M) * 1e3 for E in energy.tolist()])
        # Edges: points of the table, ends of the recoil, and steps of 20 eV, some 5 eV of visible energy.
        fine = np.arange(0.0, ends.max(), 0.02)
        edges = np.unique(np.concatenate([knots[knots < ends.max()], ends, fine]))
        T, step = nodes(edges, 3)
        inside = factor * np.interp(T, knots, yields) * T * 1e3
        form2 = np.array([helm(2 * M * t * 1e-3, isotope["radius"]) ** 2 for t in T.tolist()])
        density = seen(inside) * form2 * step
        # Integrals of 1 and of T up to each edge, in each bin.
        panels = np.stack([density, density * T * 1e-3]).reshape(2, EDGES.size - 1, edges.size - 1, 3).sum(axis=-1)
        ones, recoils = np.pad(panels.cumsum(axis=-1), ((0, 0), (0, 0), (1, 0)))
        at = np.searchsorted(edges, ends)
        charge2 = (protons * (0.5 - 2 * S2W) - neutrons / 2) ** 2
        sigma = FERMI_CONSTANT**2 * CM2_PER_MEV2 * M / math.pi * charge2
        each = sigma * (ones[:, at] - M / (2 * energy**2) * recoils[:, at]) * 1e-3
        total += isotope["abundance"] * each @ (weight * flux.density(energy))
    return total * atoms_per_kg() * 2.924 * 86400


@pytest.mark.parametrize(("name", "column"), [("dresden2", "Fef"), ("dresden2:ybe", "YBe")])
@pytest.mark.parametrize("factor", [0.6, 1.0])
def test_counts_of_a_tabulated_yield(name, column, factor):
    experiment = load_experiment(name, {"response.nuclear.yield.factor": factor})
    (flux,) = experiment.signal.components
    expected = counts(flux, column, factor)
    # In the last bins the signal is a millionth of that in the first. Measured there: 2.7e-5, as steps of the flux
    # leave kinks within panels, and 5e-7 with twice as many nodes.
    for order, rtol in ((4, 5e-5), (8, 1e-6)):
        found = prediction(experiment, channel="cevns", order=order)
        np.testing.assert_allclose(found, expected, rtol=rtol, atol=1e-7 * expected.max())


def test_a_factor_that_moves():
    """Panels move with the points of the table, so that a factor that a fit moves gives what the file's own gives."""
    given = load_experiment("dresden2", {"response.nuclear.yield.factor": 0.6})
    here = load_experiment("dresden2")
    moved = dataclasses.replace(here, signal=here.signal.at({"response.nuclear.yield.factor": 0.6}))
    np.testing.assert_allclose(
        prediction(moved, channel="cevns"), prediction(given, channel="cevns"), rtol=1e-13, atol=1e-30
    )
    # The yield matters: the first bin has twice as much with all of it.
    assert prediction(here, channel="cevns")[0] > 1.9 * prediction(given, channel="cevns")[0]

"""The response as a chain or a matrix: probabilities, quadrature up to the edges, efficiencies, derivatives."""

import dataclasses
from itertools import pairwise

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scattering import quick
from scipy.integrate import quad
from scipy.stats import gamma, norm, poisson

from cevnsjax.errors import InputError
from cevnsjax.experiments import load_experiment
from cevnsjax.response import (
    Chain,
    Exact,
    Full,
    Gamma,
    Gaussian,
    Lindhard,
    LogisticEfficiency,
    Poisson,
    Polynomial,
    TabulatedEfficiency,
    matrix,
    panel_edges,
    recoil_energy,
)

EV = 1e-6
NOISE, FANO, PAIR = 20.38, 0.1096, 2.96
GERMANIUM = Gaussian(NOISE, FANO * PAIR)
CONSTANT = Polynomial(np.array([0.2]))


def chain(edges=range(160, 360, 10), smearing=GERMANIUM, efficiency=None, gain=1e6, steps=(180.1 * EV,), **changes):
    """A germanium detector whose signal is in eV_ee."""
    edges = np.array(edges, dtype=float)
    made = Chain(
        yields=(Lindhard(0.162, Z=32.0),),
        gain=gain,
        smearing=smearing,
        efficiency=efficiency,
        shift=0.0,
        low=edges[:-1],
        high=edges[1:],
        breaks=panel_edges(edges[:-1], edges[1:], smearing, gain, np.array(steps)),
        contiguous=True,
    )
    return dataclasses.replace(made, **changes)


def all_bins(response, energy):
    return response.probabilities(energy, slice(None))


# Probabilities


@given(energy_eV=st.floats(1.0, 600.0), scale=st.floats(0.9, 1.1), shift=st.floats(-20.0, 20.0))
def test_probabilities_are_those_of_a_normal_distribution(energy_eV, scale, shift):
    found = all_bins(dataclasses.replace(chain(), gain=scale * 1e6, shift=shift), np.array([energy_eV * EV]))[:, 0]
    mean = scale * energy_eV
    seen = norm(mean + shift, np.sqrt(NOISE**2 + FANO * PAIR * mean))
    # A difference of two numbers of order one: digits are lost where the probability is small.
    np.testing.assert_allclose(found, np.diff(seen.cdf(np.arange(160.0, 360.0, 10.0))), rtol=1e-11, atol=1e-14)


def test_probabilities_sum_to_one_where_bins_cover_everything():
    total = all_bins(chain(edges=range(-1000, 2010, 10)), np.linspace(0.0, 800 * EV, 41)).sum(axis=0)
    np.testing.assert_allclose(total, 1.0, rtol=1e-14)


def test_some_of_the_bins():
    energy = np.array([150.0, 200.0, 300.0]) * EV
    np.testing.assert_array_equal(chain().probabilities(energy, slice(3, 7)), all_bins(chain(), energy)[3:7])
    assert chain().size == 19


def test_without_smearing_bins_are_windows():
    sharp = chain([160, 170, 180], Exact(), shift=5.0)
    windows = all_bins(sharp, np.array([150.0, 156.0, 164.0, 166.0, 174.0, 176.0]) * EV)
    assert windows.tolist() == [[0, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 0]]


def test_each_element_has_its_yield():
    one, two = Polynomial(np.array([0.1])), CONSTANT
    of_each = chain(yields=(one, two))
    assert [of_each.of_element(i) for i in (0, 1)] == [one, two]
    assert [chain(yields=(two,)).of_element(i) for i in (0, 1)] == [two, two]


# Efficiencies

CURVE = TabulatedEfficiency(np.array([100.0, 180.0, 250.0]), np.array([0.0, 0.5, 0.8]))
RECORDED = dataclasses.replace(CURVE, reconstructed=True)


def test_efficiency_multiplies_and_is_constant_beyond_its_ends():
    energy = np.array([50.0, 140.0, 180.0, 300.0]) * EV
    with_it, without = all_bins(chain(efficiency=CURVE), energy), all_bins(chain(), energy)
    np.testing.assert_allclose(with_it, without * np.array([0.0, 0.25, 0.5, 0.8]), rtol=1e-14)


DENSITIES = {
    "gaussian": (GERMANIUM, lambda s: norm(s, np.sqrt(NOISE**2 + FANO * PAIR * s))),
    "narrow": (Gaussian(0.7, 0.0), lambda s: norm(s, 0.7)),
    "gamma": (Gamma(0.05), lambda s: gamma(1 + 0.05 * s, scale=s / (1 + 0.05 * s))),
}


@pytest.mark.parametrize("shift", [0.0, -12.0])
@pytest.mark.parametrize("kind", DENSITIES)
def test_efficiency_against_the_reconstructed_signal(kind, shift):
    """The integral of efficiency and density over each bin, the efficiency being that of the shifted signal."""
    smearing, density = DENSITIES[kind]
    edges, signals = [150.0, 170.0, 240.0, 260.0, 300.0], [140.0, 175.0, 251.0]
    found = all_bins(chain(edges, smearing, RECORDED, shift=shift), np.array(signals) * EV)
    for column, signal in zip(found.T, signals, strict=True):
        seen = density(signal)

        def recorded(x, seen=seen):
            return np.interp(x, CURVE.signal, CURVE.efficiency) * seen.pdf(x - shift)

        for value, start, end in zip(column, edges[:-1], edges[1:], strict=True):
            # The density is nowhere else, and its top and the kinks are known to the quadrature.
            a, b = (
                np.clip(x, signal + shift - 12 * seen.std(), signal + shift + 12 * seen.std()) for x in (start, end)
            )
            inside = [x for x in (180.0, 250.0, signal + shift) if a < x < b]
            expected = quad(recorded, a, b, points=inside or None, epsabs=1e-13, epsrel=1e-11)[0]
            assert value == pytest.approx(expected, rel=1e-9, abs=1e-11)


@pytest.mark.parametrize("b", [1e30, 1e9, 5e-324, 0.0, -1e9])
def test_a_logistic_efficiency_of_any_steepness(b):
    """A step, or a constant: no number overflows."""
    curve = LogisticEfficiency(np.array([0.9, b, 10.0, -0.1]))
    signal = np.array([0.0, 9.0, 11.0, 1e6])
    rises = np.array([0.0, 0.0, 0.8, 0.8])
    expected = rises if b > 1 else rises[::-1] if b < 0 else np.full(4, 0.35)
    np.testing.assert_allclose(curve(signal), expected)
    np.testing.assert_array_equal(curve.slope(signal), 0.0)
    assert np.isfinite(curve.knots).all()


def test_efficiency_of_whole_numbers():
    """With Poisson smearing the reconstructed signal is a whole number: a sum over the numbers of each bin."""
    curve = TabulatedEfficiency(np.array([2.0, 6.5, 9.0]), np.array([0.1, 0.9, 0.4]), reconstructed=True)
    found = all_bins(chain([1.0, 4.5, 7.0, 12.0], Poisson(), curve, gain=1.0, steps=()), np.array([0.8, 5.0, 20.0]))
    for bins, numbers in zip(found, (range(1, 5), range(5, 7), range(7, 12)), strict=True):
        n = np.array(numbers)
        expected = [np.sum(curve(n.astype(float)) * poisson.pmf(n, mean)) for mean in (0.8, 5.0, 20.0)]
        np.testing.assert_allclose(bins, expected, rtol=1e-11, atol=1e-15)


def test_efficiency_without_smearing():
    energy = np.array([165.0, 205.0]) * EV
    sharp = chain([160, 200, 240], Exact(), RECORDED, shift=5.0)
    expected = np.interp([170.0, 210.0], CURVE.signal, CURVE.efficiency)
    np.testing.assert_allclose(all_bins(sharp, energy), np.diag(expected), rtol=1e-14)


@pytest.mark.parametrize("reconstructed", [False, True])
def test_points_of_an_efficiency_are_panel_edges(reconstructed):
    """A trigger that turns on within one electronvolt, in the middle of a panel."""
    step = TabulatedEfficiency(np.array([203.3, 204.3]), np.array([0.0, 1.0]), reconstructed=reconstructed)
    sharp = chain([160, 260], Exact(), step, steps=())
    energy, weight = sharp.nodes()
    assert all_bins(sharp, energy)[0] @ weight / EV == pytest.approx(260 - 203.8, rel=1e-12)


# Quadrature


@pytest.mark.parametrize("power", [0, 1, 5, 7])
@pytest.mark.parametrize("shift", [0.0, 3.0, -3.0])
def test_polynomials_are_integrated_exactly_up_to_the_edges(power, shift):
    sharp = chain(smearing=Exact(), shift=shift, gain=1.02e6)
    energy, weight = sharp.nodes(4)  # four nodes: exact up to the seventh power
    integrals = all_bins(sharp, energy) @ (weight * (energy / EV) ** power)
    edges = (np.arange(160.0, 360.0, 10.0) - shift) / 1.02
    np.testing.assert_allclose(integrals / EV, np.diff(edges ** (power + 1)) / (power + 1), rtol=1e-12)


@pytest.mark.parametrize("smearing", [GERMANIUM, Exact()])
def test_panels_end_where_the_number_of_electrons_steps(smearing):
    response = chain(smearing=smearing)
    energy, weight = response.nodes(4)
    above = np.sum(weight * np.where(energy > 180.1 * EV, 1.0, 0.0))
    assert above + 180.1 * EV == pytest.approx(response.breaks[-1], rel=1e-14)


def test_panels_reach_eight_standard_deviations_beyond_the_bins():
    breaks = chain().breaks / EV
    assert breaks[0] == 0.0
    assert breaks[-1] == pytest.approx(350 + 8 * np.sqrt(NOISE**2 + FANO * PAIR * 350))


@pytest.mark.parametrize(
    ("smearing", "edges"),
    [
        (Gaussian(0.0, 0.0, 0.3), [5.0, 8.0, 20.0]),
        (Gaussian(0.0, 0.5), [0.0, 8.0, 20.0]),
        (Gamma(0.1), [3.0, 6.0, 20.0]),
        (Gamma(2.0), [0.0, 1.0, 2.0]),
        (Poisson(), [4.0, 7.0, 12.0]),
    ],
    ids=["relative", "fano", "gamma", "from zero", "poisson"],
)
def test_counts_of_a_spectrum_against_adaptive_quadrature(smearing, edges):
    """A falling spectrum of visible energies, exp(-E / 4), in bins of a signal whose width may vanish at zero."""
    response = chain(edges, smearing, gain=1.0, steps=())
    energy, weight = response.nodes()
    counts = all_bins(response, energy) @ (weight * np.exp(-energy / 4))
    for value, low, high in zip(counts, edges[:-1], edges[1:], strict=True):

        def density(E, low=low, high=high):
            return smearing.between(np.array([[low]]), np.array([[high]]), np.array([E]))[0, 0] * np.exp(-E / 4)

        pieces = [1e-12, 0.01, 0.1, low or 0.5, high, 2 * high, 4 * high, 200.0]
        expected = sum(quad(density, a, b, epsrel=1e-11, limit=200)[0] for a, b in pairwise(pieces))
        # A Gaussian that reaches below zero is cut there by both.
        assert value == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("shift", [-300.0, 0.0, 150.0])
def test_a_shift_far_beyond_the_smearing_loses_nothing(shift):
    """A shift that the file has: the bins of CONUS+ see recoils hundreds of eV, or 15 deviations, away from them."""
    response = load_experiment("conus_plus").signal.at({"response.shift": shift}).electron
    energy, weight = response.nodes()
    counts = all_bins(response, energy) @ (weight * np.exp(-energy / (200 * EV)))
    for value, low, high in zip(counts, response.low, response.high, strict=True):

        def density(E, low=low, high=high):
            seen = norm(E + shift, np.sqrt(NOISE**2 + FANO * PAIR * E))
            return (seen.cdf(high) - seen.cdf(low)) * np.exp(-E / 200)

        pieces = np.unique(np.clip([0.0, low - shift - 200, low - shift, high - shift, high - shift + 300], 0, None))
        expected = sum(quad(density, a, b, epsrel=1e-11, limit=200)[0] for a, b in pairwise(pieces))
        assert value / EV == pytest.approx(expected, rel=1e-6, abs=1e-9)


def test_a_bin_that_begins_at_zero_has_no_node_there():
    for smearing in (GERMANIUM, Exact(), Gamma(2.0)):
        energy, weight = chain([0.0, 10.0, 20.0], smearing).nodes()
        assert (energy > 0).all()
        assert (weight > 0).all()


def test_a_smearing_that_takes_too_many_panels():
    with pytest.raises(InputError, match=r"needs more than 100000 panels: give a wider one"):
        panel_edges(np.array([0.0]), np.array([1e4]), Gaussian(1e-3, 0.0), 1e6, np.zeros(0))


# A matrix

TABLE = "recoil_energy_keV,bin_1,bin_2\n1,0.5,0.1\n2,0.4,0.3\n5,0,0.6\n"


def test_a_matrix(tmp_path):
    (tmp_path / "matrix.csv").write_text(TABLE)
    response = matrix(tmp_path / "matrix.csv", 2)
    recoils = np.array([0.5, 1.0, 1.25, 3.0, 5.0, 6.0]) * 1e-3
    expected = [[0, 0.5, 0.475, 0.4 - 0.4 / 3, 0, 0], [0, 0.1, 0.15, 0.4, 0.6, 0]]
    np.testing.assert_allclose(all_bins(response, recoils), expected, rtol=1e-13)
    np.testing.assert_array_equal(response.probabilities(recoils, slice(1, 2)), all_bins(response, recoils)[1:])
    assert response.size == 2
    assert isinstance(response.of_element(1), Full)
    # Between its rows it is linear: with a cubic spectrum four nodes are exact.
    energy, weight = response.nodes()
    counts = all_bins(response, energy) @ (weight * energy**3)
    for value, column in zip(counts, ([0.5, 0.4, 0.0], [0.1, 0.3, 0.6]), strict=True):
        exact = quad(lambda T, c=column: T**3 * np.interp(T, [1e-3, 2e-3, 5e-3], c), 1e-3, 5e-3, points=[2e-3])[0]
        assert value == pytest.approx(exact, rel=1e-12)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (TABLE.replace("bin_2", "bin_3"), "lacks the column 'bin_2'"),
        (TABLE.replace("\n2,", "\n1,"), "recoil_energy_keV must not be negative, and rise"),
        (TABLE.replace("\n1,", "\n-1,"), "recoil_energy_keV must not be negative, and rise"),
        (TABLE.replace("0.6", "1.1"), "probabilities lie between 0 and 1"),
        (TABLE.replace("0.4", "0.8"), "those of one row add up to no more than 1"),
        (TABLE.replace("0.4", "-0.1"), "probabilities lie between 0 and 1"),
    ],
)
def test_wrong_matrices(tmp_path, text, message):
    (tmp_path / "matrix.csv").write_text(text)
    with pytest.raises(InputError, match=message):
        matrix(tmp_path / "matrix.csv", 2)


# Derivatives


def counts(detector):
    """Bins of a spectrum of nuclear recoils, exp(-T / 300 eV) / 300 eV, seen by the detector."""
    energy, weight = detector.nodes(8)
    yields = detector.of_element(0)
    T = recoil_energy(yields, energy)
    xp = jnp if isinstance(T, jax.Array) else np
    return all_bins(detector, energy) @ (weight / yields.slope(T) * xp.exp(-T / 3e-4) / 3e-4)


def moved(detector, where, step):
    return eqx.tree_at(where, detector, where(detector) + step)


UNIT = np.eye(19)
VARIED = {
    "gain": lambda r, x: moved(r, lambda r: r.gain, 1e6 * x),
    "shift": lambda r, x: moved(r, lambda r: r.shift, 10 * x),
    "yield": lambda r, x: moved(r, lambda r: r.yields[0].coefficients, 0.1 * x),
    "k": lambda r, x: moved(r, lambda r: r.yields[0].k, 0.1 * x),
    "lowest edge": lambda r, x: moved(r, lambda r: r.low, 10 * x * UNIT[0]),
    "edge at 200": lambda r, x: moved(moved(r, lambda r: r.low, 10 * x * UNIT[4]), lambda r: r.high, 10 * x * UNIT[3]),
    "inner edge": lambda r, x: moved(moved(r, lambda r: r.low, 10 * x * UNIT[8]), lambda r: r.high, 10 * x * UNIT[7]),
    "highest edge": lambda r, x: moved(r, lambda r: r.high, 10 * x * UNIT[-1]),
    "noise": lambda r, x: moved(r, lambda r: r.smearing.noise, NOISE * x),
    "fano": lambda r, x: moved(r, lambda r: r.smearing.poisson, FANO * PAIR * x),
}
# The yield's own derivatives, without smearing too, are those of `recoil_energy`: a constant one is a shorter program.
# Without smearing Z_eff steps at 200 eV, where a bin begins: as the edge moves, the step does not.
SMEARED, SHARP = chain(), chain(smearing=Exact(), yields=(CONSTANT,), steps=(180.1 * EV, 200 * EV))


def assert_derivatives(detector, names):
    """By the five-point formula: the step's fourth power, and roundings divided by the step, leave 1e-8."""

    def bins(values):
        here = detector
        for name, x in zip(names, values, strict=True):
            here = VARIED[name](here, x)
        return counts(here)

    none, step = np.zeros(len(names)), 1e-3
    slopes, values = quick(jax.jacfwd(lambda x: (bins(x),) * 2, has_aux=True))(none)
    np.testing.assert_allclose(values, counts(detector), rtol=1e-12)
    for number, slope in enumerate(np.asarray(slopes).T):
        unit = np.eye(len(names))[number]
        near, far = (bins(s * unit) - bins(-s * unit) for s in (step, 2 * step))
        difference = (8 * near - far) / (12 * step)
        np.testing.assert_allclose(slope, difference, rtol=1e-6, atol=1e-6 * np.abs(difference).max())


def test_derivatives_with_smearing():
    assert_derivatives(SMEARED, [name for name in VARIED if name != "yield"])


def test_derivatives_without_smearing():
    assert np.isin(200 * EV, SHARP.breaks)
    assert_derivatives(SHARP, [name for name in VARIED if name not in ("k", "noise", "fano")])


def a_grid(**changed):
    """The arrays of a matrix of two bins on a grid of two shifts; the probability is 0.1 + 0.1 x + 0.02 x y of each."""
    x, y = np.array([-1.0, 0.0, 1.0]), np.array([-1.0, 2.0])
    table = 0.1 + 0.1 * x[:, None] / 2 + 0.02 * x[:, None] * y
    made = {
        "recoil_energy_keV": np.array([1.0, 3.0]), "grid": np.array(["x", "y"]), "x": x, "y": y,
        "probability": np.broadcast_to(table[None, :, :, None], (2, 3, 2, 2)),
    }  # fmt: skip
    return {name: array for name, array in {**made, **changed}.items() if array is not None}


def test_a_matrix_on_a_grid(tmp_path):
    """A polynomial through all points of each axis; a term of both is exact."""
    np.savez_compressed(tmp_path / "matrix.npz", **a_grid())
    for x, y in ((0.0, 0.0), (0.3, 1.7), (-1.0, 2.0)):
        response = matrix(tmp_path / "matrix.npz", 2, {"x": x, "y": y})
        np.testing.assert_allclose(response.table, 0.1 + 0.05 * x + 0.02 * x * y, rtol=1e-12)
        assert response.grid == (("x", 3), ("y", 2))


@pytest.mark.parametrize(
    ("changed", "message"),
    [
        ({"recoil_energy_keV": None}, "lacks the array 'recoil_energy_keV'"),
        ({"x": None}, "lacks the array 'x', the points"),
        ({"x": np.array([1.0, 0.0, -1.0])}, "points that rise"),
        ({"x": np.arange(10.0)}, "2 to 9 points"),
        ({"probability": np.zeros((2, 2, 3, 2))}, "energies, grid and bins make"),
        ({"probability": np.full((2, 3, 2, 2), 1.5)}, "between 0 and 1"),
        ({"probability": np.full((2, 3, 2, 2), np.nan)}, "between 0 and 1"),
        ({"recoil_energy_keV": np.array([3.0, 1.0])}, "rise from row to row"),
        ({"more": np.array([None], dtype=object)}, r"not a valid \.npz file of numbers"),
        ({"more": np.array([1j])}, "neither numbers nor texts"),
    ],
)
def test_arrays_that_are_no_matrix(tmp_path, changed, message):
    np.savez(tmp_path / "matrix.npz", **a_grid(**changed))
    with pytest.raises(InputError, match=message):
        matrix(tmp_path / "matrix.npz", 2, {"x": 0.0, "y": 0.0})


def test_files_that_hold_no_arrays(tmp_path):
    (tmp_path / "text.npz").write_text("energy,probability")
    with pytest.raises(InputError, match=r"not a valid \.npz"):
        matrix(tmp_path / "text.npz", 2)
    with pytest.raises(InputError, match="No such file"):
        matrix(tmp_path / "none.npz", 2)
    np.savez_compressed(tmp_path / "large.npz", recoil_energy_keV=np.zeros(5_000_000))
    with pytest.raises(InputError, match="when it is unpacked"):
        matrix(tmp_path / "large.npz", 2)
    (tmp_path / "matrix.csv").write_text("recoil_energy_keV,bin_1\n1,0.5\n2,0.5\n")
    with pytest.raises(InputError, match="has no grid"):
        matrix(tmp_path / "matrix.csv", 1, {"x": 0.0})

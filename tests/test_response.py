"""The response: probabilities against the normal distribution, quadrature up to the edges, derivatives."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import norm

from cevnsjax.response import Efficiency, Lindhard, Resolution, Response, panel_edges, recoil_energy

EV = 1e-6
NOISE, FANO, PAIR = 20.38 * EV, 0.1096, 2.96 * EV


def response(edges_eV=range(160, 360, 10), resolution=True, noise=NOISE, efficiency=None, **changes):
    edges = np.array(edges_eV, dtype=float) * EV
    smear = Resolution(jnp.asarray(noise), jnp.asarray(FANO), jnp.asarray(PAIR)) if resolution else None
    made = Response(
        quenching=Lindhard(jnp.asarray(0.162), Z=32.0),
        resolution=smear,
        efficiency=efficiency,
        scale=jnp.asarray(1.0),
        shift=jnp.asarray(0.0),
        low=jnp.asarray(edges[:-1]),
        high=jnp.asarray(edges[1:]),
        breaks=panel_edges(edges[:-1], edges[1:], smear, np.array([180.1 * EV])),
        contiguous=True,
    )
    return dataclasses.replace(made, **changes)


# Probabilities


@given(energy_eV=st.floats(1.0, 600.0), scale=st.floats(0.9, 1.1), shift_eV=st.floats(-20.0, 20.0))
def test_probabilities_are_those_of_a_normal_distribution(energy_eV, scale, shift_eV):
    detector = response(scale=jnp.asarray(scale), shift=jnp.asarray(shift_eV * EV))
    seen = norm(scale * energy_eV + shift_eV, np.sqrt(20.38**2 + FANO * 2.96 * energy_eV))
    edges = np.arange(160.0, 360.0, 10.0)
    # A difference of two numbers of order one: digits are lost where the probability is small.
    probability = detector.bin_matrix(jnp.asarray([energy_eV * EV]))[:, 0]
    np.testing.assert_allclose(probability, np.diff(seen.cdf(edges)), rtol=1e-12, atol=1e-15)


def test_probabilities_sum_to_one_where_bins_cover_everything():
    everywhere = response(edges_eV=range(-1000, 2010, 10))
    total = everywhere.bin_matrix(jnp.linspace(0.0, 800 * EV, 41)).sum(axis=0)
    np.testing.assert_allclose(total, 1.0, rtol=1e-14)


def test_without_resolution_bins_are_windows():
    sharp = response([160, 170, 180], resolution=False, shift=jnp.asarray(5 * EV))
    windows = sharp.bin_matrix(jnp.asarray([150.0, 156.0, 164.0, 166.0, 174.0, 176.0]) * EV)
    assert windows.tolist() == [[0, 1, 1, 0, 0, 0], [0, 0, 0, 1, 1, 0]]


def test_efficiency_multiplies_and_is_constant_beyond_its_ends():
    half_way_up = Efficiency(jnp.asarray([100.0, 200.0]) * EV, jnp.asarray([0.0, 0.8]))
    energy = jnp.asarray([50.0, 150.0, 200.0, 300.0]) * EV
    with_it, without = (r.bin_matrix(energy) for r in (response(efficiency=half_way_up), response()))
    np.testing.assert_allclose(with_it, without * np.array([0.0, 0.4, 0.8, 0.8]), rtol=1e-14)


# Quadrature


@pytest.mark.parametrize("power", [0, 1, 5, 7])
@pytest.mark.parametrize("shift_eV", [0.0, 3.0])
def test_polynomials_are_integrated_exactly_up_to_the_edges(power, shift_eV):
    sharp = response(resolution=False, shift=jnp.asarray(shift_eV * EV), scale=jnp.asarray(1.02))
    energy, weight = sharp.nodes(4)  # four nodes: exact up to the seventh power
    integrals = sharp.bin_matrix(energy) @ (weight * (energy / EV) ** power)
    edges = (np.arange(160.0, 360.0, 10.0) - shift_eV) / 1.02
    np.testing.assert_allclose(integrals / EV, np.diff(edges ** (power + 1)) / (power + 1), rtol=1e-12)


def test_panels_end_where_the_number_of_electrons_steps():
    for resolution in (True, False):
        energy, weight = response(resolution=resolution).nodes(4)
        above = jnp.sum(weight * jnp.where(energy > 180.1 * EV, 1.0, 0.0))
        assert float(above + 180.1 * EV) == pytest.approx(float(response(resolution=resolution).breaks[-1]), rel=1e-14)


def test_panels_reach_eight_standard_deviations_beyond_the_bins():
    breaks = np.asarray(response().breaks) / EV
    assert breaks[0] == 0.0
    assert breaks[-1] == pytest.approx(350 + 8 * np.sqrt(20.38**2 + FANO * 2.96 * 350))


# Derivatives


def counts(detector):
    """Bins of a spectrum of nuclear recoils, exp(-T / 300 eV) / 300 eV, seen by the detector."""
    energy, weight = detector.nodes(8)
    T = recoil_energy(detector.quenching, energy)
    jacobian = 1 / jax.vmap(jax.grad(detector.quenching.ionisation))(T)
    return detector.bin_matrix(energy) @ (weight * jacobian * jnp.exp(-T / 3e-4) / 3e-4)


def moved(detector, where, step):
    return eqx.tree_at(where, detector, where(detector) + step)


VARIED = {
    "scale": lambda r, x: moved(r, lambda r: r.scale, x),
    "shift": lambda r, x: moved(r, lambda r: r.shift, 10 * EV * x),
    "k": lambda r, x: moved(r, lambda r: r.quenching.k, 0.1 * x),
    "lowest edge": lambda r, x: moved(r, lambda r: r.low, jnp.zeros(19).at[0].set(10 * EV * x)),
    "inner edge": lambda r, x: moved(
        moved(r, lambda r: r.low, jnp.zeros(19).at[4].set(10 * EV * x)),
        lambda r: r.high,
        jnp.zeros(19).at[3].set(10 * EV * x),
    ),
    "highest edge": lambda r, x: moved(r, lambda r: r.high, jnp.zeros(19).at[-1].set(10 * EV * x)),
}


def assert_derivative(detector, vary):
    """By the five-point formula: the step's fourth power, and roundings divided by the step, leave 1e-8."""
    bins = jax.jit(lambda x: counts(vary(detector, x)))
    step = 1e-3
    near, far = (bins(jnp.asarray(s)) - bins(jnp.asarray(-s)) for s in (step, 2 * step))
    difference = (8 * near - far) / (12 * step)
    slope = jax.jit(jax.jacfwd(bins))(jnp.asarray(0.0))
    np.testing.assert_allclose(slope, difference, rtol=1e-6, atol=1e-6 * float(jnp.abs(difference).max()))


@pytest.mark.parametrize("name", VARIED)
@pytest.mark.parametrize("resolution", [True, False])
def test_derivatives_against_finite_differences(name, resolution):
    assert_derivative(response(resolution=resolution), VARIED[name])


def test_derivative_in_the_noise():
    assert_derivative(response(), lambda r, x: moved(r, lambda r: r.resolution.noise, NOISE * x))


def test_derivative_where_an_edge_meets_a_panel_edge():
    # Z_eff steps at 200 eV, where a bin begins: the edge moves, the step does not.
    sharp = response(resolution=False)
    at_200 = dataclasses.replace(sharp, breaks=jnp.sort(jnp.append(sharp.breaks, sharp.low[4])))
    assert_derivative(at_200, VARIED["inner edge"])

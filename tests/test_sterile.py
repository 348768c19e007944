"""A sterile neutrino: the formula typed again, limits of no and of fast oscillation, and the rate by quadrature."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import cevnsjax
from cevnsjax.experiments.moves import oscillated
from cevnsjax.flavours import NU_E_BAR
from cevnsjax.interactions import NuclearRecoil, SterileNeutrino, cross_section
from cevnsjax.rates import bin_rates_by_quadrature


@pytest.fixture(scope="module")
def sterile(conus_plus):
    return cevnsjax.Likelihood(conus_plus, model="sterile", channel="cevns")


@given(st.floats(0.0, 1.0), st.floats(0.0, 20.0), st.floats(0.5, 12.0), st.floats(5.0, 100.0))
def test_survival_is_the_formula(mixing, dm2, energy, metres):
    """1.26693... is 1 / (4 hbar c) in eV^2 m / MeV."""
    params = {"sin2_2theta_14": jnp.asarray(mixing), "dm2_41": jnp.asarray(dm2)}
    found = SterileNeutrino().survival(params, jnp.asarray(energy), jnp.asarray(100 * metres), NU_E_BAR)
    expected = 1 - mixing * np.sin(1.26693267942 * dm2 * metres / energy) ** 2
    assert float(found) == pytest.approx(expected, abs=1e-7)


def test_nothing_changes_without_mixing_or_mass(sterile, conus_plus):
    expected = cevnsjax.Likelihood(conus_plus, channel="cevns").expected({})
    for given_ in ({"sin2_2theta_14": 0.0, "dm2_41": 3.0}, {"sin2_2theta_14": 0.8, "dm2_41": 0.0}):
        np.testing.assert_allclose(sterile.expected(given_), expected, rtol=1e-12)


def test_fast_oscillations_leave_half_of_the_mixing(sterile):
    expected = np.asarray(sterile.expected({}))
    found = np.asarray(sterile.expected({"sin2_2theta_14": 0.6, "dm2_41": 10.0}))
    np.testing.assert_allclose(found / expected, 0.7, atol=0.02)


@pytest.mark.parametrize("dm2", [0.3, 2.0, 10.0])
def test_rate_by_quadrature_over_energy(sterile, dm2):
    """Flux moments made inside the graph, against an integral over the neutrino's energy with many more nodes."""
    values = {"sin2_2theta_14": 0.5, "dm2_41": dm2}
    params = {p.name: jnp.asarray(values.get(p.name, p.default)) for p in sterile.model.parameters}
    moved = oscillated(sterile.experiments[0], sterile.model, params)

    def nuclear(E, recoil: NuclearRecoil, flavour):
        return cross_section(sterile.model.nuclear(params, recoil, flavour), E)

    rates = bin_rates_by_quadrature(sterile.tables[0], moved.fluxes, nuclear, order=24)
    expected = np.asarray(moved.exposure().sum(axis=0)) * np.asarray(rates)
    np.testing.assert_allclose(sterile.expected(values), expected, rtol=1e-4)


def test_one_of_both_parameters_may_be_left_out(sterile):
    """The other one then has its default, whether it is expanded in, absorbed, or neither."""
    full = sterile.chi2({"sin2_2theta_14": 0.4, "dm2_41": 1.0})
    assert sterile.chi2({"sin2_2theta_14": 0.4}) == pytest.approx(float(full), rel=1e-12)
    expanded = sterile.expand({"dm2_41": jnp.asarray(1.0)}, ["sin2_2theta_14"])
    assert expanded.chi2({"sin2_2theta_14": 0.4}) == pytest.approx(float(full), rel=1e-9)


def test_slope_in_the_mass(sterile):
    def chi2(dm2):
        return sterile.chi2({"sin2_2theta_14": 0.5, "dm2_41": dm2})

    step = 1e-4
    difference = (chi2(1.5 + step) - chi2(1.5 - step)) / (2 * step)
    assert jax.grad(chi2)(1.5) == pytest.approx(float(difference), rel=1e-5)
    assert np.isfinite(jax.grad(chi2)(0.0))


def test_plane_of_mixing_against_mass(sterile):
    found = cevnsjax.scan(sterile, ("sin2_2theta_14", 0.0, 1.0, 5), ("dm2_41", 0.1, 10.0, 4))
    for i, j in ((0, 0), (2, 1), (4, 3)):
        point = {"sin2_2theta_14": found.x.values[i], "dm2_41": found.y.values[j]}
        expected = float(sterile.chi2(point)) - found.chi2_min
        assert found.delta_chi2[j, i] == pytest.approx(expected, abs=1e-7)

"""A sterile neutrino: the formula typed again, limits of no and of fast oscillation, and the rate by quadrature."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from direct import experiment
from hypothesis import given
from hypothesis import strategies as st
from scattering import SM, prediction, quick, sampled

from cevnsjax.flavours import NU_E_BAR, NU_MU
from cevnsjax.inference import scan
from cevnsjax.interactions import SterileNeutrino, cross_section
from cevnsjax.likelihood import Likelihood
from cevnsjax.rates import rates_by_quadrature

PHASE = 1.26693267942
"""1 / (4 hbar c) [MeV / (eV^2 m)]."""

SURVIVAL = jax.jit(SterileNeutrino().survival, static_argnames="flavour")


@pytest.fixture(scope="module")
def sterile(conus_plus):
    return Likelihood(conus_plus, model="sterile", channel="cevns")


@given(st.floats(0.0, 1.0), st.floats(0.0, 20.0), st.floats(0.5, 12.0), st.floats(5.0, 100.0))
def test_survival_is_the_formula(mixing, dm2, energy, metres):
    params = {"sin2_2theta_14": mixing, "dm2_41": dm2}
    expected = 1 - mixing * np.sin(PHASE * dm2 * metres / energy) ** 2
    # The phase is up to some thousand: 1e-7 is what is left of the constant's twelve digits.
    assert float(SURVIVAL(params, energy, 100 * metres, flavour=NU_E_BAR)) == pytest.approx(expected, abs=1e-7)
    assert float(SURVIVAL(params, energy, 100 * metres, flavour=NU_MU)) == 1.0


def test_nothing_changes_without_mixing_or_mass(sterile, conus_plus):
    expected = prediction(conus_plus, channel="cevns")
    for given_ in ({"sin2_2theta_14": 0.0, "dm2_41": 3.0}, {"sin2_2theta_14": 0.8, "dm2_41": 0.0}):
        np.testing.assert_allclose(sterile.expected(given_), expected, rtol=1e-12)


def test_fast_oscillations_leave_half_of_the_mixing(sterile):
    ratio = sterile.expected({"sin2_2theta_14": 0.6, "dm2_41": 10.0}) / sterile.expected({})
    np.testing.assert_allclose(ratio, 0.7, atol=0.02)


def test_rate_by_quadrature_over_energy(sterile, conus_plus):
    """Moments of what is left of the flux, against an integral over the neutrino's energy with many more nodes."""
    metres = experiment()["source"]["baseline_m"]
    standard = {"sin2_theta_w": np.float64(0.23857)}
    weight, nodes, bins = sampled(conus_plus.signal, "nuclear")

    @jax.jit
    def rates(dm2):
        def nuclear(E, recoil, flavour):
            left = 1 - 0.5 * jnp.sin(PHASE * dm2 * metres / E) ** 2
            return left * cross_section(SM.nuclear(standard, recoil, flavour), E)

        return rates_by_quadrature(nodes, conus_plus.signal.components, nuclear, order=16)

    for dm2 in (0.3, 2.0, 10.0):
        expected = conus_plus.in_cells((weight * np.asarray(rates(dm2))) @ bins.T)
        np.testing.assert_allclose(sterile.expected({"sin2_2theta_14": 0.5, "dm2_41": dm2}), expected, rtol=1e-4)


def test_one_of_both_parameters_may_be_left_out(sterile):
    """The other one then has its default, whether values are numbers or traced."""
    full = float(sterile.chi2({"sin2_2theta_14": 0.4, "dm2_41": 1.0}))
    assert float(sterile.chi2({"sin2_2theta_14": 0.4})) == pytest.approx(full, rel=1e-12)
    assert float(jax.jit(lambda x: sterile.chi2({"sin2_2theta_14": x}))(0.4)) == pytest.approx(full, rel=1e-9)


def test_slope_in_the_mass(sterile):
    def chi2(dm2):
        return sterile.chi2({"sin2_2theta_14": 0.5, "dm2_41": dm2})

    slope, step = quick(jax.grad(chi2)), 1e-4
    difference = (chi2(1.5 + step) - chi2(1.5 - step)) / (2 * step)
    assert float(slope(1.5)) == pytest.approx(float(difference), rel=1e-5)
    assert np.isfinite(slope(0.0))


def test_plane_of_mixing_against_mass(sterile):
    result = scan(sterile, ("sin2_2theta_14", 0.0, 1.0, 3), ("dm2_41", 0.1, 10.0, 2))
    for i, j in ((0, 0), (1, 1), (2, 0), (2, 1)):
        point = {"sin2_2theta_14": result.x.values[i], "dm2_41": result.y.values[j]}
        expected = float(sterile.chi2(point)) - result.chi2_min
        assert result.delta_chi2[j, i] == pytest.approx(expected, abs=1e-7)

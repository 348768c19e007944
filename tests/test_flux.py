"""The reactor's flux: its parts, its density against the reference, the models of the spectra, the moments."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from direct import capture_spectrum as reference_capture
from direct import energy_knots, experiment
from direct import flux as reference_flux
from direct import fold as reference_fold
from hypothesis import given
from hypothesis import strategies as st

import cevnsjax
from cevnsjax.errors import InputError
from cevnsjax.flux import energy_per_fission, fission_spectrum, flux_moments, fold, reactor_flux, total_flux
from cevnsjax.flux.spectra import ABOVE_2_MEV, BELOW_2_MEV, ISOTOPES, capture_spectrum

SOURCE = experiment()["source"]
FRACTIONS = np.array([SOURCE["fission_fractions"][isotope] for isotope in ISOTOPES])


def conus_flux(spectrum=None, **changes):
    """CONUS+, not normalised to the quoted total."""
    given = {name: SOURCE[name] for name in ("power_GW", "baseline_m", "fission_fractions", "energy_per_fission_MeV")}
    return reactor_flux(**{**given, "spectrum": spectrum or fission_spectrum(), **changes})


FLUX = conus_flux()


@pytest.fixture(scope="module")
def moments():
    return flux_moments(FLUX, 4)


# The flux of CONUS+


def test_total_and_its_three_parts():
    edges = jnp.asarray([0.0, 2.0])
    below, above = (float(fold(jnp.ones_like, conus_flux(captures_per_fission=0.0), e)) for e in edges)
    fission_below, capture = below - above, float(total_flux(FLUX)) - below
    # The numbers are rounded to three digits.
    assert float(total_flux(FLUX)) == pytest.approx(1.386e13, rel=5e-3)
    assert (fission_below, above, capture) == pytest.approx((8.19e12, 3.23e12, 2.44e12), rel=2e-3)


@pytest.mark.parametrize("tail", ["polynomial", "exponential", "cut"])
def test_density_on_both_sides_of_every_knot(tail):
    knots = np.array(energy_knots())
    inside = np.random.default_rng(1).uniform(0.0, 12.5, 200)
    energies = np.concatenate([inside, knots[1:] * (1 - 1e-9), knots[:-1] + 1e-9])
    expected = [reference_flux(E, tail) for E in energies.tolist()]
    density = conus_flux(fission_spectrum(tail=tail)).density(jnp.asarray(energies))
    # The exponential of a sum of large terms amplifies roundings, most of all at 12.5 MeV.
    np.testing.assert_allclose(density, expected, rtol=1e-11)


def test_normalised_to_a_total():
    scaled = FLUX.normalised_to(1.5e13)
    assert float(total_flux(scaled)) == pytest.approx(1.5e13, rel=1e-14)
    # The reference counts the neutrinos below 50 eV, too: one in ten million.
    assert float(scaled.density(jnp.asarray(3.0))) == pytest.approx(reference_flux(3.0, total_flux=1.5e13), rel=2e-7)


def test_gradient_in_the_fission_fractions():
    @jax.jit
    def moments_above_5_MeV(fractions):
        flux = eqx.tree_at(lambda flux: flux.fractions, FLUX, fractions)
        return flux_moments(flux, 4)(jnp.asarray(5.0))

    slopes = jax.jacfwd(moments_above_5_MeV)(FLUX.fractions)
    step = 0.1  # the flux is linear in the fractions: any step is exact
    for i, slope in enumerate(slopes.T):
        ahead, behind = (moments_above_5_MeV(FLUX.fractions.at[i].add(s)) for s in (step, -step))
        np.testing.assert_allclose(slope, (ahead - behind) / (2 * step), rtol=1e-10)


# Spectra


@pytest.mark.parametrize("below", BELOW_2_MEV)
@pytest.mark.parametrize("above", ABOVE_2_MEV)
@pytest.mark.parametrize("tail", [None, "polynomial", "exponential", "cut"])
def test_every_combination_is_finite_and_not_negative(below, above, tail):
    flux = conus_flux(fission_spectrum(below, above, tail))
    density = np.asarray(flux.density(jnp.linspace(0.0, 12.5, 501)))
    assert np.isfinite(density).all()
    assert (density >= 0.0).all()
    # All are of one quantity: in total they differ by a few per cent.
    assert np.trapezoid(density, dx=0.025) == pytest.approx(1.386e13, rel=0.1)


def test_steps_at_2_MeV():
    # Vogel and Engel's table does not meet Huber's and Mueller's polynomials: +5, -7, +1, -4 %.
    spectrum = fission_spectrum()
    before, at = (np.asarray(spectrum(jnp.asarray(E))) for E in (2.0 - 1e-9, 2.0))
    np.testing.assert_allclose(at / before - 1, [0.05, -0.07, 0.01, -0.04], atol=5e-3)


def mean(spectrum, low, high):
    """Mean over an energy range, by the midpoint rule."""
    energy = low + (high - low) * (np.arange(400) + 0.5) / 400
    return np.asarray(spectrum(jnp.asarray(energy))).mean(axis=1)


def test_bestiole_lies_above_vogel_engel_at_low_energies():
    # 1.3 to 1.6 times between 0.15 and 0.35 MeV: of the mean over that range, for each isotope. From place
    # to place the ratio of the mix goes from 1.33 (at 0.35 MeV) to 1.89 (at 0.2 MeV).
    ratio = mean(fission_spectrum("bestiole"), 0.15, 0.35) / mean(fission_spectrum(), 0.15, 0.35)
    assert (ratio > 1.3).all()
    assert (ratio < 1.6).all()


def test_kopeikin_moves_uranium_alone():
    ratio = mean(fission_spectrum(above="kopeikin_2021"), 2.0, 8.0) / mean(fission_spectrum(), 2.0, 8.0)
    # The ratio of the 235U and 239Pu beta spectra was re-measured 5 % lower.
    assert ratio[0] == pytest.approx(0.95, abs=0.01)
    assert ratio[2:].tolist() == [1.0, 1.0]


@pytest.mark.parametrize("above", ["huber_mueller", "kopeikin_2021", "bestiole"])
def test_tails_meet_the_spectrum_at_8_MeV(above):
    for tail in ("polynomial", "exponential"):
        before, after = (np.asarray(fission_spectrum(above=above, tail=tail)(jnp.asarray(8.0 + s))) for s in (0, 1e-9))
        np.testing.assert_allclose(after, before, rtol=1e-7)


def test_capture_integrates_to_one_for_each_decay():
    spectrum = capture_spectrum()
    width = np.diff(spectrum.bin_edges)
    # The table has six digits.
    np.testing.assert_allclose(np.asarray(spectrum.table) @ width, 1.0, rtol=1e-5)


@given(st.floats(0.0, 1.4))
def test_capture_against_reference(energy):
    per_fission = SOURCE["captures_per_fission"] * float(capture_spectrum()(jnp.asarray(energy)).sum())
    assert per_fission == pytest.approx(reference_capture(energy), rel=1e-14)


# Moments


@given(minimum=st.floats(1e-4, 8.0))
def test_moments_against_adaptive_quadrature(moments, minimum):
    expected = [reference_fold(lambda E, n=n: reference_flux(E) * E**-n, minimum, 1e-10) for n in range(3)]
    np.testing.assert_allclose(moments(jnp.asarray(minimum)), expected, rtol=1e-7)  # 6e-8 at worst


@given(minimum=st.floats(8.0, 12.4))
def test_moments_in_the_tail(moments, minimum):
    # 1e-13 of the flux, where it is so steep that the cubic is off by 1.2e-5.
    expected = [reference_fold(lambda E, n=n: reference_flux(E) * E**-n, minimum, 1e-10) for n in range(3)]
    np.testing.assert_allclose(moments(jnp.asarray(minimum)), expected, rtol=2e-5)


@given(minimum=st.floats(1e-3, 8.0))
def test_moments_against_direct_folding(moments, minimum):
    folded = [fold(lambda E, n=n: E**-n, FLUX, jnp.asarray(minimum), order=16) for n in range(3)]
    np.testing.assert_allclose(moments(jnp.asarray(minimum)), folded, rtol=1e-6)


def test_no_moments_beyond_the_end(moments):
    assert moments(jnp.asarray([12.5, 13.0, 1e3])).tolist() == [[0.0] * 3] * 3


def test_moments_vary_with_the_threshold_as_the_density(moments):
    minimum = jnp.asarray([0.01, 0.3, 1.7, 3.3, 6.1, 7.9])
    slopes = jax.vmap(jax.jacfwd(lambda least: moments(least)))(minimum)
    expected = [-FLUX.density(minimum) * minimum**-n for n in range(3)]
    # The slope of a cubic through exact values and slopes: an order less exact than the moments.
    np.testing.assert_allclose(slopes.T, expected, rtol=1e-5)


# Energy per fission and wrong input


def test_energy_per_fission():
    assert energy_per_fission("ma_2013", FRACTIONS) == pytest.approx(206.3, abs=0.05)
    assert energy_per_fission("kopeikin_2004", FRACTIONS) == pytest.approx(205.6, abs=0.05)


def test_energy_per_fission_by_name():
    ratio = float(FLUX.fission_rate / conus_flux(energy_per_fission_MeV="ma_2013").fission_rate)
    assert ratio == pytest.approx(energy_per_fission("ma_2013", FRACTIONS) / 205.24, rel=1e-12)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: fission_spectrum(below="vogel"), "unknown spectrum below 2 MeV 'vogel'; did you mean 'vogel_engel'"),
        (lambda: fission_spectrum(above="huber"), "unknown spectrum above 2 MeV 'huber'"),
        (lambda: fission_spectrum(tail="cutt"), "unknown behaviour above 8 MeV 'cutt'; did you mean 'cut'"),
        (lambda: fission_spectrum(tail="table"), "'huber_mueller' has no table above 8 MeV"),
        (lambda: energy_per_fission("ma", FRACTIONS), "unknown energy per fission 'ma'"),
        (lambda: conus_flux(fission_fractions={"U235": 1.0}), "fission fractions of U235 given; give U235, U238"),
    ],
)
def test_wrong_names(call, message):
    with pytest.raises(InputError, match=message):
        call()


def test_the_experiment_uses_this_flux(conus_plus):
    (flux,) = conus_plus.fluxes
    assert float(total_flux(flux)) == pytest.approx(1.5e13, rel=1e-14)
    without = cevnsjax.load_experiment("conus_plus", overrides={"source.total_flux_per_cm2_s": None})
    assert float(total_flux(without.fluxes[0])) == pytest.approx(float(total_flux(FLUX)), rel=1e-14)

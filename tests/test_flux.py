"""Sources: the reactor's flux and its parts against the reference, a flux from a table, moments and integrals."""

import equinox as eqx
import jax
import numpy as np
import pytest
from direct import capture_spectrum as reference_capture
from direct import energy_knots, experiment, fold_flux
from direct import flux as reference_flux
from direct import fold as reference_fold
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad

from cevnsjax.errors import InputError
from cevnsjax.experiments import load_experiment
from cevnsjax.flavours import NU_MU
from cevnsjax.sources import (
    energy_grid,
    energy_per_fission,
    fission_spectrum,
    flux_moments,
    reactor_flux,
    tabulated_flux,
    total_flux,
)
from cevnsjax.sources.spectra import ABOVE_2_MEV, BELOW_2_MEV, ISOTOPES, capture_spectrum

SOURCE = experiment()["source"]
FRACTIONS = np.array([SOURCE["fission_fractions"][isotope] for isotope in ISOTOPES])


def conus_flux(spectrum=None, **changes):
    """CONUS+, not normalised to the quoted total."""
    given = {name: SOURCE[name] for name in ("power_GW", "baseline_m", "fission_fractions", "energy_per_fission_MeV")}
    return reactor_flux(**{**given, "spectrum": spectrum or fission_spectrum(), **changes})


FLUX, CAPTURE = conus_flux(), capture_spectrum()
MOMENTS = flux_moments(FLUX)


def reference_moments(minimum):
    """The first three moments of the reference's flux."""
    return [fold_flux(lambda E, n=n: E**-n, minimum, "polynomial", None, 1e-10) for n in range(3)]


# The flux of CONUS+


def test_total_and_its_three_parts():
    below, above = (float(conus_flux(captures_per_fission=0.0).fold(np.ones_like, np.float64(E))) for E in (0.0, 2.0))
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
    density = conus_flux(fission_spectrum(tail=tail)).density(energies)
    # The exponential of a sum of large terms amplifies roundings, most of all at 12.5 MeV.
    np.testing.assert_allclose(density, expected, rtol=1e-11)


def test_normalised_to_a_total():
    scaled = FLUX.normalised_to(1.5e13)
    assert float(total_flux(scaled)) == pytest.approx(1.5e13, rel=1e-14)
    # The reference counts the neutrinos below 50 eV, too: one in ten million.
    assert float(scaled.density(np.float64(3.0))) == pytest.approx(reference_flux(3.0, total_flux=1.5e13), rel=2e-7)


def test_gradient_in_the_fission_fractions():
    @jax.jit
    def moments_above_5_MeV(fractions):
        flux = eqx.tree_at(lambda flux: flux.fractions, FLUX, fractions)
        return flux_moments(flux)(np.float64(5.0))

    slopes = jax.jit(jax.jacfwd(moments_above_5_MeV))(FLUX.fractions)
    step = 0.1  # the flux is linear in the fractions: any step is exact
    for slope, unit in zip(slopes.T, np.eye(4), strict=True):
        ahead, behind = (moments_above_5_MeV(FLUX.fractions + s * unit) for s in (step, -step))
        np.testing.assert_allclose(slope, (ahead - behind) / (2 * step), rtol=1e-10)


def test_the_experiment_uses_this_flux(conus_plus):
    (flux,) = conus_plus.signal.components
    assert float(total_flux(flux)) == pytest.approx(1.5e13, rel=1e-14)
    assert flux.baseline == 100 * SOURCE["baseline_m"]
    (without,) = load_experiment("conus_plus", {"source.total_flux_per_cm2_s": None}).signal.components
    assert float(total_flux(without)) == pytest.approx(float(total_flux(FLUX)), rel=1e-14)


# Spectra


@pytest.mark.parametrize("below", BELOW_2_MEV)
@pytest.mark.parametrize("above", ABOVE_2_MEV)
@pytest.mark.parametrize("tail", [None, "polynomial", "exponential", "cut"])
def test_every_combination_is_finite_and_not_negative(below, above, tail):
    density = conus_flux(fission_spectrum(below, above, tail)).density(np.linspace(0.0, 12.5, 501))
    assert np.isfinite(density).all()
    assert (density >= 0.0).all()
    # All are of one quantity: in total they differ by a few per cent.
    assert np.trapezoid(density, dx=0.025) == pytest.approx(1.386e13, rel=0.1)


def test_steps_at_2_MeV():
    # Vogel and Engel's table does not meet Huber's and Mueller's polynomials: +5, -7, +1, -4 %.
    before, at = (fission_spectrum()(np.float64(E)) for E in (2.0 - 1e-9, 2.0))
    np.testing.assert_allclose(at / before - 1, [0.05, -0.07, 0.01, -0.04], atol=5e-3)


def mean(spectrum, low, high):
    """Mean over an energy range, by the midpoint rule."""
    return spectrum(low + (high - low) * (np.arange(400) + 0.5) / 400).mean(axis=1)


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
@pytest.mark.parametrize("tail", ["polynomial", "exponential"])
def test_tails_meet_the_spectrum_at_8_MeV(above, tail):
    spectrum = fission_spectrum(above=above, tail=tail)
    np.testing.assert_allclose(spectrum(np.float64(8.0 + 1e-9)), spectrum(np.float64(8.0)), rtol=1e-7)


def test_capture_integrates_to_one_for_each_decay():
    # The table has six digits.
    np.testing.assert_allclose(CAPTURE.table @ np.diff(CAPTURE.bin_edges), 1.0, rtol=1e-5)


@given(st.floats(0.0, 1.4))
def test_capture_against_reference(energy):
    per_fission = SOURCE["captures_per_fission"] * CAPTURE(np.float64(energy)).sum()
    assert per_fission == pytest.approx(reference_capture(energy), rel=1e-14)


# A flux from a table


TABLE = "energy_MeV,nu_mu,falling\n0.5,0,-1\n1.0,4e5,3\n4.0,1e5,2\n"


def density(E):
    """The column nu_mu, typed again."""
    return 0.0 if not 0.5 <= E <= 4.0 else 8e5 * (E - 0.5) if E < 1.0 else 4e5 - 1e5 * (E - 1.0)


@pytest.fixture
def table(tmp_path):
    (tmp_path / "flux.csv").write_text(TABLE)
    return tmp_path / "flux.csv"


def test_a_flux_from_a_table(table):
    flux = tabulated_flux(table, "nu_mu", NU_MU, 2000.0, scale=1.5)
    energies = np.array([0.1, 0.5, 0.7, 1.0, 2.5, 4.0, 4.1])
    np.testing.assert_allclose(flux.density(energies), [1.5 * density(E) for E in energies.tolist()], rtol=1e-14)
    assert (flux.flavour, flux.baseline, flux.profiles) == (NU_MU, 2000.0, {})
    # Two triangles and a rectangle.
    assert float(total_flux(flux)) == pytest.approx(1.5 * (1e5 + 3e5 + 4.5e5), rel=1e-12)


@pytest.mark.parametrize("minimum", [0.0, 0.6, 1.0, 3.7, 4.5])
def test_moments_of_a_table_against_adaptive_quadrature(table, minimum):
    found = flux_moments(tabulated_flux(table, "nu_mu", NU_MU, 2000.0))(np.float64(minimum))
    for n, value in enumerate(found.tolist()):
        pieces = [(max(a, minimum), b) for a, b in ((0.5, 1.0), (1.0, 4.0)) if b > minimum]
        expected = sum(quad(lambda E, n=n: density(E) * E**-n, a, b, epsrel=1e-12)[0] for a, b in pieces)
        assert value == pytest.approx(expected, rel=1e-7)


@pytest.mark.parametrize(
    ("text", "column", "message"),
    [
        (TABLE, "falling", "the flux 'falling' must be finite and not negative"),
        (TABLE, "nu_e", "lacks the column 'nu_e'"),
        (TABLE.replace("4.0,", "0.9,"), "nu_mu", "energy_MeV must not be negative, and rise"),
        (TABLE.replace("0.5,", "-0.5,"), "nu_mu", "energy_MeV must not be negative, and rise"),
        ("energy_MeV,nu_mu\n1,2\n", "nu_mu", "energy_MeV must not be negative, and rise"),
        (TABLE.replace("4e5", ""), "nu_mu", "must be finite"),
    ],
)
def test_wrong_tables(table, text, column, message):
    table.write_text(text)
    with pytest.raises(InputError, match=message):
        tabulated_flux(table, column, NU_MU, 2000.0)


# Moments


@pytest.mark.parametrize("minimum", [2e-4, 0.03, 1.9, 5.0])
def test_both_integrals_of_the_reference_agree(minimum):
    """The quick one, with the same nodes for all functions, and the one that is adaptive everywhere."""
    for n, value in enumerate(reference_moments(minimum)):
        adaptive = reference_fold(lambda E, n=n: reference_flux(E) * E**-n, minimum, 1e-12)
        assert value == pytest.approx(adaptive, rel=1e-12)


@given(minimum=st.floats(1e-4, 8.0))
def test_moments_against_adaptive_quadrature(minimum):
    np.testing.assert_allclose(MOMENTS(np.float64(minimum)), reference_moments(minimum), rtol=1e-7)  # 6e-8 at worst


@given(minimum=st.floats(8.0, 12.4))
def test_moments_in_the_tail(minimum):
    # 1e-13 of the flux, where it is so steep that the cubic is off by 1.2e-5.
    np.testing.assert_allclose(MOMENTS(np.float64(minimum)), reference_moments(minimum), rtol=2e-5)


@given(minimum=st.floats(1e-3, 8.0))
def test_moments_against_direct_folding(minimum):
    folded = [FLUX.fold(lambda E, n=n: E**-n, np.float64(minimum), order=16) for n in range(3)]
    np.testing.assert_allclose(MOMENTS(np.float64(minimum)), folded, rtol=1e-6)


def test_no_moments_beyond_the_end():
    assert MOMENTS(np.array([12.5, 13.0, 1e3])).tolist() == [[0.0] * 3] * 3


def test_moments_of_what_is_left_of_a_flux():
    """A share of the neutrinos at each energy multiplies the density: here E / 20 MeV."""
    grid = energy_grid(FLUX)
    left = flux_moments(FLUX, grid, grid.energy / 20)(np.array([0.2, 3.0]))
    expected = [
        [FLUX.fold(lambda E, n=n: E ** (1 - n) / 20, np.float64(E_min), 16) for E_min in (0.2, 3.0)] for n in range(3)
    ]
    np.testing.assert_allclose(left, expected, rtol=1e-6)


def test_moments_vary_with_the_threshold_as_the_density():
    minimum = np.array([0.01, 0.3, 1.7, 3.3, 6.1, 7.9])
    slopes = jax.jit(jax.vmap(jax.jacfwd(MOMENTS)))(minimum)
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
        (
            lambda: conus_flux(fission_fractions={name: 100 * x for name, x in SOURCE["fission_fractions"].items()}),
            "fission fractions add up to 100; give shares that add up to about 1",
        ),
        (lambda: conus_flux(fission_fractions=dict.fromkeys(ISOTOPES, 0.0)), "fission fractions add up to 0;"),
    ],
)
def test_wrong_names(call, message):
    with pytest.raises(InputError, match=message):
        call()

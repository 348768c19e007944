"""Yields: Lindhard's theory, polynomials, tables, and the inversion with its derivatives."""

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from direct import lindhard as reference
from hypothesis import given
from hypothesis import strategies as st
from scattering import quick

from cevnsjax.errors import InputError
from cevnsjax.resources import data_folder, read_table
from cevnsjax.response import Full, Lindhard, Polynomial, Tabulated, recoil_energy, tabulated_yield

K = st.floats(0.05, 0.4)
GERMANIUM = data_folder() / "quenching" / "germanium_collar_2021.csv"

YIELDS = {
    "full": Full(),
    "lindhard": Lindhard(0.162, Z=32.0),
    "constant": Polynomial(np.array([0.2])),
    "linear": Polynomial(np.array([0.25, 0.8])),
    "polynomial": Polynomial(np.array([0.1, 3.0, -20.0])),
    "table": tabulated_yield(GERMANIUM, "Fef"),
    "scaled table": tabulated_yield(GERMANIUM, "YBe", factor=0.6),
}


def ionisation_mp(T, k):
    """Lindhard's Q_f(T) T in MeV, by mpmath."""
    e = mpmath.mpf("11.5") * mpmath.power(32, mpmath.mpf(-7) / 3) * T * 1000
    g = 3 * e ** mpmath.mpf("0.15") + mpmath.mpf("0.7") * e ** mpmath.mpf("0.6") + e
    return k * g / (1 + k * g) * T


def recoil_mp(E, k):
    return mpmath.findroot(lambda T: ionisation_mp(T, k) / E - 1, (2 * E, 20 * E), tol=1e-30)


# From recoil to visible energy


@given(T_keV=st.floats(1e-3, 1e3), k=K)
def test_lindhard_against_reference(T_keV, k):
    T, expected = np.float64(T_keV * 1e-3), reference(T_keV, k)
    assert Lindhard(k, Z=32.0).factor(T) == pytest.approx(expected, rel=1e-14)
    assert Lindhard(k, Z=32.0).visible(T) == pytest.approx(expected * T, rel=1e-14)


def test_polynomials():
    """Coefficients are those of the visible energy: constant and linear yields are the first ones."""
    T = np.array([1e-4, 1e-3, 2e-2])
    np.testing.assert_allclose(YIELDS["constant"].visible(T) / T, 0.2, rtol=1e-14)
    np.testing.assert_allclose(YIELDS["linear"].visible(T) / T, 0.25 + 0.8 * T, rtol=1e-14)
    np.testing.assert_allclose(YIELDS["polynomial"].visible(T) / T, 0.1 + 3 * T - 20 * T**2, rtol=1e-14)
    assert all(yields.kinks().size == 0 for name, yields in YIELDS.items() if "table" not in name)


@pytest.mark.parametrize("name", YIELDS)
def test_slopes_are_those_of_the_visible_energy(name):
    yields, T = YIELDS[name], np.geomspace(2e-6, 2e-2, 40)
    visible, slopes = jax.jit(jax.vmap(jax.value_and_grad(yields.visible)))(T)
    np.testing.assert_allclose(visible, yields.visible(T), rtol=1e-14)
    np.testing.assert_allclose(yields.slope(T), slopes, rtol=1e-13)


def test_no_recoil_nothing_visible():
    # The slope of Q_f T at T = 0 is Q_f(0) = 0, though that of e^0.15 is infinite.
    def visible(T, k):
        return Lindhard(k, Z=32.0).visible(T)

    value, slopes = jax.jit(jax.value_and_grad(visible, argnums=(0, 1)))(0.0, 0.162)
    assert [float(x) for x in (value, *slopes)] == [0.0, 0.0, 0.0]
    assert (visible(np.float64(0.0), 0.162), Lindhard(0.162, Z=32.0).slope(np.float64(0.0))) == (0.0, 0.0)


# Tables


def test_a_table_at_and_between_rows():
    # Rows of the file: 43.61 % at zero, 43.418 % at 10 eV.
    T = np.array([1e-9, 5e-6, 1e-5])
    np.testing.assert_allclose(YIELDS["table"].visible(T) / T, [0.4361, 0.43514, 0.43418], rtol=1e-6)
    np.testing.assert_allclose(YIELDS["table"].visible(T[1:]) / T[1:], [0.43514, 0.43418], rtol=1e-14)


def test_a_table_is_constant_beyond_its_ends():
    table = Tabulated(np.array([1e-3, 2e-3]), np.array([0.2, 0.3]))
    T = np.array([5e-4, 1.5e-3, 4e-3])
    np.testing.assert_allclose(table.visible(T) / T, [0.2, 0.25, 0.3], rtol=1e-14)
    np.testing.assert_allclose(table.slope(T), [0.2, 0.25 + 1.5e-3 * 100, 0.3], rtol=1e-14)


def test_a_factor_multiplies_the_yield_and_moves_all_kinks():
    once, scaled = (tabulated_yield(GERMANIUM, "YBe", factor) for factor in (1.0, 0.6))
    T = np.geomspace(1e-6, 1e-2, 30)
    np.testing.assert_allclose(scaled.visible(T), 0.6 * once.visible(T), rtol=1e-14)
    np.testing.assert_allclose(scaled.slope(T), 0.6 * once.slope(T), rtol=1e-14)
    # The slope changes at every row of the table.
    assert once.kinks().size == once.recoil.size > 400
    np.testing.assert_allclose(scaled.kinks(), 0.6 * once.recoil * once.yields, rtol=1e-14)


def test_a_table_that_falls_is_bridged():
    """Fef's ionisation energy has a maximum at 1.1 keV: from where it is first as large as in the dip to where it is
    again as large as there it rises evenly, and elsewhere nothing changes."""
    table = YIELDS["table"]
    given = read_table(GERMANIUM, ("recoil_energy_keV", "Fef"))
    energy = table.recoil * table.yields * 1e6
    as_given = 1e3 * given["recoil_energy_keV"] * given["Fef"]
    assert (np.diff(energy) > 0).all()
    assert (np.diff(as_given) < 0).any()
    changed = np.flatnonzero(~np.isclose(energy, as_given))
    before, after = changed[0] - 1, changed[-1] + 1
    (turns,) = np.nonzero(np.diff(as_given) < 0)
    top, dip = as_given[turns[0]], as_given[turns[-1] + 1]
    assert as_given[before] <= dip < as_given[before + 1]
    assert as_given[after - 1] < top <= as_given[after]
    np.testing.assert_allclose(np.diff(energy[before : after + 1]), (energy[after] - energy[before]) / (after - before))
    assert np.abs(energy - as_given).max() < 10.0


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("recoil_energy_keV,Q\n0,0.2\n1,0.3\n1,0.4\n", "recoil_energy_keV must not be negative, and rise"),
        ("recoil_energy_keV,Q\n-1,0.2\n1,0.3\n", "recoil_energy_keV must not be negative, and rise"),
        ("recoil_energy_keV,Q\n0,0.2\n1,0\n", "the yields 'Q' are not all positive"),
        ("recoil_energy_keV,Q\n0,0.2\n1,\n", "the yields 'Q' are not all positive"),
        ("recoil_energy_keV,Qf\n0,0.2\n1,0.3\n", "lacks the column 'Q'"),
    ],
)
def test_wrong_tables(tmp_path, text, message):
    (tmp_path / "mine.csv").write_text(text)
    with pytest.raises(InputError, match=message):
        tabulated_yield(tmp_path / "mine.csv", "Q")


def test_unknown_table_and_column(tmp_path):
    with pytest.raises(InputError, match=r"cannot read the table '.*collar.csv'"):
        tabulated_yield(tmp_path / "collar.csv", "Fef")
    with pytest.raises(InputError, match=r"lacks the column 'Fe'; its columns are .*Fef"):
        tabulated_yield(GERMANIUM, "Fe")


# From visible to recoil energy


@given(E=st.floats(-6.0, np.log10(0.05)).map(lambda exponent: 10.0**exponent), k=K)
def test_inverse_from_1_eV_to_50_keV(E, k):
    yields = Lindhard(k, Z=32.0)
    assert yields.visible(recoil_energy(yields, np.array([E])))[0] == pytest.approx(E, rel=1e-13)


@given(k=K)
def test_inverse_of_many_energies_at_once(k):
    # The start of the iteration is taken from a table whose range follows the energies: here the widest.
    yields, E = Lindhard(k, Z=32.0), np.geomspace(1e-6, 0.05, 200)
    np.testing.assert_allclose(yields.visible(recoil_energy(yields, E)), E, rtol=1e-13)


@pytest.mark.parametrize("name", YIELDS)
def test_every_yield_there_and_back(name):
    yields, E = YIELDS[name], np.geomspace(1e-5, 5e-4, 50)
    T = recoil_energy(yields, E)
    assert not isinstance(T, jax.Array)
    np.testing.assert_allclose(yields.visible(T), E, rtol=1e-13)


def test_inverse_in_closed_form():
    E = np.geomspace(1e-6, 1e-2, 20)
    np.testing.assert_allclose(recoil_energy(YIELDS["constant"], E), E / 0.2, rtol=1e-14)
    # a T + b T^2 = E, in a form that loses no digits.
    root = np.sqrt(0.25**2 + 4 * 0.8 * E)
    np.testing.assert_allclose(recoil_energy(YIELDS["linear"], E), 2 * E / (0.25 + root), rtol=1e-14)


def at_k(E, k):
    """The recoil energy of E, beside those of 1 eV and 50 keV: so the table that starts is as wide as it can be."""
    return recoil_energy(Lindhard(k, Z=32.0), jnp.stack([1e-6, E, 0.05]))[1]


def gradient(E, k):
    first = jax.jacfwd(at_k, argnums=(0, 1))(E, k)
    return first, first


DERIVATIVES = quick(jax.jacfwd(gradient, argnums=(0, 1), has_aux=True))


@pytest.mark.parametrize(("E", "k"), [(1e-6, 0.05), (1e-6, 0.4), (1.6e-4, 0.162), (0.05, 0.05), (0.05, 0.4)])
def test_first_and_second_derivatives_of_the_inverse(E, k):
    second, first = DERIVATIVES(E, k)
    with mpmath.workdps(40):
        point = mpmath.mpf(E), mpmath.mpf(k)
        expected = {
            order: float(mpmath.diff(recoil_mp, point, order)) for order in ((1, 0), (0, 1), (2, 0), (1, 1), (0, 2))
        }
    # Newton's steps square the error of the derivatives too: of 1e-4 or better at the start.
    np.testing.assert_allclose(first, [expected[1, 0], expected[0, 1]], rtol=1e-12)
    hessian = [second[0][0], second[0][1], second[1][1]]
    np.testing.assert_allclose(hessian, [expected[2, 0], expected[1, 1], expected[0, 2]], rtol=1e-9)


@pytest.mark.parametrize("coefficients", [[0.2, -5.0], [-0.1, 1.0]])
def test_a_yield_that_does_not_reach_the_bins(coefficients):
    """0.2 T - 5 T^2 is nowhere above 2 keV; the other begins below zero."""
    with pytest.raises(InputError, match=r"the yield leaves at most .* positive and rises further"):
        recoil_energy(Polynomial(np.array(coefficients)), np.array([1e-5, 2.1e-3]))


def test_derivatives_in_the_numbers_of_a_table():
    recoil, visible = np.array([0.0, 1e-3, 2e-3]), np.array([3e-4])

    def at(middle, factor):
        table = Tabulated(recoil, jnp.stack([0.2, middle, 0.3]), factor)
        return recoil_energy(table, visible)[0]

    gradient = quick(jax.jacfwd(at, argnums=(0, 1)))(0.25, 0.9)
    # T solves factor Q(T) T = E, with Q = 0.25 + 50 / MeV (T - 1 keV) where it lies.
    T = np.roots([50.0, 0.25 - 0.05, -3e-4 / 0.9]).max()
    assert 1e-3 < T < 2e-3
    slope = 0.9 * (0.2 + 100 * T)
    in_middle, in_factor = 0.9 * (2e-3 - T) / 1e-3 * T, (0.2 + 50 * T) * T
    np.testing.assert_allclose(gradient, [-in_middle / slope, -in_factor / slope], rtol=1e-12)

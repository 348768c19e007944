"""Quenching: Lindhard's theory, tables, and the inversion with its derivatives."""

import jax
import jax.numpy as jnp
import mpmath
import numpy as np
import pytest
from direct import lindhard as reference
from hypothesis import given
from hypothesis import strategies as st

from cevnsjax.errors import InputError
from cevnsjax.resources import data_folder, read_table
from cevnsjax.response import Lindhard, TabulatedYield, recoil_energy, tabulated_yield

K = st.floats(0.05, 0.4)


def germanium(k):
    return Lindhard(jnp.asarray(k), Z=32.0)


def ionisation_mp(T, k):
    """Lindhard's Q_f(T) T in MeV, by mpmath."""
    e = mpmath.mpf("11.5") * mpmath.power(32, mpmath.mpf(-7) / 3) * T * 1000
    g = 3 * e ** mpmath.mpf("0.15") + mpmath.mpf("0.7") * e ** mpmath.mpf("0.6") + e
    return k * g / (1 + k * g) * T


def recoil_mp(E, k):
    return mpmath.findroot(lambda T: ionisation_mp(T, k) / E - 1, (2 * E, 20 * E), tol=1e-30)


@given(T_keV=st.floats(1e-3, 1e3), k=K)
def test_lindhard_against_reference(T_keV, k):
    assert float(germanium(k).factor(jnp.asarray(T_keV * 1e-3))) == pytest.approx(reference(T_keV, k), rel=1e-14)


@given(E=st.floats(-6.0, np.log10(0.05)).map(lambda exponent: 10.0**exponent), k=K)
def test_inverse_from_1_eV_to_50_keV(E, k):
    quenching = germanium(k)
    (T,) = recoil_energy(quenching, jnp.asarray([E]))
    assert float(quenching.ionisation(T)) == pytest.approx(E, rel=1e-13)


def test_a_table_that_falls_is_bridged():
    """Fef's ionisation energy has a maximum at 1.1 keV: from where it is first as large as in the dip to where it is
    again as large as there it rises evenly, and elsewhere nothing changes."""
    quenching = tabulated_yield("germanium_collar_2021", "Fef")
    given = read_table(data_folder() / "quenching" / "germanium_collar_2021.csv", ("recoil_energy_keV", "Fef"))
    energy = np.asarray(quenching.recoil * quenching.yields) * 1e6
    as_given = 1e3 * given["recoil_energy_keV"] * given["Fef"]
    assert (np.diff(energy) > 0).all()
    assert (np.diff(as_given) < 0).any()
    changed = np.flatnonzero(~np.isclose(energy, as_given))
    low, high = quenching.kinks()[:2] * 1e6
    assert (energy[changed] > low).all()
    assert (energy[changed] < high).all()
    assert np.abs(energy - as_given).max() < 10.0


@given(k=K)
def test_inverse_of_many_energies_at_once(k):
    # The start of the iteration is taken from a table whose range follows the energies: here the widest.
    quenching, E = germanium(k), jnp.geomspace(1e-6, 0.05, 200)
    T = recoil_energy(quenching, E)
    np.testing.assert_allclose(jax.vmap(quenching.ionisation)(T), E, rtol=1e-13)


@pytest.mark.parametrize(("E", "k"), [(1e-6, 0.05), (1e-6, 0.4), (1.6e-4, 0.162), (0.05, 0.05), (0.05, 0.4)])
def test_first_and_second_derivatives_of_the_inverse(E, k):
    def recoil(E, k):
        # Beside others, that the table be as wide as it ever is.
        return recoil_energy(germanium(k), jnp.stack([jnp.asarray(1e-6), E, jnp.asarray(0.05)]))[1]

    at = jnp.asarray(E), jnp.asarray(k)
    gradient, hessian = jax.grad(recoil, argnums=(0, 1))(*at), jax.hessian(recoil, argnums=(0, 1))(*at)
    with mpmath.workdps(40):
        point = mpmath.mpf(E), mpmath.mpf(k)
        expected = {
            order: float(mpmath.diff(recoil_mp, point, order)) for order in ((1, 0), (0, 1), (2, 0), (1, 1), (0, 2))
        }
    # Newton's steps square the error of the derivatives too: of 1e-4 or better at the start.
    np.testing.assert_allclose(gradient, [expected[1, 0], expected[0, 1]], rtol=1e-12)
    second = [hessian[0][0], hessian[0][1], hessian[1][1]]
    np.testing.assert_allclose(second, [expected[2, 0], expected[1, 1], expected[0, 2]], rtol=1e-9)


def test_no_recoil_no_ionisation():
    # The slope of Q_f T at T = 0 is Q_f(0) = 0, though that of e^0.15 is infinite.
    value, slope = jax.value_and_grad(germanium(0.162).ionisation)(jnp.asarray(0.0))
    assert (float(value), float(slope)) == (0.0, 0.0)
    in_k = jax.grad(lambda k: germanium(k).ionisation(jnp.asarray(0.0)))(jnp.asarray(0.162))
    assert float(in_k) == 0.0


@pytest.mark.parametrize("column", ["Fef", "YBe"])
def test_tabulated_yield_there_and_back(column):
    quenching, E = tabulated_yield("germanium_collar_2021", column), jnp.geomspace(1e-5, 1e-2, 50)
    T = recoil_energy(quenching, E)
    np.testing.assert_allclose(jax.vmap(quenching.ionisation)(T), E, rtol=1e-13)


def test_tabulated_yield_at_and_between_rows():
    # Rows of the file: 43.61 % at zero, 43.418 % at 10 eV.
    quenching = tabulated_yield("germanium_collar_2021", "Fef")
    factors = jax.vmap(quenching.factor)(jnp.asarray([0.0, 5e-6, 1e-5]))
    np.testing.assert_allclose(factors, [0.4361, 0.43514, 0.43418], rtol=1e-14)


def test_derivative_in_the_values_of_a_table():
    recoil = jnp.asarray([0.0, 1e-3, 2e-3])

    def at(middle):
        quenching = TabulatedYield(recoil, jnp.stack([jnp.asarray(0.2), middle, jnp.asarray(0.3)]))
        return recoil_energy(quenching, jnp.asarray([3e-4]))[0]

    # Smooth, so that central differences with a step of 1e-5 are good to 1e-9.
    step = 1e-5
    difference = (at(jnp.asarray(0.25 + step)) - at(jnp.asarray(0.25 - step))) / (2 * step)
    assert float(jax.grad(at)(jnp.asarray(0.25))) == pytest.approx(float(difference), rel=1e-8)


def test_unknown_table_and_column():
    with pytest.raises(InputError, match=r"unknown quenching table 'collar' .*germanium_collar_2021"):
        tabulated_yield("collar", "Fef")
    with pytest.raises(InputError, match="lacks the column 'Fe'"):
        tabulated_yield("germanium_collar_2021", "Fe")

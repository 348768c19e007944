"""Form factors against mpmath, and their derivatives where the closed form fails."""

import jax
import jax.numpy as jnp
import mpmath
import pytest
from direct import HBAR_C, helm_mp, klein_nystrand_mp
from hypothesis import given
from hypothesis import strategies as st
from jax.test_util import check_grads

from cevnsjax.form_factors import FORM_FACTORS, helm, klein_nystrand, point

PAIRS = pytest.mark.parametrize(("function", "reference"), [(helm, helm_mp), (klein_nystrand, klein_nystrand_mp)])
FINITE_SIZE = pytest.mark.parametrize("function", [helm, klein_nystrand])

# From 1e-8 eV recoils of sodium to 30 keV ones of caesium, on a logarithmic scale, and zero.
Q2 = st.one_of(st.just(0.0), st.floats(-12.0, 3.7).map(lambda exponent: 10.0**exponent))
RADIUS = st.floats(2.9, 5.0)


def value(function, q2, radius):
    return float(function(jnp.asarray(q2), jnp.asarray(radius)))


@PAIRS
@given(q2=Q2, radius=RADIUS)
def test_against_fifty_digits(function, reference, q2, radius):
    # Measured: 7e-16. The closed form begins at x = 1, where the cancellation in it is still mild.
    assert value(function, q2, radius) == pytest.approx(float(reference(q2, radius)), rel=1e-13)


@pytest.mark.parametrize("name", FORM_FACTORS)
def test_one_at_zero(name):
    assert value(FORM_FACTORS[name], 0.0, 4.07) == 1.0


def test_a_point_has_no_structure():
    assert value(point, 5e3, 4.07) == 1.0
    assert float(jax.grad(point)(jnp.asarray(10.0), jnp.asarray(4.07))) == 0.0


@FINITE_SIZE
@given(radius=RADIUS)
def test_slope_at_zero_is_the_radius(function, radius):
    # F = 1 - q^2 R^2 / 6 + ...: this is what "root-mean-square radius" means, whatever the form factor.
    slope = jax.grad(function)(jnp.asarray(0.0), jnp.asarray(radius))
    assert float(slope) == pytest.approx(-(radius**2) / 6 / HBAR_C**2, rel=1e-14)


def test_curvature_at_zero():
    radius, skin, reach = 4.07, 0.9, 0.7
    # Products of the series 1 - x/10 + x^2/280 of the sphere with that of the smearing, x = q^2 R_0^2.
    box, sphere = 5 / 3 * (radius**2 - 3 * skin**2), 5 / 3 * (radius**2 - 6 * reach**2)
    expected = {
        helm: 2 * (box**2 / 280 + box / 10 * skin**2 / 2 + skin**4 / 8) / HBAR_C**4,
        klein_nystrand: 2 * (sphere**2 / 280 + sphere / 10 * reach**2 + reach**4) / HBAR_C**4,
    }
    for function, curvature in expected.items():
        second = jax.grad(jax.grad(function))(jnp.asarray(0.0), jnp.asarray(radius))
        assert float(second) == pytest.approx(curvature, rel=1e-13)


@PAIRS
@pytest.mark.parametrize("side", [1 - 1e-9, 1 + 1e-9])
def test_derivatives_where_series_and_closed_form_meet(function, reference, side):
    radius = 4.07
    size = {helm: 3 * 0.9**2, klein_nystrand: 6 * 0.7**2}[function]
    q2 = side * HBAR_C**2 / (5 / 3 * (radius**2 - size))  # x^2 = 1, a hair to each side
    first, second = (
        float(mpmath.diff(lambda q2: reference(q2, radius, digits=80), mpmath.mpf(q2), order)) for order in (1, 2)
    )
    at = jnp.asarray(q2), jnp.asarray(radius)
    assert float(jax.grad(function)(*at)) == pytest.approx(first, rel=1e-13)
    # Another derivative of the closed form costs another digit.
    assert float(jax.grad(jax.grad(function))(*at)) == pytest.approx(second, rel=1e-12)


@FINITE_SIZE
def test_all_modes_of_differentiation_agree(function):
    # In units in which both arguments are of order one; finite differences are good to 1e-6 at best.
    check_grads(
        lambda q2, radius: function(1e3 * jnp.asarray(q2), jnp.asarray(radius)),
        (jnp.asarray([0.0, 0.01, 2.0]), jnp.asarray([4.07, 4.07, 4.07])),
        order=2,
        atol=1e-6,
        rtol=1e-6,
    )

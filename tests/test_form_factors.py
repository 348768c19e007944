"""Form factors against mpmath, and their derivatives where the closed form fails."""

from functools import cache

import jax
import mpmath
import numpy as np
import pytest
from direct import HBAR_C, helm_mp, klein_nystrand_mp
from hypothesis import given
from hypothesis import strategies as st
from scattering import quick

from cevnsjax.matter import FORM_FACTORS, helm, klein_nystrand, point

PAIRS = pytest.mark.parametrize(("function", "reference"), [(helm, helm_mp), (klein_nystrand, klein_nystrand_mp)])
FINITE_SIZE = pytest.mark.parametrize("function", [helm, klein_nystrand])

# Compiled once for all examples.
JITTED = {function: jax.jit(function) for function in (helm, klein_nystrand, point)}
FIRST = {function: jax.jit(jax.grad(function)) for function in (helm, klein_nystrand, point)}
SECOND = {function: jax.jit(jax.grad(jax.grad(function))) for function in (helm, klein_nystrand)}

# From 1e-8 eV recoils of sodium to 30 keV ones of caesium, on a logarithmic scale, and zero.
Q2 = st.one_of(st.just(0.0), st.floats(-12.0, 3.7).map(lambda exponent: 10.0**exponent))
RADIUS = st.floats(2.9, 5.0)


@PAIRS
@given(q2=Q2, radius=RADIUS)
def test_against_fifty_digits(function, reference, q2, radius):
    """By NumPy, as experiments are prepared, and by JAX, as derivatives need it."""
    # Measured: 7e-16. The closed form begins at x = 1, where the cancellation in it is still mild.
    expected = pytest.approx(float(reference(q2, radius)), rel=1e-13)
    by_numpy = function(np.float64(q2), np.float64(radius))
    assert not isinstance(by_numpy, jax.Array)
    assert by_numpy == expected
    assert float(JITTED[function](q2, radius)) == expected


@pytest.mark.parametrize("name", FORM_FACTORS)
def test_one_at_zero(name):
    function = FORM_FACTORS[name]
    assert function(np.float64(0.0), np.float64(4.07)) == 1.0
    assert float(JITTED[function](0.0, 4.07)) == 1.0


def test_a_point_has_no_structure():
    assert point(np.float64(5e3), np.float64(4.07)) == 1.0
    assert float(FIRST[point](10.0, 4.07)) == 0.0


@FINITE_SIZE
@given(radius=RADIUS)
def test_slope_at_zero_is_the_radius(function, radius):
    # F = 1 - q^2 R^2 / 6 + ...: this is what "root-mean-square radius" means, whatever the form factor.
    assert float(FIRST[function](0.0, radius)) == pytest.approx(-(radius**2) / 6 / HBAR_C**2, rel=1e-14)


def test_curvature_at_zero():
    radius, skin, reach = 4.07, 0.9, 0.7
    # Products of the series 1 - x/10 + x^2/280 of the sphere with that of the smearing, x = q^2 R_0^2.
    box, sphere = 5 / 3 * (radius**2 - 3 * skin**2), 5 / 3 * (radius**2 - 6 * reach**2)
    expected = {
        helm: 2 * (box**2 / 280 + box / 10 * skin**2 / 2 + skin**4 / 8) / HBAR_C**4,
        klein_nystrand: 2 * (sphere**2 / 280 + sphere / 10 * reach**2 + reach**4) / HBAR_C**4,
    }
    for function, curvature in expected.items():
        assert float(SECOND[function](0.0, radius)) == pytest.approx(curvature, rel=1e-13)


@PAIRS
@pytest.mark.parametrize("side", [1 - 1e-9, 1 + 1e-9])
def test_derivatives_where_series_and_closed_form_meet(function, reference, side):
    radius = 4.07
    size = {helm: 3 * 0.9**2, klein_nystrand: 6 * 0.7**2}[function]
    q2 = side * HBAR_C**2 / (5 / 3 * (radius**2 - size))  # x^2 = 1, a hair to each side
    first, second = (
        float(mpmath.diff(lambda q2: reference(q2, radius, digits=80), mpmath.mpf(q2), order)) for order in (1, 2)
    )
    assert float(FIRST[function](q2, radius)) == pytest.approx(first, rel=1e-13)
    # Another derivative of the closed form costs another digit.
    assert float(SECOND[function](q2, radius)) == pytest.approx(second, rel=1e-12)


@cache
def by_mpmath(reference, at, orders):
    with mpmath.workdps(20):
        place = tuple(mpmath.mpf(x) for x in at)
        return float(mpmath.re(mpmath.diff(lambda q2, r: reference(q2, r, digits=120), place, orders)))


@PAIRS
@pytest.mark.parametrize(("outer", "inner"), [(jax.jacfwd, jax.jacrev), (jax.jacrev, jax.jacfwd)])
def test_derivatives_in_both_arguments(function, reference, outer, inner):
    """First and second derivatives, backwards and forwards, within the series and beyond it."""

    def both(at):
        return function(at[0], at[1])

    points = ((0.0, 4.07), (10.0, 4.07), (2e3, 3.3))
    derivatives = jax.vmap(lambda at: (inner(both)(at), outer(inner(both))(at)))
    first, second = quick(derivatives)(np.array(points))
    slopes = [[by_mpmath(reference, at, orders) for orders in ((1, 0), (0, 1))] for at in points]
    curvatures = [[by_mpmath(reference, at, orders) for orders in ((2, 0), (1, 1), (1, 1), (0, 2))] for at in points]
    np.testing.assert_allclose(first, slopes, rtol=1e-12, atol=1e-16)
    np.testing.assert_allclose(np.asarray(second).reshape(3, 4), curvatures, rtol=1e-11, atol=1e-16)

"""The minimiser of nuisances against SciPy's, and its derivatives against finite differences."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from cevnsjax.statistics.newton import least

REACH = 2.0


def chi2(z, shift):
    """A valley that bends, pulled to the origin; its lowest place moves with `shift`."""
    bent = jnp.array([z[0] + 0.3 * z[1] ** 2 - shift, 2.0 * z[1] - 0.5 * shift * jnp.sin(z[0])])
    return bent @ bent + 0.5 * z @ z


def curvature(z, shift):
    """Gauss' and Newton's."""
    slopes = jnp.array([[1.0, 0.6 * z[1]], [-0.5 * shift * jnp.cos(z[0]), 2.0]])
    return 2 * slopes.T @ slopes + jnp.eye(2)


@jax.jit
def place(shift):
    wall = jnp.full(2, REACH)
    return least(chi2, curvature, jax.hessian(chi2), jnp.asarray(shift), jnp.zeros(2), -wall, wall)


# Between 2.6 and 3.4 the first variable arrives at its wall, where the place has a kink.
INSIDE = st.floats(-2.6, 2.6)
WALLED = st.floats(3.4, 6.0)


@given(shift=INSIDE | WALLED)
def test_the_place_is_scipys(shift: float) -> None:
    found = minimize(lambda z: float(chi2(jnp.asarray(z), shift)), np.zeros(2), bounds=[(-REACH, REACH)] * 2)
    assert float(chi2(place(shift), shift)) <= found.fun + 1e-9
    np.testing.assert_allclose(place(shift), found.x, atol=1e-4)


FORWARD, REVERSE = jax.jit(jax.jacfwd(place)), jax.jit(jax.jacrev(place))


@given(shift=INSIDE | WALLED)
def test_the_place_moves_as_it_says(shift: float) -> None:
    step = 1e-4
    finite = (place(shift + step) - place(shift - step)) / (2 * step)
    for slope in (FORWARD(shift), REVERSE(shift)):
        np.testing.assert_allclose(slope, finite, atol=1e-5)


def lowest(shift):
    return chi2(place(shift), shift)


CURVED = jax.jit(jax.grad(jax.grad(lowest)))


@given(shift=INSIDE)
def test_the_minimum_has_exact_second_derivatives(shift: float) -> None:
    step = 1e-3
    finite = (lowest(shift + step) + lowest(shift - step) - 2 * lowest(shift)) / step**2
    assert float(CURVED(shift)) == pytest.approx(float(finite), rel=1e-4, abs=1e-4)


def test_many_at_once() -> None:
    shifts = jnp.linspace(-2.5, 2.5, 7)
    np.testing.assert_allclose(jax.vmap(place)(shifts), [place(float(shift)) for shift in shifts], atol=1e-9)

"""The Gaussian chi-squared with a pull against numerical minimisation and integration."""

import hypothesis
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.optimize import minimize_scalar

from cevnsjax.statistics.gaussian import Pull, best_norm, chi2_marginalised, chi2_profiled, norm_width, sums

PULL = st.floats(0.01, 1.0)
SEEDS = st.integers(0, 2**31)


def sample(seed):
    """Prediction, data and errors of five bins, the size of those of CONUS+."""
    random = np.random.default_rng(seed)
    return random.uniform(0.0, 30.0, 5), random.normal(10.0, 15.0, 5), random.uniform(5.0, 20.0, 5)


def arrays(data, pull, centre=1.0):
    return (*(jnp.asarray(column) for column in data), jnp.asarray(centre), jnp.asarray(pull) ** 2)


def of_arrays(expected, observed, sigma, centre, variance):
    return sums(expected, observed, sigma), Pull(centre, variance)


def given(data, pull, centre=1.0):
    return of_arrays(*arrays(data, pull, centre))


def chi2(n, data, pull, centre=1.0):
    """Eq. (20) of arXiv:2501.12441, n = 1 + alpha."""
    expected, observed, sigma = data
    return np.sum(((n * expected - observed) / sigma) ** 2) + ((n - centre) / pull) ** 2


@hypothesis.given(seed=SEEDS, pull=PULL, centre=st.floats(0.5, 1.5))
def test_profiled_is_the_minimum(seed, pull, centre):
    data = sample(seed)
    found = minimize_scalar(lambda n: chi2(n, data, pull, centre), bracket=(centre - pull, centre + pull), tol=1e-9)
    assert float(chi2_profiled(*given(data, pull, centre))) == pytest.approx(found.fun, rel=1e-12)
    # A minimiser that sees values alone finds the place to the root of the double precision.
    assert float(best_norm(*given(data, pull, centre))) == pytest.approx(found.x, abs=1e-6)


@hypothesis.given(seed=SEEDS, pull=PULL)
def test_marginalised_is_the_integral(seed, pull):
    data = sample(seed)
    centre, least = float(best_norm(*given(data, pull))), float(chi2_profiled(*given(data, pull)))
    # Relative to the minimum, so that nothing underflows; twelve widths of the pull hold the whole integral.
    integral, _ = quad(
        lambda n: np.exp((least - chi2(n, data, pull)) / 2), centre - 12 * pull, centre + 12 * pull, points=[centre]
    )
    expected = least - 2 * np.log(integral / (np.sqrt(2 * np.pi) * pull))
    assert float(chi2_marginalised(*given(data, pull))) == pytest.approx(expected, rel=1e-9, abs=1e-9)


@hypothesis.given(SEEDS)
def test_without_a_pull_the_norm_is_one(seed):
    data = sample(seed)
    fixed = given(data, 0.0)
    plain = np.sum(((data[0] - data[1]) / data[2]) ** 2)
    assert float(best_norm(*fixed)) == 1.0
    assert float(chi2_profiled(*fixed)) == pytest.approx(plain, rel=1e-14)
    assert float(chi2_marginalised(*fixed)) == pytest.approx(plain, rel=1e-14)


@pytest.mark.parametrize("function", [chi2_profiled, chi2_marginalised, best_norm])
@pytest.mark.parametrize("pull", [0.0, 0.2])
def test_gradients_are_finite_without_a_signal(function, pull):
    _, observed, sigma = sample(1)
    slopes = jax.grad(lambda *leaves: function(*of_arrays(*leaves)), argnums=(0, 1, 2, 3, 4))(
        *arrays((np.zeros(5), observed, sigma), pull)
    )
    assert all(np.isfinite(slope).all() for slope in slopes)


@hypothesis.given(seed=SEEDS, pull=PULL)
def test_gradient_of_the_profiled_is_that_at_the_best_norm(seed, pull):
    # At a minimum over n, what n itself does to the gradient drops out.
    expected, observed, sigma = data = sample(seed)
    n = float(best_norm(*given(data, pull)))
    slope = 2 * n * (n * expected - observed) / sigma**2
    found = jax.grad(lambda *leaves: chi2_profiled(*of_arrays(*leaves)))(*arrays(data, pull))
    np.testing.assert_allclose(found, slope, rtol=1e-10, atol=1e-12)


def test_predictions_far_beyond_the_data_lose_no_digits():
    """A coupling in a scan may predict 1e12 times the data: chi^2 then tends to that of the best shape, plus the
    pull 1/s^2 of a normalisation that shrinks to nothing."""
    observed, sigma = jnp.asarray([3.0, 1.0, -2.0]), jnp.asarray([1.0, 2.0, 1.5])
    shape = jnp.asarray([2.0, 1.0, 0.5])
    unit, data = np.asarray(shape / sigma), np.asarray(observed / sigma)
    limit = data @ data - (unit @ data) ** 2 / (unit @ unit) + 1 / 0.2**2
    for size in (1e9, 1e12, 1e15):
        found = chi2_profiled(sums(size * shape, observed, sigma), Pull(jnp.ones(()), jnp.asarray(0.04)))
        assert float(found) == pytest.approx(limit, rel=1e-7)


@hypothesis.given(seed=SEEDS, pull=PULL)
def test_density_of_the_norm_is_normal(seed, pull):
    """chi^2 one width away from the best norm has risen by one."""
    data = sample(seed)
    away = float(best_norm(*given(data, pull)) + norm_width(*given(data, pull)))
    assert chi2(away, data, pull) == pytest.approx(float(chi2_profiled(*given(data, pull))) + 1.0, rel=1e-10)

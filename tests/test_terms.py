"""Terms: the Gaussian chi-squared with a closed factor, and Poisson's, against SciPy."""

import hypothesis
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.optimize import minimize_scalar
from scipy.stats import norm, poisson

from cevnsjax.likelihood.terms import TERMS, Means, best_norm, deviance, norm_width

WIDTH = st.floats(0.01, 1.0)
SEEDS = st.integers(0, 2**31)
GAUSSIAN, POISSON = TERMS["gaussian"], TERMS["poisson"]

# As one program each: every example calls them.
CHI2 = {kind: jax.jit(term.chi2) for kind, term in TERMS.items()}
SLOPES = {kind: jax.jit(jax.grad(term.chi2, argnums=(0, 1, 2))) for kind, term in TERMS.items()}
BEST, SPREAD, DEVIANCE = jax.jit(best_norm), jax.jit(norm_width), jax.jit(deviance)


def sample(seed):
    """Signal, background, data and errors of five bins, the size of those of CONUS+."""
    random = np.random.default_rng(seed)
    signal, rest = random.uniform(0.0, 30.0, 5), random.uniform(0.0, 10.0, 5)
    return signal, rest, random.normal(10.0, 15.0, 5), random.uniform(5.0, 20.0, 5)


def means(signal, rest, width, centre=1.0):
    return Means(jnp.asarray(signal), jnp.asarray(rest), jnp.asarray(centre), jnp.asarray(width) ** 2)


def closed(data, width, centre=1.0, integrated=0.0):
    """Return chi^2 with the factor minimised, or integrated."""
    signal, rest, observed, sigma = data
    return float(CHI2["gaussian"](means(signal, rest, width, centre), observed, sigma, jnp.asarray(integrated)))


def best(data, width, centre=1.0):
    signal, rest, observed, sigma = data
    return float(BEST(means(signal, rest, width, centre), observed, sigma))


def chi2(n, data, width, centre=1.0):
    """Eq. (20) of arXiv:2501.12441 with a background, n = 1 + alpha."""
    signal, rest, observed, sigma = data
    return np.sum(((n * signal + rest - observed) / sigma) ** 2) + ((n - centre) / width) ** 2


@hypothesis.given(seed=SEEDS, width=WIDTH, centre=st.floats(0.5, 1.5))
def test_a_closed_factor_is_at_the_minimum(seed, width, centre):
    data = sample(seed)
    found = minimize_scalar(lambda n: chi2(n, data, width, centre), bracket=(centre - width, centre + width), tol=1e-9)
    assert closed(data, width, centre) == pytest.approx(found.fun, rel=1e-12)
    # A minimiser that sees values alone finds the place to the root of the double precision.
    assert best(data, width, centre) == pytest.approx(found.x, abs=1e-6)


@hypothesis.given(seed=SEEDS, width=WIDTH)
def test_integrated_is_the_integral(seed, width):
    data = sample(seed)
    centre, least = best(data, width), closed(data, width)
    # Relative to the minimum, so that nothing underflows; twelve widths of the constraint hold the whole integral.
    integral, _ = quad(
        lambda n: np.exp((least - chi2(n, data, width)) / 2), centre - 12 * width, centre + 12 * width, points=[centre]
    )
    expected = least - 2 * np.log(integral / (np.sqrt(2 * np.pi) * width))
    assert closed(data, width, integrated=1.0) == pytest.approx(expected, rel=1e-9, abs=1e-9)


@hypothesis.given(seed=SEEDS)
def test_without_a_width_the_factor_is_its_centre(seed):
    signal, rest, observed, sigma = data = sample(seed)
    plain = np.sum(((signal + rest - observed) / sigma) ** 2)
    assert best(data, 0.0) == 1.0
    assert closed(data, 0.0) == pytest.approx(plain, rel=1e-13)
    assert closed(data, 0.0, integrated=1.0) == pytest.approx(plain, rel=1e-13)


@pytest.mark.parametrize("integrated", [0.0, 1.0])
@pytest.mark.parametrize("width", [0.0, 0.2])
def test_gradients_are_finite_without_a_signal(integrated, width):
    _, rest, observed, sigma = sample(1)
    given = means(np.zeros(5), rest, width), jnp.asarray(observed), jnp.asarray(sigma)
    slopes = (
        SLOPES["gaussian"](*given, jnp.asarray(integrated)),
        jax.jit(jax.grad(best_norm, argnums=(0, 1, 2)))(*given),
    )
    assert all(np.isfinite(slope).all() for slope in jax.tree.leaves(slopes))


@hypothesis.given(seed=SEEDS, width=WIDTH)
def test_the_gradient_is_that_at_the_best_factor(seed, width):
    """At a minimum over n, what n itself does to the gradient drops out."""
    signal, rest, observed, sigma = data = sample(seed)
    n = best(data, width)
    residual = 2 * (n * signal + rest - observed) / sigma**2
    found, *_ = SLOPES["gaussian"](means(signal, rest, width), observed, sigma, jnp.asarray(0.0))
    np.testing.assert_allclose(found.signal, n * residual, rtol=1e-10, atol=1e-12)
    np.testing.assert_allclose(found.rest, residual, rtol=1e-10, atol=1e-12)


def test_predictions_far_beyond_the_data_lose_no_digits():
    """A coupling in a scan may predict 1e12 times the data.

    chi^2 then tends to that of the best shape, plus 1/s^2 for a factor that shrinks to nothing.
    """
    observed, sigma = np.array([3.0, 1.0, -2.0]), np.array([1.0, 2.0, 1.5])
    shape = np.array([2.0, 1.0, 0.5])
    unit, data = shape / sigma, observed / sigma
    limit = data @ data - (unit @ data) ** 2 / (unit @ unit) + 1 / 0.2**2
    for size in (1e9, 1e12, 1e15):
        assert closed((size * shape, np.zeros(3), observed, sigma), 0.2) == pytest.approx(limit, rel=1e-7)


@hypothesis.given(seed=SEEDS, width=WIDTH)
def test_the_density_of_the_factor_is_normal(seed, width):
    """chi^2 one width away from the best factor has risen by one."""
    signal, rest, _, sigma = data = sample(seed)
    away = best(data, width) + float(SPREAD(means(signal, rest, width), sigma))
    assert chi2(away, data, width) == pytest.approx(closed(data, width) + 1.0, rel=1e-10)


@hypothesis.given(st.integers(0, 10_000), st.floats(1e-3, 1e4))
def test_deviance_is_that_of_scipy(n, mean):
    """Where the mean is far off, SciPy itself loses digits: the tolerance is of the larger logarithm."""
    expected = 2 * (poisson.logpmf(n, max(n, 1e-300)) - poisson.logpmf(n, mean)) if n else 2 * mean
    assert DEVIANCE(jnp.array([float(n)]), jnp.array([mean]))[0] == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_empty_cells_and_nothing_expected():
    n, mean = jnp.array([0.0, 0.0, 3.0, 1.0, 0.0]), jnp.array([0.0, 2.0, 3.0, 0.0, -1.0])
    np.testing.assert_allclose(DEVIANCE(n, mean), [0.0, 4.0, 0.0, np.inf, np.inf], atol=1e-15)
    slope = jax.jit(jax.grad(lambda mean: deviance(n, mean)[:3].sum()))(mean)
    np.testing.assert_allclose(slope[:3], [2.0, 2.0, 0.0], atol=1e-15)


def test_the_poisson_term_is_a_sum_of_deviances():
    signal, rest, _, sigma = sample(3)
    counts = np.array([0.0, 3.0, 17.0, 40.0, 1.0])
    mean = 1.3 * signal + rest
    expected = 2 * (poisson.logpmf(counts, np.maximum(counts, 1e-300)) - poisson.logpmf(counts, mean)).sum()
    found = CHI2["poisson"](means(signal, rest, 0.0, 1.3), counts, sigma, jnp.asarray(0.0))
    assert float(found) == pytest.approx(expected, rel=1e-12)
    slopes, *_ = SLOPES["poisson"](means(signal, rest, 0.0, 1.3), counts, sigma, jnp.asarray(0.0))
    np.testing.assert_allclose(slopes.signal, 2.6 * (1 - counts / mean), rtol=1e-12)
    np.testing.assert_allclose(slopes.rest, 2 * (1 - counts / mean), rtol=1e-12)


@pytest.mark.parametrize("kind", TERMS)
@pytest.mark.parametrize("integrated", [0.0, 1.0])
def test_slopes_of_a_step_are_those_of_chi_squared(kind, integrated):
    """Signal and background depend on three variables; the term is given their derivatives."""
    signal, rest, observed, sigma = sample(4)
    observed, width = (observed, 0.2) if kind == "gaussian" else (np.round(np.abs(observed)), 0.0)
    random = np.random.default_rng(5)
    shapes, backgrounds = random.normal(0.0, 3.0, (2, 3, 5))

    def at(y):
        return means(signal + y @ shapes + 0.1 * y @ y, rest + y @ backgrounds, width)

    @jax.jit
    def both(y, *data):
        along = jax.jacfwd(at)(y)
        slopes = at(y)._replace(signal=along.signal.T, rest=along.rest.T)
        exact = jax.grad(lambda y: TERMS[kind].chi2(at(y), *data))(y)
        on_signal, on_rest, curvature, _ = TERMS[kind].quadratic(at(y), slopes, *data)
        return exact, slopes.signal @ on_signal + slopes.rest @ on_rest, curvature

    exact, gradient, curvature = both(np.array([0.1, -0.2, 0.15]), observed, sigma, integrated)
    np.testing.assert_allclose(gradient, exact, rtol=1e-10)
    assert (np.linalg.eigvalsh(curvature) > 0).all()


@pytest.mark.parametrize("kind", TERMS)
def test_the_curvature_is_exact_where_data_are_what_is_expected(kind):
    """There second derivatives of the prediction drop out, as the residuals are zero."""
    signal, rest, _, sigma = sample(6)
    shapes, backgrounds = np.random.default_rng(7).normal(0.0, 1.0, (2, 3, 5))
    width = 0.2 if kind == "gaussian" else 0.0

    def at(y):
        return means(signal + y @ shapes, rest + y @ backgrounds, width)

    @jax.jit
    def both(y, *data):
        slopes = at(y)._replace(signal=jnp.asarray(shapes), rest=jnp.asarray(backgrounds))
        found = TERMS[kind].quadratic(at(y), slopes, *data)
        return *found[2:], jax.hessian(lambda y: TERMS[kind].chi2(at(y), *data))(y)

    curvature, lacking, exact = both(np.zeros(3), signal + rest, sigma, 0.0)
    np.testing.assert_allclose(curvature, exact, rtol=1e-9, atol=1e-9)
    np.testing.assert_allclose(lacking, 0.0, atol=1e-9)


def test_the_observed_curvature_of_counts():
    """Where counts are linear and not what is expected: what Fisher's scoring lacks is there."""
    signal, rest, _, sigma = sample(6)
    shapes, backgrounds = np.random.default_rng(7).normal(0.0, 1.0, (2, 3, 5))
    observed = np.round(signal + rest) + np.arange(5.0)

    def at(y):
        return means(signal + y @ shapes, rest + y @ backgrounds, 0.0)

    @jax.jit
    def both(y, *data):
        slopes = at(y)._replace(signal=jnp.asarray(shapes), rest=jnp.asarray(backgrounds))
        found = TERMS["poisson"].quadratic(at(y), slopes, *data)
        return found[2] + found[3], jax.hessian(lambda y: TERMS["poisson"].chi2(at(y), *data))(y)

    curvature, exact = both(np.zeros(3), observed, sigma, 0.0)
    np.testing.assert_allclose(curvature, exact, rtol=1e-9, atol=1e-9)


def test_constants_make_probabilities_of_chi_squared():
    _, _, observed, sigma = sample(8)
    assert GAUSSIAN.log_constant(observed, sigma) == pytest.approx(norm.logpdf(observed, observed, sigma).sum())
    counts = np.array([0.0, 1.0, 7.0, 500.0])
    expected = poisson.logpmf(counts, np.maximum(counts, 1e-300)).sum()
    for given in (counts, jnp.asarray(counts)):
        assert float(POISSON.log_constant(given, np.ones(4))) == pytest.approx(expected, rel=1e-12)


@pytest.mark.parametrize("kind", TERMS)
def test_toys_scatter_as_the_term_says(kind):
    signal, rest, _, sigma = sample(9)
    given, toys = means(signal, rest, 0.0, 1.2), 20_000
    mean, variance = 1.2 * signal + rest, np.asarray(TERMS[kind].variance(given, jnp.asarray(sigma)))
    drawn = TERMS[kind].draw(np.random.default_rng(1), np.broadcast_to(mean, (toys, mean.size)), np.asarray(sigma))
    np.testing.assert_allclose(variance, sigma**2 if kind == "gaussian" else mean, rtol=1e-12)
    # Five standard errors of the mean and, for a distribution close to normal, of the variance.
    np.testing.assert_allclose(drawn.mean(axis=0), mean, atol=5 * np.sqrt(variance.max() / toys))
    np.testing.assert_allclose(drawn.var(axis=0), variance, rtol=5 * np.sqrt(2.2 / toys))
    assert kind == "gaussian" or (drawn == np.round(drawn)).all()

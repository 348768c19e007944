"""Smearing: the probability of a bin against SciPy's distributions, by NumPy and by JAX, and its derivatives."""

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scattering import quick
from scipy import stats

from cevnsjax.response import Exact, Gamma, Gaussian, Poisson

EDGES = np.array([0.0, 3.0, 7.5, 20.0, 21.0, 60.0])
LOW, HIGH = EDGES[:-1, None], EDGES[1:, None]


def width(mean, noise, poisson, relative):
    return np.sqrt(noise**2 + poisson * mean + (relative * mean) ** 2)


def gaussian(mean, noise, poisson, relative):
    return stats.norm(mean, width(mean, noise, poisson, relative))


def truncated(mean, noise, poisson, relative):
    sigma = width(mean, noise, poisson, relative)
    return stats.truncnorm(-mean / sigma, np.inf, loc=mean, scale=sigma)


def gamma(mean, slope):
    shape = 1 + slope * mean
    return stats.gamma(shape, scale=mean / shape)


KINDS = {
    "noise": (Gaussian(2.0, 0.0), lambda m: gaussian(m, 2.0, 0.0, 0.0)),
    "fano": (Gaussian(2.0, 0.3), lambda m: gaussian(m, 2.0, 0.3, 0.0)),
    "relative": (Gaussian(0.0, 0.0, 0.25), lambda m: gaussian(m, 0.0, 0.0, 0.25)),
    "all three": (Gaussian(1.0, 0.3, 0.1), lambda m: gaussian(m, 1.0, 0.3, 0.1)),
    "linear": (
        Gaussian(1.0, 0.3, 0.0, 0.05),
        lambda m: stats.norm(m, width(m, 1.0, 0.3, 0.0) + 0.05 * m),
    ),
    "truncated": (Gaussian(2.0, 0.3, 0.1, truncated=True), lambda m: truncated(m, 2.0, 0.3, 0.1)),
    "gamma": (Gamma(0.7), lambda m: gamma(m, 0.7)),
}


@pytest.mark.parametrize("kind", KINDS)
@given(mean=st.floats(-2.0, 2.3).map(lambda exponent: 10.0**exponent))
def test_probabilities_are_those_of_the_distribution(kind, mean):
    smearing, distribution = KINDS[kind]
    found = smearing.between(LOW, HIGH, np.array([mean]))[:, 0]
    # A difference of two numbers of order one: digits are lost where the probability is small.
    np.testing.assert_allclose(found, np.diff(distribution(mean).cdf(EDGES)), rtol=1e-11, atol=1e-14)
    assert smearing.deviation(mean) == pytest.approx(
        gaussian(mean, 2.0, 0.3, 0.1).std() if kind == "truncated" else distribution(mean).std(), rel=1e-14
    )


@given(mean=st.floats(-2.0, 2.3).map(lambda exponent: 10.0**exponent))
def test_poisson_counts_whole_numbers(mean):
    """A bin holds its lower edge and not its upper one: 3 <= n < 7.5 are 3 to 7, 20 <= n < 21 is 20."""
    found = Poisson().between(LOW, HIGH, np.array([mean]))[:, 0]
    numbers = [(0, 2), (3, 7), (8, 19), (20, 20), (21, 59)]
    expected = [stats.poisson.pmf(np.arange(a, b + 1), mean).sum() for a, b in numbers]
    np.testing.assert_allclose(found, expected, rtol=1e-11, atol=1e-14)
    # So that panels near zero have a width.
    assert Poisson().deviation(mean) == max(1.0, mean**0.5)


def test_without_smearing_bins_are_windows():
    mean = np.array([0.0, 1.0, 3.0, 3.1, 20.0, 20.5, 60.0, 61.0])
    windows = Exact().between(LOW, HIGH, mean)
    expected = [[0, 1, 1, 0, 0, 0, 0, 0], [0, 0, 0, 1, 0, 0, 0, 0], [0, 0, 0, 0, 1, 0, 0, 0]]
    assert windows.tolist() == [*expected, [0, 0, 0, 0, 0, 1, 0, 0], [0, 0, 0, 0, 0, 0, 1, 0]]
    assert Exact().deviation(5.0) == 0.0


@pytest.mark.parametrize("kind", ["truncated", "gamma", "poisson"])
def test_nothing_below_zero(kind):
    smearing = Poisson() if kind == "poisson" else KINDS[kind][0]
    low, high, mean = np.array([[-30.0], [-5.0]]), np.array([[-5.0], [4.0]]), np.array([0.3, 2.0, 9.0])
    found = smearing.between(low, high, mean)
    assert (found[0] == 0).all()
    np.testing.assert_allclose(found[1], smearing.between(np.array([[0.0]]), high[1:], mean)[0], rtol=1e-14)


@pytest.mark.parametrize("kind", ["all three", "truncated", "gamma", "poisson"])
def test_every_signal_is_in_some_bin(kind):
    smearing = Poisson() if kind == "poisson" else KINDS[kind][0]
    edges, mean = np.arange(-400.0, 2010.0, 10.0), np.geomspace(0.1, 300.0, 41)
    total = smearing.between(edges[:-1, None], edges[1:, None], mean).sum(axis=0)
    np.testing.assert_allclose(total, 1.0, rtol=1e-13)


VARIED = {
    "gaussian": (lambda x: Gaussian(2.0 * (1 + x), 0.3 * (1 + x), 0.1 * (1 + x)), np.array([0.5, 6.0, 19.0])),
    "truncated": (lambda x: Gaussian(2.0 * (1 + x), 0.3, truncated=True), np.array([0.5, 6.0, 19.0])),
}


@pytest.mark.parametrize("kind", VARIED)
def test_derivatives_in_mean_and_numbers(kind):
    """By JAX, against differences of NumPy's values by the five-point formula."""
    make, at = VARIED[kind]

    def between(x, mean):
        return make(x).between(LOW, HIGH, mean)

    # The mean and all numbers grow in proportion.
    values, slopes = jax.jit(lambda x, mean: jax.jvp(between, (x, mean), (1.0, mean)))(0.0, at)
    np.testing.assert_allclose(values, between(0.0, at), rtol=1e-12, atol=1e-15)
    step = 1e-3
    near, far = (between(s, at * (1 + s)) - between(-s, at * (1 - s)) for s in (step, 2 * step))
    # The step's fourth power, and roundings divided by the step, leave 1e-9.
    np.testing.assert_allclose(slopes, (8 * near - far) / (12 * step), rtol=1e-8, atol=1e-9)


@pytest.mark.parametrize("smearing", [Gamma(0.7), Poisson()])
def test_jax_gives_the_same_values(smearing):
    mean = np.array([0.5, 6.0, 19.0])
    between = quick(lambda mean: smearing.between(LOW, HIGH, mean))
    values = between(mean)
    np.testing.assert_allclose(values, smearing.between(LOW, HIGH, mean), rtol=1e-11, atol=1e-14)


REACHING = {name: pair for name, pair in KINDS.items() if name != "relative"} | {
    "poisson": (Poisson(), lambda m: stats.poisson(m)),
    "gamma of photo-electrons": (Gamma(0.07), lambda m: gamma(m, 0.07)),
}


@pytest.mark.parametrize("kind", REACHING)
@given(low=st.floats(0.0, 400.0), width=st.floats(0.01, 50.0))
def test_what_is_left_out_of_a_bin_is_lost_in_rounding(kind, low, width):
    """Means that do not reach a bin, by SciPy's distributions; those within it do."""
    smearing, distribution = REACHING[kind]
    mean = np.geomspace(0.05, 4000.0, 400)
    reaches = smearing.reaches(low, low + width, mean)
    left = mean[~reaches]
    # A Poisson bin holds low <= n < high, and SciPy's function counts its limit in.
    first, last = (np.ceil(low) - 1, np.ceil(low + width) - 1) if kind == "poisson" else (low, low + width)
    below, above = distribution(left).cdf(last), distribution(left).sf(first)
    assert (np.minimum(below, above) < 6e-17).all()
    if kind != "poisson" or last > first:
        assert reaches[(mean > low) & (mean < low + width)].all()
    assert left.size

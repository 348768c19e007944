"""The rank statistic of `benchmarks/calibration.py`: quiet where a posterior is right, loud where it is not."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest

PATH = Path(__file__).parents[1] / "benchmarks" / "calibration.py"
SETS, DRAWS = 500, 99


@pytest.fixture(scope="module")
def calibration():
    spec = importlib.util.spec_from_file_location("calibration", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def conjugate(width=1.0, shift=0.0, seed=1):
    """Truths from a unit normal, data of unit error, and draws whose width is wrong by a factor, or which are shifted.

    Given the data, x is normal about data / 2 with variance 1/2.
    """
    rng = np.random.default_rng(seed)
    truth = rng.standard_normal(SETS)
    data = truth + rng.standard_normal(SETS)
    noise = rng.standard_normal((SETS, DRAWS))
    return data[:, None] / 2 + np.sqrt(0.5) * (shift + width * noise), truth


def test_rank_counts_the_draws_below(calibration):
    draws = np.array([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0], [1.0, 2.0, 3.0]])
    np.testing.assert_array_equal(calibration.rank(draws, np.array([0.0, 2.5, 9.0])), [0, 2, 3])


def test_right_posteriors_have_p_values_that_are_uniform_themselves(calibration):
    found = [calibration.uniformity(calibration.rank(*conjugate(seed=seed)), DRAWS) for seed in range(100)]
    for kind in ("chi2_p_value", "ecdf_p_value"):
        p_values = np.array([one[kind] for one in found])
        # Of a hundred, ten are below 0.1 and half below 0.5, each within four binomial standard deviations.
        assert abs((p_values < 0.1).mean() - 0.1) < 0.12
        assert abs((p_values < 0.5).mean() - 0.5) < 0.2


@pytest.mark.parametrize(("width", "shift"), [(0.75, 0.0), (1.35, 0.0), (1.0, 0.3)])
def test_wrong_posteriors_are_caught(calibration, width, shift):
    found = calibration.uniformity(calibration.rank(*conjugate(width, shift)), DRAWS)
    assert max(found.values()) < 1e-3


def test_the_spread_of_the_ecdf_is_that_of_uniform_ranks(calibration):
    ranks = np.random.default_rng(2).integers(0, DRAWS + 1, (2000, SETS))
    excess = calibration.excess(ranks, DRAWS)
    # The error of a standard deviation from 2000 numbers is 1.6 %; there are 99, which are correlated.
    np.testing.assert_allclose(excess.std(axis=0), 1.0, atol=0.08)
    np.testing.assert_allclose(excess.mean(axis=0), 0.0, atol=0.1)


def test_true_values_come_from_priors_and_pulls(calibration, likelihood):
    truths = calibration.true_values(likelihood, 20000, calibration.jax.random.key(3))
    assert set(truths) == {"sin2_theta_w", "norm"}
    for name, mean, sigma in (("sin2_theta_w", 0.24, 0.06), ("norm", 1.0, 0.2)):
        # Within five standard errors.
        np.testing.assert_allclose(truths[name].mean(), mean, atol=5 * sigma / np.sqrt(20000))
        np.testing.assert_allclose(truths[name].std(), sigma, rtol=5 / np.sqrt(2 * 20000))

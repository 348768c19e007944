"""Toy data of a likelihood: their means and variances against those of the densities that they are drawn from."""

import jax
import numpy as np
import pytest
from one_bin import on_and_off
from scipy import stats

import cevnsjax
from cevnsjax.errors import InputError

TOYS = 20_000


def test_gaussian_data_and_centres(likelihood) -> None:
    """At given values: means are the prediction there, variances the errors', and nothing is correlated."""
    at = {"sin2_theta_w": 0.3, "norm": 1.1}
    toys = likelihood.toys(jax.random.key(1), TOYS, at)
    (observed,), sigma = toys.observed, likelihood.experiments[0].sigma
    expected = np.asarray(likelihood.expected(at))
    assert observed.shape == (TOYS, 19)
    assert np.abs((observed.mean(axis=0) - expected) / sigma).max() < 4 / TOYS**0.5
    np.testing.assert_allclose(observed.var(axis=0) / sigma**2, 1.0, atol=5 * (2 / TOYS) ** 0.5)
    assert list(toys.centres) == ["norm"]
    assert stats.kstest(toys.centres["norm"], stats.norm(1.1, 0.2).cdf).pvalue > 1e-3
    correlation = np.corrcoef(np.concatenate([observed, toys.centres["norm"][:, None]], axis=1).T)
    assert np.abs(correlation - np.eye(20)).max() < 5 / TOYS**0.5


def test_counts(tmp_path) -> None:
    """The source on and off, a background that is free: Poisson counts, and no centre to draw."""
    likelihood = on_and_off(tmp_path, [1003, 998], [250, 251])
    toys = likelihood.toys(jax.random.key(2), TOYS)
    (observed,), (expected,) = toys.observed, likelihood.expected_in({})
    assert toys.centres == {}
    assert (observed == np.round(observed)).all()
    for counts, mean in zip(observed.T, np.asarray(expected), strict=True):
        assert counts.mean() == pytest.approx(mean, abs=4 * (mean / TOYS) ** 0.5)
        assert counts.var() == pytest.approx(mean, rel=5 * (2 / TOYS) ** 0.5)


def test_chi2_of_toys_at_the_truth_is_distributed_as_chi2(likelihood) -> None:
    truth = {"sin2_theta_w": 0.25, "norm": 1.0}
    toys = likelihood.toys(jax.random.key(3), 200, truth)
    chi2 = [float(likelihood.with_data(toys.data(i)).chi2(truth)) for i in range(200)]
    assert stats.kstest(chi2, stats.chi2(19).cdf).pvalue > 1e-3


def test_the_key_decides(likelihood) -> None:
    first, second, other = (likelihood.toys(jax.random.key(k), 3).observed[0] for k in (0, 0, 1))
    np.testing.assert_array_equal(first, second)
    assert not np.isin(first, other).any()
    assert len(np.unique(first)) == first.size


@pytest.mark.parametrize("number", [0, -1, True, 10**12])
def test_impossible_numbers(likelihood, number) -> None:
    with pytest.raises(InputError, match="toys given; give a whole number from 1 to"):
        likelihood.toys(jax.random.key(0), number)


def test_unknown_parameters(likelihood) -> None:
    with pytest.raises(InputError, match="did you mean 'sin2_theta_w'"):
        likelihood.toys(jax.random.key(0), 2, {"sin2_theta": 0.2})


def test_two_experiments_have_toys_of_their_own() -> None:
    toys = cevnsjax.Likelihood("conus_plus", "dresden2").toys(jax.random.key(0), 4)
    assert [observed.shape[0] for observed in toys.observed] == [4, 4]
    assert set(toys.centres) >= {"norm_conus_plus"}

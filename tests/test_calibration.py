"""Simulation-based calibration: the rank statistic, quiet where a posterior is right, loud where it is not."""

import json

import numpy as np
import pytest
from examples import check_example
from scipy import stats

import cevnsjax
from cevnsjax.errors import InputError
from cevnsjax.provenance import provenance_of, rerun
from cevnsjax.sampling.calibration import true_values
from cevnsjax.sampling.ranks import excess, rank, uniformity

SETS, DRAWS = 500, 99
PRIOR = cevnsjax.Prior("normal", (0.24, 0.06))


def conjugate(width=1.0, shift=0.0, seed=1):
    """Truths from a unit normal, data of unit error, and draws whose width is wrong by a factor, or which are shifted.

    Given the data, x is normal about data / 2 with variance 1/2.
    """
    rng = np.random.default_rng(seed)
    truth = rng.standard_normal(SETS)
    data = truth + rng.standard_normal(SETS)
    noise = rng.standard_normal((SETS, DRAWS))
    return data[:, None] / 2 + np.sqrt(0.5) * (shift + width * noise), truth


def test_rank_counts_the_draws_below():
    draws = np.array([[1.0, 2.0, 3.0], [1.0, 2.0, 3.0], [1.0, 2.0, 3.0]])
    np.testing.assert_array_equal(rank(draws, np.array([0.0, 2.5, 9.0])), [0, 2, 3])


def test_right_posteriors_have_p_values_that_are_uniform_themselves():
    found = [uniformity(rank(*conjugate(seed=seed)), DRAWS) for seed in range(100)]
    for kind in ("chi2_p_value", "ecdf_p_value"):
        p_values = np.array([one[kind] for one in found])
        # Of a hundred, ten are below 0.1 and half below 0.5, each within four binomial standard deviations.
        assert abs((p_values < 0.1).mean() - 0.1) < 0.12
        assert abs((p_values < 0.5).mean() - 0.5) < 0.2


def test_bins_with_different_numbers_of_ranks():
    """Twenty-five ranks in ten bins: uniform ranks are uniform all the same."""
    ranks = np.repeat(np.arange(25), 40)
    assert uniformity(ranks, 24)["chi2_p_value"] == pytest.approx(1.0)


@pytest.mark.parametrize(("width", "shift"), [(0.75, 0.0), (1.35, 0.0), (1.0, 0.3)])
def test_wrong_posteriors_are_caught(width, shift):
    found = uniformity(rank(*conjugate(width, shift)), DRAWS)
    assert max(found.values()) < 1e-3


def test_the_spread_of_the_ecdf_is_that_of_uniform_ranks():
    ranks = np.random.default_rng(2).integers(0, DRAWS + 1, (2000, SETS))
    deviations = excess(ranks, DRAWS)
    # The error of a standard deviation from 2000 numbers is 1.6 %; there are 99, which are correlated.
    np.testing.assert_allclose(deviations.std(axis=0), 1.0, atol=0.08)
    np.testing.assert_allclose(deviations.mean(axis=0), 0.0, atol=0.1)


def test_true_values_come_from_priors_and_constraints(likelihood):
    angle = likelihood.parameters["sin2_theta_w"]
    rng = np.random.default_rng(3)
    truths = true_values(likelihood, [angle], {}, {angle.name: PRIOR}, 20000, rng)
    assert set(truths) == {"sin2_theta_w", "norm"}
    for name, mean, sigma in (("sin2_theta_w", 0.24, 0.06), ("norm", 1.0, 0.2)):
        assert stats.kstest(truths[name], stats.norm(mean, sigma).cdf).pvalue > 1e-3


def test_true_nuisances_that_are_drawn_end_at_their_bounds():
    """As in their posterior: a rate that cannot be negative, with a constraint that reaches beyond zero."""
    likelihood = cevnsjax.Likelihood("coherent_lar")
    (rate,) = (n for n in likelihood.nuisances if n.name == "delayed_brn_rate")
    truths = true_values(likelihood, [rate.parameter], {}, {}, 20000, np.random.default_rng(4))
    low, high = ((end - rate.centre) / rate.sigma for end in rate.limits)
    assert stats.kstest(truths[rate.name], stats.truncnorm(low, high, rate.centre, rate.sigma).cdf).pvalue > 1e-3


def test_posteriors_are_calibrated_and_a_wrong_prior_is_seen(likelihood):
    """Of counts: ranks with the right prior are uniform, and the result can be calculated again from its record."""
    request = {"priors": {"sin2_theta_w": PRIOR}, "sets": 50, "draws": 19, "thin": 4, "warmup": 150, "seed": 1}
    found = cevnsjax.calibrate(likelihood, **request)
    assert found.ranks["sin2_theta_w"].shape == (50,)
    assert min(found.p_values["sin2_theta_w"].values()) > 1e-3
    assert found.divergent_transitions == 0
    assert found.autocorrelation < 0.2
    again = rerun(json.loads(json.dumps(provenance_of(likelihood, "calibrate", **request))))
    np.testing.assert_array_equal(again.ranks["sin2_theta_w"], found.ranks["sin2_theta_w"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sets": 3}, "sets = 3 given; give a whole number from 10"),
        ({"draws": 3}, "draws = 3 given"),
        ({"seed": -1}, "a seed of -1"),
        ({"priors": {"norm": PRIOR}}, "unknown free parameter 'norm'"),
        ({"free": ["nothing"]}, "unknown parameter 'nothing'"),
    ],
)
def test_wrong_calls(likelihood, options, message):
    with pytest.raises(InputError, match=message):
        cevnsjax.calibrate(likelihood, **options)


def test_what_has_no_truth_to_be_drawn():
    with pytest.raises(InputError, match="'background_rate' is free without a constraint: give it a prior, or a value"):
        cevnsjax.calibrate(cevnsjax.Likelihood("xenonnt_er"))
    with pytest.raises(InputError, match="no polynomial in g_bl, m_z: give masses a value"):
        cevnsjax.calibrate(cevnsjax.Likelihood("conus_plus", model="vector_bl"), ["g_bl", "m_z"])


def test_the_example_of_the_docstring() -> None:
    check_example("cevnsjax.sampling.calibration.calibrate")

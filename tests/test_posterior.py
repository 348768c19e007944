"""Posteriors against direct integration of the likelihood."""

import json
import warnings

import jax
import numpy as np
import pytest
from examples import check_example
from scipy import integrate

import cevnsjax
from cevnsjax import Prior
from cevnsjax.errors import InputError
from cevnsjax.figures.posterior import corner_figure, predictive_figure, trace_figure
from cevnsjax.results import sample_dict, write_posterior

with warnings.catch_warnings():
    warnings.simplefilter("ignore", FutureWarning)  # of its coming versions, once a day
    import arviz

STRIP = {"g_z": Prior("flat", (0.0, 1e-4))}


def moments(likelihood, name: str, low: float, high: float) -> tuple[float, float]:
    """Mean and standard deviation of one parameter with a flat prior, the pull integrated out, by quadrature."""
    x = np.linspace(low, high, 4001)
    chi2 = np.asarray(jax.vmap(likelihood.chi2)({name: x}))
    density = np.exp(-(chi2 - chi2.min()) / 2)
    norm = integrate.simpson(density, x=x)
    mean = integrate.simpson(x * density, x=x) / norm
    return mean, (integrate.simpson((x - mean) ** 2 * density, x=x) / norm) ** 0.5


@pytest.fixture(scope="module")
def angle(likelihood):
    return cevnsjax.sample(likelihood, samples=8000, warmup=500, seed=3)


@pytest.fixture(scope="module")
def both(likelihood):
    return cevnsjax.sample(likelihood, free=["sin2_theta_w", "norm"], samples=4000, warmup=500)


def test_weak_mixing_angle_against_direct_integration(angle, conus_plus) -> None:
    integrated = cevnsjax.Likelihood(conus_plus, pull="marginalised")
    mean, width = moments(integrated, "sin2_theta_w", 0.0, 1.0)
    row = angle.summary["sin2_theta_w"]
    assert row["mean"] == pytest.approx(mean, rel=0.01)
    # 32000 draws hold the width to 1 %, give or take twice that once in a while.
    error = float(arviz.mcse(angle.data, var_names="sin2_theta_w", method="sd")["sin2_theta_w"])
    assert row["sd"] == pytest.approx(width, abs=5 * error)
    assert row["rhat"] < 1.01
    assert angle.warnings == []


def test_a_free_norm_is_what_is_integrated_out(both, conus_plus) -> None:
    integrated = cevnsjax.Likelihood(conus_plus, pull="marginalised")
    mean, width = moments(integrated, "sin2_theta_w", 0.0, 1.0)
    row = both.summary["sin2_theta_w"]
    for key, expected in (("mean", mean), ("sd", width)):
        error = float(arviz.mcse(both.data, var_names="sin2_theta_w", method=key)["sin2_theta_w"])
        assert row[key] == pytest.approx(expected, abs=5 * error)


def test_a_narrow_prior_wins(likelihood) -> None:
    prior = {"sin2_theta_w": Prior("normal", (0.4, 1e-3))}
    row = cevnsjax.sample(likelihood, priors=prior, samples=1000, warmup=300).summary["sin2_theta_w"]
    assert row["mean"] == pytest.approx(0.4, abs=2e-4)
    assert row["sd"] == pytest.approx(1e-3, rel=0.1)


def test_two_modes_are_told_and_nested_sampling_weighs_them(conus_plus) -> None:
    """The universal vector at 10 MeV: small couplings, and the strip where Q_V has changed its sign."""
    likelihood = cevnsjax.Likelihood(conus_plus, model="vector_universal")
    chains = cevnsjax.sample(likelihood, priors=STRIP, samples=500, warmup=500)
    assert any("has 2 modes" in text for text in chains.warnings)
    assert any("chains disagree on g_z" in text for text in chains.warnings)
    nested = cevnsjax.sample(likelihood, priors=STRIP, samples=1000, sampler="nested", seed=1)
    integrated = cevnsjax.Likelihood(conus_plus, model="vector_universal", pull="marginalised")
    x = np.linspace(0.0, 1e-4, 8001)
    chi2 = np.asarray(jax.vmap(integrated.chi2)({"g_z": x}))
    density = np.exp(-(chi2 - chi2.min()) / 2)
    share = integrate.simpson(density * (x > 1.5e-5), x=x) / integrate.simpson(density, x=x)
    draws = np.asarray(nested.data.posterior["g_z"])
    assert np.mean(draws > 1.5e-5) == pytest.approx(share, abs=0.05)
    evidence = np.log(integrate.simpson(density, x=x) / 1e-4) - chi2.min() / 2
    constant = float(integrated.log_likelihood({"g_z": 0.0}) + integrated.chi2({"g_z": 0.0}) / 2)
    error = nested.data.attrs["log_evidence_error"]
    assert nested.data.attrs["log_evidence"] == pytest.approx(evidence + constant, abs=4 * error)


def test_the_same_seed_gives_the_same_draws(angle, likelihood) -> None:
    first = angle.data.posterior["sin2_theta_w"]
    again, other = (
        cevnsjax.sample(likelihood, samples=8000, warmup=500, seed=seed).data.posterior["sin2_theta_w"]
        for seed in (3, 4)
    )
    np.testing.assert_array_equal(first, again)
    assert not np.array_equal(first, other)


def test_predictions_are_those_of_the_likelihood(likelihood, angle) -> None:
    expected = np.asarray(angle.data.posterior_predictive["expected"])[0]
    assert expected.shape[1] == likelihood.experiments[0].observed.size
    # Averaged over norm and angle, the prediction meets the data about as well as the best fit does.
    observed, sigma = np.asarray(angle.data.observed_data["observed"]), np.asarray(angle.data.constant_data["sigma"])
    assert np.sum(((expected.mean(axis=0) - observed) / sigma) ** 2) < float(likelihood.chi2({})) + 1.0


def test_what_is_kept_repeats_the_run(angle, likelihood, tmp_path) -> None:
    import arviz

    write_posterior(tmp_path / "draws.nc", angle, likelihood)
    stored = arviz.from_netcdf(tmp_path / "draws.nc")
    attributes = stored.attrs
    assert attributes["seed"] == 3
    assert json.loads(attributes["priors"]) == {"sin2_theta_w": "flat:0:1"}
    assert (attributes["free"], attributes["model"], attributes["pull"]) == ("sin2_theta_w", "sm", "marginalised")
    np.testing.assert_array_equal(stored.posterior["sin2_theta_w"], angle.data.posterior["sin2_theta_w"])
    assert sample_dict(angle)["summary"] == angle.summary


def test_plots(both, likelihood, tmp_path) -> None:
    for draw, panels in ((corner_figure, 3), (trace_figure, 2), (predictive_figure, 1)):
        figure = draw(both, likelihood)
        figure.savefig(tmp_path / f"{draw.__name__}.pdf")
        assert sum(axes.has_data() for axes in figure.axes) >= panels


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sampler": "gibbs"}, "unknown sampler 'gibbs'"),
        ({"chains": 0}, "0 chains given"),
        ({"samples": 5}, "5 samples given; give a whole number from 10"),
        ({"free": ["mu_nu_e"]}, "unknown parameter 'mu_nu_e'"),
        ({"priors": {"norm": Prior("flat", (0.0, 1.0))}}, "unknown free parameter 'norm'"),
        ({"free": ["norm"], "priors": {"norm": Prior("flat", (0.0, 1.0))}}, "has its constraint"),
    ],
)
def test_wrong_calls(likelihood, options, message: str) -> None:
    with pytest.raises(InputError, match=message):
        cevnsjax.sample(likelihood, **options)


def test_the_examples_of_docstrings() -> None:
    check_example("cevnsjax.figures.posterior")
    check_example("cevnsjax.sampling.posterior.sample")

"""The groups of a posterior's InferenceData against SciPy's densities, and ArviZ's own functions on them."""

import warnings

import matplotlib
import numpy as np
import pytest
from one_bin import on_and_off
from scipy import stats

import cevnsjax
from cevnsjax import Prior
from cevnsjax.sampling import predictive
from cevnsjax.sampling.request import density_of, request_of

with warnings.catch_warnings():
    warnings.simplefilter("ignore", FutureWarning)  # of its coming versions, once a day
    import arviz


@pytest.fixture(scope="module")
def gaussian(likelihood):
    """The angle and the norm of CONUS+, as many draws as in test_posterior, whose program serves here too."""
    return cevnsjax.sample(likelihood, free=["sin2_theta_w", "norm"], samples=4000, warmup=500, seed=1).data


@pytest.fixture(scope="module")
def integrated(likelihood):
    """The angle alone: the norm is integrated in closed form."""
    return cevnsjax.sample(likelihood, samples=8000, warmup=500, seed=2).data


def test_log_likelihood_of_gaussian_data(gaussian, likelihood) -> None:
    found = gaussian.log_likelihood["observed"].values
    assert found.shape == (4, 4000, 19)
    (experiment,) = likelihood.experiments
    for draw in (0, 17, 3999):
        at = {name: float(gaussian.posterior[name][2, draw]) for name in ("sin2_theta_w", "norm")}
        mean = np.asarray(likelihood.expected(at))
        by_scipy = stats.norm.logpdf(experiment.observed, mean, experiment.sigma)
        np.testing.assert_allclose(found[2, draw], by_scipy, rtol=1e-9)
        assert found[2, draw].sum() == pytest.approx(float(likelihood.log_likelihood_of_data(at)), rel=1e-9)


def test_log_likelihood_of_counts_at_given_means(tmp_path) -> None:
    likelihood = on_and_off(tmp_path, [1003, 998], [250, 251])
    data = cevnsjax.sample(likelihood, samples=50, warmup=50, chains=2).data
    names = list(data.posterior.data_vars)
    assert names == ["sin2_theta_w", "flat_rate"]
    at = {name: float(data.posterior[name][1, 30]) for name in names}
    (mean,) = likelihood.expected_in(at)
    by_scipy = stats.poisson.logpmf([1003, 998, 250, 251], np.asarray(mean))
    np.testing.assert_allclose(data.log_likelihood["observed"][1, 30], by_scipy, rtol=1e-9)
    assert list(data.prior.data_vars) == ["sin2_theta_w"]  # nothing constrains the rate of the background


def test_an_integrated_norm_is_drawn_with_the_rest(integrated, gaussian, likelihood) -> None:
    """Means of the cells' probabilities agree with those of a posterior in which the norm is a parameter."""
    pairs = [data.log_likelihood["observed"].values.reshape(-1, 19) for data in (integrated, gaussian)]
    errors = np.hypot(*(values.std(axis=0) / 200**0.5 for values in pairs))  # of 200 effective draws
    assert (np.abs(pairs[0].mean(axis=0) - pairs[1].mean(axis=0)) < 4 * errors).all()


def test_loo_agrees_with_waic(integrated) -> None:
    loo = arviz.loo(integrated, pointwise=True)
    assert loo.n_data_points == 19
    # Few parameters and a broad posterior: no cell decides alone, and leaving one out agrees with WAIC, by its formula.
    assert (np.asarray(loo.pareto_k) < 0.7).all()
    cells = integrated.log_likelihood["observed"].values.reshape(-1, 19)
    waic = np.log(np.exp(cells).mean(axis=0)) - cells.var(axis=0)
    first = hasattr(loo, "elpd")  # names since ArviZ 1
    assert float(loo.elpd if first else loo.elpd_loo) == pytest.approx(waic.sum(), abs=0.1)
    assert 0.5 < float(loo.p if first else loo.p_loo) < 4


@pytest.mark.filterwarnings("ignore::matplotlib.MatplotlibDeprecationWarning")  # ArviZ' own way of passing colours
def test_plot_ppc(gaussian) -> None:
    with matplotlib.rc_context({"backend": "agg"}):
        if hasattr(arviz, "plot_ppc_dist"):  # ArviZ 1
            arviz.plot_ppc_dist(gaussian, var_names="observed", num_samples=20)
        else:
            arviz.plot_ppc(gaussian, num_pp_samples=20, random_seed=0)
        figure = matplotlib.pyplot.gcf()
    assert len(figure.axes[0].lines) >= 20
    matplotlib.pyplot.close("all")


def test_replicated_data_have_the_mean_and_the_errors_of_the_prediction(gaussian, likelihood) -> None:
    predicted = gaussian.posterior_predictive
    away = (predicted["observed"] - predicted["expected"]).values / gaussian.constant_data["sigma"].values
    assert stats.kstest(away.ravel(), stats.norm.cdf).pvalue > 1e-3
    np.testing.assert_array_equal(gaussian.observed_data["observed"], likelihood.experiments[0].observed)


def test_prior_draws(gaussian) -> None:
    """The default prior of the angle, and the constraint of the norm, cut at five standard deviations."""
    for name, density in (("sin2_theta_w", stats.uniform(0, 1)), ("norm", stats.truncnorm(-5, 5, 1.0, 0.2))):
        assert stats.kstest(gaussian.prior[name].values.ravel(), density.cdf).pvalue > 1e-3


def test_few_draws_of_a_free_mass_are_kept(conus_plus, monkeypatch) -> None:
    """Counts are no polynomial in the mass, so that each prediction takes its time."""
    monkeypatch.setattr(predictive, "PREDICTIVE", 10)
    likelihood = cevnsjax.Likelihood(conus_plus, model="vector_bl")
    priors = {"m_z": Prior("log_uniform", (1.0, 100.0)), "g_bl": Prior("log_uniform", (1e-7, 1e-4))}
    parameters, fixed, chosen = request_of(likelihood, ["g_bl", "m_z"], None, priors)
    density, *_ = density_of(likelihood, parameters, fixed, chosen)
    draws = {"g_bl": np.geomspace(1e-6, 1e-5, 40).reshape(2, 20), "m_z": np.geomspace(50.0, 2.0, 40).reshape(2, 20)}
    data = predictive.inference_data(likelihood, density, parameters, chosen, draws, {}, {}, seed=0)
    found = data.log_likelihood["observed"].values
    assert found.shape == (2, 5, 19)
    at = {name: float(data.posterior[name][1, 8]) for name in ("g_bl", "m_z")}  # every fourth draw is kept
    at["norm"] = float(likelihood.best_nuisances(at)["norm"])
    mean, (experiment,) = np.asarray(likelihood.expected(at)), likelihood.experiments
    np.testing.assert_allclose(found[1, 2], stats.norm.logpdf(experiment.observed, mean, experiment.sigma), rtol=1e-8)

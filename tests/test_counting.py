"""Counts with a background: against SciPy's Poisson distribution, Li and Ma's formula, and toys."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from one_bin import on_and_off
from scattering import quick
from scipy.optimize import minimize
from scipy.stats import norm, poisson

import cevnsjax
from cevnsjax.experiments import load_runs
from cevnsjax.likelihood.kernel import Data
from cevnsjax.likelihood.newton import minimise
from cevnsjax.likelihood.objective import chi2


@pytest.fixture(scope="module")
def cevns():
    return cevnsjax.Likelihood("conus:cevns")


@pytest.mark.parametrize(("on", "off"), [(150, 20), (120, 30), (100, 25), (40, 0)])
def test_signal_against_background_alone_is_li_and_ma(tmp_path, on, off):
    """T.-P. Li and Y.-Q. Ma, Astrophys. J. 272, 317 (1983), Eq. (17), for one bin and a free background."""
    likelihood = on_and_off(tmp_path, on, off)
    result = cevnsjax.fit(likelihood, ["norm"])
    alpha = 100 / 25
    terms = [
        on * np.log((1 + alpha) / alpha * on / (on + off)),
        off * np.log((1 + alpha) * off / (on + off)) if off else 0,
    ]
    expected = 2 * sum(terms) if on > alpha * off else 0.0
    assert float(likelihood.chi2({"norm": 0.0})) - result.chi2_min == pytest.approx(expected, abs=1e-6)
    signal = float(likelihood.expected({"flat_rate": 0.0})[0])
    assert result.best_fit["norm"] == pytest.approx(max(on - alpha * off, 0.0) / signal, rel=1e-4, abs=1e-4)


def test_probability_is_that_of_scipy(tmp_path):
    on, off = np.array([12.0, 0.0, 7.0]), np.array([3.0, 1.0, 0.0])
    likelihood = on_and_off(tmp_path, on, off)
    params = {"norm": 1.3, "flat_rate": 0.7}
    background = 0.7 * 0.1 / 3
    signal = np.asarray(likelihood.expected({"norm": 1.3, "flat_rate": 0.0}))
    expected = poisson.logpmf(on, signal + 100 * background).sum() + poisson.logpmf(off, 25 * background).sum()
    assert float(likelihood.log_likelihood(params)) == pytest.approx(expected, rel=1e-12)
    # There is no constraint: the probability of the data is all.
    assert float(likelihood.log_likelihood_of_data(params)) == pytest.approx(expected, rel=1e-12)


def test_no_counts_at_all(tmp_path):
    """Nothing is seen: then nothing is the best background, and all slopes are finite."""
    likelihood = on_and_off(tmp_path, [0.0, 0.0], [0.0, 0.0])
    best = likelihood.best_nuisances({"norm": 0.5})
    assert float(best["flat_rate"]) == pytest.approx(0.0, abs=1e-9)
    signal = float(np.asarray(likelihood.expected({"flat_rate": 0.0})).sum())
    value, slope = quick(jax.value_and_grad(lambda s: likelihood.chi2({"norm": s})))(0.5)
    assert (float(value), float(slope)) == (pytest.approx(signal, rel=1e-9), pytest.approx(2 * signal, rel=1e-9))
    limit = cevnsjax.fit(likelihood, ["norm"]).intervals["norm"]
    assert limit[0][1] == pytest.approx(norm.ppf(0.95) ** 2 / 2 / signal, rel=1e-4)


def test_minimum_over_all_nuisances_is_that_of_scipy(cevns):
    """Twenty-six nuisances, on data that fluctuate; SciPy is given the gradient of the same chi-squared."""
    view = cevns.view({"norm": 2.0})
    start, held = view.start({"norm": 2.0})
    assert (~held).sum() == 26
    rng = np.random.default_rng(1)
    data = Data(tuple(rng.poisson(observed).astype(float) for observed in view.data.observed), view.data.centre)
    ours = quick(minimise)(view.kernel, data, start, held)
    assert bool(ours.converged)
    function = jax.jit(jax.value_and_grad(chi2, argnums=2))

    def of_free(free):
        y = np.array(start)
        y[~held] = free
        value, slope = function(view.kernel, data, y, held)
        return float(value), np.asarray(slope)[~held]

    low, high = np.asarray(view.kernel.low)[~held], np.asarray(view.kernel.high)[~held]
    found = minimize(
        of_free, start[~held], jac=True, bounds=np.stack([low, high], axis=1), method="L-BFGS-B",
        options={"ftol": 1e-15, "gtol": 1e-9, "maxiter": 20000, "maxfun": 40000},
    )  # fmt: skip
    assert float(ours.value) <= found.fun + 1e-6
    assert float(ours.value) == pytest.approx(found.fun, abs=1e-3)
    free = np.asarray(ours.place)[~held]
    inside = (free > low) & (free < high)
    assert np.abs(np.where(inside, of_free(free)[1], 0.0)).max() < 1e-3


def test_profiled_slope_is_that_of_differences(cevns):
    step, slope = (
        1e-3,
        quick(jax.value_and_grad(lambda angle: cevns.chi2({"sin2_theta_w": angle}))),
    )
    (up, _), (down, _), (_, exact) = slope(0.4 + step), slope(0.4 - step), slope(0.4)
    assert float(exact) == pytest.approx(float(up - down) / (2 * step), rel=1e-4)


def test_expected_data_are_fitted_without_rest(cevns):
    assert float(cevns.chi2({})) == pytest.approx(0.0, abs=1e-8)
    assert cevns.notes == ["conus: no data are public; what is expected of Standard Model and background stands in"]


def test_limits_cover(tmp_path):
    """Delta chi^2 at the true strength stays below 2.71 in 90 % of toys, the background being searched for in each."""
    likelihood = on_and_off(tmp_path, [150.0, 140.0], [30.0, 27.0])
    truth, rate, toys = 5.0, 11.0, 2000
    signal = np.asarray(likelihood.expected({"norm": truth, "flat_rate": 0.0}))
    mean = np.concatenate([signal + 100 * rate * 0.05, np.full(2, 25 * rate * 0.05)])
    drawn = np.random.default_rng(0).poisson(mean, (toys, 1, 4)).astype(float)
    strengths = np.linspace(0.0, 4 * truth, 81)
    assert strengths[20] == truth
    view = likelihood.view({"norm": truth})
    start, held = view.start({"norm": truth})
    starts = jnp.tile(start, (strengths.size, 1))
    starts = starts.at[:, view.layout.place("norm")].set(view.layout.variable("norm", strengths))

    kernel, held, centre = jax.tree.map(jnp.asarray, (view.kernel, held, view.data.centre))

    def delta(observed):
        value = jax.vmap(lambda y: minimise(kernel, Data((observed,), centre), y, held).value)(starts)
        return value[20] - value.min()

    deltas = np.asarray(jax.jit(lambda every: jax.lax.map(delta, every, batch_size=100))(drawn))
    # Five binomial standard deviations.
    assert (deltas <= norm.ppf(0.95) ** 2).mean() == pytest.approx(0.90, abs=5 * np.sqrt(0.09 / toys))


def test_names_of_nuisances():
    """What is common has one name; what is a detector's or a run's own tells which."""
    names = {n.name for n in cevnsjax.Likelihood("conus_plus", "conus:cevns_bsm").nuisances}
    assert {"norm_conus_plus", "norm_conus", "flux_conus", "detector_conus_C1R1"} <= names
    assert {"energy_shift_conus_C2R1", "noise_decay_conus_C3R1_bsm"} <= names
    assert len([name for name in names if name.startswith("flux")]) == 1
    # Both regions of a detector are measured by one detector, each with a background of its own.
    both = cevnsjax.Likelihood("conus").searched
    assert len([name for name in both if name.startswith("detector")]) == 5
    assert {"background_rate_C1R1", "background_eves_rate_C1R1_eves"} <= set(both)


def test_runs_by_name_and_analysis():
    assert [e.identity.run for e in load_runs("conus:eves_bsm")] == ["C1R1_eves", "C2R1_eves", "C3R1_eves"]
    assert load_runs("conus:C1R2")[0].label == "conus:C1R2"
    assert len(load_runs("conus")) == 10

"""Counts with a background: against SciPy's Poisson distribution, Li and Ma's formula, and toys."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize
from scipy.stats import norm, poisson

import cevnsjax
from cevnsjax.experiments import load_experiment, load_runs
from cevnsjax.statistics.base import problem_of
from cevnsjax.statistics.counting import deviance
from cevnsjax.statistics.nuisances import Nuisances, agreed

ONE_BIN = """
name = "one_bin"
title = "One bin, on and off"
[target]
elements = {{ Ge = 1 }}
[source]
kind = "reactor"
power_GW = 3.9
baseline_m = 17.1
energy_per_fission_MeV = 205.0
fission_fractions = {{ U235 = 0.57, U238 = 0.08, Pu239 = 0.30, Pu241 = 0.05 }}
[response]
quenching = {{ model = "lindhard", k = 0.16 }}
resolution = {{ noise_eV = 30.0, fano = 0.11, pair_energy_eV = 2.96 }}
[[background]]
name = "flat"
kind = "flat"
rate_per_keV_kg_d = {rate}
free = ["rate"]
[[runs]]
name = "A"
on_kg_d = 100
off_kg_d = 25
low_eV = 300
high_eV = 400
bins = {bins}
file = "counts.csv"
"""


def one_bin(tmp_path, on, off, rate=10.0):
    on, off = np.atleast_1d(on), np.atleast_1d(off)
    edges = np.linspace(300, 400, on.size + 1)
    rows = zip(edges[:-1], edges[1:], on, off, strict=True)
    lines = ["low_eV,high_eV,on,off", *(",".join(map(str, row)) for row in rows)]
    (tmp_path / "counts.csv").write_text("\n".join(lines))
    (tmp_path / "one_bin.toml").write_text(ONE_BIN.format(rate=rate, bins=on.size))
    return cevnsjax.Likelihood(tmp_path / "one_bin.toml")


@pytest.fixture(scope="module")
def cevns():
    return cevnsjax.Likelihood("conus:cevns")


@given(st.integers(0, 10_000), st.floats(1e-3, 1e4))
def test_deviance_is_that_of_scipy(n, mean):
    """Where the mean is far off, SciPy itself loses digits: the tolerance is of the larger logarithm."""
    expected = 2 * (poisson.logpmf(n, max(n, 1e-300)) - poisson.logpmf(n, mean)) if n else 2 * mean
    assert deviance(jnp.array([float(n)]), jnp.array([mean]))[0] == pytest.approx(expected, rel=1e-9, abs=1e-9)


def test_empty_bins_and_no_background():
    n, mean = jnp.array([0.0, 0.0, 3.0, 1.0, 0.0]), jnp.array([0.0, 2.0, 3.0, 0.0, -1.0])
    np.testing.assert_allclose(deviance(n, mean), [0.0, 4.0, 0.0, np.inf, np.inf], atol=1e-15)
    slope = jax.grad(lambda mean: deviance(n[:3], mean).sum())(mean[:3])
    np.testing.assert_allclose(slope, [2.0, 2.0, 0.0], atol=1e-15)


@pytest.mark.parametrize(("on", "off"), [(150, 20), (120, 30), (100, 25), (40, 0)])
def test_signal_against_background_alone_is_li_and_ma(tmp_path, on, off):
    """T.-P. Li and Y.-Q. Ma, Astrophys. J. 272, 317 (1983), Eq. (17), for one bin and a free background."""
    likelihood = one_bin(tmp_path, on, off)
    found = cevnsjax.fit(likelihood, ["norm"])
    alpha = 100 / 25
    terms = [
        on * np.log((1 + alpha) / alpha * on / (on + off)),
        off * np.log((1 + alpha) * off / (on + off)) if off else 0,
    ]
    expected = 2 * sum(terms) if on > alpha * off else 0.0
    assert likelihood.chi2({"norm": 0.0}) - found.chi2_min == pytest.approx(expected, abs=1e-6)
    signal = float(likelihood.expected({"flat_rate": 0.0})[0])
    assert found.best_fit["norm"] == pytest.approx(max(on - alpha * off, 0.0) / signal, rel=1e-4, abs=1e-4)


def test_probability_is_that_of_scipy(tmp_path):
    on, off = np.array([12.0, 0.0, 7.0]), np.array([3.0, 1.0, 0.0])
    likelihood = one_bin(tmp_path, on, off)
    params = {"norm": 1.3, "flat_rate": 0.7}
    background = 0.7 * 0.1 / 3
    signal = np.asarray(likelihood.expected({"norm": 1.3, "flat_rate": 0.0}))
    expected = poisson.logpmf(on, signal + 100 * background).sum() + poisson.logpmf(off, 25 * background).sum()
    assert likelihood.log_likelihood(params) == pytest.approx(expected, rel=1e-12)


def test_no_counts_at_all(tmp_path):
    """Nothing is seen: then nothing is the best background, and all slopes are finite."""
    likelihood = one_bin(tmp_path, [0.0, 0.0], [0.0, 0.0])
    best = likelihood.best_nuisances({"norm": 0.5})
    assert best["flat_rate"] == pytest.approx(0.0, abs=1e-9)
    signal = float(likelihood.expected({"flat_rate": 0.0}).sum())
    value, slope = jax.value_and_grad(lambda s: likelihood.chi2({"norm": s}))(0.5)
    assert (value, slope) == (pytest.approx(signal, rel=1e-9), pytest.approx(2 * signal, rel=1e-9))
    limit = cevnsjax.fit(likelihood, ["norm"]).intervals["norm"]
    assert limit[0][1] == pytest.approx(norm.ppf(0.95) ** 2 / 2 / signal, rel=1e-4)


def test_minimum_over_all_nuisances_is_that_of_scipy(cevns):
    """Sixteen and more nuisances, on data that fluctuate; from SciPy's minimiser, with differences for slopes."""
    problem, _ = problem_of(cevns, {"norm": jnp.asarray(2.0)})
    rng = np.random.default_rng(1)
    data = tuple(
        dataclasses.replace(
            one, observed=jnp.asarray(rng.poisson(one.observed).astype(float)),
            off=jnp.asarray(rng.poisson(one.off).astype(float)),
        ) for one in problem.data
    )  # fmt: skip
    problem = dataclasses.replace(problem, data=data)
    assert problem.moving.size == 26
    place = jax.jit(lambda p: p.minimised())(problem)
    chi2 = jax.jit(lambda z: problem.chi2(z))
    slope = jax.jit(jax.grad(lambda z: problem.chi2(z)))
    bounds = np.array(problem.reach)
    found = minimize(
        chi2,
        np.zeros(26),
        jac=slope,
        bounds=bounds,
        method="L-BFGS-B",
        options={"ftol": 1e-15, "gtol": 1e-9, "maxiter": 20000, "maxfun": 40000},
    )
    assert float(chi2(place)) <= found.fun + 1e-6
    assert float(chi2(place)) == pytest.approx(found.fun, abs=1e-3)
    inside = (place > bounds[:, 0]) & (place < bounds[:, 1])
    assert np.abs(np.where(inside, slope(place), 0.0)).max() < 1e-3


def test_profiled_slope_is_that_of_differences(cevns):
    def chi2(angle):
        return cevns.chi2({"sin2_theta_w": angle})

    step = 1e-3
    difference = (chi2(0.4 + step) - chi2(0.4 - step)) / (2 * step)
    assert jax.grad(chi2)(0.4) == pytest.approx(float(difference), rel=1e-4)


def test_expected_data_are_fitted_without_rest(cevns):
    assert float(cevns.chi2({})) == pytest.approx(0.0, abs=1e-8)
    assert cevns.notes == ["conus: no data are public; what is expected of Standard Model and background stands in"]


def test_limits_cover(tmp_path):
    """Delta chi^2 at the true strength stays below 2.71 in 90 % of toys, the background being searched for in each."""
    likelihood = one_bin(tmp_path, [150.0, 140.0], [30.0, 27.0])
    truth, rate, toys = 5.0, 11.0, 2000
    signal = np.asarray(likelihood.expected({"norm": truth, "flat_rate": 0.0}))
    background = np.full(2, rate * 0.05)
    rng = np.random.default_rng(0)
    on = rng.poisson(signal + 100 * background, (toys, 2)).astype(float)
    off = rng.poisson(25 * background, (toys, 2)).astype(float)
    strengths = np.linspace(0.0, 4 * truth, 161)
    problems = jax.jit(jax.vmap(lambda s: problem_of(likelihood, {"norm": s})[0]))(jnp.asarray(strengths))

    @jax.jit
    def delta(on, off):
        def chi2(problem):
            data = (dataclasses.replace(problem.data[0], observed=on, off=off),)
            seen = dataclasses.replace(problem, data=data)
            return seen.minimum()

        found = jax.vmap(chi2)(problems)
        return found[40] - found.min()

    assert strengths[40] == truth
    found = np.array([delta(*one) for one in zip(jnp.asarray(on), jnp.asarray(off), strict=True)])
    covered = (found <= norm.ppf(0.95) ** 2).mean()
    # Five binomial standard deviations.
    assert covered == pytest.approx(0.90, abs=5 * np.sqrt(0.09 / toys))


def test_names_of_nuisances():
    """What is common has one name; what is a detector's or a run's own tells which."""
    likelihood = cevnsjax.Likelihood("conus_plus", "conus:cevns_bsm", systematics="default")
    nuisances = set(likelihood.nuisance_names)
    assert {"norm_conus_plus", "norm_conus", "flux_conus", "detector_conus_C1R1"} <= nuisances
    assert {"energy_shift_conus_C2R1", "noise_decay_conus_C3R1_bsm"} <= nuisances
    assert len([name for name in nuisances if name.startswith("flux")]) == 1
    # Both regions of a detector are measured by one detector, each with a background of its own.
    both = [shape.name for shape in Nuisances(load_runs("conus"), "default").shapes()]
    assert len([name for name in both if name.startswith("detector")]) == 5
    assert {"background_rate_C1R1", "background_eves_rate_C1R1_eves"} <= set(both)


def test_common_pulls_are_the_first_ones():
    """Lindhard's k has the first one's centre and width in all experiments, and the nuclei's radius is common, too."""
    plus, *runs = agreed((load_experiment("conus_plus"), *load_runs("conus:cevns")), "detailed")
    assert [float(run.response.quenching.k) for run in runs] == [0.162] * 5
    last, *_ = agreed((*runs, plus), "detailed")
    assert last.systematics["detailed"].shapes == ("quenching_k", "energy_shift", "nuclear_radius")
    assert float(load_runs("conus:C1R1")[0].response.quenching.k) == 0.16


def test_runs_by_name_and_analysis():
    assert [e.run for e in load_runs("conus:eves_bsm")] == ["C1R1_eves", "C2R1_eves", "C3R1_eves"]
    assert load_runs("conus:C1R2")[0].label == "conus:C1R2"
    assert len(load_runs("conus")) == 10

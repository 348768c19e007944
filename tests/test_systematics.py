"""Systematics that move the spectrum: the polynomial against the tables it stands for, and its minimum."""

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

import cevnsjax
from cevnsjax.errors import InputError
from cevnsjax.statistics import hessian

# What data/conus_plus/experiment.toml has, typed again.
SIGMA = {
    "flux": 0.046, "active_mass": 0.011, "trigger": 0.007,
    "quenching_k": 0.004, "energy_shift": 5.5, "nuclear_radius": 0.032,
}  # fmt: skip
CENTRE = dict.fromkeys(SIGMA, 1.0) | {"quenching_k": 0.162, "energy_shift": 0.0}
SHAPES = ("quenching_k", "energy_shift", "nuclear_radius")
POINTS = {
    "sm": {"sin2_theta_w": 0.2},
    "magnetic_moment": {"mu_nu_e": 6e-10},
    "scalar": {"g_phi": 3e-6, "m_phi": 1.0},
    "nsi_tensor": {"eps_ee_ut": 0.2},
}


@pytest.fixture(scope="module")
def detailed(conus_plus):
    """By model. A function, as hypothesis shows the arguments of a test that fails."""
    made = {name: cevnsjax.Likelihood(conus_plus, model=name, systematics="detailed") for name in POINTS}
    return lambda name: made[name]


def chi2_by_hand(likelihood, data, params):
    """Eq. (20) with six pulls, all parameters given, counts by the exact tables."""
    residuals = (np.asarray(likelihood.expected(params)) - data.observed) / data.sigma
    pulls = [(params[name] - CENTRE[name]) / sigma for name, sigma in SIGMA.items()]
    return float(residuals @ residuals + np.square(pulls).sum())


def values_at(z):
    return {name: CENTRE[name] + sigma * shift for (name, sigma), shift in zip(SIGMA.items(), z, strict=True)}


@pytest.mark.parametrize("name", POINTS)
@given(z=st.lists(st.floats(-5, 5), min_size=3, max_size=3))
@settings(max_examples=15)
def test_polynomial_is_the_tables(name, z, detailed) -> None:
    likelihood = detailed(name)
    values = {shape: CENTRE[shape] + SIGMA[shape] * shift for shape, shift in zip(SHAPES, z, strict=True)}
    exact = np.asarray(likelihood.expected({**POINTS[name], **values}))
    (polynomial,) = likelihood.predicted({**POINTS[name], **values})
    assert np.abs(polynomial - exact).max() < 1e-6 * exact.max()


@given(z=st.lists(st.floats(-3, 3), min_size=6, max_size=6))
@settings(max_examples=15)
def test_chi2_where_all_is_given(z, detailed, conus_plus) -> None:
    params = {**POINTS["scalar"], **values_at(z)}
    expected = chi2_by_hand(detailed("scalar"), conus_plus, params)
    assert float(detailed("scalar").chi2(params)) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("name", POINTS)
def test_minimum_is_scipys(name, detailed, conus_plus) -> None:
    likelihood = detailed(name)

    def by_hand(z):
        return chi2_by_hand(likelihood, conus_plus, {**POINTS[name], **values_at(z)})

    found = minimize(by_hand, np.zeros(6), tol=1e-10)
    assert float(likelihood.chi2(POINTS[name])) == pytest.approx(found.fun, abs=1e-6)
    best = likelihood.best_nuisances(POINTS[name])
    for (nuisance, sigma), shift in zip(SIGMA.items(), found.x, strict=True):
        assert float(best[nuisance]) == pytest.approx(CENTRE[nuisance] + sigma * shift, abs=2e-3 * sigma)


def test_some_given_others_minimised(detailed) -> None:
    likelihood, point = detailed("magnetic_moment"), POINTS["magnetic_moment"]
    best = likelihood.best_nuisances(point)
    for name in SIGMA:
        least = float(likelihood.chi2(point))
        assert float(likelihood.chi2({**point, name: best[name]})) == pytest.approx(least, abs=1e-9)
        away = {**point, name: float(best[name]) + SIGMA[name]}
        assert float(likelihood.chi2(away)) > least + 0.5


@given(sin2=st.floats(0.05, 0.6))
@settings(max_examples=10)
def test_gradient_of_a_profile(sin2, detailed) -> None:
    def chi2(value):
        return float(detailed("sm").chi2({"sin2_theta_w": value}))

    step = 1e-4
    finite = (chi2(sin2 + step) - chi2(sin2 - step)) / (2 * step)
    slope = jax.grad(detailed("sm").chi2)({"sin2_theta_w": sin2})["sin2_theta_w"]
    assert float(slope) == pytest.approx(finite, rel=1e-6, abs=1e-4)


def test_hessian_of_a_profile(detailed) -> None:
    likelihood, step = detailed("sm"), 1e-3
    middle, left, right = (float(likelihood.log_likelihood({"sin2_theta_w": 0.24 + s})) for s in (0.0, -step, step))
    exact = hessian(likelihood, {"sin2_theta_w": 0.24})
    assert float(exact[0, 0]) == pytest.approx((2 * middle - left - right) / step**2, rel=1e-4)


def test_what_each_does_to_the_count(conus_plus) -> None:
    """The comments of the experiment's file: 8.1 %, 14.1 % and 0.14 %; and 2.1 % for a point nucleus."""
    likelihood = cevnsjax.Likelihood(conus_plus, systematics="detailed", channel="cevns")

    def count(**params):
        return float(conus_plus.events(likelihood.expected(params)).sum())

    def effect(name):
        more, less = (count(**{name: CENTRE[name] + step * SIGMA[name]}) for step in (1, -1))
        return (more - less) / (2 * count())

    assert effect("quenching_k") == pytest.approx(0.081, abs=5e-4)
    assert effect("energy_shift") == pytest.approx(0.141, abs=5e-4)
    assert effect("nuclear_radius") == pytest.approx(-0.0014, abs=1e-4)
    assert count(nuclear_radius=0.0) / count() - 1 == pytest.approx(0.021, abs=1e-3)


def test_what_is_not_pulled_may_be_free(conus_plus) -> None:
    """Under the default systematics a moved spectrum is that of the tables made anew, and costs nothing."""
    likelihood = cevnsjax.Likelihood(conus_plus)
    moved = {"energy_shift": 4.0, "nuclear_radius": 1.05, "quenching_k": 0.17, "norm": 1.0}
    residuals = (np.asarray(likelihood.expected(moved)) - conus_plus.observed) / conus_plus.sigma
    assert float(likelihood.chi2(moved)) == pytest.approx(float(residuals @ residuals), rel=1e-12)


def test_fit_and_scan_agree(detailed) -> None:
    fitted = cevnsjax.fit(detailed("scalar"), values={"m_phi": 1.0})
    assert set(fitted.best_fit) == {"g_phi", *SIGMA}
    plane = cevnsjax.scan(detailed("scalar"), ("m_phi", 0.1, 10.0, 5), ("g_phi", 1e-7, 1e-4, 7))
    for i, mass in enumerate(plane.x.values):
        for j, coupling in enumerate(plane.y.values):
            chi2 = float(detailed("scalar").chi2({"m_phi": mass, "g_phi": coupling}))
            assert plane.delta_chi2[j, i] + plane.chi2_min == pytest.approx(chi2, abs=1e-6)


def test_names_in_a_joint_fit(conus_plus) -> None:
    other = cevnsjax.load_experiment("conus_plus", {"name": "again"})
    joint = cevnsjax.Likelihood(conus_plus, other, systematics="detailed")
    own = ("flux", "active_mass", "trigger", "energy_shift")
    names = {f"{name}_{experiment}" for name in own for experiment in ("conus_plus", "again")}
    assert set(joint.nuisance_names) == names | {"quenching_k", "nuclear_radius"}
    one = cevnsjax.Likelihood(conus_plus, systematics="detailed")
    # Each alone may choose its own k; together they pay for one pull of it less.
    away = {"sin2_theta_w": 0.6}
    assert float(one.chi2(away)) < float(joint.chi2(away)) < 2 * float(one.chi2(away))


def test_mistakes(conus_plus) -> None:
    with pytest.raises(InputError, match="unknown systematics of conus_plus 'detail'; did you mean 'detailed'"):
        cevnsjax.Likelihood(conus_plus, systematics="detail")
    with pytest.raises(InputError, match="no closed integral"):
        cevnsjax.Likelihood(conus_plus, systematics="detailed", pull="marginalised")
    ideal = cevnsjax.load_experiment("conus_plus", {"response.resolution": None})
    with pytest.raises(InputError, match="move quenching_k: that needs a resolution"):
        cevnsjax.Likelihood(ideal, systematics="detailed")
    measured = {"model": "table", "table": "germanium_collar_2021", "column": "YBe"}
    with pytest.raises(InputError, match="its quenching has none"):
        cevnsjax.Likelihood(
            cevnsjax.load_experiment("conus_plus", {"response.quenching": measured}), systematics="detailed"
        )

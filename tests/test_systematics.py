"""Systematics that move the spectrum: chi-squared with all of them, its minimum, and their derivatives."""

import dataclasses

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scattering import quick
from scipy.optimize import minimize

import cevnsjax
from cevnsjax.errors import InputError

# What data/conus_plus/experiment.toml has, typed again.
SIGMA = {
    "flux": 0.046, "active_mass": 0.011, "trigger": 0.007,
    "quenching_k": 0.004, "energy_shift": 5.5, "nuclear_radius": 0.032,
}  # fmt: skip
CENTRE = dict.fromkeys(SIGMA, 1.0) | {"quenching_k": 0.162, "energy_shift": 0.0}
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


def chi2_by_hand(expected, data, z):
    """Eq. (20) with six constraints, all parameters given."""
    residuals = (np.asarray(expected) - data.observed) / data.sigma
    return float(residuals @ residuals + np.square(z).sum())


def values_at(z):
    return {name: CENTRE[name] + sigma * shift for (name, sigma), shift in zip(SIGMA.items(), z, strict=True)}


@given(z=st.lists(st.floats(-3, 3), min_size=6, max_size=6))
@settings(max_examples=10)
def test_chi2_where_all_is_given(z, detailed, conus_plus) -> None:
    """With the counts of plain numbers, which are calculated anew."""
    likelihood, params = detailed("scalar"), {**POINTS["scalar"], **values_at(z)}
    expected = chi2_by_hand(likelihood.expected(params), conus_plus, z)
    assert float(likelihood.chi2(params)) == pytest.approx(expected, rel=1e-6)


@pytest.mark.parametrize("name", POINTS)
def test_minimum_is_scipys(name, detailed, conus_plus) -> None:
    """SciPy's minimum over the six, of counts by the polynomial, which test_shapes.py compares with the counts."""
    likelihood, point = detailed(name), POINTS[name]
    polynomial = jax.jit(lambda moved: likelihood.expected({**point, **moved}))
    found = minimize(lambda z: chi2_by_hand(polynomial(values_at(z)), conus_plus, z), np.zeros(6), tol=1e-10)
    assert float(likelihood.chi2(point)) == pytest.approx(found.fun, abs=1e-6)
    best = likelihood.best_nuisances(point)
    assert set(best) == set(SIGMA)
    for (nuisance, sigma), shift in zip(SIGMA.items(), found.x, strict=True):
        assert float(best[nuisance]) == pytest.approx(CENTRE[nuisance] + sigma * shift, abs=2e-3 * sigma)


def test_some_given_others_minimised(detailed) -> None:
    likelihood, point = detailed("magnetic_moment"), POINTS["magnetic_moment"]
    best, least = likelihood.best_nuisances(point), float(likelihood.chi2(point))
    for name in SIGMA:
        assert float(likelihood.chi2({**point, name: best[name]})) == pytest.approx(least, abs=1e-9)
        away = {**point, name: float(best[name]) + SIGMA[name]}
        assert float(likelihood.chi2(away)) > least + 0.5


@pytest.fixture(scope="module")
def profiled(detailed):
    """chi^2 of the angle, its slope, and the curvature of -log L, as programs."""
    chi2 = lambda angle: detailed("sm").chi2({"sin2_theta_w": angle})  # noqa: E731
    programs = [quick(each) for each in (chi2, jax.grad(chi2))]
    return lambda: programs


@given(sin2=st.floats(0.05, 0.6))
@settings(max_examples=10)
def test_gradient_of_a_profile(sin2, profiled) -> None:
    chi2, slope = profiled()
    step = 1e-4
    finite = float(chi2(sin2 + step) - chi2(sin2 - step)) / (2 * step)
    assert float(slope(sin2)) == pytest.approx(finite, rel=1e-6, abs=1e-4)


def test_hessian_of_a_profile(detailed, profiled) -> None:
    _, slope = profiled()
    step = 1e-3
    exact = cevnsjax.hessian(detailed("sm"), {"sin2_theta_w": 0.24})
    finite = float(slope(0.24 + step) - slope(0.24 - step)) / (4 * step)
    assert float(exact[0, 0]) == pytest.approx(finite, rel=1e-4)


def test_what_each_does_to_the_count(conus_plus) -> None:
    """The comments of the experiment's file: 8.1 %, 14.1 % and 0.14 %; and 2.1 % for a point nucleus."""
    likelihood = cevnsjax.Likelihood(conus_plus, systematics="detailed", channel="cevns")

    def count(**params):
        return float((conus_plus.events_per_unit * np.asarray(likelihood.expected(params))).sum())

    def effect(name):
        more, less = (count(**{name: CENTRE[name] + step * SIGMA[name]}) for step in (1, -1))
        return (more - less) / (2 * count())

    assert effect("quenching_k") == pytest.approx(0.081, abs=5e-4)
    assert effect("energy_shift") == pytest.approx(0.141, abs=5e-4)
    assert effect("nuclear_radius") == pytest.approx(-0.0014, abs=1e-4)
    assert count(nuclear_radius=0.0) / count() - 1 == pytest.approx(0.021, abs=1e-3)


def test_what_has_no_constraint_may_be_given(likelihood, conus_plus) -> None:
    """Under the default systematics a moved spectrum is calculated anew, and costs nothing."""
    moved = {"energy_shift": 4.0, "nuclear_radius": 1.05, "quenching_k": 0.17, "norm": 1.0}
    residuals = (np.asarray(likelihood.expected(moved)) - conus_plus.observed) / conus_plus.sigma
    assert float(likelihood.chi2(moved)) == pytest.approx(float(residuals @ residuals), rel=1e-12)


def test_fit_and_scan_agree(detailed) -> None:
    fitted = cevnsjax.fit(detailed("scalar"), values={"m_phi": 1.0})
    assert set(fitted.best_fit) == {"g_phi", *SIGMA}
    plane = cevnsjax.scan(detailed("scalar"), ("m_phi", 0.1, 10.0, 3), ("g_phi", 1e-7, 1e-4, 5))
    for i, mass in enumerate(plane.x.values):
        for j, coupling in enumerate(plane.y.values):
            chi2 = float(detailed("scalar").chi2({"m_phi": mass, "g_phi": coupling}))
            assert plane.delta_chi2[j, i] + plane.chi2_min == pytest.approx(chi2, abs=1e-6)


def test_names_and_sharing_in_a_joint_fit(detailed, conus_plus) -> None:
    again = dataclasses.replace(conus_plus, identity=dataclasses.replace(conus_plus.identity, name="again"))
    joint = cevnsjax.Likelihood(conus_plus, again, systematics="detailed")
    own = ("flux", "active_mass", "trigger", "energy_shift")
    names = {f"{name}_{experiment}" for name in own for experiment in ("conus_plus", "again")}
    assert set(joint.searched) == names | {"quenching_k", "nuclear_radius"}
    # Each alone may choose its own k; together they pay for one constraint on it less.
    one, away = detailed("sm"), {"sin2_theta_w": 0.6}
    assert float(one.chi2(away)) < float(joint.chi2(away)) < 2 * float(one.chi2(away))


def test_mistakes(conus_plus) -> None:
    with pytest.raises(InputError, match="no closed integral"):
        cevnsjax.Likelihood(conus_plus, systematics="detailed", pull="marginalised")
    measured = {"kind": "table", "file": "germanium_collar_2021.csv", "column": "YBe"}
    with pytest.raises(InputError, match=r"'quenching_k': the key 'response.nuclear.yield.k' leads to no number"):
        cevnsjax.load_experiment("conus_plus", {"response.nuclear.yield": measured})

"""Fits and profiles of the embedded data, against SciPy on the reference prediction."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from direct import bins, chi2, expected_counts
from scipy.optimize import brentq, minimize_scalar

import cevnsjax
from cevnsjax.errors import InputError
from cevnsjax.parameters import Parameter
from cevnsjax.statistics.minimise import minima, starting_points

ONE_SIGMA = 0.6826894921370859


@pytest.fixture(scope="module")
def reference():
    """Return chi^2(sin2_theta_w) by SciPy: CEvNS scales with Q_V^2 of each isotope, so three points and a parabola."""
    _, _, observed, sigma = bins()
    angles = (0.1, 0.25, 0.4)
    rates = np.array([expected_counts(angle) for angle in angles])
    parabola = np.polynomial.polynomial.polyfit(angles, rates, 2)

    def at(angle: float) -> float:
        return chi2(np.polynomial.polynomial.polyval(angle, parabola), observed, sigma, 0.2)

    return at


def test_weak_mixing_angle_against_scipy(likelihood, reference) -> None:
    found = cevnsjax.fit(likelihood, cl=ONE_SIGMA)
    best = minimize_scalar(reference, bounds=(0.0, 0.6), method="bounded", options={"xatol": 1e-10})
    ends = [brentq(lambda x: reference(x) - best.fun - 1.0, *bracket) for bracket in ((0.0, best.x), (best.x, 0.6))]
    assert found.converged
    assert found.chi2_min == pytest.approx(best.fun, abs=1e-5)
    assert found.best_fit["sin2_theta_w"] == pytest.approx(best.x, abs=1e-5)
    assert found.intervals["sin2_theta_w"] == [pytest.approx(ends, abs=1e-5)]


def test_no_signal_against_the_best_fit(conus_plus) -> None:
    """The collaboration reports 3.7 sigma: a rise of chi^2 by 13.8 +- 0.3, the amplitude free and no pull."""
    free = cevnsjax.load_experiment("conus_plus", {"systematics.default.normalisation.norm": 0.0})
    likelihood = cevnsjax.Likelihood(free)
    found = cevnsjax.fit(likelihood, free=["norm"])
    assert float(likelihood.chi2({"norm": 0.0})) - found.chi2_min == pytest.approx(13.8, abs=0.3)
    _, _, observed, sigma = bins()
    expected = expected_counts()
    amplitude = np.sum(expected * observed / sigma**2) / np.sum((expected / sigma) ** 2)
    assert found.best_fit["norm"] == pytest.approx(amplitude, rel=1e-6)


def test_freeing_a_norm_with_a_pull_changes_nothing_else(likelihood) -> None:
    alone = cevnsjax.fit(likelihood)
    both = cevnsjax.fit(likelihood, free=["sin2_theta_w", "norm"])
    assert both.chi2_min == pytest.approx(alone.chi2_min, abs=1e-9)
    assert both.intervals["sin2_theta_w"] == alone.intervals["sin2_theta_w"]
    ((low, high),) = both.intervals["norm"]
    # With sin^2(theta_W) free to follow, the data say nothing of the norm: its interval is the pull's own.
    assert (low, high) == pytest.approx((1 - 1.645 * 0.2, 1 + 1.645 * 0.2), abs=2e-3)


def test_profile_is_minimised_over_what_is_free(likelihood) -> None:
    """At each k of the profile, the least of many values of sin^2(theta_W) found one by one."""
    result = cevnsjax.profile(likelihood, "quenching_k", limits=(0.13, 0.18), points=3)
    angles = jnp.linspace(0.0, 1.0, 20001)
    for k, delta in zip(result.x, result.delta_chi2, strict=True):
        one = cevnsjax.Likelihood(cevnsjax.load_experiment("conus_plus", {"response.quenching.k": float(k)}))
        by_hand = jax.vmap(one.chi2)({"sin2_theta_w": angles}).min()
        # Half a step of 5e-5 from a minimum of curvature 300.
        assert delta + result.chi2_min == pytest.approx(float(by_hand), abs=2e-7)


def test_profile_default_range_is_three_sigma(likelihood) -> None:
    result = cevnsjax.profile(likelihood, "sin2_theta_w", points=11)
    assert result.delta_chi2[[0, -1]] == pytest.approx([9.0, 9.0], abs=1e-3)
    assert result.delta_chi2.min() >= -1e-9


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda like: cevnsjax.fit(like, free=[]), "no parameter is free"),
        (lambda like: cevnsjax.fit(like, free=["norm", "norm"]), "once"),
        (lambda like: cevnsjax.fit(like, free=["norm"], values={"norm": 1.0}), "both free and set"),
        (lambda like: cevnsjax.fit(like, values={"sin2_theta_w": 0.2}), "no parameter is free"),
        (lambda like: cevnsjax.fit(like, values={"norm": -1.0}), "between 0 and inf"),
        (lambda like: cevnsjax.fit(like, cl=1.5), "confidence level"),
        (lambda like: cevnsjax.profile(like, "g_z"), "unknown parameter"),
        (lambda like: cevnsjax.profile(like, "norm", points=1), "at least 2"),
        (lambda like: cevnsjax.profile(like, "norm", limits=(2.0, 1.0)), "does not rise"),
        (lambda like: cevnsjax.profile(like, "sin2_theta_w", limits=(-1.0, 1.0)), "between 0 and 1"),
    ],
)
def test_wrong_calls(likelihood, call, message: str) -> None:
    with pytest.raises(InputError, match=message):
        call(likelihood)


@pytest.mark.parametrize("bounds", [(-np.inf, np.inf), (-5.0, 5.0), (-5.0, np.inf), (-np.inf, 5.0)])
def test_minimiser_within_all_kinds_of_bounds(bounds: tuple[float, float]) -> None:
    """Two wells, the deeper one at x near 2.2; and a slope against the bound where there is one."""
    parameters = (Parameter("x", 0.5, 1.0, bounds), Parameter("y", 0.0, 1.0, bounds))

    def wells(point):
        x, y = point
        return (x**2 - 5.0) ** 2 / 10 - 0.5 * x + (y - 1.0) ** 2

    scale = jnp.ones(2)
    all_found = minima(wells, starting_points(parameters, scale, 9), scale, parameters)
    found = jax.tree.map(lambda leaf: leaf[jnp.argmin(all_found.value)], all_found)
    grid = np.linspace(0.0, 4.0, 400001)
    assert bool(found.converged)
    assert found.value == pytest.approx(float(wells((grid, 1.0)).min()), abs=1e-8)

    slope = dataclasses.replace(parameters[0], bounds=(max(bounds[0], -5.0), np.inf))
    at_bound = minima(lambda point: point[0], jnp.asarray([[0.5]]), jnp.ones(1), (slope,))
    assert at_bound.point[0, 0] == pytest.approx(-5.0, abs=1e-5)


def test_a_profile_follows_its_valley(conus_plus) -> None:
    """Vector NSI: isotopes differ little, so chi^2 is a valley, eps_d about -0.93 eps_u, amid a plateau.

    It ends near |eps_u| = 18, ten times further than a minimiser gets that starts from the best fit.
    """
    likelihood = cevnsjax.Likelihood(conus_plus, model="nsi_vector")
    found = cevnsjax.fit(likelihood)
    ((low, high),) = found.intervals["eps_ee_uv"]
    down = jnp.linspace(-20.0, 20.0, 80001)
    for end in (low, high):
        by_hand = jax.vmap(lambda d, u=end: likelihood.chi2({"eps_ee_uv": u, "eps_ee_dv": d}))(down).min()
        # Steps of 5e-4 in a valley of curvature 1e4 at most.
        assert float(by_hand) - found.chi2_min == pytest.approx(2.70554, abs=2e-3)

"""Fits and profiles of the embedded data, against SciPy on the reference prediction."""

import sys
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from direct import chi2, expected_counts
from ingredients import bins
from scipy.optimize import brentq, minimize_scalar
from scipy.stats import norm

import cevnsjax
from cevnsjax.errors import InputError
from cevnsjax.inference import search
from cevnsjax.inference.value import chi2_at
from cevnsjax.interactions import Model, StandardModel
from cevnsjax.interactions.mediators import B_MINUS_L, VectorMediator
from cevnsjax.parameters import G_BL, M_Z

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
    result = cevnsjax.fit(likelihood, cl=ONE_SIGMA)
    best = minimize_scalar(reference, bounds=(0.0, 0.6), method="bounded", options={"xatol": 1e-10})
    ends = [brentq(lambda x: reference(x) - best.fun - 1.0, *bracket) for bracket in ((0.0, best.x), (best.x, 0.6))]
    assert result.converged
    assert result.messages == []
    assert result.chi2_min == pytest.approx(best.fun, abs=1e-5)
    assert result.best_fit["sin2_theta_w"] == pytest.approx(best.x, abs=1e-5)
    assert result.intervals["sin2_theta_w"] == [pytest.approx(ends, abs=1e-5)]


def test_no_signal_against_the_best_fit() -> None:
    """The collaboration reports 3.7 sigma: a rise of chi^2 by 13.8 +- 0.3, the amplitude free."""
    likelihood = cevnsjax.Likelihood(cevnsjax.load_experiment("conus_plus", {"nuisance": []}))
    result = cevnsjax.fit(likelihood, free=["norm"])
    assert float(likelihood.chi2({"norm": 0.0})) - result.chi2_min == pytest.approx(13.8, abs=0.3)
    _, _, observed, sigma = bins()
    expected = expected_counts()
    amplitude = np.sum(expected * observed / sigma**2) / np.sum((expected / sigma) ** 2)
    assert result.best_fit["norm"] == pytest.approx(amplitude, rel=1e-6)


def test_freeing_a_norm_with_a_constraint_changes_nothing_else(likelihood) -> None:
    alone = cevnsjax.fit(likelihood)
    both = cevnsjax.fit(likelihood, free=["sin2_theta_w", "norm"])
    assert both.chi2_min == pytest.approx(alone.chi2_min, abs=1e-9)
    assert both.intervals["sin2_theta_w"] == [pytest.approx(alone.intervals["sin2_theta_w"][0], rel=1e-8)]
    ((low, high),) = both.intervals["norm"]
    # With sin^2(theta_W) free to follow, the data say nothing of the norm: its interval is the constraint's own.
    assert (low, high) == pytest.approx((1 - 1.645 * 0.2, 1 + 1.645 * 0.2), abs=2e-3)


def test_profile_is_minimised_over_what_is_free(likelihood) -> None:
    """At each k of the profile, the least of many values of sin^2(theta_W) found one by one."""
    result = cevnsjax.profile(likelihood, "quenching_k", limits=(0.13, 0.18), points=3)
    angles = jnp.linspace(0.0, 1.0, 20001)
    for k, delta in zip(result.x, result.delta_chi2, strict=True):
        one = cevnsjax.Likelihood(cevnsjax.load_experiment("conus_plus", {"response.nuclear.yield.k": float(k)}))
        by_hand = jax.vmap(one.chi2)({"sin2_theta_w": angles}).min()
        # Half a step of 5e-5 from a minimum of curvature 300; the polynomial in k is exact to 1e-6 of the counts.
        assert delta + result.chi2_min == pytest.approx(float(by_hand), abs=1e-6)


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
        (lambda like: cevnsjax.fit(like, values={"norm": -1.0}), "norm = -1 is not allowed"),
        (lambda like: cevnsjax.fit(like, values={"norm": np.nan}), "norm = nan is not allowed"),
        (lambda like: cevnsjax.fit(like, cl=1.5), "confidence level"),
        (lambda like: cevnsjax.profile(like, "g_z"), "unknown parameter"),
        (lambda like: cevnsjax.profile(like, "norm", points=1), "from 2 to"),
        (lambda like: cevnsjax.profile(like, "norm", points=10**9), "from 2 to"),
        (lambda like: cevnsjax.profile(like, "norm", limits=(2.0, 1.0)), "does not rise"),
        (lambda like: cevnsjax.profile(like, "sin2_theta_w", limits=(-1.0, 1.0)), "between 0 and 1"),
    ],
)
def test_wrong_calls(likelihood, call, message: str) -> None:
    with pytest.raises(InputError, match=message):
        call(likelihood)


def test_values_that_overflow_are_told(conus_plus) -> None:
    likelihood = cevnsjax.Likelihood(conus_plus, model="magnetic_moment")
    with pytest.raises(InputError, match="chi-squared is infinite or overflows"):
        cevnsjax.fit(likelihood, ["sin2_theta_w"], {"mu_nu_e": 1e90})


def test_a_coupling_that_the_data_do_not_feel(conus_plus) -> None:
    """A muon neutrino's moment at a reactor; a vector boson to which electron neutrinos have no charge."""
    moments = cevnsjax.Likelihood(conus_plus, model="magnetic_moment")
    result = cevnsjax.fit(moments, ["mu_nu_mu"])
    assert result.messages == ["these data do not depend on mu_nu_mu"]
    assert result.intervals == {"mu_nu_mu": [(None, None)]}
    assert result.converged
    # Beside one that they feel it changes nothing.
    both, alone = cevnsjax.fit(moments, ["mu_nu_e", "mu_nu_mu"]), cevnsjax.fit(moments, ["mu_nu_e"])
    assert both.messages == result.messages
    assert both.intervals["mu_nu_mu"] == [(None, None)]
    assert both.intervals["mu_nu_e"][0][1] == pytest.approx(alone.intervals["mu_nu_e"][0][1], rel=1e-8)

    charges = B_MINUS_L._replace(nu_e=0.0)
    blind = Model("blind", "no charge of nu_e", (StandardModel(), VectorMediator(G_BL, M_Z, charges)), ("g_bl",))
    vector = cevnsjax.fit(cevnsjax.Likelihood(conus_plus, model=blind))
    assert vector.messages == ["these data do not depend on g_bl"]
    assert vector.intervals == {"g_bl": [(None, None)]}


def crossings(chi2, low, high, level):
    """Return where chi^2 crosses a level between two values, by a fine grid and SciPy."""
    share, width = np.linspace(0.0, 1.0, 20001), high - low
    above = np.asarray(chi2(low + width * share)) > level
    brackets = np.flatnonzero(above[1:] != above[:-1])

    def excess(at):
        return float(chi2(np.full(20001, low + width * at))[0]) - level

    return [low + width * brentq(excess, share[i], share[i + 1]) for i in brackets]


@pytest.mark.parametrize(("cl", "pieces"), [(ONE_SIGMA, 2), (0.9999, 1)])
def test_disjoint_pieces(cl, pieces, conus_plus) -> None:
    """A charge radius fits as well where it turns the sign of Q_V; far enough out both pieces meet."""
    likelihood = cevnsjax.Likelihood(conus_plus, model="charge_radius")
    result = cevnsjax.fit(likelihood, ["r2_ee"], cl=cl)
    chi2 = jax.jit(jax.vmap(lambda r: likelihood.chi2({"r2_ee": r})))
    level = result.chi2_min + norm.ppf((1 + cl) / 2) ** 2
    ends = crossings(chi2, -1.5e-30, 1e-30, level)
    assert len(result.intervals["r2_ee"]) == pieces
    np.testing.assert_allclose(np.ravel(result.intervals["r2_ee"]), ends, rtol=1e-7)
    assert float(chi2(np.linspace(-1.5e-30, 1e-30, 20001)).min()) >= result.chi2_min - 1e-9


@pytest.fixture(scope="module")
def vector_nsi(conus_plus):
    """The likelihood, chi^2 along eps_d and eps_u minimised over the other by brute force, and the fit.

    Isotopes differ little: chi^2 is a valley, eps_d about -0.93 eps_u, amid a plateau, of curvature 1e4 across. Steps
    of 4e-4 lie within 4e-4 of its bottom.
    """
    likelihood = cevnsjax.Likelihood(conus_plus, model="nsi_vector")
    every = jnp.linspace(-25.0, 25.0, 125001)

    @partial(jax.jit, static_argnames=("over", "other"))
    def by_hand(at, over, other):
        return jax.vmap(lambda value: likelihood.chi2({over: at, other: value}))(every).min()

    return by_hand, cevnsjax.fit(likelihood)


@pytest.mark.parametrize(("over", "other"), [("eps_ee_uv", "eps_ee_dv"), ("eps_ee_dv", "eps_ee_uv")])
def test_a_profile_follows_its_valley(over, other, vector_nsi) -> None:
    """Its ends lie ten times further than a minimiser gets that starts from the best fit, -16.40 for eps_d."""
    by_hand, result = vector_nsi
    ((low, high),) = result.intervals[over]
    for end in (low, high):
        assert float(by_hand(end, over, other)) - result.chi2_min == pytest.approx(2.70554, abs=2e-3)
    # Beyond the ends nothing is allowed, and nowhere between them is chi^2 lower than at the minimum.
    for beyond in (1.02, 1.1, 1.3):
        for end in (low, high):
            assert float(by_hand(beyond * end, over, other)) - result.chi2_min > 2.70554
    assert min(float(by_hand(x, over, other)) for x in np.linspace(low, high, 9)) > result.chi2_min - 1e-9


def test_a_free_mass(conus_plus) -> None:
    """Counts are no polynomial in it: the coupling minimised on a fine grid, for each mass of a profile."""
    likelihood = cevnsjax.Likelihood(conus_plus, model="vector_bl")
    result = cevnsjax.profile(likelihood, "m_z", free=["g_bl"], limits=(1.0, 100.0), points=3)
    couplings = jnp.geomspace(1e-7, 1e-2, 20001)
    by_hand = jax.jit(lambda m: jax.vmap(lambda g: likelihood.chi2({"g_bl": g, "m_z": m}))(couplings).min())
    expected = [min(float(by_hand(m)), float(likelihood.chi2({}))) for m in result.x]
    np.testing.assert_allclose(result.delta_chi2 + result.chi2_min, expected, atol=1e-6)
    assert result.chi2_min <= min(expected)
    assert float(likelihood.chi2({n: result.best_fit[n] for n in ("g_bl", "m_z")})) == pytest.approx(result.chi2_min)


def test_intervals_of_some_only() -> None:
    """The others are free all the same, and the interval is the same."""
    likelihood = cevnsjax.Likelihood("conus_plus", model="charge_radius")
    every = cevnsjax.fit(likelihood, ["r2_ee", "r2_emu"])
    one = cevnsjax.fit(likelihood, ["r2_ee", "r2_emu"], of=["r2_ee"])
    assert one.intervals == {"r2_ee": every.intervals["r2_ee"]}
    assert one.best_fit.keys() == every.best_fit.keys()
    with pytest.raises(InputError, match="r2_mumu"):
        cevnsjax.fit(likelihood, ["r2_ee"], of=["r2_mumu"])


def test_nuisances_are_calculated_when_they_are_asked_for(likelihood, monkeypatch) -> None:
    asked, rows = [], [{"name": "one"}]
    module = sys.modules["cevnsjax.inference.fit"]  # `cevnsjax.inference.fit` is the function
    monkeypatch.setattr(module, "nuisance_results", lambda *given: asked.append(given) or rows)
    result = cevnsjax.fit(likelihood)
    assert not asked
    assert result.nuisances == result.nuisances == rows
    ((given, of, place),) = asked
    assert given is likelihood
    assert of.value("sin2_theta_w", place[of.place("sin2_theta_w")]) == result.best_fit["sin2_theta_w"]


def test_chi_squared_beside_a_fit() -> None:
    """The free background minimised by SciPy at each moment; after the fit no more is compiled."""
    likelihood = cevnsjax.Likelihood("xenonnt_er", model="magnetic_moment")
    result = cevnsjax.fit(likelihood, ["mu_nu_e"])
    ((_, limit),) = result.intervals["mu_nu_e"]
    by_background = jax.jit(lambda moment, rate: likelihood.chi2({"mu_nu_e": moment, "background_rate": rate}))
    made = search._minimise.made
    for moment in (0.0, limit):
        by_scipy = minimize_scalar(partial(by_background, moment), bounds=(0.5, 1.5), options={"xatol": 1e-9}).fun
        assert chi2_at(likelihood, {"mu_nu_e": moment}) == pytest.approx(by_scipy, abs=1e-6)
    assert search._minimise.made == made
    assert chi2_at(likelihood, {"mu_nu_e": limit}) - result.chi2_min == pytest.approx(2.7055, abs=1e-3)
    with pytest.raises(InputError, match="mu_nu_x"):
        chi2_at(likelihood, {"mu_nu_x": 0.0})

"""Projections: what scales as it must, both ways to limits beside each other, and data that are expected."""

import dataclasses

import numpy as np
import pytest

import cevnsjax
from cevnsjax.errors import InputError
from cevnsjax.experiments import load_runs, projected
from cevnsjax.results import projection_dict


@pytest.fixture(scope="module")
def cevns():
    return cevnsjax.Likelihood("conus:C1R1")


def test_expected_data_of_expected_data_are_the_same(cevns):
    again = cevnsjax.asimov(cevns)
    np.testing.assert_allclose(again.experiments[0].observed, cevns.experiments[0].observed, rtol=1e-12)
    assert cevns.experiments[0].observed.size == 100  # fifty bins with the source on, fifty with it off


def test_counts_grow_with_exposure(cevns):
    factor = 500 / 2.7
    later = cevnsjax.Likelihood(projected(cevns.experiments[0], exposure=factor))
    np.testing.assert_allclose(later.expected({}), factor * np.asarray(cevns.expected({})), rtol=1e-12)


@pytest.mark.parametrize(
    "change",
    [
        lambda run: projected(run, exposure=7.0),
        lambda run: projected(run, background=0.3),
        lambda run: dataclasses.replace(run, exposure=2 * run.exposure),
    ],
    ids=["exposure", "background", "by hand"],
)
def test_expected_data_are_made_anew_when_the_experiment_changes(change):
    """As it was loaded, before any likelihood has made its data: these are then of the experiment as it is now."""
    (run,) = load_runs("conus:C1R1")
    assert run.observed is None
    later = cevnsjax.Likelihood(change(run))
    (expected,) = later.expected_in({})
    np.testing.assert_allclose(later.experiments[0].observed, expected, rtol=1e-12)
    result = cevnsjax.fit(later, ["norm"])
    assert result.chi2_min == pytest.approx(0.0, abs=1e-8)
    assert result.best_fit["norm"] == pytest.approx(1.0, abs=1e-4)


def test_expected_data_of_a_joint_fit_are_those_of_the_joint_centre():
    """CONUS+ constrains k at 0.162, CONUS by itself at 0.16: its data are expected of 0.162 beside CONUS+."""
    joint = cevnsjax.Likelihood("conus_plus", "conus:C1R1", systematics="detailed")
    alone = cevnsjax.Likelihood("conus:C1R1", systematics="detailed")
    (mean,) = alone.expected_in({"quenching_k": 0.162})
    np.testing.assert_allclose(joint.experiments[1].observed, mean, rtol=1e-12)
    # Of its own centre they would be others.
    assert np.abs(np.asarray(joint.experiments[1].observed) - alone.experiments[0].observed).max() > 1e-3


def test_notes_on_data_that_are_replaced(cevns, likelihood):
    replaced = "what is expected at given values stands in"
    assert cevnsjax.asimov(likelihood).notes == [f"conus_plus: {replaced} for its data"]
    assert cevnsjax.asimov(cevns).notes == [f"conus: no data are public; {replaced}"]


def test_more_background(cevns, conus_plus):
    """Twice as much of each sample, and of an excess, whose errors are those of its background, larger errors."""
    (run,) = cevns.experiments
    np.testing.assert_allclose(projected(run, background=2.0).background(), 2 * run.background(), rtol=1e-12)
    np.testing.assert_allclose(projected(conus_plus, background=2.0).sigma, np.sqrt(2) * conus_plus.sigma, rtol=1e-12)
    # Free backgrounds begin where they are then.
    rate = cevnsjax.Likelihood(projected(run, background=2.0)).parameters["background_rate"]
    assert rate.default == pytest.approx(20.0)


def test_a_lower_threshold():
    (run,) = load_runs("conus:C1R1", threshold=200.0)
    assert (run.cells.low(0)[0], run.cells.size) == (pytest.approx(200.0), 61)
    assert cevnsjax.Likelihood(run).experiments[0].observed[0] > 0


def test_what_does_not_act_is_not_limited(conus_plus):
    likelihood = cevnsjax.Likelihood(conus_plus, model="nsi_tensor", channel="eves")
    result = cevnsjax.project(likelihood, "eps_ee_ut", [1.0])
    assert result.asimov == [[(None, None)]]
    assert np.isinf(result.fisher).all()
    assert projection_dict(result)["fisher"] == [[None, None]]
    assert cevnsjax.expected_intervals(likelihood, "eps_ee_ut") == [(None, None)]


def test_a_nuisance_beside_its_centre(likelihood):
    """What is set is true: the limits are those of an experiment whose factor is known, and no less likely for it."""
    beside = cevnsjax.project(likelihood, "sin2_theta_w", [100.0], {"norm": 1.5})
    known = cevnsjax.project(likelihood, "sin2_theta_w", [225.0], {"norm": 1.0})
    ((low, high),), ((expected_low, expected_high),) = beside.asimov[0], known.asimov[0]
    assert high - low == pytest.approx(expected_high - expected_low, rel=1e-3)


def test_limits_without_systematics_fall_with_the_root_of_the_exposure(likelihood):
    told = []
    result = cevnsjax.project(
        likelihood, "sin2_theta_w", [1.0, 400.0], systematics=1e-6, advance=lambda *done: told.append(done)
    )
    assert told == [(1, 2), (2, 2)]
    width = np.diff(result.fisher, axis=1)[:, 0]
    assert width[0] / width[1] == pytest.approx(20.0, rel=1e-6)
    # Where the likelihood is a parabola, both ways agree.
    low, high = result.asimov[1][0]
    assert high - low == pytest.approx(width[1], rel=0.01)


def test_expected_intervals_are_those_of_a_fit_to_expected_data(conus_plus):
    """And of a projection to the exposure that there is."""
    likelihood = cevnsjax.Likelihood(conus_plus, model="magnetic_moment")
    ((low, high),) = cevnsjax.expected_intervals(likelihood, "mu_nu_e")
    fitted = cevnsjax.fit(cevnsjax.asimov(likelihood), ["mu_nu_e"])
    assert fitted.chi2_min == pytest.approx(0.0, abs=1e-9)
    assert low is None
    assert high == pytest.approx(fitted.intervals["mu_nu_e"][0][1], rel=1e-7)
    ((_, again),) = cevnsjax.project(likelihood, "mu_nu_e", [1.0]).asimov[0]
    assert again == pytest.approx(high, rel=1e-9)


@pytest.mark.parametrize(("model", "name"), [("magnetic_moment", "mu_nu_e"), ("vector_bl", "g_bl")])
def test_fisher_of_what_enters_squared(model, name, conus_plus):
    """A moment acts through its square, a B - L coupling too; a fit to much data finds the same end."""
    result = cevnsjax.project(cevnsjax.Likelihood(conus_plus, model=model), name, [1e4], systematics=1e-3)
    assert result.fisher[0, 1] == pytest.approx(result.asimov[0][-1][1], rel=0.05)


@pytest.mark.parametrize("factor", [np.inf, np.nan, -1.0])
def test_impossible_exposures(likelihood, factor):
    with pytest.raises(InputError, match="on the exposure is not possible"):
        cevnsjax.project(likelihood, "sin2_theta_w", [factor])


def test_wrong_calls(conus_plus, likelihood):
    integrated = cevnsjax.Likelihood(conus_plus, pull="marginalised")
    with pytest.raises(InputError, match="choose pull='profiled'"):
        cevnsjax.project(integrated, "sin2_theta_w", [1.0])
    with pytest.raises(InputError, match="both projected and set"):
        cevnsjax.project(likelihood, "norm", [1.0], {"norm": 1.0})
    with pytest.raises(InputError, match="unknown parameter 'g_z'"):
        cevnsjax.expected_intervals(likelihood, "g_z")
    with pytest.raises(InputError, match="give a list of at least one number"):
        cevnsjax.project(likelihood, "sin2_theta_w", [])


@pytest.mark.parametrize("what", ["exposure", "background", "systematics"])
def test_impossible_factors(conus_plus, what):
    with pytest.raises(InputError, match=f"on the {what} is not possible"):
        projected(conus_plus, **{what: 0.0})

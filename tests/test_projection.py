"""Projections: what scales as it must, and both ways to limits beside each other."""

import numpy as np
import pytest

import cevnsjax
from cevnsjax.constants import EV
from cevnsjax.errors import InputError
from cevnsjax.experiments import load_runs
from cevnsjax.experiments.projection import projected
from cevnsjax.results import projection_dict


@pytest.fixture(scope="module")
def cevns():
    return cevnsjax.Likelihood("conus:C1R1")


def test_expected_data_of_expected_data_are_the_same(cevns):
    again = cevnsjax.asimov(cevns)
    np.testing.assert_allclose(again.experiments[0].observed, cevns.experiments[0].observed, rtol=1e-12)
    np.testing.assert_allclose(again.experiments[0].counts.off, cevns.experiments[0].counts.off, rtol=1e-12)


def test_counts_grow_with_exposure(cevns):
    factor = 500 / 2.7
    later = cevnsjax.Likelihood(projected(cevns.experiments[0], exposure=factor))
    np.testing.assert_allclose(later.expected({}), factor * cevns.expected({}), rtol=1e-12)


def test_notes_on_data_that_are_replaced(cevns, conus_plus):
    replaced = "what is expected at given values stands in"
    assert cevnsjax.asimov(cevnsjax.Likelihood(conus_plus)).notes == [f"conus_plus: {replaced} for its data"]
    assert cevnsjax.asimov(cevns).notes == [f"conus: no data are public; {replaced}"]


def test_more_background(cevns):
    """Twice as much of each component, and of an excess, whose errors are those of its background, larger errors."""
    (run,) = cevns.experiments
    twice = projected(run, background=2.0)
    np.testing.assert_allclose(twice.counts.background.counts(), 2 * run.counts.background.counts(), rtol=1e-12)
    excess = cevnsjax.load_experiment("conus_plus")
    np.testing.assert_allclose(projected(excess, background=2.0).sigma, np.sqrt(2) * excess.sigma, rtol=1e-12)


def test_a_lower_threshold():
    (run,) = load_runs("conus:C1R1", threshold_eV=200.0)
    low = np.asarray(run.response.low) / EV
    assert (low[0], low.size) == (pytest.approx(200.0), 61)
    assert run.observed[0] > 0


def test_what_does_not_act_is_not_limited(conus_plus):
    likelihood = cevnsjax.Likelihood(conus_plus, model="nsi_tensor", channel="eves")
    found = cevnsjax.project(likelihood, "eps_ee_ut", [1.0])
    assert found.asimov == [[(None, None)]]
    assert np.isinf(found.fisher).all()
    assert projection_dict(found)["fisher"] == [[None, None]]


def test_a_nuisance_beside_its_centre(conus_plus):
    """What is set is true: the limits are those of an experiment whose factor is known, and no less likely for it."""
    likelihood = cevnsjax.Likelihood(conus_plus)
    beside = cevnsjax.project(likelihood, "sin2_theta_w", [100.0], {"norm": 1.5})
    known = cevnsjax.project(likelihood, "sin2_theta_w", [225.0], {"norm": 1.0})
    ((low, high),), ((expected_low, expected_high),) = beside.asimov[0], known.asimov[0]
    assert high - low == pytest.approx(expected_high - expected_low, rel=1e-3)


@pytest.mark.parametrize("factor", [np.inf, np.nan, -1.0])
def test_impossible_exposures(conus_plus, factor):
    with pytest.raises(InputError, match="on the exposure is not possible"):
        cevnsjax.project(cevnsjax.Likelihood(conus_plus), "sin2_theta_w", [factor])


def test_a_pull_that_is_integrated_is_refused(conus_plus):
    likelihood = cevnsjax.Likelihood(conus_plus, pull="marginalised")
    with pytest.raises(InputError, match="choose pull='profiled'"):
        cevnsjax.project(likelihood, "sin2_theta_w", [1.0])


def test_limits_without_systematics_fall_with_the_root_of_the_exposure(conus_plus):
    likelihood = cevnsjax.Likelihood(conus_plus)
    found = cevnsjax.project(likelihood, "sin2_theta_w", [1.0, 400.0], systematics=1e-6)
    width = np.diff(found.fisher, axis=1)[:, 0]
    assert width[0] / width[1] == pytest.approx(20.0, rel=1e-6)
    # Where the likelihood is a parabola, both ways agree.
    low, high = found.asimov[1][0]
    assert high - low == pytest.approx(width[1], rel=0.01)


def test_fisher_of_what_enters_squared(conus_plus):
    """A moment acts through its square, a B - L coupling too; a fit to much data finds the same end."""
    for model, name in (("magnetic_moment", "mu_nu_e"), ("vector_bl", "g_bl")):
        found = cevnsjax.project(cevnsjax.Likelihood(conus_plus, model=model), name, [1e4], systematics=1e-3)
        assert found.fisher[0, 1] == pytest.approx(found.asimov[0][-1][1], rel=0.05)


@pytest.mark.parametrize("what", ["exposure", "background", "systematics"])
def test_impossible_factors(conus_plus, what):
    with pytest.raises(InputError, match=f"on the {what} is not possible"):
        projected(conus_plus, **{what: 0.0})

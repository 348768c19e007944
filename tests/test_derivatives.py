"""Derivatives of the likelihood against finite differences and iminuit."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np
import pytest
from iminuit import Minuit

import cevnsjax

POINT = {"sin2_theta_w": 0.25, "norm": 1.05, "quenching_k": 0.16}


def test_gradient_against_finite_differences(likelihood) -> None:
    slopes = cevnsjax.gradient(likelihood, POINT)
    assert list(slopes) == sorted(POINT)
    for name, value in POINT.items():
        up, down = ({**POINT, name: value + step} for step in (1e-5, -1e-5))
        difference = (likelihood.log_likelihood(up) - likelihood.log_likelihood(down)) / 2e-5
        assert float(slopes[name]) == pytest.approx(float(difference), rel=1e-6)


def test_hessian_against_finite_differences_of_the_gradient(likelihood) -> None:
    names = ["quenching_k", "sin2_theta_w", "norm"]
    matrix = np.asarray(cevnsjax.hessian(likelihood, POINT, names))
    for column, name in enumerate(names):
        up, down = (cevnsjax.gradient(likelihood, {**POINT, name: POINT[name] + step}) for step in (1e-5, -1e-5))
        differences = [-float(up[other] - down[other]) / 2e-5 for other in names]
        np.testing.assert_allclose(matrix[:, column], differences, rtol=1e-5)
    np.testing.assert_allclose(matrix, matrix.T, rtol=1e-10)


def test_covariance_against_iminuit(likelihood) -> None:
    """At the minimum in sin^2(theta_W) and the norm, Minuit's HESSE by finite differences."""
    names = ["sin2_theta_w", "norm"]
    minuit = Minuit(lambda *x: float(likelihood.chi2(dict(zip(names, x, strict=True)))), 0.25, 1.0, name=names)
    minuit.errordef = Minuit.LEAST_SQUARES
    minuit.tol = 1e-6
    minuit.migrad()
    minuit.hesse()
    best = dict(zip(names, minuit.values, strict=True))
    np.testing.assert_allclose(cevnsjax.covariance(likelihood, best), np.asarray(minuit.covariance), rtol=2e-3)
    # The norm left out is minimised: what remains is the same variance.
    profiled = cevnsjax.covariance(likelihood, {"sin2_theta_w": best["sin2_theta_w"]})
    assert float(profiled[0, 0]) == pytest.approx(minuit.covariance[0, 0], rel=2e-3)


def test_fisher_is_the_hessian_on_asimov_data(likelihood) -> None:
    truth = {"sin2_theta_w": 0.23, "quenching_k": 0.165}
    asimov = eqx.tree_at(lambda e: e.observed, likelihood.experiments[0], likelihood.expected(truth))
    exact = cevnsjax.Likelihood(asimov)
    for point in ({**truth, "norm": 1.0}, truth):
        information = cevnsjax.fisher(likelihood, point)
        # At data that the prediction meets, the second derivatives of the prediction drop out.
        np.testing.assert_allclose(information, cevnsjax.hessian(exact, point), rtol=1e-9)


def test_fisher_without_a_pull_is_the_sum_over_bins(conus_plus) -> None:
    free = cevnsjax.Likelihood(eqx.tree_at(lambda e: e.systematics["default"].norm_sigma, conus_plus, jnp.zeros(1)))
    information = cevnsjax.fisher(free, {"norm": 1.0})
    unit = np.asarray(free.expected({})) / np.asarray(conus_plus.sigma)
    assert float(information[0, 0]) == pytest.approx(unit @ unit, rel=1e-12)

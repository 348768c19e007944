"""Derivatives of the likelihood against finite differences and iminuit."""

import jax
import numpy as np
import pytest
from iminuit import Minuit
from scattering import quick

import cevnsjax
from cevnsjax.errors import InputError

POINT = {"sin2_theta_w": 0.25, "norm": 1.05, "energy_shift": 2.0}


@pytest.fixture(scope="module")
def slope(likelihood):
    """The gradient as one program, for many differences."""
    return quick(jax.grad(likelihood.log_likelihood))


def test_gradient_against_finite_differences(likelihood) -> None:
    slopes = cevnsjax.gradient(likelihood, POINT)
    assert list(slopes) == sorted(POINT)
    value = quick(likelihood.log_likelihood)
    for name, at in POINT.items():
        step = 1e-5 * (at or 1.0)
        up, down = ({**POINT, name: at + s} for s in (step, -step))
        difference = float(value(up) - value(down)) / (2 * step)
        assert float(slopes[name]) == pytest.approx(difference, rel=1e-5)


def test_hessian_against_finite_differences_of_the_gradient(likelihood, slope) -> None:
    names = ["energy_shift", "sin2_theta_w", "norm"]
    matrix = np.asarray(cevnsjax.hessian(likelihood, POINT, names))
    for column, name in enumerate(names):
        up, down = (slope({**POINT, name: POINT[name] + step}) for step in (1e-5, -1e-5))
        differences = [-float(up[other] - down[other]) / 2e-5 for other in names]
        np.testing.assert_allclose(matrix[:, column], differences, rtol=1e-5)
    np.testing.assert_allclose(matrix, matrix.T, rtol=1e-10)


@pytest.mark.parametrize("left_out", [(), ("norm",)])
def test_hessian_in_a_coupling_that_enters_squared(left_out: tuple[str, ...], conus_plus) -> None:
    """Its variable is its square, which bends; with a mass among the parameters all goes through the model itself."""
    likelihood = cevnsjax.Likelihood(conus_plus, model="vector_bl")
    values = {"g_bl": 3e-5, "m_z": 5.0, "norm": 1.1}
    point = {name: value for name, value in values.items() if name not in left_out}
    matrix = np.asarray(cevnsjax.hessian(likelihood, point, ["g_bl", "m_z"]))
    slope = quick(jax.grad(likelihood.log_likelihood))
    for column, name in enumerate(["g_bl", "m_z"]):
        step = 1e-5 * point[name]
        up, down = (slope({**point, name: point[name] + s}) for s in (step, -step))
        differences = [-float(up[other] - down[other]) / (2 * step) for other in ("g_bl", "m_z")]
        np.testing.assert_allclose(matrix[:, column], differences, rtol=1e-5)
    alone = cevnsjax.hessian(likelihood, point, ["g_bl"])
    np.testing.assert_allclose(alone[0, 0], matrix[0, 0], rtol=1e-9)
    at_zero = cevnsjax.hessian(likelihood, {**point, "g_bl": 0.0}, ["g_bl"])
    assert float(at_zero[0, 0]) == pytest.approx(2 * float(_slope_in_square(likelihood, point)), rel=1e-6)


def _slope_in_square(likelihood, point) -> float:
    """Return the derivative of -log L in the square of the coupling, at zero, by a difference."""
    chi2 = [float(likelihood.chi2({**point, "g_bl": g})) for g in (0.0, 1e-7, 2e-7)]
    squares = 1e-14, 4e-14
    one, two = ((value - chi2[0]) / 2 / square for value, square in zip(chi2[1:], squares, strict=True))
    return (4 * one - two) / 3


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
    truth = {"sin2_theta_w": 0.23, "energy_shift": 1.5}
    exact = cevnsjax.asimov(likelihood, truth)
    for point in ({**truth, "norm": 1.0}, truth):
        information = cevnsjax.fisher(likelihood, point)
        # At data that the prediction meets, the second derivatives of the prediction drop out. The polynomial in the
        # energy shift is exact to 1e-6 of the counts.
        np.testing.assert_allclose(information, cevnsjax.hessian(exact, point), rtol=1e-5)


def test_fisher_without_a_constraint_is_the_sum_over_bins(likelihood, conus_plus) -> None:
    """A normalisation that is free, as nothing in the file constrains it."""
    free = cevnsjax.Likelihood(cevnsjax.load_experiment("conus_plus", {"nuisance": []}))
    unit = np.asarray(free.expected({})) / conus_plus.sigma
    assert float(cevnsjax.fisher(free, {"norm": 1.0})[0, 0]) == pytest.approx(unit @ unit, rel=1e-12)
    # With one it is that more: 1 / s^2.
    constrained = float(cevnsjax.fisher(likelihood, {"norm": 1.0})[0, 0])
    assert constrained == pytest.approx(unit @ unit + 1 / 0.2**2, rel=1e-12)


def test_fisher_of_counts_is_the_sum_over_cells() -> None:
    """sum of (dmu/dtheta)^2 / mu, and the constraints; what is left out is eliminated."""
    likelihood = cevnsjax.Likelihood("conus:C1R1_eves")
    (run,) = likelihood.experiments
    truth = {n.name: n.centre for n in likelihood.nuisances if n.searched}
    (mean,), (background,) = likelihood.expected_in({**truth, "norm": 5.0}), likelihood.background_in(truth)
    (strong,) = likelihood.expected_in({**truth, "norm": 1e9})  # of which the background is no more than rounding
    signal = (np.asarray(strong) - background) / 1e9
    tilted, flat = (likelihood.background_in({**truth, **moved})[0] for moved in ({"background_eves_tilt": 0.1}, {}))
    slopes = np.stack([signal, (tilted - flat) / 0.1])
    by_hand = (slopes / mean) @ slopes.T + np.diag([0.0, 1 / 0.05**2])
    names = ["norm", "background_eves_tilt"]
    found = cevnsjax.fisher(likelihood, {**truth, "norm": 5.0}, names)
    # Positive and negative terms of the mixed element cancel to 1 % of their size.
    size = np.sqrt(by_hand[0, 0] * by_hand[1, 1])
    np.testing.assert_allclose(found, by_hand, rtol=1e-9, atol=1e-9 * size)
    # The tilt left out: what profiling leaves of the information on the norm.
    rest = {name: value for name, value in truth.items() if name != "background_eves_tilt"}
    (profiled,) = np.asarray(cevnsjax.fisher(likelihood, {**rest, "norm": 5.0}, ["norm"]))
    assert profiled == pytest.approx(by_hand[0, 0] - by_hand[0, 1] ** 2 / by_hand[1, 1], rel=1e-9)
    assert run.size == 120


@pytest.mark.parametrize("function", [cevnsjax.hessian, cevnsjax.fisher, cevnsjax.covariance])
def test_derivatives_of_what_is_not_given(function, likelihood) -> None:
    with pytest.raises(InputError, match="derivatives of nothing are not possible"):
        function(likelihood, {})
    with pytest.raises(InputError, match="derivatives in norm need a value of it"):
        function(likelihood, {"sin2_theta_w": 0.2}, ["norm"])


def test_no_fisher_information_in_a_mass(conus_plus) -> None:
    vector = cevnsjax.Likelihood(conus_plus, model="vector_bl")
    with pytest.raises(InputError, match="m_z is not possible: counts are no polynomial in it"):
        cevnsjax.fisher(vector, {"g_bl": 1e-5, "m_z": 10.0}, ["m_z"])

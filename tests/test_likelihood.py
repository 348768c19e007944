"""The likelihood: its value, derivatives, treatment of constraints, and what it takes as arguments."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from direct import chi2, expected_counts
from ingredients import bins
from scattering import quick
from scipy.optimize import minimize_scalar
from scipy.stats import norm

import cevnsjax
from cevnsjax.errors import InputError


def renamed(experiment, name):
    return dataclasses.replace(experiment, identity=dataclasses.replace(experiment.identity, name=name))


@pytest.mark.parametrize("width", [0.169, 0.2])
def test_chi2_against_the_reference(width: float) -> None:
    """Eq. (20), the prediction by SciPy and the normalisation by a scalar minimiser."""
    likelihood = cevnsjax.Likelihood(cevnsjax.load_experiment("conus_plus", {"nuisance.norm.sigma": width}))
    _, _, observed, sigma = bins()
    expected = expected_counts()
    # The prediction agrees to 1e-6 per bin, and chi^2 is 7: 1e-6 covers both.
    assert float(likelihood.chi2({})) == pytest.approx(chi2(expected, observed, sigma, width), abs=1e-5)
    plain = np.sum(((expected - observed) / sigma) ** 2)
    assert float(likelihood.chi2({"norm": 1.0})) == pytest.approx(plain, abs=1e-5)


def test_the_signal_alone(likelihood) -> None:
    """By SciPy where there is no background; else the line in the strength of the signal that the counts are."""
    np.testing.assert_allclose(likelihood.signal_in({})[0], expected_counts(), rtol=1e-6)
    csi = cevnsjax.Likelihood("coherent_csi", systematics="backgrounds")
    moved = {"neutron_radius": 5.2, "beam_neutron_rate": 1.3}
    (twice,), (half,) = (csi.expected_in({**moved, "norm": norm}) for norm in (2.0, 0.5))
    slope = (twice - half) / 1.5
    np.testing.assert_allclose(csi.signal_in(moved)[0], slope, rtol=1e-9, atol=1e-12)
    np.testing.assert_allclose(csi.background_in(moved)[0], twice - 2 * slope, rtol=1e-9, atol=1e-12)


def test_a_closed_factor_is_a_minimisers(likelihood) -> None:
    """The minimum over the normalisation, found by SciPy on the explicit chi-squared."""
    params = {"sin2_theta_w": 0.3}
    found = minimize_scalar(lambda n: float(likelihood.chi2({**params, "norm": n})), bracket=(0.5, 1.5), tol=1e-10)
    assert float(likelihood.chi2(params)) == pytest.approx(found.fun, abs=1e-8)
    assert float(likelihood.best_nuisances(params)["norm"]) == pytest.approx(found.x, abs=1e-5)


def test_log_likelihood_is_the_density_of_data_and_constraint(likelihood) -> None:
    params = {"sin2_theta_w": 0.25, "norm": 1.1}
    _, _, observed, sigma = bins()
    density = norm.logpdf(observed, np.asarray(likelihood.expected(params)), sigma).sum()
    assert float(likelihood.log_likelihood(params)) == pytest.approx(density - (0.1 / 0.2) ** 2 / 2, rel=1e-12)
    assert float(likelihood.log_likelihood_of_data(params)) == pytest.approx(density, rel=1e-12)


def test_the_density_of_the_data_alone_needs_all_nuisances(conus_plus) -> None:
    detailed = cevnsjax.Likelihood(conus_plus, systematics="detailed")
    centres = {n.name: n.centre for n in detailed.nuisances if n.searched}
    with pytest.raises(InputError, match="needs a value of each nuisance; give flux, trigger"):
        detailed.log_likelihood_of_data({n: v for n, v in centres.items() if n not in ("flux", "trigger")})
    moved = {**centres, "quenching_k": 0.166, "flux": 1.0 + 2 * 0.046}
    constraints = 1.0 + 4.0  # one and two standard deviations
    both = float(detailed.log_likelihood(moved)), float(detailed.log_likelihood_of_data(moved))
    assert both[1] - both[0] == pytest.approx(constraints / 2, rel=1e-9)
    # A prior of one's own on k then counts once: log p has the slope of the data alone.
    own, with_constraint = (
        quick(jax.grad(lambda k, f=f: f({**moved, "quenching_k": k})))(0.166)
        for f in (detailed.log_likelihood_of_data, detailed.log_likelihood)
    )
    assert float(own - with_constraint) == pytest.approx(0.004 / 0.004**2, rel=1e-9)


@pytest.fixture(scope="module", params=[("sin2_theta_w",), ("sin2_theta_w", "norm", "quenching_k")], ids="-".join)
def derivatives(request, likelihood):
    """Return chi^2, its gradient and its Hessian as compiled functions of a vector of parameters."""

    def chi2(x):
        return likelihood.chi2(dict(zip(request.param, x, strict=True)))

    return request.param, tuple(map(jax.jit, (chi2, jax.grad(chi2), jax.hessian(chi2))))


def central_difference(function, x, step):
    """Return the derivative along each axis, to fourth order in the step."""
    columns = []
    for axis in np.eye(x.size) * step:
        near, far = function(x + axis) - function(x - axis), function(x + 2 * axis) - function(x - 2 * axis)
        columns.append((8 * np.asarray(near) - np.asarray(far)) / (12 * step))
    return np.stack(columns, axis=-1)


def test_gradient_and_hessian_against_finite_differences(derivatives) -> None:
    names, (chi2, gradient, hessian) = derivatives
    x = np.array([{"sin2_theta_w": 0.27, "norm": 1.1, "quenching_k": 0.17}[name] for name in names])
    # A step of 1e-4 leaves 1e-9 from the fourth order and as much from rounding.
    np.testing.assert_allclose(gradient(x), central_difference(chi2, x, 1e-4), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(hessian(x), central_difference(gradient, x, 1e-4), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("angle", [0.0, 0.23857, 1.0])
@pytest.mark.parametrize("norm", [0.0, 1.0])
@pytest.mark.parametrize("k", [0.05, 0.162, 0.4])
def test_derivatives_are_finite_at_every_edge(derivatives, angle: float, norm: float, k: float) -> None:
    names, functions = derivatives
    x = np.array([{"sin2_theta_w": angle, "norm": norm, "quenching_k": k}[name] for name in names])
    assert all(np.isfinite(function(x)).all() for function in functions)


def test_however_a_number_is_written(likelihood) -> None:
    expected = float(likelihood.chi2({"sin2_theta_w": 0.25}))
    for value in (np.float32(0.25), np.float64(0.25), jnp.asarray(0.25), np.array(0.25), jnp.asarray(0.25, "float32")):
        assert float(likelihood.chi2({"sin2_theta_w": value})) == expected
    assert float(likelihood.chi2({"sin2_theta_w": 1})) == float(likelihood.chi2({"sin2_theta_w": 1.0}))


def test_functions_of_jax_stand_around_it(likelihood) -> None:
    """The bound methods themselves: jit, vmap and grad in any order, on dicts of scalars or arrays."""
    angles = jnp.linspace(0.1, 0.4, 5)
    one_by_one = [float(likelihood.chi2({"sin2_theta_w": a})) for a in angles.tolist()]
    compiled = jax.jit(likelihood.chi2)
    np.testing.assert_allclose([compiled({"sin2_theta_w": a}) for a in angles.tolist()], one_by_one, rtol=1e-12)
    assert compiled._cache_size() == 1
    np.testing.assert_allclose(jax.vmap(likelihood.chi2)({"sin2_theta_w": angles}), one_by_one, rtol=1e-12)
    slope, slopes = jax.grad(likelihood.chi2), jax.jit(jax.vmap(jax.grad(likelihood.chi2)))
    each = [float(slope({"sin2_theta_w": a})["sin2_theta_w"]) for a in angles.tolist()]
    np.testing.assert_allclose(slopes({"sin2_theta_w": angles})["sin2_theta_w"], each, rtol=1e-10)
    for function in (likelihood.log_likelihood, likelihood.expected):
        point = {"sin2_theta_w": 0.2, "norm": 1.1}
        np.testing.assert_allclose(jax.jit(function)(point), function(point), rtol=1e-11)
    with pytest.raises(InputError, match=r"shape \(5,\); give one number, and put jax.vmap outside"):
        likelihood.chi2({"sin2_theta_w": angles})


def test_channels_add_up(likelihood) -> None:
    parts = [np.asarray(cevnsjax.Likelihood("conus_plus", channel=c).expected({})) for c in ("cevns", "eves")]
    both = np.asarray(likelihood.expected({}))
    np.testing.assert_allclose(np.sum(parts, axis=0), both, rtol=1e-12)
    np.testing.assert_allclose(np.sum(likelihood.expected_by_detector({})[0], axis=0), both, rtol=1e-12)


def test_joint_fit_adds_chi2_and_separates_norms(likelihood, conus_plus) -> None:
    names = "conus_plus", "copy"
    joint = cevnsjax.Likelihood(conus_plus, renamed(conus_plus, "copy"))
    assert float(joint.chi2({})) == pytest.approx(2 * float(likelihood.chi2({})), rel=1e-12)
    own = {f"{nuisance}_{name}" for nuisance in ("norm", "energy_shift", "neutron_radius") for name in names}
    assert set(joint.parameters) == {"sin2_theta_w", "quenching_k", "nuclear_radius", *own}
    apart = sum(float(likelihood.chi2({"norm": norm})) for norm in (1.0, 0.9))
    assert float(joint.chi2({"norm_conus_plus": 1.0, "norm_copy": 0.9})) == pytest.approx(apart, rel=1e-12)
    both = np.asarray(joint.expected({"norm_copy": 0.9}))
    one = np.asarray(likelihood.expected({}))
    np.testing.assert_allclose(both, np.concatenate([one, 0.9 * one]), rtol=1e-12)


def test_other_data_leave_the_likelihood_as_it_is(likelihood, conus_plus) -> None:
    """With data that are what is expected nothing is left of chi^2; the first one keeps its own."""
    before = float(likelihood.chi2({"norm": 1.0}))
    (expected,) = likelihood.expected_in({"sin2_theta_w": 0.3})
    other = likelihood.with_data([np.asarray(expected)])
    assert float(other.chi2({"sin2_theta_w": 0.3})) == pytest.approx(0.0, abs=1e-12)
    assert float(likelihood.chi2({"norm": 1.0})) == before
    assert other.notes == ["conus_plus: what is expected at given values stands in for its data"]


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((), {}, "no experiment"),
        (("conus_plus", "conus_plus"), {}, "once"),
        (("conus_plus",), {"model": "magnetic_monopole"}, "unknown model"),
        (("conus_plus",), {"channel": "both"}, "unknown channel"),
        (("conus_plus",), {"pull": "averaged"}, "unknown treatment"),
        (("conus_plus",), {"systematics": "detail"}, "unknown systematics of conus_plus 'detail'; did you mean"),
    ],
)
def test_wrong_arguments(arguments: tuple, options: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        cevnsjax.Likelihood(*arguments, **options)


def test_wrong_parameters(likelihood) -> None:
    with pytest.raises(InputError, match="did you mean 'sin2_theta_w'"):
        likelihood.chi2({"sin2_thetaw": 0.2})
    with pytest.raises(InputError, match="not a real number"):
        likelihood.chi2({"sin2_theta_w": "a quarter"})

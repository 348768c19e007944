"""The likelihood: its value, derivatives, treatment of pulls, and how often it is compiled."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from direct import bins, chi2, expected_counts
from scipy.stats import norm

import cevnsjax
from cevnsjax.errors import InputError
from cevnsjax.statistics import base as base_module
from cevnsjax.statistics.minimise import minima


@pytest.mark.parametrize("pull", [0.0, 0.169, 0.2])
def test_chi2_against_the_reference(pull: float) -> None:
    """Eq. (20), the prediction by SciPy and the pull by a scalar minimiser."""
    changed = {"systematics.default.normalisation.norm": pull}
    likelihood = cevnsjax.Likelihood(cevnsjax.load_experiment("conus_plus", changed))
    _, _, observed, sigma = bins()
    expected = expected_counts()
    reference = chi2(expected, observed, sigma, pull) if pull else np.sum(((expected - observed) / sigma) ** 2)
    # The prediction agrees to 1e-6 per bin, and chi^2 is 7: 1e-6 covers both.
    assert likelihood.chi2({}) == pytest.approx(reference, abs=1e-5)


def test_closed_form_pull_is_the_gradient_minimisers(likelihood) -> None:
    """The minimum over the normalisation, found by BFGS on the explicit chi-squared."""
    params = {"sin2_theta_w": 0.3}
    norm = likelihood.parameters["norm"]
    found = minima(
        lambda point: likelihood.chi2({**params, "norm": point[0]}), jnp.asarray([[0.5]]), jnp.asarray([0.1]), (norm,)
    )
    assert likelihood.chi2(params) == pytest.approx(float(found.value[0]), abs=1e-8)
    assert likelihood.best_nuisances(params)["norm"] == pytest.approx(float(found.point[0, 0]), abs=1e-5)


def test_log_likelihood_is_the_density_of_the_data(likelihood) -> None:
    params = {"sin2_theta_w": 0.25, "norm": 1.1}
    _, _, observed, sigma = bins()
    density = norm.logpdf(observed, np.asarray(likelihood.expected(params)), sigma).sum()
    assert likelihood.log_likelihood(params) == pytest.approx(density - (0.1 / 0.2) ** 2 / 2, rel=1e-12)


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
    # A step of 1e-4 leaves 1e-9 from the fourth order and as much from rounding; the table of flux moments
    # is a cubic in pieces, whose second derivative is good to 1e-4.
    np.testing.assert_allclose(gradient(x), central_difference(chi2, x, 1e-4), rtol=1e-6, atol=1e-6)
    np.testing.assert_allclose(hessian(x), central_difference(gradient, x, 1e-4), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize("angle", [0.0, 0.23857, 1.0])
@pytest.mark.parametrize("norm", [0.0, 1.0])
@pytest.mark.parametrize("k", [0.05, 0.162, 0.4])
def test_derivatives_are_finite_at_every_edge(derivatives, angle: float, norm: float, k: float) -> None:
    names, functions = derivatives
    x = np.array([{"sin2_theta_w": angle, "norm": norm, "quenching_k": k}[name] for name in names])
    assert all(np.isfinite(function(x)).all() for function in functions)


def test_one_compilation_per_shape(likelihood) -> None:
    """However a number is written, and however often, the chi-squared is traced once; once more in a vmap."""
    counter = base_module._chi2
    counter.clear_cache()
    for value in (
        0.2,
        np.float32(0.25),
        np.float64(0.3),
        jnp.asarray(0.2),
        1,
        np.array(0.22),
        jnp.asarray(0.2, "float32"),
    ):
        likelihood.chi2({"sin2_theta_w": value})
    assert counter._cache_size() == 1
    batch = jax.jit(jax.vmap(lambda x: likelihood.chi2({"sin2_theta_w": x})))
    for _ in range(3):
        batch(jnp.linspace(0.1, 0.4, 7))
    assert batch._cache_size() == 1
    assert counter._cache_size() == 1


def test_vmap_and_dicts_of_arrays(likelihood) -> None:
    angles = jnp.linspace(0.1, 0.4, 5)
    batch = jax.vmap(likelihood.chi2)({"sin2_theta_w": angles})
    one_by_one = [float(likelihood.chi2({"sin2_theta_w": a})) for a in angles]
    np.testing.assert_allclose(batch, one_by_one, rtol=1e-12)


def test_channels_add_up(likelihood) -> None:
    parts = [cevnsjax.Likelihood("conus_plus", channel=c).expected({}) for c in ("cevns", "eves")]
    both = np.asarray(likelihood.expected({}))
    np.testing.assert_allclose(np.sum(parts, axis=0), both, rtol=1e-12)
    np.testing.assert_allclose(np.sum(likelihood.expected_by_detector({})[0], axis=0), both, rtol=1e-12)


def test_joint_fit_adds_chi2_and_separates_norms(likelihood, conus_plus) -> None:
    import dataclasses

    other = dataclasses.replace(conus_plus, name="copy")
    joint = cevnsjax.Likelihood(conus_plus, other)
    assert joint.chi2({}) == pytest.approx(2 * float(likelihood.chi2({})), rel=1e-12)
    own = {f"{nuisance}_{name}" for nuisance in ("norm", "energy_shift") for name in ("conus_plus", "copy")}
    assert set(joint.parameters) == {"sin2_theta_w", "quenching_k", "nuclear_radius", *own}
    apart = sum(float(likelihood.chi2({"norm": norm})) for norm in (1.0, 0.9))
    assert joint.chi2({"norm_conus_plus": 1.0, "norm_copy": 0.9}) == pytest.approx(apart, rel=1e-12)


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((), {}, "no experiment"),
        (("conus_plus", "conus_plus"), {}, "once"),
        (("conus_plus",), {"model": "magnetic_monopole"}, "unknown model"),
        (("conus_plus",), {"channel": "both"}, "unknown channel"),
        (("conus_plus",), {"pull": "averaged"}, "unknown treatment"),
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

"""The model for NumPyro: its log density against that of our own sampler. `test_recipes` runs NUTS on it."""

import jax
import numpy as np
import pytest
from numpyro.infer.util import log_density
from one_bin import on_and_off
from scattering import quick

import cevnsjax
from cevnsjax import Prior
from cevnsjax.errors import InputError
from cevnsjax.sampling.request import density_of, request_of


def both(likelihood, points, free=None, values=None, priors=None) -> tuple[np.ndarray, np.ndarray]:
    """Log densities at points, by NumPyro's model and by the density of `sample`, in the parameters themselves."""
    names, fixed, chosen = request_of(likelihood, free, values, priors)
    density, *_ = density_of(likelihood, names, fixed, chosen)
    model = cevnsjax.numpyro_model(likelihood, free, values, priors)
    assert [p.name for p in names] == list(points)
    rows = np.stack(list(points.values()), axis=1)
    at_rows = jax.vmap(lambda density, v: density.frame.log_prior(v) - density.chi2(v) / 2, (None, 0))
    ours = quick(at_rows)(density, rows)
    theirs = quick(jax.vmap(lambda params: log_density(model, (), {}, params)[0]))(points)
    return np.asarray(theirs), np.asarray(ours)


def within(likelihood, names, low=0.2, high=0.8, size=12) -> dict[str, np.ndarray]:
    """Points between shares of the parameters' bounds."""
    rng = np.random.default_rng(0)
    ends = {name: likelihood.parameters[name].bounds for name in names}
    return {name: a + (b - a) * rng.uniform(low, high, size) for name, (a, b) in ends.items()}


def test_log_density_with_a_factor_that_is_integrated(likelihood) -> None:
    theirs, ours = both(likelihood, {"sin2_theta_w": np.linspace(0.05, 0.6, 12)})
    np.testing.assert_allclose(theirs - theirs[0], ours - ours[0], rtol=1e-9, atol=1e-9)
    assert np.ptp(ours) > 1


def test_log_density_of_nuisances_and_other_priors(conus_plus) -> None:
    likelihood = cevnsjax.Likelihood(conus_plus, systematics="detailed")
    names = ["sin2_theta_w", *(n.name for n in request_of(likelihood, None, None, None).parameters[1:])]
    assert len(names) > 3
    # Flat is the default of other tests, and constraints are normal.
    for kind, numbers in (("log_uniform", (0.01, 0.9)), ("half_normal", (0.3,))):
        points = within(likelihood, names) | {"sin2_theta_w": np.linspace(0.15, 0.45, 12)}
        theirs, ours = both(likelihood, points, priors={"sin2_theta_w": Prior(kind, numbers)})
        np.testing.assert_allclose(theirs - theirs[0], ours - ours[0], rtol=1e-8, atol=1e-7)


def test_log_density_of_counts_with_a_free_background(tmp_path) -> None:
    likelihood = on_and_off(tmp_path, [1003, 998], [250, 251])
    points = {"sin2_theta_w": np.linspace(0.1, 0.4, 5), "flat_rate": np.linspace(95.0, 105.0, 5)}
    theirs, ours = both(likelihood, points)
    np.testing.assert_allclose(theirs - theirs[0], ours - ours[0], rtol=1e-9, atol=1e-8)


def test_log_density_of_a_free_mass(conus_plus) -> None:
    likelihood = cevnsjax.Likelihood(conus_plus, model="vector_bl")
    priors = {"m_z": Prior("log_uniform", (0.1, 100.0)), "g_bl": Prior("log_uniform", (1e-7, 1e-3))}
    points = {"g_bl": np.geomspace(1e-6, 1e-4, 4), "m_z": np.geomspace(0.3, 30.0, 4)}
    theirs, ours = both(likelihood, points, ["g_bl", "m_z"], priors=priors)
    np.testing.assert_allclose(theirs - theirs[0], ours - ours[0], rtol=1e-8, atol=1e-8)


def test_wrong_calls_are_those_of_sample() -> None:
    with pytest.raises(InputError, match="has its constraint"):
        cevnsjax.numpyro_model("conus_plus", ["sin2_theta_w", "norm"], priors={"norm": Prior("flat", (0.0, 1.0))})

"""Feldman and Cousins' construction against analytic limits and a plain NumPy version."""

import dataclasses

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy import stats

import cevnsjax
from cevnsjax.errors import InputError
from cevnsjax.statistics.base import problem_of
from cevnsjax.statistics.gaussian import Pull


@pytest.fixture(scope="module")
def strength(conus_plus):
    """The signal's strength as the only parameter: linear, and so normal up to its bound at zero."""
    return cevnsjax.Likelihood(eqx.tree_at(lambda e: e.systematics["default"].norm_sigma, conus_plus, jnp.zeros(1)))


def test_a_linear_parameter_far_from_its_bound_is_wilks(strength) -> None:
    found = cevnsjax.feldman_cousins(strength, ("norm", 0.0, 8.0, 161), toys=4000)
    far = found.axes[0].values > 3.0
    inside = far & (found.axes[0].values < 5.0)
    # 41 points of 4000 toys: their mean is known to 0.02.
    assert found.critical[inside].mean() == pytest.approx(stats.chi2.ppf(0.9, 1), abs=0.08)
    chi2 = np.array([float(strength.chi2({"norm": x})) for x in found.axes[0].values])
    np.testing.assert_allclose(found.delta_chi2, chi2 - chi2.min(), atol=1e-10)


def test_at_a_bound_half_of_the_toys_have_their_minimum_there(strength) -> None:
    found = cevnsjax.feldman_cousins(strength, ("norm", 0.0, 8.0, 161), toys=8000, seed=4)
    # P(q > c) = P(chi^2_1 > c) / 2 at the bound itself.
    assert found.critical[0] == pytest.approx(stats.chi2.ppf(0.8, 1), abs=0.12)
    assert found.critical[0] < found.critical[60]


def test_pull_and_coupling_against_numpy(conus_plus) -> None:
    """The charge radius with the 20 % pull, toys of data and of the pull's centre drawn and fitted one by one."""
    likelihood = cevnsjax.Likelihood(conus_plus, model="charge_radius")
    found = cevnsjax.feldman_cousins(likelihood, ("r2_ee", -8e-31, 3e-31, 23), toys=3000, seed=2)
    radii = found.axes[0].values
    sigma, observed, s = np.asarray(conus_plus.sigma), np.asarray(conus_plus.observed), 0.2
    unit = np.stack([np.asarray(likelihood.expected({"r2_ee": r})) for r in radii]) / sigma

    def chi2(data, centre):
        n = (centre + s**2 * unit @ data) / (1 + s**2 * np.sum(unit**2, axis=1))
        return np.sum((n[:, None] * unit - data) ** 2, axis=1) + ((n - centre) / s) ** 2

    on_data = chi2(observed / sigma, 1.0)
    np.testing.assert_allclose(found.delta_chi2, on_data - on_data.min(), atol=1e-10)
    rng = np.random.default_rng(7)
    for truth in (3, 11, 20):
        n = (1 + s**2 * unit[truth] @ (observed / sigma)) / (1 + s**2 * unit[truth] @ unit[truth])
        toys = []
        for _ in range(3000):
            every = chi2(n * unit[truth] + rng.standard_normal(sigma.size), n + s * rng.standard_normal())
            toys.append(every[truth] - every.min())
        # A 90 % quantile of 3000 draws of about chi^2_1 is known to 0.07; two of them to 0.1.
        assert found.critical[truth] == pytest.approx(np.quantile(toys, 0.9), abs=0.3)


def test_coverage(strength) -> None:
    """Data made at a strength are accepted there in as many cases as the level says."""
    found = cevnsjax.feldman_cousins(strength, ("norm", 0.0, 4.0, 81), toys=4000, seed=1)
    (experiment,) = strength.experiments
    rng = np.random.default_rng(11)
    unit = np.asarray(strength.expected({})) / np.asarray(experiment.sigma)
    for index in (0, 5, 20):
        truth = found.axes[0].values[index]
        data = truth * unit + rng.standard_normal((4000, unit.size))
        chi2 = np.sum((found.axes[0].values[:, None, None] * unit - data) ** 2, axis=2)
        accepted = chi2[index] - chi2.min(axis=0) <= found.critical[index]
        assert accepted.mean() == pytest.approx(0.9, abs=0.02)


def test_two_parameters_and_seeds(conus_plus) -> None:
    likelihood = cevnsjax.Likelihood(conus_plus, model="vector_bl")
    plane = ("m_z", 1.0, 100.0, 4), ("g_bl", 1e-6, 1e-4, 6)
    first, same, other = (cevnsjax.feldman_cousins(likelihood, *plane, toys=200, seed=seed) for seed in (3, 3, 4))
    assert first.critical.shape == first.delta_chi2.shape == first.accepted.shape == (6, 4)
    np.testing.assert_array_equal(first.critical, same.critical)
    assert not np.array_equal(first.critical, other.critical)
    scanned = cevnsjax.scan(likelihood, *plane)
    chi2 = scanned.delta_chi2 - scanned.delta_chi2.min()
    np.testing.assert_allclose(first.delta_chi2, chi2, atol=1e-9)


def test_moved_spectra_are_minimised_for_each_toy(conus_plus) -> None:
    """Six nuisances: toys drawn here, each minimised at every point of the grid, and not only at the best ones."""
    likelihood = cevnsjax.Likelihood(conus_plus, systematics="detailed")
    found = cevnsjax.feldman_cousins(likelihood, ("sin2_theta_w", 0.05, 0.55, 11), toys=1500, seed=5)
    angles = jnp.asarray(found.axes[0].values)
    chi2 = np.asarray(jax.vmap(lambda s: likelihood.chi2({"sin2_theta_w": s}))(angles))
    np.testing.assert_allclose(found.delta_chi2, chi2 - chi2.min(), atol=1e-8)

    expanded = likelihood.expand({}, ["sin2_theta_w"])
    problems = jax.vmap(lambda s: problem_of(expanded, {"sin2_theta_w": s})[0])(angles)

    @jax.jit
    def delta(truth, key):
        problem = jax.tree.map(lambda leaf: leaf[truth], problems)
        z = problem.minimised()
        (norm,), (signal,), (data,) = problem.norms(z), problem.predicted(z), problem.data
        noise, shapes, pull = jax.random.split(key, 3)
        toy = norm * signal + data.sigma * jax.random.normal(noise, signal.shape)
        variance = problem.pulls[0].variance
        centres = z + jax.random.normal(shapes, z.shape), norm + jnp.sqrt(variance) * jax.random.normal(pull)

        def at(problem):
            (data,) = problem.data
            changed = dataclasses.replace(
                problem,
                data=(dataclasses.replace(data, observed=toy),),
                pulls=(Pull(centres[1], variance),),
                centre=centres[0],
            )
            return changed.chi2(changed.minimised())

        every = jax.vmap(at)(problems)
        return every[truth] - every.min()

    for truth in (1, 4, 8):
        drawn = jax.lax.map(lambda key, t=truth: delta(t, key), jax.random.split(jax.random.key(truth), 1500))
        # Two quantiles of 1500 draws each are known to 0.14 together.
        assert found.critical[truth] == pytest.approx(float(jnp.quantile(drawn, 0.9)), abs=0.45)


def test_a_given_shape_is_no_nuisance(conus_plus) -> None:
    """With all that moves the spectrum held at its own value, what is left is the factors on the signal."""
    held = {"quenching_k": 0.162, "energy_shift": 0.0, "nuclear_radius": 1.0}
    detailed = cevnsjax.Likelihood(conus_plus, systematics="detailed")
    one = (0.046**2 + 0.011**2 + 0.007**2) ** 0.5
    changed = cevnsjax.load_experiment("conus_plus", {"systematics.default.normalisation.norm": one})
    axis = ("sin2_theta_w", 0.1, 0.5, 9)
    left = cevnsjax.feldman_cousins(detailed, axis, values=held, toys=4000)
    right = cevnsjax.feldman_cousins(cevnsjax.Likelihood(changed), axis, toys=4000, seed=1)
    np.testing.assert_allclose(left.delta_chi2, right.delta_chi2, rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(left.critical, right.critical, atol=0.4)


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((("sin2_theta_w", 0.1, 0.4, 5),), {"toys": 3}, "3 toys given"),
        ((("sin2_theta_w", 0.4, 0.1, 5),), {}, "does not rise"),
        ((("norm", 0.5, 1.5, 5),), {}, "no axis of a grid of toys"),
        ((("sin2_theta_w", 0.1, 0.4, 5),), {"cl": 2.0}, "confidence level"),
        ((("sin2_theta_w", 0.1, 0.4, 5), ("mass", 1.0, 2.0, 3)), {}, "unknown parameter 'mass'"),
    ],
)
def test_wrong_calls(likelihood, arguments, options, message: str) -> None:
    with pytest.raises(InputError, match=message):
        cevnsjax.feldman_cousins(likelihood, *arguments, **options)


def test_an_integrated_pull_is_refused(conus_plus) -> None:
    with pytest.raises(InputError, match="pull='profiled'"):
        cevnsjax.feldman_cousins(cevnsjax.Likelihood(conus_plus, pull="marginalised"), ("sin2_theta_w", 0.1, 0.4, 5))

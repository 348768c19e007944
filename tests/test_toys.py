"""Feldman and Cousins' construction against analytic limits, exact Poisson belts and a plain NumPy version."""

from importlib import import_module
from operator import itemgetter

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from one_bin import with_known_background
from scattering import quick
from scipy import stats

import cevnsjax
from cevnsjax.errors import InputError
from cevnsjax.inference.search import PolynomialSearch, checked
from cevnsjax.likelihood.kernel import Data
from cevnsjax.likelihood.newton import minimise
from cevnsjax.toys import fits
from cevnsjax.toys.draw import drawn


@pytest.fixture(scope="module")
def strength():
    """The signal's strength as the only parameter: linear, and so normal up to its bound at zero."""
    return cevnsjax.Likelihood(cevnsjax.load_experiment("conus_plus", {"nuisance": []}))


def test_a_linear_parameter_far_from_its_bound_is_wilks(strength) -> None:
    result = cevnsjax.feldman_cousins(strength, ("norm", 3.0, 5.0, 21), toys=4000)
    # 21 points of 4000 toys: their mean is known to 0.02.
    assert result.critical.mean() == pytest.approx(stats.chi2.ppf(0.9, 1), abs=0.08)
    # The error of a quantile: sqrt(cl (1 - cl) / n) over the density there, which is estimated to a tenth or so.
    density = stats.chi2.pdf(stats.chi2.ppf(0.9, 1), 1)
    assert result.critical_error.mean() == pytest.approx((0.09 / 4000) ** 0.5 / density, rel=0.15)
    chi2 = np.array([float(strength.chi2({"norm": x})) for x in result.axes[0].values])
    least = cevnsjax.fit(strength, ["norm"]).chi2_min
    np.testing.assert_allclose(result.delta_chi2, chi2 - least, atol=1e-9)


def test_at_a_bound_half_of_the_toys_have_their_minimum_there(strength) -> None:
    result = cevnsjax.feldman_cousins(strength, ("norm", 0.0, 3.0, 2), toys=8000, seed=4)
    # P(q > c) = P(chi^2_1 > c) / 2 at the bound itself.
    assert result.critical[0] == pytest.approx(stats.chi2.ppf(0.8, 1), abs=0.12)
    assert result.critical[0] < result.critical[1]


@pytest.mark.parametrize(("model", "name"), [("magnetic_moment", "mu_nu_e"), ("charge_radius", "r2_emu")])
def test_zero_is_no_trap_for_a_coupling_that_enters_squared(conus_plus, model, name) -> None:
    """Slopes vanish there. With data that suit zero best, searches begin near it; half of the minima lie elsewhere."""
    likelihood = cevnsjax.Likelihood(conus_plus, model=model)
    likelihood = likelihood.with_data(likelihood.expected_in({name: 0.0}))
    result = cevnsjax.feldman_cousins(likelihood, (name, 0.0, likelihood.parameters[name].scale, 2), toys=8000)
    assert result.critical[0] == pytest.approx(stats.chi2.ppf(0.8, 1), abs=0.15)


def test_constraint_and_coupling_against_numpy(conus_plus) -> None:
    """The charge radius with the 20 % constraint, toys of data and of its centre drawn and fitted one by one."""
    likelihood = cevnsjax.Likelihood(conus_plus, model="charge_radius")
    result = cevnsjax.feldman_cousins(likelihood, ("r2_ee", -8e-31, 3e-31, 12), toys=3000, seed=2)
    sigma, observed, s = conus_plus.sigma, conus_plus.observed, 0.2
    # Toys are fitted over all that they may allow, far beyond the axis, in steps of 0.5e-32.
    wide = np.concatenate([result.axes[0].values, np.linspace(-2e-30, 1.5e-30, 701)])
    predict = jax.jit(jax.vmap(lambda r: likelihood.expected({"r2_ee": r})))
    unit = np.asarray(predict(wide)) / sigma

    def chi2(data, centre):
        n = (centre + s**2 * unit @ data) / (1 + s**2 * np.sum(unit**2, axis=1))
        return np.sum((n[:, None] * unit - data) ** 2, axis=1) + ((n - centre) / s) ** 2

    on_data = chi2(observed / sigma, 1.0)
    least = cevnsjax.fit(likelihood, ["r2_ee"]).chi2_min
    np.testing.assert_allclose(result.delta_chi2, on_data[:12] - least, atol=1e-8)
    rng = np.random.default_rng(7)
    for truth in (2, 6, 10):
        n = (1 + s**2 * unit[truth] @ (observed / sigma)) / (1 + s**2 * unit[truth] @ unit[truth])
        toys = []
        for _ in range(3000):
            every = chi2(n * unit[truth] + rng.standard_normal(sigma.size), n + s * rng.standard_normal())
            toys.append(every[truth] - every.min())
        # A 90 % quantile of 3000 draws of about chi^2_1 is known to 0.07; two of them to 0.1.
        assert result.critical[truth] == pytest.approx(np.quantile(toys, 0.9), abs=0.4)


def test_coverage(strength) -> None:
    """Data made at a strength are accepted there in as many cases as the level says."""
    result = cevnsjax.feldman_cousins(strength, ("norm", 0.0, 1.0, 5), toys=4000, seed=1)
    (experiment,) = strength.experiments
    rng = np.random.default_rng(11)
    unit = np.asarray(strength.expected({})) / experiment.sigma
    for index in (0, 1, 4):
        truth = result.axes[0].values[index]
        data = truth * unit + rng.standard_normal((4000, unit.size))
        best = np.maximum(data @ unit / (unit @ unit), 0.0)
        at = [np.sum((n[:, None] * unit - data) ** 2, axis=1) for n in (np.full(4000, truth), best)]
        accepted = at[0] - at[1] <= result.critical[index]
        # The quantile and the share have an error of 0.005 each.
        assert accepted.mean() == pytest.approx(0.9, abs=0.025)


@pytest.mark.parametrize(("counts", "background"), [(0, 3.0), (2, 3.0), (8, 3.0), (3, 0.5)])
def test_counts_in_one_bin_against_the_exact_belt(tmp_path, counts, background) -> None:
    """Table IV of the paper: 1.08 and 3.04 above 0 and 2 counts where 3 are expected, 1.51 to 10.99 around 8."""
    likelihood = with_known_background(tmp_path, counts, background)
    signal = float(np.asarray(likelihood.expected({"norm": 1.0}))[0]) - background
    toys = 2000
    result = cevnsjax.feldman_cousins(likelihood, ("norm", 0.0, 14.0 / signal, 57), toys=toys, seed=counts)
    mu, n = signal * result.axes[0].values, np.arange(80)
    best = np.maximum(n - background, 0.0) + background
    ratio = stats.poisson.logpmf(n, mu[:, None] + background) - stats.poisson.logpmf(n, best)
    probability = stats.poisson.pmf(n, mu[:, None] + background)
    better = np.sum(probability * (ratio > ratio[:, [counts]] + 1e-12), axis=1)
    np.testing.assert_allclose(result.delta_chi2, -2 * ratio[:, counts], atol=1e-8)
    told = np.abs(better - 0.9) > 5 * (0.09 / toys) ** 0.5
    np.testing.assert_array_equal(result.accepted[told], better[told] < 0.9)
    assert told.sum() > 45


def agree(left, right, at_left, at_right) -> None:
    """Delta chi^2 is the same at common points, and critical values are within their Monte-Carlo error.

    Equal are polynomials of the spectrum, exact to 1e-6 of the largest bin, and counts without them.
    """
    np.testing.assert_allclose(left.delta_chi2[at_left], right.delta_chi2[at_right], rtol=1e-6, atol=1e-6)
    error = np.hypot(left.critical_error[at_left], right.critical_error[at_right])
    apart = left.critical[at_left] - right.critical[at_right]
    assert np.abs(apart / error).max() < 5
    assert np.abs(apart.mean() / (error.mean() / error.size**0.5)) < 4


def test_a_limit_does_not_depend_on_where_the_axis_ends(conus_plus) -> None:
    """A magnetic moment, to 4e-10 and to 1.1e-10; a toy's minimum may lie beyond the axis."""
    likelihood = cevnsjax.Likelihood(conus_plus, model="magnetic_moment")
    wide = cevnsjax.feldman_cousins(likelihood, ("mu_nu_e", 0.0, 4e-10, 41), toys=2000)
    short = cevnsjax.feldman_cousins(likelihood, ("mu_nu_e", 0.0, 1.1e-10, 12), toys=2000, seed=1)
    agree(wide, short, slice(0, 12), slice(None))
    # The long axis holds the limit; the short one ends before it, and says so.
    ((low, high),), ((_, error),) = wide.intervals, wide.interval_error
    assert low is None
    assert 1.1e-10 < high < 4e-10
    assert 0 < error < 0.1 * high
    assert short.intervals == [(None, None)]


def test_an_interval_does_not_depend_on_where_the_axis_ends(likelihood) -> None:
    wide = cevnsjax.feldman_cousins(likelihood, ("sin2_theta_w", 0.05, 0.6, 56), toys=2000)
    short = cevnsjax.feldman_cousins(likelihood, ("sin2_theta_w", 0.1, 0.45, 36), toys=2000, seed=1)
    agree(wide, short, slice(5, 41), slice(None))
    for end in (0, 1):
        ends = wide.intervals[0][end], short.intervals[0][end]
        error = np.hypot(wide.interval_error[0][end], short.interval_error[0][end])
        assert abs(ends[0] - ends[1]) < 5 * error
    # Wilks' interval is not far off, as the angle is nearly linear.
    ((low, high),) = cevnsjax.fit(likelihood).intervals["sin2_theta_w"]
    assert wide.intervals[0] == pytest.approx((low, high), abs=0.02)


def test_two_parameters_and_seeds(conus_plus) -> None:
    likelihood = cevnsjax.Likelihood(conus_plus, model="nsi_vector")
    plane = ("eps_ee_uv", -1.0, 1.0, 4), ("eps_ee_dv", -1.0, 1.0, 3)
    first, same, other = (cevnsjax.feldman_cousins(likelihood, *plane, toys=100, seed=seed) for seed in (3, 3, 4))
    assert first.critical.shape == first.delta_chi2.shape == first.accepted.shape == (3, 4)
    np.testing.assert_array_equal(first.critical, same.critical)
    assert not np.array_equal(first.critical, other.critical)
    # Delta chi^2 is that of a scan, but counts from the minimum wherever it lies.
    scanned = cevnsjax.scan(likelihood, *plane)
    least = cevnsjax.fit(likelihood).chi2_min
    np.testing.assert_allclose(first.delta_chi2, scanned.delta_chi2 + scanned.chi2_min - least, atol=1e-8)
    assert (first.intervals, first.interval_error) == ([], [])


def test_the_same_numbers_however_work_is_cut(likelihood, monkeypatch) -> None:
    axis, told = ("sin2_theta_w", 0.1, 0.4, 7), []
    whole = cevnsjax.feldman_cousins(likelihood, axis, toys=300, seed=9)
    monkeypatch.setattr(import_module("cevnsjax.toys.feldman_cousins"), "BLOCK", 2)
    blocks = cevnsjax.feldman_cousins(likelihood, axis, toys=300, seed=9, advance=lambda *done: told.append(done))
    assert told == [(1, 4), (2, 4), (3, 4), (4, 4)]

    def backwards(work, blocks):
        return [(i, work(blocks[i])) for i in reversed(range(len(blocks)))]

    spread = cevnsjax.feldman_cousins(likelihood, axis, toys=300, seed=9, spread=backwards)
    for other in (blocks, spread):
        np.testing.assert_array_equal(other.critical, whole.critical)
        np.testing.assert_array_equal(other.delta_chi2, whole.delta_chi2)
    # A point of its own toys: those of a longer axis with the same first points are the same.
    few = cevnsjax.feldman_cousins(likelihood, ("sin2_theta_w", 0.1, 0.25, 4), toys=300, seed=9)
    np.testing.assert_allclose(few.critical, whole.critical[:4], rtol=1e-9)


def test_moved_spectra_are_minimised_for_each_toy(conus_plus) -> None:
    """Six nuisances: toys drawn here, each minimised at many values of the angle between its bounds."""
    likelihood = cevnsjax.Likelihood(conus_plus, systematics="detailed")
    result = cevnsjax.feldman_cousins(likelihood, ("sin2_theta_w", 0.1, 0.4, 3), toys=1500, seed=5)
    chi2 = np.asarray(jax.vmap(lambda s: likelihood.chi2({"sin2_theta_w": s}))(jnp.asarray(result.axes[0].values)))
    np.testing.assert_allclose(result.delta_chi2, chi2 - cevnsjax.fit(likelihood).chi2_min, atol=1e-7)

    view = likelihood.view({}, ["sin2_theta_w"])
    kernel, place = view.kernel, view.layout.place("sin2_theta_w")
    _, held = view.start({})
    held[place] = True
    angles = np.concatenate([result.axes[0].values, np.linspace(0.0, 1.0, 41)])
    starts = np.zeros((angles.size, kernel.size))
    starts[:, place] = view.layout.variable("sin2_theta_w", angles)
    names = [n.name for n in view.layout.nuisances]
    kernel, held, starts = jax.tree.map(jnp.asarray, (kernel, held, starts))

    @jax.jit
    def delta(truth, mean, key):
        noise, shapes = jax.random.split(key)
        centre = jnp.where(held, 0.0, truth + jax.random.normal(shapes, truth.shape))
        observed = mean + conus_plus.sigma * jax.random.normal(noise, mean.shape)
        data = Data((observed[None],), centre)
        every = jax.vmap(lambda start: minimise(kernel, data, start, held).value)(starts)
        return every[:3] - every.min()

    for truth in (0, 2):
        angle = {"sin2_theta_w": float(angles[truth])}
        best = {name: float(value) for name, value in likelihood.best_nuisances(angle).items()}
        (mean,) = likelihood.expected_in({**angle, **best})
        y = np.array(starts[truth])
        y[[view.layout.place(name) for name in names]] = [view.layout.variable(name, best[name]) for name in names]
        keys = jax.random.split(jax.random.key(truth), 800)
        drawn = jax.lax.map(lambda key, y=y, mean=mean: delta(y, mean, key), keys, batch_size=50)
        # Quantiles of 1500 and of 800 draws are known to 0.2 together.
        assert result.critical[truth] == pytest.approx(float(jnp.quantile(drawn[:, truth], 0.9)), abs=0.6)


def test_short_cuts_lead_to_the_minima_of_searches_from_the_truth() -> None:
    """First steps that all toys share, and fits that go on from one another; here each search begins by itself.

    Beside the truth they begin at all coarse values of the angle. Searches of toys end 1e-6 above a minimum.
    """
    likelihood = cevnsjax.Likelihood("conus_plus", "coherent_lar")
    (angle,), _ = checked(likelihood, ["sin2_theta_w"], {})
    search = PolynomialSearch(likelihood, [angle], {})
    given, _ = fits.hypotheses(search, [angle], [np.array([angle.default])])
    kernel, truth, held = jax.tree.map(jnp.asarray, (given.kernel, given.truths[0], given.held))
    begins = jnp.concatenate([truth[None], jax.vmap(lambda x: truth.at[given.tested].set(x))(given.coarse)])
    at_truth = held.at[given.tested].set(True)

    @quick
    def delta(data):
        free = jax.vmap(lambda start: minimise(kernel, data, start, held).value)(begins)
        return minimise(kernel, data, truth, at_truth).value - free.min()

    toys = 48
    data = drawn(given.kernel, given.truths[0], 3, 0, 0)
    expected = [float(delta(jax.tree.map(itemgetter(i), data))) for i in range(toys)]
    np.testing.assert_allclose(fits.deltas_of(given, 3, np.array([0]))[0, :toys], expected, atol=2 * fits.CLOSE)


def test_a_given_shape_is_no_nuisance(conus_plus) -> None:
    """With all that moves the spectrum held at its own value, what is left is the factors on the signal."""
    held = {"quenching_k": 0.162, "energy_shift": 0.0, "nuclear_radius": 1.0}
    detailed = cevnsjax.Likelihood(conus_plus, systematics="detailed")
    one = (0.046**2 + 0.011**2 + 0.007**2) ** 0.5
    changed = cevnsjax.load_experiment("conus_plus", {"nuisance.norm.sigma": one})
    axis = ("sin2_theta_w", 0.1, 0.5, 5)
    left = cevnsjax.feldman_cousins(detailed, axis, values=held, toys=4000)
    right = cevnsjax.feldman_cousins(cevnsjax.Likelihood(changed), axis, toys=4000, seed=1)
    agree(left, right, slice(None), slice(None))


def test_a_coupling_that_the_data_do_not_feel(conus_plus) -> None:
    likelihood = cevnsjax.Likelihood(conus_plus, model="magnetic_moment")
    result = cevnsjax.feldman_cousins(likelihood, ("mu_nu_mu", 0.0, 1e-9, 3), toys=100)
    np.testing.assert_allclose(result.delta_chi2, 0.0, atol=1e-9)
    assert result.accepted.all()
    assert result.intervals == [(None, None)]


@pytest.mark.parametrize(
    ("arguments", "options", "message"),
    [
        ((("sin2_theta_w", 0.1, 0.4, 5),), {"toys": 3}, "3 toys given"),
        ((("sin2_theta_w", 0.1, 0.4, 5),), {"toys": 10**9}, "1000000000 toys given"),
        ((("sin2_theta_w", 0.1, 0.4, 1000),), {"toys": 10**7}, "give no more than 500000 toys"),
        ((("sin2_theta_w", 0.1, 0.4, 5),), {"seed": -1}, "a seed of -1"),
        ((("sin2_theta_w", 0.4, 0.1, 5),), {}, "does not rise"),
        ((("norm", 0.5, 1.5, 5),), {}, "toys cannot test it"),
        ((("sin2_theta_w", 0.1, 0.4, 5),), {"cl": 2.0}, "confidence level"),
        ((("sin2_theta_w", 0.1, 0.4, 5), ("mass", 1.0, 2.0, 3)), {}, "unknown parameter 'mass'"),
    ],
)
def test_wrong_calls(likelihood, arguments, options, message: str) -> None:
    with pytest.raises(InputError, match=message):
        cevnsjax.feldman_cousins(likelihood, *arguments, **options)


def test_a_mass_is_no_axis(conus_plus) -> None:
    """Each toy would have to be fitted at every mass; a plane of toys is one of couplings."""
    vector = cevnsjax.Likelihood(conus_plus, model="vector_bl")
    with pytest.raises(InputError, match="toys cannot test 'm_z': give it a value"):
        cevnsjax.feldman_cousins(vector, ("m_z", 1.0, 100.0, 4), ("g_bl", 1e-6, 1e-4, 6))


def test_an_integrated_constraint_is_refused(conus_plus) -> None:
    with pytest.raises(InputError, match="pull='profiled'"):
        cevnsjax.feldman_cousins(cevnsjax.Likelihood(conus_plus, pull="marginalised"), ("sin2_theta_w", 0.1, 0.4, 5))

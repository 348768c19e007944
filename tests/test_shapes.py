"""Numbers that move the signal: their polynomial against counts that are calculated anew, and where it ends."""

import jax
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.optimize import minimize

import cevnsjax
from cevnsjax.errors import InputError

# What data/conus_plus/experiment.toml has, typed again.
SHAPES = {"quenching_k": (0.162, 0.004), "energy_shift": (0.0, 5.5), "nuclear_radius": (1.0, 0.032)}
POINTS = {
    "sm": {"sin2_theta_w": 0.3},
    "magnetic_moment": {"mu_nu_e": 6e-10},
    "scalar": {"g_phi": 3e-6, "m_phi": 1.0},
    "nsi_tensor": {"eps_ee_ut": 0.2},
}
EXACT = 1e-6
"""Of the largest bin: what the polynomial's error may be."""


def changed(**overrides):
    return cevnsjax.load_experiment("conus_plus", overrides)


@pytest.fixture(scope="module")
def detailed(conus_plus):
    """By model: the likelihood, and the polynomial of its counts as a program, as values that JAX traces go through it.

    This is a function, as hypothesis shows the arguments of a test that fails.
    """
    made = {}
    for name, point in POINTS.items():
        likelihood = cevnsjax.Likelihood(conus_plus, model=name, systematics="detailed")
        made[name] = likelihood, jax.jit(lambda moved, f=likelihood.expected, p=point: f({**p, **moved}))
    return made.get


@pytest.mark.parametrize("name", POINTS)
@given(z=st.lists(st.floats(-5, 5), min_size=3, max_size=3))
@settings(max_examples=8)
def test_the_polynomial_is_exact(name, z, detailed) -> None:
    likelihood, polynomial = detailed(name)
    values = {shape: centre + sigma * x for (shape, (centre, sigma)), x in zip(SHAPES.items(), z, strict=True)}
    exact = np.asarray(likelihood.expected({**POINTS[name], **values}))
    assert np.abs(polynomial(values) - exact).max() < EXACT * exact.max()


@pytest.mark.parametrize("corner", [-5.0, 5.0])
def test_the_polynomial_is_exact_in_the_corners(corner, detailed) -> None:
    likelihood, polynomial = detailed("sm")
    values = {shape: centre + corner * sigma for shape, (centre, sigma) in SHAPES.items()}
    exact = np.asarray(likelihood.expected({**POINTS["sm"], **values}))
    assert np.abs(polynomial(values) - exact).max() < EXACT * exact.max()


def test_counts_of_several_runs(conus_plus) -> None:
    """CONUS at Brokdorf: five runs whose energy scales move each for itself, templates with them."""
    likelihood = cevnsjax.Likelihood("conus:cevns_bsm")
    moved = {"energy_shift_C1R1_bsm": 40.0, "energy_shift_C2R1_bsm": -60.0, "energy_shift_C3R1_bsm": 75.0}
    moved = {name.removesuffix("_bsm"): value for name, value in moved.items()}
    exact, polynomial = (np.asarray(f(moved)) for f in (likelihood.expected, jax.jit(likelihood.expected)))
    background = np.concatenate([b[:50] for b in likelihood.background_in(moved)])
    assert np.abs(exact / background - 1).max() > 1e-3
    assert np.abs(polynomial - exact).max() < EXACT * (exact - background).max() + 1e-11 * exact.max()


def test_a_value_beyond_five_deviations_is_calculated_anew(detailed, conus_plus) -> None:
    """An experiment with that k in its file, and the constraint that a fit pays for it."""
    likelihood, _ = detailed("sm")
    there = cevnsjax.Likelihood(changed(**{"response.nuclear.yield.k": 0.25}), systematics="detailed")
    paid = ((0.25 - 0.162) / 0.004) ** 2
    expected = np.asarray(there.expected({}))
    np.testing.assert_allclose(likelihood.expected({"quenching_k": 0.25}), expected, rtol=1e-12)
    # Each has a polynomial in the other two, exact to 1e-6 of the largest bin, of 71 counts, where chi^2 has a slope.
    slope = 2 * np.sum(np.abs(expected - conus_plus.observed) / conus_plus.sigma**2)
    found = float(likelihood.chi2({"quenching_k": 0.25}))
    alone = float(there.chi2({"quenching_k": 0.25}))  # at the centre of its own constraint
    assert found == pytest.approx(alone + paid, abs=2 * EXACT * expected.max() * slope)


@pytest.mark.parametrize("systematics", ["default", "detailed"])
def test_traced_values_out_of_range_are_no_number(systematics, conus_plus) -> None:
    """As documented: within five standard deviations, or within the bounds where there is no constraint."""
    likelihood = cevnsjax.Likelihood(conus_plus, systematics=systematics)
    low, high = (0.05, 0.4) if systematics == "default" else (0.142, 0.182)
    chi2 = jax.jit(lambda k: likelihood.chi2({"quenching_k": k}))
    for inside in (low + 1e-9, 0.162, high - 1e-9):
        assert float(chi2(inside)) == pytest.approx(float(likelihood.chi2({"quenching_k": inside})), rel=1e-6)
    for outside in (low - 1e-3, high + 1e-3):
        assert np.isnan(chi2(outside))


def test_a_nuclear_radius_as_the_only_nuisance() -> None:
    only = [{"name": "nuclear_radius", "key": "target.radius_factor", "sigma": 0.5}]
    likelihood = cevnsjax.Likelihood(changed(nuisance=only))
    assert likelihood.searched == ("nuclear_radius",)
    best = float(likelihood.best_nuisances({})["nuclear_radius"])
    around = {r: float(likelihood.chi2({"nuclear_radius": best + r})) for r in (-0.05, 0.0, 0.05)}
    assert float(likelihood.chi2({})) == pytest.approx(around[0.0], abs=1e-9)
    assert around[0.0] < min(around[-0.05], around[0.05])
    result = cevnsjax.fit(likelihood, ["sin2_theta_w"])
    assert set(result.best_fit) == {"sin2_theta_w", "nuclear_radius"}


def test_a_wide_constraint_is_calculated_exactly(conus_plus) -> None:
    """A range of 200 eV_ee, the bounds of the energy scale: chi^2 by SciPy with counts that are calculated anew."""
    wide = changed(nuisance=[{"name": "energy_shift", "key": "response.shift", "sigma": 60, "own": "experiment"}])
    likelihood = cevnsjax.Likelihood(wide)

    def by_hand(shift):
        expected = np.asarray(likelihood.expected({"energy_shift": float(shift[0])}))
        return float(np.sum(((expected - conus_plus.observed) / conus_plus.sigma) ** 2) + (shift[0] / 60) ** 2)

    found = minimize(by_hand, [0.0], tol=1e-9)
    assert float(likelihood.chi2({})) == pytest.approx(found.fun, abs=1e-6)


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        ({"nuisance.quenching_k.sigma": 0.162}, "quenching_k from 0.05 to 0.4"),
        ({"response.nuclear.smearing": None}, "energy_shift from -27.5 to 27.5"),
    ],
)
def test_a_range_that_no_polynomial_covers_is_refused(overrides, message) -> None:
    """Too wide a constraint on k; and an energy scale that moves sharp thresholds without resolution."""
    with pytest.raises(InputError, match="the spectrum changes too much with") as caught:
        cevnsjax.Likelihood(changed(**overrides), systematics="detailed").chi2({})
    assert message in str(caught.value)
    assert "give a smaller sigma, or narrower bounds" in str(caught.value)
    assert "\n" not in str(caught.value)

"""Counts as a polynomial in couplings, against counts that are calculated anew."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import cevnsjax
from cevnsjax.inference.fit import search_of
from cevnsjax.inference.general import GeneralSearch
from cevnsjax.inference.search import PolynomialSearch
from cevnsjax.interactions import MODELS
from cevnsjax.likelihood.expansion import Lattice
from cevnsjax.likelihood.kernel import coupling_monomials

# A step that moves the counts by about as much as they are; tests go four decades above and below.
STEPS = {
    "sin2_theta_w": 0.2, "mu_nu_e": 3e-10, "mu_nu": 3e-10, "q_ee": 3e-12, "q_emu": 3e-12,
    "r2_ee": 3e-31, "r2_etau": 3e-31,
    "g_bl": 3e-5, "g_z": 3e-5, "g_phi": 5e-6, "eps_ee_uv": 0.5, "eps_ee_dv": 0.5, "eps_etau_dv": 0.5,
    "eps_ee_ut": 0.5, "eps_ee_dt": 0.5, "sin2_2theta_14": 0.3,
}  # fmt: skip


@pytest.fixture(scope="module")
def expanded(conus_plus):
    """Each model's likelihood, its polynomial as one program, and its parameters of the table above.

    Values that JAX traces go through the polynomial, plain numbers do not. This is a function, as hypothesis shows the
    arguments of a test that fails.
    """
    made = {}
    for name in MODELS:
        likelihood = cevnsjax.Likelihood(conus_plus, model=name)
        steps = {p: step for p, step in STEPS.items() if p in likelihood.parameters}
        made[name] = likelihood, jax.jit(likelihood.expected), steps
    return made.get


@pytest.mark.parametrize("name", MODELS)
@given(shares=st.lists(st.floats(-4, 4), min_size=4, max_size=4), sign=st.booleans())
@settings(max_examples=15)
def test_expansion_is_exact(name, shares, sign, expanded) -> None:
    likelihood, polynomial, steps = expanded(name)
    values = {p: step * 10**share for (p, step), share in zip(steps.items(), shares, strict=False)}
    if sign:
        values = {p: (v if likelihood.parameters[p].bounds[0] == 0 else -v) for p, v in values.items()}
    expected = np.asarray(likelihood.expected(values))
    # Where amplitudes cancel, what is left is known to the precision of the largest term.
    largest = max(expected.max(), np.asarray(likelihood.expected({})).max())
    np.testing.assert_allclose(polynomial(values), expected, rtol=0, atol=1e-11 * largest)


def chi2_by_hand(likelihood, params):
    """Eq. (20) of arXiv:2501.12441 with the factor minimised, from counts that are calculated anew."""
    (experiment,) = likelihood.experiments
    unit = np.asarray(likelihood.expected(params)) / experiment.sigma
    data = experiment.observed / experiment.sigma
    n = (1 + 0.2**2 * unit @ data) / (1 + 0.2**2 * unit @ unit)
    return np.sum((n * unit - data) ** 2) + ((n - 1) / 0.2) ** 2


def test_chi2_and_gradient_are_those_of_counts_calculated_anew(expanded) -> None:
    likelihood, *_ = expanded("charge_radius")
    point = {"r2_ee": 4e-32, "sin2_theta_w": 0.21}
    assert float(likelihood.chi2(point)) == pytest.approx(chi2_by_hand(likelihood, point), rel=1e-12)
    for name, slope in jax.jit(jax.grad(likelihood.chi2))(point).items():
        step = 1e-4 * point[name]
        up, down = (chi2_by_hand(likelihood, {**point, name: point[name] + s}) for s in (step, -step))
        assert float(slope) == pytest.approx((up - down) / (2 * step), rel=1e-6)


def test_what_is_given_is_built_in(expanded) -> None:
    """Of a mass and of k counts are no polynomial within a few steps; given as numbers they are used as they are."""
    likelihood, *_ = expanded("scalar")
    given = {"m_phi": 3.0, "quenching_k": 0.15}
    chi2 = jax.jit(lambda g: likelihood.chi2({**given, "g_phi": g}))
    assert float(chi2(2e-6)) == pytest.approx(chi2_by_hand(likelihood, {**given, "g_phi": 2e-6}), rel=1e-12)


def test_no_polynomial_in_a_mass(expanded) -> None:
    likelihood, *_ = expanded("scalar")
    known = likelihood.parameters
    assert isinstance(search_of(likelihood, [known["g_phi"], known["sin2_theta_w"]], {}), PolynomialSearch)
    assert isinstance(search_of(likelihood, [known["g_phi"], known["m_phi"]], {}), GeneralSearch)


@pytest.mark.parametrize(("model", "name"), [("magnetic_moment", "mu_nu_e"), ("nsi_tensor", "eps_ee_ut")])
def test_a_natural_step_doubles_the_counts(model, name, expanded) -> None:
    """Neither interferes with the Standard Model, so that the square is all."""
    likelihood, *_ = expanded(model)
    (step,) = likelihood.view({}, [name]).layout.steps
    twice = np.asarray(likelihood.expected({name: float(step)})).sum()
    assert twice == pytest.approx(2 * np.asarray(likelihood.expected({})).sum(), rel=1e-9)


def test_couplings_that_act_are_told_from_those_that_do_not(expanded) -> None:
    likelihood, *_ = expanded("magnetic_moment")
    view = likelihood.view({}, ["mu_nu_e", "mu_nu_mu"])
    assert view.acts == {"mu_nu_e": True, "mu_nu_mu": False}


def test_a_wrong_power_is_found() -> None:
    """The expansion knows nothing of the truth: a power that does not hold gives other counts."""
    coupling = MODELS["scalar"].interactions[1].parameters[0]
    lattice = Lattice(1)
    for power, agrees in ((2, True), (1, False)):
        couplings = (dataclasses.replace(coupling, power=power),)
        counts = 1.0 + lattice.values(couplings, np.ones(1))[:, 0] ** 4
        made = coupling_monomials(jnp.array([3.0**power])) @ (lattice.inverse @ counts)
        assert bool(np.isclose(made, 82.0)) is agrees

"""The expansion of counts in couplings, against the counts themselves."""

import dataclasses

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import cevnsjax
from cevnsjax.errors import InputError
from cevnsjax.interactions import MODELS
from cevnsjax.statistics.expansion import expand

# A step that moves the counts by about as much as they are; tests go four decades above and below.
STEPS = {
    "sin2_theta_w": 0.2, "mu_nu_e": 3e-10, "q_ee": 3e-12, "q_emu": 3e-12, "r2_ee": 3e-31, "r2_etau": 3e-31,
    "g_bl": 3e-5, "g_z": 3e-5, "g_phi": 5e-6, "eps_ee_uv": 0.5, "eps_ee_dv": 0.5, "eps_etau_dv": 0.5,
    "eps_ee_ut": 0.5, "eps_ee_dt": 0.5,
}  # fmt: skip


@pytest.fixture(scope="module")
def expanded(conus_plus):
    """Each model's likelihood, and its expansion in all parameters of the table above."""
    # A function, as hypothesis shows the arguments of a test that fails.
    pairs = {}
    for name in MODELS:
        full = cevnsjax.Likelihood(conus_plus, model=name)
        steps = {p: jnp.asarray(step) for p, step in STEPS.items() if p in full.parameters}
        pairs[name] = full, full.expand({}, list(steps)), steps
    return pairs.get


@pytest.mark.parametrize("name", MODELS)
@given(shares=st.lists(st.floats(-4, 4), min_size=4, max_size=4), sign=st.booleans())
def test_expansion_is_exact(name, shares, sign, expanded) -> None:
    full, cheap, steps = expanded(name)
    values = {p: step * 10**share for (p, step), share in zip(steps.items(), shares, strict=False)}
    if sign:
        values = {p: (v if full.parameters[p].bounds[0] == 0 else -v) for p, v in values.items()}
    (by_detector,), ((obtained,),) = full.counts(values), cheap.terms(values)
    expected = by_detector.sum(axis=0)
    # Where amplitudes cancel, what is left is known to the precision of the largest term.
    largest = np.maximum(expected, full.counts({})[0].sum(axis=0))
    assert np.abs(obtained - expected).max() == pytest.approx(0.0, abs=1e-11 * float(largest.max()))


def test_chi2_and_gradient_are_the_same(expanded) -> None:
    full, cheap, _ = expanded("charge_radius")
    point = {"r2_ee": 4e-32, "sin2_theta_w": 0.21}
    assert float(cheap.chi2(point)) == pytest.approx(float(full.chi2(point)), rel=1e-12)
    for name, slope in jax.grad(full.chi2)(point).items():
        assert float(jax.grad(cheap.chi2)(point)[name]) == pytest.approx(float(slope), rel=1e-9)


def test_what_is_given_is_built_in(conus_plus) -> None:
    full = cevnsjax.Likelihood(conus_plus, model="scalar")
    given = {"m_phi": jnp.asarray(3.0), "quenching_k": jnp.asarray(0.15)}
    cheap = full.expand(given, ["g_phi"])
    point = {"g_phi": 2e-6}
    assert float(cheap.chi2(point)) == pytest.approx(float(full.chi2({**given, **point})), rel=1e-12)
    with pytest.raises(InputError, match="m_phi"):
        cheap.chi2({"m_phi": 3.0})


def test_no_expansion_in_a_mass(conus_plus) -> None:
    full = cevnsjax.Likelihood(conus_plus, model="scalar")
    with pytest.raises(ValueError, match="no polynomial in m_phi"):
        full.expand({}, ["m_phi"])


def test_a_wrong_power_is_found() -> None:
    """The expansion knows nothing of the truth: a power that does not hold gives other counts."""
    coupling = MODELS["scalar"].interactions[1].parameters[0]

    def counts(values):
        return [1.0 + values["g_phi"][None, None] ** 4]

    for power, agrees in ((2, True), (1, False)):
        (made,) = expand(counts, (dataclasses.replace(coupling, power=power),))
        assert bool(jnp.allclose(made({"g_phi": jnp.asarray(3.0)}), 82.0)) is agrees

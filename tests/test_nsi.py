"""Non-standard interactions with quarks against the formulas of the CONUS talk at PASCOS 2022, typed again here."""

import itertools
import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from direct import (
    CM2_PER_MEV2,
    FERMI_CONSTANT,
    helm,
    maximum_recoil,
    minimum_energy,
)
from hypothesis import given
from hypothesis import strategies as st
from scattering import NUCLEI, SM, check_slopes, nuclear, nuclear_recoil, numbers, params, quick

from cevnsjax.flavours import NU_E, NU_E_BAR, NU_MU, NU_MU_BAR, NU_TAU
from cevnsjax.interactions import (
    ElectronRecoil,
    Model,
    StandardModel,
    TensorNSI,
    VectorNSI,
    model,
)
from cevnsjax.interactions.nsi import new_physics_scale

S2W = 0.23857
CONTACT = FERMI_CONSTANT**2 * CM2_PER_MEV2
VECTOR, TENSOR = model("nsi_vector"), model("nsi_tensor")
BOTH = Model("both", "", (StandardModel(), VectorNSI(), TensorNSI()), ())

# The diagonal coupling of each flavour; the other two turn it into another one.
TRANSITIONS = {"e": ("ee", "emu", "etau"), "mu": ("mumu", "emu", "mutau"), "tau": ("tautau", "etau", "mutau")}


def quarks(Z, N, up, down):
    return (2 * up + down) * Z + (up + 2 * down) * N


def typed(E, T, nucleus, flavour, values):
    """The cross section, and its size where nothing cancels and F = 1."""
    Z, N, M, R = numbers(nucleus)
    vector2 = tensor2 = size = 0.0
    for i, label in enumerate(TRANSITIONS[flavour.lepton]):
        up, down = (values.get(f"eps_{label}_{quark}v", 0.0) for quark in "ud")
        weak = Z * (0.5 - 2 * S2W) - N / 2 if i == 0 else 0.0
        vector2 += (weak + quarks(Z, N, up, down)) ** 2
        size += (Z + N + quarks(Z, N, abs(up), abs(down))) ** 2
        up, down = (values.get(f"eps_{label}_{quark}t", 0.0) for quark in "ud")
        tensor2 += quarks(Z, N, up, down) ** 2
        size += quarks(Z, N, abs(up), abs(down)) ** 2
    bracket = vector2 * (1 - M * T / (2 * E**2)) + tensor2 * (1 - M * T / (4 * E**2))
    return CONTACT * M / math.pi * helm(2 * M * T, R) ** 2 * bracket, CONTACT * M / math.pi * size


def decades(low, high):
    """Numbers spread evenly over decades."""
    return st.floats(math.log10(low), math.log10(high)).map(lambda x: 10.0**x)


signed = st.tuples(decades(1e-6, 1e2), st.sampled_from([-1.0, 0.0, 1.0])).map(math.prod)
energies = decades(0.5, 60.0)
# T as a fraction of the largest recoil.
fractions = decades(1e-4, 0.999)
nuclei = st.sampled_from(NUCLEI)
flavours = st.sampled_from([NU_E, NU_E_BAR, NU_MU, NU_MU_BAR, NU_TAU])
PAIRS = ("ee", "emu", "etau", "mumu", "mutau", "tautau")
VECTOR_NAMES = [f"eps_{pair}_{quark}v" for pair in PAIRS for quark in "ud"]
TENSOR_NAMES = [f"eps_{pair}_{quark}t" for pair in PAIRS for quark in "ud"]


# The cross sections against their formulas


def test_parameters():
    assert [p.name for p in VECTOR.parameters] == ["sin2_theta_w", *VECTOR_NAMES]
    assert [p.name for p in TENSOR.parameters] == ["sin2_theta_w", *TENSOR_NAMES]


@given(energies, fractions, nuclei, flavours, st.tuples(*[signed] * 12))
def test_vector_couplings(E, fraction, nucleus, flavour, eps):
    T = fraction * maximum_recoil(E, float(nucleus.mass))
    values = dict(zip(VECTOR_NAMES, eps, strict=True))
    expected, size = typed(E, T, nucleus, flavour, values)
    assert nuclear(VECTOR, values, E, T, nucleus, flavour) == pytest.approx(expected, rel=1e-12, abs=2e-14 * size)


@given(energies, fractions, nuclei, flavours, st.tuples(*[signed] * 12))
def test_tensor_couplings(E, fraction, nucleus, flavour, eps):
    T = fraction * maximum_recoil(E, float(nucleus.mass))
    values = dict(zip(TENSOR_NAMES, eps, strict=True))
    expected, size = typed(E, T, nucleus, flavour, values)
    assert nuclear(TENSOR, values, E, T, nucleus, flavour) == pytest.approx(expected, rel=1e-12, abs=2e-14 * size)


@given(energies, fractions, nuclei, flavours, st.tuples(*[signed] * 24))
def test_vector_and_tensor_together(E, fraction, nucleus, flavour, eps):
    T = fraction * maximum_recoil(E, float(nucleus.mass))
    values = dict(zip(VECTOR_NAMES + TENSOR_NAMES, eps, strict=True))
    expected, size = typed(E, T, nucleus, flavour, values)
    assert nuclear(BOTH, values, E, T, nucleus, flavour) == pytest.approx(expected, rel=1e-12, abs=2e-14 * size)


@pytest.mark.parametrize("flavour", [NU_E, NU_E_BAR, NU_MU, NU_MU_BAR, NU_TAU])
def test_which_coupling_acts_on_which_flavour(flavour):
    sm = nuclear(SM, {}, 6.0, 5e-4, flavour=flavour)
    for name in VECTOR_NAMES + TENSOR_NAMES:
        pair = name.split("_")[1]
        acts = pair.startswith(flavour.lepton) or pair.endswith(flavour.lepton)
        assert (nuclear(BOTH, {name: 0.3}, 6.0, 5e-4, flavour=flavour) != sm) == acts


@pytest.mark.parametrize("flavour", [NU_E_BAR, NU_MU])
def test_electrons_are_left_alone(flavour):
    values = params(BOTH, **dict.fromkeys(VECTOR_NAMES + TENSOR_NAMES, 0.7))
    for T in (1e-6, 0.3):
        recoil = ElectronRecoil(jnp.asarray(T))
        np.testing.assert_array_equal(BOTH.electron(values, recoil, flavour), SM.electron(params(SM), recoil, flavour))


# Known relations


@given(energies, fractions, nuclei, st.floats(-1.0, 1.0), st.floats(-1.0, 1.0))
def test_mirror_points(E, fraction, nucleus, up, down):
    """A charge and its opposite: eps^u mirrors at -eps^u - 2 (Q_V + (Z + 2 N) eps^d) / (2 Z + N)."""
    Z, N, M, _ = numbers(nucleus)
    T = fraction * maximum_recoil(E, M)
    weak = Z * (0.5 - 2 * S2W) - N / 2
    mirror = -up - 2 * (weak + (Z + 2 * N) * down) / (2 * Z + N)
    here, there = (nuclear(VECTOR, {"eps_ee_uv": u, "eps_ee_dv": down}, E, T, nucleus) for u in (up, mirror))
    _, size = typed(E, T, nucleus, NU_E_BAR, {"eps_ee_uv": 1.0, "eps_ee_dv": 1.0})
    assert here == pytest.approx(there, rel=1e-12, abs=2e-14 * size)


def test_signs_off_the_diagonal_do_not_matter():
    for pair in ("emu", "etau"):
        values = [{f"eps_{pair}_uv": s * 0.2, f"eps_{pair}_dv": s * 0.1} for s in (1, -1)]
        assert len({nuclear(VECTOR, v, 6.0, 5e-4) for v in values}) == 1
    assert nuclear(VECTOR, {"eps_emu_uv": 0.2}, 6.0, 5e-4) == nuclear(VECTOR, {"eps_etau_uv": 0.2}, 6.0, 5e-4)
    # Of the diagonal it does: up to the cancellation, a positive coupling takes away.
    sm = nuclear(SM, {}, 6.0, 5e-4)
    assert nuclear(VECTOR, {"eps_ee_uv": 0.05}, 6.0, 5e-4) < sm < nuclear(VECTOR, {"eps_ee_uv": -0.05}, 6.0, 5e-4)


def test_each_flavour_has_its_own_couplings():
    """A flavour feels the pairs that it is in, each as an electron neutrino does its own."""
    muons = nuclear(VECTOR, {"eps_mumu_uv": 0.2}, 6.0, 5e-4, flavour=NU_MU)
    assert muons == nuclear(VECTOR, {"eps_ee_uv": 0.2}, 6.0, 5e-4, flavour=NU_E)
    for pair in ("ee", "etau", "tautau"):
        assert nuclear(VECTOR, {f"eps_{pair}_dv": 0.2}, 6.0, 5e-4, flavour=NU_MU) == nuclear(SM, {}, 6.0, 5e-4)
    changed = [nuclear(VECTOR, {f"eps_{pair}_dv": 0.2}, 6.0, 5e-4, flavour=NU_MU) for pair in ("emu", "mutau")]
    assert changed[0] == changed[1] > nuclear(SM, {}, 6.0, 5e-4)


def test_one_combination_of_quarks_cannot_be_seen():
    """(2 Z + N) eps^u + (Z + 2 N) eps^d = 0 leaves the Standard Model, of one isotope and not of all."""
    Z, N, _, _ = numbers(NUCLEI[1])
    values = {"eps_ee_uv": 1.0, "eps_ee_dv": -(2 * Z + N) / (Z + 2 * N)}
    assert nuclear(VECTOR, values, 6.0, 5e-4) == pytest.approx(nuclear(SM, {}, 6.0, 5e-4), rel=1e-12)
    other = nuclear(VECTOR, values, 6.0, 3e-4, NUCLEI[4]) / nuclear(SM, {}, 6.0, 3e-4, NUCLEI[4])
    assert abs(other - 1) > 0.05


@pytest.mark.parametrize("nucleus", NUCLEI[:5])
def test_tensor_survives_at_the_largest_recoil(nucleus):
    """Where the vector cross section ends at zero (up to T / E), half of the tensor one is left."""
    E, M = 6.0, float(nucleus.mass)
    T = maximum_recoil(E, M)
    assert minimum_energy(T, M) == pytest.approx(E, rel=1e-12)
    values = {"eps_ee_ut": 0.3, "eps_ee_dt": -0.7}
    sm = nuclear(SM, {}, E, T, nucleus)
    tensor = nuclear(TENSOR, values, E, T, nucleus) - sm
    form2 = helm(2 * M * T, float(nucleus.charge_radius)) ** 2
    full = CONTACT * M / math.pi * quarks(float(nucleus.Z), float(nucleus.N), 0.3, -0.7) ** 2 * form2
    assert tensor / full == pytest.approx(0.5, abs=2 * E / M)
    vector_full = CONTACT * M / math.pi * (float(nucleus.Z) * (0.5 - 2 * S2W) - float(nucleus.N) / 2) ** 2 * form2
    assert sm / vector_full == pytest.approx(0.0, abs=3 * E / M)


@pytest.mark.parametrize("acting", [VECTOR, TENSOR, BOTH], ids=lambda m: m.name)
@pytest.mark.parametrize("flavour", [NU_E_BAR, NU_MU])
def test_standard_model_at_zero_coupling(acting, flavour):
    for T in (1e-8, 5e-4):
        new, old = (m.nuclear(params(m), nuclear_recoil(T), flavour) for m in (acting, SM))
        np.testing.assert_array_equal(new, old)


def test_new_physics_scale():
    """Lambda = m_W / sqrt(eps) in GeV: the talk's 100 GeV is eps = 0.65, and 360 GeV is 0.050."""
    eps = jnp.asarray([1.0, 0.01, -0.25])
    np.testing.assert_allclose(new_physics_scale(eps), [80.3692, 803.692, 160.7384], rtol=1e-14)
    assert new_physics_scale(jnp.asarray((80.3692 / 360) ** 2)) == pytest.approx(360.0, rel=1e-14)
    for scale, strength in ((100.0, 0.646), (360.0, 0.0498)):
        assert new_physics_scale(jnp.asarray(strength)) == pytest.approx(scale, rel=1e-3)
    assert jnp.isinf(new_physics_scale(jnp.asarray(0.0)))


# Gradients


@pytest.fixture(scope="module")
def slopes():
    def coefficients(values, T):
        return BOTH.nuclear(values, nuclear_recoil(T), NU_E_BAR)

    return quick(jax.jacrev(coefficients, argnums=(0, 1)))


@pytest.mark.parametrize("T", [0.0, 1e-9, 5e-4])
def test_gradients_are_finite_at_zero_coupling(slopes, T):
    found = slopes({name: float(x) for name, x in params(BOTH).items()}, T)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(found))
    # Only what interferes has a slope at zero.
    for name in VECTOR_NAMES + TENSOR_NAMES:
        assert found[0][name].any() == name.startswith("eps_ee") * name.endswith("v")


def test_gradients_against_finite_differences():
    names = VECTOR_NAMES + TENSOR_NAMES
    values = itertools.cycle((0.3, -0.2, 0.5, 0.1, -0.4, 0.6, 0.7))
    at = {n: v for n, v in zip(names, values, strict=False) if "e" in n.split("_")[1]}  # an electron neutrino's
    check_slopes(BOTH, "nuclear", 6.0, 5e-4, 1e-9, **at)

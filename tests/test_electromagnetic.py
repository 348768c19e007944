"""Magnetic moments, millicharges and charge radii against Eqs. (5)-(7) of arXiv:2501.12441, typed again here."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from direct import (
    CM2_PER_MEV2,
    ELECTRON_MASS,
    FERMI_CONSTANT,
    FINE_STRUCTURE,
    cevns_cross_section,
    eves_cross_section,
    helm,
    isotopes,
    maximum_recoil,
)
from hypothesis import given
from hypothesis import strategies as st
from scattering import (
    NUCLEI,
    SM,
    check_finite_slopes,
    check_slopes,
    electron,
    nuclear,
    nuclear_recoil,
    numbers,
    params,
)

from cevnsjax.flavours import LEPTONS, NU_E, NU_E_BAR, NU_MU, NU_MU_BAR, NU_TAU
from cevnsjax.interactions import MODELS, ElectronRecoil, Model, StandardModel
from cevnsjax.interactions.electromagnetic import ChargeRadius, Millicharge, effective_magnetic_moment

S2W = 0.23857
CONTACT = FERMI_CONSTANT**2 * CM2_PER_MEV2
# sqrt(2) pi alpha / (3 G_F), with the radius in cm^2: 2.380e30 cm^-2.
K = math.sqrt(2) * math.pi * FINE_STRUCTURE / (3 * FERMI_CONSTANT) / CM2_PER_MEV2
PAIRS = ("ee", "emu", "etau", "mumu", "mutau", "tautau")

PHOTON = Model("photon", "", (StandardModel(), Millicharge(), ChargeRadius()), ("q_ee",))


def pair(one, other):
    """The parameters' label of two flavours, as a table: e before mu before tau."""
    table = {
        "e": {"e": "ee", "mu": "emu", "tau": "etau"},
        "mu": {"mu": "mumu", "tau": "mutau"},
        "tau": {"tau": "tautau"},
    }
    return table[one][other] if other in table[one] else table[other][one]


def magnetic(E, T, mu):
    """Eq. (6b)."""
    return math.pi * FINE_STRUCTURE**2 / ELECTRON_MASS**2 * CM2_PER_MEV2 * (1 / T - 1 / E) * mu**2


def photon_amplitude(q2, charge, radius):
    """Q_ll' below Eq. (7b)."""
    return math.sqrt(2) * math.pi * FINE_STRUCTURE / FERMI_CONSTANT * (radius / CM2_PER_MEV2 / 3 - 2 / q2 * charge)


def photon_nuclear(E, T, nucleus, flavour, values):
    """Eq. (7a), and the same with all amplitudes taken positive and F = 1: the size of what may cancel."""
    Z, N, M, R = numbers(nucleus)
    total = size = 0.0
    for final in LEPTONS:
        label = pair(flavour.lepton, final)
        q, r2 = values.get(f"q_{label}", 0.0), values.get(f"r2_{label}", 0.0)
        weak = (0.5 - 2 * S2W) * Z - N / 2 if final == flavour.lepton else 0.0
        total += (weak - Z * photon_amplitude(2 * M * T, q, r2)) ** 2
        size += (abs(weak) + Z * abs(photon_amplitude(2 * M * T, q, 0)) + Z * abs(photon_amplitude(1, 0, r2))) ** 2
    prefactor = CONTACT * M / math.pi
    return prefactor * (1 - M * T / (2 * E**2)) * helm(2 * M * T, R) ** 2 * total, prefactor * size


def photon_electron(E, T, flavour, values):
    """Eq. (7b), and the size of what may cancel."""
    m, y = ELECTRON_MASS, T / E
    delta = 1.0 if flavour.lepton == "e" else 0.0
    g_v, g_a = -0.5 + 2 * S2W + delta, (-0.5 + delta) * (-1 if flavour.antineutrino else 1)
    total = size = 0.0
    for final in LEPTONS:
        label = pair(flavour.lepton, final)
        q, r2 = values.get(f"q_{label}", 0.0), values.get(f"r2_{label}", 0.0)
        Q = photon_amplitude(2 * m * T, q, r2)
        largest = abs(photon_amplitude(2 * m * T, q, 0)) + abs(photon_amplitude(1, 0, r2))
        if final == flavour.lepton:
            v, a = g_v + Q, g_a
            total += (v + a) ** 2 + (v - a) ** 2 * (1 - y) ** 2 - (v**2 - a**2) * m * T / E**2
            largest += 1.5
        else:
            total += Q**2 + Q**2 * (1 - y) ** 2 - Q**2 * m * T / E**2
        size += 4 * largest**2
    return CONTACT * m / (2 * math.pi) * total, CONTACT * m / (2 * math.pi) * size


def decades(low, high):
    """Numbers spread evenly over decades."""
    return st.floats(math.log10(low), math.log10(high)).map(lambda x: 10.0**x)


def signed(low, high):
    return st.tuples(decades(low, high), st.sampled_from([-1.0, 0.0, 1.0])).map(math.prod)


energies = decades(0.5, 60.0)
# T as a fraction of the largest recoil.
fractions = decades(1e-4, 0.999)
nuclei = st.sampled_from(NUCLEI)
flavours = st.sampled_from([NU_E, NU_E_BAR, NU_MU, NU_MU_BAR, NU_TAU])
three = st.tuples(*[signed(1e-16, 1e-8)] * 3)
three_radii = st.tuples(*[signed(1e-35, 1e-27)] * 3)


# Each cross section against its formula


@given(energies, fractions, nuclei, decades(1e-15, 1e-7), flavours)
def test_magnetic_moment_off_nuclei(E, fraction, nucleus, mu, flavour):
    Z, _, M, R = numbers(nucleus)
    T = fraction * maximum_recoil(E, M)
    isotope = {"Z": Z, "A": Z + numbers(nucleus)[1], "M": M, "radius": R}
    weak = cevns_cross_section(E, T, isotope, S2W)
    expected = weak + magnetic(E, T, mu) * Z**2 * helm(2 * M * T, R) ** 2
    got = nuclear(MODELS["magnetic_moment"], {f"mu_nu_{flavour.lepton}": mu}, E, T, nucleus, flavour)
    # Digits are lost where 1 - M T / (2 E^2) and F^2 are small.
    scale = CONTACT * M / math.pi * (Z + isotope["A"]) ** 2 + magnetic(E, T, mu) * Z**2
    assert got == pytest.approx(expected, rel=1e-12, abs=1e-14 * scale)


@given(energies, fractions, decades(1e-15, 1e-7))
def test_magnetic_moment_off_electrons(E, fraction, mu):
    T = fraction * maximum_recoil(E, ELECTRON_MASS)
    expected = eves_cross_section(E, T, S2W) + magnetic(E, T, mu)
    got = electron(MODELS["magnetic_moment"], {"mu_nu_e": mu}, E, T)
    scale = CONTACT * ELECTRON_MASS * 10 + magnetic(E, T, mu) / (1 - T / E)
    assert got == pytest.approx(expected, rel=1e-12, abs=1e-14 * scale)


@given(energies, fractions, nuclei, flavours, three, three_radii)
def test_photon_exchange_off_nuclei(E, fraction, nucleus, flavour, charges, radii):
    """Millicharge and charge radius alone and together: amplitudes of the same transition add before the square."""
    T = fraction * maximum_recoil(E, float(nucleus.mass))
    labels = [pair(flavour.lepton, final) for final in LEPTONS]
    q = {f"q_{label}": x for label, x in zip(labels, charges, strict=True)}
    r2 = {f"r2_{label}": x for label, x in zip(labels, radii, strict=True)}
    for acting, values in ((MODELS["millicharge"], q), (MODELS["charge_radius"], r2), (PHOTON, q | r2)):
        expected, size = photon_nuclear(E, T, nucleus, flavour, values)
        assert nuclear(acting, values, E, T, nucleus, flavour) == pytest.approx(expected, rel=1e-12, abs=2e-14 * size)


@given(energies, fractions, flavours, three, three_radii)
def test_photon_exchange_off_electrons(E, fraction, flavour, charges, radii):
    T = fraction * maximum_recoil(E, ELECTRON_MASS)
    labels = [pair(flavour.lepton, final) for final in LEPTONS]
    q = {f"q_{label}": x for label, x in zip(labels, charges, strict=True)}
    r2 = {f"r2_{label}": x for label, x in zip(labels, radii, strict=True)}
    for acting, values in ((MODELS["millicharge"], q), (MODELS["charge_radius"], r2), (PHOTON, q | r2)):
        expected, size = photon_electron(E, T, flavour, values)
        assert electron(acting, values, E, T, flavour) == pytest.approx(expected, rel=1e-12, abs=2e-14 * size)


@pytest.mark.parametrize("flavour", [NU_E_BAR, NU_MU, NU_TAU])
def test_which_parameter_acts_on_which_flavour(flavour):
    """A pair acts on the two flavours in it, whichever comes in; a moment on its own flavour."""
    E, T = 6.0, 5e-4
    of_pairs = [f"{kind}_{label}" for kind in ("q", "r2") for label in PAIRS]
    touching = {pair(flavour.lepton, final) for final in LEPTONS}
    for name in of_pairs:
        values = {name: 1e-9 if name.startswith("q_") else 1e-30}
        acts = name.split("_")[1] in touching
        assert (nuclear(PHOTON, values, E, T, flavour=flavour) != nuclear(SM, {}, E, T, flavour=flavour)) == acts
        assert (electron(PHOTON, values, E, T, flavour) != electron(SM, {}, E, T, flavour)) == acts
    for lepton in LEPTONS:
        moment, values = MODELS["magnetic_moment"], {f"mu_nu_{lepton}": 1e-9}
        acts = lepton == flavour.lepton
        assert (nuclear(moment, values, E, T, flavour=flavour) != nuclear(SM, {}, E, T, flavour=flavour)) == acts
        assert (electron(moment, values, E, T, flavour) != electron(SM, {}, E, T, flavour)) == acts


def test_charge_and_radius_of_one_transition_interfere():
    """A transition's radius that undoes its charge at one momentum transfer leaves the Standard Model."""
    T, q = 5e-4, 1e-8
    q2 = 2 * float(NUCLEI[1].mass) * T
    values = {"q_emu": q, "r2_emu": 6 * q / q2 * CM2_PER_MEV2}
    sm = nuclear(SM, {}, 6.0, T)
    assert nuclear(PHOTON, values, 6.0, T) == pytest.approx(sm, rel=1e-13)
    # In squares they would have added; so do two transitions.
    apart = nuclear(PHOTON, {"q_emu": q, "r2_etau": values["r2_emu"]}, 6.0, T)
    one = nuclear(PHOTON, {"q_emu": q}, 6.0, T)
    assert one > 1.001 * sm
    assert apart - sm == pytest.approx(2 * (one - sm), rel=1e-10)


# Known relations


@pytest.mark.parametrize("name", [name for name in MODELS if name != "sm"])
@pytest.mark.parametrize("flavour", [NU_E_BAR, NU_E, NU_MU])
def test_standard_model_at_zero_coupling(name, flavour):
    """Bit by bit: every coupling's default is zero."""
    acting = MODELS[name]
    couplings = [p for p in acting.parameters if not p.name.startswith(("sin2_theta_w", "m_", "dm2_"))]
    assert couplings
    assert all(p.default == 0.0 for p in couplings)
    for T in (1e-8, 5e-4, 0.3):
        recoils = nuclear_recoil(T), ElectronRecoil(jnp.asarray(T))
        for method, recoil in zip(("nuclear", "electron"), recoils, strict=True):
            new, old = (getattr(m, method)(params(m), recoil, flavour) for m in (acting, SM))
            np.testing.assert_array_equal(new, old)


def test_magnetic_moment_that_equals_the_standard_model():
    """6.45e-12 sqrt(T / keV), off electrons and for E much larger than T: given to three digits, and squared."""
    for T_keV in (0.2, 2.0):
        mu = 6.45e-12 * math.sqrt(T_keV)
        both = electron(MODELS["magnetic_moment"], {"mu_nu_e": mu}, 1e4, T_keV * 1e-3)
        assert both == pytest.approx(2 * electron(SM, {}, 1e4, T_keV * 1e-3), rel=1e-3)


def test_centre_of_the_charge_radius_parabola():
    """Q_V - Z K <r^2> vanishes at Q_V / (Z K): -25.8e-32 cm^2 in germanium, and twice that is the SM again."""
    assert pytest.approx(2.380e30, rel=3e-4) == K
    acting = MODELS["charge_radius"]
    centres = []
    for nucleus in NUCLEI[:5]:
        Z, N, _, _ = numbers(nucleus)
        centre = (Z * (0.5 - 2 * S2W) - N / 2) / (Z * K)
        sm = nuclear(SM, {}, 6.0, 5e-4, nucleus)
        assert nuclear(acting, {"r2_ee": centre}, 6.0, 5e-4, nucleus) == pytest.approx(0.0, abs=1e-28 * sm)
        assert nuclear(acting, {"r2_ee": 2 * centre}, 6.0, 5e-4, nucleus) == pytest.approx(sm, rel=1e-13)
        centres.append(centre)
    mean = np.average(centres, weights=[i["abundance"] for i in isotopes()])
    assert mean == pytest.approx(-25.8e-32, abs=0.05e-32)


def test_charge_radius_is_a_shift_of_the_mixing_angle():
    """Off nuclei and off electrons alike sin^2(theta_W) moves by Q / 2, for the neutrinos that the radius is of."""
    r2 = 3.1e-32
    shifted = {"sin2_theta_w": S2W + K * r2 / 2}
    for flavour, label in ((NU_E_BAR, "ee"), (NU_MU, "mumu")):
        values, acting = {f"r2_{label}": r2}, MODELS["charge_radius"]
        both = (nuclear(m, v, 6.0, 5e-4, flavour=flavour) for m, v in ((acting, values), (SM, shifted)))
        assert next(both) == pytest.approx(next(both), rel=1e-12)
        both = (electron(m, v, 6.0, 0.3, flavour) for m, v in ((acting, values), (SM, shifted)))
        assert next(both) == pytest.approx(next(both), rel=1e-12)


@given(energies, fractions, decades(1e-9, 1e-3))
def test_massless_b_minus_l_is_a_millicharge_of_electrons(E, fraction, g):
    """Neutrino and electron have the same charge: q = -g^2 / (4 pi alpha), in units of the positive e."""
    T = fraction * maximum_recoil(E, ELECTRON_MASS)
    q = -(g**2) / (4 * math.pi * FINE_STRUCTURE)
    values = {"q_ee": q}
    got = electron(MODELS["vector_bl"], {"g_bl": g, "m_z": 0.0}, E, T)
    _, size = photon_electron(E, T, NU_E_BAR, values)
    assert got == pytest.approx(electron(MODELS["millicharge"], values, E, T), rel=1e-12, abs=2e-14 * size)


# Effective moments


def test_effective_moment_against_a_hand_sum():
    """Three states, a complex row, magnetic and electric moments: mu^2 = sum_j |sum_k U*_k (mu_jk - i eps_jk)|^2."""
    random = np.random.default_rng(7)
    row = random.normal(size=3) + 1j * random.normal(size=3)
    row /= np.linalg.norm(row)
    magnetic_moments, electric_moments = random.normal(size=(2, 3, 3)) * 1e-11
    total = 0.0
    for j in range(3):
        amplitude = sum(row[k].conjugate() * complex(magnetic_moments[j, k], -electric_moments[j, k]) for k in range(3))
        total += abs(amplitude) ** 2
    got = effective_magnetic_moment(jnp.asarray(row), jnp.asarray(magnetic_moments), jnp.asarray(electric_moments))
    assert float(got) == pytest.approx(math.sqrt(total), rel=1e-13)


def test_effective_moment_of_real_rows():
    magnetic_moments = jnp.diag(jnp.asarray([1.0, 2.0, 4.0]))
    none = jnp.zeros((3, 3))
    assert effective_magnetic_moment(jnp.asarray([0.0, 1.0, 0.0]), magnetic_moments, none) == pytest.approx(2.0)
    assert effective_magnetic_moment(jnp.asarray([0.6, 0.0, 0.8]), magnetic_moments, none) == pytest.approx(
        math.hypot(0.6, 3.2), rel=1e-14
    )
    # Of a Dirac neutrino, |mu - i epsilon|: an electric moment counts as much as a magnetic one.
    assert effective_magnetic_moment(jnp.asarray([1.0, 0.0, 0.0]), 3 * jnp.eye(3), 4 * jnp.eye(3)) == pytest.approx(
        5.0, rel=1e-14
    )


def test_gradient_of_the_effective_moment():
    """At moments of which some are zero, as they are for a diagonal matrix."""
    row, none = jnp.asarray([0.6, 0.0, 0.8]), jnp.zeros((3, 3))
    slopes = jax.grad(effective_magnetic_moment, argnums=(1, 2))(row, jnp.diag(jnp.asarray([1.0, 2.0, 4.0])), none)
    # mu^2 = sum_j (sum_k U_k mu_jk)^2, here with amplitudes (0.6, 0, 3.2).
    expected = np.outer([0.6, 0.0, 3.2], [0.6, 0.0, 0.8]) / math.hypot(0.6, 3.2)
    np.testing.assert_allclose(slopes[0], expected, atol=1e-14)
    np.testing.assert_allclose(slopes[1], 0.0, atol=1e-14)


# Gradients


@pytest.mark.parametrize("name", ["magnetic_moment", "millicharge", "charge_radius"])
def test_gradients_are_finite_at_zero_coupling(name):
    check_finite_slopes(MODELS[name], [({}, T) for T in (1e-9, 5e-4)])


@pytest.mark.parametrize("kind", ["nuclear", "electron"])
@pytest.mark.parametrize("name", ["magnetic_moment", "photon"])
def test_gradients_against_finite_differences(name, kind):
    acting = PHOTON if name == "photon" else MODELS[name]
    size = {"sin2": 0.1, "mu": 1e-9, "q": 1e-8 if kind == "nuclear" else 1e-12, "r2": 2e-31}
    random = np.random.default_rng(3)
    at = {p.name: p.default + size[p.name.split("_")[0]] * random.uniform(0.5, 1.0) for p in acting.parameters}
    check_slopes(acting, kind, 6.0, 5e-4, 1e-9, **at)

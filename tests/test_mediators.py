"""Light vector and scalar mediators against Eqs. (9)-(16) of arXiv:2501.12441, typed again here."""

import math

import jax.numpy as jnp
import numpy as np
import pytest
from direct import (
    CM2_PER_MEV2,
    ELECTRON_MASS,
    FERMI_CONSTANT,
    FINE_STRUCTURE,
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

from cevnsjax.flavours import LEPTONS, NU_E, NU_E_BAR, NU_MU, NU_TAU
from cevnsjax.interactions import (
    MODELS,
    ElectronRecoil,
    Model,
    ScalarMediator,
    StandardModel,
    VectorMediator,
)
from cevnsjax.interactions.mediators import (
    B_MINUS_L,
    CONUS_COUPLINGS,
    L_E_MINUS_L_MU,
    L_MU_MINUS_L_TAU,
    PAPER_COUPLINGS,
    UNIVERSAL,
    VectorCharges,
    coupling_in_convention,
    quark_content,
)
from cevnsjax.parameters import G_Z, M_Z

S2W = 0.23857
CONTACT = FERMI_CONSTANT**2 * CM2_PER_MEV2
PROTON, NEUTRON = 938.27208943, 939.56542194

# e epsilon in units of g: epsilon = -(e / 6 pi^2) ln(m_tau / m_mu), close to -1/70.
MIXED = -4 * math.pi * FINE_STRUCTURE / (6 * math.pi**2) * math.log(1776.93 / 105.6583755)

# (up, down, electron, nu_e, nu_mu, nu_tau), as anomaly cancellation and the names have it.
KNOWN = {
    "B-L": (B_MINUS_L, (1 / 3, 1 / 3, -1, -1, -1, -1)),
    "universal": (UNIVERSAL, (1, 1, 1, 1, 1, 1)),
    "Le-Lmu": (L_E_MINUS_L_MU, (0, 0, 1, 1, -1, 0)),
    "Lmu-Ltau": (L_MU_MINUS_L_TAU, (2 / 3 * MIXED, -1 / 3 * MIXED, -MIXED, 0, 1, -1)),
}


def weak_charge(nucleus):
    Z, N, _, _ = numbers(nucleus)
    return Z * (0.5 - 2 * S2W) - N / 2


def with_vector(charges):
    return Model("vector", "", (StandardModel(), VectorMediator(G_Z, M_Z, charges)), ("g_z",))


def with_scalar(**options):
    return Model("scalar", "", (StandardModel(), ScalarMediator(**options)), ("g_phi",))


def cevns(E, T, nucleus, charge):
    """Eq. (1) for any vector charge."""
    _, _, M, R = numbers(nucleus)
    return CONTACT * M / math.pi * helm(2 * M * T, R) ** 2 * charge**2 * (1 - M * T / (2 * E**2))


def eves(E, T, flavour, shift):
    """Eqs. (3) and (4) with an addition to g_V."""
    m, delta = ELECTRON_MASS, 1.0 if flavour.lepton == "e" else 0.0
    v, a = -0.5 + 2 * S2W + delta + shift, -0.5 + delta
    if flavour.antineutrino:
        a = -a
    bracket = (v + a) ** 2 + (v - a) ** 2 * (1 - T / E) ** 2 - (v**2 - a**2) * m * T / E**2
    return CONTACT * m / (2 * math.pi) * bracket


def exchange(q2, g, mass):
    """g^2 / (sqrt(2) G_F (M^2 + q^2))."""
    return g**2 / (math.sqrt(2) * FERMI_CONSTANT * (mass**2 + q2))


def check_vector(charges, typed, E, fraction, nucleus, flavour, g, mass):
    """Eqs. (10)-(12), off a nucleus and off an electron."""
    up, down, of_electron, *of_neutrinos = typed
    of_neutrino = dict(zip(LEPTONS, of_neutrinos, strict=True))[flavour.lepton]
    acting, values = with_vector(charges), {"g_z": g, "m_z": mass}

    Z, N, M, _ = numbers(nucleus)
    T = fraction * maximum_recoil(E, M)
    quarks = Z * (2 * up + down) + N * (up + 2 * down)
    charge = weak_charge(nucleus) + of_neutrino * quarks * exchange(2 * M * T, g, mass)
    # What may cancel: each part of the charge, and F and 1 - M T / (2 E^2) themselves.
    size = Z + N + abs(of_neutrino) * (Z + N) * 3 * max(abs(up), abs(down)) * exchange(2 * M * T, g, mass)
    got = nuclear(acting, values, E, T, nucleus, flavour)
    assert got == pytest.approx(cevns(E, T, nucleus, charge), rel=1e-12, abs=2e-14 * CONTACT * M / math.pi * size**2)

    T = fraction * maximum_recoil(E, ELECTRON_MASS)
    shift = of_neutrino * of_electron * exchange(2 * ELECTRON_MASS * T, g, mass)
    got = electron(acting, values, E, T, flavour)
    scale = CONTACT * ELECTRON_MASS * (1.5 + abs(shift)) ** 2
    assert got == pytest.approx(eves(E, T, flavour, shift), rel=1e-12, abs=2e-14 * scale)


def decades(low, high):
    """Numbers spread evenly over decades."""
    return st.floats(math.log10(low), math.log10(high)).map(lambda x: 10.0**x)


energies = decades(0.5, 60.0)
# T as a fraction of the largest recoil.
fractions = decades(1e-4, 0.999)
nuclei = st.sampled_from(NUCLEI)
flavours = st.sampled_from([NU_E, NU_E_BAR, NU_MU, NU_TAU])
couplings = decades(1e-8, 1.0)
masses = decades(1e-4, 1e4) | st.just(0.0)
number = st.floats(-2.0, 2.0)


# Each cross section against its formula


@pytest.mark.parametrize("name", KNOWN)
@given(E=energies, fraction=fractions, nucleus=nuclei, flavour=flavours, g=couplings, mass=masses)
def test_vector_mediator(name, E, fraction, nucleus, flavour, g, mass):
    check_vector(*KNOWN[name], E, fraction, nucleus, flavour, g, mass)


@given(st.tuples(*[number] * 6), energies, fractions, nuclei, flavours, couplings, masses)
def test_vector_mediator_of_any_charges(charges, E, fraction, nucleus, flavour, g, mass):
    check_vector(VectorCharges(*charges), charges, E, fraction, nucleus, flavour, g, mass)


@given(st.sampled_from(["paper", "conus"]), energies, fractions, nuclei, flavours, couplings, masses)
def test_scalar_mediator(choice, E, fraction, nucleus, flavour, g, mass):
    Z, N, M, R = numbers(nucleus)
    if choice == "paper":
        content = Z * PROTON * (0.026 / 2.2 + 0.038 / 4.7) + N * NEUTRON * (0.018 / 2.2 + 0.056 / 4.7)
        acting = with_scalar()
    else:
        content = 14.0 * N + 15.1 * Z
        acting = with_scalar(nucleons=CONUS_COUPLINGS)
    values = {"g_phi": g, "m_phi": mass}

    T = fraction * maximum_recoil(E, M)
    new = M**2 * T * (g**2 * content) ** 2 / (4 * math.pi * E**2 * (mass**2 + 2 * M * T) ** 2) * CM2_PER_MEV2
    expected = cevns(E, T, nucleus, weak_charge(nucleus)) + new * helm(2 * M * T, R) ** 2
    scale = CONTACT * M / math.pi * (Z + N) ** 2 + new
    assert nuclear(acting, values, E, T, nucleus, flavour) == pytest.approx(expected, rel=1e-12, abs=2e-14 * scale)

    m, T = ELECTRON_MASS, fraction * maximum_recoil(E, ELECTRON_MASS)
    new = m**2 * T * g**4 / (4 * math.pi * E**2 * (mass**2 + 2 * m * T) ** 2) * CM2_PER_MEV2
    got = electron(acting, values, E, T, flavour)
    assert got == pytest.approx(eves(E, T, flavour, 0.0) + new, rel=1e-12, abs=2e-14 * CONTACT * m)


# Known relations


@given(energies, fractions, nuclei, masses)
def test_universal_mediator_cancels_the_standard_model_and_then_equals_it(E, fraction, nucleus, mass):
    """At g^2 / (M^2 + 2 M_N T) = sqrt(2) G_F |Q_V| / (3 A), and at twice that."""
    Z, N, M, _ = numbers(nucleus)
    T = fraction * maximum_recoil(E, M)
    acting, sm = MODELS["vector_universal"], nuclear(SM, {}, E, T, nucleus)
    g2 = math.sqrt(2) * FERMI_CONSTANT * abs(weak_charge(nucleus)) / (3 * (Z + N)) * (mass**2 + 2 * M * T)
    cancelled = nuclear(acting, {"g_z": math.sqrt(g2), "m_z": mass}, E, T, nucleus)
    assert cancelled == pytest.approx(0.0, abs=1e-28 * sm)
    degenerate = nuclear(acting, {"g_z": math.sqrt(2 * g2), "m_z": mass}, E, T, nucleus)
    assert degenerate == pytest.approx(sm, rel=1e-13)
    half = nuclear(acting, {"g_z": math.sqrt(g2 / 2), "m_z": mass}, E, T, nucleus)
    assert half == pytest.approx(sm / 4, rel=1e-13)


@given(energies, fractions, nuclei, flavours, couplings, masses)
def test_b_minus_l_only_adds_off_nuclei(E, fraction, nucleus, flavour, g, mass):
    T = fraction * maximum_recoil(E, float(nucleus.mass))
    sm = nuclear(SM, {}, E, T, nucleus, flavour)
    assert nuclear(MODELS["vector_bl"], {"g_bl": g, "m_z": mass}, E, T, nucleus, flavour) >= sm


@pytest.mark.parametrize("name", ["vector_bl", "vector_universal", "scalar"])
def test_heavy_mediators_know_only_g_over_mass(name):
    coupling, mass = (p.name for p in MODELS[name].parameters[1:])
    light, heavy = ({coupling: 0.02 * x, mass: 1e4 * x} for x in (1.0, 10.0))
    # q^2 / M^2 is 7e-7 off the nucleus at 1e4 MeV and much less off electrons.
    for scatter, T in ((nuclear, 5e-4), (electron, 0.3)):
        sm = scatter(SM, {}, 6.0, T)
        new = [scatter(MODELS[name], values, 6.0, T) - sm for values in (light, heavy)]
        assert abs(new[0]) > 1e-9 * sm
        assert new[0] == pytest.approx(new[1], rel=1e-5, abs=1e-14 * sm)
    # A light one does not.
    values = ({coupling: 1e-5 * x, mass: 5.0 * x} for x in (1.0, 10.0))
    assert len({round(nuclear(MODELS[name], v, 6.0, 5e-4) / nuclear(SM, {}, 6.0, 5e-4) - 1, 12) for v in values}) == 2


def test_flavours_of_l_e_minus_l_mu():
    """No quarks; off electrons nu_e against nu_mu, and no nu_tau."""
    acting, values = with_vector(L_E_MINUS_L_MU), {"g_z": 1e-4, "m_z": 1.0}
    for flavour in (NU_E, NU_E_BAR, NU_MU, NU_TAU):
        assert nuclear(acting, values, 6.0, 5e-4, flavour=flavour) == nuclear(SM, {}, 6.0, 5e-4, flavour=flavour)
    assert electron(acting, values, 6.0, 0.3, NU_TAU) == electron(SM, {}, 6.0, 0.3, NU_TAU)
    universal = with_vector(UNIVERSAL)
    assert electron(acting, values, 6.0, 0.3, NU_E) == electron(universal, values, 6.0, 0.3, NU_E)
    shift = exchange(2 * ELECTRON_MASS * 0.3, 1e-4, 1.0)
    assert electron(acting, values, 6.0, 0.3, NU_MU) == pytest.approx(eves(6.0, 0.3, NU_MU, -shift), rel=1e-12)
    # A free charge acts on its own flavour alone.
    acting = with_vector(VectorCharges(1.0, 0.0, 1.0, nu_e=0.0, nu_mu=2.0, nu_tau=0.0))
    for scatter, T in ((nuclear, 5e-4), (electron, 0.3)):
        for flavour in (NU_E_BAR, NU_MU, NU_TAU):
            acts = scatter(acting, values, 6.0, T, flavour=flavour) != scatter(SM, {}, 6.0, T, flavour=flavour)
            assert acts == (flavour == NU_MU)


def test_scalar_charge_of_germanium():
    """Q_phi is 18.8 A g^2 with quarks of 2.2 and 4.7 MeV, and 14 N + 15.1 Z (times g^2) in CONUS' convention."""
    protons, neutrons = (
        32,
        np.average([i["A"] - i["Z"] for i in isotopes()], weights=[i["abundance"] for i in isotopes()]),
    )
    paper = PAPER_COUPLINGS.proton * protons + PAPER_COUPLINGS.neutron * neutrons
    conus = CONUS_COUPLINGS.proton * protons + CONUS_COUPLINGS.neutron * neutrons
    assert paper / (protons + neutrons) == pytest.approx(18.8, abs=0.05)
    assert conus == pytest.approx(14 * neutrons + 15.1 * protons, rel=1e-14)
    # The signal goes as (Q_phi g^2)^2, so that limits in g go as the inverse square root of Q_phi: 14 %.
    assert math.sqrt(paper / conus) == pytest.approx(1.139, abs=1e-3)


def test_scalar_conventions_move_g_by_a_root():
    g, values = 1e-6, {"m_phi": 5.0}
    sm = nuclear(SM, {}, 6.0, 5e-4)
    Z, N, _, _ = numbers(NUCLEI[1])
    ratio = (PAPER_COUPLINGS.proton * Z + PAPER_COUPLINGS.neutron * N) / (15.1 * Z + 14.0 * N)
    paper = nuclear(with_scalar(), values | {"g_phi": g}, 6.0, 5e-4) - sm
    conus = with_scalar(nucleons=CONUS_COUPLINGS)
    assert paper / (nuclear(conus, values | {"g_phi": g}, 6.0, 5e-4) - sm) == pytest.approx(ratio**2, rel=1e-9)
    same = nuclear(conus, values | {"g_phi": g * math.sqrt(ratio)}, 6.0, 5e-4) - sm
    assert same == pytest.approx(paper, rel=1e-9)


def test_quark_masses_enter_inversely():
    heavier, default = quark_content(4.4, 9.4), quark_content(2.2, 4.7)
    assert default == PAPER_COUPLINGS
    assert heavier.proton == pytest.approx(default.proton / 2, rel=1e-15)
    assert heavier.neutron == pytest.approx(default.neutron / 2, rel=1e-15)
    only_up = quark_content(2.2, math.inf)
    assert only_up == pytest.approx((PROTON * 0.026 / 2.2, NEUTRON * 0.018 / 2.2), rel=1e-14)


def test_couplings_of_other_conventions():
    """A code whose amplitude has g^2 / 2: its coupling, converted, gives its cross section here."""
    theirs, T, nucleus = 3e-5, 5e-4, NUCLEI[1]
    Z, N, M, _ = numbers(nucleus)
    ours = float(coupling_in_convention(jnp.asarray(theirs), 0.5))
    assert ours == pytest.approx(theirs / math.sqrt(2), rel=1e-15)
    amplitude = theirs**2 / 2 / (math.sqrt(2) * FERMI_CONSTANT * (4.0**2 + 2 * M * T))
    expected = cevns(6.0, T, nucleus, weak_charge(nucleus) - (Z + N) * amplitude)
    got = nuclear(MODELS["vector_bl"], {"g_bl": ours, "m_z": 4.0}, 6.0, T, nucleus)
    assert got == pytest.approx(expected, rel=1e-12)
    np.testing.assert_array_equal(coupling_in_convention(jnp.asarray([1.0, 2.0]), 1.0), [1.0, 2.0])


def test_two_mediators_of_one_name_share_their_parameters():
    acting = Model("two", "", (StandardModel(), *[VectorMediator(G_Z, M_Z, UNIVERSAL)] * 2), ("g_z",))
    assert [p.name for p in acting.parameters] == ["sin2_theta_w", "g_z", "m_z"]
    values, T = {"g_z": 1e-5, "m_z": 3.0}, 5e-4
    once = nuclear(with_vector(UNIVERSAL), {"g_z": 1e-5 * math.sqrt(2), "m_z": 3.0}, 6.0, T)
    assert nuclear(acting, values, 6.0, T) == pytest.approx(once, rel=1e-12)


@pytest.mark.parametrize("name", ["vector_bl", "vector_universal", "scalar"])
@pytest.mark.parametrize("mass", [0.0, 1e-4, 1e4])
def test_standard_model_at_zero_coupling(name, mass):
    """Bit by bit, whatever the mass."""
    acting = MODELS[name]
    values = params(acting, **{acting.parameters[-1].name: mass})
    for T in (1e-8, 5e-4, 0.3):
        new, old = (m.nuclear(v, nuclear_recoil(T), NU_E_BAR) for m, v in ((acting, values), (SM, params(SM))))
        np.testing.assert_array_equal(new, old)
        recoil = ElectronRecoil(jnp.asarray(T))
        new, old = (m.electron(v, recoil, NU_E_BAR) for m, v in ((acting, values), (SM, params(SM))))
        np.testing.assert_array_equal(new, old)


# Gradients


@pytest.mark.parametrize("name", ["vector_bl", "vector_universal", "scalar"])
def test_gradients_are_finite_at_the_edges(name):
    _, coupling, mass = (p.name for p in MODELS[name].parameters)
    edges = [({coupling: g, mass: m}, T) for T in (1e-9, 5e-4) for g in (0.0, 1e-5) for m in (0.0, 10.0)]
    check_finite_slopes(MODELS[name], edges)


@pytest.mark.parametrize("kind", ["nuclear", "electron"])
@pytest.mark.parametrize("name", ["vector_bl", "vector_universal", "scalar"])
def test_gradients_against_finite_differences(name, kind):
    T, m = (5e-4, 7.0) if kind == "nuclear" else (0.3, 0.6)
    g = {"nuclear": {"scalar": 1e-5}, "electron": {"scalar": 1e-4}}[kind].get(name, 4e-5 if kind == "nuclear" else 8e-6)
    _, coupling, mass = (p.name for p in MODELS[name].parameters)
    total, slopes = check_slopes(MODELS[name], kind, 6.0, T, 1e-8, **{coupling: g, mass: m})
    # The new physics is not lost in the total.
    assert abs(slopes[coupling]) > 1e-2 * total
    assert abs(slopes[mass]) > 1e-2 * total


def test_kinetic_mixing_of_muons_and_taus() -> None:
    """About -1/70 in units of g, and protons alone: a neutron's charge is up + 2 down."""
    assert pytest.approx(-1 / 70, rel=0.03) == MIXED / (4 * math.pi * FINE_STRUCTURE) ** 0.5
    assert L_MU_MINUS_L_TAU.up + 2 * L_MU_MINUS_L_TAU.down == pytest.approx(0.0, abs=1e-18)
    assert 2 * L_MU_MINUS_L_TAU.up + L_MU_MINUS_L_TAU.down == pytest.approx(MIXED)

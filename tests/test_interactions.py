"""Cross sections: the Standard Model against the written formulas, and what an interaction can change."""

import jax.numpy as jnp
import numpy as np
import pytest
from direct import ELECTRON_MASS, cevns_cross_section, eves_cross_section, isotopes, minimum_energy
from hypothesis import given
from hypothesis import strategies as st
from scattering import NUCLEI, SM, check_finite_slopes, electron, nuclear, nuclear_recoil, params
from scipy.integrate import quad

from cevnsjax.constants import ALPHA, G_FERMI, HBAR_C_MEV_CM
from cevnsjax.errors import InputError
from cevnsjax.flavours import NU_E, NU_E_BAR, NU_MU, NU_MU_BAR, NU_TAU, NU_TAU_BAR
from cevnsjax.interactions import (
    Interaction,
    Model,
    NuclearRecoil,
    StandardModel,
    cross_section,
    model,
)
from cevnsjax.interactions.model import MODELS, has_name
from cevnsjax.matter import maximal_recoil_energy
from cevnsjax.parameters import Parameter

S2W = 0.23857
GERMANIUM = NUCLEI[:5]
CONTACT = G_FERMI**2 * HBAR_C_MEV_CM**2


# The Standard Model


def test_fermi_constant_in_cm2():
    assert CONTACT / (4 * np.pi) == pytest.approx(4.2154e-45, rel=1e-5)


@pytest.mark.parametrize("flavour", [NU_E, NU_E_BAR, NU_MU, NU_TAU])
def test_radiative_corrections(flavour):
    """The published couplings at the published angle; another angle moves them as it moves those of tree level."""
    proton = {"e": 0.0384, "mu": 0.0301, "tau": 0.0258}[flavour.lepton]
    corrected, nucleus = model("sm:radiative"), GERMANIUM[1]
    for sin2 in (S2W, 0.3):
        charges = (
            float(nucleus.Z) * (proton - 2 * (sin2 - S2W)) - 0.5118 * float(nucleus.N),
            float(nucleus.Z) * (0.5 - 2 * sin2) - float(nucleus.N) / 2,
        )
        ratio = nuclear(corrected, {"sin2_theta_w": sin2}, 20.0, 5e-4, nucleus, flavour) / nuclear(
            SM, {"sin2_theta_w": sin2}, 20.0, 5e-4, nucleus, flavour
        )
        assert ratio == pytest.approx((charges[0] / charges[1]) ** 2, rel=1e-12)


def test_radiative_corrections_are_an_option_of_every_model():
    for name, tree in MODELS.items():
        corrected = model(f"{name}:radiative")
        assert corrected is model(f"{name}:radiative")
        assert corrected.parameters == tree.parameters
        assert corrected.interactions[1:] == tree.interactions[1:]
        assert has_name(corrected)
    with pytest.raises(InputError, match="sm:radiativ"):
        model("sm:radiativ")


def test_differences_of_flavours_are_the_charge_radii_of_the_standard_model():
    """g_p(l) - g_p(mu) = -K (r^2_l - r^2_mu), K = sqrt(2) pi alpha / (3 G_F), in the convention of the radii here."""
    radii = {"e": -0.83e-32, "mu": -0.48e-32, "tau": -0.30e-32}
    K = 2**0.5 * np.pi * ALPHA / (3 * G_FERMI * HBAR_C_MEV_CM**2)
    assert pytest.approx(2.38e30, rel=5e-3) == K
    for lepton, g in (("e", 0.0384), ("tau", 0.0258)):
        assert g - 0.0301 == pytest.approx(-K * (radii[lepton] - radii["mu"]), abs=1e-4)


def test_total_cross_section_of_germanium_72():
    # At 4 MeV with F = 1 and T/E dropped, integrated over all recoils: 1.0017e-40 cm^2.
    nucleus = GERMANIUM[1]

    def point_like(T):
        recoil = NuclearRecoil(jnp.asarray(T), nucleus, jnp.asarray(1.0))
        return float(cross_section(SM.nuclear(params(SM), recoil, NU_E_BAR), jnp.asarray(4.0)))

    total, _ = quad(point_like, 0.0, maximal_recoil_energy(np.float64(4.0), nucleus.mass))
    assert total == pytest.approx(1.0017e-40, rel=5e-5)


@given(
    which=st.integers(0, 4),
    T=st.floats(1e-6, 3e-3),
    above=st.floats(1.0, 8.0),
    sin2_theta_w=st.floats(0.0, 1.0),
)
def test_nuclei_against_reference(which, T, above, sin2_theta_w):
    isotope, nucleus = isotopes()[which], GERMANIUM[which]
    energy = above * minimum_energy(T, isotope["M"]) * (1 + 1e-12)
    expected = cevns_cross_section(energy, T, isotope, sin2_theta_w)
    # Of the whole coupling: near E_min, and where Q_V vanishes, the cross section itself has lost digits.
    scale = CONTACT * isotope["M"] * isotope["A"] ** 2 / np.pi
    got = nuclear(SM, {"sin2_theta_w": sin2_theta_w}, energy, T, nucleus)
    assert got == pytest.approx(expected, rel=1e-12, abs=1e-14 * scale)


@given(T=st.floats(1e-6, 1.0), above=st.floats(1.0, 8.0), sin2_theta_w=st.floats(0.0, 1.0))
def test_electrons_against_reference(T, above, sin2_theta_w):
    energy = above * minimum_energy(T, ELECTRON_MASS) * (1 + 1e-12)
    expected = eves_cross_section(energy, T, sin2_theta_w)
    scale = CONTACT * ELECTRON_MASS * 10
    got = electron(SM, {"sin2_theta_w": sin2_theta_w}, energy, T)
    assert got == pytest.approx(expected, rel=1e-12, abs=1e-14 * scale)


def test_electron_cross_section_at_low_energy():
    # 1.0381e-47 cm^2 / keV for each electron.
    assert electron(SM, {}, 1e9, 0.0) * 1e-3 == pytest.approx(1.0381e-47, rel=1e-5)


@pytest.mark.parametrize(
    ("flavour", "g_v", "g_a"),
    [
        (NU_E, 0.5 + 2 * S2W, 0.5),
        (NU_E_BAR, 0.5 + 2 * S2W, -0.5),
        (NU_MU, -0.5 + 2 * S2W, -0.5),
        (NU_MU_BAR, -0.5 + 2 * S2W, 0.5),
        (NU_TAU, -0.5 + 2 * S2W, -0.5),
        (NU_TAU_BAR, -0.5 + 2 * S2W, 0.5),
    ],
)
def test_electron_couplings_of_each_flavour(flavour, g_v, g_a):
    # W exchange adds one to both couplings of electron neutrinos; g_A changes sign for antineutrinos.
    E, T, m = 0.7, 0.3, ELECTRON_MASS
    bracket = (g_v + g_a) ** 2 + (g_v - g_a) ** 2 * (1 - T / E) ** 2 - (g_v**2 - g_a**2) * m * T / E**2
    expected = CONTACT * m / (2 * np.pi) * bracket
    assert electron(SM, {}, E, T, flavour) == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("flavour", [NU_E, NU_MU, NU_MU_BAR, NU_TAU])
def test_nuclei_do_not_tell_flavours_apart(flavour):
    assert nuclear(SM, {}, 6.0, 5e-4, flavour=flavour) == nuclear(SM, {}, 6.0, 5e-4)


def test_finite_recoil_adds_minus_T_over_E():
    exact = Model("exact", "", (StandardModel(),), (), finite_recoil=True)
    recoil = nuclear_recoil(5e-4)
    without, with_it = (np.asarray(m.nuclear(params(SM), recoil, NU_E_BAR)) for m in (SM, exact))
    np.testing.assert_array_equal(with_it - without, [0.0, -5e-4 * without[0], 0.0])


def test_gradients_are_finite_at_the_edges():
    at_edges = [({"sin2_theta_w": angle}, T) for angle in (0.0, 1.0) for T in (0.0, 1e-4)]
    check_finite_slopes(SM, at_edges)


def test_unknown_model():
    with pytest.raises(InputError, match="unknown model 'smm'; did you mean 'sm'"):
        model("smm")


# Interactions of a user's own


class Toy(Interaction):
    """Every hook, each with a number of its own."""

    parameters = tuple(Parameter(name, 0.0, 1.0) for name in ("shift", "change", "g_v", "g_a", "turn"))

    def nuclear_charge(self, params, recoil, flavour, final):
        return params["shift"] if final == flavour.lepton else params["change"] if final == "tau" else 0.0

    def electron_couplings(self, params, recoil, flavour, final):
        if final == flavour.lepton:
            return params["g_v"], params["g_a"]
        return (params["turn"] if final == "tau" else 0.0), 0.0


WITH_TOY = Model("toy", "", (StandardModel(), Toy()), ("shift",))


def test_a_model_lists_the_parameters_of_all_interactions_once():
    twice = Model("twice", "", (StandardModel(), Toy(), Toy()), ())
    assert [p.name for p in twice.parameters] == ["sin2_theta_w", "shift", "change", "g_v", "g_a", "turn"]


@given(shift=st.floats(-100.0, 100.0), change=st.floats(-100.0, 100.0))
def test_charges_interfere_and_transitions_add_in_squares(shift, change):
    charge = 32 * (0.5 - 2 * S2W) - 40 / 2
    changed = nuclear(WITH_TOY, {"shift": shift, "change": change}, 6.0, 5e-4)
    ratio = changed / nuclear(SM, {}, 6.0, 5e-4)
    assert ratio == pytest.approx(((charge + shift) ** 2 + change**2) / charge**2, rel=1e-12, abs=1e-13)


@given(st.floats(-3.0, 3.0), st.floats(-3.0, 3.0), st.floats(-3.0, 3.0), st.booleans())
def test_electron_couplings_interfere_and_transitions_add_in_squares(v, a, turn, antineutrino):
    # A flavour-changing vector current is scattering with g_V = turn, g_A = 0, added in squares.
    E, T, m = 0.7, 0.3, ELECTRON_MASS
    g_v, g_a = -0.5 + 2 * S2W + v, -0.5 + a
    if antineutrino:
        g_a = -g_a
    bracket = (g_v + g_a) ** 2 + (g_v - g_a) ** 2 * (1 - T / E) ** 2 - (g_v**2 - g_a**2) * m * T / E**2
    bracket += turn**2 * (1 + (1 - T / E) ** 2 - m * T / E**2)
    got = electron(WITH_TOY, {"g_v": v, "g_a": a, "turn": turn}, E, T, NU_MU_BAR if antineutrino else NU_MU)
    assert got == pytest.approx(CONTACT * m / (2 * np.pi) * bracket, rel=1e-12, abs=1e-58)


class MagneticMoment(Interaction):
    """Photon exchange with a helicity flip: (pi alpha^2 / m_e^2) (1/T - 1/E) mu^2, Z^2 F^2 off nuclei."""

    parameters = (Parameter("mu", 0.0, 1e-11, latex=r"\mu"),)

    def nuclear_terms(self, params, recoil, flavour):
        return recoil.nucleus.Z**2 * recoil.form_factor**2 * self._terms(params["mu"], recoil.T)

    def electron_terms(self, params, recoil, flavour):
        return self._terms(params["mu"], recoil.T)

    def _terms(self, mu, T):
        strength = jnp.pi * ALPHA**2 / ELECTRON_MASS**2 * HBAR_C_MEV_CM**2 * mu**2
        return strength * jnp.stack([1 / T, -jnp.ones_like(T), jnp.zeros_like(T)])


MAGNETIC = Model("magnetic", "", (StandardModel(), MagneticMoment()), ("mu",))


def test_magnetic_moment_off_electrons_equals_the_standard_model():
    # Known: at mu = 6.45e-12 sqrt(T / keV) in the limit of large E; given to three digits, and squared.
    T_keV = 0.2
    both = electron(MAGNETIC, {"mu": 6.45e-12 * T_keV**0.5}, 1e6, T_keV * 1e-3)
    assert both == pytest.approx(2 * electron(SM, {}, 1e6, T_keV * 1e-3), rel=8e-4)


def test_magnetic_moment_off_nuclei_adds():
    E, T, mu = 6.0, 5e-4, 1e-10
    recoil = nuclear_recoil(T)
    strength = np.pi * ALPHA**2 / ELECTRON_MASS**2 * HBAR_C_MEV_CM**2
    added = strength * (1 / T - 1 / E) * 32**2 * float(recoil.form_factor) ** 2 * mu**2
    assert nuclear(MAGNETIC, {"mu": mu}, E, T) == pytest.approx(nuclear(SM, {}, E, T) + added, rel=1e-13)

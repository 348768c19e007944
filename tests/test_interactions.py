"""Cross sections: the Standard Model against the written formulas, and what an interaction can change."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from direct import ELECTRON_MASS, cevns_cross_section, eves_cross_section, isotopes, minimum_energy
from hypothesis import given
from hypothesis import strategies as st
from scipy.integrate import quad

import cevnsjax
from cevnsjax.constants import ALPHA, G_FERMI, HBAR_C_MEV_CM
from cevnsjax.errors import InputError
from cevnsjax.flavours import NU_E, NU_E_BAR, NU_MU, NU_MU_BAR, NU_TAU, NU_TAU_BAR
from cevnsjax.form_factors import helm
from cevnsjax.interactions import (
    MODELS,
    ElectronRecoil,
    Interaction,
    Model,
    NuclearRecoil,
    OnElectrons,
    StandardModel,
    cross_section,
    model,
)
from cevnsjax.nuclei import element, maximal_recoil_energy
from cevnsjax.parameters import Parameter

SM = model("sm")
S2W = 0.23857
GERMANIUM = [jax.tree.map(lambda leaf, i=i: leaf[i], element("Ge").isotopes) for i in range(5)]
CONTACT = G_FERMI**2 * HBAR_C_MEV_CM**2


def nuclear_recoil(T, nucleus=GERMANIUM[1], point_like=False):
    T = jnp.asarray(T)
    form = jnp.asarray(1.0) if point_like else helm(2 * nucleus.mass * T, nucleus.charge_radius)
    return NuclearRecoil(T, nucleus, form)


def params(sin2_theta_w=S2W, **others):
    return {name: jnp.asarray(v) for name, v in {"sin2_theta_w": sin2_theta_w, **others}.items()}


def nuclear(energy, recoil, acting=SM, values=None, flavour=NU_E_BAR):
    coefficients = acting.nuclear(values or params(), recoil, flavour)
    return float(cross_section(coefficients, jnp.asarray(energy)))


def electron(energy, T, acting=SM, values=None, flavour=NU_E_BAR):
    coefficients = acting.electron(values or params(), ElectronRecoil(jnp.asarray(T)), flavour)
    return float(cross_section(coefficients, jnp.asarray(energy)))


# The Standard Model


def test_fermi_constant_in_cm2():
    assert CONTACT / (4 * np.pi) == pytest.approx(4.2154e-45, rel=1e-5)


def test_total_cross_section_of_germanium_72():
    # At 4 MeV with F = 1 and T/E dropped, integrated over all recoils: 1.0017e-40 cm^2.
    nucleus = GERMANIUM[1]
    end = float(maximal_recoil_energy(jnp.asarray(4.0), nucleus.mass))
    total, _ = quad(lambda T: nuclear(4.0, nuclear_recoil(T, point_like=True)), 0.0, end)
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
    got = nuclear(energy, nuclear_recoil(T, nucleus), values=params(sin2_theta_w))
    assert got == pytest.approx(expected, rel=1e-12, abs=1e-14 * scale)


@given(T=st.floats(1e-6, 1.0), above=st.floats(1.0, 8.0), sin2_theta_w=st.floats(0.0, 1.0))
def test_electrons_against_reference(T, above, sin2_theta_w):
    energy = above * minimum_energy(T, ELECTRON_MASS) * (1 + 1e-12)
    expected = eves_cross_section(energy, T, sin2_theta_w)
    scale = CONTACT * ELECTRON_MASS * 10
    got = electron(energy, T, values=params(sin2_theta_w))
    assert got == pytest.approx(expected, rel=1e-12, abs=1e-14 * scale)


def test_electron_cross_section_at_low_energy():
    # 1.0381e-47 cm^2 / keV for each electron.
    assert electron(1e9, 0.0) * 1e-3 == pytest.approx(1.0381e-47, rel=1e-5)


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
    assert electron(E, T, flavour=flavour) == pytest.approx(expected, rel=1e-13)


@pytest.mark.parametrize("flavour", [NU_E, NU_MU, NU_MU_BAR, NU_TAU])
def test_nuclei_do_not_tell_flavours_apart(flavour):
    recoil = nuclear_recoil(5e-4)
    assert nuclear(6.0, recoil, flavour=flavour) == nuclear(6.0, recoil)


def test_finite_recoil_adds_minus_T_over_E():
    exact = Model("exact", "", (StandardModel(),), (), finite_recoil=True)
    recoil = nuclear_recoil(5e-4)
    without, with_it = (np.asarray(m.nuclear(params(), recoil, NU_E_BAR)) for m in (SM, exact))
    np.testing.assert_array_equal(with_it - without, [0.0, -5e-4 * without[0], 0.0])


@pytest.mark.parametrize("sin2_theta_w", [0.0, 1.0])
@pytest.mark.parametrize("T", [0.0, 1e-4])
def test_gradients_are_finite_at_the_edges(sin2_theta_w, T):
    def both(values, T):
        nucleus = nuclear_recoil(T)
        return SM.nuclear(values, nucleus, NU_E_BAR), SM.electron(values, ElectronRecoil(T), NU_E_BAR)

    slopes = jax.jacrev(both, argnums=(0, 1))(params(sin2_theta_w), jnp.asarray(T))
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(slopes))


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


def toy(**given):
    return params(**{"shift": 0.0, "change": 0.0, "g_v": 0.0, "g_a": 0.0, "turn": 0.0, **given})


def test_a_model_lists_the_parameters_of_all_interactions_once():
    twice = Model("twice", "", (StandardModel(), Toy(), Toy()), ())
    assert [p.name for p in twice.parameters] == ["sin2_theta_w", "shift", "change", "g_v", "g_a", "turn"]


@given(shift=st.floats(-100.0, 100.0), change=st.floats(-100.0, 100.0))
def test_charges_interfere_and_transitions_add_in_squares(shift, change):
    recoil = nuclear_recoil(5e-4)
    charge = 32 * (0.5 - 2 * S2W) - 40 / 2
    ratio = nuclear(6.0, recoil, WITH_TOY, toy(shift=shift, change=change)) / nuclear(6.0, recoil)
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
    got = electron(E, T, WITH_TOY, toy(g_v=v, g_a=a, turn=turn), NU_MU_BAR if antineutrino else NU_MU)
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
    values = params(mu=6.45e-12 * T_keV**0.5)
    assert electron(1e6, T_keV * 1e-3, MAGNETIC, values) == pytest.approx(2 * electron(1e6, T_keV * 1e-3), rel=8e-4)


def test_magnetic_moment_off_nuclei_adds():
    E, T, mu = 6.0, 5e-4, 1e-10
    recoil = nuclear_recoil(T)
    strength = np.pi * ALPHA**2 / ELECTRON_MASS**2 * HBAR_C_MEV_CM**2
    added = strength * (1 / T - 1 / E) * 32**2 * float(recoil.form_factor) ** 2 * mu**2
    assert nuclear(E, recoil, MAGNETIC, params(mu=mu)) == pytest.approx(nuclear(E, recoil) + added, rel=1e-13)


# Couplings of which electrons and nuclei both notice something.
@pytest.mark.parametrize(
    ("name", "values"), [("magnetic_moment", {"mu_nu_e": 2e-10}), ("vector_bl", {"g_bl": 1e-5, "m_z": 1.0})]
)
def test_on_electrons_leaves_nuclei_alone(conus_plus, name, values):
    """Both ways to act on an electron, by terms and by couplings: its counts, beside the Standard Model's of nuclei."""
    standard, other = MODELS[name].interactions
    only = Model("only", "", (standard, OnElectrons(other)), ())
    assert only.parameters == MODELS[name].parameters

    def counts(acting, channel):
        likelihood = cevnsjax.Likelihood(conus_plus, model=acting, channel=channel)
        return np.asarray(likelihood.expected(values if acting is not SM else {}))

    for channel, same, different in (("cevns", SM, MODELS[name]), ("eves", MODELS[name], SM)):
        obtained = counts(only, channel)
        np.testing.assert_allclose(obtained, counts(same, channel), rtol=1e-13)
        assert np.abs(obtained / counts(different, channel) - 1).max() > 0.01

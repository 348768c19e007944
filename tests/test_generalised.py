"""Contact interactions of all Lorentz structures, against Dirac matrices written out."""

import itertools

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scattering import NUCLEI, nuclear

from cevnsjax.constants import G_FERMI, HBAR_C_MEV_CM
from cevnsjax.flavours import NU_E, NU_E_BAR, NU_MU, NU_TAU
from cevnsjax.interactions import ContactInteraction, Model, NuclearRecoil, StandardModel, cross_section, model
from cevnsjax.interactions import generalised as generalised_module
from cevnsjax.interactions.generalised import STRUCTURES
from cevnsjax.matter import NuclearSpin, Nucleus, nuclear_spins

PAULI = [np.array(s, complex) for s in ([[0, 1], [1, 0]], [[0, -1j], [1j, 0]], [[1, 0], [0, -1]])]
ZERO, ONE = np.zeros((2, 2)), np.eye(2)
GAMMA = [np.block([[ZERO, ONE], [ONE, ZERO]])] + [np.block([[ZERO, s], [-s, ZERO]]) for s in PAULI]
GAMMA5 = np.block([[-ONE, ZERO], [ZERO, ONE]])
METRIC = np.diag([1.0, -1.0, -1.0, -1.0])
LEFT = (np.eye(4) - GAMMA5) / 2


def structures(name):
    """The matrices Gamma^X, and those with lowered indices."""
    sigma = [[0.5j * (a @ b - b @ a) for b in GAMMA] for a in GAMMA]
    upper = {
        "S": [np.eye(4)],
        "P": [1j * GAMMA5],
        "V": GAMMA,
        "A": [g @ GAMMA5 for g in GAMMA],
        "T": [sigma[m][n] for m, n in itertools.product(range(4), repeat=2)],
    }[name]
    signs = {
        "V": np.diag(METRIC),
        "A": np.diag(METRIC),
        "T": [METRIC[m, m] * METRIC[n, n] for m, n in itertools.product(range(4), repeat=2)],
    }.get(name, [1.0])
    return upper, [sign * g for sign, g in zip(signs, upper, strict=True)]


def slash(p):
    return sum(METRIC[m, m] * p[m] * GAMMA[m] for m in range(4))


def point_cross_section(name, E, T, M):
    """d(sigma)/dT in units of G_F^2 of a left-handed neutrino on a Dirac particle of mass M, by traces."""
    energy_out = E - T
    cosine = 1 - M * T / (E * energy_out)
    sine = np.sqrt(1 - cosine**2)
    k, kp = E * np.array([1, 0, 0, 1.0]), energy_out * np.array([1, sine, 0, cosine])
    p = np.array([M, 0, 0, 0.0])
    pp = p + k - kp
    upper, lower = structures(name)

    def bar(g):
        return GAMMA[0] @ g.conj().T @ GAMMA[0]

    total = 0.0
    for i, j in itertools.product(range(len(upper)), repeat=2):
        lepton = np.trace(slash(kp) @ upper[i] @ LEFT @ slash(k) @ bar(upper[j] @ LEFT))
        target = np.trace((slash(pp) + M * np.eye(4)) @ lower[i] @ (slash(p) + M * np.eye(4)) @ bar(lower[j]))
        total += lepton * target
    return float(np.real(total)) / 2 / 2 / (32 * np.pi * M * E**2)  # (1/sqrt(2))^2, and the mean over the target's spin


@pytest.mark.parametrize("name", STRUCTURES)
@given(E=st.floats(1.0, 10.0), fraction=st.floats(0.05, 0.95))
def test_kinematics_against_traces(name, E, fraction) -> None:
    """A Dirac particle as heavy as a nucleus, spin 1/2 carried by one proton, of unit coupling."""
    M = 1e6
    T = fraction * 2 * E**2 / (M + 2 * E)
    nucleus = Nucleus(Z=jnp.asarray(1.0), N=jnp.asarray(0.0), mass=jnp.asarray(M), charge_radius=jnp.asarray(0.0))
    recoil = NuclearRecoil(jnp.asarray(T), nucleus, jnp.asarray(1.0))
    interaction = ContactInteraction(name)
    alone = Model(name, "", (interaction,), ())
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(generalised_module, "nuclear_spins", lambda: [NuclearSpin(1, 0, 0.5, 0.5, 0.0)])
        params = {f"eps_u_{name}": jnp.asarray(1.0), f"eps_d_{name}": jnp.asarray(0.0)}
        found = float(cross_section(alone.nuclear(params, recoil, NU_E_BAR), jnp.asarray(E)))
    coupling = STRUCTURES[name]("u")[0]
    # A point particle's pseudoscalar goes with q / 2 M, a nucleon's with q / 2 m_N.
    mass_ratio = (M / generalised_module.NUCLEON_MASS) ** 2 if name == "P" else 1.0
    expected = G_FERMI**2 * HBAR_C_MEV_CM**2 * coupling**2 * mass_ratio * point_cross_section(name, E, T, M)
    assert found == pytest.approx(expected, rel=5 * E / M)  # what dropping T/E is worth


@pytest.mark.parametrize("name", ["P", "A", "T"])
def test_spin_is_that_of_germanium_73_alone(name) -> None:
    acting = Model(name, "", (ContactInteraction(name),), ())
    values = {f"eps_u_{name}": 1.0}
    of = {(int(n.Z), int(n.N)): nuclear(acting, values, 4.0, 1e-4, n) for n in NUCLEI[:5]}
    assert [key for key, sigma in of.items() if sigma > 0] == [(32, 41)]
    assert [(s.Z, s.N, s.J) for s in nuclear_spins()] == [(32, 41, 4.5)]


@pytest.mark.parametrize("name", STRUCTURES)
def test_standard_model_at_zero_and_for_other_flavours(name) -> None:
    acting = Model(name, "", (StandardModel(), ContactInteraction(name)), ())
    standard = Model("sm", "", (StandardModel(),), ())
    at_zero = nuclear(acting, {}, 4.0, 1e-4, NUCLEI[2])
    assert at_zero == nuclear(standard, {}, 4.0, 1e-4, NUCLEI[2])
    assert nuclear(acting, {f"eps_d_{name}": 1.0}, 4.0, 1e-4, NUCLEI[2], NU_MU) == at_zero


@pytest.mark.parametrize("name", STRUCTURES)
def test_muon_neutrinos_as_electron_neutrinos(name) -> None:
    """The same couplings for another flavour, under names of their own."""
    values = {"u": 0.3, "d": -0.2}
    found = {}
    for flavour, lepton, own in ((NU_E, "e", ""), (NU_MU, "mu", "mu_")):
        acting = Model(name, "", (StandardModel(), ContactInteraction(name, lepton)), ())
        given = {f"eps_{own}{quark}_{name}": value for quark, value in values.items()}
        found[lepton] = [nuclear(acting, given, 4.0, 1e-4, NUCLEI[2], f) for f in (flavour, NU_TAU)]
    assert found["e"] == found["mu"]
    assert found["e"][0] != found["e"][1]


def test_vector_structure_is_vector_nsi() -> None:
    """Eq. (8) has the full current of nu: eps is twice that of NSI."""
    contact = Model("V", "", (StandardModel(), ContactInteraction("V")), ())
    nsi = model("nsi_vector")
    for up, down in ((0.3, -0.1), (-0.2, 0.7)):
        expected = nuclear(nsi, {"eps_ee_uv": up, "eps_ee_dv": down}, 4.0, 1e-4)
        assert nuclear(contact, {"eps_u_V": 2 * up, "eps_d_V": 2 * down}, 4.0, 1e-4) == pytest.approx(
            expected, rel=1e-14
        )


def test_heavy_scalar_is_the_scalar_structure() -> None:
    """Eq. (14) far above q: g^4 / M^4 against (G_F eps)^2 / 2, as L = g^2 / M^2 [nubar_R nu_L] [qbar q]."""
    scalar = Model("s", "", model("scalar").interactions[1:], ())
    contact = Model("S", "", (ContactInteraction("S"),), ())
    M, eps = 1e5, 0.4
    g = (G_FERMI * eps / 2**0.5 * M**2) ** 0.5
    expected = nuclear(scalar, {"g_phi": g, "m_phi": M}, 4.0, 1e-4)
    assert nuclear(contact, {"eps_u_S": eps, "eps_d_S": eps}, 4.0, 1e-4) == pytest.approx(expected, rel=1e-6)

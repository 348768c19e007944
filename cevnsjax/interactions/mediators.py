"""Light mediators between neutrinos and quarks or electrons, Eqs. (9)-(16) of arXiv:2501.12441.

Conventions, since the same word means different things in public codes:

- vector, L = g (Q_q qbar gamma^mu q + Q_e ebar gamma^mu e + Q_nu nubar_L gamma^mu nu_L) Z'_mu, nu_L = P_L nu. The
  amplitude relative to Z exchange is g^2 Q_nu Q_f / (sqrt(2) G_F (M^2 + q^2)). Codes that write
  nubar gamma^mu nu without the projector, and then count left-handed neutrinos only, have the same g.
- scalar, L = (g_q qbar q + g_e ebar e + g_nu nubar_R nu_L + h.c.) phi.

A code with g^2 -> g^2 / 2 in an amplitude uses a coupling larger by sqrt(2): `coupling_in_convention` converts.
"""

import math
from typing import ClassVar, NamedTuple

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from cevnsjax.constants import (
    ALPHA,
    ELECTRON_MASS,
    G_FERMI,
    HBAR_C_MEV_CM,
    MUON_MASS,
    NEUTRON_MASS,
    PROTON_MASS,
    TAU_MASS,
)
from cevnsjax.flavours import Flavour, Lepton
from cevnsjax.interactions.base import Amplitude, Coefficients, ElectronRecoil, Interaction, NuclearRecoil
from cevnsjax.parameters import G_PHI, M_PHI, Parameter, Parameters

__all__ = [
    "B_MINUS_L",
    "CONUS_COUPLINGS",
    "L_E_MINUS_L_MU",
    "L_MU_MINUS_L_TAU",
    "PAPER_COUPLINGS",
    "UNIVERSAL",
    "NucleonCouplings",
    "ScalarMediator",
    "VectorCharges",
    "VectorMediator",
    "coupling_in_convention",
    "mixed_with_photons",
    "quark_content",
]


class VectorCharges(NamedTuple):
    """Charges under a new U(1): of up and down quarks, the electron, and the three neutrinos."""

    up: float
    down: float
    electron: float
    nu_e: float
    nu_mu: float
    nu_tau: float

    def of_neutrino(self, lepton: Lepton) -> float:
        """Return the charge of a neutrino."""
        return {"e": self.nu_e, "mu": self.nu_mu, "tau": self.nu_tau}[lepton]


B_MINUS_L = VectorCharges(up=1 / 3, down=1 / 3, electron=-1, nu_e=-1, nu_mu=-1, nu_tau=-1)
UNIVERSAL = VectorCharges(up=1, down=1, electron=1, nu_e=1, nu_mu=1, nu_tau=1)
L_E_MINUS_L_MU = VectorCharges(up=0, down=0, electron=1, nu_e=1, nu_mu=-1, nu_tau=0)


def mixed_with_photons(charges: VectorCharges, epsilon: float) -> VectorCharges:
    """Return charges with kinetic mixing by epsilon g: electric charges times e epsilon g are added."""
    share = (4 * math.pi * ALPHA) ** 0.5 * epsilon
    return charges._replace(
        up=charges.up + 2 * share / 3, down=charges.down - share / 3, electron=charges.electron - share
    )


MU_TAU_LOOP = -((4 * math.pi * ALPHA) ** 0.5) * math.log(TAU_MASS / MUON_MASS) / (6 * math.pi**2)
"""Kinetic mixing of L_mu - L_tau at q << m_mu by the loop of both leptons, in units of g. The sign is a convention."""

L_MU_MINUS_L_TAU = mixed_with_photons(VectorCharges(up=0, down=0, electron=0, nu_e=0, nu_mu=1, nu_tau=-1), MU_TAU_LOOP)
"""Nuclei and electrons are met by the mixing alone, so that muon neutrinos scatter off protons and electrons."""


class VectorMediator(Interaction):
    """Exchange of a vector boson Z' of mass M and coupling g; Eqs. (9)-(12) of arXiv:2501.12441.

    Q_V -> Q_V + g^2 Q_nu [Z (2 Q_u + Q_d) + N (Q_u + 2 Q_d)] / (sqrt(2) G_F (M^2 + 2 M_N T)), and for the electron g_V
    -> g_V + g^2 Q_nu Q_e / (sqrt(2) G_F (M^2 + 2 m_e T)). It keeps the flavour, and interferes. `coupling` and `mass`
    are the parameters g and M [MeV], `charges` those of quarks and leptons.

    >>> from cevnsjax.interactions import VectorMediator
    >>> from cevnsjax.interactions.mediators import L_E_MINUS_L_MU
    >>> from cevnsjax.parameters import G_Z, M_Z
    >>> [parameter.name for parameter in VectorMediator(G_Z, M_Z, L_E_MINUS_L_MU).parameters]
    ['g_z', 'm_z']
    """

    coupling: Parameter = eqx.field(static=True)
    mass: Parameter = eqx.field(static=True)
    charges: VectorCharges = eqx.field(static=True)
    cite: ClassVar[tuple[str, ...]] = ("chattaraj2025",)

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The coupling, and the mass [MeV]."""
        return self.coupling, self.mass

    def _exchange(self, params: Parameters, q2: Float[Array, ""], charge: Amplitude) -> Float[Array, ""]:
        propagator = 1 / (params[self.mass.name] ** 2 + q2)
        return params[self.coupling.name] ** 2 * charge * propagator / (2**0.5 * G_FERMI)

    def nuclear_charge(self, params: Parameters, recoil: NuclearRecoil, flavour: Flavour, final: Lepton) -> Amplitude:
        """Return Eq. (10)'s addition to Q_V."""
        if final != flavour.lepton:
            return 0.0
        c, nucleus = self.charges, recoil.nucleus
        quarks = nucleus.Z * (2 * c.up + c.down) + nucleus.N * (c.up + 2 * c.down)
        return self._exchange(params, recoil.q2, c.of_neutrino(flavour.lepton) * quarks)

    def electron_couplings(
        self, params: Parameters, recoil: ElectronRecoil, flavour: Flavour, final: Lepton
    ) -> tuple[Amplitude, Amplitude]:
        """Return Eq. (12)'s addition to g_V."""
        if final != flavour.lepton:
            return 0.0, 0.0
        charge = self.charges.of_neutrino(flavour.lepton) * self.charges.electron
        return self._exchange(params, recoil.q2, charge), 0.0


class NucleonCouplings(NamedTuple):
    """A scalar's coupling to a proton and to a neutron, in units of its coupling to quarks."""

    proton: float
    neutron: float


def quark_content(up_mass: float = 2.2, down_mass: float = 4.7) -> NucleonCouplings:
    """Return the couplings of Eq. (15), sum_q (m_N / m_q) f_Tq, for quark masses [MeV].

    The f_Tq are those of the paper. It gives no quark masses: 2.2 and 4.7 MeV are the PDG's, at 2 GeV in the
    MS-bar scheme.
    """
    proton = PROTON_MASS * (0.026 / up_mass + 0.038 / down_mass)
    neutron = NEUTRON_MASS * (0.018 / up_mass + 0.056 / down_mass)
    return NucleonCouplings(proton, neutron)


PAPER_COUPLINGS = quark_content()
CONUS_COUPLINGS = NucleonCouplings(proton=15.1, neutron=14.0)
"""Q_phi = 14 N + 15.1 Z: D. G. Cerdeno et al., JHEP 05 (2016) 118, as the CONUS collaboration uses it."""


class ScalarMediator(Interaction):
    """Exchange of a CP-even scalar phi of mass M with one coupling g to neutrinos, quarks and electrons.

    Eqs. (13)-(16) of arXiv:2501.12441: d(sigma)/dT = M_N^2 T Q_phi^2 F^2 / (4 pi E^2 (M^2 + 2 M_N T)^2) off a nucleus,
    with Q_phi = g^2 (c_p Z + c_n N), and m_e^2 T g^4 / (4 pi E^2 (M^2 + 2 m_e T)^2) off an electron. The neutrino's
    helicity flips: it adds. `nucleons` are c_p and c_n; `coupling` and `mass` are the parameters g and M [MeV].

    >>> from cevnsjax.interactions import Model, ScalarMediator, StandardModel
    >>> from cevnsjax.interactions.mediators import CONUS_COUPLINGS
    >>> conus = Model("scalar", "as CONUS", (StandardModel(), ScalarMediator(CONUS_COUPLINGS)), ("g_phi",))
    >>> len(conus.parameters)
    3
    """

    nucleons: NucleonCouplings = eqx.field(static=True, default=PAPER_COUPLINGS)
    coupling: Parameter = eqx.field(static=True, default=G_PHI)
    mass: Parameter = eqx.field(static=True, default=M_PHI)
    cite: ClassVar[tuple[str, ...]] = ("chattaraj2025",)

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The coupling, and the mass [MeV]."""
        return self.coupling, self.mass

    def nuclear_terms(self, params: Parameters, recoil: NuclearRecoil, flavour: Flavour) -> Coefficients:
        """Return the coefficients of Eq. (14)."""
        nucleus = recoil.nucleus
        charge = (self.nucleons.proton * nucleus.Z + self.nucleons.neutron * nucleus.N) * recoil.form_factor
        return self._terms(params, recoil.T, nucleus.mass, recoil.q2, charge)

    def electron_terms(self, params: Parameters, recoil: ElectronRecoil, flavour: Flavour) -> Coefficients:
        """Return the coefficients of Eq. (16)."""
        return self._terms(params, recoil.T, ELECTRON_MASS, recoil.q2, 1.0)

    def _terms(
        self, params: Parameters, T: Float[Array, ""], target: Amplitude, q2: Float[Array, ""], charge: Amplitude
    ) -> Coefficients:
        amplitude = params[self.coupling.name] ** 2 * charge / (params[self.mass.name] ** 2 + q2)
        c2 = (HBAR_C_MEV_CM * target * amplitude) ** 2 * T / (4 * jnp.pi)
        return jnp.stack([jnp.zeros_like(T), jnp.zeros_like(T), c2])


def coupling_in_convention(coupling: Float[Array, "*n"], factor: float) -> Float[Array, "*n"]:
    """Return this package's g for a code whose amplitude is `factor` times g^2 where it is g^2 here.

    A code with g^2 / 2 (a vector current without a projector, averaged over helicities, say) has the factor
    1/2: its g is larger by sqrt(2).
    """
    return coupling * jnp.sqrt(factor)

"""Contact interactions of all five Lorentz structures, Eq. (8) of arXiv:2501.12441.

    L = -(G_F / sqrt(2)) eps_q^X [nubar Gamma^X nu] [qbar Gamma_X q] ,  X = S, P, V, A, T ,

of left-handed neutrinos of one flavour with up and down quarks. In a nucleus S and V act on all nucleons together, and
P, A and T on the spin: these vanish for even-even nuclei. For q much smaller than the nucleon's mass, and with T/E
dropped as in Eq. (1), the traces give d(sigma)/dT = (G_F^2 M / (4 pi)) Q_X^2 K_X with

    K_S = M T / (2 E^2) ,  K_V = 1 - M T / (2 E^2) ,  K_A = 1 + M T / (2 E^2) ,
    K_T = 8 (1 - M T / (4 E^2)) ,  K_P = (M T / (2 E^2)) q^2 / (4 m_N^2) ,

and for spins Q_X^2 = (4 (J + 1) / (3 J)) (c_p <S_p> + c_n <S_n>)^2, all directions of the spin alike. The factor 1/4
against Eq. (1) is that of eps/2 in an amplitude, as L has the full current of nu and not twice its left half.
"""

from collections.abc import Callable
from typing import ClassVar, Literal

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from cevnsjax.constants import G_FERMI, HBAR_C_MEV_CM, NEUTRON_MASS, PROTON_MASS
from cevnsjax.flavours import Flavour, Lepton
from cevnsjax.interactions.base import Amplitude, Coefficients, Interaction, NuclearRecoil
from cevnsjax.interactions.mediators import quark_content
from cevnsjax.matter.nuclei import nuclear_spins
from cevnsjax.parameters import Parameter, Parameters

__all__ = ["STRUCTURES", "ContactInteraction", "Structure"]

Structure = Literal["S", "P", "V", "A", "T"]

NUCLEON_MASS = (PROTON_MASS + NEUTRON_MASS) / 2

UP_MASS, DOWN_MASS, STRANGE_MASS = 2.2, 4.7, 96.0
"""Quark masses [MeV], PDG, MS-bar at 2 GeV: those of the scalar mediator."""

AXIAL = {"u": (0.521 + 1.2723) / 2, "d": (0.521 - 1.2723) / 2, "s": -0.031}
"""Spin carried by a proton's quarks: F. Bishara et al., arXiv:1707.06998 (Delta u + Delta d = 0.521, g_A = 1.2723)."""

TENSOR = {"u": 0.784, "d": -0.204}
"""Tensor charges of the proton, MS-bar at 2 GeV: R. Gupta et al., Phys. Rev. D 98, 091501 (2018), arXiv:1808.07597."""

Nucleons = tuple[float, float]
"""The coupling to a proton and to a neutron of a coupling one to a quark."""


def _exchanged(of_proton: dict[str, float], quark: str) -> Nucleons:
    """Return what a quark is to a proton and, by isospin, to a neutron."""
    return of_proton[quark], of_proton["d" if quark == "u" else "u"]


def _scalar(quark: str) -> Nucleons:
    infinite = float("inf")
    return quark_content(UP_MASS, infinite) if quark == "u" else quark_content(infinite, DOWN_MASS)


def _pseudoscalar(quark: str) -> Nucleons:
    """Return the matrix element of qbar i gamma_5 q, in units of that of the nucleon, with the poles of pion and eta.

    (m_N / m_q) (Delta_q - m-bar sum_r Delta_r / m_r) with 1 / m-bar = 1/m_u + 1/m_d + 1/m_s: the anomaly removed, as at
    momentum transfers far below the pion's mass; M. Cirelli, E. Del Nobile and P. Panci, arXiv:1307.5955.
    """
    masses = {"u": UP_MASS, "d": DOWN_MASS, "s": STRANGE_MASS}
    reduced = 1 / sum(1 / m for m in masses.values())

    def in_nucleon(deltas: dict[str, float]) -> float:
        common = reduced * sum(deltas[r] / m for r, m in masses.items())
        return NUCLEON_MASS * (deltas[quark] - common) / masses[quark]

    neutron = {"u": AXIAL["d"], "d": AXIAL["u"], "s": AXIAL["s"]}
    return in_nucleon(AXIAL), in_nucleon(neutron)


STRUCTURES: dict[Structure, Callable[[str], Nucleons]] = {
    "S": _scalar,
    "P": _pseudoscalar,
    "V": lambda quark: (2.0, 1.0) if quark == "u" else (1.0, 2.0),
    "A": lambda quark: _exchanged(AXIAL, quark),
    "T": lambda quark: _exchanged(TENSOR, quark),
}
"""For each structure, the coupling to nucleons of a unit coupling to the up or the down quark."""


class ContactInteraction(Interaction):
    """One structure of Eq. (8) of arXiv:2501.12441, with couplings of one flavour of neutrino to up and down quarks.

    `structure` is "S", "P", "V", "A" or "T"; `lepton` names the flavour. Couplings are called eps_u_X and eps_d_X for
    electron neutrinos, as in the paper, and eps_mu_u_X and so on for others.

    V interferes with the Standard Model. A would interfere with its axial current off nuclei with spin, which is not
    part of Eq. (1): that is left out, and the others have none. The spin's form factor is taken as one. A nucleus
    that `data/nuclei/spins.csv` does not list counts as spinless.

    >>> from cevnsjax.interactions import ContactInteraction
    >>> [parameter.name for parameter in ContactInteraction("S").parameters]
    ['eps_u_S', 'eps_d_S']
    """

    structure: Structure = eqx.field(static=True)
    lepton: Lepton = eqx.field(static=True, default="e")
    cite: ClassVar[tuple[str, ...]] = ("chattaraj2025", "bishara2017", "gupta2018", "cirelli2013")

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """Couplings to the up and to the down quark."""
        own = "" if self.lepton == "e" else f"{self.lepton}_"
        symbol = r"\nu" if self.lepton == "e" else rf"\nu_\{self.lepton}"
        return tuple(
            Parameter(
                f"eps_{own}{quark}_{self.structure}", 0.0, 0.1, power=1,
                latex=rf"\varepsilon_{{{symbol} {quark}}}^{self.structure}",
                description=f"{self.structure} interaction of nu_{self.lepton} with {quark} quarks, "
                "Eq. (8) of arXiv:2501.12441",
            )
            for quark in "ud"
        )  # fmt: skip

    def _to_nucleons(self, params: Parameters) -> Float[Array, "2"]:
        """Return the couplings to a proton and to a neutron."""
        quarks = jnp.stack([params[p.name] for p in self.parameters])
        return quarks @ jnp.asarray([STRUCTURES[self.structure](quark) for quark in "ud"])

    def nuclear_charge(self, params: Parameters, recoil: NuclearRecoil, flavour: Flavour, final: Lepton) -> Amplitude:
        """Return eps/2 times the number of quarks, for V."""
        if self.structure != "V" or {flavour.lepton, final} != {self.lepton}:
            return 0.0
        return self._to_nucleons(params) @ jnp.stack([recoil.nucleus.Z, recoil.nucleus.N]) / 2

    def nuclear_terms(self, params: Parameters, recoil: NuclearRecoil, flavour: Flavour) -> Coefficients:
        """Return the coefficients of what adds, for all others."""
        if self.structure == "V" or flavour.lepton != self.lepton:
            return jnp.zeros(3)
        nucleus, mass, T = recoil.nucleus, recoil.nucleus.mass, recoil.T
        nucleons = self._to_nucleons(params)
        if self.structure == "S":
            charge2 = (nucleons @ jnp.stack([nucleus.Z, nucleus.N]) * recoil.form_factor) ** 2
        else:
            charge2 = jnp.zeros(())
            for spin in nuclear_spins():
                here = (nucleus.Z == spin.Z) & (nucleus.N == spin.N)
                aligned = (nucleons @ np.array([spin.protons, spin.neutrons])) ** 2
                charge2 += jnp.where(here, 4 * (spin.J + 1) / (3 * spin.J) * aligned, 0.0)
        flip = mass * T / 2
        c0, c2 = {
            "S": (0.0, flip),
            "A": (1.0, flip),
            "T": (8.0, -4 * flip),
            "P": (0.0, flip * recoil.q2 / (4 * NUCLEON_MASS**2)),
        }[self.structure]
        strength = (G_FERMI * HBAR_C_MEV_CM) ** 2 * mass / (4 * jnp.pi) * charge2
        return strength * jnp.stack([c0 * jnp.ones_like(T), jnp.zeros_like(T), c2])

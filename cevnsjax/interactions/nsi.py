"""Non-standard interactions with quarks, of vector and of tensor type, at energies far below their scale."""

from typing import ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float

from cevnsjax.constants import G_FERMI, HBAR_C_MEV_CM, W_MASS
from cevnsjax.flavours import LEPTONS, Flavour, Lepton, pair_of
from cevnsjax.interactions.base import Amplitude, Coefficients, Interaction, NuclearRecoil
from cevnsjax.matter.nuclei import Nucleus
from cevnsjax.parameters import NSI_TENSOR, NSI_VECTOR, Parameter, Parameters

__all__ = ["TensorNSI", "VectorNSI", "new_physics_scale"]


def _quark_sum(nucleus: Nucleus, up: Float[Array, ""], down: Float[Array, ""]) -> Float[Array, ""]:
    """Return (2 up + down) Z + (up + 2 down) N: what a coupling to quarks is for a nucleus."""
    return (2 * up + down) * nucleus.Z + (up + 2 * down) * nucleus.N


class VectorNSI(Interaction):
    """L = -sqrt(2) G_F eps_ll'^qV (nubar_l gamma^mu P_L nu_l') (qbar gamma_mu q), eps_ll' = eps_l'l.

    This is the usual -2 sqrt(2) G_F eps^qP (nubar gamma^mu P_L nu) (qbar gamma_mu P q) with eps^qV = eps^qL + eps^qR:
    Q_V -> Q_V + (2 eps^uV + eps^dV) Z + (eps^uV + 2 eps^dV) N towards each final flavour: J. Barranco et al.,
    JHEP 12 (2005) 021, as in T. Rink, CONUS talk at PASCOS 2022.

    >>> from cevnsjax.interactions import VectorNSI
    >>> [parameter.name for parameter in VectorNSI().parameters][:3]
    ['eps_ee_uv', 'eps_ee_dv', 'eps_emu_uv']
    """

    parameters: ClassVar[tuple[Parameter, ...]] = tuple(p for pair in NSI_VECTOR.values() for p in pair)
    cite: ClassVar[tuple[str, ...]] = ("barranco2005", "rink2022")

    def nuclear_charge(self, params: Parameters, recoil: NuclearRecoil, flavour: Flavour, final: Lepton) -> Amplitude:
        """Return the quarks' sum for the transition between the two flavours."""
        up, down = NSI_VECTOR[pair_of(flavour.lepton, final)]
        return _quark_sum(recoil.nucleus, params[up.name], params[down.name])


class TensorNSI(Interaction):
    """The operators (nubar_l sigma^{mu nu} nu_l') (qbar sigma_{mu nu} q), eps_ll' = eps_l'l.

    d(sigma)/dT = (G_F^2 M / pi) Q_T^2 F^2 (1 - M T / (4 E^2)), summed over final flavours, defines the normalisation of
    eps_ll'^qT here. It adds, and half of it is left at the largest recoil energy, where Eq. (1) of arXiv:2501.12441
    vanishes: J. Barranco et al., Int. J. Mod. Phys. A 27 (2012) 1250147, as in T. Rink, CONUS talk at PASCOS 2022. As
    there, the quarks of a nucleus act together whatever its spin.

    >>> from cevnsjax.interactions import TensorNSI
    >>> [parameter.name for parameter in TensorNSI().parameters][:2]
    ['eps_ee_ut', 'eps_ee_dt']
    """

    parameters: ClassVar[tuple[Parameter, ...]] = tuple(p for pair in NSI_TENSOR.values() for p in pair)
    cite: ClassVar[tuple[str, ...]] = ("barranco2012", "rink2022")

    def nuclear_terms(self, params: Parameters, recoil: NuclearRecoil, flavour: Flavour) -> Coefficients:
        """Return the coefficients of the tensor cross section."""
        charge2 = jnp.zeros(())
        for final in LEPTONS:
            up, down = NSI_TENSOR[pair_of(flavour.lepton, final)]
            charge2 += _quark_sum(recoil.nucleus, params[up.name], params[down.name]) ** 2
        mass, T = recoil.nucleus.mass, recoil.T
        strength = (G_FERMI * HBAR_C_MEV_CM * recoil.form_factor) ** 2 * charge2 * mass / jnp.pi
        return strength * jnp.stack([jnp.ones_like(T), jnp.zeros_like(T), -mass * T / 4])


def new_physics_scale(epsilon: Float[Array, "*n"]) -> Float[Array, "*n"]:
    """Return the scale Lambda [GeV] of an interaction of strength epsilon: eps = (m_W / Lambda)^2."""
    return W_MASS / 1e3 / jnp.sqrt(jnp.abs(epsilon))

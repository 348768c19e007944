"""What an interaction is: a shift of the vector coupling, or an addition to the cross section.

At fixed recoil energy T every cross section here is a polynomial in 1/E,

    d(sigma)/dT (E, T) = c_0(T) + c_1(T)/E + c_2(T)/E^2 ,

and an interaction says how it changes c_n. Amplitudes of one final flavour interfere: they add up in
`nuclear_charge` and `electron_couplings`. Amplitudes that change the flavour add in squares:
`nuclear_transitions`, `electron_transitions`. What flips the helicity, or is no vector current at all, adds
its own coefficients: `nuclear_terms`, `electron_terms`.
"""

from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from cevnsjax.constants import ELECTRON_MASS
from cevnsjax.flavours import Flavour
from cevnsjax.nuclei import Nucleus
from cevnsjax.parameters import Parameter, Parameters

__all__ = ["Coefficients", "ElectronRecoil", "Interaction", "NuclearRecoil"]

Coefficients = Float[Array, "3"]
"""c_0, c_1, c_2 [cm^2 MeV^(n-1)]."""


class NuclearRecoil(eqx.Module):
    """A nucleus recoiling with kinetic energy T [MeV], and the form factor F at its momentum transfer."""

    T: Float[Array, "*n"]
    nucleus: Nucleus
    form_factor: Float[Array, "*n"]

    @property
    def q2(self) -> Float[Array, "*n"]:
        """Squared momentum transfer, 2 M T [MeV^2]."""
        return 2 * self.nucleus.mass * self.T


class ElectronRecoil(eqx.Module):
    """A free electron recoiling with kinetic energy T [MeV]."""

    T: Float[Array, "*n"]

    @property
    def q2(self) -> Float[Array, "*n"]:
        """Squared momentum transfer, 2 m_e T [MeV^2]."""
        return 2 * ELECTRON_MASS * self.T


class Interaction(eqx.Module):
    """Base of all interactions. Each method's default is to change nothing; override what applies.

    Every method takes the values of the parameters, the recoil and the flavour of the incoming neutrino,
    all scalar: `vmap` comes outside.
    """

    parameters: ClassVar[tuple[Parameter, ...]] = ()

    def nuclear_charge(self, params: Parameters, recoil: NuclearRecoil, flavour: Flavour) -> Array | float:
        """Return the addition to Q_V, the nucleus' flavour-diagonal vector charge (the SM's is negative)."""
        return 0.0

    def nuclear_transitions(self, params: Parameters, recoil: NuclearRecoil, flavour: Flavour) -> Array | float:
        """Return the sum of |Q_V|^2 over the final flavours that differ from the initial one."""
        return 0.0

    def nuclear_terms(self, params: Parameters, recoil: NuclearRecoil, flavour: Flavour) -> Coefficients:
        """Return the coefficients of what adds incoherently to scattering off the nucleus."""
        return jnp.zeros(3)

    def electron_couplings(
        self, params: Parameters, recoil: ElectronRecoil, flavour: Flavour
    ) -> tuple[Array | float, Array | float]:
        """Return the additions to g_V and g_A of the electron, in the sign convention of neutrinos."""
        return 0.0, 0.0

    def electron_transitions(self, params: Parameters, recoil: ElectronRecoil, flavour: Flavour) -> Array | float:
        """Return the sum of |g_V|^2 over the final flavours that differ from the initial one."""
        return 0.0

    def electron_terms(self, params: Parameters, recoil: ElectronRecoil, flavour: Flavour) -> Coefficients:
        """Return the coefficients of what adds incoherently to scattering off one electron."""
        return jnp.zeros(3)

"""A light sterile neutrino: part of the electron neutrinos are not there any more."""

from typing import ClassVar

import jax.numpy as jnp
from jaxtyping import Array, Float

from cevnsjax.constants import EV, HBAR_C_MEV_CM
from cevnsjax.flavours import Flavour
from cevnsjax.interactions.base import Interaction
from cevnsjax.numeric import AnyArray
from cevnsjax.parameters import DM2_41, SIN2_2THETA_14, Parameter, Parameters

__all__ = ["SterileNeutrino"]


class SterileNeutrino(Interaction):
    """P(nu_e -> nu_e) = 1 - sin^2(2 theta_14) sin^2(Delta m^2_41 L / (4 E)): a factor on the flux of nu_e.

    One heavier state, at baselines L so short that the known ones do not oscillate; the source is a point. What has
    become sterile scatters off nothing: T. Rink, CONUS talk at PASCOS 2022; J. M. Berryman, Phys. Rev. D 100, 023540
    (2019).

    >>> from cevnsjax.flavours import NU_E_BAR
    >>> from cevnsjax.interactions import SterileNeutrino
    >>> params = {"sin2_2theta_14": np.float64(0.1), "dm2_41": np.float64(1.0)}
    >>> SterileNeutrino().survival(params, np.array([3.0, 5.0]), 2070.0, NU_E_BAR).round(4)  # at 20.7 m
    Array([0.9602, 0.9258], dtype=float64)
    """

    parameters: ClassVar[tuple[Parameter, ...]] = (SIN2_2THETA_14, DM2_41)
    of_flux: ClassVar[tuple[Parameter, ...]] = parameters
    cite: ClassVar[tuple[str, ...]] = ("berryman2019", "rink2022")

    def survival(
        self, params: Parameters, energy: Float[AnyArray, "*n"], baseline: Float[AnyArray, ""] | float, flavour: Flavour
    ) -> Float[Array, "*n"]:
        """Return the share of neutrinos of an energy [MeV] that are left at a distance [cm]."""
        if flavour.lepton != "e":
            return jnp.ones_like(energy)
        phase = params[DM2_41.name] * EV**2 * baseline / (4 * energy * HBAR_C_MEV_CM)
        return 1 - params[SIN2_2THETA_14.name] * jnp.sin(phase) ** 2

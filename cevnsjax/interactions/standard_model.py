"""The Standard Model at tree level: the vector charge of the nucleus, the couplings of the electron."""

from typing import ClassVar

from cevnsjax.flavours import Flavour, Lepton
from cevnsjax.interactions.base import Amplitude, ElectronRecoil, Interaction, NuclearRecoil
from cevnsjax.parameters import SIN2_THETA_W, Parameter, Parameters

__all__ = ["StandardModel"]


class StandardModel(Interaction):
    """Z exchange, and W exchange between electron neutrinos and electrons; Eqs. (1)-(4) of 2501.12441."""

    parameters: ClassVar[tuple[Parameter, ...]] = (SIN2_THETA_W,)

    def nuclear_charge(self, params: Parameters, recoil: NuclearRecoil, flavour: Flavour, final: Lepton) -> Amplitude:
        """Return Q_V = Z (1/2 - 2 sin^2(theta_W)) - N/2, Eq. (2), the same for all flavours."""
        if final != flavour.lepton:
            return 0.0
        nucleus = recoil.nucleus
        return nucleus.Z * (0.5 - 2 * params["sin2_theta_w"]) - nucleus.N / 2

    def electron_couplings(
        self, params: Parameters, recoil: ElectronRecoil, flavour: Flavour, final: Lepton
    ) -> tuple[Amplitude, Amplitude]:
        """Return g_V = -1/2 + 2 sin^2(theta_W) + delta, g_A = -1/2 + delta, delta = 1 for nu_e; Eq. (4)."""
        if final != flavour.lepton:
            return 0.0, 0.0
        charged_current = 1.0 if flavour.lepton == "e" else 0.0
        return -0.5 + 2 * params["sin2_theta_w"] + charged_current, -0.5 + charged_current

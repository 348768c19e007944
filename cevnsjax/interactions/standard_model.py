"""The Standard Model: the vector charge of the nucleus, at tree level or with radiative corrections; the electron."""

from typing import ClassVar

import equinox as eqx

from cevnsjax.constants import SIN2_THETA_W as CENTRE
from cevnsjax.flavours import Flavour, Lepton
from cevnsjax.interactions.base import Amplitude, ElectronRecoil, Interaction, NuclearRecoil
from cevnsjax.parameters import SIN2_THETA_W, Parameter, Parameters

__all__ = ["StandardModel"]

OF_NEUTRON = -0.5118
OF_PROTON: dict[Lepton, float] = {"e": 0.0384, "mu": 0.0301, "tau": 0.0258}
"""Vector couplings to nucleons with radiative corrections: those of nu_mu are in COHERENT's own files of its signal
(arXiv:2110.07730, arXiv:2006.12659). Flavours differ by the charge radii of the Standard Model: -0.83, -0.48 and -0.30
times 1e-32 cm^2."""


class StandardModel(Interaction):
    """Z exchange, and W exchange between electron neutrinos and electrons; Eqs. (1)-(4) of arXiv:2501.12441.

    `radiative` adds what the published couplings to nucleons have beyond tree level; it depends on the flavour, and
    does not move with sin^2(theta_W). Couplings to electrons stay those of tree level.

    >>> from cevnsjax.flavours import NU_E
    >>> from cevnsjax.interactions import ElectronRecoil, StandardModel
    >>> recoil = ElectronRecoil(jnp.array(1e-3))
    >>> g_v, g_a = StandardModel().electron_couplings({"sin2_theta_w": np.float64(0.23857)}, recoil, NU_E, "e")
    >>> round(float(g_v), 5), g_a
    (0.97714, 0.5)
    """

    radiative: bool = eqx.field(static=True, default=False)
    parameters: ClassVar[tuple[Parameter, ...]] = (SIN2_THETA_W,)
    cite: ClassVar[tuple[str, ...]] = ("chattaraj2025",)

    def nuclear_charge(self, params: Parameters, recoil: NuclearRecoil, flavour: Flavour, final: Lepton) -> Amplitude:
        """Return Q_V = Z (1/2 - 2 sin^2(theta_W)) - N/2, Eq. (2), or with radiative corrections."""
        if final != flavour.lepton:
            return 0.0
        nucleus, proton, neutron = recoil.nucleus, 0.5 - 2 * params["sin2_theta_w"], -0.5
        if self.radiative:
            proton += OF_PROTON[final] - (0.5 - 2 * CENTRE)
            neutron = OF_NEUTRON
        return nucleus.Z * proton + nucleus.N * neutron

    def electron_couplings(
        self, params: Parameters, recoil: ElectronRecoil, flavour: Flavour, final: Lepton
    ) -> tuple[Amplitude, Amplitude]:
        """Return g_V = -1/2 + 2 sin^2(theta_W) + delta, g_A = -1/2 + delta, delta = 1 for nu_e; Eq. (4)."""
        if final != flavour.lepton:
            return 0.0, 0.0
        charged_current = 1.0 if flavour.lepton == "e" else 0.0
        return -0.5 + 2 * params["sin2_theta_w"] + charged_current, -0.5 + charged_current

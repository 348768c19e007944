"""Neutrino flavours, as labels of flux components and of couplings."""

from typing import Literal, NamedTuple

__all__ = ["NU_E", "NU_E_BAR", "NU_MU", "NU_MU_BAR", "NU_TAU", "NU_TAU_BAR", "Flavour"]


class Flavour(NamedTuple):
    """A neutrino of one flavour, or its antineutrino."""

    lepton: Literal["e", "mu", "tau"]
    antineutrino: bool


NU_E = Flavour("e", False)
NU_MU = Flavour("mu", False)
NU_TAU = Flavour("tau", False)
NU_E_BAR = Flavour("e", True)
NU_MU_BAR = Flavour("mu", True)
NU_TAU_BAR = Flavour("tau", True)

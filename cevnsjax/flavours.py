"""Neutrino flavours, as labels of flux components and of couplings."""

from typing import Literal, NamedTuple, get_args

__all__ = [
    "FLAVOURS",
    "LEPTONS",
    "NU_E",
    "NU_E_BAR",
    "NU_MU",
    "NU_MU_BAR",
    "NU_TAU",
    "NU_TAU_BAR",
    "Flavour",
    "Lepton",
    "pair_of",
]

Lepton = Literal["e", "mu", "tau"]
LEPTONS: tuple[Lepton, ...] = get_args(Lepton)


class Flavour(NamedTuple):
    """A neutrino of one flavour, or its antineutrino: a `lepton`, "e", "mu" or "tau", and `antineutrino`, a bool.

    >>> from cevnsjax.flavours import NU_E_BAR, Flavour
    >>> Flavour("e", antineutrino=True) == NU_E_BAR
    True
    """

    lepton: Lepton
    antineutrino: bool


def pair_of(one: Lepton, other: Lepton) -> str:
    """Return the label of a pair of flavours, `one` and the `other`, whatever their order: couplings are symmetric.

    >>> from cevnsjax.flavours import pair_of
    >>> pair_of("mu", "e")
    'emu'
    """
    return "".join(sorted((one, other), key=LEPTONS.index))


NU_E = Flavour("e", False)
NU_MU = Flavour("mu", False)
NU_TAU = Flavour("tau", False)
NU_E_BAR = Flavour("e", True)
NU_MU_BAR = Flavour("mu", True)
NU_TAU_BAR = Flavour("tau", True)

FLAVOURS: dict[str, Flavour] = {
    "nu_e": NU_E,
    "nu_mu": NU_MU,
    "nu_tau": NU_TAU,
    "nu_e_bar": NU_E_BAR,
    "nu_mu_bar": NU_MU_BAR,
    "nu_tau_bar": NU_TAU_BAR,
}
"""Flavours by the names that files use."""

"""Interactions of neutrinos with nuclei and electrons, as shifts and additions."""

from cevnsjax.interactions.base import ElectronRecoil, Interaction, NuclearRecoil
from cevnsjax.interactions.model import MODELS, Model, cross_section, model
from cevnsjax.interactions.standard_model import StandardModel

__all__ = [
    "MODELS",
    "ElectronRecoil",
    "Interaction",
    "Model",
    "NuclearRecoil",
    "StandardModel",
    "cross_section",
    "model",
]

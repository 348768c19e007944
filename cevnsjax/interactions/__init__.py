"""Interactions of neutrinos with nuclei and electrons, as shifts and additions."""

from cevnsjax.interactions.base import ElectronRecoil, Interaction, NuclearRecoil, OnElectrons
from cevnsjax.interactions.electromagnetic import ChargeRadius, MagneticMoment, Millicharge
from cevnsjax.interactions.generalised import ContactInteraction
from cevnsjax.interactions.mediators import ScalarMediator, VectorMediator
from cevnsjax.interactions.model import MODELS, Model, cross_section, model
from cevnsjax.interactions.nsi import TensorNSI, VectorNSI
from cevnsjax.interactions.standard_model import StandardModel
from cevnsjax.interactions.sterile import SterileNeutrino

__all__ = [
    "MODELS",
    "ChargeRadius",
    "ContactInteraction",
    "ElectronRecoil",
    "Interaction",
    "MagneticMoment",
    "Millicharge",
    "Model",
    "NuclearRecoil",
    "OnElectrons",
    "ScalarMediator",
    "StandardModel",
    "SterileNeutrino",
    "TensorNSI",
    "VectorMediator",
    "VectorNSI",
    "cross_section",
    "model",
]

"""What a detector is made of: nuclei, electron shells, form factors, targets."""

from cevnsjax.matter.atoms import Shells, effective_electrons, shells
from cevnsjax.matter.form_factors import FORM_FACTORS, helm, klein_nystrand, point
from cevnsjax.matter.nuclei import (
    Element,
    NuclearSpin,
    Nucleus,
    coherence_energy,
    element,
    maximal_recoil_energy,
    minimal_energy,
    nuclear_spins,
)
from cevnsjax.matter.target import ELECTRONS, Target, target

__all__ = [
    "ELECTRONS",
    "FORM_FACTORS",
    "Element",
    "NuclearSpin",
    "Nucleus",
    "Shells",
    "Target",
    "coherence_energy",
    "effective_electrons",
    "element",
    "helm",
    "klein_nystrand",
    "maximal_recoil_energy",
    "minimal_energy",
    "nuclear_spins",
    "point",
    "shells",
    "target",
]

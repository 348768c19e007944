"""What a detector is made of: elements in proportion, with their shells and a form factor."""

from collections.abc import Mapping

import equinox as eqx
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from cevnsjax.atoms import Shells, shells
from cevnsjax.compilation import constant
from cevnsjax.constants import AVOGADRO
from cevnsjax.errors import InputError, unknown_name
from cevnsjax.form_factors import FORM_FACTORS
from cevnsjax.nuclei import Element, element

__all__ = ["ELECTRONS", "Target", "target"]

ELECTRONS = ("bound", "free")
"""How electrons may be counted."""


class Target(eqx.Module):
    """Elements, the atoms of each in a formula unit, their shells, and the form factor by name."""

    elements: tuple[Element, ...]
    shells: tuple[Shells, ...]
    atoms: tuple[float, ...] = eqx.field(static=True)
    form_factor: str = eqx.field(static=True)

    def units_per_kg(self) -> Float[Array, ""]:
        """Return the number of formula units in one kilogram."""
        molar_masses = jnp.stack([e.molar_mass for e in self.elements])
        return 1000 * AVOGADRO / (jnp.asarray(self.atoms) @ molar_masses)


def target(elements: Mapping[str, float], form_factor: str = "helm", electrons: str = "bound") -> Target:
    """Return a target from atoms per formula unit, {"Cs": 1, "I": 1} for instance.

    Electrons are `bound`, so that a recoil sets free only those of the shells below its energy, or `free`, all Z
    of them at any energy. Raises `InputError` for an element, a form factor or a treatment of electrons that is not
    known, or a count that is not positive.
    """
    if form_factor not in FORM_FACTORS:
        raise unknown_name("form factor", form_factor, FORM_FACTORS)
    if not elements or not all(count > 0 for count in elements.values()):
        raise InputError(
            f"a target of {dict(elements)} is not possible: give a positive number of atoms of each element"
        )
    if electrons not in ELECTRONS:
        raise unknown_name("treatment of electrons", electrons, ELECTRONS)
    found = tuple(element(symbol) for symbol in elements)
    bound = tuple(shells(symbol) for symbol in elements)
    if electrons == "free":
        bound = tuple(Shells(s.occupancy, constant(np.zeros(s.binding_energy.size))) for s in bound)
    atoms = tuple(float(count) for count in elements.values())
    return Target(found, bound, atoms, form_factor)

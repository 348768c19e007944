"""What a detector is made of: elements in proportion, with their shells and a form factor."""

from collections.abc import Mapping

import equinox as eqx
import numpy as np
from jaxtyping import Float

from cevnsjax.constants import AVOGADRO
from cevnsjax.errors import InputError, unknown_name
from cevnsjax.matter.atoms import Shells, effective_electrons, shells
from cevnsjax.matter.form_factors import FORM_FACTORS
from cevnsjax.matter.nuclei import Element, element
from cevnsjax.numeric import AnyArray, Part, namespace

__all__ = ["ELECTRONS", "Target", "target"]

ELECTRONS = ("bound", "free")
"""How electrons may be counted."""

LEAST = 1e-12
"""Form factors are no smaller where one is divided by them."""


class Target(Part):
    """A target: `elements`, the number of `atoms` of each in a formula unit, and their `shells`.

    `form_factor` is a key of FORM_FACTORS. `radius_factor` multiplies the charge radii that the form factors use.
    `neutron_radius` [fm] is that of the neutrons in all nuclei; None: neutrons have the form factor of the protons.
    """

    elements: tuple[Element, ...]
    shells: tuple[Shells, ...]
    atoms: tuple[float, ...] = eqx.field(static=True)
    form_factor: str = eqx.field(static=True)
    radius_factor: float = 1.0
    neutron_radius: float | None = None

    @property
    def units_per_kg(self) -> Float[AnyArray, ""]:
        """Number of formula units in one kilogram [1 / kg]."""
        return 1000 * AVOGADRO / sum(n * e.molar_mass for n, e in zip(self.atoms, self.elements, strict=True))

    def form_factors(self, element: Element, T: Float[AnyArray, "*n"]) -> Float[AnyArray, "isotopes *n"]:
        """Return the form factor, dimensionless, of each isotope of an `element` at recoil energies `T` [MeV]."""
        shape = (-1, *[1] * namespace(T).ndim(T))
        mass, radius = (leaf.reshape(shape) for leaf in (element.isotopes.mass, element.isotopes.charge_radius))
        q2 = 2 * mass * T
        return FORM_FACTORS[self.form_factor](q2, namespace(q2).broadcast_to(self.radius_factor * radius, q2.shape))

    def neutrons(
        self, element: Element, T: Float[AnyArray, "*n"], form_factors: Float[AnyArray, "isotopes *n"]
    ) -> Float[AnyArray, "isotopes *n"]:
        """Return the neutrons of each isotope that act together, in units of the protons' form factor: N F_n / F_p.

        So that Q_V F becomes Z g_V^p F_p + N g_V^n F_n, as in arXiv:2303.09360. `T` [MeV] are recoil energies of an
        `element`, `form_factors` the protons' own at T.
        """
        shape = (-1, *[1] * namespace(T).ndim(T))
        xp = namespace(T, form_factors)
        number = xp.broadcast_to(element.isotopes.N.reshape(shape), form_factors.shape)
        if self.neutron_radius is None:
            return number
        q2 = 2 * element.isotopes.mass.reshape(shape) * T
        of_neutrons = FORM_FACTORS[self.form_factor](q2, xp.full_like(q2, self.neutron_radius))
        # The cross section multiplies by F_p again. Only within LEAST of a zero of F_p the neutrons' part is lost.
        return number * of_neutrons / xp.where(xp.abs(form_factors) < LEAST, LEAST, form_factors)

    def electrons_per_kg(self, T: Float[AnyArray, "*n"]) -> Float[AnyArray, "*n"]:
        """Return the number of electrons in one kilogram [1 / kg] that a recoil energy `T` [MeV] sets free."""
        pairs = zip(self.atoms, self.shells, strict=True)
        return self.units_per_kg * sum(atoms * effective_electrons(T, s) for atoms, s in pairs)

    @property
    def binding_energies(self) -> Float[np.ndarray, " shells"]:
        """All binding energies [MeV], across which a quadrature over an electron's recoil must not reach."""
        return np.concatenate([s.binding_energy for s in self.shells])


def target(
    elements: Mapping[str, float],
    form_factor: str = "helm",
    electrons: str = "bound",
    radius_factor: float = 1.0,
    neutron_radius: float | None = None,
) -> Target:
    """Return a target of `elements`: atoms per formula unit, {"Cs": 1, "I": 1} for instance.

    `form_factor` is a key of FORM_FACTORS. `electrons` are "bound", so that a recoil sets free only those of the shells
    below its energy, or "free", all Z of them at any energy. `radius_factor` multiplies the charge radii.
    `neutron_radius` [fm] is common to all nuclei; None: that of the protons. Raises `InputError` for an element, a form
    factor or a treatment of electrons that is not known, or a count that is not positive.

    >>> from cevnsjax.matter import target
    >>> crystal = target({"Cs": 1, "I": 1})
    >>> f"{crystal.units_per_kg:.3e}"
    '2.318e+24'
    >>> crystal.electrons_per_kg(np.array([1e-3])) / crystal.units_per_kg  # of 108 electrons, at 1 keV
    array([78.])
    """
    if form_factor not in FORM_FACTORS:
        raise unknown_name("form factor", form_factor, FORM_FACTORS)
    if not elements or not all(count > 0 for count in elements.values()):
        raise InputError(
            f"a target of {dict(elements)} is not possible: give a positive number of atoms of each element"
        )
    if electrons not in ELECTRONS:
        raise unknown_name("treatment of electrons", electrons, ELECTRONS)
    bound = tuple(shells(symbol) for symbol in elements)
    if electrons == "free":
        bound = tuple(Shells(s.occupancy, np.zeros(s.binding_energy.size)) for s in bound)
    atoms = tuple(float(count) for count in elements.values())
    made_of = tuple(element(symbol) for symbol in elements)
    return Target(made_of, bound, atoms, form_factor, float(radius_factor), neutron_radius)

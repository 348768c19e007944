"""What tests of interactions share: nuclei of several elements, and a model's cross section at one energy.

These call the package; what they are compared with stands in each test, typed from the formula.
"""

import jax
import jax.numpy as jnp

from cevnsjax.flavours import NU_E_BAR
from cevnsjax.form_factors import helm
from cevnsjax.interactions import ElectronRecoil, NuclearRecoil, cross_section
from cevnsjax.nuclei import element

# Germanium and, for other charges and radii, the only isotopes of iodine, caesium and sodium.
TARGETS = [(symbol, i) for symbol, count in (("Ge", 5), ("I", 1), ("Cs", 1), ("Na", 1)) for i in range(count)]
NUCLEI = [jax.tree.map(lambda leaf, i=i: leaf[i], element(symbol).isotopes) for symbol, i in TARGETS]


def numbers(nucleus):
    """Z, N, mass and radius as plain numbers."""
    return float(nucleus.Z), float(nucleus.N), float(nucleus.mass), float(nucleus.charge_radius)


def nuclear_recoil(T, nucleus=NUCLEI[1]):
    T = jnp.asarray(T)
    return NuclearRecoil(T, nucleus, helm(2 * nucleus.mass * T, nucleus.charge_radius))


def params(acting, **given):
    values = {p.name: p.default for p in acting.parameters} | given
    return {name: jnp.asarray(float(v)) for name, v in values.items()}


def nuclear(acting, values, E, T, nucleus=NUCLEI[1], flavour=NU_E_BAR):
    coefficients = acting.nuclear(params(acting, **values), nuclear_recoil(T, nucleus), flavour)
    return float(cross_section(coefficients, jnp.asarray(E)))


def electron(acting, values, E, T, flavour=NU_E_BAR):
    coefficients = acting.electron(params(acting, **values), ElectronRecoil(jnp.asarray(T)), flavour)
    return float(cross_section(coefficients, jnp.asarray(E)))

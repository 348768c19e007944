"""What tests of interactions share: nuclei, a model's cross section at one energy, and its counts in an experiment.

These call the package; what they are compared with stands in each test, typed from the formula.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from cevnsjax.flavours import NU_E_BAR
from cevnsjax.interactions import ElectronRecoil, NuclearRecoil, cross_section, model
from cevnsjax.matter import element, helm
from cevnsjax.rates import electron_nodes, nuclear_nodes, rates_at, rates_by_quadrature
from cevnsjax.response import RESPONSE_ORDER

SM = model("sm")

quick = functools.partial(jax.jit, compiler_options={"xla_backend_optimization_level": 0})
"""JAX's compiler for functions that are called a few times: its effort would cost more than it saves."""

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


# Gradients


def recoil_of(kind, T):
    return nuclear_recoil(T) if kind == "nuclear" else ElectronRecoil(T)


def check_slopes(acting, kind, E, T, rel, **couplings):
    """Compare the gradient of a cross section, in all parameters and T, with differences.

    By Richardson's formula, of the step's fourth power; what is below 1e-11 of the value is lost in roundings. Returns
    the value, and the slopes times the parameters.
    """

    def value(point):
        values = {name: x for name, x in point.items() if name != "T"}
        coefficients = getattr(acting, kind)(values, recoil_of(kind, point["T"]), NU_E_BAR)
        return cross_section(coefficients, jnp.asarray(E)) * 1e40

    both = quick(jax.value_and_grad(value))
    point = {name: float(x) for name, x in params(acting, **couplings).items()} | {"T": T}
    total, slopes = both(point)
    slopes = {name: float(slope) * point[name] for name, slope in slopes.items()}
    for name, x in point.items():
        near, far = (
            float(both(point | {name: x * (1 + h)})[0] - both(point | {name: x * (1 - h)})[0]) / (2 * h)
            for h in (1e-3, 2e-3)
        )
        assert slopes[name] == pytest.approx((4 * near - far) / 3, rel=rel, abs=1e-11 * float(total)), name
    return float(total), slopes


def check_finite_slopes(acting, points):
    """At dicts of couplings and recoil energies: forwards, and backwards of the sum of all coefficients."""

    def both(values, T):
        return tuple(getattr(acting, kind)(values, recoil_of(kind, T), NU_E_BAR) for kind in ("nuclear", "electron"))

    def slopes(values, T):
        back = jax.grad(lambda v, t: sum(c.sum() for c in both(v, t)), argnums=(0, 1))(values, T)
        return jax.jacfwd(both, argnums=(0, 1))(values, T), back

    at = quick(slopes)
    for values, T in points:
        found = at({name: float(x) for name, x in params(acting, **values).items()}, T)
        assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(found)), (values, T)


# Counts


def kinds(channel):
    """The kinds of recoil of a channel."""
    return {"all": ("nuclear", "electron"), "cevns": ("nuclear",), "eves": ("electron",)}[channel]


def sampled(signal, kind, order=RESPONSE_ORDER):
    """Quadrature weights of one kind of recoil, what is at the nodes, and the probability of each bin."""
    response = getattr(signal, kind)
    energy, weight = response.nodes(order)
    if kind == "nuclear":
        nodes = nuclear_nodes(signal.target, signal.moments, response, energy)
    else:
        nodes = electron_nodes(signal.target, signal.moments, energy)
    return weight, nodes, response.probabilities(energy, slice(None))


def prediction(experiment, acting=SM, values=None, channel="all", order=RESPONSE_ORDER):
    """Counts of the signal in all cells, at values of couplings: the others have their defaults."""
    flavours = tuple(component.flavour for component in experiment.signal.components)
    points = {p.name: np.array([(values or {}).get(p.name, p.default)]) for p in acting.parameters}
    total = np.zeros(experiment.size)
    for kind in kinds(channel):
        weight, nodes, bins = sampled(experiment.signal, kind, order)
        (rates,) = rates_at(acting, flavours, [nodes], points)
        total += experiment.in_cells((weight * rates[0]) @ bins.T)
    return total


def by_quadrature(experiment, order=8, **cross_sections):
    """The same for any cross sections, `nuclear` and `electron`, functions of E, recoil and flavour: no moments."""
    components, total = experiment.signal.components, np.zeros(experiment.size)
    for kind, function in cross_sections.items():
        weight, nodes, bins = sampled(experiment.signal, kind)
        rates = quick(lambda nodes=nodes, f=function: rates_by_quadrature(nodes, components, f, order))()
        total += experiment.in_cells((weight * np.asarray(rates)) @ bins.T)
    return total

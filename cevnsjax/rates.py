"""From cross sections to recoil spectra: dR/dE = N dT/dE sum_n c_n(T) Phi_n(T).

Recoil energies, form factors and flux moments do not depend on couplings. NumPy calculates them once, at the nodes of a
response. JAX sums over the model's coefficients c_n; one program for each model serves all experiments and detectors.
"""

import dataclasses
import weakref
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from typing import Any, Literal, TypeVar, get_args

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from cevnsjax.constants import ELECTRON_MASS
from cevnsjax.flavours import Flavour
from cevnsjax.interactions import ElectronRecoil, Model, NuclearRecoil
from cevnsjax.matter import Nucleus, Target, minimal_energy
from cevnsjax.numeric import AnyArray, namespace
from cevnsjax.parameters import Parameters
from cevnsjax.programs import program
from cevnsjax.response import Response, recoil_energy
from cevnsjax.sources import Component, Moments

__all__ = [
    "CHANNELS",
    "Channel",
    "ElectronNodes",
    "NuclearNodes",
    "electron_nodes",
    "electron_rate",
    "nuclear_nodes",
    "nuclear_rate",
    "rates_at",
    "rates_by_quadrature",
    "recoil_rate",
]

Channel = Literal["all", "cevns", "eves"]
CHANNELS: tuple[str, ...] = get_args(Channel)
"""Both kinds of scattering, off nuclei only, off electrons only."""

Points = Mapping[str, Float[AnyArray, " points"]]

FEW, MANY, SETS = 4, 64, 8
"""Sizes of batches: points in a fit (a small program), points in a long scan, and sets of nodes."""

LEAST_NODES = 256
"""Numbers of nodes are filled up to this, or a power of two above it, so that experiments share programs."""

_every_filled: dict[int, Any] = {}
"""Nodes that are filled up, by the id of what they are made of."""


class NuclearNodes(eqx.Module):
    """The isotopes of a target at the nodes of a response.

    `T` [MeV] are recoil energies of each `nucleus`. `form_factor` is the protons', and the `neutrons` act together in
    units of it. `minimum` [MeV] is the least neutrino energy. `per_kg` is the number of nuclei in a kilogram times
    dT/dE [1 / kg], and `weight` that times the flux moments of each component.
    """

    T: Float[AnyArray, "isotopes nodes"]
    nucleus: Nucleus  # leaves of shape (isotopes,)
    form_factor: Float[AnyArray, "isotopes nodes"]
    neutrons: Float[AnyArray, "isotopes nodes"]
    minimum: Float[AnyArray, "isotopes nodes"]
    per_kg: Float[AnyArray, "isotopes nodes"]
    weight: Float[AnyArray, "components 3 isotopes nodes"]


class ElectronNodes(eqx.Module):
    """The electrons of a target at recoil energies `T` [MeV].

    `minimum` [MeV] is the least neutrino energy. `per_kg` is the number of electrons that each recoil sets free [1 /
    kg], and `weight` that times the flux moments of each component.
    """

    T: Float[AnyArray, " nodes"]
    minimum: Float[AnyArray, " nodes"]
    per_kg: Float[AnyArray, " nodes"]
    weight: Float[AnyArray, "components 3 nodes"]


Nodes = TypeVar("Nodes", bound=NuclearNodes | ElectronNodes)


def nuclear_nodes(
    target: Target, moments: tuple[Moments, ...], response: Response, energy: Float[AnyArray, " nodes"]
) -> NuclearNodes:
    """Return the nuclei of a `target` at visible energies [MeV] of a `response`.

    `energy` are the visible energies, `moments` those of each flux component.

    >>> from cevnsjax.rates import nuclear_nodes
    >>> signal = cevnsjax.load_experiment("conus_plus").signal
    >>> nodes = nuclear_nodes(signal.target, signal.moments, signal.nuclear, np.array([2e-4]))
    >>> (1e3 * nodes.T[:, 0]).round(2)  # recoil energies [keV] of the isotopes of germanium at 200 eV_ee
    array([1.12, 1.12, 1.12, 1.12, 1.12])
    """
    parts = []
    for index, (atoms, element) in enumerate(zip(target.atoms, target.elements, strict=True)):
        yields = response.of_element(index)
        T = recoil_energy(yields, energy)
        xp = namespace(T)
        isotopes = element.isotopes
        shape = isotopes.mass.size, T.size
        per_kg = target.units_per_kg * atoms * element.abundance[:, None] / yields.slope(T)
        minimum = minimal_energy(T, isotopes.mass[:, None])
        form_factor = target.form_factors(element, T)
        neutrons = target.neutrons(element, T, form_factor)
        parts.append((xp.broadcast_to(T, shape), form_factor, neutrons, minimum, per_kg))
    xp = namespace(*parts[0])
    T, form_factor, neutrons, minimum, per_kg = (xp.concatenate(columns) for columns in zip(*parts, strict=True))
    nuclei = [element.isotopes for element in target.elements]
    nucleus = jax.tree.map(lambda *leaves: namespace(*leaves).concatenate(leaves), *nuclei)
    return NuclearNodes(T, nucleus, form_factor, neutrons, minimum, per_kg, _weight(moments, minimum, per_kg))


def electron_nodes(target: Target, moments: tuple[Moments, ...], energy: Float[AnyArray, " nodes"]) -> ElectronNodes:
    """Return the electrons of a `target` at recoil energies `energy` [MeV], with `moments` of each flux component.

    >>> from cevnsjax.rates import electron_nodes
    >>> signal = cevnsjax.load_experiment("conus_plus").signal
    >>> nodes = electron_nodes(signal.target, signal.moments, np.array([1e-3]))
    >>> f"{nodes.per_kg[0]:.2e}"  # electrons per kg that 1 keV sets free
    '1.82e+26'
    """
    minimum, per_kg = minimal_energy(energy, ELECTRON_MASS), target.electrons_per_kg(energy)
    return ElectronNodes(energy, minimum, per_kg, _weight(moments, minimum, per_kg))


def _weight(moments: tuple[Moments, ...], minimum: AnyArray, per_kg: AnyArray) -> AnyArray:
    found = [one(minimum) * per_kg for one in moments]
    return namespace(*found).stack(found)


def with_moments(nodes: Nodes, moments: tuple[Moments, ...]) -> Nodes:
    """Return the nodes with other flux moments, those of what oscillation leaves for instance."""
    return eqx.tree_at(lambda n: n.weight, nodes, _weight(moments, nodes.minimum, nodes.per_kg))


def _recoil(nodes: NuclearNodes) -> NuclearRecoil:
    """Return the recoils of all isotopes at the nodes; what a neutron couples to has the neutrons' form factor."""
    shape = nodes.T.shape
    nucleus = jax.tree.map(lambda leaf: jnp.broadcast_to(jnp.asarray(leaf)[:, None], shape), nodes.nucleus)
    nucleus = dataclasses.replace(nucleus, N=jnp.asarray(nodes.neutrons))
    return NuclearRecoil(jnp.asarray(nodes.T), nucleus, jnp.asarray(nodes.form_factor))


def nuclear_rate(
    model: Model, flavours: tuple[Flavour, ...], nodes: NuclearNodes, params: Parameters
) -> Float[Array, "components nodes"]:
    """Return dR/dE off nuclei [events kg^-1 s^-1 MeV^-1] of each flux component: Eq. (17) of arXiv:2501.12441.

    `flavours` are those of the components, `nodes` the target's, and `params` the values of the `model`'s parameters.

    >>> from cevnsjax.rates import nuclear_nodes, nuclear_rate
    >>> signal = cevnsjax.load_experiment("conus_plus").signal
    >>> nodes = nuclear_nodes(signal.target, signal.moments, signal.nuclear, np.array([2e-4]))
    >>> flavours = tuple(component.flavour for component in signal.components)
    >>> rate = nuclear_rate(cevnsjax.model("sm"), flavours, nodes, {"sin2_theta_w": np.float64(0.23857)})
    >>> f"{float(rate[0, 0]) * 86400 * 1e-3:.1f}"  # [1 / kg / d / keV_ee] at 200 eV_ee
    '10.0'
    """
    recoil = _recoil(nodes)
    # Once for each flavour: a source may have many components.
    of = {f: jax.vmap(jax.vmap(partial(model.nuclear, params, flavour=f)))(recoil) for f in dict.fromkeys(flavours)}
    pairs = zip(flavours, nodes.weight, strict=True)
    return jnp.stack([jnp.einsum("nij,ijn->j", jnp.asarray(weight), of[flavour]) for flavour, weight in pairs])


def electron_rate(
    model: Model, flavours: tuple[Flavour, ...], nodes: ElectronNodes, params: Parameters
) -> Float[Array, "components nodes"]:
    """Return dR/dE off electrons [events kg^-1 s^-1 MeV^-1] of each flux component: Eq. (19) of arXiv:2501.12441.

    `flavours` are those of the components, `nodes` the target's, and `params` the values of the `model`'s parameters.

    >>> from cevnsjax.rates import electron_nodes, electron_rate
    >>> signal = cevnsjax.load_experiment("conus_plus").signal
    >>> nodes = electron_nodes(signal.target, signal.moments, np.array([2e-4]))
    >>> flavours = tuple(component.flavour for component in signal.components)
    >>> rate = electron_rate(cevnsjax.model("sm"), flavours, nodes, {"sin2_theta_w": np.float64(0.23857)})
    >>> f"{float(rate[0, 0]) * 86400 * 1e-3:.4f}"  # [1 / kg / d / keV_ee] at 200 eV_ee
    '0.0025'
    """
    recoil = ElectronRecoil(jnp.asarray(nodes.T))
    of = {f: jax.vmap(partial(model.electron, params, flavour=f))(recoil) for f in dict.fromkeys(flavours)}
    pairs = zip(flavours, nodes.weight, strict=True)
    return jnp.stack([jnp.einsum("nj,jn->j", jnp.asarray(weight), of[flavour]) for flavour, weight in pairs])


def rates_at(
    model: Model, flavours: tuple[Flavour, ...], nodes: Sequence[Nodes], points: Points
) -> list[Float[np.ndarray, "points components nodes"]]:
    """Return dR/dE [events kg^-1 s^-1 MeV^-1] at several points, for each of several sets of nodes, as NumPy's.

    `points` are values of the `model`'s parameters, an array for each name; `flavours` are those of the flux
    components. Points, `nodes` and sets are filled up to fixed sizes, so that few programs serve a model: one for
    nuclei and one for electrons in a single fit, others for many sets or many points.

    >>> from cevnsjax.rates import electron_nodes, rates_at
    >>> signal = cevnsjax.load_experiment("conus_plus").signal
    >>> nodes = electron_nodes(signal.target, signal.moments, np.array([1e-3, 2e-3]))
    >>> flavours = tuple(component.flavour for component in signal.components)
    >>> rates_at(cevnsjax.model("sm"), flavours, [nodes], {"sin2_theta_w": np.array([0.2, 0.24, 0.3])})[0].shape
    (3, 1, 2)
    """
    (number,) = {np.size(values) for values in points.values()}
    columns = {name: np.asarray(values, dtype=np.float64) for name, values in points.items()}
    sizes = [one.T.shape[-1] for one in nodes]
    filled = [_filled(one, size) for one, size in zip(nodes, sizes, strict=True)]
    alike = len({one.T.shape for one in filled}) == 1 and len(filled) > 1
    together = FEW if number <= 4 * FEW else MANY
    rates: list[Any] = [[] for _ in nodes]
    for chunk in _chunks(number, together):
        params = {name: values[chunk] for name, values in columns.items()}
        # All that goes in are numbers, also where a likelihood is prepared while JAX traces a caller.
        with jax.core.eval_context():
            if alike:
                for sets in _chunks(len(filled), SETS):
                    stacked = jax.tree.map(lambda *leaves: np.stack(leaves), *(filled[i] for i in sets))
                    several = np.asarray(_rates_of_sets(model, flavours, stacked, params))
                    for i, one in zip(sets[: len(filled) - sets[0]], several, strict=False):
                        rates[i].append(one)
            else:
                at_nodes = _rates if together == FEW else _rates_of_many
                for i, one in enumerate(filled):
                    rates[i].append(at_nodes(model, flavours, one, params))
    # Only here does anything wait for results: chunks are calculated side by side.
    return [np.concatenate(parts)[:number, :, :size] for parts, size in zip(rates, sizes, strict=True)]


def _at_points(
    model: Model, flavours: tuple[Flavour, ...], nodes: NuclearNodes | ElectronNodes, params: Points
) -> Float[Array, "points components nodes"]:
    rate: Callable[..., Array] = nuclear_rate if isinstance(nodes, NuclearNodes) else electron_rate
    return jax.vmap(lambda point: rate(model, flavours, nodes, point))(params)


# The compiler's effort would cost more than it saves for few points.
_rates = program("flavours", effort=0)(_at_points)
_rates_of_many = program("flavours")(_at_points)


@program("flavours", effort=1)
def _rates_of_sets(
    model: Model, flavours: tuple[Flavour, ...], nodes: NuclearNodes | ElectronNodes, params: Points
) -> Float[Array, "sets points components nodes"]:
    return jax.vmap(lambda one: _at_points(model, flavours, one, params))(nodes)


def _chunks(number: int, size: int) -> Iterator[np.ndarray]:
    """Give the indices of chunks of one size; the last one is filled up with its last index."""
    for first in range(0, number, size):
        yield np.minimum(np.arange(first, first + size), number - 1)


def _filled(nodes: Nodes, size: int) -> Nodes:
    """Return nodes, filled up to a power of two with copies of the last node; the same as long as `nodes` are there.

    The caller drops the results at these copies.
    """
    known = _every_filled.get(id(nodes))
    if known is not None:
        return known
    whole = max(LEAST_NODES, 1 << (size - 1).bit_length())
    filled = jax.tree.map(partial(_wider, size, whole), eqx.tree_at(lambda n: n.per_kg, nodes, np.zeros(1)))
    nucleus = getattr(nodes, "nucleus", None)  # whose number of isotopes may be that of the nodes
    if nucleus is not None:
        filled = eqx.tree_at(lambda n: n.nucleus, filled, nucleus)
    _every_filled[id(nodes)] = filled
    weakref.finalize(nodes, _every_filled.pop, id(nodes), None)
    return filled


def _wider(size: int, whole: int, leaf: Any) -> Any:
    """Return a leaf whose last axis is that of nodes, so long as the `whole`; another one as it is."""
    if np.ndim(leaf) == 0 or leaf.shape[-1] != size:
        return leaf
    return np.pad(leaf, [(0, 0)] * (leaf.ndim - 1) + [(0, whole - size)], mode="edge")


def recoil_rate(
    cross_section: Callable[[AnyArray, AnyArray], AnyArray],
    component: Component,
    recoil: Float[AnyArray, "*n"],
    mass: Float[AnyArray, ""] | float,
    order: int = 8,
) -> Float[AnyArray, "*n"]:
    """Return dR/dT [s^-1 MeV^-1 per target] for any d(sigma)/dT(E, T) [cm^2/MeV], by direct quadrature over E.

    `cross_section(E, T)` takes energies of any shape and one recoil energy [MeV]; `component` is the flux, `recoil` has
    the recoil energies T [MeV], and `mass` [MeV] is the target's. `order` is the number of nodes on each panel. Nothing
    is assumed of the form of the cross section.

    >>> from cevnsjax.rates import recoil_rate
    >>> (component,) = cevnsjax.load_experiment("conus_plus").signal.components
    >>> rate = recoil_rate(lambda E, T: 1e-40 / E**2, component, np.array([1e-3]), 67_000.0)
    >>> f"{float(rate[0]):.2e}"
    '1.76e-31'
    """

    def at(T: AnyArray) -> AnyArray:
        return component.fold(lambda energy: cross_section(energy, T), minimal_energy(T, mass), order)

    return jnp.vectorize(at)(jnp.asarray(recoil))


def rates_by_quadrature(
    nodes: NuclearNodes | ElectronNodes,
    components: tuple[Component, ...],
    cross_section: Callable[..., AnyArray],
    order: int = 8,
) -> Float[Array, "components nodes"]:
    """Return dR/dE at the nodes [events kg^-1 s^-1 MeV^-1] for any cross section, by quadrature over E.

    `cross_section(E, recoil, flavour)` returns d(sigma)/dT [cm^2/MeV] at energies [MeV] of any shape and one recoil,
    off a nucleus (`NuclearRecoil`) or a free electron (`ElectronRecoil`), whichever `nodes` has. `components` are those
    of the flux, and `order` is the number of Gauss-Legendre nodes on each panel. This is the check of the flux moments,
    with which it shares only the flux itself, and the way for a cross section that is no polynomial in 1/E.

    >>> from cevnsjax.rates import electron_nodes, rates_by_quadrature
    >>> signal = cevnsjax.load_experiment("conus_plus").signal
    >>> nodes = electron_nodes(signal.target, signal.moments, np.array([1e-3, 2e-3]))
    >>> rates_by_quadrature(nodes, signal.components, lambda E, recoil, flavour: 1e-44 / E).shape
    (1, 2)
    """

    def at(recoil: Any, component: Component, minimum: Array) -> Array:
        return component.fold(lambda E: cross_section(E, recoil, component.flavour), minimum, order)

    rates = []
    for component in components:
        one = partial(at, component=component)
        if isinstance(nodes, NuclearNodes):
            recoil: Any = _recoil(nodes)
            each = jax.vmap(jax.vmap(lambda r, m, o=one: o(r, minimum=m)))(recoil, jnp.asarray(nodes.minimum))
            rates.append(jnp.sum(jnp.asarray(nodes.per_kg) * each, axis=0))
        else:
            each = jax.vmap(lambda r, m, o=one: o(r, minimum=m))(
                ElectronRecoil(jnp.asarray(nodes.T)), jnp.asarray(nodes.minimum)
            )
            rates.append(jnp.asarray(nodes.per_kg) * each)
    return jnp.stack(rates)

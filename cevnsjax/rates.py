"""From cross sections to rates: dR/dT = N sum_n c_n(T) Phi_n(T), and the response that bins them.

Everything that no coupling touches - flux moments, recoil energies, form factors, the matrix of the
response - is gathered once in a `RateTable`; a prediction is then a sum over it. Where a parameter does move
the table (the quenching, say), the table is made inside the graph.
"""

from collections.abc import Callable
from functools import partial
from typing import Literal, get_args

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from cevnsjax.atoms import effective_electrons
from cevnsjax.constants import ELECTRON_MASS
from cevnsjax.flavours import Flavour
from cevnsjax.flux import Flux, flux_moments, fold
from cevnsjax.form_factors import FORM_FACTORS
from cevnsjax.interactions import ElectronRecoil, Model, NuclearRecoil
from cevnsjax.nuclei import minimal_energy
from cevnsjax.parameters import Parameters
from cevnsjax.response import Response, recoil_energy
from cevnsjax.targets import Target

__all__ = [
    "CHANNELS",
    "Channel",
    "RateTable",
    "bin_rates",
    "bin_rates_by_quadrature",
    "ionisation_rate",
    "rate_table",
    "recoil_rate",
]

Channel = Literal["all", "cevns", "eves"]
CHANNELS: tuple[str, ...] = get_args(Channel)
"""Both kinds of scattering, off nuclei only, off electrons only."""

FLUX_ORDER = 4
"""Gauss-Legendre nodes on each panel of the flux."""

RESPONSE_ORDER = 4
"""Gauss-Legendre nodes on each panel of the ionisation energy."""


class NuclearTable(eqx.Module):
    """One element's nuclei at the nodes: recoils, dT/dE, nuclei per kg, moments of each flux component."""

    recoil: NuclearRecoil  # each leaf of shape (isotopes, nodes)
    jacobian: Float[Array, " nodes"]
    per_kg: Float[Array, " isotopes"]
    moments: Float[Array, "components 3 isotopes nodes"]


class ElectronTable(eqx.Module):
    """The electrons at the nodes: recoils, free electrons per kg, moments of each flux component."""

    recoil: ElectronRecoil
    per_kg: Float[Array, " nodes"]
    moments: Float[Array, "components 3 nodes"]


class RateTable(eqx.Module):
    """Everything between flux and bins that the couplings do not touch.

    `energy` [MeV] are the nodes in ionisation energy; `weights` [MeV] their quadrature weights times the
    probability to be found in each bin.
    """

    energy: Float[Array, " nodes"]
    weights: Float[Array, "bins nodes"]
    nuclei: tuple[NuclearTable, ...]
    electrons: ElectronTable
    flavours: tuple[Flavour, ...] = eqx.field(static=True)


def rate_table(
    target: Target,
    fluxes: tuple[Flux, ...],
    response: Response,
    flux_order: int = FLUX_ORDER,
    response_order: int = RESPONSE_ORDER,
) -> RateTable:
    """Return the table behind all predictions for a target, a flux and a response.

    Differentiable in every leaf of the three. The orders are static: doubling them measures the error of the
    quadrature, which a test holds below 1e-4 for the embedded experiments.
    """
    energy, weight = response.nodes(response_order)
    units = target.units_per_kg()
    T = recoil_energy(response.quenching, energy)
    jacobian = 1 / jax.vmap(jax.grad(response.quenching.ionisation))(T)

    tabulated = [flux_moments(flux, flux_order) for flux in fluxes]

    def moments(minimum: Array) -> Array:
        return jnp.stack([of_flux(minimum) for of_flux in tabulated])

    nuclei = []
    for atoms, element in zip(target.atoms, target.elements, strict=True):
        shape = element.abundance.size, T.size
        nucleus = jax.tree.map(lambda leaf, s=shape: jnp.broadcast_to(leaf[:, None], s), element.isotopes)
        recoil = jnp.broadcast_to(T, shape)
        form_factor = FORM_FACTORS[target.form_factor](2 * nucleus.mass * recoil, nucleus.charge_radius)
        nuclei.append(
            NuclearTable(
                recoil=NuclearRecoil(recoil, nucleus, form_factor),
                jacobian=jacobian,
                per_kg=units * atoms * element.abundance,
                moments=moments(minimal_energy(recoil, nucleus.mass)),
            )
        )
    free_electrons = sum(
        atoms * jax.vmap(effective_electrons, in_axes=(0, None))(energy, shells)
        for atoms, shells in zip(target.atoms, target.shells, strict=True)
    )
    electrons = ElectronTable(
        recoil=ElectronRecoil(energy),
        per_kg=units * free_electrons,
        moments=moments(minimal_energy(energy, jnp.asarray(ELECTRON_MASS))),
    )
    return RateTable(
        energy=energy,
        weights=response.bin_matrix(energy) * weight,
        nuclei=tuple(nuclei),
        electrons=electrons,
        flavours=tuple(flux.flavour for flux in fluxes),
    )


def ionisation_rate(
    table: RateTable, model: Model, params: Parameters, channel: Channel = "all"
) -> Float[Array, " nodes"]:
    """Return dR/dE at the table's ionisation energies [events kg^-1 s^-1 MeV^-1].

    Off nuclei, Eq. (17) of arXiv:2501.12441: dT/dE sum over isotopes of N c_n(T) Phi_n(T). Off electrons,
    Eq. (19): Z_eff(E) N c_n(E) Phi_n(E).
    """
    rate = jnp.zeros_like(table.energy)
    for component, flavour in enumerate(table.flavours):
        if channel != "eves":
            nuclear = jax.vmap(jax.vmap(partial(model.nuclear, params, flavour=flavour)))
            for nuclei in table.nuclei:
                coefficients = nuclear(nuclei.recoil)  # isotopes, nodes, 3
                moments = nuclei.moments[component]
                rate += nuclei.jacobian * jnp.einsum("i,ijn,nij->j", nuclei.per_kg, coefficients, moments)
        if channel != "cevns":
            electrons = table.electrons
            coefficients = jax.vmap(partial(model.electron, params, flavour=flavour))(electrons.recoil)  # nodes, 3
            rate += electrons.per_kg * jnp.einsum("jn,nj->j", coefficients, electrons.moments[component])
    return rate


def bin_rates(table: RateTable, model: Model, params: Parameters, channel: Channel = "all") -> Float[Array, " bins"]:
    """Return the rate in each bin [events kg^-1 s^-1]."""
    return table.weights @ ionisation_rate(table, model, params, channel)


def recoil_rate(
    cross_section: Callable[[Array, Array], Array],
    flux: Flux,
    recoil: Float[Array, "*n"],
    mass: Float[Array, ""],
    order: int = 8,
) -> Float[Array, "*n"]:
    """Return dR/dT [s^-1 MeV^-1 per target] for any d(sigma)/dT(E, T) [cm^2/MeV], by direct quadrature over E.

    `cross_section(E, T)` takes energies of any shape and one recoil energy [MeV]; `mass` [MeV] is the
    target's. Nothing is assumed of its form.
    """

    def at(T: Array) -> Array:
        return fold(lambda energy: cross_section(energy, T), flux, minimal_energy(T, mass), order)

    return jnp.vectorize(at)(recoil)


def bin_rates_by_quadrature(
    table: RateTable,
    fluxes: tuple[Flux, ...],
    nuclear: Callable[[Array, NuclearRecoil, Flavour], Array] | None = None,
    electron: Callable[[Array, ElectronRecoil, Flavour], Array] | None = None,
    order: int = 8,
) -> Float[Array, " bins"]:
    """Return the rate in each bin [events kg^-1 s^-1] for any cross sections, by quadrature over E and T.

    `nuclear(E, recoil, flavour)` and `electron(E, recoil, flavour)` return d(sigma)/dT [cm^2/MeV] at energies
    [MeV] of any shape and one recoil, off a nucleus and off a free electron. This is the check of the flux
    moments, with which it shares only the flux itself, and the way for a cross section that is no polynomial
    in 1/E.
    """

    def integral(
        cross_section: Callable[..., Array], flux: Flux, mass: Array, recoil: NuclearRecoil | ElectronRecoil
    ) -> Array:
        return fold(lambda E: cross_section(E, recoil, flux.flavour), flux, minimal_energy(recoil.T, mass), order)

    rate = jnp.zeros_like(table.energy)
    for flux in fluxes:
        if nuclear is not None:
            for nuclei in table.nuclei:
                one = partial(integral, nuclear, flux)
                per_nucleus = jax.vmap(jax.vmap(one))(nuclei.recoil.nucleus.mass, nuclei.recoil)
                rate += nuclei.jacobian * (nuclei.per_kg @ per_nucleus)
        if electron is not None:
            one = partial(integral, electron, flux, jnp.asarray(ELECTRON_MASS))
            rate += table.electrons.per_kg * jax.vmap(one)(table.electrons.recoil)
    return table.weights @ rate

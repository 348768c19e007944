"""Quenching: the ionisation energy that a nuclear recoil leaves behind, and back."""

import abc

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from cevnsjax.compilation import constant
from cevnsjax.constants import KEV
from cevnsjax.errors import InputError, unknown_name
from cevnsjax.resources import data_folder, read_table

__all__ = ["Lindhard", "Quenching", "TabulatedYield", "recoil_energy", "tabulated_yield"]


TABLE_SIZE = 512
"""Points of the table that starts the inversion."""

KINK = 0.1
"""By which share the slope of the ionisation energy must change at a table's knot for it to end a panel there."""


class Quenching(eqx.Module):
    """The share of a nuclear recoil's energy that becomes ionisation."""

    @abc.abstractmethod
    def factor(self, T: Float[Array, ""]) -> Float[Array, ""]:
        """Return Q_f(T) at a recoil energy T > 0 [MeV]."""

    def ionisation(self, T: Float[Array, ""]) -> Float[Array, ""]:
        """Return the ionisation energy Q_f(T) T [MeV]."""
        return self.factor(T) * T

    def kinks(self) -> Float[np.ndarray, " kinks"]:
        """Return ionisation energies [MeV] across which a quadrature should not reach."""
        return np.zeros(0)


class Lindhard(Quenching):
    """Lindhard's theory: Q_f = k g / (1 + k g), g = 3 e^0.15 + 0.7 e^0.6 + e, e = 11.5 Z^(-7/3) T / keV.

    J. Lindhard et al., Mat. Fys. Medd. Dan. Vid. Selsk. 33, 10 (1963). Below T = 0 there is no ionisation.
    """

    k: Float[Array, ""]
    Z: float = eqx.field(static=True)

    def factor(self, T: Float[Array, ""]) -> Float[Array, ""]:
        """Return Q_f(T) at a recoil energy T [MeV]."""
        # e^0.15 has an infinite slope at zero, and 0 * inf would make the gradient NaN there.
        positive = T > 0
        e = 11.5 * self.Z ** (-7 / 3) * jnp.where(positive, T, 1.0) / KEV
        kg = self.k * (3 * e**0.15 + 0.7 * e**0.6 + e)
        return jnp.where(positive, kg / (1 + kg), 0.0)


class TabulatedYield(Quenching):
    """A measured yield, interpolated linearly in the recoil energy [MeV], constant beyond the table's ends."""

    recoil: Float[Array, " knots"]
    yields: Float[Array, " knots"]

    def factor(self, T: Float[Array, ""]) -> Float[Array, ""]:
        """Return Q_f(T) at a recoil energy T [MeV]."""
        return jnp.interp(T, self.recoil, self.yields)

    def kinks(self) -> Float[np.ndarray, " kinks"]:
        """Return the ionisation energies [MeV] of knots at which its slope changes much."""
        T, energy = np.asarray(self.recoil), np.asarray(self.recoil * self.yields)
        slopes = np.append(np.diff(energy) / np.diff(T), self.yields[-1])
        return energy[1:][np.abs(np.diff(slopes)) > KINK * slopes[:-1]]


def tabulated_yield(table: str, column: str) -> TabulatedYield:
    """Return a yield from a table of `data/quenching/`; raises `InputError` for an unknown table or column.

    Ionisation must rise with the recoil energy. Where a table has it fall, as the best curve through measured yields
    may, it is bridged by a straight line between the recoil energies around.
    """
    folder = data_folder() / "quenching"
    names = [path.stem for path in sorted(folder.glob("*.csv"))]
    if table not in names:
        raise unknown_name("quenching table", table, names)
    columns = read_table(folder / f"{table}.csv", ("recoil_energy_keV", column))
    if not (columns[column] > 0).all():
        raise InputError(f"the yields '{column}' of '{table}' are not all positive")
    recoil, yields = columns["recoil_energy_keV"] * KEV, columns[column]
    energy = recoil * yields
    rising = np.maximum.accumulate(energy) <= np.minimum.accumulate(energy[::-1])[::-1]
    bridged = np.interp(recoil, recoil[rising], energy[rising])
    yields = np.where(rising, yields, bridged / np.where(recoil > 0, recoil, 1.0))
    return TabulatedYield(constant(recoil), constant(yields))


def recoil_energy(quenching: Quenching, ionisation: Float[Array, " n"]) -> Float[Array, " n"]:
    """Return the recoil energies T [MeV] that leave ionisation energies E > 0 [MeV]: solves Q_f(T) T = E.

    Q_f(T) T must rise with T, and Q_f lie between 1e-4 and 1. First and second derivatives, in E and in the
    parameters of the quenching, are those of the exact solution.
    """
    frozen, target = jax.lax.stop_gradient((quenching, ionisation))
    T = jnp.geomspace(jnp.min(target), 1e4 * jnp.max(target), TABLE_SIZE)
    T = jnp.exp(jnp.interp(jnp.log(target), jnp.log(jax.vmap(frozen.ionisation)(T)), jnp.log(T)))
    # The guess is good to 1e-4 or better, and each Newton step squares its error, that of the derivatives
    # too: the guess has none, after the first step the first is right, after the second the second.
    for _ in range(3):
        value, slope = jax.vmap(jax.value_and_grad(quenching.ionisation))(T)
        T = T - (value - ionisation) / slope
    return T

"""Yields: the visible energy that a recoil leaves behind as a share of its energy, and back."""

import abc
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Float

from cevnsjax.constants import KEV
from cevnsjax.errors import InputError
from cevnsjax.numeric import AnyArray, Part, namespace
from cevnsjax.resources import read_table

__all__ = ["Full", "Lindhard", "Polynomial", "Tabulated", "Yield", "recoil_energy", "tabulated_yield"]

TABLE_SIZE = 512
"""Points of the table that starts the inversion."""


class Yield(Part):
    """The share of a recoil's energy that becomes visible: ionisation, or light."""

    @abc.abstractmethod
    def visible(self, T: Float[AnyArray, "*n"]) -> Float[AnyArray, "*n"]:
        """Return the visible energy [MeV] of a recoil energy `T` [MeV]; it must rise with T."""

    @abc.abstractmethod
    def slope(self, T: Float[AnyArray, "*n"]) -> Float[AnyArray, "*n"]:
        """Return the derivative of the visible energy, dimensionless, at recoil energies `T` > 0 [MeV]."""

    def kinks(self) -> Float[np.ndarray, " kinks"]:
        """Return visible energies [MeV] across which a quadrature should not reach."""
        return np.zeros(0)


class Full(Yield):
    """All of the energy is visible, as of an electron.

    >>> from cevnsjax.response import Full
    >>> Full().visible(np.array([1e-3])), Full().slope(np.array([1e-3]))
    (array([0.001]), array([1.]))
    """

    def visible(self, T: Float[AnyArray, "*n"]) -> Float[AnyArray, "*n"]:
        """Return T."""
        return T

    def slope(self, T: Float[AnyArray, "*n"]) -> Float[AnyArray, "*n"]:
        """Return one."""
        return namespace(T).ones_like(T)


class Lindhard(Yield):
    """Lindhard's theory: Q_f = k g / (1 + k g), g = 3 e^0.15 + 0.7 e^0.6 + e, e = 11.5 Z^(-7/3) T / keV.

    `k` and the charge `Z` of the nucleus are dimensionless. J. Lindhard et al., Mat. Fys. Medd. Dan. Vid. Selsk. 33, 10
    (1963). Below T = 0 nothing is visible.

    >>> from cevnsjax.response import Lindhard
    >>> Lindhard(k=0.162, Z=32.0).factor(np.array([1e-3, 5e-3])).round(3)  # at 1 and 5 keV off germanium
    array([0.175, 0.218])
    """

    k: Float[AnyArray, ""] | float
    Z: float = eqx.field(static=True)

    def _parts(self, T: Float[AnyArray, "*n"]) -> tuple[Float[AnyArray, "*n"], Float[AnyArray, "*n"]]:
        """Return k g and k e dg/de."""
        # e^0.15 has an infinite slope at zero, and 0 * inf would make the gradient NaN there.
        e = 11.5 * self.Z ** (-7 / 3) * namespace(T, self.k).where(T > 0, T, 1.0) / KEV
        root = e**0.15
        kg = self.k * (3 * root + 0.7 * root**4 + e)
        return kg, self.k * (0.45 * root + 0.42 * root**4 + e)

    def factor(self, T: Float[AnyArray, "*n"]) -> Float[AnyArray, "*n"]:
        """Return Q_f at a recoil energy T [MeV]."""
        kg, _ = self._parts(T)
        return namespace(kg).where(T > 0, kg / (1 + kg), 0.0)

    def visible(self, T: Float[AnyArray, "*n"]) -> Float[AnyArray, "*n"]:
        """Return Q_f T [MeV]."""
        return self.factor(T) * T

    def slope(self, T: Float[AnyArray, "*n"]) -> Float[AnyArray, "*n"]:
        """Return Q_f + T dQ_f/dT."""
        kg, slope = self._parts(T)
        return namespace(kg).where(T > 0, (kg * (1 + kg) + slope) / (1 + kg) ** 2, 0.0)


class Tabulated(Yield):
    """A measured yield, linear in the recoil energy between its points, constant beyond, times a `factor`.

    `recoil` [MeV] are the points, and `yields`, dimensionless, their values.
    """

    recoil: Float[AnyArray, " knots"]
    yields: Float[AnyArray, " knots"]
    factor: Float[AnyArray, ""] | float = 1.0

    def visible(self, T: Float[AnyArray, "*n"]) -> Float[AnyArray, "*n"]:
        """Return the visible energy [MeV]."""
        xp = namespace(T, self.yields, self.factor)
        return self.factor * xp.interp(T, self.recoil, self.yields) * T

    def slope(self, T: Float[AnyArray, "*n"]) -> Float[AnyArray, "*n"]:
        """Return the derivative of the visible energy, from above at a knot."""
        xp = namespace(T, self.yields, self.factor)
        slopes = xp.concatenate([xp.zeros(1), xp.diff(self.yields) / np.diff(self.recoil), xp.zeros(1)])
        piece = slopes[xp.searchsorted(self.recoil, T, side="right")]
        return self.factor * (xp.interp(T, self.recoil, self.yields) + T * piece)

    def kinks(self) -> Float[np.ndarray, " kinks"]:
        """Return the visible energies [MeV] of all knots: the slope changes at each of them."""
        return np.asarray(self.visible(np.asarray(self.recoil)))


class Polynomial(Yield):
    """Visible energy [MeV] = sum_p a_p T^(p + 1), T in MeV; one coefficient is a constant yield.

    `coefficients` are a_p [MeV^-p].

    >>> from cevnsjax.response import Polynomial
    >>> Polynomial(np.array([0.2])).visible(np.array([5e-3]))
    array([0.001])
    """

    coefficients: Float[AnyArray, " powers"]

    def visible(self, T: Float[AnyArray, "*n"]) -> Float[AnyArray, "*n"]:
        """Return the visible energy [MeV]."""
        return sum(a * T ** (p + 1) for p, a in enumerate(self.coefficients))

    def slope(self, T: Float[AnyArray, "*n"]) -> Float[AnyArray, "*n"]:
        """Return the derivative of the visible energy."""
        return sum((p + 1) * a * T**p for p, a in enumerate(self.coefficients))


def tabulated_yield(path: Path, column: str, factor: float = 1.0) -> Tabulated:
    r"""Return a yield from the columns `recoil_energy_keV` and `column` of a CSV file at `path`, times a `factor`.

    Visible energy must rise with the recoil energy. Where a table has it fall, as the best curve through measured
    yields may, it is bridged by a straight line between the recoil energies around. Raises `InputError` for recoil
    energies that do not rise and yields that are not positive.

    >>> from pathlib import Path
    >>> from cevnsjax.response import tabulated_yield
    >>> size = Path("yield.csv").write_text("recoil_energy_keV,measured\n0.5,0.15\n1.5,0.17\n")
    >>> tabulated_yield(Path("yield.csv"), "measured").visible(np.array([1e-3]))  # 0.16 of 1 keV [MeV]
    array([0.00016])
    """
    columns = read_table(path, ("recoil_energy_keV", column))
    recoil, yields = columns["recoil_energy_keV"] * KEV, columns[column]
    if not (np.isfinite(recoil).all() and (np.diff(recoil) > 0).all() and recoil[0] >= 0):
        raise InputError(f"'{path}': recoil_energy_keV must not be negative, and rise from row to row")
    if not (yields > 0).all():
        raise InputError(f"'{path}': the yields '{column}' are not all positive")
    energy = recoil * yields
    rising = np.maximum.accumulate(energy) <= np.minimum.accumulate(energy[::-1])[::-1]
    bridged = np.interp(recoil, recoil[rising], energy[rising])
    yields = np.where(rising, yields, bridged / np.where(recoil > 0, recoil, 1.0))
    return Tabulated(recoil, yields, factor)


def recoil_energy(yields: Yield, visible: Float[AnyArray, " n"]) -> Float[AnyArray, " n"]:
    """Return the recoil energies T [MeV] that leave visible energies `visible` E > 0 [MeV].

    The visible energy of `yields` must rise with T up to the largest E, and the yield lie between 1e-4 and 1. First and
    second derivatives, in E and in the parameters of the yield, are those of the exact solution. Raises `InputError`
    for a yield that is not positive, or with which no recoil leaves the largest E.

    >>> from cevnsjax.response import Lindhard, recoil_energy
    >>> recoil_energy(Lindhard(0.162, 32.0), np.array([2e-4])).round(5)  # 200 eV_ee off germanium [MeV]
    array([0.00112])
    """
    if isinstance(yields, Full):
        return visible
    xp = namespace(visible, *jax.tree.leaves(yields))
    frozen, target = _frozen(yields), _frozen(visible)
    T = xp.geomspace(xp.min(target), 1e4 * xp.max(target), TABLE_SIZE)
    # A polynomial may fall at recoil energies far above all that matter: there the table stays at its maximum.
    reached = xp.maximum.accumulate(frozen.visible(T))
    if xp is np and not (reached[0] > 0 and reached[-1] >= target.max()):
        raise InputError(
            f"the yield leaves at most {max(reached[-1], 0.0) / KEV:.4g} keV visible, bins and smearing reach up to "
            f"{target.max() / KEV:.4g} keV: give a yield that is positive and rises further"
        )
    T = xp.exp(xp.interp(xp.log(target), xp.log(reached), xp.log(T)))
    # The start is good to 1e-4 or better, and each Newton step squares the error. The start has no derivatives:
    # the first step makes the first derivative exact, the second step the second derivative.
    for _ in range(3):
        T = T - (yields.visible(T) - visible) / yields.slope(T)
    return T


def _frozen(tree: AnyArray | Yield) -> Any:
    """Return arrays without their derivatives; those of NumPy have none."""
    return jax.tree.map(lambda leaf: jax.lax.stop_gradient(leaf) if isinstance(leaf, jax.Array) else leaf, tree)

"""Antineutrino spectra per fission, from the tables in `data/reactor/`, as functions of the energy.

Every spectrum maps energies [MeV] of any shape to antineutrinos / MeV / fission of 235U, 238U, 239Pu and
241Pu, along a new leading axis.
"""

import abc

import equinox as eqx
import numpy as np
from jaxtyping import Float

from cevnsjax.errors import InputError, unknown_name
from cevnsjax.numeric import AnyArray, Part, namespace
from cevnsjax.resources import data_folder, read_table

__all__ = [
    "ABOVE_2_MEV",
    "ABOVE_8_MEV",
    "BELOW_2_MEV",
    "ISOTOPES",
    "MAXIMAL_ENERGY",
    "BinnedSpectrum",
    "FissionSpectrum",
    "Spectrum",
    "capture_spectrum",
    "fission_spectrum",
]

ISOTOPES = ("U235", "U238", "Pu239", "Pu241")
MAXIMAL_ENERGY = 12.5
"""Where every spectrum ends [MeV]."""

BELOW_2_MEV = ("vogel_engel", "bestiole")
ABOVE_2_MEV = ("huber_mueller", "bestiole", "kopeikin_2021")
ABOVE_8_MEV = ("polynomial", "exponential", "cut", "table")

_SMOOTH = np.arange(0.0, MAXIMAL_ENERGY + 0.25, 0.5)
"""Panel edges of spectra that are smooth [MeV]."""


class Spectrum(Part):
    """Spectra of several emitters."""

    @abc.abstractmethod
    def __call__(self, energy: Float[AnyArray, "*n"]) -> Float[AnyArray, "emitters *n"]:
        """Return antineutrinos / MeV / emission."""

    @property
    @abc.abstractmethod
    def knots(self) -> Float[np.ndarray, " knots"]:
        """Energies [MeV] at which the spectrum has a kink or a step."""


class LinearSpectrum(Spectrum):
    """A table, interpolated linearly in the energy, or in the logarithm of the spectrum."""

    table_energy: Float[AnyArray, " knots"]
    table: Float[AnyArray, "emitters knots"]
    logarithmic: bool = eqx.field(static=True, default=False)

    def __call__(self, energy: Float[AnyArray, "*n"]) -> Float[AnyArray, "emitters *n"]:
        """Return antineutrinos / MeV / emission."""
        xp = namespace(energy, self.table)
        values = xp.log(self.table) if self.logarithmic else self.table
        result = xp.stack([xp.interp(energy, self.table_energy, row) for row in values])
        return xp.exp(result) if self.logarithmic else result

    @property
    def knots(self) -> Float[np.ndarray, " knots"]:
        """Energies [MeV] at which the spectrum has a kink or a step."""
        return np.asarray(self.table_energy)


class BinnedSpectrum(Spectrum):
    """Means over equal bins: constant within each, so that the integral is the table's own; zero beyond."""

    bin_edges: Float[AnyArray, " edges"]
    table: Float[AnyArray, "emitters bins"]

    def __call__(self, energy: Float[AnyArray, "*n"]) -> Float[AnyArray, "emitters *n"]:
        """Return antineutrinos / MeV / emission."""
        xp = namespace(energy, self.table)
        index = xp.searchsorted(self.bin_edges, energy, side="right") - 1
        inside = (index >= 0) & (index < self.table.shape[1])
        return xp.where(inside, xp.asarray(self.table)[:, xp.clip(index, 0, self.table.shape[1] - 1)], 0.0)

    @property
    def knots(self) -> Float[np.ndarray, " knots"]:
        """Energies [MeV] at which the spectrum has a kink or a step."""
        return np.asarray(self.bin_edges)


class PolynomialSpectrum(Spectrum):
    """The exponential of a polynomial in the energy (Huber; Mueller et al.), fitted between 2 and 8 MeV."""

    coefficients: Float[AnyArray, "emitters powers"]

    def __call__(self, energy: Float[AnyArray, "*n"]) -> Float[AnyArray, "emitters *n"]:
        """Return antineutrinos / MeV / emission."""
        xp = namespace(energy, self.coefficients)
        powers = xp.stack([energy**p for p in range(self.coefficients.shape[1])])
        return xp.exp(xp.tensordot(self.coefficients, powers, axes=1))

    @property
    def knots(self) -> Float[np.ndarray, " knots"]:
        """Energies [MeV] at which the spectrum has a kink or a step."""
        return _SMOOTH


class KopeikinSpectrum(Spectrum):
    """Re-evaluated uranium spectra, interpolated in their logarithm; plutonium remains Huber's."""

    uranium235: LinearSpectrum
    uranium238: LinearSpectrum
    plutonium: PolynomialSpectrum

    def __call__(self, energy: Float[AnyArray, "*n"]) -> Float[AnyArray, "emitters *n"]:
        """Return antineutrinos / MeV / emission."""
        parts = self.uranium235(energy), self.uranium238(energy), self.plutonium(energy)
        return namespace(*parts).concatenate(parts)

    @property
    def knots(self) -> Float[np.ndarray, " knots"]:
        """Energies [MeV] at which the spectrum has a kink or a step."""
        return self.uranium235.knots


class FissionSpectrum(Spectrum):
    """Spectra per fission: `below` 2 MeV, `above` 2 MeV, and a continuation above 8 MeV; they need not meet.

    `tail` names the continuation, and `polynomial` is the one that it may use.
    """

    below: Spectrum
    above: Spectrum
    polynomial: PolynomialSpectrum
    tail: str = eqx.field(static=True)

    def __call__(self, energy: Float[AnyArray, "*n"]) -> Float[AnyArray, "emitters *n"]:
        """Return antineutrinos / MeV / emission of each emitter at each `energy` [MeV]."""
        xp = namespace(energy)
        middle = xp.where(energy < 2.0, self.below(energy), self.above(energy))
        if self.tail == "table":
            return middle
        return xp.where(energy > 8.0, self._tail(energy), middle)

    def _tail(self, energy: Float[AnyArray, "*n"]) -> Float[AnyArray, "emitters *n"]:
        xp = namespace(energy)
        at_8 = self.above(xp.asarray(8.0)).reshape(-1, *[1] * energy.ndim)
        if self.tail == "polynomial":
            scale = at_8 / self.polynomial(xp.asarray(8.0)).reshape(at_8.shape)
            return scale * self.polynomial(energy)
        if self.tail == "exponential":
            slope = xp.log(self.above(xp.asarray(7.5)).reshape(at_8.shape) / at_8) / 0.5
            return at_8 * xp.exp(-slope * (energy - 8.0))
        return xp.zeros(at_8.shape) * energy

    @property
    def knots(self) -> Float[np.ndarray, " knots"]:
        """Energies [MeV] at which the spectrum has a kink or a step."""
        below, above = self.below.knots, self.above.knots
        parts = [below[below < 2.0], above[(above > 2.0) & (above < 8.0)], np.array([2.0, 8.0])]
        parts.append(above[above > 8.0] if self.tail == "table" else _SMOOTH[_SMOOTH > 8.0])
        return np.unique(np.concatenate(parts))


def _columns(name: str, columns: tuple[str, ...]) -> dict[str, np.ndarray]:
    return read_table(data_folder() / "reactor" / f"{name}.csv", columns)


def _binned(name: str, columns: tuple[str, ...]) -> BinnedSpectrum:
    table = _columns(name, ("energy_MeV", *columns))
    centre = table["energy_MeV"]
    width = 2 * centre[0]
    # Whole multiples of the width, so that 2 and 8 MeV are edges to the last bit.
    edges = np.arange(centre.size + 1) / round(1 / width)
    return BinnedSpectrum(edges, np.stack([table[c] for c in columns]))


def _vogel_engel() -> LinearSpectrum:
    table = _columns("vogel_engel_1989", ("energy_MeV", *ISOTOPES))
    return LinearSpectrum(table["energy_MeV"], np.stack([table[i] for i in ISOTOPES]))


def _huber_mueller() -> PolynomialSpectrum:
    table = _columns("huber_mueller", tuple(f"a{p}" for p in range(1, 7)))
    return PolynomialSpectrum(np.stack(list(table.values()), axis=1))


def _kopeikin() -> KopeikinSpectrum:
    table = _columns("kopeikin_2021", ("energy_MeV", "U235", "U238"))

    def uranium(isotope: str) -> LinearSpectrum:
        known = np.isfinite(table[isotope])
        energy, values = table["energy_MeV"][known], table[isotope][known]
        return LinearSpectrum(energy, values[None], logarithmic=True)

    plutonium = PolynomialSpectrum(_huber_mueller().coefficients[2:])
    return KopeikinSpectrum(uranium("U235"), uranium("U238"), plutonium)


def fission_spectrum(
    below: str = "vogel_engel", above: str = "huber_mueller", tail: str | None = None
) -> FissionSpectrum:
    """Return the spectra per fission, by names in BELOW_2_MEV, ABOVE_2_MEV and ABOVE_8_MEV.

    They hold `below` and `above` 2 MeV. Above 8 MeV the `tail` "polynomial" continues with Huber's and Mueller's
    polynomials, scaled to meet the spectrum at 8 MeV; "exponential" with the slope between 7.5 and 8 MeV; "cut" with
    nothing; "table", for BESTIOLE alone, with its own values. By default BESTIOLE goes on with its table, the others
    with the polynomial. Raises `InputError` for an unknown name, or "table" where there is none.

    >>> from cevnsjax.sources import fission_spectrum
    >>> fission_spectrum()(np.array([4.0]))[:, 0].round(2)  # 235U, 238U, 239Pu, 241Pu: [1 / MeV / fission] at 4 MeV
    array([0.29, 0.44, 0.2 , 0.28])
    """
    makers = {
        "vogel_engel": _vogel_engel,
        "huber_mueller": _huber_mueller,
        "kopeikin_2021": _kopeikin,
        "bestiole": lambda: _binned("bestiole_2023", ISOTOPES),
    }
    tail = tail or ("table" if above == "bestiole" else "polynomial")
    for kind, given, known in (
        ("spectrum below 2 MeV", below, BELOW_2_MEV),
        ("spectrum above 2 MeV", above, ABOVE_2_MEV),
        ("behaviour above 8 MeV", tail, ABOVE_8_MEV),
    ):
        if given not in known:
            raise unknown_name(kind, given, known)
    if tail == "table" and above != "bestiole":
        raise InputError(f"'{above}' has no table above 8 MeV; use polynomial, exponential or cut")
    return FissionSpectrum(makers[below](), makers[above](), _huber_mueller(), tail)


def capture_spectrum() -> BinnedSpectrum:
    """Return the spectra of 239U and 239Np after neutron capture on 238U, per decay; two emitters."""
    return _binned("capture_u239_np239", ("U239", "Np239"))

"""Independent calculation of nuclear recoils that are counted in photo-electrons, to test the package against.

Plain NumPy and SciPy, written from the formulas: it shares no code, constant or table with the package. Energies are in
MeV, times in whatever unit their bins have. All integrals over the recoil energy run over that energy itself, so no
derivative of a yield is needed, and the efficiency is integrated with the density of the smearing.
"""

import dataclasses
from collections.abc import Callable
from itertools import pairwise

import numpy as np
from scipy.special import spherical_jn
from scipy.stats import gamma, norm

FERMI_CONSTANT = 1.1663788e-11  # MeV^-2, PDG 2024
HBAR_C = 197.3269804  # MeV fm
ELECTRON_MASS = 0.51099895069
ATOMIC_MASS_UNIT = 931.49410372
AVOGADRO = 6.02214076e23
SECONDS_PER_DAY = 86400.0
SKIN_FM = 0.9

PANELS = 400
"""Panels of the integrals over the recoil energy, beside the steps of the flux."""


@dataclasses.dataclass(frozen=True)
class Isotope:
    """Protons, neutrons, mass of the atom [u] and charge radius [fm]."""

    Z: int
    N: int
    atomic_mass: float
    radius: float

    @property
    def mass(self) -> float:
        """Mass of the nucleus [MeV]."""
        return self.atomic_mass * ATOMIC_MASS_UNIT - self.Z * ELECTRON_MASS


# Caesium and iodine have one stable isotope each: AME2020, and Angeli and Marinova (2013).
CAESIUM = Isotope(55, 78, 132.905451958, 4.8041)
IODINE = Isotope(53, 74, 126.904472592, 4.7500)


def nodes(edges: np.ndarray, order: int = 6) -> tuple[np.ndarray, np.ndarray]:
    """Gauss-Legendre nodes and weights between all edges, as flat arrays."""
    x, w = np.polynomial.legendre.leggauss(order)
    half = np.diff(edges)[:, None] / 2
    return ((edges[:-1, None] + half) + half * x).ravel(), (half * w).ravel()


def form_factor(q: np.ndarray, radius: float) -> np.ndarray:
    """Helm's: 3 j_1(x) / x exp(-q^2 s^2 / 2), x = q R_0."""
    q = q / HBAR_C
    x = q * np.sqrt(5 / 3 * (radius**2 - 3 * SKIN_FM**2))
    return 3 * spherical_jn(1, x) / x * np.exp(-((q * SKIN_FM) ** 2) / 2)


def least_energy(T: np.ndarray, mass: float) -> np.ndarray:
    """Least energy of a neutrino that gives a nucleus the recoil energy T."""
    return (T + np.sqrt(T**2 + 2 * mass * T)) / 2


def spectrum(T: np.ndarray, isotope: Isotope, table: np.ndarray, flux: np.ndarray, sin2: float) -> np.ndarray:
    """dR/dT per nucleus [s^-1 MeV^-1] for a flux [cm^-2 s^-1 MeV^-1] that is linear between the energies of a table.

    The integral over the energy is closed: a line times 1 and 1/E^2 between two energies.
    """
    M = isotope.mass
    charge = isotope.Z * (0.5 - 2 * sin2) - isotope.N / 2
    low = np.clip(least_energy(T, M)[:, None], table[:-1], table[1:])
    high = np.broadcast_to(table[1:], low.shape)
    slope = np.diff(flux) / np.diff(table)
    height = flux[:-1] - slope * table[:-1]
    plain = height * (high - low) + slope * (high**2 - low**2) / 2
    with np.errstate(divide="ignore", invalid="ignore"):
        inverse = np.where(high > low, height * (1 / low - 1 / high) + slope * np.log(high / low), 0.0)
    strength = FERMI_CONSTANT**2 * (HBAR_C * 1e-13) ** 2 * M / np.pi * charge**2
    shape = form_factor(np.sqrt(2 * M * T), isotope.radius) ** 2
    return strength * shape * (plain.sum(axis=1) - M * T / 2 * inverse.sum(axis=1))


def in_bins(
    mean: np.ndarray, edges: np.ndarray, density: Callable, efficiency: Callable, steps: np.ndarray
) -> np.ndarray:
    """Integral of efficiency times density(x, mean) over each bin, by pieces between the steps of the efficiency."""
    rows = []
    for low, high in pairwise(edges):
        inside = steps[(steps > low) & (steps < high)]
        fine = np.unique(np.concatenate([np.linspace(low, high, 5), inside]))
        x, weight = nodes(fine, 12)
        rows.append((weight * efficiency(x)) @ density(x[:, None], mean))
    return np.array(rows)


def gamma_density(slope: float) -> Callable:
    """Density of a gamma distribution of shape 1 + slope * mean."""

    def density(x: np.ndarray, mean: np.ndarray) -> np.ndarray:
        shape = 1 + slope * mean
        return gamma.pdf(x, shape, scale=mean / shape)

    return density


def gaussian_density(noise: float) -> Callable:
    """Density of a Gaussian of constant width."""
    return lambda x, mean: norm.pdf(x, mean, noise)


def counts(
    isotopes: dict[Isotope, Callable],
    table: np.ndarray,
    flux: np.ndarray,
    sin2: float,
    kg_days: float,
    answer: Callable,
    knots: np.ndarray | None = None,
) -> np.ndarray:
    """Counts in bins: `isotopes` of a compound of one atom each, with the mean signal of a recoil energy.

    `answer(mean)` gives the probability of each bin for mean signals. No panel reaches across the recoil energies
    `knots`.
    """
    per_kg = 1000 * AVOGADRO / sum(isotope.atomic_mass for isotope in isotopes)
    total: np.ndarray | float = 0.0
    for isotope, signal in isotopes.items():
        steps = 2 * table**2 / (isotope.mass + 2 * table)
        fine = np.linspace(0.0, steps[-1], PANELS + 1)
        inside = [] if knots is None else knots[(knots > 0) & (knots < steps[-1])]
        T, weight = nodes(np.unique(np.concatenate([steps, fine, inside])))
        total = total + answer(signal(T)) @ (weight * spectrum(T, isotope, table, flux, sin2))
    return per_kg * kg_days * SECONDS_PER_DAY * total

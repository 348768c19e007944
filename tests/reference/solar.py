"""Solar neutrinos, integrated from the written formulas by SciPy, without the package's code.

Energies are in MeV, fluxes in cm^-2 s^-1. Fluxes and potentials are those of the models B16 (GS98) and of
hep-ph/0404042, typed again.
"""

import math
from functools import cache
from itertools import pairwise

import numpy as np
from ingredients import (
    AVOGADRO,
    CM2_PER_MEV2,
    ELECTRON_MASS,
    FERMI_CONSTANT,
    FINE_STRUCTURE,
    helm,
    isotopes_of,
    molar_mass,
    read_table,
)
from scipy.integrate import quad
from scipy.interpolate import CubicSpline

SPECTRA = {"pp": (0.42341, 1), "hep": (18.77, 2), "13N": (1.1982, 6), "15O": (1.7317, 7), "17F": (1.7364, 8)}
LINES = {"pep": ((1.442, 1.0),), "7Be": ((0.8613, 0.896), (0.3843, 0.104))}
FLUXES = {
    "pp": 5.98e10, "pep": 1.44e8, "hep": 7980.0, "7Be": 4.93e9, "8B": 5.46e6, "13N": 2.78e8, "15O": 2.05e8,
    "17F": 5.29e6,
}  # fmt: skip
POTENTIALS = {
    "pp": 4.68e-12, "pep": 5.13e-12, "hep": 3.96e-12, "7Be": 6.16e-12, "8B": 6.81e-12, "13N": 6.22e-12,
    "15O": 6.69e-12, "17F": 6.74e-12,
}  # fmt: skip
SIN2_12, SIN2_13, DM2_21 = 0.307, 0.0220, 7.53e-5
SECONDS_PER_YEAR = 365.25 * 86400


def survival(energy: float, potential: float) -> float:
    """P_ee by the angle in matter itself."""
    theta, c13 = math.asin(math.sqrt(SIN2_12)), math.sqrt(1 - SIN2_13)
    b = 2 * potential * c13**2 * energy * 1e6 / DM2_21
    in_matter = math.atan2(math.sin(2 * theta), math.cos(2 * theta) - b)
    return c13**4 / 2 * (1 + math.cos(2 * theta) * math.cos(in_matter)) + SIN2_13**2


def allowed(energy: float, end_point: float, charge: int) -> float:
    """F p W E^2 of an allowed decay, not normalised."""
    if not 0 < energy < end_point:
        return 0.0
    total = end_point - energy + ELECTRON_MASS
    momentum = math.sqrt(total * total - ELECTRON_MASS**2)
    eta = -2 * math.pi * FINE_STRUCTURE * charge * total / momentum
    return eta / (1 - math.exp(-eta)) * momentum * total * energy**2 if eta > -700 else 0.0


@cache
def boron() -> tuple[np.ndarray, np.ndarray]:
    """Energies and the normalised spectrum of 8B."""
    rows = read_table("solar/b8.csv")
    energy, flux = (np.array([float(row[c]) for row in rows]) for c in ("energy_MeV", "flux"))
    return energy, flux / np.sum((flux[1:] + flux[:-1]) / 2 * np.diff(energy))


@cache
def norm(name: str) -> float:
    """Integral of an allowed shape."""
    return quad(allowed, 0, SPECTRA[name][0], args=SPECTRA[name], epsabs=0, epsrel=1e-11, limit=200)[0]


def spectrum(name: str, energy: float) -> float:
    """Neutrinos per MeV, normalised to one."""
    if name == "8B":
        return float(np.interp(energy, *boron(), left=0.0, right=0.0))
    return allowed(energy, *SPECTRA[name]) / norm(name)


@cache
def moments(name: str, minimum: float, least: float = 1e-4) -> tuple[tuple[float, float, float], ...]:
    """Integrals of E^-n above an energy for n = 0, 1, 2: first of nu_e, then of all flavours; for a flux of one."""
    V0 = POTENTIALS[name]
    if name in LINES:
        kept = [(E, part) for E, part in LINES[name] if minimum < E]
        return tuple(
            tuple(sum(part * E**-n * (survival(E, V0) if of_e else 1.0) for E, part in kept) for n in range(3))
            for of_e in (True, False)
        )
    end = 16.02 if name == "8B" else SPECTRA[name][0]
    start = max(minimum, least)
    if start >= end:
        return ((0.0,) * 3,) * 2
    if name != "8B":
        return tuple(
            tuple(
                quad(lambda E, n=n, e=of_e: spectrum(name, E) * E**-n * (survival(E, V0) if e else 1.0), start, end,
                     epsabs=0, epsrel=1e-10, limit=200)[0]
                for n in range(3)
            )
            for of_e in (True, False)
        )  # fmt: skip
    # Between the points of the table the spectrum is straight: Simpson's rule on halves of each piece.
    edges = np.unique(np.concatenate([[start], boron()[0][boron()[0] > start]]))
    x = np.unique(np.concatenate([np.linspace(a, b, 5) for a, b in pairwise(edges)]))
    weights = np.concatenate([[h / 3 * np.array([1, 4, 1])] for h in (x[1:-1:2] - x[:-2:2])])
    triple = np.stack([x[:-2:2], x[1:-1:2], x[2::2]], axis=1)
    density = np.interp(triple, *boron())
    shares = np.vectorize(survival)(triple, V0)
    return tuple(
        tuple(float(np.sum(weights * density * triple**-n * (shares if of_e else 1.0))) for n in range(3))
        for of_e in (True, False)
    )


def all_moments(minimum: float, fluxes: dict[str, float]) -> tuple[np.ndarray, np.ndarray]:
    """Moments of all sources together, of nu_e and of nu_mu and nu_tau."""
    both = sum(flux * np.array(moments(name, minimum)) for name, flux in fluxes.items())
    return both[0], both[1] - both[0]


def cevns(T: float, symbol: str, fluxes: dict[str, float], sin2: float) -> float:
    """Events / kg / s / MeV of nuclear recoils at a recoil energy, all isotopes, tree level, without the term T/E."""
    total = 0.0
    for Z, N, share, mass, radius in isotopes_of(symbol):
        of_e, others = all_moments((T + math.sqrt(T * T + 2 * mass * T)) / 2, fluxes)
        charge = (Z * (0.5 - 2 * sin2) - N / 2) * helm(2 * mass * T, radius)
        every = of_e + others
        total += share * FERMI_CONSTANT**2 * mass / math.pi * charge**2 * (every[0] - mass * T / 2 * every[2])
    return 1000 * AVOGADRO / molar_mass(symbol) * total * CM2_PER_MEV2


def cevns_events(low: float, symbol: str, fluxes: dict[str, float], sin2: float, high: float = 4.6e-3) -> float:
    """Nuclear recoils / tonne / year between two recoil energies; 4.6 keV is beyond all of 8B on xenon."""
    edges = np.linspace(low, high, 9)
    x, w = np.polynomial.legendre.leggauss(6)
    total = 0.0
    for a, b in pairwise(edges):
        total += (
            (b - a)
            / 2
            * sum(
                weight * cevns(float((a + b) / 2 + (b - a) / 2 * node), symbol, fluxes, sin2)
                for node, weight in zip(x, w, strict=True)
            )
        )
    return total * 1000 * SECONDS_PER_YEAR


ELECTRON_SOURCES = ("pp", "pep", "7Be", "13N", "15O", "17F")


@cache
def _moments_of_electrons() -> tuple[CubicSpline, CubicSpline]:
    """Moments of all sources above energies up to 200 keV, of nu_e and of the others; no line ends there."""
    minima = np.geomspace(1e-3, 0.2, 60)
    fluxes = {name: FLUXES[name] for name in ELECTRON_SOURCES}
    both = [all_moments(float(minimum), fluxes) for minimum in minima]
    return tuple(CubicSpline(np.log(minima), [pair[i] for pair in both]) for i in (0, 1))


def electrons(T: float, sin2: float, moment: float = 0.0) -> float:
    """Events / kg / s / MeV of electron recoils in xenon: free electrons of shells that are bound by less than T.

    `moment` [mu_B] is a magnetic moment of all flavours.
    """
    shells = [(float(r["binding_energy_eV"]) * 1e-6, float(r["occupancy"])) for r in _shells()]
    number = sum(occupancy for energy, occupancy in shells if energy < T)
    minimum = (T + math.sqrt(T * T + 2 * ELECTRON_MASS * T)) / 2
    total = 0.0
    for spline, g_v, g_a in zip(_moments_of_electrons(), (0.5, -0.5), (0.5, -0.5), strict=True):
        m0, m1, m2 = spline(math.log(minimum))
        left, right = (g_v + 2 * sin2 + g_a) ** 2, (g_v + 2 * sin2 - g_a) ** 2
        mixed = (g_v + 2 * sin2) ** 2 - g_a**2
        bracket = left * m0 + right * (m0 - 2 * T * m1 + T * T * m2) - mixed * ELECTRON_MASS * T * m2
        total += FERMI_CONSTANT**2 * ELECTRON_MASS / (2 * math.pi) * bracket
        total += math.pi * FINE_STRUCTURE**2 / ELECTRON_MASS**2 * moment**2 * (m0 / T - m1)
    return 1000 * AVOGADRO / molar_mass("Xe") * number * total * CM2_PER_MEV2


@cache
def _shells() -> tuple[dict[str, str], ...]:
    return tuple(row for row in read_table("atoms/binding_energies.csv") if row["element"] == "Xe")


def xenonnt_counts(low: float, high: float, sin2: float, moment: float = 0.0) -> float:
    """Electron recoils in 1.16 t yr between two reconstructed energies [keV], with XENONnT's efficiency.

    The width at a recoil of E keV is 0.310 sqrt(E) + 0.0037 E keV.
    """
    rows = read_table("xenonnt_er/efficiency.csv")
    knots, shares = (np.array([float(row[c]) for row in rows]) for c in ("energy", "efficiency"))
    x, w = np.polynomial.legendre.leggauss(5)

    def nodes(edges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        middle, half = (edges[1:] + edges[:-1]) / 2, np.diff(edges) / 2
        return (middle[:, None] + half[:, None] * x).ravel(), (half[:, None] * w).ravel()

    seen, seen_weight = nodes(
        np.unique([low, *knots[(knots > low) & (knots < high)], *np.linspace(low, high, 5), high])
    )
    recorded = np.interp(seen, knots, shares) * seen_weight
    reach = 7 * (0.310 * math.sqrt(high) + 0.0037 * high)
    first, last = max(0.02, low - reach), high + reach
    bound = [float(row["binding_energy_eV"]) / 1e3 for row in _shells()]
    edges = np.unique([e for e in (*np.geomspace(first, last, 100), *np.linspace(first, last, 60), *bound)
                       if first <= e <= last])  # fmt: skip
    total = 0.0
    for T, weight in zip(*nodes(edges), strict=True):
        sigma = 0.310 * math.sqrt(T) + 0.0037 * T
        probability = gaussian(seen, T, sigma) @ recorded
        if probability > 1e-12:
            total += weight * probability * electrons(T * 1e-3, sin2, moment) * 1e-3
    return total * 1160 * SECONDS_PER_YEAR


def gaussian(x: np.ndarray, mean: float, sigma: float) -> np.ndarray:
    """Density of a Gaussian."""
    return np.exp(-(((x - mean) / sigma) ** 2) / 2) / (math.sqrt(2 * math.pi) * sigma)

"""Solar neutrinos, integrated from the written formulas by SciPy, without the package's code.

Energies are in MeV, fluxes in cm^-2 s^-1. Fluxes and potentials are those of the models B16 (GS98) and of
hep-ph/0404042, typed again.
"""

import math
from functools import cache
from itertools import pairwise

import numpy as np
from ingredients import (
    ATOMIC_MASS_UNIT,
    AVOGADRO,
    CM2_PER_MEV2,
    ELECTRON_MASS,
    FERMI_CONSTANT,
    FINE_STRUCTURE,
    helm,
    read_table,
)
from scipy.integrate import quad

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
    rows = [row for row in read_table("nuclei/isotopes.csv") if row["element"] == symbol]
    abundance = np.array([float(row["abundance"]) for row in rows])
    atoms = 1000 * AVOGADRO / (abundance @ [float(row["atomic_mass_u"]) for row in rows] / abundance.sum())
    total = 0.0
    for row, share in zip(rows, abundance / abundance.sum(), strict=True):
        Z, A = int(row["Z"]), int(row["A"])
        mass = float(row["atomic_mass_u"]) * ATOMIC_MASS_UNIT - Z * ELECTRON_MASS
        of_e, others = all_moments((T + math.sqrt(T * T + 2 * mass * T)) / 2, fluxes)
        charge = (Z * (0.5 - 2 * sin2) - (A - Z) / 2) * helm(2 * mass * T, float(row["charge_radius_fm"]))
        every = of_e + others
        total += share * FERMI_CONSTANT**2 * mass / math.pi * charge**2 * (every[0] - mass * T / 2 * every[2])
    return atoms * total * CM2_PER_MEV2


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

"""Recoils at a reactor of any fuel, integrated from the written formulas, without the package's code.

Spectra are those of `reactor`, written for the fuel of one experiment there, here for any. Energies are in MeV, recoil
energies of `counts` and of its arguments in keV.
"""

import math
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from itertools import pairwise

import numpy as np
from ingredients import (
    AVOGADRO,
    CM2_PER_MEV2,
    FERMI_CONSTANT,
    JOULE_PER_MEV,
    SECONDS_PER_DAY,
    helm,
    isotopes_of,
    molar_mass,
    read_table,
)
from scipy.integrate import quad

JOIN, END = 2.0, 12.5
NODES, WEIGHTS = np.polynomial.legendre.leggauss(16)


@cache
def _tables() -> tuple[dict[str, np.ndarray], dict[str, list[float]], dict[str, float], np.ndarray, np.ndarray]:
    """Vogel and Engel's table, Huber's and Mueller's coefficients, MeV per fission, edges and content of captures."""
    rows = read_table("reactor/vogel_engel_1989.csv")
    low = {name: np.array([float(row[name]) for row in rows]) for name in rows[0]}
    high = {r["isotope"]: [float(r[f"a{p}"]) for p in range(1, 7)] for r in read_table("reactor/huber_mueller.csv")}
    energies = {row["isotope"]: float(row["ma_2013"]) for row in read_table("reactor/energy_per_fission.csv")}
    captures = read_table("reactor/capture_u239_np239.csv")
    centres = np.array([float(row["energy_MeV"]) for row in captures])
    half = (centres[1] - centres[0]) / 2
    edges = np.append(centres - half, centres[-1] + half).round(9)
    return low, high, energies, edges, np.array([float(row["U239"]) + float(row["Np239"]) for row in captures])


def spectrum(energy: np.ndarray, fractions: Mapping[str, float], captures: float) -> np.ndarray:
    """Antineutrinos / MeV / fission."""
    low, high, _, edges, content = _tables()
    total = np.zeros_like(energy)
    for name, share in fractions.items():
        below = np.interp(energy, low["energy_MeV"], low[name])
        above = np.exp(sum(a * energy**p for p, a in enumerate(high[name])))
        total += share * np.where(energy < JOIN, below, above)
    index = np.searchsorted(edges, energy, side="right") - 1
    inside = (index >= 0) & (index < content.size)
    return total + captures * np.where(inside, content[np.clip(index, 0, content.size - 1)], 0.0)


@cache
def _knots() -> np.ndarray:
    low, _, _, edges, _ = _tables()
    steps = np.arange(JOIN, END, 0.5)
    return np.unique(np.concatenate([low["energy_MeV"], edges, steps, [END]]))


def _moments(start: float, fractions: Mapping[str, float], captures: float) -> tuple[float, float, float]:
    """Integrals of the spectrum times 1, 1 / E, 1 / E^2 above an energy."""
    knots = _knots()
    ends = np.concatenate([[start], knots[knots > start]])
    half = np.diff(ends)[:, None] / 2
    energy = (ends[:-1, None] + ends[1:, None]) / 2 + half * NODES
    weight = half * WEIGHTS * spectrum(energy, fractions, captures)
    return tuple(float((weight / energy**p).sum()) for p in range(3))


def flux(source: Mapping) -> float:
    """Factor from antineutrinos per fission to the flux [1 / (cm^2 s)], as an experiment's file has it."""
    fractions, captures = source["fission_fractions"], source.get("captures_per_fission", 0.6)
    total = _moments(0.0, fractions, captures)[0]
    if "total_flux_per_cm2_s" in source:
        return source["total_flux_per_cm2_s"] / total
    energies = _tables()[2]
    per_fission = sum(f * energies[name] for name, f in fractions.items()) / sum(fractions.values())
    fissions = source["power_GW"] * 1e9 / JOULE_PER_MEV / per_fission
    return fissions / (4 * math.pi * (source["baseline_m"] * 100) ** 2)


def counts(
    source: Mapping,
    elements: Mapping[str, int],
    sin2: float,
    seen: Callable[[float], float],
    pieces: Sequence[float],
) -> float:
    """CEvNS events / (kg d): the integral over recoil energies between the `pieces` [keV], weighted with `seen`."""
    fractions, captures = source["fission_fractions"], source.get("captures_per_fission", 0.6)
    units = 1e3 * AVOGADRO / sum(n * molar_mass(symbol) for symbol, n in elements.items())

    def rate(T: float) -> float:
        total = 0.0
        for symbol, atoms in elements.items():
            for Z, N, share, mass, radius in isotopes_of(symbol):
                start = (T + math.sqrt(T**2 + 2 * mass * T)) / 2
                if start >= END:
                    continue
                zeroth, first, second = _moments(start, fractions, captures)
                charge = Z * (0.5 - 2 * sin2) - N / 2
                strength = FERMI_CONSTANT**2 * mass / math.pi * (charge * helm(2 * mass * T, radius)) ** 2
                bracket = zeroth - T * first - mass * T / 2 * second
                total += atoms * share * strength * CM2_PER_MEV2 * bracket
        return total

    parts = (
        quad(lambda T: rate(T * 1e-3) * seen(T) * 1e-3, a, b, epsabs=0, epsrel=1e-6, limit=200)[0]
        for a, b in pairwise(pieces)
    )
    return flux(source) * units * SECONDS_PER_DAY * math.fsum(parts)

"""Independent calculation of the CONUS+ prediction, to test the package against.

It follows the published formulas one by one, with SciPy's adaptive quadrature over recoil energies, and shares no code,
no constants and no numerical method with the package: no Jacobian of the quenching is used (all nuclear-recoil
integrals run over the recoil energy), the flux has no moments, and nothing is interpolated that the formulas do not
tell to interpolate.

"Eq. (n)" is equation n of arXiv:2501.12441. T is the recoil kinetic energy, E the neutrino energy, M the
nuclear mass; energies are in MeV unless a name ends in _keV or _eV. "Ionisation energy" means
electron-equivalent energy.

Run as a script it prints the default prediction bin by bin.
"""

import math
import time
from collections.abc import Callable, Iterable
from functools import cache
from itertools import pairwise
from typing import TypeVar

import numpy as np
from ingredients import (
    ATOMIC_MASS_UNIT,
    CM2_PER_MEV2,
    ELECTRON_MASS,
    FERMI_CONSTANT,
    FINE_STRUCTURE,
    HBAR_C,
    SECONDS_PER_DAY,
    atoms_per_kg,
    bins,
    experiment,
    helm,
    helm_mp,
    isotopes,
    klein_nystrand_mp,
    read_table,
    shells,
)
from reactor import capture_spectrum, energy_knots, fission_spectrum, flux, flux_parts, fold, fold_flux
from scipy.integrate import quad
from scipy.optimize import brentq, minimize_scalar
from scipy.special import ndtr

# Tests take everything from here.
__all__ = [
    "ATOMIC_MASS_UNIT",
    "CM2_PER_MEV2",
    "ELECTRON_MASS",
    "FERMI_CONSTANT",
    "FINE_STRUCTURE",
    "HBAR_C",
    "atoms_per_kg",
    "bins",
    "capture_spectrum",
    "cevns_cross_section",
    "chi2",
    "effective_electrons",
    "energy_knots",
    "eves_cross_section",
    "expected_counts",
    "experiment",
    "exposure_days",
    "fission_spectrum",
    "flux",
    "fold",
    "fold_flux",
    "helm",
    "helm_mp",
    "isotopes",
    "klein_nystrand_mp",
    "lindhard",
    "maximum_recoil",
    "minimum_energy",
    "read_table",
    "recoil_energy",
    "response",
]

# The Gaussian resolution is integrated over this range of true ionisation energy. The bins lie between 160
# and 350 eV and the resolution is 21 to 25 eV, so what is left out lies more than 7 standard deviations away.
TRUE_RANGE_EV = (10.0, 600.0)
TRUE_STEP_EV = 25.0

Energy = TypeVar("Energy", float, np.ndarray)


def minimum_energy(T_MeV: float, mass_MeV: float) -> float:
    """Smallest neutrino energy [MeV] that can give a recoil of T to a particle of the given mass."""
    return 0.5 * (T_MeV + math.sqrt(T_MeV**2 + 2.0 * mass_MeV * T_MeV))


def maximum_recoil(E_MeV: float, mass_MeV: float) -> float:
    """Largest recoil energy [MeV]: the inverse of `minimum_energy`."""
    return 2.0 * E_MeV**2 / (mass_MeV + 2.0 * E_MeV)


def cevns_cross_section(E_MeV: Energy, T_MeV: float, isotope: dict[str, float], sin2_theta_w: float) -> Energy:
    """Eqs. (1) and (2): d(sigma)/dT [cm^2/MeV] on one nucleus. As there, the term T/E is dropped."""
    mass = isotope["M"]
    possible = E_MeV >= minimum_energy(T_MeV, mass)
    protons, neutrons = isotope["Z"], isotope["A"] - isotope["Z"]
    charge = protons * (0.5 - 2.0 * sin2_theta_w) - 0.5 * neutrons
    form = helm(2.0 * mass * T_MeV, isotope["radius"])
    kinematics = 1.0 - mass * T_MeV / (2.0 * E_MeV**2)
    return possible * FERMI_CONSTANT**2 * mass / math.pi * charge**2 * form**2 * kinematics * CM2_PER_MEV2


def eves_cross_section(E_MeV: Energy, T_MeV: float, sin2_theta_w: float) -> Energy:
    """Eqs. (3) and (4) for electron antineutrinos: d(sigma)/dT [cm^2/MeV] on one free electron."""
    possible = E_MeV >= minimum_energy(T_MeV, ELECTRON_MASS)
    g_v = 0.5 + 2.0 * sin2_theta_w
    g_a = -0.5  # of the neutrino +1/2: the sign turns for antineutrinos
    bracket = (
        (g_v + g_a) ** 2
        + (g_v - g_a) ** 2 * (1.0 - T_MeV / E_MeV) ** 2
        - (g_v**2 - g_a**2) * ELECTRON_MASS * T_MeV / E_MeV**2
    )
    return possible * FERMI_CONSTANT**2 * ELECTRON_MASS / (2.0 * math.pi) * bracket * CM2_PER_MEV2


def effective_electrons(T_eV: float) -> float:
    """Z_eff of Eq. (19): electrons with a binding energy below T."""
    return math.fsum(number for binding, number in shells() if binding < T_eV)


@cache
def cevns_rate(
    T_keV: float, sin2_theta_w: float, above_8: str, total_flux: float | None, epsrel: float = 1e-10
) -> float:
    """CEvNS events / (kg s keV of recoil)."""
    T = T_keV * 1e-3
    total = 0.0
    for isotope in isotopes():
        total += isotope["abundance"] * fold_flux(
            lambda E, i=isotope: cevns_cross_section(E, T, i, sin2_theta_w),
            minimum_energy(T, isotope["M"]),
            above_8,
            total_flux,
            epsrel,
        )
    return atoms_per_kg() * total * 1e-3


@cache
def eves_rate(
    T_keV: float, sin2_theta_w: float, above_8: str, total_flux: float | None, epsrel: float = 1e-10
) -> float:
    """Neutrino-electron scattering events / (kg s keV)."""
    T = T_keV * 1e-3
    integral = fold_flux(
        lambda E: eves_cross_section(E, T, sin2_theta_w),
        minimum_energy(T, ELECTRON_MASS),
        above_8,
        total_flux,
        epsrel,
    )
    return atoms_per_kg() * effective_electrons(T_keV * 1e3) * integral * 1e-3


def lindhard(T_keV: float, k: float) -> float:
    """Lindhard's quenching factor of a nuclear recoil of T."""
    protons = isotopes()[0]["Z"]
    epsilon = 11.5 * protons ** (-7.0 / 3.0) * T_keV
    g = 3.0 * epsilon**0.15 + 0.7 * epsilon**0.6 + epsilon
    return k * g / (1.0 + k * g)


def recoil_energy(ionisation_eV: float, k: float) -> float:
    """Nuclear recoil energy [keV] that ionises like an electron of `ionisation_eV`."""
    target = ionisation_eV * 1e-3
    return brentq(lambda T: lindhard(T, k) * T - target, 0.0, 1e3 * target + 1.0, xtol=1e-16, rtol=1e-14)


def response(true_eV: float, low_eV: float, high_eV: float) -> float:
    """Probability that an event of true ionisation energy `true_eV` is seen between the two energies."""
    width = experiment()["response"]["nuclear"]["smearing"]
    sigma = math.sqrt(width["noise"] ** 2 + width["fano"] * width["pair_energy"] * true_eV)
    a, b = (low_eV - true_eV) / sigma, (high_eV - true_eV) / sigma
    if a > 0.0:  # the difference of two numbers near one would lose digits
        a, b = -b, -a
    return float(ndtr(b) - ndtr(a))


def exposure_days(low_eV: float) -> float:
    """Live days of a bin: mean, by mass, over the detectors with a threshold at or below its lower edge."""
    active = [d for d in experiment()["detectors"] if d["threshold"] <= low_eV]
    if not active:
        return 0.0
    return sum(d["mass_kg"] * d["live_days"] for d in active) / sum(d["mass_kg"] for d in active)


def _integrate(function: Callable[[float], float], points: Iterable[float], epsrel: float) -> float:
    """Integral over the pieces between the sorted points."""
    nodes = sorted(set(points))
    return math.fsum(quad(function, a, b, epsabs=0.0, epsrel=epsrel)[0] for a, b in pairwise(nodes))


@cache
def _recoil_breaks(quenching_k: float) -> tuple[float, ...]:
    """Recoil energies [keV] where a minimum neutrino energy passes a knot, within the range integrated."""
    candidates = {maximum_recoil(E, i["M"]) * 1e3 for i in isotopes() for E in energy_knots() if E > 0.0}
    low, high = TRUE_RANGE_EV
    return tuple(T for T in sorted(candidates) if low < lindhard(T, quenching_k) * T * 1e3 < high)


def expected_counts(
    sin2_theta_w: float = 0.23857,
    quenching_k: float = 0.162,
    *,
    resolution: bool = True,
    above_8: str = "polynomial",
    total_flux: float | None = 1.5e13,
    channel: str = "all",
    epsrel: float = 1e-10,
    some: slice = slice(None),
) -> np.ndarray:
    """Expected counts / kg / (10 eV) over the run in each bin, Eqs. (17) and (19).

    With `resolution`, events of all true energies enter through `response`; without it a bin holds the events
    whose true ionisation energy lies in it. `channel` is "cevns", "eves" or "all"; `total_flux` [1/(cm^2 s)],
    None for the flux as Eq. (18) gives it; `epsrel` is the relative tolerance of every integral;
    `some` are the bins that are asked for.
    """
    if channel not in ("all", "cevns", "eves"):
        raise ValueError(f"unknown channel: {channel!r}")
    if above_8 not in ("polynomial", "exponential", "cut"):
        raise ValueError(f"unknown above_8: {above_8!r}")

    def nuclear_rate(T_keV: float) -> float:
        return cevns_rate(T_keV, sin2_theta_w, above_8, total_flux, epsrel)

    def electron_rate(T_keV: float) -> float:
        return eves_rate(T_keV, sin2_theta_w, above_8, total_flux, epsrel)

    def ionisation_eV(T_keV: float) -> float:
        return lindhard(T_keV, quenching_k) * T_keV * 1e3

    def counts_in(low: float, high: float) -> float:
        """Events / (kg s) seen between two energies."""
        if resolution:
            first, last = TRUE_RANGE_EV
            # All bins share these points and hence the quadrature nodes: the rates are found in the cache.
            true_eV = [*np.arange(first, last, TRUE_STEP_EV).tolist(), last]
        else:
            first, last = low, high
            true_eV = [low, high]
        total = 0.0
        if channel != "eves":
            # Over the recoil energy, so that the Jacobian of Eq. (17) is not needed.
            points = [recoil_energy(e, quenching_k) for e in true_eV]
            points += [T for T in _recoil_breaks(quenching_k) if points[0] < T < points[-1]]
            total += _integrate(
                lambda T: nuclear_rate(T) * (response(ionisation_eV(T), low, high) if resolution else 1.0),
                points,
                epsrel,
            )
        if channel != "cevns":
            points = [e * 1e-3 for e in true_eV]
            points += [binding * 1e-3 for binding, _ in shells() if first < binding < last]
            total += _integrate(
                lambda T: electron_rate(T) * (response(T * 1e3, low, high) if resolution else 1.0),
                points,
                epsrel,
            )
        return total

    per_energy_eV = experiment()["data"]["per_energy"]
    return np.array(
        [
            counts_in(low, high) * exposure_days(low) * SECONDS_PER_DAY * per_energy_eV / (high - low)
            for low, high in zip(*(edges[some].tolist() for edges in bins()[:2]), strict=True)
        ]
    )


def chi2(expected: np.ndarray, observed: np.ndarray, sigma: np.ndarray, pull: float) -> float:
    """Eq. (20), minimised numerically over the common relative shift alpha of width `pull`."""

    def value(alpha: float) -> float:
        return float(np.sum((((1.0 + alpha) * expected - observed) / sigma) ** 2) + (alpha / pull) ** 2)

    return float(minimize_scalar(value, bracket=(-pull, pull)).fun)


def main() -> None:
    """Print the default prediction."""
    print("flux below 2 MeV, above, capture, sum [1/(cm^2 s)]:", *flux_parts(), sum(flux_parts()))
    start = time.perf_counter()
    columns = {
        "cevns": expected_counts(channel="cevns"),
        "eves": expected_counts(channel="eves"),
        "cevns_no_resolution": expected_counts(channel="cevns", resolution=False),
        "eves_no_resolution": expected_counts(channel="eves", resolution=False),
    }
    print(f"{time.perf_counter() - start:.1f} s")
    print("low_eV", *columns)
    for i, low in enumerate(bins()[0]):
        print(f"{low:.0f}", *(f"{c[i]:.8g}" for c in columns.values()))
    print("sum", *(f"{c.sum():.8g}" for c in columns.values()))


if __name__ == "__main__":
    main()

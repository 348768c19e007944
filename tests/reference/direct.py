"""Independent calculation of the CONUS+ prediction, to test the package against.

Everything here is plain scalar Python with SciPy's adaptive quadrature and follows the published formulas
one by one. It shares no code, no constants and no numerical method with the package: physical constants are
typed again, no Jacobian of the quenching is used (all nuclear-recoil integrals run over the recoil energy),
and nothing is interpolated that the formulas do not tell to interpolate.

"Eq. (n)" is equation n of arXiv:2501.12441. T is the recoil kinetic energy, E the neutrino energy, M the
nuclear mass; energies are in MeV unless a name ends in _keV or _eV. "Ionisation energy" means
electron-equivalent energy.

Run as a script it prints the default prediction bin by bin.
"""

import csv
import math
import time
import tomllib
from bisect import bisect_right
from collections.abc import Callable, Iterable
from functools import cache
from itertools import pairwise
from pathlib import Path

import mpmath
import numpy as np
from scipy.integrate import quad
from scipy.optimize import brentq, minimize_scalar
from scipy.special import hyp0f1, ndtr

DATA = Path(__file__).resolve().parents[2] / "data"

# CODATA 2022 and PDG.
FERMI_CONSTANT = 1.1663788e-11  # MeV^-2
HBAR_C = 197.3269804  # MeV fm
ELECTRON_MASS = 0.51099895069  # MeV
ATOMIC_MASS_UNIT = 931.49410372  # MeV
FINE_STRUCTURE = 7.2973525643e-3
AVOGADRO = 6.02214076e23  # 1/mol
ELEMENTARY_CHARGE = 1.602176634e-19  # C

CM2_PER_MEV2 = (HBAR_C * 1e-13) ** 2  # turns MeV^-2 into cm^2
JOULE_PER_MEV = ELEMENTARY_CHARGE * 1e6
SECONDS_PER_DAY = 86400.0

HELM_SKIN_FM = 0.9
KLEIN_NYSTRAND_RANGE_FM = 0.7
JOIN_MEV = 2.0  # Vogel-Engel below, Huber-Mueller above
FIT_END_MEV = 8.0  # end of the range in which Huber-Mueller was fitted
SPECTRUM_END_MEV = 12.5

# The Gaussian resolution is integrated over this range of true ionisation energy. The bins lie between 160
# and 350 eV and the resolution is 21 to 25 eV, so what is left out lies more than 7 standard deviations away.
TRUE_RANGE_EV = (10.0, 600.0)
TRUE_STEP_EV = 10.0


# ---------------------------------------------------------------------------------------------------------
# Tables


def read_table(name: str) -> list[dict[str, str]]:
    """Rows of a table in the data folder: `#` comment lines, a header, comma-separated values."""
    lines = (DATA / name).read_text(encoding="utf-8").splitlines()
    return list(csv.DictReader(line for line in lines if not line.startswith("#")))


@cache
def experiment() -> dict:
    """The description of CONUS+ Run 1."""
    return tomllib.loads((DATA / "conus_plus" / "experiment.toml").read_text(encoding="utf-8"))


@cache
def element() -> str:
    """Symbol of the only target element."""
    (symbol,) = experiment()["target"]["elements"]
    return symbol


@cache
def isotopes() -> tuple[dict[str, float], ...]:
    """Isotopes of the target: Z, A, abundance (atom fraction), nuclear mass `M` [MeV], `radius` [fm].

    The nuclear mass is the atomic one less Z electron masses; electron binding (3e-6 relative) is neglected.
    """
    result = []
    for row in read_table("nuclei/isotopes.csv"):
        if row["element"] != element():
            continue
        protons = int(row["Z"])
        atomic_mass_u = float(row["atomic_mass_u"])
        result.append(
            {
                "Z": protons,
                "A": int(row["A"]),
                "abundance": float(row["abundance"]),
                "molar_mass": atomic_mass_u,
                "M": atomic_mass_u * ATOMIC_MASS_UNIT - protons * ELECTRON_MASS,
                "radius": float(row["charge_radius_fm"]),
            }
        )
    return tuple(result)


@cache
def atoms_per_kg() -> float:
    """Atoms per kilogram of natural element, from the mean molar mass [g/mol]."""
    mean = sum(i["abundance"] * i["molar_mass"] for i in isotopes()) / sum(i["abundance"] for i in isotopes())
    return 1000.0 * AVOGADRO / mean


@cache
def shells() -> tuple[tuple[float, float], ...]:
    """(binding energy [eV], number of electrons) of each shell of the target atom."""
    rows = [r for r in read_table("atoms/binding_energies.csv") if r["element"] == element()]
    return tuple((float(r["binding_energy_eV"]), float(r["occupancy"])) for r in rows)


def bins() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Lower and upper edges [eV], observed excess and its error [counts / kg / (10 eV)]."""
    rows = read_table("conus_plus/" + experiment()["data"]["file"])
    columns = ("low_eV", "high_eV", "observed", "sigma")
    low, high, observed, sigma = (np.array([float(r[c]) for r in rows]) for c in columns)
    return low, high, observed, sigma


# ---------------------------------------------------------------------------------------------------------
# Form factors


def helm(q2_MeV2: float, charge_radius_fm: float) -> float:
    """Helm form factor F(q^2), R. H. Helm, Phys. Rev. 104, 1466 (1956); s = 0.9 fm.

    3 j_1(x) / x is the hypergeometric function 0F1(; 5/2; -x^2/4), which is regular at x = 0.
    """
    q2 = q2_MeV2 / HBAR_C**2  # fm^-2
    box2 = 5.0 / 3.0 * (charge_radius_fm**2 - 3.0 * HELM_SKIN_FM**2)
    return float(hyp0f1(2.5, -q2 * box2 / 4.0)) * math.exp(-0.5 * q2 * HELM_SKIN_FM**2)


def _uniform_sphere_mp(x: mpmath.mpf) -> mpmath.mpf:
    if x == 0:
        return mpmath.mpf(1)
    return 3 * (mpmath.sin(x) - x * mpmath.cos(x)) / x**3


def helm_mp(q2_MeV2: float, charge_radius_fm: float, digits: int = 50) -> mpmath.mpf:
    """Helm form factor with `digits` digits, from the textbook expression with sine and cosine."""
    with mpmath.workdps(2 * digits):  # the expression loses digits at small q
        q = mpmath.sqrt(mpmath.mpf(q2_MeV2)) / mpmath.mpf(HBAR_C)
        s = mpmath.mpf(HELM_SKIN_FM)
        box = mpmath.sqrt(mpmath.mpf(5) / 3 * (mpmath.mpf(charge_radius_fm) ** 2 - 3 * s**2))
        result = _uniform_sphere_mp(q * box) * mpmath.exp(-(q**2) * s**2 / 2)
    with mpmath.workdps(digits):
        return +result


def klein_nystrand_mp(q2_MeV2: float, charge_radius_fm: float, digits: int = 50) -> mpmath.mpf:
    """Klein-Nystrand form factor, Phys. Rev. C 60, 014903 (1999); a = 0.7 fm.

    The sphere has R^2 = (5/3) (R_rms^2 - 6 a^2), so that the rms radius is the charge radius.
    """
    with mpmath.workdps(2 * digits):
        q = mpmath.sqrt(mpmath.mpf(q2_MeV2)) / mpmath.mpf(HBAR_C)
        a = mpmath.mpf(KLEIN_NYSTRAND_RANGE_FM)
        sphere = mpmath.sqrt(mpmath.mpf(5) / 3 * (mpmath.mpf(charge_radius_fm) ** 2 - 6 * a**2))
        result = _uniform_sphere_mp(q * sphere) / (1 + a**2 * q**2)
    with mpmath.workdps(digits):
        return +result


# ---------------------------------------------------------------------------------------------------------
# Reactor antineutrinos


@cache
def _vogel_engel() -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Knots [MeV] and sum of f_k S_k there [1/(MeV fission)]."""
    fractions = experiment()["source"]["fission_fractions"]
    rows = read_table("reactor/vogel_engel_1989.csv")
    energies = tuple(float(r["energy_MeV"]) for r in rows)
    values = tuple(sum(f * float(r[k]) for k, f in fractions.items()) for r in rows)
    return energies, values


@cache
def _capture() -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Bin edges [MeV] and content [1/(MeV fission)] of the antineutrinos from capture on 238U."""
    rows = read_table("reactor/capture_u239_np239.csv")
    centres = [float(r["energy_MeV"]) for r in rows]
    half = 0.5 * (centres[1] - centres[0])
    # Rounding makes edges that mean the same energy as a Vogel-Engel knot equal to it.
    edges = tuple(round(c, 9) for c in [*(c - half for c in centres), centres[-1] + half])
    captures = experiment()["source"]["captures_per_fission"]
    return edges, tuple(captures * (float(r["U239"]) + float(r["Np239"])) for r in rows)


@cache
def _huber_mueller() -> tuple[tuple[float, tuple[float, ...]], ...]:
    """(fission fraction, polynomial coefficients) of each fissile isotope."""
    rows = {r["isotope"]: r for r in read_table("reactor/huber_mueller.csv")}
    fractions = experiment()["source"]["fission_fractions"]
    return tuple((f, tuple(float(rows[k][f"a{p}"]) for p in range(1, 7))) for k, f in fractions.items())


def _exp_polynomial(E_MeV: float, coefficients: tuple[float, ...]) -> float:
    return math.exp(sum(a * E_MeV**p for p, a in enumerate(coefficients)))


def fission_spectrum(E_MeV: float, above_8: str = "polynomial") -> float:
    """Sum of f_k S_k over the fissile isotopes [1/(MeV fission)].

    Vogel and Engel, Phys. Rev. D 39, 3378 (1989), interpolated linearly, below 2 MeV; Huber, Phys. Rev. C 84,
    024617, and Mueller et al., Phys. Rev. C 83, 054615 (2011) above. `above_8` says what replaces the latter
    above 8 MeV: "polynomial" (nothing), "exponential" (continues the slope between 7.5 and 8 MeV), "cut".
    """
    if E_MeV <= 0.0 or E_MeV > SPECTRUM_END_MEV:
        return 0.0
    if E_MeV < JOIN_MEV:
        knots, values = _vogel_engel()
        i = bisect_right(knots, E_MeV) - 1
        fraction = (E_MeV - knots[i]) / (knots[i + 1] - knots[i])
        return values[i] + fraction * (values[i + 1] - values[i])
    if E_MeV <= FIT_END_MEV or above_8 == "polynomial":
        return sum(f * _exp_polynomial(E_MeV, a) for f, a in _huber_mueller())
    if above_8 == "cut":
        return 0.0
    if above_8 != "exponential":
        raise ValueError(f"unknown above_8: {above_8!r}")
    total = 0.0
    for f, a in _huber_mueller():
        last = _exp_polynomial(8.0, a)
        slope = math.log(_exp_polynomial(7.5, a) / last) / 0.5
        total += f * last * math.exp(-slope * (E_MeV - 8.0))
    return total


def capture_spectrum(E_MeV: float) -> float:
    """239U and 239Np decays after capture on 238U [1/(MeV fission)], constant within the table's bins."""
    edges, values = _capture()
    if not edges[0] <= E_MeV < edges[-1]:
        return 0.0
    return values[bisect_right(edges, E_MeV) - 1]


@cache
def energy_knots() -> tuple[float, ...]:
    """Energies [MeV] at which the spectrum or its slope jumps: no integral may run across them unawares."""
    joins = (JOIN_MEV, FIT_END_MEV, SPECTRUM_END_MEV)
    return tuple(sorted({*_vogel_engel()[0], *_capture()[0], *joins}))


def fold(function: Callable[[float], float], start_MeV: float, epsrel: float) -> float:
    """Integral of `function` over the neutrino energy from `start_MeV` to the end of the spectrum."""
    start = max(start_MeV, 0.0)
    points = [start] + [k for k in energy_knots() if k > start]
    return math.fsum(quad(function, a, b, epsabs=0.0, epsrel=epsrel)[0] for a, b in pairwise(points))


def fissions_per_area() -> float:
    """P / (4 pi d^2 epsilon) of Eq. (18) [fissions / (cm^2 s)]."""
    source = experiment()["source"]
    fissions_per_s = source["power_GW"] * 1e9 / JOULE_PER_MEV / source["energy_per_fission_MeV"]
    return fissions_per_s / (4.0 * math.pi * (source["baseline_m"] * 100.0) ** 2)


@cache
def flux_parts(above_8: str = "polynomial") -> tuple[float, float, float]:
    """Unnormalised flux from fission below 2 MeV, fission above it, and capture [1/(cm^2 s)]."""
    capture = fold(capture_spectrum, 0.0, 1e-11)
    above = fold(lambda E: fission_spectrum(E, above_8), JOIN_MEV, 1e-11)
    below = fold(lambda E: fission_spectrum(E, above_8), 0.0, 1e-11) - above
    n = fissions_per_area()
    return n * below, n * above, n * capture


@cache
def flux_scale(above_8: str = "polynomial", total_flux: float | None = None) -> float:
    """Factor from spectra [1/(MeV fission)] to the flux [1/(cm^2 s MeV)]."""
    if total_flux is None:
        return fissions_per_area()
    return fissions_per_area() * total_flux / sum(flux_parts(above_8))


def flux(E_MeV: float, above_8: str = "polynomial", total_flux: float | None = None) -> float:
    """Antineutrino flux, Eq. (18) [1/(cm^2 s MeV)]; rescaled to `total_flux` [1/(cm^2 s)] where given."""
    return flux_scale(above_8, total_flux) * (fission_spectrum(E_MeV, above_8) + capture_spectrum(E_MeV))


# ---------------------------------------------------------------------------------------------------------
# Cross sections


def minimum_energy(T_MeV: float, mass_MeV: float) -> float:
    """Smallest neutrino energy [MeV] that can give a recoil of T to a particle of the given mass."""
    return 0.5 * (T_MeV + math.sqrt(T_MeV**2 + 2.0 * mass_MeV * T_MeV))


def maximum_recoil(E_MeV: float, mass_MeV: float) -> float:
    """Largest recoil energy [MeV]: the inverse of `minimum_energy`."""
    return 2.0 * E_MeV**2 / (mass_MeV + 2.0 * E_MeV)


def cevns_cross_section(E_MeV: float, T_MeV: float, isotope: dict[str, float], sin2_theta_w: float) -> float:
    """Eqs. (1) and (2): d(sigma)/dT [cm^2/MeV] on one nucleus. As there, the term T/E is dropped."""
    mass = isotope["M"]
    if E_MeV < minimum_energy(T_MeV, mass):
        return 0.0
    protons, neutrons = isotope["Z"], isotope["A"] - isotope["Z"]
    charge = protons * (0.5 - 2.0 * sin2_theta_w) - 0.5 * neutrons
    form = helm(2.0 * mass * T_MeV, isotope["radius"])
    kinematics = 1.0 - mass * T_MeV / (2.0 * E_MeV**2)
    return FERMI_CONSTANT**2 * mass / math.pi * charge**2 * form**2 * kinematics * CM2_PER_MEV2


def eves_cross_section(E_MeV: float, T_MeV: float, sin2_theta_w: float) -> float:
    """Eqs. (3) and (4) for electron antineutrinos: d(sigma)/dT [cm^2/MeV] on one free electron."""
    if E_MeV < minimum_energy(T_MeV, ELECTRON_MASS):
        return 0.0
    g_v = 0.5 + 2.0 * sin2_theta_w
    g_a = -0.5  # of the neutrino +1/2: the sign turns for antineutrinos
    bracket = (
        (g_v + g_a) ** 2
        + (g_v - g_a) ** 2 * (1.0 - T_MeV / E_MeV) ** 2
        - (g_v**2 - g_a**2) * ELECTRON_MASS * T_MeV / E_MeV**2
    )
    return FERMI_CONSTANT**2 * ELECTRON_MASS / (2.0 * math.pi) * bracket * CM2_PER_MEV2


def effective_electrons(T_eV: float) -> float:
    """Z_eff of Eq. (19): electrons with a binding energy below T."""
    return math.fsum(number for binding, number in shells() if binding < T_eV)


# ---------------------------------------------------------------------------------------------------------
# Rates per unit recoil energy


@cache
def cevns_rate(
    T_keV: float, sin2_theta_w: float, above_8: str, total_flux: float | None, epsrel: float = 1e-10
) -> float:
    """CEvNS events / (kg s keV of recoil)."""
    T = T_keV * 1e-3
    total = 0.0
    for isotope in isotopes():
        total += isotope["abundance"] * fold(
            lambda E, i=isotope: flux(E, above_8, total_flux) * cevns_cross_section(E, T, i, sin2_theta_w),
            minimum_energy(T, isotope["M"]),
            epsrel,
        )
    return atoms_per_kg() * total * 1e-3


@cache
def eves_rate(
    T_keV: float, sin2_theta_w: float, above_8: str, total_flux: float | None, epsrel: float = 1e-10
) -> float:
    """Neutrino-electron scattering events / (kg s keV)."""
    T = T_keV * 1e-3
    integral = fold(
        lambda E: flux(E, above_8, total_flux) * eves_cross_section(E, T, sin2_theta_w),
        minimum_energy(T, ELECTRON_MASS),
        epsrel,
    )
    return atoms_per_kg() * effective_electrons(T_keV * 1e3) * integral * 1e-3


# ---------------------------------------------------------------------------------------------------------
# Detector


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
    width = experiment()["response"]["resolution"]
    sigma = math.sqrt(width["noise_eV"] ** 2 + width["fano"] * width["pair_energy_eV"] * true_eV)
    a, b = (low_eV - true_eV) / sigma, (high_eV - true_eV) / sigma
    if a > 0.0:  # the difference of two numbers near one would lose digits
        a, b = -b, -a
    return float(ndtr(b) - ndtr(a))


def exposure_days(low_eV: float) -> float:
    """Live days of a bin: mean, by mass, over the detectors with a threshold at or below its lower edge."""
    active = [d for d in experiment()["detectors"] if d["threshold_eV"] <= low_eV]
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
) -> np.ndarray:
    """Expected counts / kg / (10 eV) over the run in each bin, Eqs. (17) and (19).

    With `resolution`, events of all true energies enter through `response`; without it a bin holds the events
    whose true ionisation energy lies in it. `channel` is "cevns", "eves" or "all"; `total_flux` [1/(cm^2 s)],
    None for the flux as Eq. (18) gives it; `epsrel` is the relative tolerance of every integral.
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

    per_energy_eV = experiment()["data"]["per_energy_eV"]
    return np.array(
        [
            counts_in(low, high) * exposure_days(low) * SECONDS_PER_DAY * per_energy_eV / (high - low)
            for low, high in zip(*(edges.tolist() for edges in bins()[:2]), strict=True)
        ]
    )


# ---------------------------------------------------------------------------------------------------------
# Statistics


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

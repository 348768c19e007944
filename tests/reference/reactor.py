"""Reactor antineutrinos of the independent calculation: spectra, flux, and integrals over it.

"Eq. (n)" is equation n of arXiv:2501.12441; E is the neutrino energy. Spectra are plain scalar Python. Nothing is
interpolated that the formulas do not tell to interpolate.
"""

import math
from bisect import bisect_right
from collections.abc import Callable
from functools import cache
from itertools import pairwise

import numpy as np
from ingredients import JOULE_PER_MEV, experiment, read_table
from scipy.integrate import quad

JOIN_MEV = 2.0  # Vogel-Engel below, Huber-Mueller above
FIT_END_MEV = 8.0  # end of the range in which Huber-Mueller was fitted
SPECTRUM_END_MEV = 12.5

STEP_MEV = 0.5  # pieces of a smooth spectrum are no longer than this
NODES, WEIGHTS = np.polynomial.legendre.leggauss(20)


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
    a0, a1, a2, a3, a4, a5 = coefficients
    return math.exp(a0 + E_MeV * (a1 + E_MeV * (a2 + E_MeV * (a3 + E_MeV * (a4 + E_MeV * a5)))))


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


@cache
def _flux_nodes(above_8: str, total_flux: float | None) -> tuple[list[float], np.ndarray, np.ndarray]:
    """Ends of pieces between which the flux is smooth, and nodes and weights times flux on each."""
    steps = np.arange(JOIN_MEV, SPECTRUM_END_MEV, STEP_MEV).tolist()
    ends = sorted({*energy_knots(), *steps})
    a, b = np.array(ends[:-1])[:, None], np.array(ends[1:])[:, None]
    energy = (a + b) / 2 + (b - a) / 2 * NODES
    phi = np.array([[flux(E, above_8, total_flux) for E in row] for row in energy.tolist()])
    return ends, energy, (b - a) / 2 * WEIGHTS * phi


def fold_flux(
    function: Callable[[float | np.ndarray], float | np.ndarray],
    start_MeV: float,
    above_8: str,
    total_flux: float | None,
    epsrel: float,
) -> float:
    """Integral of flux and `function` from `start_MeV` to the end, like `fold` but for functions that take arrays.

    The piece in which it starts is integrated adaptively. The others have the same nodes for all functions, so that the
    flux is calculated once; on such a piece 20 nodes are exact for a cross section of few powers of 1/E.
    """
    ends, energy, weight = _flux_nodes(above_8, total_flux)
    first = bisect_right(ends, start_MeV)
    if first == len(ends):
        return 0.0
    head, _ = quad(
        lambda E: flux(E, above_8, total_flux) * function(E), start_MeV, ends[first], epsabs=0.0, epsrel=epsrel
    )
    return head + float(np.sum(weight[first:] * function(energy[first:])))

"""A plane of mass against coupling of B - L with six nuisances minimised at each point, against NumPy and iminuit.

Three nuisances are factors on the signal, three move the spectrum: Lindhard's k, the energy scale, the nuclei's radius.
The package has the spectrum as a polynomial in these. The rival has no such idea: it makes the spectrum anew at each
step, from flux moments that are made once, and MIGRAD minimises over all six, on some points of the same plane. What
they find must be equal.

MIGRAD has walls for the shapes where the package has them. It stops early by default, 1e-4 above the minimum, so the
rival is MIGRAD with a tolerance at which it finds the minimum as closely as the two are compared; the time with its
default stands beside. A difference has two parts, told apart at MIGRAD's shapes: that of the package's polynomial from
the spectrum made anew, which alone may exceed the limit, and only in a corner of the shapes' box; and that of minima of
one function, which may not.
"""

from typing import Any

import numpy as np
from iminuit import Minuit
from scipy.special import erf

import cevnsjax
from benchmarks.common import PLANE, change, first_and_warm, once, row
from benchmarks.mediator_scan import Kernels
from cevnsjax.constants import G_FERMI, HBAR_C_MEV_FM, KEV
from cevnsjax.likelihood.shapes import SignalGrid

__all__ = ["run"]

SAME, AT_WALL = 1e-6, 1e-5
"""How much minima of chi^2 may differ, relatively where chi^2 exceeds one; and with a shape at its wall, where the
error of the package's polynomials is largest."""

STEEP = 30.0, 430.0
"""Between these chi^2 climbs from the best fit's to that of no signal at all, with the pull of a factor near zero."""

WALL = 5.0
"""How many standard deviations the shapes may move; the package's polynomials reach no further."""

DEFAULT, TIGHT = 0.1, 1e-4
"""iminuit's own tolerance, and one at which the distance to the minimum is estimated as 2e-7: 0.002 of it."""

AIM_S, AIM_RATIO = 1.0, 200.0

FACTORS, SHAPES = ("flux", "active_mass", "trigger"), ("quenching_k", "energy_shift", "nuclear_radius")


class MovedKernels(Kernels):
    """B - L in NumPy where response and radius move: recoil energies and flux moments are made once."""

    def __init__(self, likelihood: cevnsjax.Likelihood):
        super().__init__(likelihood)
        (experiment,) = likelihood.experiments
        response, grid = experiment.signal.nuclear, SignalGrid(experiment, (), (), "all")
        (nuclei,), (electrons,) = grid.nuclear, grid.electron
        assert response.contiguous, "bins do not touch"
        assert response.efficiency is None, "an efficiency would have to be applied"
        assert not response.smearing.truncated, "a truncated smearing would have to be normalised"
        self.edges = np.append(response.low, response.high[-1])[:, None]
        self.noise, self.poisson = float(response.smearing.noise), float(response.smearing.poisson)
        self.gain = float(response.gain)
        self.weight, self.electron_energy = nuclei.weight, electrons.energy
        self.recoil = np.asarray(nuclei.nodes.T)[0]
        reduced = 11.5 * float(response.yields[0].Z) ** (-7 / 3) * self.recoil / KEV
        self.g = 3 * reduced**0.15 + 0.7 * reduced**0.6 + reduced
        self.k2 = self.q2 / HBAR_C_MEV_FM**2
        self.radius = np.asarray(nuclei.nodes.nucleus.charge_radius)[:, None]
        chosen = [n for n in experiment.nuisances["detailed"] if n.sigma is not None]
        assert tuple(n.name for n in chosen) == (*FACTORS, *SHAPES)
        self.centres = np.array([n.centre for n in chosen[3:]])
        widths = np.array([n.sigma for n in chosen])
        self.factor_widths, self.shape_widths = widths[:3], widths[3:]

    def in_bins(self, energy: np.ndarray, rate: np.ndarray, shift: float) -> np.ndarray:
        """Return what a rate at given visible energies [MeV] adds to each bin."""
        mean = self.gain * energy
        width = np.sqrt(2 * (self.noise**2 + self.poisson * mean))
        below = erf((self.edges - mean - shift) / width) @ (self.weight * rate)
        return np.diff(below) / 2

    def form_factor(self, radius: float) -> np.ndarray:
        """Return Helm's form factor of each isotope at each node, the radii multiplied by a factor."""
        skin = 0.9
        x = np.sqrt(self.k2 * 5 / 3 * ((radius * self.radius) ** 2 - 3 * skin**2))
        # q R is small for the recoils of reactor neutrinos, where the closed form loses digits.
        sphere = 1 - x**2 / 10 + x**4 / 280 - x**6 / 15120 + x**8 / 1330560 - x**10 / 172972800
        return sphere * np.exp(-self.k2 * skin**2 / 2)

    def at(self, mass: float, g: float) -> "Objective":
        """Return chi^2 as a function of the six nuisances, at one point of the plane."""
        unit = np.array(g**2 / (2**0.5 * G_FERMI))
        nuclear = self.point_nucleus * self.nuclear_charge(mass, unit) ** 2
        return Objective(self, nuclear, self.electron_rate(mass, unit))


class Objective:
    """chi^2 at one point of the plane, for MIGRAD."""

    def __init__(self, kernels: MovedKernels, nuclear: np.ndarray, electron: np.ndarray):
        self.kernels, self.nuclear, self.electron = kernels, nuclear, electron

    def counts(self, k: float, shift: float, radius: float) -> np.ndarray:
        """Return the prediction in each bin before normalisation."""
        one = self.kernels
        kg = k * one.g
        rate = (self.nuclear * one.form_factor(radius) ** 2).sum(axis=0)
        counts = one.in_bins(one.recoil * kg / (1 + kg), rate, shift)
        return (counts + one.in_bins(one.electron_energy, self.electron, shift)) * one.exposure

    def start(self) -> tuple[float, np.ndarray]:
        """Return the factor on the signal that suits the data best where the shapes have their own values.

        And how each of its three parts is pulled for it, in standard deviations. Where the prediction is a million
        times the data, chi^2 is a gorge in the factors: MIGRAD, from where they are one, says that it has converged,
        thousands above the minimum.
        """
        one = self.kernels
        unit, data = self.counts(*one.centres) / one.sigma, one.observed / one.sigma
        variance = (one.factor_widths**2).sum()
        square, mixed = unit @ unit, unit @ data
        away = (mixed - square) / (1 + variance * square)
        return (1 + variance * mixed) / (1 + variance * square), one.factor_widths * away

    def minimised(self, tolerance: float) -> Minuit:
        """Return MIGRAD's result; its variables are the way from the start, in standard deviations.

        Not the factors themselves: one plus their small changes would lose the digits of a sum near zero.
        """
        one = self.kernels
        factor, pulls = self.start()

        def chi2(z: np.ndarray) -> float:
            counts = (factor + one.factor_widths @ z[:3]) * self.counts(*(one.centres + one.shape_widths * z[3:]))
            bins, factors = (counts - one.observed) / one.sigma, pulls + z[:3]
            return float(bins @ bins + factors @ factors + z[3:] @ z[3:])

        minuit = Minuit(chi2, np.zeros(6), name=(*FACTORS, *SHAPES))
        minuit.errors = np.ones(6)
        minuit.limits = [(None, None)] * 3 + [(-WALL, WALL)] * 3
        minuit.tol = tolerance
        minuit.strategy = 2 if tolerance < DEFAULT else 1
        return minuit.migrad()


def minima(kernels: MovedKernels, points: list[tuple[float, float]], tolerance: float) -> list[Minuit]:
    return [kernels.at(*point).minimised(tolerance) for point in points]


def compared(
    likelihood: cevnsjax.Likelihood, points: list[tuple[float, float]], expected: np.ndarray, found: list[Minuit]
) -> dict[str, Any]:
    """Return how MIGRAD's minima differ from the package's; they must be equal but for the polynomials' error."""
    least = np.array([one.fval for one in found])
    shapes = np.array([one.values for one in found])[:, 3:]
    # Within the limits to the last digit, so that the package takes its polynomials.
    known = [n for n in likelihood.nuisances if n.name in SHAPES]
    given = [
        {n.name: float(np.clip(n.centre + n.sigma * z, *n.limits)) for n, z in zip(known, point, strict=True)}
        for point in shapes
    ]
    at_place = np.array(
        [float(likelihood.chi2({"m_z": m, "g_bl": g, **one})) for (m, g), one in zip(points, given, strict=True)]
    )
    total, minimum = change(least, expected), change(at_place, expected)
    walled = np.abs(shapes).max(axis=1) > 0.999 * WALL
    assert all(one.valid for one in found), "MIGRAD does not converge everywhere"
    assert minimum.max() < SAME, f"the minima of the package's own chi^2 differ by {minimum.max():.1e}"
    assert total[~walled].max() < SAME, f"minima differ by {total[~walled].max():.1e}, no shape at its wall"
    assert total.max() < AT_WALL, f"minima differ by {total.max():.1e}"
    failing = [
        {"m_z": points[i][0], "g_bl": points[i][1], "chi2": float(expected[i]), "difference": float(total[i]),
         "of_the_polynomials": float(change(least[i], at_place[i])), "shapes_in_sd": shapes[i].tolist()}
        for i in np.flatnonzero(total >= SAME)
    ]  # fmt: skip
    return {
        "largest_difference": float(total.max()),
        "largest_difference_no_shape_at_wall": float(total[~walled].max()),
        "largest_difference_of_minimisers": float(minimum.max()),
        "points_with_a_shape_at_its_wall": int(walled.sum()),
        "points_beyond_limit": failing,
    }


def run(quick: bool) -> dict[str, Any]:
    """Return times of the scan and of MIGRAD at some of its points, where both must find the same chi^2."""
    size, masses, couplings, steep, repeats = (12, 4, 2, 4, 1) if quick else (50, 6, 5, 20, 5)
    likelihood = cevnsjax.Likelihood("conus_plus", model="vector_bl", systematics="detailed")
    axes = [(*limits, size) for limits in PLANE]
    first, warm, found = first_and_warm(lambda: cevnsjax.scan(likelihood, *axes), repeats)
    chi2 = found.delta_chi2 + found.chi2_min

    kernels = MovedKernels(likelihood)
    columns, rows = (np.linspace(0, size - 1, n).round().astype(int) for n in (masses, couplings))
    pairs = [(column, line) for column in columns for line in rows]
    # And where the signal is a few times the data, so that shapes give way up to their walls.
    by_mass = chi2.T
    places = np.argwhere((by_mass > STEEP[0]) & (by_mass < STEEP[1]))
    pairs += [tuple(places[i]) for i in np.linspace(0, len(places) - 1, steep).round().astype(int)]
    points = [(float(found.x.values[i]), float(found.y.values[j])) for i, j in pairs]
    expected = np.array([chi2[j, i] for i, j in pairs])
    seconds, tight = once(lambda: minima(kernels, points, TIGHT))
    by_default_s, by_default = once(lambda: minima(kernels, points, DEFAULT))
    agreement = compared(likelihood, points, expected, tight)
    loose = change(np.array([one.fval for one in by_default]), expected)

    per_point = warm / size**2
    ratio = seconds / len(points) / per_point
    what = f"scan of {size} x {size} points, six nuisances minimised"
    largest, beyond = agreement["largest_difference"], len(agreement["points_beyond_limit"])
    return {
        "points": size**2,
        "first_s": first,
        "warm_s": warm,
        "warm_per_point_s": per_point,
        "iminuit_points": len(points),
        "iminuit_per_point_s": seconds / len(points),
        "iminuit_evaluations_per_point": float(np.mean([one.nfcn for one in tight])),
        "iminuit_by_default_per_point_s": by_default_s / len(points),
        "iminuit_by_default_largest_difference": float(loose.max()),
        "ratio": ratio,
        "ratio_by_default": by_default_s / len(points) / per_point,
        **agreement,
        "rows": [
            row(what, f"{warm:.3g} s", f"{AIM_S:.0f} s", warm / AIM_S, bound="one search for each point"),
            row(
                f"{what}, against iminuit", f"{per_point:.2g} s a point", f"{AIM_RATIO:.0f} times NumPy + iminuit",
                AIM_RATIO / ratio, f"NumPy + iminuit: {seconds / len(points):.2g} s a point", ratio,
            ),
            row(
                f"{what}: largest difference of minima", f"{largest:.1e}, {beyond} of {len(points)} points beyond aim",
                f"{SAME:.0e}", largest / SAME,
                bound=f"no shape at its wall: {agreement['largest_difference_no_shape_at_wall']:.1e}; the two "
                f"minimisers on one function: {agreement['largest_difference_of_minimisers']:.1e}",
            ),
            row(f"{what}: first call", f"{first:.3g} s", bound="compilation, and the polynomials of the shapes"),
        ],
    }  # fmt: skip

"""A million points of mass against coupling of B - L, the normalisation minimised, against NumPy.

Two rivals, in the same run, on the same points and with equal results: `kernels`, NumPy over vectors of couplings
with everything cached that no coupling touches, as a careful script would do it; and `polynomial`, NumPy with this
package's own idea, three predictions for each mass and a parabola in g^2 for all couplings.
"""

from typing import Any

import numpy as np

import cevnsjax
from benchmarks.common import change, first_and_warm, row, timed
from cevnsjax.constants import ELECTRON_MASS, G_FERMI, HBAR_C_MEV_CM, SIN2_THETA_W
from cevnsjax.likelihood.shapes import SignalGrid

__all__ = ["Kernels", "run"]

MASSES, COUPLINGS = (1e-2, 1e3), (1e-7, 1e-1)
SAME = 1e-8
"""How much chi^2 of package and rivals may differ, relative to chi^2."""

AIM_S, AIM_RATIO = 0.03, 1000.0


class Kernels:
    """B - L in NumPy: what couplings do not touch is made once, from the package's flux moments and response."""

    def __init__(self, likelihood: cevnsjax.Likelihood):
        (experiment,) = likelihood.experiments
        grid = SignalGrid(experiment, (), (), "all")
        (nuclei,), (electrons,) = grid.nuclear, grid.electron
        assert len(experiment.signal.components) == 1, "one flux is folded here"
        contact = G_FERMI**2 * HBAR_C_MEV_CM**2
        nodes = nuclei.nodes
        nucleus, T = nodes.nucleus, np.asarray(nodes.T)
        mass, Z, N = (np.asarray(leaf)[:, None] for leaf in (nucleus.mass, nucleus.Z, nucleus.N))
        moments = np.asarray(nodes.weight)[0]  # times the number of nuclei in a kilogram, and dT/dE
        self.point_nucleus = contact * mass / np.pi * (moments[0] - mass * T / 2 * moments[2])
        self.nuclear = self.point_nucleus * np.asarray(nodes.form_factor) ** 2
        self.Z, self.N = Z, N
        self.charge = Z * (0.5 - 2 * SIN2_THETA_W) - N / 2
        self.q2, self.A = 2 * mass * T, Z + N
        E = np.asarray(electrons.nodes.T)
        m = np.asarray(electrons.nodes.weight)[0]
        strength = contact * ELECTRON_MASS / (2 * np.pi)
        # Antineutrinos: g_A = -1/2.
        self.same, self.mixed = strength * m[0], -strength * ELECTRON_MASS * E * m[2]
        self.opposite = strength * (m[0] - 2 * E * m[1] + E**2 * m[2])
        self.electron_q2 = 2 * ELECTRON_MASS * E
        self.exposure = experiment.exposure
        signal = experiment.signal
        self.matrix, electron_matrix = (
            (response.probabilities(one.energy, slice(None)) * one.weight * self.exposure[:, None]).T
            for response, one in ((signal.nuclear, nuclei), (signal.electron, electrons))
        )
        # Both kinds of recoil have one response, so that a script would add the rates before it folds them.
        np.testing.assert_array_equal(self.matrix, electron_matrix)
        self.observed, self.sigma = experiment.observed, experiment.sigma
        (self.pull,) = (n.sigma for n in experiment.nuisances["default"] if n.sigma is not None)

    def nuclear_charge(self, mass: float, unit: np.ndarray) -> np.ndarray:
        """Return the charge of each isotope at each node, for `unit` = g^2 / (sqrt(2) G_F)."""
        return self.charge - unit * self.A / (mass**2 + self.q2)

    def electron_rate(self, mass: float, unit: np.ndarray) -> np.ndarray:
        g_v, g_a = 0.5 + 2 * SIN2_THETA_W + unit / (mass**2 + self.electron_q2), -0.5
        rate = self.same * (g_v + g_a) ** 2 + self.opposite * (g_v - g_a) ** 2
        return rate + self.mixed * (g_v**2 - g_a**2)

    def counts(self, mass: float, g: np.ndarray) -> np.ndarray:
        unit = g[:, None] ** 2 / (2**0.5 * G_FERMI)
        rate = np.zeros((g.size, self.electron_q2.size))
        for kernel, charge, q2, A in zip(self.nuclear, self.charge, self.q2, self.A, strict=True):
            rate += kernel * (charge - unit * A / (mass**2 + q2)) ** 2
        return (rate + self.electron_rate(mass, unit)) @ self.matrix

    def chi2(self, counts: np.ndarray) -> np.ndarray:
        unit, data = counts / self.sigma, self.observed / self.sigma
        rest = (unit * (data - unit)).sum(axis=1)
        square = 1 + self.pull**2 * (unit * unit).sum(axis=1)
        norm = (1 + self.pull**2 * (unit * data).sum(axis=1)) / square
        return ((norm[:, None] * unit - data) ** 2).sum(axis=1) + (self.pull * rest / square) ** 2

    def line(self, mass: float, couplings: np.ndarray) -> np.ndarray:
        return self.chi2(self.counts(mass, couplings))

    def line_by_polynomial(self, mass: float, couplings: np.ndarray) -> np.ndarray:
        # Where the square of the new amplitude is as large as the Standard Model's.
        step = 1e3
        none, large = self.counts(mass, np.array([0.0, step]))
        step *= (none.sum() / large.sum()) ** 0.25
        one, two = self.counts(mass, step * np.array([1.0, 2**0.5]))
        square = (two - 2 * one + none) / 2
        t = ((couplings / step) ** 2)[:, None]
        return self.chi2(none + t * (one - none - square + t * square))


def run(quick: bool) -> dict[str, Any]:
    """Return times of the scan and of both rivals, which must find the same chi^2."""
    size, lines, repeats = (100, 5, 3) if quick else (1000, 20, 7)
    likelihood = cevnsjax.Likelihood("conus_plus", model="vector_bl")
    axes = ("m_z", *MASSES, size), ("g_bl", *COUPLINGS, size)
    first, warm, found = first_and_warm(lambda: cevnsjax.scan(likelihood, *axes), repeats)
    masses, couplings = found.x.values, found.y.values

    rival = Kernels(likelihood)
    chosen = np.linspace(0, size - 1, lines).astype(int)
    expected = found.delta_chi2[:, chosen] + found.chi2_min
    differences, per_point = {}, {}
    for name, line in (("kernels", rival.line), ("polynomial", rival.line_by_polynomial)):
        obtained = np.stack([line(masses[i], couplings) for i in chosen], axis=1)
        differences[name] = float(change(obtained, expected).max())
        assert differences[name] < SAME, f"{name} and the scan differ by {differences[name]:.1e}"
        runs = timed(lambda line=line: [line(masses[i], couplings) for i in chosen], min(repeats, 5))
        per_point[name] = runs / (lines * size)

    ratios = {name: rivals * size**2 / warm for name, rivals in per_point.items()}
    what = f"scan of {size**2:.0e} points, norm minimised"
    contours = timed(lambda: found.at_level(found.cl, found.dof), repeats)
    bound = f"{contours:.2g} s are contours; the rest is predictions at some masses, sums over bins, and the minimum"
    return {
        "points": size**2,
        "first_s": first,
        "warm_s": warm,
        "warm_per_point_s": warm / size**2,
        "numpy_per_point_s": per_point,
        "contours_s": contours,
        "ratio": ratios,
        "largest_difference": differences,
        "rows": [
            row(what, f"{warm:.3g} s", f"{AIM_S} s", warm / AIM_S, bound=bound),
            row(
                f"{what}, against NumPy", f"{warm / size**2:.2g} s a point",
                f"{AIM_RATIO:.0f} times NumPy", AIM_RATIO / ratios["kernels"],
                f"NumPy, kernels cached: {per_point['kernels']:.2g} s a point", ratios["kernels"], bound,
            ),
            row(
                f"{what}, against NumPy's polynomials", f"{warm / size**2:.2g} s a point",
                rival=f"NumPy, parabolas in g^2: {per_point['polynomial']:.2g} s a point", ratio=ratios["polynomial"],
            ),
            row(f"{what}: first call", f"{first:.3g} s", bound="compilation, or the set-up of all masses"),
        ],
    }  # fmt: skip

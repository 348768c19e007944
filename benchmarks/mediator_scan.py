"""A million points of mass against coupling, the normalisation minimised, against NumPy.

    python benchmarks/mediator_scan.py [--out FILE.json]

Two rivals, in the same run, on the same points and with equal results: `kernels`, NumPy over vectors of couplings
with everything cached that no coupling touches, as a careful script would do it; and `polynomial`, NumPy with this
package's own idea, three predictions for each mass and a parabola in g^2 for all couplings. Times are wall time in
seconds, the median of several runs; compilation stands apart.
"""

import argparse
import json
import os
import platform
import statistics
import time
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np

import cevnsjax
from cevnsjax.constants import ELECTRON_MASS, G_FERMI, HBAR_C_MEV_CM, SIN2_THETA_W

MASSES, COUPLINGS = np.geomspace(1e-2, 1e3, 1000), np.geomspace(1e-7, 1e-1, 1000)
REPEATS = 7


class Kernels:
    """B - L in NumPy: what couplings do not touch is made once, from the package's flux moments and response."""

    def __init__(self, likelihood: cevnsjax.Likelihood):
        (experiment,), (table,) = likelihood.experiments, likelihood.tables
        (nuclei,) = table.nuclei
        contact = G_FERMI**2 * HBAR_C_MEV_CM**2
        nucleus, T = nuclei.recoil.nucleus, np.asarray(nuclei.recoil.T)
        mass, Z, N = (np.asarray(leaf) for leaf in (nucleus.mass, nucleus.Z, nucleus.N))
        moments = np.asarray(nuclei.moments[0])
        folded = moments[0] - mass * T / 2 * moments[2]
        per_kg = np.asarray(nuclei.per_kg)[:, None] * np.asarray(nuclei.jacobian)
        self.nuclear = contact * mass / np.pi * np.asarray(nuclei.recoil.form_factor) ** 2 * folded * per_kg
        self.charge = Z * (0.5 - 2 * SIN2_THETA_W) - N / 2
        self.q2, self.A = 2 * mass * T, Z + N
        E = np.asarray(table.electrons.recoil.T)
        m = np.asarray(table.electrons.moments[0])
        strength = contact * ELECTRON_MASS / (2 * np.pi) * np.asarray(table.electrons.per_kg)
        # Antineutrinos: g_A = -1/2.
        self.same, self.mixed = strength * m[0], -strength * ELECTRON_MASS * E * m[2]
        self.opposite = strength * (m[0] - 2 * E * m[1] + E**2 * m[2])
        self.electron_q2 = 2 * ELECTRON_MASS * E
        exposure = np.asarray(experiment.exposure()).sum(axis=0)
        self.matrix = (np.asarray(table.weights) * exposure[:, None]).T
        self.observed, self.sigma = np.asarray(experiment.observed), np.asarray(experiment.sigma)
        self.pull = float(experiment.norm_sigma)

    def counts(self, mass: float, g: np.ndarray) -> np.ndarray:
        unit = g[:, None] ** 2 / (2**0.5 * G_FERMI)
        rate = np.zeros((g.size, self.electron_q2.size))
        for kernel, charge, q2, A in zip(self.nuclear, self.charge, self.q2, self.A, strict=True):
            rate += kernel * (charge - unit * A / (mass**2 + q2)) ** 2
        g_v, g_a = 0.5 + 2 * SIN2_THETA_W + unit / (mass**2 + self.electron_q2), -0.5
        rate += self.same * (g_v + g_a) ** 2 + self.opposite * (g_v - g_a) ** 2 + self.mixed * (g_v**2 - g_a**2)
        return rate @ self.matrix

    def chi2(self, counts: np.ndarray) -> np.ndarray:
        unit, data = counts / self.sigma, self.observed / self.sigma
        rest = (unit * (data - unit)).sum(axis=1)
        square = 1 + self.pull**2 * (unit * unit).sum(axis=1)
        norm = (1 + self.pull**2 * (unit * data).sum(axis=1)) / square
        return ((norm[:, None] * unit - data) ** 2).sum(axis=1) + (self.pull * rest / square) ** 2

    def line(self, mass: float) -> np.ndarray:
        return self.chi2(self.counts(mass, COUPLINGS))

    def line_by_polynomial(self, mass: float) -> np.ndarray:
        # Where the square of the new amplitude is as large as the Standard Model's.
        step = 1e3
        none, large = self.counts(mass, np.array([0.0, step]))
        step *= (none.sum() / large.sum()) ** 0.25
        one, two = self.counts(mass, step * np.array([1.0, 2**0.5]))
        square = (two - 2 * one + none) / 2
        t = ((COUPLINGS / step) ** 2)[:, None]
        return self.chi2(none + t * (one - none - square + t * square))


def timed(function, repeats: int) -> float:
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        function()
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, help="write the results as JSON")
    out = parser.parse_args().out

    likelihood = cevnsjax.Likelihood("conus_plus", model="vector_bl")
    x = ("m_z", float(MASSES[0]), float(MASSES[-1]), MASSES.size)
    y = ("g_bl", float(COUPLINGS[0]), float(COUPLINGS[-1]), COUPLINGS.size)
    start = time.perf_counter()
    found = cevnsjax.scan(likelihood, x, y)
    first = time.perf_counter() - start
    warm = timed(lambda: cevnsjax.scan(likelihood, x, y), REPEATS)

    rival = Kernels(likelihood)
    lines = np.linspace(0, MASSES.size - 1, 20).astype(int)
    expected = found.delta_chi2[:, lines] + found.chi2_min
    differences = {}
    times = {}
    for name, line, repeats in (("kernels", rival.line, 3), ("polynomial", rival.line_by_polynomial, REPEATS)):
        obtained = np.stack([line(MASSES[i]) for i in lines], axis=1)
        differences[name] = float(np.abs(obtained / expected - 1).max())
        assert differences[name] < 1e-8, f"{name} and the scan differ by {differences[name]:.1e}"
        times[name] = timed(lambda line=line: [line(MASSES[i]) for i in lines], repeats) / (lines.size * COUPLINGS.size)

    # The gradient of chi^2 in mass, coupling and angle, in units of chi^2 itself: both compiled, one point.
    point = {name: jnp.asarray(v) for name, v in (("m_z", 3.0), ("g_bl", 1e-5), ("sin2_theta_w", 0.23))}
    value, both = jax.jit(lambda p: likelihood.chi2(p)), jax.jit(lambda p: jax.value_and_grad(likelihood.chi2)(p))
    jax.block_until_ready((value(point), both(point)))
    gradient = timed(lambda: jax.block_until_ready(both(point)), 200) / timed(
        lambda: jax.block_until_ready(value(point)), 200
    )
    points = MASSES.size * COUPLINGS.size
    results = {
        "points": points,
        "first_s": first,
        "warm_s": warm,
        "warm_per_point_s": warm / points,
        "numpy_kernels_per_point_s": times["kernels"],
        "numpy_polynomial_per_point_s": times["polynomial"],
        "ratio_to_kernels": times["kernels"] * points / warm,
        "ratio_to_polynomial": times["polynomial"] * points / warm,
        "largest_relative_difference": differences,
        "value_and_gradient_over_value": gradient,
        "device": jax.devices()[0].device_kind,
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "jax": jax.__version__,
    }
    print(json.dumps(results, indent=2))
    if out is not None:
        out.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()

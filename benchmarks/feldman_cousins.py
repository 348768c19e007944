"""Critical values of Feldman and Cousins in a plane of mass against coupling of B - L, from toys at each point.

`default` has one norm, minimised in closed form, `detailed` six nuisances. Delta chi^2 of the data must be that of
`cevnsjax.scan`. For `default` critical values at some points are also found with toys in NumPy, with predictions of its
own and other random numbers, all points of the plane and all toys at once: that is the rival. The number of its toys
whose Delta chi^2 exceeds the package's critical value must be what a binomial distribution allows, as both fluctuate.
"""

from typing import Any

import numpy as np

import cevnsjax
from benchmarks.common import PLANE, change, once, row
from benchmarks.mediator_scan import Kernels

__all__ = ["run"]

AIM_S = 600.0
CL = 0.90
SAME = 1e-6
"""How much chi^2 may differ from that of `scan`, relatively where it exceeds one."""

LIMIT = 5.0
"""How many standard deviations the share of toys beyond a critical value may be away from 1 - CL."""


def deltas(kernels: Kernels, counts: np.ndarray, truth: int, toys: int, rng: np.random.Generator) -> np.ndarray:
    """Return Delta chi^2 at the truth among toys: data, and the centre of the norm's pull, fluctuate."""
    unit, variance = counts / kernels.sigma, kernels.pull**2
    square = (unit**2).sum(axis=1)
    data = kernels.observed / kernels.sigma
    norm = (1 + variance * unit[truth] @ data) / (1 + variance * square[truth])
    toy = norm * unit[truth] + rng.standard_normal((toys, unit.shape[1]))
    centre = norm + kernels.pull * rng.standard_normal(toys)[:, None]
    mixed, observed = toy @ unit.T, (toy**2).sum(axis=1)[:, None]
    best = (centre + variance * mixed) / (1 + variance * square)
    away = (mixed - centre * square) / (1 + variance * square)
    chi2 = best**2 * square - 2 * best * mixed + observed + variance * away**2
    return chi2[:, truth] - chi2.min(axis=1)


def with_numpy(
    kernels: Kernels, found: cevnsjax.FeldmanCousins, truths: np.ndarray, toys: int
) -> tuple[float, list[float]]:
    """Return the time for each of some points, and how far shares of toys are from 1 - CL, in standard deviations."""
    masses, couplings = (axis.values for axis in found.axes)
    seconds, lines = once(lambda: np.stack([kernels.counts(mass, couplings) for mass in masses], axis=1))
    counts = lines.reshape(-1, lines.shape[-1])
    rng = np.random.default_rng(0)
    each, samples = once(lambda: [deltas(kernels, counts, truth, toys, rng) for truth in truths])
    critical = found.critical.ravel()[truths]
    # Both the critical value, a quantile of toys, and the share of other toys beyond it fluctuate.
    error = np.sqrt(CL * (1 - CL) * (1 / found.toys + 1 / toys))
    pulls = [float(((one > c).mean() - (1 - CL)) / error) for one, c in zip(samples, critical, strict=True)]
    return seconds / counts.shape[0] + each / truths.size, pulls


def run(quick: bool) -> dict[str, Any]:
    """Return times for both sets of systematics, compilation included, and for NumPy."""
    size, toys, points = (8, 100, 4) if quick else (30, 1000, 20)
    axes = [(*limits, size) for limits in PLANE]
    results: dict[str, Any] = {"points": size**2, "toys": toys, "cl": CL}
    rows = []
    for systematics in ("default", "detailed"):
        likelihood = cevnsjax.Likelihood("conus_plus", model="vector_bl", systematics=systematics)
        seconds, found = once(lambda one=likelihood: cevnsjax.feldman_cousins(one, *axes, toys=toys, cl=CL))
        plane = cevnsjax.scan(likelihood, *axes)
        # The scan counts from its minimum between the points, toys from that of the grid.
        chi2 = plane.delta_chi2 + plane.chi2_min
        difference = float(change(found.delta_chi2 + chi2.min(), chi2).max())
        assert difference < SAME, f"chi^2 of toys' grid and scan differ by {difference:.1e}"
        one = {"first_s": seconds, "largest_difference_to_scan": difference, "accepted": int(found.accepted.sum())}
        what = f"Feldman-Cousins, {size} x {size} points, {toys} toys, {systematics} systematics"
        if systematics == "default":
            again, same = once(lambda one=likelihood: cevnsjax.feldman_cousins(one, *axes, toys=toys, cl=CL))
            assert (same.critical == found.critical).all(), "the same seed gives other critical values"
            truths = np.linspace(0, size**2 - 1, points).astype(int)
            rival, pulls = with_numpy(Kernels(likelihood), found, truths, toys)
            assert (away := np.abs(pulls).max()) < LIMIT, f"NumPy's toys disagree by {away:.1f} standard deviations"
            ratio = rival * size**2 / again
            one |= {"warm_s": again, "numpy_per_point_s": rival, "ratio": ratio, "numpy_pulls": pulls}
            rows.append(
                row(
                    f"{what}, warm", f"{again:.3g} s",
                    rival=f"NumPy: {rival * size**2:.3g} s from {points} points", ratio=ratio,
                )
            )  # fmt: skip
        rows.append(
            row(f"{what}, compilation included", f"{seconds:.3g} s", f"{AIM_S / 60:.0f} minutes", seconds / AIM_S)
        )
        results[systematics] = one
    return {**results, "rows": rows}

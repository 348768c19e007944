"""Critical values of Feldman and Cousins in a plane of two couplings, from toys at each point.

The plane is that of vector interactions with up and down quarks. The set `default` has one norm, minimised in closed
form, `detailed` has six nuisances. Differences of chi^2 of the data between points must be those of `cevnsjax.scan`.
For `default` critical values at some points also follow from toys in NumPy, with predictions and random numbers of
their own, all toys at once: that is the rival. The number of its toys whose Delta chi^2 exceeds the package's critical
value must be what a binomial distribution allows, as both fluctuate.
"""

from typing import Any

import numpy as np

import cevnsjax
from benchmarks.common import change, once, row
from benchmarks.mediator_scan import Kernels

__all__ = ["run"]

LIMITS = (("eps_ee_uv", -1.0, 1.0), ("eps_ee_dv", -1.0, 1.0))
AIM_S = {"detailed": 120.0}
CL = 0.90
SAME = 1e-6
"""How much chi^2 may differ from that of `scan`, relatively where it exceeds one."""

LIMIT = 5.0
"""How many standard deviations the share of toys beyond a critical value may be away from 1 - CL."""

FINE, TOGETHER = 61, 100
"""Values of each coupling at which NumPy looks for the minimum of a toy, and toys that it has in memory together.

Counts depend on nearly one combination of both couplings, of which so many points have thousands of different values,
far less than its standard deviation apart.
"""


class QuarkKernels(Kernels):
    """Vector interactions with quarks in NumPy: each isotope's charge is linear in both couplings."""

    def predicted(self, up: np.ndarray, down: np.ndarray) -> np.ndarray:
        """Return the counts in each bin at several points."""
        electrons = self.electron_rate(1.0, np.zeros(())) @ self.matrix
        charges = self.charge + (2 * self.Z + self.N) * up + (self.Z + 2 * self.N) * down
        return electrons + (charges**2).T @ (self.nuclear @ self.matrix)


def deltas(kernels: Kernels, truth: np.ndarray, points: np.ndarray, toys: int, rng: np.random.Generator) -> np.ndarray:
    """Return Delta chi^2 at the truth among toys: data, and the centre of the norm's pull, fluctuate.

    The least chi^2 of a toy is that among the points and the truth.
    """
    every = np.concatenate([truth[None], points]) / kernels.sigma
    variance, square = kernels.pull**2, (every**2).sum(axis=1)
    data = kernels.observed / kernels.sigma
    norm = (1 + variance * every[0] @ data) / (1 + variance * square[0])
    parts = []
    for first in range(0, toys, TOGETHER):
        number = min(TOGETHER, toys - first)
        toy = norm * every[0] + rng.standard_normal((number, every.shape[1]))
        centre = norm + kernels.pull * rng.standard_normal(number)[:, None]
        mixed = toy @ every.T
        best = (centre + variance * mixed) / (1 + variance * square)
        away = (mixed - centre * square) / (1 + variance * square)
        chi2 = best**2 * square - 2 * best * mixed + variance * away**2
        parts.append(chi2[:, 0] - chi2.min(axis=1))
    return np.concatenate(parts)


def with_numpy(
    kernels: QuarkKernels, result: cevnsjax.FeldmanCousins, truths: np.ndarray, toys: int
) -> tuple[float, list[float]]:
    """Return the time for each of some points, and how far shares of toys are from 1 - CL, in standard deviations."""
    up, down = (column.ravel() for column in np.meshgrid(*(axis.values for axis in result.axes)))
    fine = [column.ravel() for column in np.meshgrid(*(np.linspace(low, high, FINE) for _, low, high in LIMITS))]
    rng = np.random.default_rng(0)
    points = kernels.predicted(*fine)
    seconds, samples = once(
        lambda: [deltas(kernels, one, points, toys, rng) for one in kernels.predicted(up[truths], down[truths])]
    )
    critical = result.critical.ravel()[truths]
    # Both the critical value, a quantile of toys, and the share of other toys beyond it fluctuate.
    error = np.sqrt(CL * (1 - CL) * (1 / result.toys + 1 / toys))
    pulls = [float(((one > c).mean() - (1 - CL)) / error) for one, c in zip(samples, critical, strict=True)]
    return seconds / truths.size, pulls


def run(quick: bool) -> dict[str, Any]:
    """Return times for both sets of systematics, first calls and warm ones, and for NumPy."""
    size, toys, points = (6, 100, 4) if quick else (30, 1000, 12)
    axes = [(*limits, size) for limits in LIMITS]
    results: dict[str, Any] = {"points": size**2, "toys": toys, "cl": CL}
    rows = []
    for systematics in ("default", "detailed"):
        likelihood = cevnsjax.Likelihood("conus_plus", model="nsi_vector", systematics=systematics)
        seconds, result = once(lambda one=likelihood: cevnsjax.feldman_cousins(one, *axes, toys=toys, cl=CL))
        plane = cevnsjax.scan(likelihood, *axes)
        # The scan counts from the least chi^2 within its limits, toys from the least one within physical bounds.
        lowest = np.unravel_index(plane.delta_chi2.argmin(), plane.delta_chi2.shape)
        counted = [one - one[lowest] for one in (result.delta_chi2, plane.delta_chi2)]
        difference = float(change(*counted).max())
        assert difference < SAME, f"chi^2 of the toys' grid and the scan differ by {difference:.1e}"
        one = {"first_s": seconds, "largest_difference_to_scan": difference, "accepted": int(result.accepted.sum())}
        what = f"Feldman-Cousins, {size} x {size} points, {toys} toys, {systematics} systematics"
        searches = f"{size**2 * toys:.1e} toys, {seconds / (size**2 * toys):.1e} s each"
        aim = AIM_S.get(systematics)
        rows.append(
            row(
                f"{what}, first call", f"{seconds:.3g} s", "" if aim is None else f"{aim:.0f} s",
                None if aim is None else seconds / aim, bound=searches,
            )
        )  # fmt: skip
        if systematics == "default":
            again, same = once(lambda one=likelihood: cevnsjax.feldman_cousins(one, *axes, toys=toys, cl=CL))
            assert (same.critical == result.critical).all(), "the same seed gives other critical values"
            truths = np.linspace(0, size**2 - 1, points).astype(int)
            rival, pulls = with_numpy(QuarkKernels(likelihood), result, truths, toys)
            assert (away := np.abs(pulls).max()) < LIMIT, f"NumPy's toys disagree by {away:.1f} standard deviations"
            ratio = rival * size**2 / again
            one |= {"warm_s": again, "numpy_per_point_s": rival, "ratio": ratio, "numpy_pulls": pulls}
            rows.append(
                row(
                    f"{what}, warm", f"{again:.3g} s",
                    rival=f"NumPy: {rival * size**2:.3g} s from {points} points", ratio=ratio, bound=searches,
                )
            )  # fmt: skip
        results[systematics] = one
    return {**results, "rows": rows}

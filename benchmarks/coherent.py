"""COHERENT's caesium iodide and liquid argon together, all eleven nuisances minimised, against NumPy and iminuit.

The first fit of the weak mixing angle is a process of the command line, with an empty cache folder and with the filled
one. Then a plane of the couplings of electron neutrinos to up and down quarks is made, first and warm. The rival is
NumPy: counts are quadratic in the couplings, three nuisances of caesium iodide lead parabolas through the signals at
one standard deviation, the others are factors. MIGRAD minimises over all of them, at some points of the same plane and
for the angle. What they find must be equal: in chi^2 itself, as a millionth of a chi^2 of a thousand would be much.

MIGRAD has walls where the package has them. Its own tolerance stops some 1e-4 above a minimum; the tolerance here lets
it come as near as the two are compared, and the time with its own stands beside.
"""

import statistics
from collections.abc import Sequence
from itertools import combinations_with_replacement, product
from typing import Any

import numpy as np
from iminuit import Minuit
from scipy.special import xlogy

import cevnsjax
from benchmarks.common import first_and_warm, once, row
from benchmarks.first_call import Command, both, rows_of, summary
from benchmarks.nuisances import DEFAULT, SAME
from benchmarks.process import import_jax_s
from cevnsjax.experiments import SIGNAL

__all__ = ["run"]

EXPERIMENTS = "coherent_csi", "coherent_lar"
ANGLE = "sin2_theta_w"
LIMITS = (("eps_ee_uv", -1.0, 1.0), ("eps_ee_dv", -1.0, 1.0))
"""From two thirds of the Standard Model's signal to fifty times as much, where nuisances stand at their walls."""

FIRST = Command("first fit of the angle", ("fit", *EXPERIMENTS, "--free", ANGLE), cold_s=10.0)
AIM_S = 30.0
CL = 0.6827
STEP = 0.02
"""MIGRAD's first step of the angle, about its error."""

TIGHT = 1e-5
"""A tolerance of MIGRAD. With 1e-4 it stops 1.1e-6 above the minimum at (-1/3, -1), as it estimates itself."""

SAME_END = 1e-3
"""How much ends of an interval may differ, in units of its length: MINOS looks for them by a way of its own."""

AT_WALL = 1e-3  # standard deviations: a nuisance so near its wall stands there


class Counts:
    """Expected counts of both experiments in NumPy, as a function of some couplings and of all nuisances.

    Predictions are asked for at plain numbers only, where the package calculates the signal and has no polynomial.
    """

    def __init__(self, likelihood: cevnsjax.Likelihood, couplings: Sequence[str]):
        chosen = [n for n in likelihood.nuisances if n.searched]
        self.names = [n.name for n in chosen]
        limits = np.array([n.limits for n in chosen])
        self.sigma, centre = (np.array([getattr(n, key) for n in chosen]) for key in ("sigma", "centre"))
        self.walls = (limits - centre[:, None]) / self.sigma[:, None]
        self.shapes = [n.name for n in chosen if n.moves_signal]
        self.moved = [self.names.index(name) for name in self.shapes]
        self.parts = [Part(self, likelihood, index, chosen) for index in range(len(likelihood.experiments))]
        points = np.array(list(product((0.0, 0.5, 1.0), repeat=len(couplings))))
        given = [dict(zip(couplings, point.tolist(), strict=True)) for point in points]
        tables = [signals(likelihood, one, self.shapes) for one in given]
        inverse = np.linalg.pinv(monomials(points))
        for number, part in enumerate(self.parts):
            part.table = np.tensordot(inverse, np.stack([one[number] for one in tables]), 1)

    def chi2(self, coupling: np.ndarray, z: np.ndarray) -> float:
        """Return -2 log(L / L_saturated), where the nuisances are z standard deviations away."""
        shapes = z[self.moved]
        across = np.concatenate([[1.0], shapes, shapes**2])
        weights = monomials(coupling[None])[0]
        return float(sum(part.deviance(weights, across, self.sigma * z) for part in self.parts) + z @ z)


class Part:
    """One experiment: what its signal and its backgrounds are multiplied by, and how far the data are away."""

    table: np.ndarray
    """Signals for each monomial in the couplings, and for 1, z and z^2 of each shape."""

    def __init__(self, counts: Counts, likelihood: cevnsjax.Likelihood, index: int, chosen: Sequence[Any]):
        experiment = likelihood.experiments[index]
        assert experiment.term == "poisson"
        self.observed = np.asarray(experiment.observed)
        self.saturated = float((xlogy(self.observed, self.observed) - self.observed).sum())
        self.samples = np.stack([experiment.sample_counts(sample) for sample in experiment.samples])
        own = [() if (here := n.of(index)) is None else here.scale for n in chosen]  # factors on one sample add
        self.on_signal = np.array([SIGNAL in scale for scale in own], dtype=float)
        self.on_samples = np.array([[sample.name in scale for scale in own] for sample in experiment.samples]) * 1.0

    def deviance(self, weights: np.ndarray, across: np.ndarray, away: np.ndarray) -> float:
        signal = across @ np.tensordot(weights, self.table, 1)
        mean = (1 + self.on_signal @ away) * signal + (1 + self.on_samples @ away) @ self.samples
        if mean.min() < 0:  # a parabola may lead below no counts at all
            return np.inf
        return 2 * float(mean.sum() - xlogy(self.observed, mean).sum() + self.saturated)


def monomials(x: np.ndarray) -> np.ndarray:
    """Return 1, x_i and x_i x_j at several points."""
    pairs = combinations_with_replacement(range(x.shape[1]), 2)
    return np.column_stack([np.ones(len(x)), x, *(x[:, i] * x[:, j] for i, j in pairs)])


def signals(likelihood: cevnsjax.Likelihood, values: dict[str, float], shapes: Sequence[str]) -> list[np.ndarray]:
    """Return each experiment's signal, and those that z and z^2 of each shape are multiplied by."""

    def signal(**more: float) -> list[np.ndarray]:
        given = {**values, **more}
        pairs = zip(likelihood.expected_in(given), likelihood.background_in(given), strict=True)
        return [np.asarray(whole) - rest for whole, rest in pairs]

    middle = signal()
    ends = [(signal(**{name: 1.0}), signal(**{name: -1.0})) for name in shapes]
    return [
        np.stack([
            one,
            *((up[i] - down[i]) / 2 for up, down in ends),
            *((up[i] + down[i]) / 2 - one for up, down in ends),
        ])
        for i, one in enumerate(middle)
    ]  # fmt: skip


def minimised(counts: Counts, point: np.ndarray, step: float | None, tolerance: float) -> Minuit:
    """Return MIGRAD's minimum over all nuisances, at given couplings, or, with a first step, over one coupling, too."""
    free = 0 if step is None else 1

    def chi2(x: np.ndarray) -> float:
        return counts.chi2(x[:1] if free else point, x[free:])

    start = np.concatenate([point[:free], np.zeros(len(counts.names))])
    minuit = Minuit(chi2, start, name=[ANGLE][:free] + counts.names)
    minuit.errors = np.concatenate([[step] * free, np.ones(len(counts.names))])
    minuit.limits = [(None, None)] * free + [tuple(wall) for wall in counts.walls]
    minuit.tol = tolerance
    minuit.strategy = 2 if tolerance < DEFAULT else 1
    return minuit.migrad()


def compared(found: Sequence[Minuit], expected: np.ndarray, what: str) -> tuple[float, float]:
    """Return how far MIGRAD's minima lie above and below the package's, whichever is farther; they must be equal."""
    assert all(one.valid for one in found), f"{what}: MIGRAD does not converge everywhere"
    least = np.array([one.fval for one in found])
    away = least - expected
    assert np.abs(away).max() < SAME, f"{what}: minima differ by {np.abs(away).max():.1e}"
    return float(away.max()), float(away.min())


def first_fit(repeats: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return what the first fit takes as a process, and its rows."""
    rival = statistics.median(import_jax_s() for _ in range(repeats))
    cold, filled = both(FIRST, repeats)
    found = {"words": FIRST.words, "cold": summary(cold), "filled": summary(filled)}
    return found | {"import_jax_s": rival, "repeats": repeats}, rows_of(FIRST, found, rival)


def of_the_angle(repeats: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return times of a fit with its interval, and of MIGRAD with MINOS; both must find the same."""
    likelihood = cevnsjax.Likelihood(*EXPERIMENTS)
    first, warm, result = first_and_warm(lambda: cevnsjax.fit(likelihood, [ANGLE], cl=CL), repeats)
    counts = Counts(likelihood, [ANGLE])
    start = np.array([likelihood.parameters[ANGLE].default])
    seconds, minuit = once(lambda: minimised(counts, start, STEP, TIGHT))
    by_default_s, _ = once(lambda: minimised(counts, start, STEP, DEFAULT))
    above, below = compared([minuit], np.array([result.chi2_min]), ANGLE)
    minos_s, _ = once(lambda: minuit.minos(ANGLE, cl=CL))
    errors, best = minuit.merrors[ANGLE], minuit.values[ANGLE]
    ((low, high),) = result.intervals[ANGLE]
    assert None not in (low, high), "the interval lacks an end"
    ends = max(abs(best + errors.lower - low), abs(best + errors.upper - high)) / (high - low)
    assert ends < SAME_END, f"ends of the interval differ by {ends:.1e} of its length"
    ratio = (seconds + minos_s) / warm
    return {
        "first_s": first, "warm_s": warm, "migrad_s": seconds, "migrad_by_default_s": by_default_s,
        "minos_s": minos_s, "ratio": ratio, "difference": above, "ends_difference": ends,
        "best_fit": result.best_fit[ANGLE], "interval": [low, high], "chi2_min": result.chi2_min,
    }, [
        row(
            "fit of the angle with its interval, warm", f"{warm:.2g} s", rival=f"MIGRAD and MINOS: "
            f"{seconds + minos_s:.2g} s", ratio=ratio, bound="13 starts, and a profile over all values of the angle; "
            "MIGRAD has one start, MINOS two ends",
        ),
        row(
            "fit of the angle: difference of minima", f"{max(above, -below):.1e}", f"{SAME:.0e}",
            max(above, -below) / SAME, bound=f"ends of the interval differ by {ends:.1e} of its length",
        ),
    ]  # fmt: skip


def run(quick: bool) -> dict[str, Any]:
    """Return times of the first fit, of the plane, and of MIGRAD, where both must find the same chi^2."""
    size, columns, lines, repeats = (12, 2, 2, 1) if quick else (100, 4, 3, 3)
    first_call, first_rows = first_fit(repeats)
    angle, angle_rows = of_the_angle(repeats)
    likelihood = cevnsjax.Likelihood(*EXPERIMENTS, model="nsi_vector")
    axes = [(*limits, size) for limits in LIMITS]
    first, warm, found = first_and_warm(lambda: cevnsjax.scan(likelihood, *axes), repeats)
    chi2 = found.delta_chi2 + found.chi2_min

    tables_s, counts = once(lambda: Counts(likelihood, [name for name, *_ in LIMITS]))
    # In the middle of equal parts: at the plane's edges MIGRAD takes longer than elsewhere.
    at = [(size * (np.arange(number) + 0.5) / number).astype(int) for number in (columns, lines)]
    pairs = list(product(*at))
    points = np.array([(found.x.values[i], found.y.values[j]) for i, j in pairs])
    expected = np.array([chi2[j, i] for i, j in pairs])
    seconds, tight = once(lambda: [minimised(counts, point, None, TIGHT) for point in points])
    by_default_s, by_default = once(lambda: [minimised(counts, point, None, DEFAULT) for point in points])
    above, below = compared(tight, expected, "plane")
    loose = np.abs(np.array([one.fval for one in by_default]) - expected)
    z = np.array([one.values for one in tight])
    walled = int((np.abs(z[:, :, None] - counts.walls) < AT_WALL).any(axis=(1, 2)).sum())

    per_point, rival = warm / size**2, seconds / len(points)
    what = f"plane of {size} x {size} points, {len(counts.names)} nuisances minimised"
    return {
        "first_call": first_call, "angle": angle, "points": size**2, "nuisances": counts.names,
        "first_s": first, "warm_s": warm, "warm_per_point_s": per_point, "ratio": rival / per_point,
        "iminuit_points": len(points), "iminuit_per_point_s": rival, "numpy_tables_s": tables_s,
        "iminuit_evaluations_per_point": float(np.mean([one.nfcn for one in tight])),
        "iminuit_by_default_per_point_s": by_default_s / len(points),
        "iminuit_by_default_largest_difference": float(loose.max()),
        "migrad_above_by": above, "migrad_below_by": -below, "points_with_a_nuisance_at_its_wall": walled,
        "chi2": expected.tolist(), "at": points.tolist(),
        "rows": [
            *first_rows,
            *angle_rows,
            row(f"{what}: first call", f"{first:.3g} s", bound="tables of the signal, and compilation"),
            row(what, f"{warm:.3g} s", f"{AIM_S:.0f} s", warm / AIM_S, bound="one search for each point"),
            row(
                f"{what}, against iminuit", f"{per_point:.2g} s a point",
                rival=f"NumPy + iminuit: {rival:.2g} s a point, {by_default_s / len(points):.2g} s with its own "
                "tolerance", ratio=rival / per_point,
                bound=f"without NumPy's tables, which take {tables_s:.2g} s once; with MIGRAD's own tolerance minima "
                f"differ by {loose.max():.1e}",
            ),
            row(
                f"{what}: largest difference of minima", f"{max(above, -below):.1e} at {len(points)} points",
                f"{SAME:.0e}", max(above, -below) / SAME,
                bound=f"a nuisance stands at its wall at {walled} of these points",
            ),
        ],
    }  # fmt: skip

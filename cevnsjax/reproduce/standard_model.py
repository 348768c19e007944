"""The Standard Model: Figs. 1-3 of arXiv:2501.12441, the weak mixing angle, and what moves it."""

import dataclasses
import math
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import equinox as eqx
import jax.numpy as jnp

from cevnsjax import plotting, results
from cevnsjax.constants import SIN2_THETA_W, SIN2_THETA_W_Z
from cevnsjax.rates import ionisation_rate
from cevnsjax.reproduce.assumptions import ASSUMPTIONS, EXPERIMENT
from cevnsjax.resources import data_folder, read_rows
from cevnsjax.statistics import Likelihood, fit, profile
from cevnsjax.statistics.intervals import Interval, threshold

__all__ = ["ONE_SIGMA", "STEPS", "make"]

ONE_SIGMA = math.erf(math.sqrt(0.5))
"""The confidence level of one standard deviation."""

ANGLE = "sin2_theta_w"
STEPS = 3 + len(ASSUMPTIONS)


@dataclasses.dataclass(frozen=True)
class Comparison:
    """A published value with its interval, and the one obtained here."""

    name: str
    unit: str
    cl: str
    source: str
    published: tuple[float, float | None, float | None]
    obtained: tuple[float, float | None, float | None]

    @classmethod
    def of(cls, row: dict[str, str], value: float, low: float | None, high: float | None) -> "Comparison":
        """Return the comparison with a row of `data/published/`."""
        ends = [float(row[end]) if row[end] else None for end in ("low", "high")]
        published = float(row["value"]), ends[0], ends[1]
        return cls(row["name"], row["unit"], row["cl"], row["source"], published, (value, low, high))

    def as_dict(self) -> dict[str, Any]:
        """Return what `report.json` holds: also how far the obtained value lies from the published one, as a share."""
        return dataclasses.asdict(self) | {"deviation": self.obtained[0] / self.published[0] - 1}


@dataclasses.dataclass(frozen=True)
class Variant:
    """What one set of assumptions gives: sin^2(theta_W) with its 1 sigma interval, the predicted events, the
    factor on them that the data want without a pull, and by how much chi-squared falls from no signal to it."""

    name: str
    best: float
    low: float
    high: float
    events: float
    strength: float
    gain: float


def make(folder: Path, advance: Callable[[str], None], overlays: Sequence[plotting.Overlay]) -> dict[str, Any]:
    """Write Figs. 1-3 with their curves, and return the numbers beside the published ones."""
    published = {row["name"]: row for row in read_rows(data_folder() / "published" / "conus_plus.csv")}
    likelihood = Likelihood(EXPERIMENT)

    advance("Fig. 1: signals of the three detectors")
    prediction = results.prediction_dataset(likelihood, {})
    results.write_netcdf(folder / "fig1_spectrum.nc", prediction)
    plotting.save(plotting.spectrum_figure(prediction), folder / "fig1_spectrum")

    advance("Fig. 2: profile of the weak mixing angle")
    curves = []
    for label, pull in (("pull minimised", "profiled"), ("pull integrated out", "marginalised")):
        one = Likelihood(*likelihood.experiments, pull=pull)
        curve = results.profile_dataset(profile(one, ANGLE, limits=(0.0, 0.6), points=301, cl=ONE_SIGMA), one)
        results.write_netcdf(folder / f"fig2_sin2_theta_w_{pull}.nc", curve)
        curves.append((label, curve))
    row = published[ANGLE]
    band = float(row["low"]), float(row["high"]), r"arXiv:2501.12441, $1\sigma$"
    levels = [(threshold(ONE_SIGMA), r"$1\sigma$"), (threshold(0.90), "90 % CL")]
    panel = plotting.Panel(curves, likelihood.parameters[ANGLE], band)
    plotting.save(plotting.profiles_figure([panel], 1, levels), folder / "fig2_sin2_theta_w")

    variants = []
    for assumption in ASSUMPTIONS:
        advance(f"weak mixing angle: {assumption.name}")
        variants.append(_variant(assumption.name, Likelihood(assumption.experiment(), pull=assumption.pull)))
    variants.append(_variant("CEvNS alone", Likelihood(EXPERIMENT, channel="cevns")))

    advance("Fig. 3: the weak mixing angle against scale")
    default = variants[0]
    scale = _momentum_transfer(likelihood)
    rows = read_rows(data_folder() / "published" / "weak_mixing_angle.csv")
    others = [row for row in rows if not row["experiment"].startswith("theory")]
    ours = scale, default.best, default.low, default.high, "CONUS+, this work"
    figure = plotting.weak_mixing_angle_figure(others, SIN2_THETA_W, SIN2_THETA_W_Z, ours)
    plotting.save(figure, folder / "fig3_weak_mixing_angle")
    points = results.points_dataset([*others, _as_row(ours)], likelihood)
    results.write_netcdf(folder / "fig3_weak_mixing_angle.nc", points)

    return {
        "comparisons": [c.as_dict() for c in _comparisons(likelihood, default, published)],
        "assumptions": [dataclasses.asdict(v) for v in variants],
        "momentum_transfer_MeV": scale,
    }


def _variant(name: str, likelihood: Likelihood) -> Variant:
    """Return what one set of assumptions gives for the weak mixing angle and for the signal itself."""
    found = fit(likelihood, cl=ONE_SIGMA)
    low, high = _closed(found.intervals[ANGLE])
    (experiment,) = likelihood.experiments
    events = float(experiment.events(likelihood.expected({})).sum())
    strength, _, gain = _signal_strength(likelihood)
    return Variant(name, found.best_fit[ANGLE], low, high, events, strength, gain)


def _signal_strength(likelihood: Likelihood) -> tuple[float, tuple[float, float], float]:
    """Return the factor on the prediction that fits best without a pull, its 1 sigma interval, and its gain.

    The gain is chi-squared without a signal less that of the best fit.
    """
    (experiment,) = likelihood.experiments
    unpulled = eqx.tree_at(lambda e: e.systematics["default"].norm_sigma, experiment, jnp.zeros(1))
    free = Likelihood(unpulled, model=likelihood.model, channel=likelihood.channel)
    found = fit(free, free=("norm",), cl=ONE_SIGMA)
    return found.best_fit["norm"], _closed(found.intervals["norm"]), float(free.chi2({"norm": 0.0})) - found.chi2_min


def _closed(intervals: list[Interval]) -> tuple[float, float]:
    """Return the ends of an interval in one piece, as those of the Standard Model are at one sigma."""
    ((low, high),) = intervals
    if low is None or high is None:
        raise RuntimeError(f"the interval {low} to {high} is open: the assumptions leave the parameter unconstrained")
    return low, high


def _momentum_transfer(likelihood: Likelihood) -> float:
    """Return the mean momentum transfer sqrt(2 M T) [MeV] of the nuclear recoils that make the signal."""
    (experiment,), (table,) = likelihood.experiments, likelihood.tables
    (nuclei,) = table.nuclei
    rate = ionisation_rate(table, likelihood.model, {ANGLE: jnp.asarray(SIN2_THETA_W)}, "cevns")
    events = experiment.events(jnp.sum(experiment.exposure(), axis=0)) @ table.weights * rate
    q = jnp.sqrt(2 * experiment.target.elements[0].nuclear_mass * nuclei.recoil.T[0])
    return float(events @ q / events.sum())


def _as_row(point: tuple[float, float, float, float, str]) -> dict[str, str]:
    """Return our own point as a row like those of `data/published/weak_mixing_angle.csv`."""
    scale, value, low, high, label = point
    numbers = {"scale_MeV": scale, "value": value, "error_up": high - value, "error_down": value - low}
    return {"experiment": label, "source": "this run"} | {name: repr(number) for name, number in numbers.items()}


def _comparisons(likelihood: Likelihood, default: Variant, published: dict[str, dict[str, str]]) -> list[Comparison]:
    """Return the first paper's numbers, and the collaboration's, beside those obtained."""
    strength, (low, high), gain = _signal_strength(likelihood)
    events = default.events
    obtained: dict[str, tuple[float, float | None, float | None]] = {
        ANGLE: (default.best, default.low, default.high),
        "significance": (math.sqrt(gain), None, None),
        "signal_observed": (events * strength, events * low, events * high),
        "signal_predicted": (events, None, None),
    }
    return [Comparison.of(published[name], *numbers) for name, numbers in obtained.items()]

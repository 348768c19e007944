"""The published tables and figures again, from the embedded data, beside the published values."""

import contextlib
import math
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax.numpy as jnp

from cevnsjax import plotting, results
from cevnsjax.constants import SIN2_THETA_W, SIN2_THETA_W_Z
from cevnsjax.errors import InputError
from cevnsjax.experiments import load_experiment
from cevnsjax.rates import ionisation_rate
from cevnsjax.report import Comparison, Variant, write_report
from cevnsjax.resources import data_folder, read_rows
from cevnsjax.statistics import Likelihood, fit, profile
from cevnsjax.statistics.intervals import Interval, threshold

if TYPE_CHECKING:
    from matplotlib.figure import Figure

__all__ = ["reproduce"]

ONE_SIGMA = math.erf(math.sqrt(0.5))
"""The confidence level of one standard deviation."""

EXPERIMENT = "conus_plus"
ANGLE = "sin2_theta_w"

ASSUMPTIONS: tuple[tuple[str, dict[str, object], dict[str, Any]], ...] = (
    ("default", {}, {}),
    ("pull integrated out instead of minimised", {}, {"pull": "marginalised"}),
    ("pull of 16.9 % instead of 20 %", {"nuisances.norm.sigma": 0.169}, {}),
    ("no energy resolution", {"response.resolution": None}, {}),
    ("spectrum cut at 8 MeV", {"source.above_8_MeV": "cut"}, {}),
    ("exponential above 8 MeV", {"source.above_8_MeV": "exponential"}, {}),
    ("flux not rescaled to 1.5e13", {"source.total_flux_per_cm2_s": None}, {}),
    ("BESTIOLE below 2 MeV", {"source.below_2_MeV": "bestiole"}, {}),
    ("BESTIOLE above 2 MeV", {"source.above_2_MeV": "bestiole", "source.above_8_MeV": "table"}, {}),
    ("Kopeikin 2021 above 2 MeV", {"source.above_2_MeV": "kopeikin_2021"}, {}),
    ("quenching k = 0.158", {"response.quenching.k": 0.158}, {}),
    ("quenching k = 0.166", {"response.quenching.k": 0.166}, {}),
    ("Klein-Nystrand form factor", {"target.form_factor": "klein_nystrand"}, {}),
    ("no form factor", {"target.form_factor": "point"}, {}),
    ("CEvNS alone", {}, {"channel": "cevns"}),
)
"""One assumption switched at a time: its name, what it changes in the description, and in the likelihood."""


def reproduce(out: Path) -> dict[str, Any]:
    """Write figures, curves, `report.md` and `report.json` into a folder; return what the JSON holds.

    Everything is made in a folder beside it and moved there at the end. Raises `InputError` where the folder
    cannot be made.
    """
    parent = out.absolute().parent
    if out.exists() and not out.is_dir():
        raise InputError(f"cannot write into '{out}': it is a file; give a folder")
    if not parent.is_dir() or not os.access(out if out.is_dir() else parent, os.W_OK):
        raise InputError(f"cannot write into '{out}': '{parent}' is no folder that can be written to")
    with tempfile.TemporaryDirectory(dir=parent, prefix=".cevnsjax-") as name, _progress() as advance:
        folder = Path(name)
        content = _make(folder, advance)
        out.mkdir(exist_ok=True)
        for path in sorted(folder.iterdir()):
            shutil.move(path, out / path.name)
    return content


@contextlib.contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """Give a function that says on standard error what comes next."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task("", total=len(ASSUMPTIONS) + 4)

        def advance(text: str) -> None:
            progress.update(task, description=f"{text:<42}", advance=1)

        yield advance


def _make(folder: Path, advance: Callable[[str], None]) -> dict[str, Any]:
    published = {row["name"]: row for row in read_rows(data_folder() / "published" / "conus_plus.csv")}
    likelihood = Likelihood(EXPERIMENT)

    advance("Fig. 1: signals of the three detectors")
    prediction = results.prediction_dataset(likelihood, {})
    results.write_netcdf(folder / "fig1_spectrum.nc", prediction)
    _save(plotting.spectrum_figure(prediction), folder / "fig1_spectrum")

    advance("Fig. 2: profile of the weak mixing angle")
    curves = []
    for label, pull in (("pull minimised", "profiled"), ("pull integrated out", "marginalised")):
        one = Likelihood(*likelihood.experiments, pull=pull)
        curve = results.profile_dataset(profile(one, ANGLE, limits=(0.0, 0.6), points=301, cl=ONE_SIGMA), one)
        results.write_netcdf(folder / f"fig2_sin2_theta_w_{pull}.nc", curve)
        curves.append((label, curve))
    row = published[ANGLE]
    band = float(row["value"]), float(row["low"]), float(row["high"]), r"arXiv:2501.12441, $1\sigma$"
    levels = [(threshold(ONE_SIGMA), r"$1\sigma$"), (threshold(0.90), "90 % CL")]
    _save(plotting.profile_figure(curves, r"$\sin^2\theta_W$", levels, band), folder / "fig2_sin2_theta_w")

    variants = []
    for name, overrides, options in ASSUMPTIONS:
        advance(f"assumption: {name}")
        variants.append(_variant(name, Likelihood(load_experiment(EXPERIMENT, overrides), **options)))

    advance("Fig. 3: the weak mixing angle against scale")
    default = variants[0]
    scale = _momentum_transfer(likelihood)
    rows = read_rows(data_folder() / "published" / "weak_mixing_angle.csv")
    others = [row for row in rows if not row["experiment"].startswith("theory")]
    ours = scale, default.best, default.low, default.high, "CONUS+, this work"
    _save(
        plotting.weak_mixing_angle_figure(others, SIN2_THETA_W, SIN2_THETA_W_Z, ours), folder / "fig3_weak_mixing_angle"
    )
    points = results.points_dataset([*others, _as_row(ours)], likelihood)
    results.write_netcdf(folder / "fig3_weak_mixing_angle.nc", points)

    advance("report")
    comparisons = _comparisons(likelihood, default, published)
    content = {
        "comparisons": [c.as_dict() for c in comparisons],
        "assumptions": [v.as_dict() for v in variants],
        "momentum_transfer_MeV": scale,
    }
    results.write_json(folder / "report.json", content)
    write_report(folder / "report.md", comparisons, variants, scale)
    return content


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
    unpulled = eqx.tree_at(lambda e: e.norm_sigma, experiment, jnp.zeros(()))
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


def _save(figure: "Figure", path: Path) -> None:
    for suffix in (".pdf", ".png"):
        figure.savefig(path.with_suffix(suffix), dpi=300)

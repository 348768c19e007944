"""Two experiments on germanium and three descriptions of its quenching: why they cannot all be right."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import equinox as eqx
import jax.numpy as jnp

from cevnsjax import plotting
from cevnsjax.experiments import Experiment, load_experiment
from cevnsjax.parameters import NORM
from cevnsjax.reproduce.standard_model import ONE_SIGMA
from cevnsjax.resources import data_folder, read_rows
from cevnsjax.statistics import Likelihood, fit

__all__ = ["LINDHARD", "STEPS", "make"]

LINDHARD = "Lindhard, k = 0.162"
TABLE = "germanium_collar_2021"
QUENCHING: dict[str, dict[str, object]] = {
    LINDHARD: {"model": "lindhard", "k": 0.162},
    "Fef": {"model": "table", "table": TABLE, "column": "Fef"},
    "YBe": {"model": "table", "table": TABLE, "column": "YBe"},
}
EXPERIMENTS = ("conus_plus", "dresden2", "dresden2:off")
STEPS = len(EXPERIMENTS)


def make(folder: Path, advance: Callable[[str], None], overlays: Sequence[plotting.Overlay]) -> dict[str, Any]:
    """Return the strength of the signal that each experiment's data prefer with each quenching."""
    rows, notes = [], []
    published = {row["quantity"]: row for row in read_rows(data_folder() / "published" / "dresden2.csv")}
    for name in EXPERIMENTS:
        advance(f"quenching: {name}")
        for label, table in QUENCHING.items():
            experiment = _free(load_experiment(name, {"response.quenching": table}))
            likelihood = Likelihood(experiment, channel="cevns")
            found = fit(likelihood, ["norm"], cl=ONE_SIGMA)
            signal = likelihood.expected({}) - likelihood.expected({NORM.name: 0.0})
            one, none = (float(likelihood.chi2({NORM.name: strength})) - found.chi2_min for strength in (1.0, 0.0))
            notes += likelihood.notes
            others = published.get(label) if name == "dresden2" else None
            rows.append(
                {"experiment": name, "quenching": label, "events": float(experiment.events(signal).sum())}
                | {"strength": found.best_fit[NORM.name], "interval": list(found.intervals[NORM.name][0])}
                | {"chi2_of_prediction": one, "chi2_of_no_signal": none}
                | {"published": None if others is None else [float(others["value"]), float(others["sigma"])]}
            )
    return {"quenching": rows, "quenching_notes": list(dict.fromkeys(notes))}


def _free(experiment: Experiment) -> Experiment:
    """Return an experiment with the strength of its signal free; where there is a background it is."""
    if experiment.counts is not None:
        return experiment
    return eqx.tree_at(lambda e: e.systematics["default"].norm_sigma, experiment, jnp.zeros(1))

"""The study of Dresden-II beside CONUS+: two experiments on germanium, and three descriptions of its quenching."""

from collections.abc import Mapping
from functools import partial
from typing import Any

from cevnsjax.experiments import load_experiment
from cevnsjax.figures import Strength, strengths_figure
from cevnsjax.inference import fit
from cevnsjax.inference.value import chi2_at
from cevnsjax.likelihood import Likelihood
from cevnsjax.parameters import NORM, QUENCHING_K, QUENCHING_YIELD
from cevnsjax.reproduce.assumptions import ONE_SIGMA, without_constraint
from cevnsjax.reproduce.markdown import interval, table
from cevnsjax.reproduce.projections import measured_k
from cevnsjax.reproduce.published import published_by
from cevnsjax.reproduce.study import Results, Step, Study
from cevnsjax.reproduce.workspace import Workspace

__all__ = ["DRESDEN2"]

YIELD = "response.nuclear.yield"
NUISANCES = {QUENCHING_K.name: "k", QUENCHING_YIELD.name: "factor"}
"""The nuisances of the quenching, and the number of the yield that each moves."""

TABLE = "germanium_collar_2021.csv"
LINDHARD, FEF, YBE = "Lindhard", "Fef", "YBe"
LABELS = {"conus_plus": "CONUS+", "dresden2": "Dresden-II", "dresden2:off": "Dresden-II, reactor off"}
EXPERIMENTS = tuple(LABELS)
CASES = tuple((name, label) for name in EXPERIMENTS for label in (LINDHARD, FEF, YBE))


def _steps() -> tuple[Step, ...]:
    each = [
        Step(f"{name.replace(':', '_')}_{label}", f"{name}, quenching {label}", partial(_fitted, name, label))
        for name, label in CASES
    ]
    return (*each, Step("strengths", "strengths of the signal", _draw, tuple(step.name for step in each)))


def _overrides(name: str, label: str) -> dict[str, object]:
    """Return the overrides of an experiment's description that give it one description of the quenching."""
    kind = {"kind": "lindhard", "k": measured_k()}
    if label != LINDHARD:
        kind = {"kind": "table", "file": TABLE, "column": label}
    (old,) = {n.name for n in load_experiment(name).nuisances["detailed"]} & {*NUISANCES}
    new = QUENCHING_K.name if label == LINDHARD else QUENCHING_YIELD.name
    # The nuisance of the quenching goes with its description, though it is held here.
    return {
        f"nuisance.{old}.name": new,
        f"nuisance.{new}.key": f"{YIELD}.{NUISANCES[new]}",
        YIELD: kind,
    }


def _fitted(name: str, label: str, work: Workspace) -> dict[str, Any]:
    """Return the strength of the signal that the data of an experiment prefer with one description of the quenching."""
    experiment = without_constraint(load_experiment(name, _overrides(name, label)))
    likelihood = Likelihood(experiment, channel="cevns")
    result = fit(likelihood, [NORM.name], cl=ONE_SIGMA)
    on = slice(0, experiment.cells.size)
    (signal,) = likelihood.signal_in({})
    chi2 = [chi2_at(likelihood, {NORM.name: strength}) for strength in (1.0, 0.0)]
    published = published_by("dresden2", "quantity").get(label) if name == "dresden2" else None
    return {
        "experiment": name,
        "quenching": label,
        "events": float(experiment.events_per_unit[on] @ signal[on]),
        "strength": result.best_fit[NORM.name],
        "interval": list(result.intervals[NORM.name][0]),
        "chi2_of_prediction": chi2[0] - result.chi2_min,
        "chi2_of_no_signal": chi2[1] - result.chi2_min,
        "chi2_min": result.chi2_min,
        "bins": experiment.cells.size,
        "published": None if published is None else [float(published["value"]), float(published["sigma"])],
        "notes": likelihood.notes,
    }


def _draw(work: Workspace) -> None:
    strengths = []
    for row in work.results.values():
        low, high = row["interval"]
        if low is None or high is None:
            continue
        published = None if row["published"] is None else tuple(row["published"])
        label = f"{LABELS[row['experiment']]}, {row['quenching']}"
        strengths.append(Strength(label, row["strength"], low, high, published))
    figure = strengths_figure(strengths, "public analyses")
    work.figure("dresden2_strengths", figure, Likelihood("dresden2", channel="cevns"))


def _compose(results: Results) -> dict[str, Any]:
    rows = [dict(row) for name, row in results.items() if name != "strengths"]
    notes = dict.fromkeys(note for row in rows for note in row.pop("notes"))
    (fef,) = (row for row in rows if (row["experiment"], row["quenching"]) == ("dresden2", FEF))
    background = {
        "published": float(published_by("dresden2", "quantity")["background_chi2"]["value"]),
        "obtained": fef["chi2_min"] + fef["chi2_of_no_signal"],
        "bins": fef["bins"],
    }
    return {
        "quenching": rows,
        "quenching_k": measured_k(),
        "background_chi2": background,
        "quenching_notes": list(notes),
    }


def _page(content: Mapping[str, Any]) -> dict[str, str]:
    best = {(row["experiment"], row["quenching"]): row["strength"] for row in content["quenching"]}
    rows = [
        (
            row["experiment"], row["quenching"], f"{row['events']:.3g}", f"{row['strength']:.2f}",
            interval([None if end is None else round(end, 2) for end in row["interval"]]),
            f"{row['chi2_of_prediction']:.1f}", f"{row['chi2_of_no_signal']:.1f}",
            "" if row["published"] is None else "{:g} +- {:g}".format(*row["published"]),
        )
        for row in content["quenching"]
    ]  # fmt: skip
    header = (
        "experiment", "quenching", "events predicted", "strength", "1 sigma", "chi^2 of 1", "chi^2 of 0", "published",
    )  # fmt: skip
    chi2 = content["background_chi2"]
    return {
        "k": f"{content['quenching_k']:g}",
        "conus_plus_lindhard": f"{best['conus_plus', LINDHARD]:.2f}",
        "dresden2_lindhard": f"{best['dresden2', LINDHARD]:.1f}",
        "dresden2_fef": f"{best['dresden2', FEF]:.2f}",
        "conus_plus_fef": f"{best['conus_plus', FEF]:.2f}",
        "off_fef": f"{best['dresden2:off', FEF]:.2f}",
        "background_published": f"{chi2['published']:g}",
        "background": f"{chi2['obtained']:.1f}",
        "bins": f"{chi2['bins']}",
        "strengths": table(header, rows),
    }


DRESDEN2 = Study("dresden2", _steps, _compose, _page)

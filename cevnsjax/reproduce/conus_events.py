"""The limit of CONUS on events of CEvNS, and on vector interactions, against the quenching."""

from functools import partial
from typing import Any

from cevnsjax.figures import PublishedEvents, events_figure
from cevnsjax.inference import expected_intervals
from cevnsjax.likelihood import Likelihood
from cevnsjax.parameters import NORM, QUENCHING_K
from cevnsjax.reproduce.conus_limits import BSM, CL, beside_talk, farthest, scale_of, talk
from cevnsjax.reproduce.study import Results, Step
from cevnsjax.reproduce.workspace import Workspace

__all__ = ["K_OF_LIMIT", "conus_event_steps", "conus_events"]

ANALYSIS = "conus:cevns"

QUENCHING = (0.14, 0.15, 0.16, 0.17, 0.18, 0.19, 0.20, 0.22, 0.24)

K_OF_LIMIT, K_OF_EVENTS = 0.16, 0.18
"""The values of k that the talk quotes its limits for, on the rate and on the number of events."""


def conus_event_steps() -> tuple[Step, ...]:
    """Return the steps: one for each k, and the figure."""
    each = [Step(f"events_{k:g}", f"events at k = {k:g}", partial(_at, k)) for k in QUENCHING]
    return (*each, Step("events", "events against the quenching", _draw, tuple(step.name for step in each)))


def conus_events(results: Results) -> dict[str, Any]:
    """Return the limits at each k, and those at the talk's k beside the published ones."""
    published = talk()
    at_k = {row["quenching_k"]: row for row in results["events"]}
    quantities = (
        ("events", K_OF_LIMIT, "limit"),
        ("events_over_prediction", K_OF_LIMIT, "strength"),
        ("events_k018", K_OF_EVENTS, "events"),
    )
    return {
        "conus_events": results["events"],
        "conus_events_beside": [beside_talk(q, published, at_k[k][name], ANALYSIS) for q, k, name in quantities],
        "conus_events_final": float(published["events_final"]["value"]),
    }


def _at(k: float, work: Workspace) -> dict[str, float]:
    """Return the prediction per kg and day at one k, the limit on it, and on the scale of vector interactions."""
    likelihood, vector = Likelihood(ANALYSIS), Likelihood(BSM, model="nsi_vector")
    given = {QUENCHING_K.name: k}
    exposure = signal = 0.0
    for experiment, counts in zip(likelihood.experiments, likelihood.signal_in(given), strict=True):
        exposure += float(experiment.sample_exposure[0])
        signal += float(counts[: experiment.cells.size].sum())
    strength = farthest(expected_intervals(likelihood, NORM.name, given, CL))
    epsilon = farthest(expected_intervals(vector, "eps_ee_uv", given, CL))
    return {
        "quenching_k": k, "predicted": signal / exposure, "strength": strength, "limit": strength * signal / exposure,
        "events": strength * signal, "vector_scale_GeV": scale_of(epsilon),
    }  # fmt: skip


def _draw(work: Workspace) -> list[dict[str, float]]:
    import xarray as xr

    rows = [work.results[f"events_{k:g}"] for k in QUENCHING]
    likelihood, published = Likelihood(ANALYSIS), talk()
    units = {"predicted": "1 / kg / d", "limit": "1 / kg / d", "strength": "", "events": "", "vector_scale_GeV": "GeV"}
    curve = xr.Dataset(
        {name: (QUENCHING_K.name, [row[name] for row in rows], {"units": unit}) for name, unit in units.items()},
        coords={QUENCHING_K.name: list(QUENCHING)},
        attrs={"cl": CL},
    )
    work.plain_curve("conus_events", curve, likelihood)
    limit, ratio, events = (
        float(published[name]["value"]) for name in ("events", "events_over_prediction", "events_k018")
    )
    exposure = sum(float(run.sample_exposure[0]) for run in likelihood.experiments)
    points = [
        PublishedEvents(K_OF_LIMIT, limit, limit / ratio, published["events"]["note"].replace(" (2021)", "")),
        PublishedEvents(K_OF_EVENTS, events / exposure, None, f"talk, {events:g} events"),
    ]
    work.figure("conus_events", events_figure(rows, CL, points), likelihood)
    return rows

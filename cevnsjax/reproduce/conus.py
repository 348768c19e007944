"""The CONUS programme: the talk's table of limits, from what is expected, and the limit on events against the
quenching.

T. Rink, PASCOS 2022. No binned data are public, so that what is expected of the Standard Model and the background
stands in for them: each limit is an expected one.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax.numpy as jnp
import numpy as np

from cevnsjax import plotting, results
from cevnsjax.experiments import load_runs
from cevnsjax.interactions import Model, ScalarMediator, StandardModel, model
from cevnsjax.interactions.electromagnetic import millicharge_of_moment
from cevnsjax.interactions.mediators import CONUS_COUPLINGS
from cevnsjax.interactions.nsi import new_physics_scale
from cevnsjax.parameters import NORM, QUENCHING_K
from cevnsjax.projection_plots import events_figure
from cevnsjax.resources import data_folder, read_rows
from cevnsjax.statistics import Likelihood, expected_intervals
from cevnsjax.statistics.intervals import Interval

__all__ = ["CL", "SCALAR", "STEPS", "make"]

CL = 0.90
SMALL_MASS = 1e-3
"""Of a mediator [MeV]: far below all momentum transfers."""

LOWEST_RECOIL = 2e-3
"""Of an electron in the analysis of nu-e [MeV]."""

QUENCHING = (0.14, 0.16, 0.18, 0.20, 0.24)


class Case(NamedTuple):
    """A limit: the published one's name, the analysis, the model, the channel that it acts in, and the parameter."""

    quantity: str
    analysis: str
    model: Model
    channel: str
    parameter: str
    values: dict[str, float]


SCALAR = Model("scalar", "light scalar, 14 N + 15.1 Z", (StandardModel(), ScalarMediator(CONUS_COUPLINGS)), ("g_phi",))
"""The light scalar as CONUS has it."""

CASES = (
    Case("mu_nu_e", "conus:eves", model("magnetic_moment"), "all", "mu_nu_e", {}),
    Case("q_ee", "conus:eves", model("millicharge"), "all", "q_ee", {}),
    Case("vector_nsi", "conus:cevns_bsm", model("nsi_vector"), "all", "eps_ee_uv", {}),
    Case("tensor_nsi", "conus:cevns_bsm", model("nsi_tensor"), "all", "eps_ee_ut", {}),
    Case("scalar_cevns", "conus:cevns_bsm", SCALAR, "cevns", "g_phi", {"m_phi": SMALL_MASS}),
    Case("scalar_eves", "conus:eves_bsm", SCALAR, "eves", "g_phi", {"m_phi": SMALL_MASS}),
    Case("vector_cevns", "conus:cevns_bsm", model("vector_universal"), "cevns", "g_z", {"m_z": SMALL_MASS}),
    Case("vector_eves", "conus:eves_bsm", model("vector_universal"), "eves", "g_z", {"m_z": SMALL_MASS}),
)
STEPS = len(CASES) + 2

TENSOR = "conus:cevns_bsm"
SWITCHES: tuple[tuple[str, dict[str, object], float | None], ...] = (
    ("k = 0.18", {"response.quenching.k": 0.18}, None),
    ("resolution of 40 eV instead of 30 eV", {"response.resolution.noise_eV": 40.0}, None),
    ("exact energy scale", {"systematics.default.each.energy_shift_eV": 1e-3}, None),
    ("regions from 250 eV on", {}, 250.0),
)
"""What moves the limit on tensor interactions: a label, overrides of the description, and a threshold [eV]."""


def make(folder: Path, advance: Callable[[str], None], overlays: Sequence[plotting.Overlay]) -> dict[str, Any]:
    """Write the limit on events against k, and return the talk's table beside what is expected here."""
    published = {row["quantity"]: row for row in read_rows(data_folder() / "published" / "conus.csv")}
    rows = []
    for case in CASES:
        advance(f"CONUS: {case.quantity}")
        likelihood = Likelihood(case.analysis, model=case.model, channel=case.channel)
        pieces = expected_intervals(likelihood, case.parameter, case.values, CL)
        obtained, row = farthest(pieces), published[case.quantity]
        if row["unit"] == "GeV":
            obtained = _scale(obtained)
        rows.append(_beside(case.quantity, row, obtained, case.analysis) | {"intervals": [list(p) for p in pieces]})
    moment = next(row["obtained"] for row in rows if row["quantity"] == "mu_nu_e")
    converted = float(millicharge_of_moment(jnp.asarray(moment), LOWEST_RECOIL))
    rows.insert(2, _beside("q_ee from mu_nu_e", published["q_ee"], converted, "conus:eves"))
    advance("CONUS: what moves the limit on tensor interactions")
    (tensor,) = (farthest(row["intervals"]) for row in rows if row["quantity"] == "tensor_nsi")
    switched = _tensor(tensor)
    advance("CONUS: events against the quenching")
    events = _events(folder)
    at_k = {row["quenching_k"]: row for row in events}
    for quantity, k, name in (
        ("events_k018", 0.18, "events"), ("events_over_prediction", 0.16, "strength"), ("events", 0.16, "limit"),
    ):  # fmt: skip
        rows.insert(0, _beside(quantity, published[quantity], at_k[k][name], "conus:cevns"))
    (vector,) = (row["obtained"] for row in rows if row["quantity"] == "vector_nsi")
    up, both = _quarks()
    return {
        "conus": rows,
        "conus_events": events,
        "conus_events_final": float(published["events_final"]["value"]),
        "conus_tensor": switched,
        "conus_vector_alike": vector * (both / up) ** 0.5,
        "conus_notes": Likelihood(TENSOR).notes,
    }


def farthest(pieces: Sequence[Interval] | list[list[float]]) -> float:
    """Return the end that lies farthest from zero."""
    return max(abs(end) for piece in pieces for end in piece if end is not None)


def _scale(epsilon: float) -> float:
    return float(new_physics_scale(jnp.asarray(epsilon)))


def _beside(quantity: str, published: dict[str, str], obtained: float, analysis: str) -> dict[str, Any]:
    value = float(published["value"])
    row = {"quantity": quantity, "analysis": analysis, "published": value, "obtained": obtained}
    return row | {"ratio": obtained / value, "unit": published["unit"], "note": published["note"]}


def _tensor(epsilon: float) -> list[dict[str, Any]]:
    """Return the scale of tensor interactions with one assumption switched at a time, and what conventions do to it."""
    up, both = _quarks()
    found = [("as described: up quarks alone", epsilon)]
    for label, overrides, threshold_eV in SWITCHES:
        runs = load_runs(TENSOR, overrides, threshold_eV)
        found.append((label, farthest(expected_intervals(Likelihood(*runs, model="nsi_tensor"), "eps_ee_ut", cl=CL))))
    # Counts depend on the square of the charge alone, so that conventions need no fit.
    alike = epsilon * up / both
    found.append(("up and down quarks alike", alike))
    found.append(("cross section with 4 G_F^2 M / pi", epsilon / 2))
    found.append(("both of these", alike / 2))
    return [{"assumption": label, "epsilon": value, "scale_GeV": _scale(value)} for label, value in found]


def _quarks() -> tuple[float, float]:
    """Return how many up quarks a nucleus of germanium has, and how many quarks."""
    (element,) = load_runs("conus:C1R1_bsm")[0].target.elements
    Z, N = element.atomic_number, float(np.asarray(element.abundance @ element.isotopes.N))
    return 2 * Z + N, 3 * (Z + N)


def _events(folder: Path) -> list[dict[str, float]]:
    """Return for each k the limits on events and on vector interactions, and the predicted events per kg and day."""
    likelihood, vector = Likelihood("conus:cevns"), Likelihood("conus:cevns_bsm", model="nsi_vector")
    exposure = sum(float(e.counts.exposures[0]) for e in likelihood.experiments if e.counts is not None)
    rows = []
    for k in QUENCHING:
        given = {QUENCHING_K.name: k}
        signal = float(np.asarray(likelihood.expected(given)).sum())
        signal -= float(np.asarray(likelihood.expected({**given, NORM.name: 0.0})).sum())
        limit = farthest(expected_intervals(likelihood, NORM.name, given, CL))
        epsilon = farthest(expected_intervals(vector, "eps_ee_uv", {QUENCHING_K.name: k}, CL))
        rows.append(
            {"quenching_k": k, "predicted": signal / exposure, "strength": limit}
            | {"limit": limit * signal / exposure, "events": limit * signal, "vector_scale_GeV": _scale(epsilon)}
        )
    results.write_json(folder / "conus_events.json", {"notes": likelihood.notes, "rows": rows})
    plotting.save(events_figure(rows), folder / "conus_events", likelihood.notes)
    return rows

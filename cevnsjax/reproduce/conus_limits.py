"""The limits of CONUS at Brokdorf: the talk's table, beside what is expected here.

T. Rink, PASCOS 2022. No binned data are public: what is expected of the Standard Model and the background stands in for
them, so that each limit is an expected one.
"""

import dataclasses
from collections.abc import Sequence
from typing import Any

import jax.numpy as jnp

from cevnsjax.inference import Interval, expected_intervals
from cevnsjax.interactions import Model, ScalarMediator, StandardModel, model
from cevnsjax.interactions.electromagnetic import millicharge_of_moment
from cevnsjax.interactions.mediators import CONUS_COUPLINGS
from cevnsjax.interactions.nsi import new_physics_scale
from cevnsjax.likelihood import Likelihood
from cevnsjax.reproduce.published import published_by
from cevnsjax.reproduce.study import Results, Step
from cevnsjax.reproduce.workspace import Workspace

__all__ = [
    "BSM",
    "CL",
    "SCALAR",
    "SMALL_MASS",
    "beside_talk",
    "conus_limit_steps",
    "conus_limits",
    "farthest",
    "scale_of",
    "talk",
]

CL = 0.90

BSM = "conus:cevns_bsm"
"""The talk's analysis for new interactions with nuclei."""

SMALL_MASS = 1e-3
"""Of a mediator [MeV]: far below all momentum transfers."""

LOWEST_RECOIL = 2e-3
"""Of an electron in the analysis of nu-e [MeV]."""

SCALAR = Model("scalar", "light scalar, 14 N + 15.1 Z", (StandardModel(), ScalarMediator(CONUS_COUPLINGS)), ("g_phi",))
"""The light scalar as CONUS has it."""


@dataclasses.dataclass(frozen=True)
class Case:
    """A limit: the published one's name, the analysis, the model, the parameter, and the channel that it acts in."""

    quantity: str
    analysis: str
    model: Model
    parameter: str
    channel: str = "all"
    values: dict[str, float] = dataclasses.field(default_factory=dict)

    def __call__(self, work: Workspace) -> list[list[float | None]]:
        """Return what will be allowed."""
        likelihood = Likelihood(self.analysis, model=self.model, channel=self.channel)
        return [list(piece) for piece in expected_intervals(likelihood, self.parameter, self.values, CL)]


CASES = (
    Case("mu_nu_e", "conus:eves", model("magnetic_moment"), "mu_nu_e"),
    Case("q_ee", "conus:eves", model("millicharge"), "q_ee"),
    Case("vector_nsi", BSM, model("nsi_vector"), "eps_ee_uv"),
    Case("tensor_nsi", BSM, model("nsi_tensor"), "eps_ee_ut"),
    Case("scalar_cevns", BSM, SCALAR, "g_phi", "cevns", {"m_phi": SMALL_MASS}),
    Case("scalar_eves", "conus:eves_bsm", SCALAR, "g_phi", "eves", {"m_phi": SMALL_MASS}),
    Case("vector_cevns", BSM, model("vector_universal"), "g_z", "cevns", {"m_z": SMALL_MASS}),
    Case("vector_eves", "conus:eves_bsm", model("vector_universal"), "g_z", "eves", {"m_z": SMALL_MASS}),
)


def conus_limit_steps() -> tuple[Step, ...]:
    """Return one step for each limit."""
    return tuple(Step(f"limit_{case.quantity}", f"limit: {case.quantity}", case) for case in CASES)


def conus_limits(results: Results) -> dict[str, Any]:
    """Return the talk's limits beside those expected here; of an interval the end farthest from zero."""
    published, rows = talk(), []
    for case in CASES:
        pieces = results[f"limit_{case.quantity}"]
        obtained = farthest(pieces)
        if published[case.quantity]["unit"] == "GeV":
            obtained = scale_of(obtained)
        rows.append(beside_talk(case.quantity, published, obtained, case.analysis) | {"intervals": pieces})
    (moment,) = (row["obtained"] for row in rows if row["quantity"] == "mu_nu_e")
    converted = float(millicharge_of_moment(jnp.asarray(moment), LOWEST_RECOIL))
    after = [row["quantity"] for row in rows].index("q_ee") + 1
    rows.insert(after, beside_talk("q_ee from mu_nu_e", published, converted, "conus:eves", "q_ee"))
    return {"conus": rows, "conus_notes": Likelihood(BSM).notes}


def talk() -> dict[str, dict[str, str]]:
    """Return the talk's results by quantity."""
    return published_by("conus", "quantity")


def beside_talk(
    quantity: str, published: dict[str, dict[str, str]], obtained: float, analysis: str, as_published: str = ""
) -> dict[str, Any]:
    """Return a published value beside the one obtained, and their ratio."""
    row = published[as_published or quantity]
    value = float(row["value"])
    about = {"quantity": quantity, "analysis": analysis, "published": value, "obtained": obtained}
    return about | {"ratio": obtained / value, "unit": row["unit"], "note": row["note"]}


def farthest(pieces: Sequence[Interval] | Sequence[Sequence[float | None]]) -> float:
    """Return the end that lies farthest from zero."""
    return max(abs(end) for piece in pieces for end in piece if end is not None)


def scale_of(epsilon: float) -> float:
    """Return the scale [GeV] of an interaction of strength epsilon."""
    return float(new_physics_scale(jnp.asarray(epsilon)))

"""Limits from solar neutrinos in xenon, one coupling at a time: for the study of the Sun, and beside those of CONUS+.

The second are the rows of Tables 1-3 and the contours of Fig. 7 of arXiv:2501.12441.
"""

import dataclasses
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Any, NamedTuple

from cevnsjax.inference import fit
from cevnsjax.likelihood import Likelihood
from cevnsjax.reproduce.limits import CL, SAME
from cevnsjax.reproduce.published import ends_of, half_width, outer_ends, published_limits
from cevnsjax.reproduce.study import Results, Step
from cevnsjax.reproduce.workspace import Workspace

__all__ = ["ELECTROMAGNETIC", "SOLAR", "Request", "Solar", "single_limits", "solar_rows", "solar_steps"]


@dataclasses.dataclass(frozen=True)
class Solar:
    """An experiment with solar neutrinos: its name, a label, and how `data/published/limits.csv` calls it, if it does.

    Fig. 7 has it at `masses` masses, and is without it at none. `couplings` are the ends and the number of couplings.
    """

    experiment: str
    label: str
    quoted: str | None = None
    masses: int = 0
    couplings: tuple[float, float, int] = (1e-7, 1e-2, 151)


SOLAR = (
    Solar("xenonnt_er", "XENONnT electron recoils", "XENONnT", masses=61),
    # Each point is a search for eleven nuisances: this grid has the contours to 1.5 %.
    Solar("xenonnt_b8", "XENONnT 8B", masses=49, couplings=(1e-6, 1e-2, 61)),
    Solar("pandax4t_b8", "PandaX-4T 8B"),
)


class Request(NamedTuple):
    """What to limit: a model, the coupling that is free, and values of the model's other parameters."""

    model: str
    quantity: str
    values: Mapping[str, float]


ELECTROMAGNETIC = (
    Request("magnetic_moment", "mu_nu_e", {}),
    Request("millicharge", "q_ee", {}),
    Request("millicharge", "q_emu", {}),
    Request("charge_radius", "r2_ee", {}),
    Request("charge_radius", "r2_emu", {}),
)
"""The quantities of Tables 1-3 that differ: solar nu_mu and nu_tau arrive in equal shares, so that `SAME` holds."""


def single_limits(experiment: str, requests: Sequence[Request], cl: float = CL) -> list[dict[str, Any]]:
    """Return what an experiment allows of each coupling for one degree of freedom, all nuisances minimised."""
    rows, likelihoods = [], {}
    for name, quantity, values in requests:
        if name not in likelihoods:
            likelihoods[name] = Likelihood(experiment, model=name)
        result = fit(likelihoods[name], [quantity], values, cl=cl)
        pieces = [list(piece) for piece in result.intervals[quantity]]
        rows.append({"model": name, "quantity": quantity, "values": dict(values), "intervals": pieces})
    return rows


def solar_steps() -> tuple[Step, ...]:
    """Return the steps of the rows of Tables 1-3: one for each experiment."""
    return tuple(Step(_step(one), f"Tables 1-3: {one.label}", partial(_limits, one)) for one in SOLAR)


def solar_rows(results: Results, kinds: Mapping[str, str]) -> list[dict[str, Any]]:
    """Return a row for each experiment and quantity: what is allowed, and the published limit where there is one.

    `kinds` says by quantity how a limit is quoted, as the column of `limits` does. A deviation is that of half the
    width between the outer ends, or of the upper limit.
    """
    published, rows = published_limits(), []
    for one in SOLAR:
        allowed = {limit["quantity"]: limit["intervals"] for limit in results[_step(one)]}
        for quantity, kind in kinds.items():
            intervals, row = allowed[SAME.get(quantity, quantity)], published.get((quantity, one.quoted or ""))
            ends = outer_ends(intervals, kind)
            given = None if row is None else ends_of(row)
            rows.append(
                {
                    "experiment": one.experiment,
                    "label": one.label,
                    "quoted": one.quoted,
                    "quantity": quantity,
                    "kind": kind,
                    "intervals": intervals,
                    "obtained": list(ends),
                    "published": None if given is None else list(given),
                    "deviation": None if given is None else half_width(ends) / half_width(given) - 1,
                }
            )
    return rows


def _step(one: Solar) -> str:
    return f"tables_{one.experiment}"


def _limits(one: Solar, work: Workspace) -> list[dict[str, Any]]:
    return single_limits(one.experiment, ELECTROMAGNETIC)

"""Electromagnetic properties in CONUS+: Tables 1-3 and Figs. 4-6 of arXiv:2501.12441, and what moves their limits."""

import dataclasses
from functools import partial
from typing import Any

from cevnsjax.experiments import Experiment
from cevnsjax.figures import Panel, in_latex, profiles_figure
from cevnsjax.figures.style import level_label
from cevnsjax.inference import fit, threshold
from cevnsjax.interactions import Model, OnElectrons, ScalarMediator, StandardModel, model
from cevnsjax.interactions.mediators import CONUS_COUPLINGS, quark_content
from cevnsjax.likelihood import Likelihood
from cevnsjax.reproduce.assumptions import DEFAULT, Assumption, limit_assumptions
from cevnsjax.reproduce.published import ends_of, half_width, outer_ends, published_limits, published_rows
from cevnsjax.reproduce.study import Results, Step
from cevnsjax.reproduce.workspace import Workspace
from cevnsjax.results import profile_dataset

__all__ = ["CHANNELS", "CL", "MEDIATORS", "SAME", "limit_steps", "limits", "of_channel"]

CL = 0.90

CHANNELS = {"all": "CEvNS and nu-e", "cevns": "CEvNS alone", "eves": "nu-e alone"}
"""Channels of this analysis. `eves` stands for new physics off electrons alone, beside the Standard Model off nuclei:
without it the data would be an excess that a coupling has to explain."""


@dataclasses.dataclass(frozen=True)
class Fitted:
    """A model fitted for the intervals of a few parameters: the free ones, of which the first `shown` are reported.

    In `compared` channels there are published limits: these are fitted under every assumption, others by default.
    """

    model: str
    free: tuple[str, ...]
    shown: int = 1
    channels: tuple[str, ...] = ("all", "cevns", "eves")
    compared: tuple[str, ...] = ("all", "cevns")

    @property
    def quantities(self) -> tuple[str, ...]:
        """The parameters whose intervals are reported."""
        return self.free[: self.shown]


# q_etau enters as q_emu does, and only the sum of their squares: one of them free is both free.
ELECTROMAGNETIC = (
    Fitted("magnetic_moment", ("mu_nu_e",)),
    Fitted("millicharge", ("q_ee", "q_emu"), shown=2),
    Fitted("charge_radius", ("r2_ee", "r2_emu"), shown=2, channels=("all", "cevns"), compared=("all",)),
)
SAME = {"q_etau": "q_emu", "r2_etau": "r2_emu"}
"""Quantities that the data cannot tell from others, those of solar neutrinos neither."""

MEDIATORS = (Fitted("vector_bl", ("g_bl",), channels=("all",)), Fitted("scalar", ("g_phi",), channels=("all",)))

SCALARS = (
    ("default", ScalarMediator()),
    ("quark masses 2.16 and 4.70 MeV", ScalarMediator(quark_content(2.16, 4.70))),
    ("quark masses 2.5 and 5.0 MeV", ScalarMediator(quark_content(2.5, 5.0))),
    ("Q_phi = 14 N + 15.1 Z", ScalarMediator(CONUS_COUPLINGS)),
)
"""What the scalar's coupling to nucleons is taken to be."""


def of_channel(experiment: Experiment, name: str, channel: str, **options: Any) -> Likelihood:
    """Return the likelihood of a model in one of `CHANNELS`."""
    if channel != "eves":
        return Likelihood(experiment, model=name, channel=channel, **options)
    whole = model(name)
    parts = [i if isinstance(i, StandardModel) else OnElectrons(i) for i in whole.interactions]
    return Likelihood(experiment, model=dataclasses.replace(whole, interactions=tuple(parts)), **options)


def limit_steps() -> tuple[Step, ...]:
    """Return the steps: three figures, one for each assumption, and the scalar's coupling."""
    figures = [
        Step(f"fig{number}", f"Fig. {number}: {model(fitted.model).description}", _Figure(number, fitted))
        for number, fitted in enumerate(ELECTROMAGNETIC, start=4)
    ]
    assumptions = [
        Step(f"limits_{number:02d}", f"limits: {one.name}", partial(_limits, one))
        for number, one in enumerate(limit_assumptions())
    ]
    return (*figures, *assumptions, Step("scalars", "limits: the scalar's coupling to nucleons", _scalars))


def limits(results: Results) -> dict[str, Any]:
    """Return the rows of Tables 1-3, and what moves them."""
    rows = [
        {"name": one.name, "limits": results[f"limits_{number:02d}"]} for number, one in enumerate(limit_assumptions())
    ]
    published = published_rows("limits")
    return {
        "limits": _beside(rows, published),
        "limit_assumptions": rows,
        "scalar_assumptions": results["scalars"],
        "other_experiments": [row for row in published if not row["experiment"].startswith("conus_plus")],
    }


def _limits(assumption: Assumption, work: Workspace) -> list[dict[str, Any]]:
    """Return all intervals under one assumption; those that nothing is published for only by default."""
    experiment = assumption.experiment()
    found = []
    for fitted in (*ELECTROMAGNETIC, *MEDIATORS):
        for channel in fitted.channels:
            if channel not in fitted.compared and assumption != DEFAULT:
                continue
            likelihood = of_channel(experiment, fitted.model, channel, pull=assumption.pull)
            result = fit(likelihood, free=fitted.free, cl=CL)
            found += [
                {"quantity": name, "channel": channel, "intervals": [list(piece) for piece in result.intervals[name]]}
                for name in fitted.quantities
            ]
    return found


def _scalars(work: Workspace) -> list[dict[str, Any]]:
    found = []
    for name, interaction in SCALARS:
        changed = Model("scalar", name, (StandardModel(), interaction), ("g_phi",))
        result = fit(Likelihood(DEFAULT.experiment(), model=changed), cl=CL)
        (_, high) = result.intervals["g_phi"][-1]
        found.append({"name": name, "couplings": list(interaction.nucleons), "g_phi": high})
    return found


def _beside(rows: list[dict[str, Any]], published: list[dict[str, str]]) -> list[dict[str, Any]]:
    """Return the published limits of the paper, each with that obtained by default and under every assumption."""
    names = {"conus_plus": "all", "conus_plus CEvNS alone": "cevns"}
    table = []
    for row in published:
        if row["experiment"] not in names:
            continue
        quantity, channel = row["quantity"], names[row["experiment"]]
        under = {}
        for variant in rows:
            (intervals,) = (
                limit["intervals"]
                for limit in variant["limits"]
                if (limit["quantity"], limit["channel"]) == (SAME.get(quantity, quantity), channel)
            )
            under[variant["name"]] = outer_ends(intervals, row["kind"])
        given = ends_of(row)
        table.append(
            {
                "quantity": quantity,
                "channel": channel,
                "kind": row["kind"],
                "published": list(given),
                "obtained": list(under[DEFAULT.name]),
                "under": {name: list(ends) for name, ends in under.items()},
                "deviation": half_width(under[DEFAULT.name]) / half_width(given) - 1,
                "deviations": {name: half_width(ends) / half_width(given) - 1 for name, ends in under.items()},
            }
        )
    return table


@dataclasses.dataclass(frozen=True)
class _Figure:
    """The profiles of the reported quantities: all and nu-e alone in one panel, CEvNS alone in another."""

    number: int
    fitted: Fitted

    def __call__(self, work: Workspace) -> None:
        fitted, name = self.fitted, f"fig{self.number}_{self.fitted.model}"
        published = published_limits()
        panels = []
        for together in (("all", "eves"), ("cevns",)):
            for quantity in fitted.quantities:
                curves = []
                for channel in (c for c in together if c in fitted.channels):
                    likelihood = of_channel(DEFAULT.experiment(), fitted.model, channel)
                    free = [other for other in fitted.free if other != quantity]
                    result, origin = work.answer(likelihood, "profile", over=quantity, free=free, cl=CL)
                    curve = profile_dataset(result, likelihood, origin)
                    work.curve(f"{name}_{quantity}_{channel}", curve)
                    curves.append((in_latex(CHANNELS[channel]), curve))
                row = published.get((quantity, "conus_plus" if "all" in together else "conus_plus CEvNS alone"))
                allowed = None if row is None else _allowed(row)
                panels.append(Panel(curves, likelihood.parameters[quantity], allowed=allowed))
        figure = profiles_figure(panels, len(fitted.quantities), [(threshold(CL), level_label(CL, 1))])
        work.figure(name, figure, Likelihood(DEFAULT.experiment(), model=fitted.model))


def _allowed(row: dict[str, str]) -> tuple[float, float, str]:
    """Return the interval that a published limit allows."""
    high = float(row["high"])
    low = float(row["low"]) if row["kind"] == "interval" else 0.0 if row["kind"] == "upper" else -high
    return low, high, "excluded, arXiv:2501.12441"

"""Planes of two parameters with a contour of each set of data, by itself and together with others."""

import dataclasses
from typing import Any, NamedTuple

from cevnsjax.figures import Mark, plane_figure
from cevnsjax.likelihood import Likelihood
from cevnsjax.reproduce.markdown import table
from cevnsjax.reproduce.workspace import Workspace
from cevnsjax.results import scan_dataset

__all__ = ["Axis", "Data", "Plane", "planes_table"]

CL = 0.90

Axis = tuple[str, float, float, int]
"""A parameter, two ends, and a number of values."""


class Data(NamedTuple):
    """Experiments or a combination, by their names, with a label and a set of systematics."""

    label: str
    experiments: tuple[str, ...]
    systematics: str = "default"

    def likelihood(self, model: str) -> Likelihood:
        """Return the likelihood of these data."""
        return Likelihood(*self.experiments, model=model, systematics=self.systematics)


@dataclasses.dataclass(frozen=True)
class Plane:
    """A plane of two parameters of a model, and the data whose contours are drawn in it.

    `standard` are the Standard Model's values, which a figure marks. Nothing but the two and the nuisances is free.
    """

    name: str
    model: str
    x: Axis
    y: Axis
    data: tuple[Data, ...]
    standard: tuple[float, float] | None = None

    def __call__(self, work: Workspace) -> list[dict[str, Any]]:
        """Draw the plane, and return for each data where they fit best and how far the Standard Model lies above."""
        scans, rows = [], []
        for data in self.data:
            likelihood = data.likelihood(self.model)
            names = tuple(_name_here(likelihood, axis[0]) for axis in (self.x, self.y))
            x, y = (names[0], *self.x[1:]), (names[1], *self.y[1:])
            result, origin = work.answer(likelihood, "scan", x=x, y=y, free=[], cl=CL, dof=2)
            work.curve(f"{self.name}_{_plain(data.label)}", scan_dataset(result, likelihood, origin))
            scans.append((data.label, result))
            best = {axis[0]: result.best_fit[name] for axis, name in zip((self.x, self.y), names, strict=True)}
            row: dict[str, Any] = {"plane": self.name, "data": data.label, "chi2_min": result.chi2_min}
            row["best_fit"] = best
            if self.standard is not None:
                at = dict(zip(names, self.standard, strict=True))
                row["standard_model"] = float(likelihood.chi2(at)) - result.chi2_min
            rows.append(row)
        marks = [] if self.standard is None else [Mark(*self.standard, "Standard Model", colour="black")]
        work.figure(self.name, plane_figure(scans, work.overlays, marks), likelihood)
        return rows


def _plain(label: str) -> str:
    """Return a label as a part of a file's name."""
    return label.lower().replace(" + ", "_").replace("+", "_plus").replace("-", "_").replace(" ", "_")


def _name_here(likelihood: Likelihood, name: str) -> str:
    """Return a parameter's name in a likelihood: that of one experiment's nuisance has no suffix where it is alone."""
    if name in likelihood.parameters:
        return name
    return next(short for e in likelihood.experiments if (short := name.removesuffix(f"_{e.name}")) != name)


def planes_table(rows: list[dict[str, Any]]) -> str:
    """Return the table of what planes have found."""
    lines = [
        (
            row["plane"],
            row["data"],
            ", ".join(f"{name} = {x:.3g}" for name, x in row["best_fit"].items()),
            f"{row['chi2_min']:.1f}",
            f"{row['standard_model']:.2f}" if "standard_model" in row else "",
        )
        for row in rows
    ]
    return table(("plane", "data", "best fit", "chi^2", "Standard Model above it"), lines)

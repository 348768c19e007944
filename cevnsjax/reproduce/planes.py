"""Planes of two parameters with a contour of each set of data, by itself and together with others."""

import dataclasses
from collections.abc import Callable
from typing import Any, NamedTuple

import numpy as np

from cevnsjax.constants import SIN2_THETA_W
from cevnsjax.figures import Mark, in_latex, plane_figure
from cevnsjax.figures.smooth import smooth_plane
from cevnsjax.inference import ScanResult
from cevnsjax.inference.value import chi2_at
from cevnsjax.likelihood import Likelihood
from cevnsjax.reproduce.markdown import table
from cevnsjax.reproduce.published import published_by
from cevnsjax.reproduce.workspace import Workspace
from cevnsjax.results import scan_dataset

__all__ = ["Axis", "Data", "Plane", "planes_table", "published_radius"]

CL = 0.90

Axis = tuple[str, float, float, int]
"""A parameter, two ends, and a number of values."""


class Data(NamedTuple):
    """Experiments or a combination, by their names, with a label and a set of systematics.

    `masses` is the number of masses in a plane of one, where it is not the plane's own.
    """

    label: str
    experiments: tuple[str, ...]
    systematics: str = "default"
    masses: int | None = None

    def likelihood(self, model: str) -> Likelihood:
        """Return the likelihood of these data."""
        return Likelihood(*self.experiments, model=model, systematics=self.systematics)


@dataclasses.dataclass(frozen=True)
class Plane:
    """A plane of two parameters of a model, and the data whose contours are drawn in it.

    `standard` are the Standard Model's values, which a figure marks. Nothing but the two and the nuisances is free.
    `total` is the label of all data together where they share no nuisance: then their chi^2 add. What the last data
    exclude is shaded. `published` returns points of others.
    """

    name: str
    model: str
    x: Axis
    y: Axis
    data: tuple[Data, ...]
    standard: tuple[float, float] | None = None
    total: str | None = None
    published: Callable[[], tuple[Mark, ...]] = tuple

    def __call__(self, work: Workspace) -> list[dict[str, Any]]:
        """Draw the plane, and return for each data where they fit best and how far the Standard Model lies above."""
        scans, rows = [], []
        for data in self.data:
            likelihood = data.likelihood(self.model)
            names = tuple(_name_here(likelihood, axis[0]) for axis in (self.x, self.y))
            x = (names[0], *self.x[1:3], data.masses or self.x[3])
            y = (names[1], *self.y[1:])
            result, origin = work.answer(likelihood, "scan", x=x, y=y, free=[], cl=CL, dof=2)
            work.curve(f"{self.name}_{_plain(data.label)}", scan_dataset(result, likelihood, origin))
            scans.append((data.label, result))
            best = {axis[0]: result.best_fit[name] for axis, name in zip((self.x, self.y), names, strict=True)}
            row: dict[str, Any] = {"plane": self.name, "data": data.label, "chi2_min": result.chi2_min}
            row["best_fit"] = best
            if self.standard is not None:
                at = dict(zip(names, self.standard, strict=True))
                row["standard_model"] = chi2_at(likelihood, at) - result.chi2_min
            rows.append(row)
        smooth = [(in_latex(label), smooth_plane(result)) for label, result in scans]
        if self.total is not None:
            likelihood = _together([data.likelihood(self.model) for data in self.data], self.model)
            total = _sum([result for _, result in smooth])
            work.plain_curve(f"{self.name}_{_plain(self.total)}", scan_dataset(total, likelihood), likelihood)
            smooth.append((self.total, total))
            row = {"plane": self.name, "data": self.total, "chi2_min": total.chi2_min, "best_fit": total.best_fit}
            rows.append(row)
        marks = [] if self.standard is None else [Mark(*self.standard, "Standard Model", colour="black")]
        marks += self.published()
        work.figure(self.name, plane_figure(smooth, work.overlays, marks, shaded=[len(smooth) - 1]), likelihood)
        return rows


def published_radius() -> tuple[Mark]:
    """Return the published radius [fm] of caesium iodide with one standard deviation, at the angle it was fitted at."""
    row = published_by("coherent", "name")["csi_radius"]
    ends = float(row["low"]), float(row["high"])
    label = rf"{row['source']}, $1\sigma$, angle held"
    return (Mark(float(row["value"]), SIN2_THETA_W, label, colour="black", x_ends=ends),)


def _plain(label: str) -> str:
    """Return a label as a part of a file's name."""
    return label.lower().replace(" + ", "_").replace("+", "_plus").replace("-", "_").replace(" ", "_")


def _together(likelihoods: list[Likelihood], model: str) -> Likelihood:
    """Return the joint likelihood; raises an error where a nuisance is shared, so that minima do not add."""
    every = [e for one in likelihoods for e in one.experiments]
    joint = Likelihood(*every, model=model, systematics=likelihoods[0].systematics)
    owner = {e.name: number for number, one in enumerate(likelihoods) for e in one.experiments}
    for nuisance in joint.nuisances:
        if nuisance.searched and len({owner[every[i].name] for i, _ in nuisance.members}) > 1:
            raise RuntimeError(f"{', '.join(joint.names)} share {nuisance.name}: fit them together")
    return joint


def _sum(results: list[ScanResult]) -> ScanResult:
    """Return the plane of all data together; its best fit is a point of the grid."""
    first = results[0]
    chi2 = sum((one.delta_chi2 + one.chi2_min for one in results), np.zeros_like(first.delta_chi2))
    row, column = np.unravel_index(np.argmin(chi2), chi2.shape)
    best = {first.x.parameter.name: float(first.x.values[column]), first.y.parameter.name: float(first.y.values[row])}
    least = float(chi2.min())
    return dataclasses.replace(first, delta_chi2=chi2 - least, chi2_min=least, best_fit=best).at_level(
        first.cl, first.dof
    )


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

"""Fig. 3 of arXiv:2501.12441: the weak mixing angle against the momentum transfer, quoted, calculated and predicted."""

import dataclasses
import itertools
import math
from typing import Any

import numpy as np

from cevnsjax.constants import SIN2_THETA_W, Z_MASS
from cevnsjax.experiments import Experiment
from cevnsjax.figures import AnglePoint, weak_mixing_angle_figure
from cevnsjax.likelihood import Likelihood
from cevnsjax.rates import nuclear_nodes, rates_at
from cevnsjax.reproduce.assumptions import EXPERIMENT
from cevnsjax.reproduce.one_sigma import one_sigma
from cevnsjax.reproduce.published import published_by, published_rows
from cevnsjax.reproduce.running import normalised_angle, quark_factor
from cevnsjax.reproduce.workspace import Workspace
from cevnsjax.results import points_dataset

__all__ = ["ANGLE", "ARXIV", "MOMENTA", "against_scale", "momentum_transfer", "point_of"]

ANGLE = "sin2_theta_w"
ARXIV = "arXiv:2501.12441"

OWN = {
    "CONUS+": (EXPERIMENT,),
    "Dresden-II": ("dresden2",),
    "COHERENT CsI": ("coherent_csi",),
    "COHERENT CsI+LAr": ("coherent_csi", "coherent_lar"),
    "XENONnT 8B": ("xenonnt_b8",),
    "PandaX-4T 8B": ("pandax4t_b8",),
}
"""Experiments that the angle is fitted to here, by the labels of their points."""

MOMENTA = np.geomspace(1.0, 3e5, 300)
"""Momentum transfers of the theory curve [MeV], over the whole axis of the figure."""


def against_scale(work: Workspace) -> dict[str, Any]:
    """Draw Fig. 3, and return the points calculated here and two numbers of the theory curve.

    A point has its experiment, scale [MeV], value and ends at one sigma. The numbers are the curve's value at M_Z, and
    the factor on the running of the quarks that normalises it at q = 0.
    """
    own = [point_of(label, Likelihood(*experiments)) for label, experiments in OWN.items()]
    row = published_by("conus_plus", "name")[ANGLE]
    label, value, low, high = f"CONUS+, {ARXIV}", *(float(row[key]) for key in ("value", "low", "high"))
    published = AnglePoint(label, own[0].scale, value, low, high)
    quoted = [row for row in published_rows("weak_mixing_angle") if not row["experiment"].startswith("theory")]
    theory = normalised_angle(MOMENTA)

    name, likelihood = "fig3_weak_mixing_angle", Likelihood(*dict.fromkeys(itertools.chain(*OWN.values())))
    ours = [dataclasses.replace(point, label=f"{point.label}, this work") for point in own]
    figure = weak_mixing_angle_figure([_quoted(row) for row in quoted], (MOMENTA, theory), ours, [published])
    work.figure(name, figure, likelihood)
    points = points_dataset([*quoted, *(_row(point) for point in ours)], likelihood)
    about = {"long_name": "theory: one loop, normalised to the published value at q = 0", "units": ""}
    curve = {"theory": ("momentum_transfer", theory, about)}
    axis = {"momentum_transfer": ("momentum_transfer", MOMENTA, {"units": "MeV"})}
    work.curve(name, points.assign(curve).assign_coords(axis))
    angles = [
        {"experiment": p.label, "scale_MeV": p.scale, "value": p.value, "low": p.low, "high": p.high} for p in own
    ]
    at_z = float(normalised_angle(np.array([Z_MASS]))[0])
    return {"angles": angles, "theory": {"at_z": at_z, "quark_factor": quark_factor()}}


def point_of(label: str, likelihood: Likelihood) -> AnglePoint:
    """Return the angle that fits best, with the interval of one sigma that contains it, at the signal's scale."""
    value, low, high = one_sigma(likelihood, ANGLE)
    return AnglePoint(label, momentum_transfer(likelihood), value, low, high)


def momentum_transfer(likelihood: Likelihood) -> float:
    """Return the mean momentum transfer sqrt(2 M T) [MeV] of the nuclear recoils that make the signal.

    The mean is over all experiments of the likelihood and over the recoils in the cells of their data, each recoil
    weighted with the events that it makes in the Standard Model. Recoils off electrons do not count.
    """
    nuclear = [experiment for experiment in likelihood.experiments if experiment.signal.nuclear is not None]
    if not nuclear:
        raise ValueError(f"{', '.join(likelihood.names)}: there are no recoils of nuclei")
    means, events = zip(*(_recoils(likelihood, experiment) for experiment in nuclear), strict=True)
    return float(np.average(means, weights=events))


def _recoils(likelihood: Likelihood, experiment: Experiment) -> tuple[float, float]:
    """Return the mean momentum transfer [MeV] of the nuclear recoils in one experiment, and their number."""
    here = experiment.signal
    assert here.nuclear is not None
    energy, weight = here.nuclear.nodes()
    nodes = nuclear_nodes(here.target, here.moments, here.nuclear, energy)
    flavours = tuple(component.flavour for component in here.components)
    (rates,) = rates_at(likelihood.model, flavours, [nodes], {ANGLE: np.array([SIN2_THETA_W])})
    # A target's isotopes share the events at one visible energy about as their neutrons squared.
    nuclei = nodes.per_kg * nodes.nucleus.N[:, None] ** 2
    scale = np.average(np.sqrt(2 * nodes.nucleus.mass[:, None] * nodes.T), axis=0, weights=nuclei)
    probabilities = here.nuclear.probabilities(energy, slice(None)) * weight
    number, moment = (
        float(experiment.events_per_unit @ experiment.in_cells(each @ probabilities.T))
        for each in (rates[0], rates[0] * scale)
    )
    return moment / number, number


def _quoted(row: dict[str, str]) -> AnglePoint:
    value, up, down = (float(row[key]) for key in ("value", "error_up", "error_down"))
    return AnglePoint(row["experiment"], float(row["scale_MeV"]), value, value - down, value + up)


def _row(point: AnglePoint) -> dict[str, str]:
    """Return a point as a row of `data/published/weak_mixing_angle.csv`; an error is infinite where an end is open."""
    numbers = {
        "scale_MeV": point.scale,
        "value": point.value,
        "error_up": math.inf if point.high is None else point.high - point.value,
        "error_down": math.inf if point.low is None else point.value - point.low,
    }
    texts = {name: repr(float(number)) for name, number in numbers.items()}
    return {"experiment": point.label, "source": "this run"} | texts

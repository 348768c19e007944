"""The study of all public data together: angles, limits, the second solution of NSI, and planes."""

import math
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from cevnsjax.constants import Z_MASS
from cevnsjax.figures import weak_mixing_angle_figure
from cevnsjax.inference import Interval, fit
from cevnsjax.inference.search import PolynomialSearch
from cevnsjax.likelihood import Likelihood
from cevnsjax.parameters import NSI_VECTOR
from cevnsjax.reproduce.global_planes import ALL, COHERENT, CONUS_PLUS, CSI, ELECTRONS, LAR, PLANES, SOLAR_B8
from cevnsjax.reproduce.markdown import at_cl, pieces, table, with_errors
from cevnsjax.reproduce.planes import Data, planes_table
from cevnsjax.reproduce.published import ends_of, published_by, published_limits
from cevnsjax.reproduce.running import normalised_angle
from cevnsjax.reproduce.study import Results, Step, Study
from cevnsjax.reproduce.weak_mixing_angle import MOMENTA, point_of
from cevnsjax.reproduce.workspace import Workspace

__all__ = ["GLOBAL"]

CL = 0.90

ANGLES = (CONUS_PLUS, CSI, LAR, SOLAR_B8, ALL)

LIMITS = {
    "magnetic_moment": ("mu_nu_e", "mu_nu_mu", "mu_nu_tau"),
    "charge_radius": ("r2_ee", "r2_mumu", "r2_tautau"),
}
LIMITED = (CONUS_PLUS, COHERENT, SOLAR_B8, ELECTRONS, ALL)
QUOTED = {CONUS_PLUS.label: "conus_plus", COHERENT.label: "COHERENT CsI+LAr", ELECTRONS.label: "XENONnT"}
"""Experiments of `data/published/limits.csv` by the labels of the data here."""

NEUTRONS = np.linspace(1 / 6, 1 / 2, 3)
"""Neutrons for each proton where neutrinos pass through the sun: from its edge to its centre."""

SECOND = {"u": -2 / (2 + NEUTRONS), "d": -2 / (1 + 2 * NEUTRONS)}
"""eps_ee - eps_mumu with up or down quarks that reverses the sign of the matter potential: it turns from 1 to -1."""

DARK = (CSI, ALL)
ALONG = np.linspace(-1.5, 1.5, 31)
"""Values of eps_mumu that are tried on each line of the second solution, before those between the best ones."""


def _steps() -> tuple[Step, ...]:
    limits = [Step(f"limits_{model}", f"limits ({model})", partial(_limits, model)) for model in LIMITS]
    planes = [Step(p.name, f"plane of {p.x[0]} and {p.y[0]} ({p.model})", p) for p in PLANES]
    second = Step("second_solution", "second solution of NSI", _second_solution)
    return (Step("angles", "weak mixing angles", _angles), *limits, second, *planes)


def _angles(work: Workspace) -> list[dict[str, Any]]:
    """Draw the angles against the momentum transfer, and return them."""
    points = [point_of(data.label, data.likelihood("sm")) for data in ANGLES]
    theory = MOMENTA, normalised_angle(MOMENTA)
    work.figure("global_angles", weak_mixing_angle_figure([], theory, points), ALL.likelihood("sm"))
    return [{"data": p.label, "scale_MeV": p.scale, "value": p.value, "low": p.low, "high": p.high} for p in points]


def _limits(model: str, work: Workspace) -> list[dict[str, Any]]:
    """Return what each set of data allows of each coupling of a model, quantity by quantity."""
    rows: dict[str, list[dict[str, Any]]] = {name: [] for name in LIMITS[model]}
    for data in LIMITED:
        likelihood = data.likelihood(model)  # what is prepared for one coupling serves the others
        for name, found in rows.items():
            result = fit(likelihood, [name], cl=CL)
            blind = any("do not depend" in message for message in result.messages)
            allowed = [] if blind else [list(piece) for piece in result.intervals[name]]
            quoted = _quoted(name, data)
            found.append({"quantity": name, "data": data.label, "intervals": allowed, "published": quoted})
    return [row for found in rows.values() for row in found]


def _quoted(name: str, data: Data) -> Interval | None:
    """Return the published ends of a limit from the same data, None where there is none."""
    row = published_limits().get((name, QUOTED.get(data.label, "")))
    return None if row is None else ends_of(row)


def _second_solution(work: Workspace) -> list[dict[str, Any]]:
    """Return how far chi^2 of the second solution lies above its minimum, over both couplings and all nuisances."""
    likelihoods = [(data.label, data.likelihood("nsi_vector")) for data in DARK]
    return [_second(label, likelihood, quark) for label, likelihood in likelihoods for quark in SECOND]


def _second(label: str, likelihood: Likelihood, quark: str) -> dict[str, Any]:
    column = "ud".index(quark)
    electron, muon = (NSI_VECTOR[pair][column] for pair in ("ee", "mumu"))
    search = PolynomialSearch(likelihood, (electron, muon), {})
    places = [search.place(p.name) for p in (electron, muon)]

    def least_of(along: np.ndarray, begin: np.ndarray) -> tuple[float, np.ndarray, tuple[float, float]]:
        """Return the least chi^2 on all lines, its place, and both couplings there."""
        lines = np.array([(shift + muons, muons) for shift in SECOND[quark] for muons in along])
        starts = np.tile(begin, (len(lines), 1))
        for place, p, values in zip(places, (electron, muon), lines.T, strict=True):
            starts[:, place] = search.variable(p.name, values)
        minima = search.minima(starts, places)
        best = minima.best()
        return float(minima.value[best]), minima.place[best], tuple(lines[best].tolist())

    _, near, (_, muons) = least_of(ALONG, search.start)
    step = ALONG[1] - ALONG[0]
    on_lines, _, at = least_of(np.linspace(muons - step, muons + step, 21), near)
    delta = on_lines - fit(likelihood, [electron.name, muon.name], of=[]).chi2_min
    couplings = dict(zip((electron.name, muon.name), at, strict=True))
    found = {"data": label, "quark": quark, "at": couplings, "delta_chi2": delta}
    return found | {"sigma": math.sqrt(max(delta, 0.0))}


def _compose(results: Results) -> dict[str, Any]:
    return {
        "angles": results["angles"],
        "theory_at_z": float(normalised_angle(np.array([Z_MASS]))[0]),
        "limits": [row for model in LIMITS for row in results[f"limits_{model}"]],
        "second_solution": results["second_solution"],
        "planes": [row for plane in PLANES for row in results[plane.name]],
    }


def _page(content: Mapping[str, Any]) -> dict[str, str]:
    angles = [
        (r["data"], f"{r['scale_MeV']:.3g}", with_errors([r["value"], r["low"], r["high"]], ".3f"))
        for r in content["angles"]
    ]
    limits = [
        (
            r["quantity"], r["data"], "not quoted" if r["published"] is None else pieces([r["published"]]),
            pieces(r["intervals"]) or "blind",
        )
        for r in content["limits"]
    ]  # fmt: skip
    published = published_by("global", "name")
    quoted = {quark: published[f"lma_dark_{quark}"]["value"] for quark in SECOND}
    second = [
        (
            r["data"], r["quark"], f"{r['delta_chi2']:.1f}", f"{r['sigma']:.1f}",
            quoted[r["quark"]] if r["data"] == CSI.label else "",
            ", ".join(f"{name} = {value:.2f}" for name, value in r["at"].items()),
        )
        for r in content["second_solution"]
    ]  # fmt: skip
    return {
        "cl": at_cl(CL),
        "angles": table(("data", "momentum transfer [MeV]", "sin^2(theta_W)"), angles),
        "limits": table(("quantity", "data", "published", "obtained"), limits),
        "second": table(("data", "quark", "Delta chi^2", "sigma", "published sigma", "least at"), second),
        "up": _from_to(SECOND["u"]),
        "down": _from_to(SECOND["d"]),
        "published_second": published["lma_dark_u"]["source"],
        "planes": planes_table(content["planes"]),
    }


def _from_to(values: np.ndarray) -> str:
    return f"{values.min():.2f} to {values.max():.2f}"


GLOBAL = Study("global", _steps, _compose, _page, tuple(dict.fromkeys((p.x[0], p.y[0]) for p in PLANES)))

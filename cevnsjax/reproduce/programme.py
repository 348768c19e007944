"""What CONUS plans and what it leaves open: the talk's projections, planes of couplings, and a sterile neutrino.

T. Rink, PASCOS 2022. All data are what is expected of the Standard Model and the background.
"""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cevnsjax import plotting, results
from cevnsjax.experiments import Experiment, load_runs
from cevnsjax.experiments.projection import projected
from cevnsjax.interactions import Model, model
from cevnsjax.nuclei import element
from cevnsjax.parameters import NORM
from cevnsjax.projection_plots import projection_figure
from cevnsjax.reproduce.conus import CL, SCALAR
from cevnsjax.resources import data_folder, read_rows
from cevnsjax.statistics import Likelihood, asimov, project, scan

__all__ = ["STEPS", "K", "make"]

RUN, K = "conus:C1R1", 0.162
"""One run stands for the detector; "quenching factor known" (talk): that of the collaboration's measurement."""

KG_YEARS = (2.7, 500.0)
THRESHOLD_EV = 200.0
"""Of the future experiment."""

PLANES: tuple[tuple[str, Model, str, str, tuple[float, float]], ...] = (
    ("conus_scalar", SCALAR, "m_phi", "g_phi", (1e-6, 1e-2)),
    ("conus_vector", model("vector_universal"), "m_z", "g_z", (1e-7, 1e-2)),
)
CHANNELS = (("cevns", "conus:cevns_bsm", r"CE$\nu$NS"), ("eves", "conus:eves_bsm", r"$\bar\nu_e e$"))
MASSES, COUPLINGS = (1e-3, 1e2, 41), 41
MIXINGS, SPLITTINGS = (1e-2, 1.0, 31), (0.05, 10.0, 101)
"""Of a sterile neutrino: sin^2(2 theta) and Delta m^2 [eV^2]."""

TARGETS = ("Ge", "Si", "Ar", "Cs", "I", "Xe")
STEPS = len(PLANES) + 4


def make(folder: Path, advance: Callable[[str], None], overlays: Sequence[plotting.Overlay]) -> dict[str, Any]:
    """Write planes and sensitivities, and return the projection's table and what the weak mixing angle will be."""
    advance("CONUS: projected counts")
    counts = _counts()
    future = _future(KG_YEARS[1])
    advance("CONUS: weak mixing angle of the projection")
    angle = _angle(folder)
    advance("CONUS: vector interactions with quarks")
    bands = _band(folder)
    for name, acting, mass, coupling, ends in PLANES:
        advance(f"CONUS: plane of {mass} and {coupling}")
        scans = []
        for channel, analysis, label in CHANNELS:
            likelihood = Likelihood(analysis, model=acting, channel=channel)
            found = scan(asimov(likelihood), (mass, *MASSES), (coupling, *ends, COUPLINGS), cl=CL, dof=2)
            results.write_netcdf(folder / f"{name}_{channel}.nc", results.scan_dataset(found, likelihood))
            scans.append((f"{label}, expected", found))
        plotting.save(plotting.plane_figure(scans, overlays), folder / name, likelihood.notes)
    advance("CONUS: sterile neutrino")
    likelihood = asimov(Likelihood(future, model="sterile"))
    label = f"{KG_YEARS[1]:g} kg yr, expected"
    found = scan(likelihood, ("sin2_2theta_14", *MIXINGS), ("dm2_41", *SPLITTINGS), cl=CL, dof=2)
    results.write_netcdf(folder / "conus_sterile.nc", results.scan_dataset(found, likelihood))
    figure = plotting.plane_figure([(label, found)], overlays)
    plotting.save(figure, folder / "conus_sterile", likelihood.notes)
    return {"conus_projection": counts, "conus_angle": angle, "conus_band": bands}


def _future(kg_years: float, threshold_eV: float = THRESHOLD_EV) -> Experiment:
    """Return one run of a later experiment at the same place."""
    (run,) = load_runs(RUN, {"response.quenching.k": K}, threshold_eV)
    assert run.counts is not None
    return projected(run, exposure=kg_years * 365.25 / float(run.counts.exposures[0]))


def _counts() -> list[dict[str, float]]:
    """Return signal and background, Z = s / sqrt(b) and V = (s + b) / s^2, beside the talk's, for each threshold."""
    rows = []
    rates: dict[float, tuple[float, float]] = {}
    for given in read_rows(data_folder() / "published" / "conus_projection.csv"):
        published = {name: float(value) for name, value in given.items()}
        years, threshold_eV = published["kg_years"], published["threshold_eV"]
        if threshold_eV not in rates:
            rates[threshold_eV] = _rates(_future(1.0, threshold_eV))
        s, b = (years * rate for rate in rates[threshold_eV])
        found = {"signal": s, "background": b, "Z": s / np.sqrt(b), "V": (s + b) / s**2}
        rows.append(published | {f"{name}_here": value for name, value in found.items()})
    return rows


def _rates(run: Experiment) -> tuple[float, float]:
    """Return how many events of CEvNS, and how many counts of background, a run expects."""
    assert run.counts is not None
    likelihood = Likelihood(run, channel="cevns")
    signal = likelihood.expected({}) - likelihood.expected({NORM.name: 0.0})
    return float(signal.sum()), float((run.counts.exposures[0] * run.counts.background.counts()).sum())


def _angle(folder: Path) -> list[dict[str, Any]]:
    """Return what will be allowed for the weak mixing angle, with the pulls of today and with a third of them."""
    rows = []
    today = _future(KG_YEARS[0])
    factors = np.geomspace(1.0, KG_YEARS[1] / KG_YEARS[0], 6)
    for scale in (1.0, 1 / 3):
        likelihood = Likelihood(today)
        found = project(likelihood, "sin2_theta_w", list(factors), systematics=scale, cl=CL)
        dataset = results.projection_dataset(found, likelihood)
        name = "conus_angle" if scale == 1.0 else "conus_angle_small_pulls"
        results.write_netcdf(folder / f"{name}.nc", dataset)
        figure = projection_figure(dataset, likelihood.parameters[found.name])
        plotting.save(figure, folder / name, likelihood.notes)
        for factor, fisher, pieces in zip(factors, found.fisher, found.asimov, strict=True):
            rows.append(
                {"kg_years": float(factor * KG_YEARS[0]), "systematics": scale, "fisher": fisher.tolist()}
                | {"intervals": [list(piece) for piece in pieces]}
            )
    return rows


def _band(folder: Path) -> list[dict[str, Any]]:
    """Write the plane of vector interactions with up and down quarks, and return along which lines counts are the same.

    A nucleus sees (2 Z + N) eps_u + (Z + 2 N) eps_d alone; so only another ratio of N to Z turns the line.
    """
    likelihood = asimov(Likelihood("conus:cevns_bsm", model="nsi_vector"))
    ends = (-3.0, 3.0, 41)
    found = scan(likelihood, ("eps_ee_uv", *ends), ("eps_ee_dv", *ends), cl=CL, dof=1)
    results.write_netcdf(folder / "conus_nsi.nc", results.scan_dataset(found, likelihood))
    lines, rows = {}, []
    for symbol in TARGETS:
        made_of = element(symbol)
        Z, numbers = made_of.atomic_number, np.asarray(made_of.isotopes.N)
        mean = float(np.asarray(made_of.abundance) @ numbers)
        slope, lightest, heaviest = (-(2 * Z + N) / (Z + 2 * N) for N in (mean, numbers.min(), numbers.max()))
        rows.append(
            {"target": symbol, "N_over_Z": mean / Z, "slope": float(slope)}
            | {"slope_lightest": float(lightest), "slope_heaviest": float(heaviest)}
        )
        if symbol in ("Ge", "Si"):
            up = np.linspace(*ends)
            lines[f"no change in {symbol}"] = np.stack([up, slope * up], axis=1)
    overlay = plotting.Overlay("eps_ee_uv", "eps_ee_dv", lines)
    figure = plotting.plane_figure([("CONUS, expected", found)], [overlay])
    plotting.save(figure, folder / "conus_nsi", likelihood.notes)
    return rows

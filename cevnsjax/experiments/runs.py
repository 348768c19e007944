"""Runs of counts with a model of their background: [[runs]] and [[background]] of a description."""

import dataclasses
from pathlib import Path

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from cevnsjax import interactions
from cevnsjax.compilation import constant, run_once
from cevnsjax.constants import DAY, EV
from cevnsjax.errors import InputError, unknown_name
from cevnsjax.experiments.assembly import panel_ends, reactor, response, systematics
from cevnsjax.experiments.backgrounds import background
from cevnsjax.experiments.experiment import Counts, Detectors, Experiment, expected_counts, tabulate
from cevnsjax.experiments.schema import Description, RunTable
from cevnsjax.flux import ReactorFlux
from cevnsjax.resources import read_rows, read_table
from cevnsjax.response import panel_edges
from cevnsjax.targets import Target, target

__all__ = ["runs"]

DEFAULT = "default"
"""The analysis that an experiment's name alone stands for."""

EXPECTED = {"sm": "of Standard Model and background", "background": "of the background alone"}
"""What stands in for data, in words."""


def runs(description: Description, part: str, path: Path, threshold_eV: float | None = None) -> tuple[Experiment, ...]:
    """Return the runs of an analysis, or the one of a given name; by default those of the analysis `default`, or all.

    Raises `InputError` for an unknown name, and for tables that make no sense.
    """
    every = _checked(description, path)
    known = {DEFAULT: list(every), **description.analyses}
    if part and part not in {**known, **every}:
        raise unknown_name(f"analysis or run of {description.name}", part, {**known, **every})
    chosen = [every[name] for name in ([part] if part in every else known[part or DEFAULT])]
    if threshold_eV is not None:
        chosen = [_from(run, threshold_eV, path) for run in chosen]
    made_of = target(description.target.elements, description.target.form_factor, description.target.electrons)
    flux = reactor(description.source)
    return tuple(_run(description, run, chosen, made_of, flux, path) for run in chosen)


def _checked(description: Description, path: Path) -> dict[str, RunTable]:
    """Return the runs by name, where all that names them makes sense."""
    every = {run.name: run for run in description.runs}
    if description.detectors:
        raise InputError(f"'{path}': [[detectors]] belong to [data]; of [[runs]] exposures are given")
    if both := [name for name in description.variants if name in {**every, **description.analyses}]:
        raise InputError(f"'{path}': '{both[0]}' is a variant and a run, or an analysis; rename one")
    if len(every) < len(description.runs):
        raise InputError(
            f"'{path}': names of runs must differ; given are {', '.join(r.name for r in description.runs)}"
        )
    for analysis, names in description.analyses.items():
        for name in names:
            if name not in every:
                raise InputError(f"'{path}': analysis '{analysis}': {unknown_name('run', name, every)}")
    for component in description.background:
        for name in component.runs or []:
            if name not in every:
                raise InputError(f"'{path}': background '{component.name}': {unknown_name('run', name, every)}")
    return every


def _from(run: RunTable, threshold_eV: float, path: Path) -> RunTable:
    """Return a run that begins at a threshold, with bins about as wide."""
    if run.file is not None:
        raise InputError(
            f"'{path}': run '{run.name}' has data, which begin where they begin; no threshold can be given"
        )
    if not 0 <= threshold_eV < run.high_eV:
        raise InputError(
            f"a threshold of {threshold_eV:g} eV is not possible: give one between 0 and {run.high_eV:g} eV, where run "
            f"'{run.name}' ends"
        )
    width = (run.high_eV - run.low_eV) / run.bins
    bins = max(1, round((run.high_eV - threshold_eV) / width))
    return run.model_copy(update={"low_eV": threshold_eV, "bins": bins})


def _run(
    description: Description, table: RunTable, together: list[RunTable], made_of: Target, flux: ReactorFlux, path: Path
) -> Experiment:
    if table.low_eV >= table.high_eV:
        raise InputError(f"'{path}': run '{table.name}': low_eV = {table.low_eV:g} must be below {table.high_eV:g}")
    edges = np.linspace(table.low_eV, table.high_eV, table.bins + 1)
    low, high = edges[:-1], edges[1:]
    on, off = _counted(table, low, high, path)
    answer = response(description.response, made_of, low * EV, high * EV, path)
    if answer.resolution is not None:
        # Runs of one kind are integrated over one range, so that what is compiled for one serves all.
        alike = [run for run in together if run.bins == table.bins]
        ends = min(run.low_eV for run in alike) * EV, max(run.high_eV for run in alike) * EV
        steps = panel_ends(made_of, answer.quenching)
        breaks = panel_edges(np.array(ends[:1]), np.array(ends[1:]), answer.resolution, steps)
        answer = dataclasses.replace(answer, breaks=breaks)
    exposures = constant([table.on_kg_d, table.off_kg_d or 0.0])
    counts = Counts(
        background=background(description, table.name, low, high, path),
        exposures=exposures,
        off=None if off is None else constant(off),
        poisson=True,
    )
    experiment = Experiment(
        name=description.name,
        title=description.title,
        reference=description.reference,
        target=made_of,
        fluxes=(flux,),
        response=answer,
        # Only the product of mass and time is known, and needed.
        detectors=Detectors(
            (table.detector or table.name,), constant([1.0]), constant([table.on_kg_d * DAY]), constant([0.0])
        ),
        observed=constant(on),
        sigma=constant(np.sqrt(np.maximum(on, 1.0))),
        systematics=systematics(description, path),
        per_kg=False,
        per_energy=None,
        counts=counts,
        run=table.name,
        warning=description.warning,
    )
    if not table.file:
        return _with_expected(experiment, table.expected or "sm")
    if off is not None and (off[np.asarray(counts.background.counts()) == 0] > 0).any():
        raise InputError(
            f"'{path}': run '{table.name}' has counts with the reactor off where no background is expected; describe "
            "one in [[background]]"
        )
    return experiment


def _with_expected(experiment: Experiment, of: str) -> Experiment:
    """Return an experiment with what is expected in place of data: Asimov's, G. Cowan et al., EPJ C 71, 1554 (2011)."""
    counts = experiment.counts
    assert counts is not None
    rate = np.asarray(counts.background.counts())
    on, off = (exposure * rate for exposure in np.asarray(counts.exposures))
    if of == "sm":
        on = on + np.asarray(run_once(_standard_model, experiment.bare()))
    counts = dataclasses.replace(counts, off=None if counts.off is None else constant(off))
    sigma = np.sqrt(np.maximum(on, 1.0))
    return dataclasses.replace(
        experiment, observed=constant(on), sigma=constant(sigma), counts=counts, expected=EXPECTED[of], public=False
    )


def _standard_model(experiment: Experiment) -> Float[Array, " bins"]:
    params = {p.name: jnp.asarray(p.default) for p in interactions.model("sm").parameters}
    return expected_counts(experiment, tabulate(experiment), interactions.model("sm"), params).sum(axis=0)


def _counted(table: RunTable, low: np.ndarray, high: np.ndarray, path: Path) -> tuple[np.ndarray, np.ndarray | None]:
    """Return the counts with the reactor on and off, zeros where there is no file, and None without a run off."""
    if table.file is None:
        return np.zeros(low.size), None if table.off_kg_d is None else np.zeros(low.size)
    file = path.parent / table.file
    if table.expected is not None:
        raise InputError(f"'{path}': run '{table.name}' has a file, and what is expected in its place; choose one")
    if table.off_kg_d is None and "off" in read_rows(file)[0]:
        raise InputError(f"'{path}': run '{table.name}' has counts without the reactor: give their exposure, off_kg_d")
    columns = ("low_eV", "high_eV", "on") if table.off_kg_d is None else ("low_eV", "high_eV", "on", "off")
    given = read_table(file, columns)
    if given["low_eV"].size != low.size or not np.allclose([given["low_eV"], given["high_eV"]], [low, high], atol=1e-6):
        raise InputError(
            f"'{file}': its bins are not the {low.size} of run '{table.name}', {low[0]:g} to {high[-1]:g} eV"
        )
    for name in columns[2:]:
        counts = given[name]
        if not (np.isfinite(counts).all() and (counts >= 0).all()):
            raise InputError(f"'{file}': counts '{name}' must be finite and not negative")
    return given["on"], given.get("off")

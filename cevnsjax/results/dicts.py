"""Results as plain dicts of numbers, texts and lists, with the keys of the JSON that the command line prints.

>>> from cevnsjax.results import fit_dict, prediction_dict, profile_dict, projection_dict
>>> likelihood = cevnsjax.Likelihood("conus_plus")
>>> sorted(fit_dict(cevnsjax.fit(likelihood)))
['best_fit', 'chi2_min', 'cl', 'converged', 'intervals', 'messages', 'nuisances']
>>> sorted(profile_dict(cevnsjax.profile(likelihood, "sin2_theta_w", points=3)))
['best_fit', 'chi2_min', 'cl', 'delta_chi2', 'intervals', 'messages', 'x']
>>> sorted(projection_dict(cevnsjax.project(likelihood, "sin2_theta_w", [1.0])))
['asimov', 'cl', 'exposure', 'fisher', 'parameter']
>>> round(prediction_dict(likelihood, {})["events"])
314
"""

import dataclasses
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from cevnsjax.errors import InputError
from cevnsjax.experiments import Experiment
from cevnsjax.likelihood import Likelihood

if TYPE_CHECKING:
    from cevnsjax.inference import Consistency, FitResult, Impacts, ProfileResult, Projection, ScanResult
    from cevnsjax.sampling import SampleResult
    from cevnsjax.toys import Coverage, FeldmanCousins, GoodnessOfFit, Significance

__all__ = [
    "consistency_dict",
    "coverage_dict",
    "fit_dict",
    "goodness_dict",
    "impacts_dict",
    "prediction_dict",
    "profile_dict",
    "projection_dict",
    "sample_dict",
    "scan_dict",
    "significance_dict",
    "toys_dict",
]


def prediction_dict(likelihood: Likelihood, values: Mapping[str, float]) -> dict[str, Any]:
    """Return the prediction of a `likelihood` of one experiment at `values` of its parameters, cell by cell.

    `low` and `high` limit a cell along the first axis, in its unit; where there are several axes, `axes` has the ends
    along each. `expected`, `observed` and `sigma` are in `unit`, and `total` is the sum of `expected`. With template
    samples `background` is their share of `expected`; with several runs `run` tells them apart. `events` is the number
    of signal events in all detectors together. Raises `InputError` for a likelihood of several experiments.
    """
    if len(names := list(dict.fromkeys(e.name for e in likelihood.experiments))) > 1:
        given = ", ".join(names)
        raise InputError(f"experiments {given} given; a prediction is that of one: give {names[0]} for instance")
    bins: list[dict[str, Any]] = []
    total = events = 0.0
    parts = zip(likelihood.experiments, likelihood.signal_in(values), likelihood.background_in(values), strict=True)
    for experiment, *counts in parts:
        size = experiment.cells.size
        signal, background = (one[:size] for one in counts)
        bins += _bins(experiment, signal + background, background)
        total += float((signal + background).sum())
        events += float((experiment.events_per_unit[:size] * signal).sum())
    first = likelihood.experiments[0]
    return {
        "experiment": first.name,
        "model": likelihood.model.name,
        "axes": [{"name": axis.name, "unit": axis.unit} for axis in first.cells.axes],
        "bins": bins,
        "total": total,
        "events": events,
    }


def _bins(experiment: Experiment, expected: np.ndarray, background: np.ndarray) -> list[dict[str, Any]]:
    cells = experiment.cells
    assert experiment.observed is not None  # a likelihood has filled in what is expected
    observed = experiment.observed[: cells.size]
    sigma = experiment.sigma[: cells.size] if experiment.term == "gaussian" else np.sqrt(np.maximum(observed, 1.0))
    columns = {"low": cells.low(), "high": cells.high(), "expected": expected, "observed": observed, "sigma": sigma}
    if experiment.samples:
        columns["background"] = background
    about = {"unit": experiment.unit} | ({"run": experiment.identity.run} if experiment.identity.run else {})
    rows = [dict(zip(columns, row, strict=True)) | about for row in np.stack(list(columns.values()), axis=1).tolist()]
    if len(cells.axes) > 1:
        for number, axis in enumerate(cells.axes):
            for row, low, high in zip(rows, cells.low(number), cells.high(number), strict=True):
                row.setdefault("axes", {})[axis.name] = [float(low), float(high)]
    return rows


def fit_dict(result: "FitResult") -> dict[str, Any]:
    """Return the `result` of a fit; an open end of an interval is None, null in JSON."""
    return {
        "best_fit": result.best_fit,
        "chi2_min": result.chi2_min,
        "intervals": {name: [list(piece) for piece in pieces] for name, pieces in result.intervals.items()},
        "cl": result.cl,
        "converged": result.converged,
        "nuisances": result.nuisances,
        "messages": result.messages,
    }


def profile_dict(result: "ProfileResult") -> dict[str, Any]:
    """Return a profile, the `result` of `cevnsjax.profile`."""
    return {
        "x": result.x.tolist(),
        "delta_chi2": result.delta_chi2.tolist(),
        "best_fit": result.best_fit,
        "chi2_min": result.chi2_min,
        "intervals": [list(piece) for piece in result.intervals],
        "cl": result.cl,
        "messages": result.messages,
    }


def scan_dict(result: "ScanResult") -> dict[str, Any]:
    """Return the `result` of a scan: rows of `delta_chi2` follow y, and a contour is a list of [x, y]."""
    return {
        "x": result.x.values.tolist(),
        "y": result.y.values.tolist(),
        "delta_chi2": result.delta_chi2.tolist(),
        "best_fit": result.best_fit,
        "chi2_min": result.chi2_min,
        "contours": [curve.tolist() for curve in result.contours],
        "cl": result.cl,
        "dof": result.dof,
        "messages": result.messages,
    }


def projection_dict(result: "Projection") -> dict[str, Any]:
    """Return the `result` of a projection: intervals at each exposure, by the Fisher information and by fits."""
    return {
        "parameter": result.name,
        "exposure": result.exposure.tolist(),
        "fisher": [[end if np.isfinite(end) else None for end in row] for row in result.fisher.tolist()],
        "asimov": [[list(piece) for piece in pieces] for pieces in result.asimov],
        "cl": result.cl,
    }


def toys_dict(result: "FeldmanCousins") -> dict[str, Any]:
    """Return a grid of toys, the `result` of `cevnsjax.feldman_cousins`.

    It has Delta chi^2 of the data and critical values. Of one axis `intervals` are the pieces that are allowed, and
    `interval_error` the Monte-Carlo errors of their ends; of a plane both are empty.
    """
    grids = {
        "delta_chi2": result.delta_chi2,
        "critical": result.critical,
        "critical_error": result.critical_error,
        "accepted": result.accepted,
    }
    return {
        "axes": {axis.parameter.name: axis.values.tolist() for axis in result.axes},
        "cl": result.cl,
        "toys": result.toys,
        **{name: grid.tolist() for name, grid in grids.items()},
        "intervals": [list(piece) for piece in result.intervals],
        "interval_error": [list(piece) for piece in result.interval_error],
    }


def coverage_dict(result: "Coverage") -> dict[str, Any]:
    """Return the `result` of `cevnsjax.coverage`, without the values of Delta chi^2 of its toys."""
    return {
        "parameter": result.name,
        "truth": result.truth,
        "cl": result.cl,
        "toys": result.toys,
        "wilks": result.wilks,
        "coverage": result.coverage,
        "coverage_error": result.coverage_error,
        "critical": result.critical,
        "critical_error": result.critical_error,
    }


def significance_dict(result: "Significance") -> dict[str, Any]:
    """Return the test of no signal, the `result` of `cevnsjax.significance`."""
    return dataclasses.asdict(result)


def impacts_dict(result: "Impacts") -> dict[str, Any]:
    """Return impacts, the `result` of `cevnsjax.impacts`, and the parts of the parameter's error."""
    return dataclasses.asdict(result)


def goodness_dict(result: "GoodnessOfFit") -> dict[str, Any]:
    """Return the goodness of a fit, the `result` of `cevnsjax.goodness_of_fit`."""
    return dataclasses.asdict(result)


def consistency_dict(result: "Consistency") -> dict[str, Any]:
    """Return the test of experiments against each other, the `result` of `cevnsjax.consistency`."""
    return dataclasses.asdict(result)


def sample_dict(result: "SampleResult") -> dict[str, Any]:
    """Return the summary of a posterior, its settings, and warnings of the diagnostics.

    `result` is that of `cevnsjax.sample`.
    """
    how = {key: value for key, value in result.data.attrs.items() if key not in ("created_at", "arviz_version")}
    return how | {"summary": result.summary, "warnings": result.warnings}

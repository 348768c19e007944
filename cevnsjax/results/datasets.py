"""Results as xarray data sets: labelled coordinates, units as attributes, and the provenance of their numbers.

>>> from cevnsjax.results import prediction_dataset, profile_dataset, projection_dataset
>>> likelihood = cevnsjax.Likelihood("conus_plus")
>>> dict(prediction_dataset(likelihood, {}).sizes)
{'channel': 2, 'detector': 3, 'bin': 19}
>>> profile_dataset(cevnsjax.profile(likelihood, "sin2_theta_w", points=3), likelihood).attrs["cl"]
0.9
>>> list(projection_dataset(cevnsjax.project(likelihood, "sin2_theta_w", [1.0]), likelihood).data_vars)
['fisher_low', 'fisher_high', 'low', 'high']
"""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from cevnsjax.likelihood import Likelihood
from cevnsjax.parameters import Parameter
from cevnsjax.provenance import provenance_of
from cevnsjax.results.formats import write_netcdf

if TYPE_CHECKING:
    import xarray as xr

    from cevnsjax.inference import Axis, Impacts, ProfileResult, Projection, ScanResult
    from cevnsjax.sampling import SampleResult
    from cevnsjax.toys import Coverage, FeldmanCousins

__all__ = [
    "bands_dataset",
    "coverage_dataset",
    "impacts_dataset",
    "points_dataset",
    "prediction_dataset",
    "profile_dataset",
    "projection_dataset",
    "scan_dataset",
    "toys_dataset",
    "write_posterior",
]

# xarray takes half a second to import: only what writes a data set does.

Provenance = Mapping[str, Any] | None
"""What `provenance_of` gave for the result; None: what it says of the likelihood alone."""


def prediction_dataset(
    likelihood: Likelihood, values: Mapping[str, float], provenance: Provenance = None
) -> "xr.Dataset":
    """Return each detector's share of the prediction by channel, and the data, along the cells of one experiment.

    `likelihood` is that of the experiment, and `values` are of its parameters. `low` and `high` are the ends of a cell
    along the first axis, in its unit. `provenance` is what `provenance_of` gave for the result; None: what it says of
    the likelihood alone.
    """
    import xarray as xr

    (experiment,) = likelihood.experiments
    cells, systematics = experiment.cells, likelihood.systematics
    shares = []
    for channel in ("cevns", "eves"):
        part = Likelihood(experiment, model=likelihood.model, channel=channel, systematics=systematics)
        shares.append(np.asarray(part.expected_by_detector(values)[0])[:, : cells.size])
    unit, axis = {"units": experiment.unit}, {"units": cells.axes[0].unit, "long_name": cells.axes[0].name}
    return xr.Dataset(
        {
            "expected": (("channel", "detector", "bin"), np.stack(shares), unit),
            "observed": ("bin", np.asarray(experiment.observed)[: cells.size], unit),
            "sigma": ("bin", experiment.sigma[: cells.size], unit),
            "low": ("bin", cells.low(), axis),
            "high": ("bin", cells.high(), axis),
        },
        coords={"channel": ["cevns", "eves"], "detector": list(experiment.detectors)},
        attrs=_origin(likelihood, provenance) | {"values": json.dumps({k: float(v) for k, v in values.items()})},
    )


def profile_dataset(result: "ProfileResult", likelihood: Likelihood, provenance: Provenance = None) -> "xr.Dataset":
    """Return a profile, the `result` for a `likelihood`, along its parameter; `provenance` as for a prediction."""
    import xarray as xr

    parameter = likelihood.parameters[result.name]
    return xr.Dataset(
        {"delta_chi2": (result.name, result.delta_chi2, {"long_name": "chi-squared above its minimum"})},
        coords={result.name: (result.name, result.x, _about(parameter))},
        attrs=_origin(likelihood, provenance)
        | {
            "best_fit": json.dumps(result.best_fit),
            "chi2_min": result.chi2_min,
            "intervals": json.dumps(result.intervals),
            "cl": result.cl,
        },
    )


def scan_dataset(result: "ScanResult", likelihood: Likelihood, provenance: Provenance = None) -> "xr.Dataset":
    """Return a scan, the `result` for a `likelihood`, along its two parameters; `provenance` as for a prediction.

    The contours' points stand one after the other: `contour_x`, `contour_y`, and the number of the curve that each
    belongs to.
    """
    import xarray as xr

    points = np.concatenate([np.zeros((0, 2)), *result.contours])
    curve = np.repeat(np.arange(len(result.contours)), [c.shape[0] for c in result.contours])
    plane = (result.y.parameter.name, result.x.parameter.name)
    return xr.Dataset(
        {
            "delta_chi2": (plane, result.delta_chi2, {"long_name": "chi-squared above its minimum in the plane"}),
            "contour_x": ("point", points[:, 0], {"long_name": result.x.parameter.name}),
            "contour_y": ("point", points[:, 1], {"long_name": result.y.parameter.name}),
            "contour_curve": ("point", curve),
        },
        coords={axis.parameter.name: _coordinate(axis) for axis in (result.x, result.y)},
        attrs=_origin(likelihood, provenance)
        | {
            "best_fit": json.dumps(result.best_fit),
            "chi2_min": result.chi2_min,
            "cl": result.cl,
            "dof": result.dof,
        },
    )


def toys_dataset(result: "FeldmanCousins", likelihood: Likelihood, provenance: Provenance = None) -> "xr.Dataset":
    """Return a grid of toys, the `result` for a `likelihood`, along its axes; `provenance` as for a prediction."""
    import xarray as xr

    plane = tuple(axis.parameter.name for axis in result.axes[::-1])
    critical = {"long_name": f"quantile {result.cl:g} of delta_chi2 among toys"}
    return xr.Dataset(
        {
            "delta_chi2": (plane, result.delta_chi2, {"long_name": "chi-squared above its minimum"}),
            "critical": (plane, result.critical, critical),
            "critical_error": (plane, result.critical_error, {"long_name": "Monte-Carlo error of critical"}),
        },
        coords={axis.parameter.name: _coordinate(axis) for axis in result.axes},
        attrs=_origin(likelihood, provenance)
        | {
            "cl": result.cl,
            "toys": result.toys,
            "intervals": json.dumps(result.intervals),
            "interval_error": json.dumps(result.interval_error),
        },
    )


def coverage_dataset(result: "Coverage", likelihood: Likelihood, provenance: Provenance = None) -> "xr.Dataset":
    """Return Delta chi^2 of each toy at the truth, and in the attributes the coverage that follows from them.

    `result` is that of `cevnsjax.coverage` for a `likelihood`; `provenance` as for a prediction.
    """
    import xarray as xr

    about = {"long_name": "chi-squared at the truth above its minimum"}
    names = ("cl", "wilks", "coverage", "coverage_error", "critical", "critical_error")
    return xr.Dataset(
        {"delta_chi2": ("toy", result.delta_chi2, about)},
        attrs=_origin(likelihood, provenance)
        | {"parameter": result.name, "truth": json.dumps(result.truth)}
        | {name: getattr(result, name) for name in names},
    )


def projection_dataset(result: "Projection", likelihood: Likelihood, provenance: Provenance = None) -> "xr.Dataset":
    """Return a projection along the exposure; an open end is NaN, and the attribute `intervals` has all pieces.

    `result` is that of `cevnsjax.project` for a `likelihood`; `provenance` as for a prediction.
    """
    import xarray as xr

    about = _about(likelihood.parameters[result.name])
    ends = [(pieces[0][0], pieces[-1][1]) if pieces else (None, None) for pieces in result.asimov]
    low, high = (np.array([np.nan if end is None else end for end in column]) for column in zip(*ends, strict=True))
    columns = {"fisher_low": result.fisher[:, 0], "fisher_high": result.fisher[:, 1], "low": low, "high": high}
    exposure = {"long_name": "exposure, as a multiple of the experiment's own"}
    return xr.Dataset(
        {name: ("exposure", column, about) for name, column in columns.items()},
        coords={"exposure": ("exposure", result.exposure, exposure)},
        attrs=_origin(likelihood, provenance)
        | {"cl": result.cl, "intervals": json.dumps(result.asimov), "data": "expected at the given values"},
    )


def impacts_dataset(result: "Impacts", likelihood: Likelihood, provenance: Provenance = None) -> "xr.Dataset":
    """Return impacts along the nuisances, the largest first; what is None in the result is NaN.

    `result` is that of `cevnsjax.impacts` for a `likelihood`; `provenance` as for a prediction. The parts of the
    parameter's error are attributes.
    """
    import xarray as xr

    rows, about = result.nuisances, _about(likelihood.parameters[result.parameter])
    own = ("centre", "width", "value", "error", "error_up", "error_down", "pull")
    moves = ("impact_up", "impact_down", "prefit_up", "prefit_down", "contribution", "held")

    def column(name: str) -> np.ndarray:
        return np.array([np.nan if row[name] is None else row[name] for row in rows], dtype=float)

    texts = {name: np.array([row[name] for row in rows], dtype=str) for name in ("name", "state", "unit")}
    parts = {
        field.name: getattr(result, field.name)
        for field in dataclasses.fields(result)
        if field.name not in ("nuisances", "best_fit", "messages")
    }
    return xr.Dataset(
        {name: ("nuisance", column(name)) for name in own}
        | {name: ("nuisance", column(name), about) for name in moves}
        | {name: ("nuisance", texts[name]) for name in ("state", "unit")},
        coords={"nuisance": ("nuisance", texts["name"])},
        attrs=_origin(likelihood, provenance)
        | {name: np.nan if part is None else part for name, part in parts.items()}
        | {"best_fit": json.dumps(result.best_fit), "messages": "; ".join(result.messages)},
    )


def bands_dataset(
    likelihood: Likelihood,
    name: str,
    over: Parameter,
    values: np.ndarray,
    ends: np.ndarray,
    cl: float,
    provenance: Provenance = None,
) -> "xr.Dataset":
    """Return intervals of the parameter `name` at `values` of another one, `over`, in the parameters' units.

    Rows of `ends` are best fit, low, high; `cl` is the confidence level. `likelihood` is that of the result, and
    `provenance` as for a prediction.
    """
    import xarray as xr

    about = _about(likelihood.parameters[name])
    columns = {key: (over.name, ends[:, i], about) for i, key in enumerate(("best_fit", "low", "high"))}
    attrs = _origin(likelihood, provenance) | {"cl": cl, "parameter": name}
    return xr.Dataset(columns, coords={over.name: (over.name, values, _about(over))}, attrs=attrs)


def points_dataset(
    rows: Sequence[Mapping[str, str]], likelihood: Likelihood, provenance: Provenance = None
) -> "xr.Dataset":
    """Return determinations of sin^2(theta_W), `rows` of `data/published/weak_mixing_angle.csv`, along experiments.

    `likelihood` is that of the figure, and `provenance` as for a prediction.
    """
    import xarray as xr

    units = {"scale_MeV": "MeV", "value": "", "error_up": "", "error_down": ""}
    columns = {name: ("experiment", [float(row[name]) for row in rows], {"units": u}) for name, u in units.items()}
    sources = {"source": ("experiment", [row["source"] for row in rows])}
    return xr.Dataset(
        columns | sources,
        coords={"experiment": [row["experiment"] for row in rows]},
        attrs=_origin(likelihood, provenance),
    )


def write_posterior(path: Path, result: "SampleResult", likelihood: Likelihood, provenance: Provenance = None) -> None:
    """Write draws, the `result` for a `likelihood`, as ArviZ's NetCDF into the file of a `path`.

    `provenance` is what `provenance_of` gave for the result, so that the draws can be made again. Raises `InputError`
    where the file cannot be written.
    """
    import xarray as xr

    from cevnsjax.sampling.predictive import groups_of

    data = result.data
    # A posterior integrates over normalisations, whatever the likelihood does by itself.
    attrs = dict(data.attrs) | _origin(likelihood, provenance) | {"pull": "marginalised"}
    attrs["warnings"] = "; ".join(result.warnings)
    write_netcdf(path, xr.Dataset(attrs=attrs), groups=groups_of(data))


def _coordinate(axis: "Axis") -> tuple[str, np.ndarray, dict[str, str]]:
    return axis.parameter.name, axis.values, _about(axis.parameter)


def _about(parameter: Parameter) -> dict[str, str]:
    return {"long_name": parameter.description, "units": parameter.unit, "latex": parameter.latex}


def _origin(likelihood: Likelihood, provenance: Provenance) -> dict[str, str]:
    origin = provenance_of(likelihood) if provenance is None else dict(provenance)
    return {
        "experiments": ", ".join(likelihood.names),
        "references": "; ".join(dict.fromkeys(e.identity.reference for e in likelihood.experiments)),
        "notes": "; ".join(likelihood.notes),
        "model": likelihood.model.name,
        "channel": likelihood.channel,
        "pull": likelihood.pull,
        "systematics": likelihood.systematics,
        "provenance": json.dumps(origin),
    }

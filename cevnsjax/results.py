"""Results as they leave the package: plain dicts for JSON, xarray data sets for NetCDF."""

import io
import json
import os
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jax.numpy as jnp
import numpy as np

from cevnsjax.constants import EV
from cevnsjax.errors import InputError
from cevnsjax.parameters import Parameter
from cevnsjax.statistics import (
    FeldmanCousins,
    FitResult,
    Likelihood,
    ProfileResult,
    Projection,
    SampleResult,
    ScanResult,
)

if TYPE_CHECKING:
    import xarray as xr
    from matplotlib.figure import Figure

    from cevnsjax.statistics.scan import Axis

__all__ = [
    "bands_dataset",
    "fit_dict",
    "points_dataset",
    "prediction_dataset",
    "prediction_dict",
    "profile_dataset",
    "profile_dict",
    "projection_dataset",
    "projection_dict",
    "replace_file",
    "sample_dict",
    "scan_dataset",
    "scan_dict",
    "toys_dataset",
    "toys_dict",
    "write_figure",
    "write_json",
    "write_netcdf",
    "write_posterior",
]

# xarray takes half a second to import: only what writes a data set does.


def prediction_dict(likelihood: Likelihood, values: Mapping[str, float]) -> dict[str, Any]:
    """Return the prediction of a likelihood with one experiment, bin by bin, with the contract's keys.

    `low` and `high` [eV_ee] limit a bin; `expected`, `observed` and `sigma` are in `unit`, `total` is the sum
    of `expected`. Where a model of the background is part of it, `background` is its share; where there are several
    runs, `run` tells them apart. `events` is the number of signal events in all detectors together.
    """
    expected = np.asarray(likelihood.expected(values))
    background = np.zeros(expected.size)
    if any(e.counts is not None for e in likelihood.experiments):
        without = {name: 0.0 for one in likelihood.observations() for name in one.norms}
        background = np.asarray(likelihood.expected({**values, **without}))
    bins, events, first = [], 0.0, 0
    for e in likelihood.experiments:
        here = slice(first, first := first + e.observed.size)
        columns = {
            "low": np.asarray(e.response.low) / EV,
            "high": np.asarray(e.response.high) / EV,
            "expected": expected[here],
            "observed": np.asarray(e.observed),
            "sigma": np.asarray(e.sigma),
        }
        columns |= {"background": background[here]} if e.counts is not None else {}
        about = {"unit": e.unit} | ({"run": e.run} if e.run else {})
        for row in np.stack(list(columns.values()), axis=1).tolist():
            found = dict(zip(columns, row, strict=True))
            # An edge is typed in eV and kept in MeV: nine digits give back what was typed.
            bins.append(found | {"low": round(found["low"], 9), "high": round(found["high"], 9)} | about)
        events += float(e.events(jnp.asarray(expected[here] - background[here])).sum())
    return {
        "experiment": likelihood.experiments[0].name,
        "model": likelihood.model.name,
        "bins": bins,
        "total": float(expected.sum()),
        "events": events,
    }


def fit_dict(result: FitResult) -> dict[str, Any]:
    """Return a fit with the contract's keys; an open end of an interval is None, null in JSON."""
    return {
        "best_fit": result.best_fit,
        "chi2_min": result.chi2_min,
        "intervals": {name: [list(piece) for piece in pieces] for name, pieces in result.intervals.items()},
        "cl": result.cl,
        "converged": result.converged,
    }


def profile_dict(result: ProfileResult) -> dict[str, Any]:
    """Return a profile with the contract's keys."""
    return {
        "x": result.x.tolist(),
        "delta_chi2": result.delta_chi2.tolist(),
        "best_fit": result.best_fit,
        "intervals": [list(piece) for piece in result.intervals],
        "cl": result.cl,
    }


def scan_dict(result: ScanResult) -> dict[str, Any]:
    """Return a scan with the contract's keys: rows of `delta_chi2` follow y, a contour is a list of [x, y]."""
    return {
        "x": result.x.values.tolist(),
        "y": result.y.values.tolist(),
        "delta_chi2": result.delta_chi2.tolist(),
        "best_fit": result.best_fit,
        "chi2_min": result.chi2_min,
        "contours": [curve.tolist() for curve in result.contours],
        "cl": result.cl,
        "dof": result.dof,
    }


def projection_dict(result: Projection) -> dict[str, Any]:
    """Return a projection: what is allowed at each exposure, by the Fisher information and by fits."""
    return {
        "parameter": result.name,
        "exposure": result.exposure.tolist(),
        "fisher": [[end if np.isfinite(end) else None for end in row] for row in result.fisher.tolist()],
        "asimov": [[list(piece) for piece in pieces] for pieces in result.asimov],
        "cl": result.cl,
    }


def projection_dataset(result: Projection, likelihood: Likelihood) -> "xr.Dataset":
    """Return a projection as an xarray data set along the exposure; an open end is NaN, pieces are attributes."""
    import xarray as xr

    p = likelihood.parameters[result.name]
    about = {"units": p.unit, "latex": p.latex}
    ends = [(pieces[0][0], pieces[-1][1]) if pieces else (None, None) for pieces in result.asimov]
    low, high = (np.array([np.nan if end is None else end for end in column]) for column in zip(*ends, strict=True))
    columns = {"fisher_low": result.fisher[:, 0], "fisher_high": result.fisher[:, 1], "low": low, "high": high}
    return xr.Dataset(
        {name: ("exposure", column, about) for name, column in columns.items()},
        coords={"exposure": ("exposure", result.exposure, {"long_name": "exposure, in units of the experiment's own"})},
        attrs=_origin(likelihood)
        | {"cl": result.cl, "intervals": json.dumps(result.asimov), "data": "what is expected at given values"},
    )


def scan_dataset(result: ScanResult, likelihood: Likelihood) -> "xr.Dataset":
    """Return a scan as an xarray data set along its two parameters.

    The contours' points stand one after the other: `contour_x`, `contour_y`, and which curve each belongs to.
    """
    import xarray as xr

    axes = {axis.parameter.name: _coordinate(axis) for axis in (result.x, result.y)}
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
        coords=axes,
        attrs=_origin(likelihood)
        | {
            "best_fit": json.dumps(result.best_fit),
            "chi2_min": result.chi2_min,
            "cl": result.cl,
            "dof": result.dof,
        },
    )


def toys_dict(result: FeldmanCousins) -> dict[str, Any]:
    """Return a grid of toys: its axes, Delta chi^2 of the data, critical values, and what is allowed."""
    axes = {axis.parameter.name: axis.values.tolist() for axis in result.axes}
    grids = {"delta_chi2": result.delta_chi2, "critical": result.critical, "accepted": result.accepted}
    return {"axes": axes, "cl": result.cl, "toys": result.toys} | {name: g.tolist() for name, g in grids.items()}


def toys_dataset(result: FeldmanCousins, likelihood: Likelihood) -> "xr.Dataset":
    """Return a grid of toys as an xarray data set along its axes."""
    import xarray as xr

    plane = tuple(axis.parameter.name for axis in result.axes[::-1])
    return xr.Dataset(
        {
            "delta_chi2": (plane, result.delta_chi2, {"long_name": "chi-squared above its minimum on the grid"}),
            "critical": (plane, result.critical, {"long_name": "its quantile among toys"}),
        },
        coords={axis.parameter.name: _coordinate(axis) for axis in result.axes},
        attrs=_origin(likelihood) | {"cl": result.cl, "toys": result.toys},
    )


def bands_dataset(
    likelihood: Likelihood, name: str, over: Parameter, values: np.ndarray, ends: np.ndarray, cl: float
) -> "xr.Dataset":
    """Return what is allowed for one parameter at each value of another: rows of `ends` are best fit, low, high."""
    import xarray as xr

    p = likelihood.parameters[name]
    about = {"units": p.unit, "latex": p.latex}
    columns = {key: (over.name, ends[:, i], about) for i, key in enumerate(("best_fit", "low", "high"))}
    coordinate = over.name, values, {"long_name": over.description, "units": over.unit, "latex": over.latex}
    attrs = _origin(likelihood) | {"cl": cl, "parameter": name}
    return xr.Dataset(columns, coords={over.name: coordinate}, attrs=attrs)


def sample_dict(result: SampleResult) -> dict[str, Any]:
    """Return the summary of a posterior, how it was drawn, and what is to be distrusted."""
    how = {key: value for key, value in result.data.attrs.items() if key not in ("created_at", "arviz_version")}
    return how | {"summary": result.summary, "warnings": result.warnings}


def write_posterior(path: Path, result: SampleResult, likelihood: Likelihood) -> None:
    """Write draws as ArviZ's NetCDF, with all that it takes to draw them again in the attributes."""
    # A posterior integrates over the pull, whatever the likelihood does by itself.
    how = _origin(likelihood) | {"pull": "marginalised", "warnings": "; ".join(result.warnings)}
    result.data.attrs.update(how)
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "draws.nc"
        result.data.to_netcdf(str(file), engine="h5netcdf")
        replace_file(path, file.read_bytes())


def profile_dataset(result: ProfileResult, likelihood: Likelihood) -> "xr.Dataset":
    """Return a profile as an xarray data set along its parameter; how it was made stands in the attributes."""
    import xarray as xr

    parameter = likelihood.parameters[result.name]
    return xr.Dataset(
        {"delta_chi2": (result.name, result.delta_chi2, {"long_name": "chi-squared above its minimum"})},
        coords={result.name: (result.name, result.x, {"long_name": parameter.description, "units": parameter.unit})},
        attrs=_origin(likelihood)
        | {
            "best_fit": json.dumps(result.best_fit),
            "chi2_min": result.chi2_min,
            "intervals": json.dumps(result.intervals),
            "cl": result.cl,
        },
    )


def prediction_dataset(likelihood: Likelihood, values: Mapping[str, float]) -> "xr.Dataset":
    """Return each detector's share of the prediction by channel, and the data, along the bins [eV_ee]."""
    import xarray as xr

    (experiment,) = likelihood.experiments
    shares = [
        np.asarray(Likelihood(experiment, model=likelihood.model, channel=channel).expected_by_detector(values)[0])
        for channel in ("cevns", "eves")
    ]
    low, high = (np.asarray(edge) / EV for edge in (experiment.response.low, experiment.response.high))
    unit = {"units": experiment.unit}
    return xr.Dataset(
        {
            "expected": (("channel", "detector", "bin"), np.stack(shares), unit),
            "observed": ("bin", np.asarray(experiment.observed), unit),
            "sigma": ("bin", np.asarray(experiment.sigma), unit),
            "low": ("bin", low, {"units": "eV_ee"}),
            "high": ("bin", high, {"units": "eV_ee"}),
        },
        coords={"channel": ["cevns", "eves"], "detector": list(experiment.detectors.names)},
        attrs=_origin(likelihood) | {"values": json.dumps({k: float(v) for k, v in values.items()})},
    )


def points_dataset(rows: Sequence[Mapping[str, str]], likelihood: Likelihood) -> "xr.Dataset":
    """Return determinations of sin^2(theta_W), rows of `data/published/weak_mixing_angle.csv`, along experiments."""
    import xarray as xr

    units = {"scale_MeV": "MeV", "value": "", "error_up": "", "error_down": ""}
    columns = {name: ("experiment", [float(row[name]) for row in rows], {"units": u}) for name, u in units.items()}
    sources = {"source": ("experiment", [row["source"] for row in rows])}
    return xr.Dataset(
        columns | sources, coords={"experiment": [row["experiment"] for row in rows]}, attrs=_origin(likelihood)
    )


def _coordinate(axis: "Axis") -> tuple[str, np.ndarray, dict[str, str]]:
    p = axis.parameter
    return p.name, axis.values, {"long_name": p.description, "units": p.unit, "latex": p.latex}


def _origin(likelihood: Likelihood) -> dict[str, str]:
    from importlib.metadata import version

    return {
        "experiments": ", ".join(likelihood.names),
        "references": "; ".join(dict.fromkeys(e.reference for e in likelihood.experiments)),
        "notes": "; ".join(likelihood.notes),
        "model": likelihood.model.name,
        "channel": likelihood.channel,
        "pull": likelihood.pull,
        "systematics": likelihood.systematics,
        "cevnsjax_version": version("cevnsjax"),
    }


def replace_file(path: Path, content: bytes) -> None:
    """Write a file whole or not at all; raises `InputError` where the folder does not allow it."""
    try:
        handle, name = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    except OSError as error:
        raise InputError(f"cannot write '{path}': {error.strerror}") from error
    try:
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        umask = os.umask(0)
        os.umask(umask)
        os.chmod(name, 0o666 & ~umask)
        os.replace(name, path)
    except OSError as error:
        os.unlink(name)
        raise InputError(f"cannot write '{path}': {error.strerror}") from error


def write_json(path: Path, content: object) -> None:
    """Write JSON; a NaN is an error, not a word that no reader knows."""
    replace_file(path, (json.dumps(content, indent=2, allow_nan=False) + "\n").encode())


def write_netcdf(path: Path, dataset: "xr.Dataset") -> None:
    """Write a data set as NetCDF 4."""
    replace_file(path, bytes(dataset.to_netcdf(engine="h5netcdf")))


def write_figure(path: Path, figure: "Figure", notes: Sequence[str] = ()) -> None:
    """Write a figure in the format that the name's suffix says, under `notes` on the data."""
    if notes:
        figure.suptitle("\n".join(notes), fontsize=5, wrap=True)
    buffer = io.BytesIO()
    figure.savefig(buffer, format=path.suffix.removeprefix("."), dpi=300)
    replace_file(path, buffer.getvalue())

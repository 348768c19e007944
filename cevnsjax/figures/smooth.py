"""Planes and profiles with more points than were calculated, for drawing: curves without corners."""

import dataclasses
from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from jaxtyping import Float
from scipy.interpolate import CubicSpline, PchipInterpolator, RectBivariateSpline

from cevnsjax.inference import ScanResult

if TYPE_CHECKING:
    import xarray as xr

__all__ = ["FINE", "refined", "smooth_plane", "smooth_profile"]

TRANSFER = 20.0
"""A momentum transfer to nuclei [MeV]: lighter mediators act alike."""

DRAWN = 181
"""The number of masses of a drawn contour."""

FINE = 401
"""Number of values to which splines refine an axis."""

FEWEST = 7
"""Number of values of an axis from which on a spline follows the plane."""


Values = Sequence[float] | Float[np.ndarray, " n"]


def smooth_profile(name: str, x: Values, delta_chi2: Values) -> "xr.Dataset":
    """Return a profile along a parameter with many more values, a cubic spline between its own."""
    import xarray as xr

    fine = np.linspace(x[0], x[-1], FINE)
    return xr.Dataset({"delta_chi2": (name, CubicSpline(x, delta_chi2)(fine))}, {name: fine})


def smooth_plane(result: ScanResult) -> ScanResult:
    """Return a plane with more points, for drawing."""
    mass = result.x.parameter.logarithmic and result.y.parameter.logarithmic
    return _between_masses(result) if mass else refined(result)


def refined(result: ScanResult) -> ScanResult:
    """Return a plane with many more values, between its own a cubic spline: its contours have no corners.

    A plane of few values, or with values that are not finite, stays as it is.
    """
    axes = (result.x, result.y)
    if min(axis.values.size for axis in axes) < FEWEST or not np.isfinite(result.delta_chi2).all():
        return result
    own = [np.log(axis.values) if axis.parameter.logarithmic else axis.values for axis in axes]
    u, v = (np.linspace(values[0], values[-1], max(FINE, values.size)) for values in own)
    delta_chi2 = RectBivariateSpline(own[1], own[0], result.delta_chi2)(v, u)
    x, y = (
        dataclasses.replace(axis, values=np.exp(values) if axis.parameter.logarithmic else values)
        for axis, values in zip(axes, (u, v), strict=True)
    )
    return dataclasses.replace(result, x=x, y=y, delta_chi2=delta_chi2).at_level(result.cl, result.dof)


def _between_masses(result: ScanResult) -> ScanResult:
    """Return a plane of a mass and a coupling with more masses.

    Below the momentum transfer chi^2 depends on the coupling alone, above it on coupling / mass. Between two masses it
    is interpolated where g^2 / (m^2 + q^2) is the same: a narrow valley stays one.
    """
    masses, couplings = np.log(result.x.values), np.log(result.y.values)
    fine = np.linspace(masses[0], masses[-1], DRAWN)
    first, *_ = shifts = _shift(masses)
    # Where the strength of the exchange is the same, a column for each mass; beyond the plane its edge.
    table = np.log1p(result.delta_chi2.T)
    alike = [
        PchipInterpolator(couplings, column)(np.clip(couplings + shift - first, couplings[0], couplings[-1]))
        for column, shift in zip(table, shifts, strict=True)
    ]
    between = CubicSpline(masses, np.array(alike))(fine)
    columns = [
        PchipInterpolator(couplings, column)(np.clip(couplings - shift + first, couplings[0], couplings[-1]))
        for column, shift in zip(between, _shift(fine), strict=True)
    ]
    x = dataclasses.replace(result.x, values=np.exp(fine))
    finer = dataclasses.replace(result, x=x, delta_chi2=np.expm1(np.array(columns)).T)
    return finer.at_level(result.cl, result.dof)


def _shift(masses: np.ndarray) -> np.ndarray:
    """Return the logarithm of the coupling that acts alike, for logarithms of masses [MeV]."""
    return np.log(np.exp(2 * masses) + TRANSFER**2) / 2

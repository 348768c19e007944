"""Contours of a scan, as curves."""

import math

import contourpy
import numpy as np
from contourpy import FillType, ZInterp
from jaxtyping import Bool, Float

from cevnsjax.arguments import whole_number
from cevnsjax.inference.intervals import threshold

__all__ = ["contour_curves", "excluded_regions", "plane_threshold"]

FLOOR = 1e-2
"""Delta chi-squared, in units of the level, below which its logarithm is cut off."""


def plane_threshold(cl: float, dof: int) -> float:
    """Return the rise of chi^2 at a confidence level for one or two parameters (Wilks).

    For two it is -2 log(1 - cl), 4.61 at 90 %; for one, 2.71 there. Raises `InputError` for another number, or
    a level that is not between 0 and 1.
    """
    one = threshold(cl)
    dof = whole_number(dof, 1, 2, "{} degrees of freedom of a plane given")
    return one if dof == 1 else -2 * math.log1p(-cl)


def contour_curves(
    x: Float[np.ndarray, " nx"],
    y: Float[np.ndarray, " ny"],
    delta_chi2: Float[np.ndarray, "ny nx"],
    level: float,
    logarithmic: tuple[bool, bool],
) -> list[Float[np.ndarray, "_ 2"]]:
    """Return the curves on which Delta chi^2 has a value, as rows (x, y); a closed one ends where it began.

    Between the grid's points log(Delta chi^2) is taken as linear in log(x) and log(y), on axes that are
    `logarithmic`: it is, far from the minimum, where Delta chi^2 goes with a power of the coupling.
    """
    beyond = delta_chi2 > level
    rows, columns = _varied(beyond), _varied(beyond.T)
    part = delta_chi2[rows, columns]
    if part.size == 0:
        return []
    curves = _generator(x[columns], y[rows], part, level, logarithmic).lines(level)
    return [_back(np.asarray(curve), logarithmic) for curve in curves]


def excluded_regions(
    x: Float[np.ndarray, " nx"],
    y: Float[np.ndarray, " ny"],
    delta_chi2: Float[np.ndarray, "ny nx"],
    level: float,
    logarithmic: tuple[bool, bool],
) -> list[tuple[Float[np.ndarray, "points 2"], np.ndarray]]:
    """Return the regions in which Delta chi^2 exceeds a value; their edges are those of `contour_curves`.

    Each is points (x, y) and codes of a path, 1 to begin an edge, 2 to go on and 79 to close it. Edges after the first
    are those of holes.
    """
    regions = _generator(x, y, delta_chi2, level, logarithmic).filled(level, np.inf)
    return [(_back(np.asarray(p), logarithmic), np.asarray(c)) for p, c in zip(regions[0], regions[1], strict=True)]


def _varied(beyond: Bool[np.ndarray, "lines n"]) -> slice:
    """Return the lines less those at either end that are all alike, but for the last of these: no curve is there."""
    every, some = np.asarray(beyond.all(axis=1)), np.asarray(beyond.any(axis=1))
    of_first, of_last = (np.flatnonzero((every != some) | (every != every[end])) for end in (0, -1))
    if of_first.size == 0:
        return slice(0, 0)
    return slice(max(int(of_first[0]) - 1, 0), int(of_last[-1]) + 2)


def _generator(
    x: Float[np.ndarray, " nx"],
    y: Float[np.ndarray, " ny"],
    delta_chi2: Float[np.ndarray, "ny nx"],
    level: float,
    logarithmic: tuple[bool, bool],
) -> contourpy.ContourGenerator:
    u, v = (np.log(axis) if log else axis for axis, log in zip((x, y), logarithmic, strict=True))
    height = np.maximum(delta_chi2, FLOOR * level)
    return contourpy.contour_generator(u, v, height, fill_type=FillType.OuterCode, z_interp=ZInterp.Log)


def _back(points: Float[np.ndarray, "points 2"], logarithmic: tuple[bool, bool]) -> Float[np.ndarray, "points 2"]:
    columns = [np.exp(c) if log else c for c, log in zip(points.T, logarithmic, strict=True)]
    return np.stack(columns, axis=1)

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

STRIP = 128
"""Columns that are looked at together: fewer have fewer rows with a curve, but a curve of more pieces."""

NEAR = 1e-6
"""An end of a curve that is nearer to a column than this lies on it, in units of the distance to the next column."""


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
    u, v = _axes(x, y, logarithmic)
    beyond = delta_chi2 > level
    # Most of a large plane has no curve, and `contourpy` would copy all of it.
    pieces, cuts = [], range(STRIP, x.size - 1, STRIP)
    for first in (0, *cuts):
        columns = slice(first, first + STRIP + 1)
        rows = _varied(beyond[:, columns])
        part = delta_chi2[rows, columns]
        if part.size:
            pieces += [np.asarray(piece) for piece in _generator(u[columns], v[rows], part, level).lines(level)]
    curves = _joined(pieces, [(u[cut], NEAR * (u[cut + 1] - u[cut])) for cut in cuts])
    return [_back(curve, logarithmic) for curve in curves]


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
    regions = _generator(*_axes(x, y, logarithmic), delta_chi2, level).filled(level, np.inf)
    return [(_back(np.asarray(p), logarithmic), np.asarray(c)) for p, c in zip(regions[0], regions[1], strict=True)]


def _varied(beyond: Bool[np.ndarray, "lines n"]) -> slice:
    """Return the lines less those at either end that are all alike, but for the last of these: no curve is there."""
    every, some = np.asarray(beyond.all(axis=1)), np.asarray(beyond.any(axis=1))
    of_first, of_last = (np.flatnonzero((every != some) | (every != every[end])) for end in (0, -1))
    if of_first.size == 0:
        return slice(0, 0)
    return slice(max(int(of_first[0]) - 1, 0), int(of_last[-1]) + 2)


def _joined(pieces: list[Float[np.ndarray, "_ 2"]], cuts: list[tuple[float, float]]) -> list[Float[np.ndarray, "_ 2"]]:
    """Return curves made of pieces that end where columns are cut: their places, and how near to one an end may be.

    Curves have the higher side on the same hand: where one piece ends another one begins, in the same order.
    """
    after: dict[int, int] = {}
    is_open = [i for i, piece in enumerate(pieces) if (piece[0] != piece[-1]).any()]
    for place, near in cuts:
        begin, end = (
            sorted((i for i in is_open if abs(pieces[i][at, 0] - place) <= near), key=lambda i: pieces[i][at, 1])
            for at in (0, -1)
        )
        if len(begin) == len(end):  # else one ends at the plane's edge, on the very column
            after.update(zip(end, begin, strict=True))
    curves, waiting, later = [], set(range(len(pieces))), set(after.values())
    # Open curves from where they begin, then closed ones.
    for first in sorted(range(len(pieces)), key=lambda i: i in later):
        chain, number = [], first
        while number in waiting:
            waiting.remove(number)
            chain.append(number)
            number = after.get(number, -1)
        if chain:
            last = pieces[first][:1] if number == first else pieces[chain[-1]][-1:]
            curves.append(np.concatenate([*(pieces[i][:-1] for i in chain), last]))
    return curves


def _axes(
    x: Float[np.ndarray, " nx"], y: Float[np.ndarray, " ny"], logarithmic: tuple[bool, bool]
) -> tuple[Float[np.ndarray, " nx"], Float[np.ndarray, " ny"]]:
    u, v = (np.log(axis) if log else axis for axis, log in zip((x, y), logarithmic, strict=True))
    return u, v


def _generator(
    u: Float[np.ndarray, " nx"], v: Float[np.ndarray, " ny"], delta_chi2: Float[np.ndarray, "ny nx"], level: float
) -> contourpy.ContourGenerator:
    height = np.maximum(delta_chi2, FLOOR * level)
    return contourpy.contour_generator(u, v, height, fill_type=FillType.OuterCode, z_interp=ZInterp.Log)


def _back(points: Float[np.ndarray, "points 2"], logarithmic: tuple[bool, bool]) -> Float[np.ndarray, "points 2"]:
    columns = [np.exp(c) if log else c for c, log in zip(points.T, logarithmic, strict=True)]
    return np.stack(columns, axis=1)

"""Contours of a scan, as curves."""

import math

import contourpy
import numpy as np
from jaxtyping import Float

from cevnsjax.arguments import whole_number
from cevnsjax.inference.intervals import threshold

__all__ = ["contour_curves", "plane_threshold"]

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
    u, v = (np.log(axis) if log else axis for axis, log in zip((x, y), logarithmic, strict=True))
    height = np.log(np.maximum(delta_chi2 / level, FLOOR))
    curves = contourpy.contour_generator(u, v, height).lines(0.0)
    found = []
    for curve in curves:
        columns = [np.exp(c) if log else c for c, log in zip(np.asarray(curve).T, logarithmic, strict=True)]
        found.append(np.stack(columns, axis=1))
    return found

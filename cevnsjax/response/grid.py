"""Tables on a grid of shifts: arrays at each point, and the polynomial that passes through all of them.

A Monte Carlo of a detector is often published for several values of its yields: one table at each point of a grid, in
standard deviations of a light and a charge yield for instance. Between the points lies the product of Lagrange's
polynomials along each axis of the grid. It equals the tables at every point, and is smooth everywhere.
"""

import math
from collections.abc import Mapping
from pathlib import Path

import numpy as np
from jaxtyping import Float

from cevnsjax.errors import InputError

__all__ = ["chebyshev_of", "contracted", "points_of", "weights"]

GRID = "grid"
"""The array with the names of the grid's axes."""

MOST_POINTS = 9
"""Polynomials through more equidistant points swing between them."""

BEYOND = 1e-9
"""How far outside a grid is still its end: limits in standard deviations are products of decimals."""


def points_of(path: Path, arrays: Mapping[str, np.ndarray]) -> dict[str, Float[np.ndarray, " points"]]:
    """Return the points of each axis of the grid of a file's `arrays`, in the file's units; none where it has no grid.

    `path` is for messages. Raises `InputError` for an axis without points, and points that do not rise or are too many.

    >>> from pathlib import Path
    >>> from cevnsjax.response import points_of
    >>> points_of(Path("matrix.npz"), {"grid": np.array(["ly"]), "ly": np.array([-1.0, 0.0, 1.0])})
    {'ly': array([-1.,  0.,  1.])}
    """
    names = [str(name) for name in np.atleast_1d(arrays.get(GRID, np.zeros(0, dtype=str)))]
    if missing := [name for name in names if name not in arrays]:
        raise InputError(f"'{path}' lacks the array '{missing[0]}', the points of that axis of the grid")
    points = {name: arrays[name] for name in names}
    for name, places in points.items():
        if places.ndim != 1 or not 2 <= places.size <= MOST_POINTS or not (np.diff(places) > 0).all():
            raise InputError(f"'{path}': '{name}' must have 2 to {MOST_POINTS} points that rise")
    return points


def weights(places: Float[np.ndarray, " points"], x: float, name: str) -> Float[np.ndarray, " points"]:
    """Return the weights, dimensionless, of the tables along one axis of a grid at a place `x`.

    `places` are the axis' points, and `name` is for messages. Raises `InputError` outside of the grid.

    >>> from cevnsjax.response import weights
    >>> weights(np.array([-1.0, 0.0, 1.0]), 0.5, "ly")
    array([-0.125,  0.75 ,  0.375])
    """
    away = BEYOND * (places[-1] - places[0])
    if not places[0] - away <= x <= places[-1] + away:
        raise InputError(f"{name} = {x:g} is outside of its grid: give a number from {places[0]:g} to {places[-1]:g}")
    others = [np.delete(places, i) for i in range(places.size)]
    return np.array([np.prod((x - o) / (p - o)) for p, o in zip(places, others, strict=True)])


def contracted(
    tables: Float[np.ndarray, "..."], points: Mapping[str, Float[np.ndarray, " points"]], at: Mapping[str, float]
) -> Float[np.ndarray, "..."]:
    """Return `tables` at a place on the grid, in their own unit.

    Axes of the grid come first, in the order of `points`; `at` has the place on each. Raises `InputError` outside of
    the grid.

    >>> from cevnsjax.response import contracted
    >>> contracted(np.array([[1.0], [2.0], [3.0]]), {"ly": np.array([-1.0, 0.0, 1.0])}, {"ly": 0.5})
    array([2.5])
    """
    for name, places in points.items():
        tables = np.tensordot(weights(places, at[name], name), tables, 1)
    return tables


def chebyshev_of(
    tables: Float[np.ndarray, "..."], points: Mapping[str, Float[np.ndarray, " points"]]
) -> tuple[tuple[tuple[int, ...], ...], Float[np.ndarray, "terms cells"]]:
    """Return the same polynomial as degrees of Chebyshev's polynomials and their coefficients.

    `tables`, in any unit, have the axes of the grid first, in the order of `points`, then one of cells. The
    polynomials' argument is -1 and 1 at the ends of each axis.

    >>> from cevnsjax.response import chebyshev_of
    >>> degrees, coefficients = chebyshev_of(np.array([[1.0], [2.0], [3.0]]), {"ly": np.array([-1.0, 0.0, 1.0])})
    >>> degrees, coefficients[:, 0].round(9) + 0.0  # 2 + x
    (((0,), (1,), (2,)), array([2., 1., 0.]))
    """
    for axis, places in enumerate(points.values()):
        x = (2 * places - places[-1] - places[0]) / (places[-1] - places[0])
        inverse = np.linalg.inv(np.polynomial.chebyshev.chebvander(x, places.size - 1))
        tables = np.moveaxis(np.tensordot(inverse, tables, (1, axis)), 0, axis)
    sizes = [places.size for places in points.values()]
    degrees = tuple(tuple(int(d) for d in one) for one in np.ndindex(*sizes))
    return degrees, tables.reshape(math.prod(sizes), -1)

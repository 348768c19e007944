"""Signals at any mass between two, interpolated from exact ones at a few."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float
from numpy.polynomial.chebyshev import chebvander

from cevnsjax.parameters import Parameter

__all__ = ["AtMasses", "Signals", "between_masses"]

NODES_A_DECADE, LEAST_NODES = 30, 15
"""Masses at which counts are calculated for interpolation: 161 over five decades were exact to 9e-11."""

CHECKED, EXACT = 5, 1e-9
"""Masses at which an interpolation is checked, and how exact it must be, relative to the largest count."""

AtMasses = tuple[Float[np.ndarray, "lines 1"], list[Float[np.ndarray, "lines monomials cells"]]]
"""The coupling's natural step at each mass, and the coefficients of each experiment's signal."""

Signals = Callable[[Float[np.ndarray, " lines"]], AtMasses]
"""Gives signals at masses."""


def between_masses(exact: Signals, masses: Float[np.ndarray, " lines"], coupling: Parameter) -> Signals | None:
    """Return a function that interpolates what `exact` calculates, in the range of positive `masses`.

    In natural units counts are smooth in the logarithm of the mass: they are a polynomial through Chebyshev nodes. None
    where `masses` are few, or the polynomial fails a check at some of them.
    """
    low, high = np.log(masses.min()), np.log(masses.max())
    number = LEAST_NODES + round(NODES_A_DECADE * (high - low) / np.log(10))
    if masses.size <= 2 * number:
        return None
    nodes = np.cos(np.pi * (np.arange(number) + 0.5) / number)
    some = masses[np.linspace(0, masses.size - 1, CHECKED).astype(int)]
    exact_steps, exact_columns = exact(np.append(np.exp(low + (high - low) * (nodes + 1) / 2), some))
    logarithms, columns = np.log(exact_steps[:number]), [column[:number] for column in exact_columns]

    def at(masses: Float[np.ndarray, " lines"]) -> AtMasses:
        matrix = _interpolation(2 * (np.log(masses) - low) / (high - low) - 1, number)
        return np.exp(matrix @ logarithms), [np.tensordot(matrix, column, 1) for column in columns]

    steps, checked = at(some)
    ratio = (steps / exact_steps[number:]) ** (coupling.power or 1)  # between the two units of the coupling
    units = np.concatenate([np.ones_like(ratio), ratio, ratio**2], axis=1)[..., None]
    good = all(
        np.abs(c / units - e[number:]).max() <= EXACT * np.abs(e[number:]).max()
        for c, e in zip(checked, exact_columns, strict=True)
    )
    return at if good else None


def _interpolation(places: Float[np.ndarray, " lines"], number: int) -> Float[np.ndarray, "lines nodes"]:
    """Return the matrix that leads from values at Chebyshev nodes to those at places between -1 and 1."""
    order = np.arange(number)
    # Chebyshev polynomials at the nodes are cosines of equal steps.
    at_nodes = np.cos(order[:, None] * (np.pi * (order + 0.5) / number))
    at_places = chebvander(np.clip(places, -1.0, 1.0), number - 1)
    return at_places @ (at_nodes * np.where(order == 0, 1.0, 2.0)[:, None] / number)

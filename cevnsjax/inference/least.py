"""The least value of a smooth function of one number that is asked at several places at once."""

from collections.abc import Callable

import numpy as np
from jaxtyping import Float

__all__ = ["least_between"]

FIRST, NEAREST, ROUNDS = 7, 7, 64
"""Places looked at first, places through which a polynomial goes, and rounds at most: each halves a bracket."""

FLAT = 1e-11
"""Differences of values that are rounding, relative to the value or to one."""


def least_between(
    look: Callable[[Float[np.ndarray, " n"]], Float[np.ndarray, " n"]], low: float, high: float, close: float
) -> float:
    """Return where a function is least between `low` and `high`, to `close`.

    `look` returns values at several places, for which it takes hardly longer than for one. `close` is in the unit of
    the ends. Each round asks at the minimum of the polynomial through the nearest places
    and on both sides of it, which is soon exact where the function is smooth, and halves the bracket where it is not.

    >>> from cevnsjax.inference.least import least_between
    >>> round(least_between(lambda x: np.cosh(x - 0.3), -2.0, 2.0, 1e-6), 6)
    0.3
    """
    places = np.linspace(low, high, FIRST)
    values = look(places)
    for _ in range(ROUNDS):
        best = int(np.argmin(values))
        inside = slice(max(best - 1, 0), best + 2)
        low, high = places[inside][[0, -1]]
        flat = np.ptp(values[inside]) <= FLAT * (1 + abs(values[best]))
        predicted = _least_of_polynomial(places, values, best)
        away = abs(predicted - places[best])
        if flat or high - low <= close or away <= close:
            break
        around = predicted + max(away / 8, close) * np.array([-1.0, 0.0, 1.0])
        halves = (places[inside][1:] + places[inside][:-1]) / 2
        new = np.setdiff1d(np.clip([*around, *halves], low, high), places)
        places, values = np.append(places, new), np.append(values, look(new))
        order = np.argsort(places)
        places, values = places[order], values[order]
    return float(places[np.argmin(values)])


def _least_of_polynomial(places: Float[np.ndarray, " n"], values: Float[np.ndarray, " n"], best: int) -> float:
    """Return where the polynomial through the places nearest to the least value is least, between its neighbours."""
    near = np.argsort(np.abs(places - places[best]))[:NEAREST]
    polynomial = np.polynomial.Polynomial.fit(places[near], values[near], near.size - 1)
    low, high = places[max(best - 1, 0)], places[min(best + 1, places.size - 1)]
    flat = polynomial.deriv().roots()
    flat = flat.real[np.abs(flat.imag) <= 1e-9 * (high - low)]
    tried = np.array([low, high, *flat[(flat > low) & (flat < high)]])
    return float(tried[np.argmin(polynomial(tried))])

"""Where searches begin: the steps that data care about, and points scattered by them."""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from cevnsjax.inference.search import Search
from cevnsjax.parameters import Parameter

__all__ = ["search_grid", "starting_points", "typical_steps"]

TRIED = np.outer(2.0 ** np.arange(-30, 61), [1.0, -1.0]).ravel()
"""Steps, the smaller ones first, in both directions, in units of a parameter's own scale."""

NEAR, FAR = 3.0, 30.0
"""How widely starts are drawn around the defaults, in typical steps, in turn."""


def typical_steps(search: Search, parameters: Sequence[Parameter]) -> Float[np.ndarray, " parameters"]:
    """Return, for each parameter, the least step from its default that changes chi-squared by one.

    What a data set says of a coupling may lie orders of magnitude from what others say: the step is looked for in
    powers of two about the parameter's scale, which is returned where no step within bounds does it.
    """
    steps = []
    for p in parameters:
        index = search.place(p.name)
        values = np.clip(np.append(p.default, p.default + TRIED * p.scale), *p.bounds)
        start = np.tile(search.start, (values.size, 1))
        start[:, index] = search.variable(p.name, values)
        everything = [i for i in range(start.shape[1]) if search.searched[i]]
        chi2 = search.minima(start, [index, *everything]).value
        with np.errstate(invalid="ignore"):  # values that are set may make all infinite
            changes = ~(np.abs(chi2[1:] - chi2[0]) < 1.0)
        steps.append(np.abs(TRIED)[np.argmax(changes)] * p.scale if changes.any() else p.scale)
    return np.array(steps)


def starting_points(
    search: Search,
    parameters: Sequence[Parameter],
    steps: Float[np.ndarray, " parameters"],
    number: int,
    begin: Float[np.ndarray, " n"] | None = None,
    seed: int = 0,
) -> Float[np.ndarray, "starts n"]:
    """Return starts: the defaults, and points drawn around them, three steps and thirty steps wide in turn.

    Between two bounds the second kind is drawn evenly, and masses in their logarithm. A coupling that enters squared
    has no slope at its default, zero: the drawn points find the way out. All other variables are as in `begin`.
    """
    rng = np.random.default_rng(seed)
    drawn = rng.uniform(-1.0, 1.0, size=(number - 1, len(parameters)))
    starts = np.tile(search.start if begin is None else begin, (number, 1))
    for i, p in enumerate(parameters):
        low, high = p.bounds
        bounded = np.isfinite(low) and np.isfinite(high)
        far = (low + high) / 2 + drawn[:, i] * (high - low) / 2 if bounded else p.default + FAR * steps[i] * drawn[:, i]
        near = p.default + NEAR * steps[i] * drawn[:, i]
        if p.logarithmic and p.power is None:  # a mass: factors of up to ten and a thousand
            near, far = (p.default * reach ** drawn[:, i] for reach in (10.0, 1000.0))
        values = np.append(p.default, np.where(np.arange(number - 1) % 2 == 0, near, far))
        starts[:, search.place(p.name)] = search.variable(p.name, np.clip(values, low, high))
    return starts


def search_grid(parameter: Parameter, best: float, step: float) -> Float[np.ndarray, " points"]:
    """Return ascending values to search for intervals.

    Between two finite bounds evenly; else half a step apart up to forty steps to either side of the best fit, and
    beyond, and close to it, at all powers of ten.
    """
    low, high = parameter.bounds
    if np.isfinite(low) and np.isfinite(high):
        return np.unique(np.append(np.linspace(low, high, 97), np.clip(best, low, high)))
    away = step * np.concatenate([np.geomspace(1e-3, 1e6, 55), np.arange(0.5, 40.0, 0.5)])
    return np.unique(np.clip(np.concatenate([best - away, [best], best + away]), low, high))

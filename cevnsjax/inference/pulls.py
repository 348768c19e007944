"""What a fit says of each nuisance: its value, its error, and how far it was pulled."""

from typing import Any

import numpy as np
from jaxtyping import Float

from cevnsjax.inference.search import PolynomialSearch, Search
from cevnsjax.likelihood import JointNuisance, Likelihood
from cevnsjax.likelihood.kernel import opened
from cevnsjax.likelihood.terms import LEAST_MEAN, TERMS, Means

__all__ = ["describe_nuisance", "information", "nuisance_results"]

STEP = 1e-3
"""Of a variable, in its own unit, by which slopes are taken."""


def describe_nuisance(likelihood: Likelihood, nuisance: JointNuisance) -> dict[str, Any]:
    """Return name, centre, width (None without a constraint), unit, owner and effect of a nuisance.

    `nuisance` is one of `likelihood.nuisances`.

    >>> from cevnsjax.inference import describe_nuisance
    >>> likelihood = cevnsjax.Likelihood("conus_plus")
    >>> row = describe_nuisance(likelihood, likelihood.nuisances[0])
    >>> row["name"], row["centre"], row["width"]
    ('norm', 1.0, 0.2)
    """
    p = nuisance.parameter
    state = "constrained" if nuisance.sigma is not None else "free" if nuisance.free else "held"
    return {
        "name": nuisance.name,
        "state": state,
        "centre": nuisance.centre,
        "width": nuisance.sigma,
        "unit": p.unit,
        "experiments": [likelihood.experiments[i].label for i, _ in nuisance.members],
        "description": p.description,
    }


def nuisance_results(likelihood: Likelihood, search: Search, y: Float[np.ndarray, " n"]) -> list[dict[str, Any]]:
    """Return for each nuisance that was searched for its value, error and pull, beside its centre and width.

    Errors follow from the curvature of chi^2 at the minimum, with all free parameters and nuisances varied together. A
    pull is (value - centre) / width. At a bound the error is that of the parabola, which knows no bound.
    """
    if not isinstance(search, PolynomialSearch):
        return []
    layout, values = search.view.layout, search.nuisances(y)
    full = np.array(y)
    for name, value in values.items():
        full[search.place(name)] = search.variable(name, value)
    errors = _errors(search, full)
    rows = []
    for nuisance in layout.nuisances:
        if nuisance.name not in values:
            continue
        error = float(errors[layout.place(nuisance.name)]) * nuisance.step
        value = values[nuisance.name]
        pull = None if nuisance.sigma is None else (value - nuisance.centre) / nuisance.sigma
        found = {"value": value, "error": error if np.isfinite(error) else None, "pull": pull}
        rows.append(describe_nuisance(likelihood, nuisance) | found)
    return rows


def information(search: PolynomialSearch, y: Float[np.ndarray, " n"]) -> Float[np.ndarray, "free free"]:
    """Return Gauss' and Newton's curvature of chi-squared in all variables that are not held, constraints included.

    The expected counts' slopes are central differences, exact where counts are quadratic: nothing is compiled for them.
    """
    kernel = opened(search.view.kernel)  # closed factors are varied like all others here
    free = np.flatnonzero(~search.held)
    steps = STEP * np.eye(y.size)[free]
    means = search.means(np.concatenate([y[None], y + steps, y - steps]), kernel)
    curvature = np.diag(2 * np.asarray(kernel.weight)[free])
    for group, expected in zip(kernel.groups, means, strict=True):
        counts = expected.centre[..., None] * expected.signal + expected.rest  # lanes, terms, cells
        slopes = (counts[1 : 1 + free.size] - counts[1 + free.size :]) / (2 * STEP)
        here = Means(*(part[0] for part in expected))
        variance = TERMS[group.kind].variance(here._replace(centre=here.centre[:, None]), np.asarray(group.sigma))
        unit = (slopes / np.sqrt(np.maximum(variance, LEAST_MEAN))).reshape(free.size, -1)
        curvature += 2 * unit @ unit.T
    return curvature


def _errors(search: PolynomialSearch, y: Float[np.ndarray, " n"]) -> Float[np.ndarray, " n"]:
    """Return standard deviations of all variables that are not held, NaN where the curvature says nothing."""
    free, curvature = np.flatnonzero(~search.held), information(search, y)
    scale = np.sqrt(np.diag(curvature))
    known = scale > 0
    errors = np.full(y.size, np.nan)
    matrix = curvature[np.ix_(known, known)] / np.outer(scale[known], scale[known])
    variances = 2 * np.diag(np.linalg.pinv(matrix, hermitian=True)) / scale[known] ** 2
    errors[free[known]] = np.sqrt(np.maximum(variances, 0.0))
    return errors

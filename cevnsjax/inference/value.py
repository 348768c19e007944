"""Chi-squared at given values of parameters, by the program that fits of the same parameters use."""

from collections.abc import Mapping

import numpy as np

from cevnsjax.inference.fit import search_of
from cevnsjax.inference.search import checked
from cevnsjax.likelihood import Likelihood

__all__ = ["chi2_at"]


def chi2_at(likelihood: Likelihood, at: Mapping[str, float]) -> float:
    """Return chi^2 of a `likelihood` where parameters have the values `at`, all nuisances minimised.

    It is what `Likelihood.chi2` returns, which JAX can differentiate and which therefore has a program of its own.
    Beside a fit or a plane of the same parameters nothing is compiled for this one. Raises `InputError` as `fit` does.

    >>> from cevnsjax.inference.value import chi2_at
    >>> f"{chi2_at(cevnsjax.Likelihood('conus_plus'), {'sin2_theta_w': 0.24}):.2f}"
    '7.33'
    """
    parameters, fixed = checked(likelihood, list(at), {})
    search = search_of(likelihood, parameters, fixed)
    start, places = search.start.copy(), [search.place(p.name) for p in parameters]
    for p, place in zip(parameters, places, strict=True):
        start[place] = np.float64(search.variable(p.name, at[p.name]))
    return float(search.minima(start[None], places).value[0])

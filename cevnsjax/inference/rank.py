"""How many parameters data can tell apart."""

import numpy as np

from cevnsjax.inference.fit import Fitted
from cevnsjax.inference.pulls import information
from cevnsjax.inference.search import PolynomialSearch

__all__ = ["determined"]

DEGENERATE = 1e-9
"""An eigenvalue of the information, its diagonal scaled to one, that counts as zero."""


def determined(fitted: Fitted) -> int:
    """Return how many parameters without a constraint the data can tell apart.

    It is the rank of the information, less the number of constraints, at a general point beside the best fit: a
    coupling at zero may have no slope there. Where counts are no polynomial all free parameters are counted.
    """
    search = fitted.search
    if not isinstance(search, PolynomialSearch):
        return len(search.free)
    if search.held.all():
        return 0
    y = np.array(fitted.best)
    for p in fitted.varied:
        place = search.place(p.name)
        value = float(np.clip(float(search.value(p.name, y[place])) + fitted.steps[p.name], *p.bounds))
        y[place] = search.variable(p.name, value)
    matrix = information(search, y)
    scale = np.sqrt(np.where(np.diag(matrix) > 0, np.diag(matrix), 1.0))
    rank = int((np.linalg.eigvalsh(matrix / np.outer(scale, scale)) > DEGENERATE).sum())
    return rank - int(np.asarray(search.view.kernel.weight)[~search.held].sum())

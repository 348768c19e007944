"""Gauss-Legendre quadrature on panels whose edges carry the integration limits."""

import functools

import numpy as np
from jaxtyping import Float

from cevnsjax.numeric import AnyArray, namespace

__all__ = ["panel_nodes"]

_on_unit_panel = functools.cache(np.polynomial.legendre.leggauss)


def panel_nodes(
    low: Float[AnyArray, "*panels"], high: Float[AnyArray, "*panels"], order: int
) -> tuple[Float[AnyArray, "*panels order"], Float[AnyArray, "*panels order"]]:
    """Return the Gauss-Legendre nodes and weights, in the unit of the limits, on each panel from `low` to `high`.

    The `order` is static. Nodes and weights are differentiable in the limits, so a threshold that moves has
    its derivative; a panel of no width has zero weights.

    >>> from cevnsjax.quadrature import panel_nodes
    >>> nodes, weights = panel_nodes(np.array([0.0, 1.0]), np.array([1.0, 3.0]), order=4)
    >>> round(float((weights * nodes**3).sum()), 9)  # the integral of x^3 from 0 to 3
    20.25
    """
    xp = namespace(low, high)
    x, w = _on_unit_panel(order)
    centre, half = xp.asarray(high + low)[..., None] / 2, xp.asarray(high - low)[..., None] / 2
    return centre + half * x, half * w

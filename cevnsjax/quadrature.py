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
    """Return the Gauss-Legendre nodes and weights on each panel [low, high].

    The order is static. Nodes and weights are differentiable in the limits, so a threshold that moves has
    its derivative; a panel of no width has zero weights.
    """
    xp = namespace(low, high)
    x, w = _on_unit_panel(order)
    centre, half = xp.asarray(high + low)[..., None] / 2, xp.asarray(high - low)[..., None] / 2
    return centre + half * x, half * w

"""Gauss-Legendre quadrature on panels whose edges carry the integration limits."""

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

__all__ = ["panel_nodes"]


def panel_nodes(
    low: Float[Array, "*panels"], high: Float[Array, "*panels"], order: int
) -> tuple[Float[Array, "*panels order"], Float[Array, "*panels order"]]:
    """Return the Gauss-Legendre nodes and weights on each panel [low, high].

    The order is static. Nodes and weights are differentiable in the limits, so a threshold that moves has
    its derivative; a panel of no width has zero weights.
    """
    x, w = np.polynomial.legendre.leggauss(order)
    centre, half = (high + low)[..., None] / 2, (high - low)[..., None] / 2
    return centre + half * jnp.asarray(x), half * jnp.asarray(w)

"""The minimum of a smooth function of a few variables in a box, and how it moves with all else."""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

__all__ = ["least"]

Vector = Float[Array, " n"]
Matrix = Float[Array, "n n"]

MAX_STEPS = 50
CLOSE = 1e-9
"""A step by which the function would fall no more than this ends the search."""

SHARES = (1.0, 0.3, 0.05)
"""What is tried of a step, so that the function falls."""


def least(
    function: Callable[[Vector, Any], Float[Array, ""]],
    curvature: Callable[[Vector, Any], Matrix],
    arguments: Any,
    start: Vector,
    reach: float,
    moves: bool = True,
) -> Vector:
    """Return where function(z, arguments) is least for |z_i| <= reach.

    `curvature` approximates the Hessian by a positive definite matrix, as Gauss and Newton do. The first derivatives
    of the result in `arguments` are those of the exact minimum, by the implicit function theorem; so a function of
    the result has exact first derivatives, and the minimum itself exact second ones. Without `moves` the result has no
    derivatives, and costs less. Traceable, and vmaps.
    """
    frozen = jax.lax.stop_gradient(arguments)
    slope = jax.jacfwd(function)  # few variables, and no look-ups to transpose
    shares = jnp.asarray(SHARES)

    def stuck(z: Vector, downhill: Vector) -> Bool[Array, " n"]:
        return ((z >= reach) & (downhill > 0)) | ((z <= -reach) & (downhill < 0))

    Carry = tuple[Vector, Array, Array, Array]

    def improve(carry: Carry) -> Carry:
        z, value, _, count = carry
        downhill = -slope(z, frozen)
        step = _solve(*_within(stuck(z, downhill), curvature(z, frozen), downhill))
        trial = jnp.clip(z + shares[:, None] * step, -reach, reach)
        values = jax.vmap(function, in_axes=(0, None))(trial, frozen)
        best = jnp.argmin(values)
        better = values[best] < value
        gain = jnp.where(better, downhill @ step, 0.0)
        return jnp.where(better, trial[best], z), jnp.where(better, values[best], value), gain, count + 1

    def unfinished(carry: Carry) -> Array:
        return (carry[2] > CLOSE) & (carry[3] < MAX_STEPS)

    begin = jnp.clip(jax.lax.stop_gradient(start), -reach, reach)
    z, *_ = jax.lax.while_loop(
        unfinished, improve, (begin, function(begin, frozen), jnp.asarray(jnp.inf), jnp.asarray(0))
    )
    if not moves:
        return z
    # One more step, of Newton's own: at the minimum it leads nowhere, but its derivative is that of the minimum.
    held = stuck(z, -slope(z, frozen))
    hessian = jax.jacfwd(slope)(z, frozen)
    return z + _solve(*_within(held, hessian, -slope(z, arguments)))


def _within(held: Bool[Array, " n"], matrix: Matrix, vector: Vector) -> tuple[Matrix, Vector]:
    """Return a system of equations that leaves the variables held at the box' walls where they are."""
    free = jnp.outer(~held, ~held)
    return jnp.where(free, matrix, jnp.eye(held.size)), jnp.where(held, 0.0, vector)


def _solve(matrix: Matrix, vector: Vector) -> Vector:
    """Solve a symmetric positive definite system by elimination: unrolled, it vectorises, as library calls do not."""
    n = vector.size
    rows = [[matrix[i, j] for j in range(n)] + [vector[i]] for i in range(n)]
    for i in range(n):
        for j in range(i + 1, n):
            ratio = rows[j][i] / rows[i][i]
            rows[j] = [a - ratio * b for a, b in zip(rows[j], rows[i], strict=True)]
    solution: list[Array] = []
    for i in reversed(range(n)):
        known = sum((rows[i][n - 1 - k] * x for k, x in enumerate(solution)), start=jnp.zeros(()))
        solution.append((rows[i][n] - known) / rows[i][i])
    return jnp.stack(solution[::-1])

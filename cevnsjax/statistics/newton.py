"""The minimum of a smooth function of a few variables in a box, and how it moves with all else."""

from collections.abc import Callable
from functools import partial
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

__all__ = ["least", "minimum"]

Vector = Float[Array, " n"]
Matrix = Float[Array, "n n"]
Function = Callable[[Vector, Any], Float[Array, ""]]
Curvature = Callable[[Vector, Any], Matrix]

MAX_STEPS = 50
CLOSE, CLOSE_IN_VALUE, SHARE = 1e-12, 1e-9, 1e-13
"""A step by which the function would fall no more than this, or this share of its value, ends the search.

A minimum's place is known to the root of that, and with it derivatives; of its value alone more need not be known.
"""

FEW = 4
"""Up to how many variables the way to solve and to differentiate is that of small systems."""

SHARES = (1.0, 0.3, 0.05)
"""What is tried of a step, so that the function falls."""

DAMPING, UNDAMPED, STIFF, PATIENCE = 1e-3, 1e-3, 1e10, 200
"""Of many variables: the damping at first, below which a small step is the end, where no step helps, and how many."""


@partial(jax.custom_jvp, nondiff_argnums=(0, 1, 2))
def minimum(
    function: Function,
    curvature: Curvature,
    hessian: Curvature,
    arguments: Any,
    start: Vector,
    low: Vector | np.ndarray,
    high: Vector | np.ndarray,
) -> Float[Array, ""]:
    """Return the function where it is least; arguments are those of `least`.

    A first derivative needs no Hessian, which is why this stands beside `least`: at a minimum the function does not
    change with its place. Second derivatives are exact, too.
    """
    return function(_search(function, curvature, arguments, start, low, high, CLOSE_IN_VALUE), arguments)


@minimum.defjvp
def _slope_of_minimum(
    function: Function, curvature: Curvature, hessian: Curvature, primals: Any, tangents: Any
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    place = least(function, curvature, hessian, *primals)
    return jax.jvp(lambda arguments: function(place, arguments), primals[:1], tangents[:1])


@partial(jax.custom_jvp, nondiff_argnums=(0, 1, 2))
def least(
    function: Function,
    curvature: Curvature,
    hessian: Curvature,
    arguments: Any,
    start: Vector,
    low: Vector | np.ndarray,
    high: Vector | np.ndarray,
) -> Vector:
    """Return where function(z, arguments) is least between `low` and `high`.

    `curvature` approximates the `hessian` by a positive definite matrix, as Gauss and Newton do. Derivatives in
    `arguments` are those of the exact minimum, by the implicit function theorem, at the price of a Hessian. Traceable,
    and vmaps.
    """
    return _search(function, curvature, arguments, start, low, high, CLOSE)


@least.defjvp
def _move_of_least(
    function: Function, curvature: Curvature, hessian: Curvature, primals: Any, tangents: Any
) -> tuple[Vector, Vector]:
    arguments, _, low, high = primals
    z = least(function, curvature, hessian, *primals)
    slope = _slope(function, z.size)
    downhill, mixed = jax.jvp(lambda given: -slope(z, given), (arguments,), tangents[:1])
    second = hessian(z, arguments)
    # Far from all data a Hessian may overflow; there is no derivative to be had then, but no NaN either.
    second = jnp.where(jnp.isfinite(second).all(), second, jnp.eye(z.size))
    # Nor does a variable move on which nothing depends: the decay of a component whose height is zero.
    second += jnp.diag(jnp.where(jnp.diag(second) == 0, 1.0, 0.0))
    return z, _solve(*_within(_stuck(z, downhill, low, high), second, mixed))


def _search(
    function: Function, curvature: Curvature, arguments: Any, start: Vector, low: Any, high: Any, close: float
) -> Vector:
    """Return where the function is least, as closely as a step tells that would lower it by `close`."""
    way = _by_shares if start.size <= FEW else _damped
    return way(function, curvature, arguments, jnp.clip(start, low, high), low, high, close)


def _slope(function: Function, size: int) -> Callable[[Vector, Any], Vector]:
    """Return the gradient; a few variables go forwards, with no look-ups to transpose."""
    return jax.jacfwd(function) if size <= FEW else jax.grad(function)


def _stuck(z: Vector, downhill: Vector, low: Vector | np.ndarray, high: Vector | np.ndarray) -> Bool[Array, " n"]:
    """Return which variables stand at a wall that they would pass."""
    return ((z >= high) & (downhill > 0)) | ((z <= low) & (downhill < 0))


def _by_shares(
    function: Function, curvature: Curvature, arguments: Any, begin: Vector, low: Any, high: Any, close: float
) -> Vector:
    """Try shares of a step at once: what few variables need is few steps."""
    slope = _slope(function, begin.size)
    Carry = tuple[Vector, Array, Array, Array]

    def improve(carry: Carry) -> Carry:
        z, value, _, count = carry
        downhill = -slope(z, arguments)
        step = _solve(*_within(_stuck(z, downhill, low, high), curvature(z, arguments), downhill))
        trial = jnp.clip(z + jnp.asarray(SHARES)[:, None] * step, low, high)
        values = jax.vmap(function, in_axes=(0, None))(trial, arguments)
        best = jnp.argmin(values)
        better = values[best] < value
        gain = jnp.where(better, downhill @ step, 0.0)
        return jnp.where(better, trial[best], z), jnp.where(better, values[best], value), gain, count + 1

    def unfinished(carry: Carry) -> Array:
        return (carry[2] > close + SHARE * jnp.abs(carry[1])) & (carry[3] < MAX_STEPS)

    first = begin, function(begin, arguments), jnp.asarray(jnp.inf), jnp.asarray(0)
    z, *_ = jax.lax.while_loop(unfinished, improve, first)
    return z


def _damped(
    function: Function, curvature: Curvature, arguments: Any, begin: Vector, low: Any, high: Any, close: float
) -> Vector:
    """Take Levenberg and Marquardt's steps: many variables may begin where no share of an undamped one helps."""
    slope = _slope(function, begin.size)
    Carry = tuple[Vector, Array, Array, Array, Array]

    def improve(carry: Carry) -> Carry:
        z, value, _, damping, count = carry
        downhill, matrix = -slope(z, arguments), curvature(z, arguments)
        matrix += damping * jnp.diag(jnp.diag(matrix))
        step = _solve(*_within(_stuck(z, downhill, low, high), matrix, downhill))
        trial = jnp.clip(z + step, low, high)
        there = function(trial, arguments)
        better = there < value
        damping = jnp.where(better, damping / 10, damping * 10)
        return jnp.where(better, trial, z), jnp.where(better, there, value), downhill @ step, damping, count + 1

    def unfinished(carry: Carry) -> Array:
        _, value, gain, damping, count = carry
        found = (gain <= close + SHARE * jnp.abs(value)) & (damping <= UNDAMPED)
        return ~found & (damping < STIFF) & (count < PATIENCE)

    first = begin, function(begin, arguments), jnp.asarray(jnp.inf), jnp.asarray(DAMPING), jnp.asarray(0)
    z, *_ = jax.lax.while_loop(unfinished, improve, first)
    return z


def _within(held: Bool[Array, " n"], matrix: Matrix, vector: Vector) -> tuple[Matrix, Vector]:
    """Return a system of equations that leaves the variables held at the box' walls where they are."""
    free = jnp.outer(~held, ~held)
    return jnp.where(free, matrix, jnp.eye(held.size)), jnp.where(held, 0.0, vector)


def _solve(matrix: Matrix, vector: Vector) -> Vector:
    """Solve a symmetric positive definite system; a small one by elimination, which vectorises."""
    n = vector.size
    if n > FEW:
        return jnp.linalg.solve(matrix, vector)
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

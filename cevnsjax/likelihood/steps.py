"""Levenberg and Marquardt's steps within bounds, of several searches side by side.

What only some of them need, a second system of equations or a step that ends at a wall, is calculated where one of them
needs it: most steps are simple.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

__all__ = ["STIFF", "UNDAMPED", "Local", "State", "begun", "improved", "scale_of", "within"]

Vector = Float[Array, " n"]
Matrix = Float[Array, "n n"]
Held = Bool[Array, " n"]

DAMPING, UNDAMPED, STIFF = 1e-3, 1e-2, 1e12
"""First damping; largest damping at which a small step ends the search; damping at which the search gives up."""

EASED, GROWTH, AFRESH = 0.1, 2.0, 1e-4
"""Least factor on the damping after a step that was taken; that after one that was not, doubled for each further one;
and the least damping after such a step: where a curvature changes of a sudden, it may have fallen far below."""

BEYOND = 2
"""Steps that a search follows in a row though they end higher than its best place. A valley that bends is left by every
long step along it, and the next step leads back into it, further on."""

FLAT = 1e-3
"""Damping takes no diagonal element for smaller than this share of the largest: a coupling that enters squared has none
at zero, and would move without end."""

RIDGE = 1e-12
"""Added to the curvature, relative to its largest diagonal element, so that a flat direction has a finite step."""


class Local(NamedTuple):
    """A function at a point: its value and gradient, a curvature that is positive semi-definite, and what this lacks.

    Curvature and `bent` together are the better approximation of the Hessian, but perhaps indefinite.
    """

    value: Float[Array, "*lanes"]
    gradient: Float[Array, "*lanes n"]
    curvature: Float[Array, "*lanes n n"]
    bent: Float[Array, "*lanes n n"]


class State(NamedTuple):
    """Where searches are: the best place, that from which the last step was made, and that which is tried next.

    The last step was made from the best place, or from the trial before, where `beyond` says how many trials in a row
    were higher than the best place. `gain` is the gradient's share of the fall that is `predicted` for the trial.
    """

    place: Float[Array, "*lanes n"]
    best: Local
    origin: Float[Array, "*lanes n"]
    here: Local
    beyond: Int[Array, "*lanes"]
    trial: Float[Array, "*lanes n"]
    gain: Float[Array, "*lanes"]
    predicted: Float[Array, "*lanes"]
    damping: Float[Array, "*lanes"]
    growth: Float[Array, "*lanes"]
    steps: Int[Array, "*lanes"]


def begun(start: Vector, safe: Vector | None = None) -> State:
    """Return a search's state before the first step, which is none: it evaluates the start, and if need be `safe`."""
    n, infinite, none = start.size, jnp.asarray(jnp.inf), jnp.asarray(0)
    nowhere = Local(infinite, jnp.zeros(n), jnp.eye(n), jnp.zeros((n, n)))
    place, damping, growth = start if safe is None else safe, jnp.asarray(DAMPING), jnp.asarray(GROWTH)
    return State(place, nowhere, place, nowhere, none, start, infinite, infinite, damping, growth, none)


def improved(there: Local, kept: Bool[Array, "lanes n"], low: Vector, high: Vector, state: State) -> State:
    """Return the states after a step, from the function at the trial points: the next ones are chosen.

    All but the walls have the lanes as their leading axis.
    """
    state = jax.vmap(_judged)(there, state)
    origin, here = state.origin, state.here
    downhill, stuck, ridge = jax.vmap(_forces, (0, None, None, 0, 0, 0))(kept, low, high, origin, here, state.damping)
    damped = here.curvature + jax.vmap(jnp.diag)(ridge)
    full = damped + here.bent
    solve = jax.vmap(lambda *system: _solved(*within(*system)))
    step, definite = solve(stuck, full, downhill)
    plain = jax.lax.cond(jnp.all(definite), lambda: step, lambda: solve(stuck, damped, downhill)[0])
    step = jnp.where(definite[:, None], step, plain)
    system = jnp.where(definite[:, None, None], full, damped)
    below, above = low - origin, high - origin
    beyond = jnp.any(~stuck & ((step < below) | (step > above)))
    step = jax.lax.cond(
        beyond,
        lambda: jax.vmap(_within_walls)(stuck, system, downhill, step, below, above),
        lambda: jnp.where(stuck, 0.0, step),
    )
    # The sum may pass a wall by its last digit.
    trial = jnp.where(stuck, origin, jnp.clip(origin + step, low, high))
    gain = jnp.sum(downhill * step, axis=-1)
    along = jnp.einsum("lij,lj->li", system, step) - ridge * step
    predicted = gain - jnp.sum(step * along, axis=-1) / 2
    return state._replace(trial=trial, gain=gain, predicted=predicted, steps=state.steps + 1)


def _judged(there: Local, state: State) -> State:
    """Return the state of a search that knows the function at its trial, where the next step begins, and its damping.

    It begins at the trial, or where too many in a row were higher than the best place, at this (the watchdog technique:
    R. M. Chamberlain et al., Math. Program. Study 16, 1 (1982)). The damping follows how well the last step was
    predicted (H. B. Nielsen, IMM-REP-1999-05, Technical University of Denmark).
    """
    better = there.value < state.best.value
    goes_on = ~better & (state.beyond < BEYOND) & jnp.isfinite(there.value)
    ratio = (state.here.value - there.value) / state.predicted
    eased = jnp.maximum(EASED, 1 - (2 * ratio - 1) ** 3)
    stiffer = jnp.where(goes_on, state.damping, jnp.maximum(state.damping * state.growth, AFRESH))
    damping = jnp.where(state.steps == 0, DAMPING, jnp.where(better, state.damping * eased, stiffer))
    growth = jnp.where(better, GROWTH, jnp.where(goes_on, 1.0, GROWTH) * state.growth)
    place, best = _chosen(better, (state.trial, there), (state.place, state.best))
    origin, here = _chosen(goes_on, (state.trial, there), (place, best))
    beyond = jnp.where(goes_on, state.beyond + 1, 0)
    return state._replace(
        place=place, best=best, origin=origin, here=here, beyond=beyond, damping=damping, growth=growth
    )


def _chosen(first: Bool[Array, ""], one: tuple[Vector, Local], other: tuple[Vector, Local]) -> tuple[Vector, Local]:
    return jax.tree.map(lambda left, right: jnp.where(first, left, right), one, other)


def _forces(
    kept: Held, low: Vector, high: Vector, place: Vector, here: Local, damping: Float[Array, ""]
) -> tuple[Vector, Held, Vector]:
    """Return what drives a search downhill, which variables do not move, and what is added to the diagonal."""
    downhill = -here.gradient
    stuck = kept | ((place >= high) & (downhill > 0)) | ((place <= low) & (downhill < 0))
    diagonal = jnp.diag(here.curvature)
    largest = jnp.max(jnp.where(stuck, 0.0, diagonal))
    return downhill, stuck, damping * jnp.maximum(diagonal, FLAT * largest) + RIDGE * largest


def _within_walls(stuck: Held, matrix: Matrix, downhill: Vector, step: Vector, below: Vector, above: Vector) -> Vector:
    """Return a step within walls, from one that may lead beyond them.

    It is the best of three by the quadratic model: the step up to the first wall, the step with each variable stopped
    at its own wall, and the same with the other variables at their best for that. The first always leads downhill.
    """
    share = jnp.where(step > 0, above, below) / jnp.where(step == 0, 1.0, step)
    shortest = jnp.min(jnp.where(stuck | (step == 0), 1.0, jnp.minimum(share, 1.0)))
    stopped = jnp.where(stuck, 0.0, jnp.clip(step, below, above))
    beyond = ~stuck & (stopped != step)
    to_wall = jnp.where(beyond, stopped, 0.0)
    others, _ = _solved(*within(stuck | beyond, matrix, downhill - matrix @ to_wall))
    along = jnp.clip(jnp.where(beyond, stopped, others), below, above)
    choices = jnp.stack([shortest * jnp.where(stuck, 0.0, step), stopped, jnp.where(stuck, 0.0, along)])
    falls = jax.vmap(lambda one: downhill @ one - one @ (matrix @ one) / 2)(choices)
    return choices[jnp.argmax(falls)]


def within(kept: Held, matrix: Matrix, vector: Vector) -> tuple[Matrix, Vector]:
    """Return a system of equations that leaves some variables where they are."""
    free = jnp.outer(~kept, ~kept)
    return jnp.where(free, matrix, jnp.eye(kept.size)), jnp.where(kept, 0.0, vector)


def _solved(matrix: Matrix, vector: Vector) -> tuple[Vector, Bool[Array, ""]]:
    """Return the solution of a symmetric system of equations, and whether its matrix is positive definite.

    Gauss' and Jordan's elimination, which vectorises, as LAPACK does not: systems are small and many. (Where two of its
    calls ran side by side, a program once waited for ever.) Rows and columns are brought to one scale, as variables
    may differ by orders of magnitude.
    """
    scale = scale_of(matrix)
    rows = jnp.concatenate([matrix / scale[:, None] / scale, (vector / scale)[:, None]], axis=1)

    def eliminate(rows: Array, i: Array) -> tuple[Array, Array]:
        pivot = rows[i, i]
        row = rows[i] / pivot
        return (rows - jnp.outer(rows[:, i], row)).at[i].set(row), pivot

    rows, pivots = jax.lax.scan(eliminate, rows, jnp.arange(vector.size))
    return rows[:, -1] / scale, pivots.min() > 0


def scale_of(matrix: Matrix) -> Vector:
    """Return factors that bring rows and columns to one scale: divided by them the diagonal is one."""
    return jnp.sqrt(jnp.maximum(jnp.abs(jnp.diag(matrix)), 1e-300))

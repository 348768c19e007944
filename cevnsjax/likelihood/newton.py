"""The one minimiser: damped Gauss-Newton over couplings and nuisances within bounds, and how a minimum moves.

Which variables are held is an array, so that one program serves every profile of every parameter. A minimum's
derivatives are exact, by the implicit function theorem: a profiled chi-squared may be differentiated like any other
function.
"""

from collections.abc import Callable
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float, Int

from cevnsjax.likelihood.kernel import Data, Kernel
from cevnsjax.likelihood.objective import chi2, quadratic

__all__ = ["MAX_STEPS", "Local", "Minimum", "descend", "first_step", "minimise", "minimise_all", "minimum", "place"]

Vector = Float[Array, " n"]
Matrix = Float[Array, "n n"]
Held = Bool[Array, " n"]

MAX_STEPS = 100
"""Largest number of steps, those that were not taken included."""

CLOSE, SHARE = 1e-12, 1e-13
"""A step by which chi-squared would fall no more than this, or this share of its value, ends the search."""

FAR_SHARE = 1e-3
"""The share of chi-squared above `far` that a search may leave: nobody asks for its digits there."""

DAMPING, UNDAMPED, STIFF = 1e-3, 1e-2, 1e12
"""First damping; largest damping at which a small step ends the search; damping at which the search gives up."""

EASED, GROWTH, AFRESH = 0.1, 2.0, 1e-4
"""Least factor on the damping after a step that was taken; that after one that was not, doubled for each further one;
and the least damping after such a step: where a curvature changes of a sudden, it may have fallen far below."""

FLAT = 1e-3
"""Damping takes no diagonal element for smaller than this share of the largest: a coupling that enters squared has none
at zero, and would move without end."""

RIDGE = 1e-12
"""Added to the curvature, relative to its largest diagonal element, so that a flat direction has a finite step."""


class Minimum(NamedTuple):
    """Where chi-squared is least, its value, whether the search ended by itself, and the number of steps."""

    place: Vector
    value: Float[Array, ""]
    converged: Bool[Array, ""]
    steps: Int[Array, ""]


class Local(NamedTuple):
    """A function at a point: its value and gradient, a curvature that is positive semi-definite, and what this lacks.

    Curvature and `bent` together are the better approximation of the Hessian, but perhaps indefinite.
    """

    value: Float[Array, ""]
    gradient: Vector
    curvature: Matrix
    bent: Matrix


class _State(NamedTuple):
    place: Vector
    here: Local
    trial: Vector
    gain: Array
    predicted: Array
    damping: Array
    growth: Array
    steps: Array


def minimise(kernel: Kernel, data: Data, start: Vector, held: Held, close: float = CLOSE) -> Minimum:
    """Return the minimum of a kernel's chi-squared that is reached from a start; held variables stay there.

    The search ends where a step would lower chi-squared by no more than `close`. Traceable, and vmaps. Closed factors
    are not searched for. Where everything is held this is an evaluation.
    """
    start = jnp.where(held, start, jnp.clip(start, kernel.low, kernel.high))
    kept = held | (kernel.closed > 0)
    return descend(lambda y: Local(*quadratic(kernel, data, y, held)), start, kept, kernel.low, kernel.high, close)


def minimise_all(
    kernel: Kernel,
    data: Data,
    start: Float[Array, "jobs n"],
    held: Bool[Array, "jobs n"],
    number: Int[Array, ""] | int,
    together: int,
    close: float = CLOSE,
    far: Float[Array, ""] | float = jnp.inf,
    onward: Bool[Array, "jobs n"] | None = None,
    safe: Vector | None = None,
) -> Minimum:
    """Return the minima of the first `number` of many searches, `together` of which are under way at any time.

    `data` have a leading axis: search i is of data i // (jobs / data). Where a search ends the next one takes its
    place, so that none waits for the slowest: searches side by side take as many steps as all need together. Minima of
    other jobs are zeros. A search ends where a step would lower chi-squared by no more than `close`, and above `far`
    by no more than a share of what it lies above it.

    Searches of the same data may follow each other: where `onward` a variable's start counts from the minimum of the
    search before, and the first search of each data has none before. Where chi-squared is not finite at a start the
    search begins at `safe`.
    """
    jobs = len(start)
    kept = held | (kernel.closed > 0)
    share = jobs // len(data.centre)
    chain = 1 if onward is None else share

    def begun(job: Array, found: Minimum) -> _State:
        job = jnp.minimum(job, jobs - 1)
        first = start[job]
        if onward is not None:
            first += jnp.where(onward[job], found.place[job - 1], 0.0)
        first = jnp.where(held[job], first, jnp.clip(first, kernel.low, kernel.high))
        return _begun(first, None if safe is None else jnp.where(held[job], first, safe))

    def one_step(job: Array, state: _State) -> tuple[_State, Array]:
        given = jax.tree.map(lambda leaf: leaf[job // share], data)
        state = _improve(
            lambda y: Local(*quadratic(kernel, given, y, held[job])), kept[job], kernel.low, kernel.high, state
        )
        return state, _unfinished(kept[job], close, far, state)

    def turn(carry: tuple[Array, _State, Minimum]) -> tuple[Array, _State, Minimum]:
        job, state, found = carry
        state, going = jax.vmap(one_step)(jnp.minimum(job, jobs - 1), state)
        # Lanes without a job write nowhere.
        found = jax.tree.map(
            lambda all_jobs, lanes: all_jobs.at[jnp.where(going, jobs, job)].set(lanes, mode="drop"),
            found,
            jax.vmap(_reached)(state),
        )
        # A lane goes on with the next search of its own data, else with the next data.
        over = ~going & (job % chain == chain - 1)
        afresh = chain * (jnp.max(job) // chain + jnp.cumsum(over))
        job = jnp.where(going, job, jnp.where(over, afresh, job + 1))
        state = jax.tree.map(
            lambda new, old: jnp.where(going.reshape(-1, *[1] * (old.ndim - 1)), old, new),
            jax.vmap(begun, (0, None))(job, found),
            state,
        )
        return jnp.where(job < number, job, jobs), state, found

    lanes = chain * jnp.arange(together)
    nothing = Minimum(
        jnp.zeros_like(start), jnp.zeros(jobs), jnp.zeros(jobs, dtype=bool), jnp.zeros(jobs, dtype=lanes.dtype)
    )
    first = jnp.where(lanes < number, lanes, jobs), jax.vmap(begun, (0, None))(lanes, nothing), nothing
    return jax.lax.while_loop(lambda carry: jnp.any(carry[0] < number), turn, first)[2]


def descend(
    function: Callable[[Vector], Local],
    start: Vector,
    kept: Held,
    low: Vector,
    high: Vector,
    close: float = CLOSE,
    far: Float[Array, ""] | float = jnp.inf,
) -> Minimum:
    """Return the minimum that Levenberg and Marquardt's steps reach within bounds, some variables kept.

    A start where the function is not finite ends at once. Above `far` searches end early, as in `minimise_all`.
    Traceable, and vmaps.
    """
    last = jax.lax.while_loop(
        lambda state: _unfinished(kept, close, far, state),
        lambda state: _improve(function, kept, low, high, state),
        _begun(start),
    )
    return _reached(last)


def first_step(kernel: Kernel, here: Local, start: Vector, held: Held) -> Vector:
    """Return where a search's first step leads from a start at which the function is known. Traceable, and vmaps."""
    kept = held | (kernel.closed > 0)
    return _improve(lambda _: here, kept, kernel.low, kernel.high, _begun(start)).trial


def _begun(start: Vector, safe: Vector | None = None) -> _State:
    """Return the state before the first step, which is none: it evaluates the start, and if need be `safe`."""
    n, infinite = start.size, jnp.asarray(jnp.inf)
    nowhere = Local(infinite, jnp.zeros(n), jnp.eye(n), jnp.zeros((n, n)))
    place, damping = start if safe is None else safe, jnp.asarray(DAMPING)
    return _State(place, nowhere, start, infinite, infinite, damping, jnp.asarray(GROWTH), jnp.asarray(0))


def _improve(function: Callable[[Vector], Local], kept: Held, low: Vector, high: Vector, state: _State) -> _State:
    """Return the state after a step: the trial point of the one before is evaluated, and the next one chosen.

    So a program contains the function once. The damping follows how well the last step was predicted (H. B. Nielsen,
    IMM-REP-1999-05, Technical University of Denmark).
    """
    there = function(state.trial)
    better = there.value < state.here.value
    ratio = (state.here.value - there.value) / state.predicted
    eased = jnp.maximum(EASED, 1 - (2 * ratio - 1) ** 3)
    damping = jnp.where(better, state.damping * eased, jnp.maximum(state.damping * state.growth, AFRESH))
    damping = jnp.where(state.steps == 0, DAMPING, damping)
    place = jnp.where(better, state.trial, state.place)
    here = jax.tree.map(lambda new, old: jnp.where(better, new, old), there, state.here)
    downhill = -here.gradient
    stuck = kept | ((place >= high) & (downhill > 0)) | ((place <= low) & (downhill < 0))
    diagonal = jnp.diag(here.curvature)
    largest = jnp.max(jnp.where(stuck, 0.0, diagonal))
    ridge = damping * jnp.maximum(diagonal, FLAT * largest) + RIDGE * largest
    damped = here.curvature + jnp.diag(ridge)
    systems = jnp.stack([damped + here.bent, damped])
    (exact, plain), (definite, _) = jax.vmap(lambda one: _solved(*_within(stuck, one, downhill)))(systems)
    step = jnp.where(definite, exact, plain)
    system = jnp.where(definite, systems[0], systems[1])
    step = _within_walls(stuck, system, downhill, step, low - place, high - place)
    # The sum may pass a wall by its last digit.
    trial = jnp.where(stuck, place, jnp.clip(place + step, low, high))
    gain = downhill @ step
    predicted = gain - step @ (system @ step - ridge * step) / 2
    growth = jnp.where(better, GROWTH, GROWTH * state.growth)
    return _State(place, here, trial, gain, predicted, damping, growth, state.steps + 1)


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
    others, _ = _solved(*_within(stuck | beyond, matrix, downhill - matrix @ to_wall))
    along = jnp.clip(jnp.where(beyond, stopped, others), below, above)
    choices = jnp.stack([shortest * jnp.where(stuck, 0.0, step), stopped, jnp.where(stuck, 0.0, along)])
    falls = jax.vmap(lambda one: downhill @ one - one @ (matrix @ one) / 2)(choices)
    return choices[jnp.argmax(falls)]


def _unfinished(kept: Held, close: float, far: Float[Array, ""] | float, state: _State) -> Bool[Array, ""]:
    small = close + SHARE * jnp.abs(state.here.value) + FAR_SHARE * jnp.maximum(state.here.value - far, 0.0)
    near = (state.gain == 0) | ((state.gain <= small) & (state.damping <= UNDAMPED))
    going = ~near & (state.damping < STIFF) & jnp.isfinite(state.here.value) & ~kept.all()
    # A start where the function is not finite is followed by the place that is said to be safe.
    begins = (state.steps == 0) | ((state.steps == 1) & ~jnp.isfinite(state.here.value))
    return begins | (going & (state.steps < MAX_STEPS))


def _reached(last: _State) -> Minimum:
    converged = jnp.isfinite(last.here.value) & (last.steps < MAX_STEPS)
    return Minimum(last.place, last.here.value, converged, last.steps)


Arguments = tuple[Kernel, Data, Vector, Held]


@jax.custom_jvp
def minimum(arguments: Arguments) -> Float[Array, ""]:
    """Return chi-squared minimised over what is not held; arguments are kernel, data, start, and what is held.

    A first derivative needs no Hessian, which is why this stands beside `place`: at a minimum the function does not
    change with its place. Second derivatives are exact, too.
    """
    return minimise(*arguments).value


@minimum.defjvp
def _slope_of_minimum(primals: Any, tangents: Any) -> tuple[Array, Array]:
    (arguments,), (moved,) = primals, tangents
    best = place(arguments)
    return jax.jvp(lambda given: _at(best, given), (arguments,), (moved,))


def _at(best: Vector, arguments: Arguments) -> Float[Array, ""]:
    """Return chi-squared with what is held as the arguments have it, and the rest at its best."""
    kernel, data, y, held = arguments
    return chi2(kernel, data, jnp.where(held, y, best), held)


@jax.custom_jvp
def place(arguments: Arguments) -> Vector:
    """Return where chi-squared is least; derivatives are those of the exact minimum, at the price of a Hessian."""
    return minimise(*arguments).place


@place.defjvp
def _move_of_place(primals: Any, tangents: Any) -> tuple[Vector, Vector]:
    (arguments,), (moved,) = primals, tangents
    best = place(arguments)
    kernel, _, _, held = arguments
    slope = jax.grad(_at)
    downhill, mixed = jax.jvp(lambda given: -slope(best, given), (arguments,), (moved,))
    second = jax.jacfwd(slope)(best, arguments)
    # Far from all data the Hessian may overflow. The derivative is meaningless there, but it is not NaN.
    second = jnp.where(jnp.isfinite(second).all(), second, jnp.eye(best.size))
    kept = (
        held | (kernel.closed > 0) | ((best >= kernel.high) & (downhill > 0)) | ((best <= kernel.low) & (downhill < 0))
    )
    # Nor does a variable move on which nothing depends: the decay of a component whose height is zero.
    kept |= jnp.diag(second) == 0
    matrix, vector = _within(kept, second, mixed)
    scale = _scale(matrix)
    # LAPACK's solution is linear in the vector also for JAX, which transposes it for a gradient.
    step = jnp.linalg.solve(matrix / scale[:, None] / scale, vector / scale) / scale
    return best, jnp.where(held, moved[2], step)


def _within(kept: Held, matrix: Matrix, vector: Vector) -> tuple[Matrix, Vector]:
    """Return a system of equations that leaves some variables where they are."""
    free = jnp.outer(~kept, ~kept)
    return jnp.where(free, matrix, jnp.eye(kept.size)), jnp.where(kept, 0.0, vector)


def _solved(matrix: Matrix, vector: Vector) -> tuple[Vector, Bool[Array, ""]]:
    """Return the solution of a symmetric system of equations, and whether its matrix is positive definite.

    Gauss' and Jordan's elimination, which vectorises, as LAPACK does not: systems are small and many. (Where two of its
    calls ran side by side, a program once waited for ever.) Rows and columns are brought to one scale, as variables
    may differ by orders of magnitude.
    """
    scale = _scale(matrix)
    rows = jnp.concatenate([matrix / scale[:, None] / scale, (vector / scale)[:, None]], axis=1)

    def eliminate(rows: Array, i: Array) -> tuple[Array, Array]:
        pivot = rows[i, i]
        row = rows[i] / pivot
        return (rows - jnp.outer(rows[:, i], row)).at[i].set(row), pivot

    rows, pivots = jax.lax.scan(eliminate, rows, jnp.arange(vector.size))
    return rows[:, -1] / scale, pivots.min() > 0


def _scale(matrix: Matrix) -> Vector:
    """Return factors that bring rows and columns to one scale: divided by them the diagonal is one."""
    return jnp.sqrt(jnp.maximum(jnp.abs(jnp.diag(matrix)), 1e-300))

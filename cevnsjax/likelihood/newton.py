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
from cevnsjax.likelihood.steps import STIFF, UNDAMPED, Local, State, begun, improved, scale_of, within

__all__ = ["MAX_STEPS", "Local", "Minimum", "descend", "first_step", "minimise", "minimise_all", "minimum", "place"]

Vector = Float[Array, " n"]
Held = Bool[Array, " n"]

MAX_STEPS = 100
"""Largest number of steps, those that were not taken included."""

CLOSE, SHARE = 1e-12, 1e-13
"""A step by which chi-squared would fall no more than this, or this share of its value, ends the search."""

FAR_SHARE = 1e-3
"""The share of chi-squared above `far` that a search may leave: nobody asks for its digits there."""


class Minimum(NamedTuple):
    """Where chi-squared is least, its value, whether the search ended by itself, and the number of steps."""

    place: Vector
    value: Float[Array, ""]
    converged: Bool[Array, ""]
    steps: Int[Array, ""]


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

    def from_start(job: Array, found: Minimum) -> State:
        job = jnp.minimum(job, jobs - 1)
        first = start[job]
        if onward is not None:
            first += jnp.where(onward[job], found.place[job - 1], 0.0)
        first = jnp.where(held[job], first, jnp.clip(first, kernel.low, kernel.high))
        return begun(first, None if safe is None else jnp.where(held[job], first, safe))

    def at_trial(job: Array, trial: Vector) -> Local:
        return Local(*quadratic(kernel, jax.tree.map(lambda leaf: leaf[job // share], data), trial, held[job]))

    def turn(carry: tuple[Array, State, Minimum]) -> tuple[Array, State, Minimum]:
        job, state, found = carry
        lane = jnp.minimum(job, jobs - 1)
        state = improved(jax.vmap(at_trial)(lane, state.trial), kept[lane], kernel.low, kernel.high, state)
        going = jax.vmap(_unfinished, (0, None, None, 0))(kept[lane], close, far, state)
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
            jax.vmap(from_start, (0, None))(job, found),
            state,
        )
        return jnp.where(job < number, job, jobs), state, found

    lanes = chain * jnp.arange(together)
    nothing = Minimum(
        jnp.zeros_like(start), jnp.zeros(jobs), jnp.zeros(jobs, dtype=bool), jnp.zeros(jobs, dtype=lanes.dtype)
    )
    first = jnp.where(lanes < number, lanes, jobs), jax.vmap(from_start, (0, None))(lanes, nothing), nothing
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
        lambda state: _one_improved(function(state.trial), kept, low, high, state),
        begun(start),
    )
    return _reached(last)


def first_step(kernel: Kernel, here: Local, start: Vector, held: Held) -> Vector:
    """Return where a search's first step leads from a start at which the function is known. Traceable, and vmaps."""
    kept = held | (kernel.closed > 0)
    return _one_improved(here, kept, kernel.low, kernel.high, begun(start)).trial


def _one_improved(there: Local, kept: Held, low: Vector, high: Vector, state: State) -> State:
    """Return the state of one search after a step."""
    there, kept, state = jax.tree.map(lambda leaf: leaf[None], (there, kept, state))
    return jax.tree.map(lambda leaf: leaf[0], improved(there, kept, low, high, state))


def _unfinished(kept: Held, close: float, far: Float[Array, ""] | float, state: State) -> Bool[Array, ""]:
    value = state.best.value
    small = close + SHARE * jnp.abs(value) + FAR_SHARE * jnp.maximum(value - far, 0.0)
    near = (state.gain == 0) | ((state.gain <= small) & (state.damping <= UNDAMPED))
    going = ~(near & (state.beyond == 0)) & (state.damping < STIFF) & jnp.isfinite(value) & ~kept.all()
    # A start where the function is not finite is followed by the place that is said to be safe.
    begins = (state.steps == 0) | ((state.steps == 1) & ~jnp.isfinite(value))
    return begins | (going & (state.steps < MAX_STEPS))


def _reached(last: State) -> Minimum:
    converged = jnp.isfinite(last.best.value) & (last.steps < MAX_STEPS)
    return Minimum(last.place, last.best.value, converged, last.steps)


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
    matrix, vector = within(kept, second, mixed)
    scale = scale_of(matrix)
    # LAPACK's solution is linear in the vector also for JAX, which transposes it for a gradient.
    step = jnp.linalg.solve(matrix / scale[:, None] / scale, vector / scale) / scale
    return best, jnp.where(held, moved[2], step)

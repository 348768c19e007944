"""Delta chi-squared of toys: each is drawn at a true point, and fitted there and with what is tested free."""

import dataclasses
from collections.abc import Mapping, Sequence
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from cevnsjax.compilation import at_once, over_devices
from cevnsjax.errors import InputError
from cevnsjax.inference.fit import Fitted
from cevnsjax.inference.search import PolynomialSearch
from cevnsjax.likelihood import Likelihood
from cevnsjax.likelihood.kernel import Data, Kernel, with_shapes
from cevnsjax.likelihood.newton import Local, first_step, minimise_all
from cevnsjax.likelihood.objective import chi2, expansion, quadratic, with_closed
from cevnsjax.parameters import Parameter
from cevnsjax.programs import program
from cevnsjax.toys.draw import by_threads, chunks, drawn

__all__ = ["Hypotheses", "check_profiled", "check_tested", "deltas_at", "deltas_of", "hypotheses", "quantiles"]

COARSE = {1: 32, 2: 12}
"""Numbers of values, for one and for two parameters, at which chi^2 of each toy is calculated before its fit.

They lie in the middle of even parts of the range, of which no end and, as numbers are even, no centre is one: where a
coupling is zero, chi^2 may have a saddle, from which no search finds its way."""

WIDE = 40.0
"""How far these reach where a parameter has no bounds, in typical steps of the data."""

CANDIDATES = 1
"""How many of the best of them a fit of a toy starts from, beside the truth."""

TIE = 1e-6
"""Added to critical values: toys with the very counts of the data differ from these by what searches leave."""

CLOSE = 1e-6
"""A step that would lower a toy's chi-squared by no more ends its search."""

TOGETHER, LARGE, FEW = 24, 16, 8
"""Toys that a processor does at once: more than for a single fit, as there are enough of them. Searches of `LARGE` or
more variables are `FEW`: each keeps the processor busy, and there are fewer idle places when the last ones end."""


@dataclasses.dataclass(frozen=True, eq=False)
class Hypotheses:
    """True points, as variables, and what toys are fitted with: the variables held, those tested, coarse values."""

    kernel: Kernel
    truths: Float[np.ndarray, "points n"]
    held: Bool[np.ndarray, " n"]
    tested: Int[np.ndarray, " parameters"]
    coarse: Float[np.ndarray, "candidates parameters"]


def check_profiled(likelihood: Likelihood) -> None:
    """Raise `InputError` where a normalisation is integrated."""
    if likelihood.pull != "profiled":
        raise InputError("toys need nuisances that are minimised; make the likelihood with pull='profiled'")


def check_tested(likelihood: Likelihood, search: PolynomialSearch | None, parameters: Sequence[Parameter]) -> None:
    """Raise `InputError` for a parameter that toys cannot test: a mass, or once there is a search, a closed factor."""
    own = {p.name for p in likelihood.model.parameters}
    for p in parameters:
        if p.power is None and p.name in own:
            raise InputError(f"toys cannot test '{p.name}': give it a value by --set, and take a coupling")
        if search is not None and not search.moves(p.name):
            raise InputError(f"'{p.name}' is minimised in closed form: toys cannot test it")


def hypotheses(
    search: PolynomialSearch,
    parameters: Sequence[Parameter],
    columns: Sequence[Float[np.ndarray, " points"]],
    known: Mapping[str, float] | None = None,
) -> tuple[Hypotheses, Float[np.ndarray, " points"]]:
    """Return the hypotheses that parameters have the values in columns, and Delta chi^2 of the data at each.

    True nuisances are those in `known`, and for the rest those that suit the data best at each point.
    """
    fitted = Fitted(search)
    tested = [search.place(p.name) for p in parameters]
    starts = np.tile(fitted.best, (columns[0].size, 1))
    for place, p, column in zip(tested, parameters, columns, strict=True):
        starts[:, place] = search.variable(p.name, column)
    given = search.held.copy()
    for name, value in (known or {}).items():
        starts[:, search.place(name)] = search.variable(name, value)
        given[search.place(name)] = True
    minima = search.minima(starts, [*tested, *np.flatnonzero(given).tolist()])
    least = fitted.chi2_min
    if minima.value.min() < least - 1e-9:
        least = min(least, float(search.minima(minima.place[[minima.best()]]).value[0]))
    kernel, data = search.view.kernel, search.view.data
    truths = np.asarray(_all_closed(kernel, data, minima.place, given))
    ranges = []
    for p, column in zip(parameters, columns, strict=True):
        reach = WIDE * max(fitted.steps[p.name], 0.0)
        middle = fitted.best_fit()[p.name]
        low, high = (end if np.isfinite(end) else middle + s * reach for end, s in zip(p.bounds, (-1, 1), strict=True))
        low, high = min(low, column.min()), max(high, column.max())
        parts = COARSE[len(parameters)]
        ranges.append(low + (high - low) * (np.arange(parts) + 0.5) / parts)
    coarse = [
        np.asarray(search.variable(p.name, column.ravel()))
        for p, column in zip(parameters, np.meshgrid(*ranges), strict=True)
    ]
    found = Hypotheses(kernel, truths, search.held, np.array(tested), np.stack(coarse, axis=1))
    return found, minima.value - least


@program(effort=1)
def _all_closed(
    kernel: Kernel, data: Data, y: Float[Array, "points n"], held: Bool[Array, " n"]
) -> Float[Array, "points n"]:
    return jax.vmap(lambda one: with_closed(kernel, data, one, held))(y)


def deltas_at(
    given: Hypotheses, seed: int, toys: int, points: Int[np.ndarray, " block"]
) -> Float[np.ndarray, "block toys"]:
    """Return Delta chi^2 at the truth for toys of each of a block of points.

    Toys depend on the seed, the point and their number, and not on what they are calculated with.
    """
    pieces = [(point, number) for point in points.tolist() for number in chunks(toys).tolist()]
    delta = by_threads(partial(_chunk, given, seed), pieces)
    return delta.reshape(len(points), -1)[:, :toys]


def deltas_of(given: Hypotheses, seed: int, numbers: Int[np.ndarray, " chunks"]) -> Float[np.ndarray, "chunks chunk"]:
    """Return Delta chi^2 at the truth for chunks of toys of the first point."""
    return by_threads(partial(_chunk, given, seed), [(0, number) for number in numbers.tolist()])


def _chunk(given: Hypotheses, seed: int, piece: tuple[int, int]) -> Float[Array, " chunk"]:
    """Return Delta chi^2 of the toys of one chunk; a piece is the number of a point and that of a chunk."""
    point, _ = piece
    data = drawn(given.kernel, given.truths[point], seed, *piece)
    return _deltas(given.kernel, data, given.truths[point], given.held, given.tested, given.coarse)


@program(effort=1)
def _deltas(
    kernel: Kernel,
    data: Data,
    truth: Float[Array, " n"],
    held: Bool[Array, " n"],
    tested: Int[Array, " parameters"],
    coarse: Float[Array, "candidates parameters"],
) -> Float[Array, " toys"]:
    """Return Delta chi^2 at the truth for each toy."""
    at_truth = held.at[tested].set(True)
    masks = jnp.stack([at_truth, *[held] * (1 + CANDIDATES)])

    def each(given: tuple[Kernel, Array, Array], data: Data) -> Float[Array, " share"]:
        kernel, truth, masks = given
        # All toys share what is expected, at the truth and at the coarse values, and the slopes at the truth.
        known, at_shapes = expansion(kernel, truth), with_shapes(kernel, truth)
        near = jax.vmap(lambda point: truth.at[tested].set(point))(coarse)

        def begun(data: Data) -> Float[Array, "fits n"]:
            # The first step from the truth, of both fits: it needs no more of the kernel than all toys share.
            here = Local(*quadratic(kernel, data, truth, masks[0], known))
            steps = jax.vmap(partial(first_step, kernel, here, truth))(masks[:2])
            steps = jnp.where(jnp.isfinite(steps), steps, truth)
            # Where else a fit should start: chi^2 over all that data may allow, nuisances as they suit the truth.
            around = jax.vmap(partial(chi2, at_shapes, data, held=held))(near)
            _, nearest = jax.lax.top_k(-jnp.where(jnp.isfinite(around), around, jnp.inf), CANDIDATES)
            elsewhere = jnp.where(free, near[nearest], steps[1])
            return jnp.concatenate([steps[:1], steps[1:] - steps[:1], elsewhere])

        free = jnp.zeros(truth.shape, dtype=bool).at[tested].set(True)
        starts = jax.lax.map(begun, data, batch_size=at_once(len(data.centre), TOGETHER))
        # All fits are one queue of searches, so that the compiler sees one. That at the truth begins where the first
        # step leads; that with the parameters free where this one ended, moved by how far the first steps lie apart.
        # Those from other values do not follow it: there may be a second minimum in nuisances, which they may find.
        many, fits, n = starts.shape
        onward = jnp.zeros((fits, n), dtype=bool).at[1].set(True)
        found = minimise_all(
            kernel, data, starts.reshape(many * fits, n), jnp.tile(masks, (many, 1)), many * fits,
            at_once(many, FEW if n >= LARGE else TOGETHER), CLOSE, onward=jnp.tile(onward, (many, 1)), safe=truth,
        )  # fmt: skip
        values = found.value.reshape(many, fits)
        free_values = jnp.where(jnp.isfinite(values[:, 1:]), values[:, 1:], jnp.inf)
        return jnp.maximum(values[:, 0] - jnp.min(free_values, axis=1), 0.0)

    return over_devices(each, (kernel, truth, masks), data)


def quantiles(
    delta: Float[np.ndarray, "points toys"], cl: float
) -> tuple[Float[np.ndarray, " points"], Float[np.ndarray, " points"]]:
    """Return the quantile of each row and its error, from the order statistics one binomial deviation around it."""
    toys = delta.shape[1]
    width = np.sqrt(cl * (1 - cl) / toys)
    ends = np.clip([cl - width, cl + width], 0.0, 1.0)
    low, high = np.quantile(delta, ends, axis=1)
    return np.quantile(delta, cl, axis=1) + TIE, (high - low) / 2

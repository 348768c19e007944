"""What a term expects, and its slopes in the term's own variables.

Slopes are products of two small tables: how each variable moves a few amplitudes, and what each amplitude adds to the
cells. Automatic differentiation would carry all variables through all cells instead, at several times the cost.
"""

from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from cevnsjax.experiments import formula_counts
from cevnsjax.likelihood.kernel import Template, Term, Vector, coupling_monomials, shape_monomials

__all__ = ["Signal", "Slopes", "bends", "rest_slopes", "signal_slopes"]

Own = Int[Array, " own"]
Cells = Float[Array, " cells"]
Ended = Float[Array, " longer"]
"""Variables with a zero behind their end."""
Rows = tuple[Float[Array, "own rows"], Float[Array, "rows cells"]]


class Slopes(NamedTuple):
    """Counts in each cell, and their slopes."""

    counts: Cells
    along: Float[Array, "own cells"]


def _on(own: Own, index: Int[Array, " some"]) -> Float[Array, "own some"]:
    """Return one where a variable is the one that an index names, else zero."""
    return (own[:, None] == index).astype(float)


def rest_slopes(term: Term, ended: Ended, size: int) -> Slopes:
    """Return the sum of a term's templates at variables with a zero behind their end; `size` is the number of cells."""
    counts, moves, rows = jnp.zeros(size), [], []
    for template in term.templates:
        own_counts, (by_variable, by_cell) = _template(template, ended, term.own)
        counts += own_counts
        moves.append(by_variable)
        rows.append(by_cell)
    if not moves:
        return Slopes(counts, jnp.zeros((term.own.size, size)))
    return Slopes(counts, jnp.concatenate(moves, axis=1) @ jnp.concatenate(rows))


def _template(t: Template, ended: Ended, own: Own) -> tuple[Cells, Rows]:
    """Return a template's counts, and the factors of its slopes."""
    numbers = t.numbers + t.steps * ended[t.index]
    factor = 1 + t.factor_sigma @ ended[t.factor_index]
    on_numbers = _on(own, t.index) * t.steps
    on_factor = _on(own, t.factor_index) @ t.factor_sigma
    if t.kind[0] != "table":
        shift = t.shift + t.shift_step @ ended[t.shift_index]

        def rate(numbers: Array, shift: Array) -> Cells:
            return t.weight * formula_counts(t.kind, numbers, t.low - shift, t.high - shift, t.ends - shift, t.keV)

        counts = rate(numbers, shift)
        moves, rows = [factor * on_numbers, on_factor[:, None]], [jax.jacfwd(rate)(numbers, shift).T, counts[None]]
        if t.shift_index.size:
            moves.append((factor * _on(own, t.shift_index) @ t.shift_step)[:, None])
            rows.append(jax.jacfwd(rate, 1)(numbers, shift)[None])
        return factor * counts, (jnp.concatenate(moves, axis=1), jnp.concatenate(rows))
    z = ended[t.morph_index]
    inside = jnp.clip(z, -1.0, 1.0)
    square = inside**2 + 2 * inside * (z - inside)
    x = t.grid_offset + t.grid_slope * ended[t.grid_index]
    monomials = partial(shape_monomials, degrees=t.degrees)
    table = monomials(x) @ t.tables + z @ t.morph_linear + square @ t.morph_square
    height = factor * numbers[0]
    moves = [(factor * on_numbers[:, 0] + numbers[0] * on_factor)[:, None]]
    rows = [table[None]]
    if t.grid_index.size:
        moves.append(height * _on(own, t.grid_index) * t.grid_slope)
        rows.append(jax.jacfwd(monomials)(x).T @ t.tables)
    if t.morph_index.size:
        moves.append(height * _on(own, t.morph_index))
        rows.append(t.morph_linear + 2 * inside[:, None] * t.morph_square)
    return height * table, (jnp.concatenate(moves, axis=1), jnp.concatenate(rows))


class Signal(NamedTuple):
    """A term's signal with closed factors left out, and its parts.

    `slopes` are those in the term's own variables. `tables` are counts for each monomial in the couplings, and below
    them their slopes in the numbers that move spectra.
    """

    slopes: Slopes
    strength: Float[Array, ""]
    on_strength: Float[Array, " own"]
    tables: Float[Array, "rows monomials cells"]
    on_shapes: Float[Array, "own shapes"]


def signal_slopes(term: Term, ended: Ended, couplings: int) -> Signal:
    """Return a term's signal at variables with a zero behind their end."""
    own, t = term.own, ended[:couplings]
    strength = term.strength + term.strength_step @ ended[term.strength_index]
    factor = 1 + term.factor_sigma @ ended[term.factor_index]
    on_strength = factor * (_on(own, term.strength_index) @ term.strength_step)
    on_strength += strength * (_on(own, term.factor_index) @ term.factor_sigma)
    strength = strength * factor
    x = term.shape_offset + term.shape_slope * ended[term.shape_index]
    monomials = partial(shape_monomials, degrees=term.degrees)
    rows = monomials(x)[None]
    if term.shape_index.size:
        rows = jnp.concatenate([rows, jax.jacfwd(monomials)(x).T])
    tables = jnp.tensordot(rows, term.coefficients, 1)
    on_shapes = _on(own, term.shape_index) * term.shape_slope
    along_t = jax.jacfwd(coupling_monomials)(t).T
    at_t = coupling_monomials(t) @ tables  # rows, cells
    moves = [on_strength[:, None], strength * _on(own, jnp.arange(couplings)), strength * on_shapes]
    every = jnp.concatenate([at_t[:1], along_t @ tables[0], at_t[1:]])
    slopes = Slopes(strength * at_t[0], jnp.concatenate(moves, axis=1) @ every)
    return Signal(slopes, strength, on_strength, tables, on_shapes)


def bends(signal: Signal, own: Own, t: Vector, pull: Cells) -> Float[Array, "couplings own"]:
    """Return second derivatives of the signal in a coupling and any variable, times the slope of chi^2 in each cell."""
    pulled = signal.tables @ pull  # rows, monomials
    first = jax.jacfwd(coupling_monomials)(t)
    second = jax.jacfwd(jax.jacfwd(coupling_monomials))(t)
    by_coupling = signal.strength * jnp.einsum("mij,m->ij", second, pulled[0]) @ _on(own, jnp.arange(t.size)).T
    by_strength = jnp.outer(pulled[0] @ first, signal.on_strength)
    by_shape = signal.strength * (pulled[1:] @ first).T @ signal.on_shapes.T
    return by_coupling + by_strength + by_shape

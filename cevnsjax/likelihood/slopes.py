"""What a term expects, and its slopes in the term's own variables.

Slopes are products of two small tables: how each variable moves a few amplitudes, and what each amplitude adds to the
cells. Automatic differentiation would carry all variables through all cells instead, at several times the cost.
"""

from typing import NamedTuple

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from cevnsjax.experiments import formula_counts
from cevnsjax.likelihood.kernel import Template, Term, coupling_monomials, coupling_slopes, shape_bends, shape_slopes

__all__ = ["Slopes", "bends", "rest_slopes", "signal_slopes"]

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
    _, on_grid = shape_slopes(t.grid_offset + t.grid_slope * ended[t.grid_index], t.degrees)
    height = factor * numbers[0]
    counts = t.table(ended, t.tables, t.morph_linear, t.morph_square)
    moves = [(factor * on_numbers[:, 0] + numbers[0] * on_factor)[:, None]]
    rows = [counts[None]]
    if t.grid_index.size:
        moves.append(height * _on(own, t.grid_index) * t.grid_slope)
        rows.append(on_grid @ t.tables)
    if t.morph_index.size:
        moves.append(height * _on(own, t.morph_index))
        rows.append(t.morph_linear + 2 * jnp.clip(z, -1.0, 1.0)[:, None] * t.morph_square)
    return height * counts, (jnp.concatenate(moves, axis=1), jnp.concatenate(rows))


def signal_slopes(term: Term, ended: Ended, couplings: int) -> Slopes:
    """Return a term's signal at variables with a zero behind their end, closed factors left out."""
    own, t = term.own, ended[:couplings]
    strength = term.strength + term.strength_step @ ended[term.strength_index]
    factor = 1 + term.factor_sigma @ ended[term.factor_index]
    on_strength = factor * (_on(own, term.strength_index) @ term.strength_step)
    on_strength += strength * (_on(own, term.factor_index) @ term.factor_sigma)
    strength = strength * factor
    x = term.shape_offset + term.shape_slope * ended[term.shape_index]
    at, on = shape_slopes(x, term.degrees)
    rows = jnp.concatenate([at[None], on])
    tables = jnp.tensordot(rows, term.coefficients, 1)
    on_shapes = _on(own, term.shape_index) * term.shape_slope
    along_t = coupling_slopes(t)[0].T
    at_t = coupling_monomials(t) @ tables  # rows, cells
    moves = [on_strength[:, None], strength * _on(own, jnp.arange(couplings)), strength * on_shapes]
    every = jnp.concatenate([at_t[:1], along_t @ tables[0], at_t[1:]])
    return Slopes(strength * at_t[0], jnp.concatenate(moves, axis=1) @ every)


def bends(term: Term, ended: Ended, couplings: int, on_signal: Cells, on_rest: Cells) -> Float[Array, "own own"]:
    """Return second derivatives of all counts, each times the slope of chi^2 in it, added up.

    `on_signal` and `on_rest` are the slopes of chi^2 in the signal and in the rest. First the cells are added up: what
    is left are products of two factors and a polynomial of a few coefficients. Templates by a formula are left out.
    """
    own, t = term.own, ended[:couplings]
    on_t, on_x = _on(own, jnp.arange(couplings)), _on(own, term.shape_index) * term.shape_slope
    x = term.shape_offset + term.shape_slope * ended[term.shape_index]
    at, on = shape_slopes(x, term.degrees)
    monomials, (by_t, by_tt) = coupling_monomials(t), coupling_slopes(t)
    # The tables are those of the slopes, which the compiler makes once.
    pulled = jnp.tensordot(jnp.concatenate([at[None], on]), term.coefficients, 1) @ on_signal  # rows, monomials
    by_x = shape_bends(x, term.degrees, jnp.tensordot(term.coefficients, jnp.outer(monomials, on_signal), 2))
    mixed = (pulled[1:] @ by_t).T
    value, first = pulled[0] @ monomials, jnp.concatenate([pulled[0] @ by_t, pulled[1:] @ monomials])
    second = jnp.block([[jnp.tensordot(pulled[0], by_tt, 1), mixed], [mixed.T, by_x]])
    strength = term.strength + term.strength_step @ ended[term.strength_index]
    on_strength = _on(own, term.strength_index) @ term.strength_step
    factor = 1 + term.factor_sigma @ ended[term.factor_index]
    on_factor = _on(own, term.factor_index) @ term.factor_sigma
    along = jnp.concatenate([on_t, on_x], axis=1)
    total = _bent((strength, factor), (on_strength, on_factor), value, along @ first, along @ second @ along.T)
    for template in term.templates:
        if template.kind[0] == "table":
            total += _table_bends(template, ended, own, on_rest)
    return total


def _table_bends(t: Template, ended: Ended, own: Own, on_rest: Cells) -> Float[Array, "own own"]:
    """Return second derivatives of a table that moves, each times the slope of chi^2 in the cell, added up."""
    z = ended[t.morph_index]
    x = t.grid_offset + t.grid_slope * ended[t.grid_index]
    tables, linear, square = t.tables @ on_rest, t.morph_linear @ on_rest, t.morph_square @ on_rest
    on_x, on_z = _on(own, t.grid_index) * t.grid_slope, _on(own, t.morph_index)
    first = on_x @ (shape_slopes(x, t.degrees)[1] @ tables) + on_z @ (linear + 2 * jnp.clip(z, -1.0, 1.0) * square)
    second = (
        on_x @ shape_bends(x, t.degrees, tables) @ on_x.T + (on_z * jnp.where(jnp.abs(z) < 1, 2 * square, 0.0)) @ on_z.T
    )
    factors = t.numbers[0] + t.steps[0] * ended[t.index[0]], 1 + t.factor_sigma @ ended[t.factor_index]
    on_factors = _on(own, t.index[:1])[:, 0] * t.steps[0], _on(own, t.factor_index) @ t.factor_sigma
    return _bent(factors, on_factors, t.table(ended, tables, linear, square), first, second)


def _bent(
    factors: tuple[Array, Array],
    on_factors: tuple[Array, Array],
    value: Float[Array, ""],
    first: Float[Array, " own"],
    second: Float[Array, "own own"],
) -> Float[Array, "own own"]:
    """Return second derivatives of u v g, with linear factors u and v, and g's value and derivatives."""
    (u, v), (on_u, on_v) = factors, on_factors
    across = jnp.outer(v * on_u + u * on_v, first) + value * jnp.outer(on_u, on_v)
    return u * v * second + across + across.T

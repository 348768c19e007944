"""The kernel of a likelihood: nothing but numbers, so that one program serves every experiment of the same shapes.

Its variables are y = (t, z): couplings as t_i = (value_i / step_i)^power_i, in which counts are quadratic, and
nuisances as z_j = (value_j - centre_j) / width_j. Names, units and files stand outside, in `Likelihood`. Static are
only shapes and kinds: which formula a template has, which kind of term compares it with data, the degrees of the
polynomials.

For each term

    signal = strength (1 + sum_j s_j z_j) sum_{m, q} T_m(z) M_q(t) A_mqc ,
    rest   = sum over templates of (1 + sum_j s_j z_j) B_c(z) ,

with Chebyshev products T_m, coupling monomials M_q = 1, t_i, t_i t_j, and coefficients A made once. An index into
y may equal its length, where a zero is appended: a term without a nuisance then needs no program of its own.
"""

import dataclasses
import functools
import operator

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from cevnsjax.experiments import formula_counts
from cevnsjax.likelihood.shapes import Degrees
from cevnsjax.likelihood.terms import Means
from cevnsjax.numeric import AnyArray, namespace

__all__ = [
    "Data",
    "Kernel",
    "Template",
    "Term",
    "Vector",
    "closed_factor",
    "coupling_monomials",
    "coupling_slopes",
    "means_of",
    "opened",
    "shape_bends",
    "shape_monomials",
    "shape_slopes",
    "signal_table",
    "strength_of",
    "with_shapes",
]

Vector = Float[Array, " n"]
Cells = Float[AnyArray, "*t _cells"]
Scalars = Float[AnyArray, "*t"]
Index = Int[AnyArray, "*t _"]
Numbers = Float[AnyArray, "*t _"]


class Template(eqx.Module):
    """A formula or a table. Each of its numbers is `numbers` + `steps` y[index]; factors on it add.

    A table is a polynomial of `degrees` in what moves along its grid, `grid_offset` + `grid_slope` y[grid_index].
    """

    kind: tuple[str, *tuple[bool, ...]] = eqx.field(static=True)
    degrees: Degrees = eqx.field(static=True)
    numbers: Numbers
    index: Index
    steps: Numbers
    factor_index: Index
    factor_sigma: Numbers
    low: Cells
    high: Cells
    weight: Cells
    tables: Float[AnyArray, "*t terms _cells"]
    grid_index: Index
    grid_offset: Numbers
    grid_slope: Numbers
    ends: Numbers
    keV: Scalars
    shift_index: Index
    shift_step: Numbers
    shift: Scalars
    morph_index: Index
    morph_linear: Float[AnyArray, "*t morphs _cells"]
    morph_square: Float[AnyArray, "*t morphs _cells"]

    def counts(self, y: Vector) -> Float[Array, " cells"]:
        """Return counts in the data's unit; `y` has a zero behind its end."""
        if self.kind[0] == "table":
            return self.height(y) * self.table(y, self.tables, self.morph_linear, self.morph_square)
        numbers = self.numbers + self.steps * y[self.index]
        factor = 1 + self.factor_sigma @ y[self.factor_index]
        shift = self.shift + self.shift_step @ y[self.shift_index]
        rate = formula_counts(self.kind, numbers, self.low - shift, self.high - shift, self.ends - shift, self.keV)
        return factor * self.weight * rate

    def height(self, y: Vector) -> Float[Array, ""]:
        """Return the factor on a table."""
        factor = 1 + self.factor_sigma @ y[self.factor_index]
        return factor * (self.numbers[0] + self.steps[0] * y[self.index[0]])

    def table(
        self,
        y: Vector,
        tables: Float[AnyArray, "terms *_cells"],
        linear: Float[AnyArray, "morphs *_cells"],
        square: Float[AnyArray, "morphs *_cells"],
    ) -> Float[Array, "*_cells"]:
        """Return what tables add up to, in cells or in sums over them: parabolas, and straight lines beyond."""
        z = y[self.morph_index]
        inside = jnp.clip(z, -1.0, 1.0)
        x = self.grid_offset + self.grid_slope * y[self.grid_index]
        return shape_monomials(x, self.degrees) @ tables + z @ linear + (inside**2 + 2 * inside * (z - inside)) @ square


class Term(eqx.Module):
    """One set of cells, or several alike along a leading axis.

    `own` are the indices of all variables that the term depends on. `closed` factors are those whose minimum is taken
    in closed form while they are not held.
    """

    kind: str = eqx.field(static=True)
    degrees: Degrees = eqx.field(static=True)
    coefficients: Float[AnyArray, "*t terms monomials _cells"]
    shape_index: Index
    shape_offset: Numbers
    shape_slope: Numbers
    strength: Scalars
    strength_index: Index
    strength_step: Numbers
    factor_index: Index
    factor_sigma: Numbers
    closed_index: Index
    closed_sigma: Numbers
    templates: tuple[Template, ...]
    sigma: Cells
    own: Index


class Data(eqx.Module):
    """What was observed in each group of terms, and where the constraints are centred, in units of their widths.

    Several sets, toys for instance, lie along a leading axis.
    """

    observed: tuple[Float[AnyArray, "*sets _terms _cells"], ...]
    centre: Float[AnyArray, "*sets n"]


class Kernel(eqx.Module):
    """Groups of terms that are alike, and what is known of the variables.

    `weight` is one where a variable has a constraint, and `closed` one where its minimum is taken in closed form. The
    first `couplings` variables are couplings. `integrated` is one where closed factors are integrated, not minimised.
    """

    groups: tuple[Term, ...]
    weight: Float[AnyArray, " n"]
    closed: Float[AnyArray, " n"]
    low: Float[AnyArray, " n"]
    high: Float[AnyArray, " n"]
    integrated: Float[AnyArray, ""]
    couplings: int = eqx.field(static=True)

    @property
    def size(self) -> int:
        """Number of variables."""
        return int(self.weight.shape[-1])


def coupling_monomials(t: Float[Array, "*b couplings"]) -> Float[Array, "*b monomials"]:
    """Return 1, t_i, and t_i t_j for i <= j."""
    left, right = np.triu_indices(t.shape[-1])
    return jnp.concatenate([jnp.ones((*t.shape[:-1], 1)), t, t[..., left] * t[..., right]], axis=-1)


def coupling_slopes(
    t: Float[Array, " couplings"],
) -> tuple[Float[Array, "monomials couplings"], Float[np.ndarray, "monomials couplings couplings"]]:
    """Return the first derivatives of 1, t_i, and t_i t_j, and the second ones, which are numbers."""
    number = t.size
    left, right = np.triu_indices(number)
    linear = np.concatenate([np.zeros((1, number)), np.eye(number), np.zeros((left.size, number))])
    pairs = np.arange(left.size) + 1 + number
    second = np.zeros((len(linear), number, number))
    np.add.at(second, (pairs, left, right), 1.0)
    np.add.at(second, (pairs, right, left), 1.0)
    return jnp.asarray(linear) + jnp.asarray(second) @ t, second


def shape_monomials(x: Float[Array, " shapes"], degrees: Degrees) -> Float[Array, " terms"]:
    """Return products of Chebyshev polynomials."""
    factors = _factors(x, degrees, 0)
    return _derived(factors) if factors else jnp.ones(len(degrees))


def shape_slopes(
    x: Float[Array, " shapes"], degrees: Degrees
) -> tuple[Float[Array, " terms"], Float[Array, "shapes terms"]]:
    """Return products of Chebyshev polynomials, and their first derivatives.

    A derivative of such a polynomial is a sum of the others with whole numbers. JAX's own derivatives of the
    recurrence would keep the compiler busy several times as long.
    """
    factors = _factors(x, degrees, 1)
    if not factors:
        return jnp.ones(len(degrees)), jnp.zeros((0, len(degrees)))
    return _derived(factors), jnp.stack([_derived(factors, i) for i in range(x.size)])


def shape_bends(
    x: Float[Array, " shapes"], degrees: Degrees, weights: Float[Array, " terms"]
) -> Float[Array, "shapes shapes"]:
    """Return the second derivatives of a sum of products of Chebyshev polynomials with weights.

    Each is a sum of its own: as the product of a table with the weights they would take twice as long.
    """
    number, factors = x.size, _factors(x, degrees, 2)
    pairs = {(i, j): jnp.sum(_derived(factors, i, j) * weights) for i in range(number) for j in range(i, number)}
    rows = [jnp.stack([pairs[min(i, j), max(i, j)] for j in range(number)]) for i in range(number)]
    return jnp.stack(rows) if rows else jnp.zeros((0, 0))


def _derived(factors: list[list[Float[Array, " terms"]]], *by: int) -> Float[Array, " terms"]:
    """Return products of factors, a derivative by the number of each index taken."""
    return functools.reduce(operator.mul, [factor[by.count(i)] for i, factor in enumerate(factors)])


def _factors(x: Float[Array, " shapes"], degrees: Degrees, order: int) -> list[list[Float[Array, " terms"]]]:
    """Return each number's polynomial in all terms, and behind it its derivatives up to an order."""
    columns = np.array(degrees, dtype=int).reshape(len(degrees), len(degrees[0])).T
    found = []
    for number, column in enumerate(columns):
        at = x[number]
        rising, twice = [jnp.ones_like(at), at], 2 * at
        for _ in range(2, int(column.max()) + 1):
            rising.append(twice * rising[-1] - rising[-2])
        every = jnp.stack(rising)
        found.append([rows[column] @ every for rows in _derivatives(len(rising), order)])
    return found


@functools.lru_cache(maxsize=128)
def _derivatives(size: int, order: int) -> Float[np.ndarray, "orders size size"]:
    """Return matrices that make derivatives of Chebyshev polynomials, from none to an order, of the polynomials."""
    first = np.array([np.polynomial.chebyshev.chebder([0] * n + [1.0], 1).tolist() + [0.0] * (size - max(n, 1))
                      for n in range(size)])  # fmt: skip
    return np.stack([np.linalg.matrix_power(first, power) for power in range(order + 1)])


def signal_table(term: Term, ended: Float[Array, " longer"]) -> Float[Array, "monomials cells"]:
    """Return counts for each monomial in couplings, by the polynomial in the numbers that move the spectrum."""
    x = term.shape_offset + term.shape_slope * ended[term.shape_index]
    return jnp.tensordot(shape_monomials(x, term.degrees), term.coefficients, 1)


def strength_of(term: Term, ended: Vector) -> Float[Array, ""]:
    """Return the factor on the signal, closed factors left out."""
    strength = term.strength + term.strength_step @ ended[term.strength_index]
    return strength * (1 + term.factor_sigma @ ended[term.factor_index])


def means_of(kernel: Kernel, term: Term, y: Vector, held: Bool[Array, " n"], centre: Vector) -> Means:
    """Return what one term expects at given variables; `term` has no leading axis here."""
    ended = jnp.append(y, 0.0)
    signal = coupling_monomials(y[: kernel.couplings]) @ signal_table(term, ended)
    rest = sum((template.counts(ended) for template in term.templates), jnp.zeros(signal.size))
    return Means(strength_of(term, ended) * signal, rest, *closed_factor(term, ended, held, centre))


def closed_factor(
    term: Term, ended: Float[Array, " longer"], held: Bool[Array, " n"], centre: Vector
) -> tuple[Float[Array, ""], Float[Array, ""]]:
    """Return the centre and the variance of all closed factors together; those held move the centre."""
    fixed = jnp.append(held, True)[term.closed_index]
    pulled = jnp.where(fixed, ended[term.closed_index], jnp.append(centre, 0.0)[term.closed_index])
    return 1 + term.closed_sigma @ pulled, jnp.sum(jnp.where(fixed, 0.0, term.closed_sigma**2))


def opened(kernel: Kernel) -> Kernel:
    """Return the kernel with closed factors varied like all others: as factors that are searched for."""
    xp = namespace(*jax.tree.leaves(kernel))
    groups = tuple(
        dataclasses.replace(
            group,
            factor_index=xp.concatenate([group.factor_index, group.closed_index], axis=-1),
            factor_sigma=xp.concatenate([group.factor_sigma, group.closed_sigma], axis=-1),
            closed_index=group.closed_index[..., :0],
            closed_sigma=group.closed_sigma[..., :0],
        )
        for group in kernel.groups
    )
    return dataclasses.replace(kernel, groups=groups, closed=xp.zeros_like(kernel.closed))


def with_shapes(kernel: Kernel, y: Vector) -> Kernel:
    """Return a cheaper kernel, equal to this one while numbers that move signals keep their values in y."""
    ended = jnp.append(y, 0.0)

    def one(term: Term) -> Term:
        x = term.shape_offset + term.shape_slope * ended[term.shape_index]
        coefficients = jnp.tensordot(shape_monomials(x, term.degrees), term.coefficients, 1)[None]
        none = term.shape_index[:0], term.shape_offset[:0], term.shape_slope[:0]
        return dataclasses.replace(
            term,
            degrees=((),),
            coefficients=coefficients,
            shape_index=none[0],
            shape_offset=none[1],
            shape_slope=none[2],
        )

    return dataclasses.replace(kernel, groups=tuple(jax.vmap(one)(group) for group in kernel.groups))

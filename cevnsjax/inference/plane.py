"""Chi-squared over whole planes where nothing is searched for: sums over cells made once, a few operations a point.

A Gaussian term whose factors on the signal are closed, or given, needs of a prediction only (S S), (S d) and (d d),
in units of the errors. With S a polynomial in the couplings these are polynomials, too: cells are summed once for
each line.
"""

from collections.abc import Sequence
from functools import partial

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from cevnsjax.compilation import over_devices
from cevnsjax.likelihood import View
from cevnsjax.likelihood.kernel import coupling_monomials
from cevnsjax.numeric import AnyArray
from cevnsjax.programs import program

__all__ = ["Sums", "is_plain", "plane_chi2", "sums_of"]


class Sums(eqx.Module):
    """Sums over the cells of each term, for each line of a plane, and the centre and variance of its factor."""

    square: Float[AnyArray, "*lines terms monomials monomials"]
    mixed: Float[AnyArray, "*lines terms monomials"]
    observed: Float[AnyArray, "*lines terms"]
    centre: Float[AnyArray, "*lines terms"]
    variance: Float[AnyArray, "*lines terms"]
    rest: Float[AnyArray, "*lines"]
    integrated: Float[AnyArray, "*lines"]


def is_plain(view: View, searched: Bool[np.ndarray, " n"]) -> bool:
    """Return whether sums tell all: nothing is searched for, and all terms are Gaussian without templates."""
    groups = view.kernel.groups
    return not searched.any() and all(g.kind == "gaussian" and not g.templates and g.degrees == ((),) for g in groups)


def sums_of(
    view: View,
    start: Float[np.ndarray, "lines n"],
    held: Bool[np.ndarray, " n"],
    coefficients: Sequence[Float[np.ndarray, "lines monomials cells"]] | None = None,
) -> Sums:
    """Return the sums of lines; nuisances are as in `start` where they are held.

    `coefficients` are those of each experiment's signal on each line, by default the view's own on all.
    """
    kernel = view.kernel
    ended = np.concatenate([start, np.zeros((len(start), 1))], axis=1)
    kept = np.append(held, True)
    columns = []
    for group, data, members in zip(kernel.groups, view.data.observed, view.groups, strict=True):
        for t, experiment in enumerate(members):
            signal = np.asarray(group.coefficients[t][0])[None] if coefficients is None else coefficients[experiment]
            strength = group.strength[t] + ended[:, group.strength_index[t]] @ group.strength_step[t]
            factor = 1 + ended[:, group.factor_index[t]] @ group.factor_sigma[t]
            unit = (strength * factor)[:, None, None] * signal / group.sigma[t]
            d = np.asarray(data[t]) / group.sigma[t]
            fixed = kept[group.closed_index[t]]
            pulled = np.where(fixed, ended[:, group.closed_index[t]], 0.0)
            variance = np.where(fixed, 0.0, group.closed_sigma[t] ** 2).sum()
            centre = 1 + pulled @ group.closed_sigma[t]
            columns.append(
                (
                    unit @ np.swapaxes(unit, 1, 2),
                    unit @ d,
                    np.full(len(start), d @ d),
                    centre,
                    np.full(len(start), variance),
                )
            )
    stacked = [np.stack(column, axis=1) for column in zip(*columns, strict=True)]
    counted = kernel.weight * np.where((np.asarray(kernel.closed) > 0) & ~held, 0.0, 1.0)
    rest = np.sum(counted * start**2, axis=1)
    square, mixed, observed, centre, variance = stacked
    return Sums(square, mixed, observed, centre, variance, rest, np.full(len(start), float(kernel.integrated)))


def plane_chi2(
    sums: Sums,
    couplings: Float[np.ndarray, "lines couplings"],
    along: int,
    steps: Float[np.ndarray, " lines"],
    values: Float[np.ndarray, " n"],
    power: int | None,
) -> Float[np.ndarray, "lines n"]:
    """Return chi-squared on each line at `values` of the coupling number `along`.

    `couplings` are the others as the kernel's variables, and that one's variable is (value / step)^power.
    """
    integrated = bool(np.any(np.asarray(sums.integrated)))
    return np.asarray(_plane(sums, couplings, steps, values, along, power, integrated))


@program("along", "power", "integrated")
def _plane(
    lines: Sums,
    couplings: Float[Array, "lines couplings"],
    steps: Float[Array, " lines"],
    values: Float[Array, " n"],
    along: int,
    power: int | None,
    integrated: bool,
) -> Float[Array, "lines n"]:
    def line(values: Array, sums: Sums, t: Array, step: Array) -> Float[Array, " n"]:
        return _line(sums, t, along, _variable(values, step, power), integrated)

    def each(values: Array, given: tuple[Sums, Array, Array]) -> Float[Array, "lines n"]:
        return jax.vmap(line, (None, 0, 0, 0))(values, *given)

    return over_devices(each, values, (lines, couplings, steps))


def _variable(values: Float[Array, " n"], step: Float[Array, ""], power: int | None) -> Float[Array, " n"]:
    scaled = values / step
    return scaled * scaled if power == 2 else scaled


def _line(
    sums: Sums, couplings: Float[Array, " couplings"], along: int, t: Float[Array, " n"], integrated: bool
) -> Float[Array, " n"]:
    q = coupling_monomials(jnp.tile(couplings, (t.size, 1)).at[:, along].set(t))
    left, right = np.triu_indices(sums.mixed.shape[-1])
    # A quadratic form as products of monomials, so that points stay the innermost axis.
    columns = [q[:, i] for i in range(q.shape[-1])]
    total = jnp.full(t.size, sums.rest)
    for term in range(sums.mixed.shape[0]):
        form = partial(_weighted, sums.square[term])
        square = sum(
            (form(i, j) * columns[i] * columns[j] for i, j in zip(left.tolist(), right.tolist(), strict=True)),
            start=jnp.zeros(t.size),
        )
        mixed = sum((sums.mixed[term, i] * c for i, c in enumerate(columns)), start=jnp.zeros(t.size))
        centre, variance = sums.centre[term], sums.variance[term]
        spread = 1 + variance * square
        inverse = 1 / spread
        norm = (centre + variance * mixed) * inverse
        away = (mixed - centre * square) * inverse
        total += norm**2 * square - 2 * norm * mixed + sums.observed[term] + variance * away**2
        if integrated:  # else a logarithm for each point would add nothing
            total += sums.integrated * jnp.log(spread)
    return total


def _weighted(square: Float[Array, "m m"], i: int, j: int) -> Float[Array, ""]:
    return square[i, j] * (1.0 if i == j else 2.0)

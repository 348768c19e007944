"""Counts as a polynomial in the couplings: exact, and as cheap as a short sum.

At given masses every amplitude is linear in value^power of its parameters, and counts are quadratic in the
amplitudes. So a few predictions determine all others: one at zero, two along each coupling, and one for each
pair of them. No physics stands here; that the amplitudes are so is what `Parameter.power` states.
"""

from collections.abc import Callable, Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from cevnsjax.parameters import Parameter, Parameters
from cevnsjax.statistics.base import BinnedLikelihood
from cevnsjax.statistics.gaussian import Sums
from cevnsjax.statistics.pulls import Measurement, Shape

__all__ = ["ExpandedLikelihood", "Expansion", "anonymous", "expand"]

Counts = Float[Array, "parts bins"]

LARGE = 1e8
"""A value, in units of a coupling's own scale, at which its square outweighs all else if it acts at all."""


class Expansion(eqx.Module):
    """Counts against t_i = (value_i / step_i)^power_i: coefficients of 1, of t_i, and of t_i t_j for i <= j."""

    coefficients: Float[Array, "products parts bins"]
    steps: Float[Array, " couplings"]
    couplings: tuple[Parameter, ...] = eqx.field(static=True)

    def __call__(self, params: Parameters) -> Counts:
        """Return the counts; a coupling that `params` leaves out has its default."""
        return jnp.tensordot(self.products(params), self.coefficients, 1)

    def products(self, params: Parameters) -> Float[Array, " products"]:
        """Return 1, t_i, and t_i t_j."""
        values = (params.get(p.name, jnp.asarray(p.default)) for p in self.couplings)
        t = [(value / step) ** _power(p) for value, step, p in zip(values, self.steps, self.couplings, strict=True)]
        return _monomials(jnp.stack(t) if t else jnp.zeros(0), jnp)


class ExpandedLikelihood(BinnedLikelihood):
    """A likelihood of a few couplings, all else given.

    It keeps the data and the polynomials, and not what they were made of: so what is compiled for it serves
    every experiment, model and channel with the same couplings and numbers of bins.
    """

    names: tuple[str, ...] = eqx.field(static=True)
    integrated: Float[Array, ""]
    shapes: tuple[Shape, ...]
    data: tuple[Measurement, ...]
    expansions: tuple[Expansion, ...]
    nuisances: tuple[Parameter, ...] = eqx.field(static=True)

    @property
    def parameters(self) -> dict[str, Parameter]:
        """The couplings expanded in, factors on the signal, and shapes."""
        return {p.name: p for p in (*self.expansions[0].couplings, *self.nuisances)}

    def observations(self) -> tuple[Measurement, ...]:
        """Return the data of each experiment."""
        return self.data

    def terms(self, params: Parameters) -> tuple[Float[Array, "_parts _bins"], ...]:
        """Return the polynomials' values."""
        return tuple(expansion(params) for expansion in self.expansions)

    def sums(self, params: Parameters) -> tuple[Sums, ...]:
        """Return the sums over bins, which are polynomials themselves: bins are summed once, and not for each point."""
        found = []
        for expansion, data in zip(self.expansions, self.data, strict=True):
            unit = expansion.coefficients[:, 0] / data.sigma
            observed = data.observed / data.sigma
            products = expansion.products(params)
            square, mixed = products @ (unit @ unit.T) @ products, products @ (unit @ observed)
            found.append(Sums(square, mixed, observed @ observed))
        return tuple(found)

    def anonymous(self) -> "ExpandedLikelihood":
        """Return the same with couplings named x0, x1, ... in their order, so that compilations are shared.

        Nuisances keep their names, and not what they are by default: the shapes know their own values.
        """
        couplings = tuple(anonymous(p, i) for i, p in enumerate(self.expansions[0].couplings))
        expansions = tuple(Expansion(e.coefficients, e.steps, couplings) for e in self.expansions)
        nuisances = tuple(Parameter(p.name, 0.0, 1.0) for p in self.nuisances)
        return ExpandedLikelihood(self.names, self.integrated, self.shapes, self.data, expansions, nuisances)


def anonymous(parameter: Parameter, number: int) -> Parameter:
    """Return a parameter with all left out that arithmetic does not need."""
    return Parameter(f"x{number}", parameter.default, 1.0, parameter.bounds, power=parameter.power)


def expand(counts: Callable[[Parameters], Sequence[Counts]], couplings: tuple[Parameter, ...]) -> tuple[Expansion, ...]:
    """Return the expansions of each experiment's counts, functions of the values of `couplings`.

    Counts may come in parts, of which the first is taken for the size of the whole. Each coupling must have a `power`.
    Traceable.
    """
    units = np.eye(len(couplings))
    pairs = units[:, None] + units
    t = np.concatenate([np.zeros((1, len(couplings))), units, pairs[np.triu_indices(len(couplings))]])

    def at(values: Float[Array, "points couplings"]) -> Sequence[Float[Array, "points parts bins"]]:
        return jax.vmap(lambda point: counts({p.name: point[i] for i, p in enumerate(couplings)}))(values)

    steps = _natural_steps(at, couplings)
    inverse = jnp.asarray(np.linalg.inv(_monomials(t, np)))
    evaluated = at(steps * t ** (1 / _powers(couplings)))
    return tuple(Expansion(jnp.tensordot(inverse, one, 1), steps, couplings) for one in evaluated)


def _natural_steps(
    at: Callable[[Array], Sequence[Array]], couplings: tuple[Parameter, ...]
) -> Float[Array, " couplings"]:
    """Return the value of each coupling whose square adds as many counts as there are without it.

    A much smaller step would lose the coupling's digits, a much larger one those of its interference. It is
    found from values so large that only the square matters; a coupling that adds nothing keeps that one.
    """
    large = np.array([LARGE * p.scale for p in couplings])
    values = jnp.concatenate([jnp.zeros((1, large.size)), jnp.diag(large)])
    totals = jnp.stack([jnp.sum(one[:, 0], axis=1) for one in at(values)]).sum(axis=0)
    none, added = totals[0], totals[1:] - totals[0]
    share = jnp.where(added > none, none / jnp.where(added > none, added, 1.0), 1.0)
    return jnp.asarray(large) * share ** (1 / (2 * _powers(couplings)))


def _powers(couplings: tuple[Parameter, ...]) -> np.ndarray:
    return np.array([_power(p) for p in couplings], dtype=float)


def _power(parameter: Parameter) -> int:
    if parameter.power is None:
        raise ValueError(f"counts are no polynomial in {parameter.name}")
    return parameter.power


def _monomials(t: Any, numpy: Any) -> Any:
    """Return 1, t_i, and t_i t_j along the last axis, with NumPy or jax.numpy."""
    left, right = np.triu_indices(t.shape[-1])
    return numpy.concatenate([numpy.ones((*t.shape[:-1], 1)), t, t[..., left] * t[..., right]], -1)

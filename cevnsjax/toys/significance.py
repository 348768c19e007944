"""How improbable the data are without any signal: by toys, beside the asymptotic formula."""

import dataclasses
import math
from collections.abc import Callable, Mapping
from functools import partial
from statistics import NormalDist
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key, PRNGKeyArray

from cevnsjax.errors import InputError
from cevnsjax.experiments import SIGNAL
from cevnsjax.likelihood import Given, Likelihood, View, likelihood_of
from cevnsjax.likelihood.kernel import Data, Kernel, opened
from cevnsjax.likelihood.newton import minimise
from cevnsjax.parameters import NORM, canonical
from cevnsjax.spreading import Gathering, Spread
from cevnsjax.toys.draw import check_seed, check_toys, chunks, drawn

__all__ = ["Significance", "significance"]

MANY, FEW = 100_000, 1000
"""How many toys there are by default, without and with nuisances to be searched for."""

CHUNK = 250
"""Toys that are fitted side by side."""

BLOCK = 16
"""Chunks that make one piece of work."""

CLOSE = 1e-10
"""A step that would lower chi-squared by no more ends a search."""

LIMIT = 0.05
"""One minus the confidence level of the upper limit on p where no toy was above."""


@dataclasses.dataclass(frozen=True)
class Significance:
    """The test of no signal: q0, chi^2 without a signal less that of the best strength that is not negative.

    `p_asymptotic` is half the probability of chi^2 with one degree of freedom above q0, and `sigma` its one-sided
    Gaussian equivalent. `p_toys` is the share of toys without signal whose q0 is no smaller, `p_error` its binomial
    error. Where no toy was, `p_upper` is the upper limit on p at 95 % CL, else None.
    """

    q0: float
    strength: float
    p_asymptotic: float
    sigma: float
    p_toys: float
    p_error: float
    p_upper: float | None
    toys: int


def significance(
    likelihood: Given,
    values: Mapping[str, float] | None = None,
    toys: int | None = None,
    seed: int = 0,
    spread: Spread | None = None,
    advance: Callable[[int, int], None] | None = None,
) -> Significance:
    """Return the significance of the signal that a likelihood of one experiment predicts at `values`.

    The strength of the signal is free, so factors on it do not matter; other nuisances are minimised, for toys too,
    whose constraints are centred on values drawn around those that suit the data without a signal: G. Cowan et al.,
    EPJ C 71, 1554 (2011), Eq. (12). By default there are 100000 toys, or 1000 if there are nuisances to be searched
    for; blocks of them are done by `spread`, by default one after another, and after each `advance(done, all)` is
    called. Raises `InputError` for several experiments, a given strength, and impossible numbers.
    """
    likelihood = likelihood_of(likelihood)
    if len({e.name for e in likelihood.experiments}) > 1:
        raise InputError(f"experiments {', '.join(likelihood.names)} given; a signal is tested in one at a time")
    given = {name: float(value) for name, value in canonical(values or {}, likelihood.parameters).items()}
    if NORM.name in given:
        raise InputError(f"'{NORM.name}' is the strength that is tested for; do not set it")
    kernel, view, held, strength = _prepared(likelihood, given)
    searched = ~held
    searched[strength] = False
    toys = (MANY, FEW)[bool(searched.any())] if toys is None else toys
    check_toys(toys, 100)
    check_seed(seed)
    y, _ = view.start({name: value for name, value in given.items() if name in view.layout.names})
    none = float(view.layout.variable(NORM.name, 0.0))
    q0, best, nothing = (np.asarray(found) for found in _q0(kernel, view.data, y, held, strength, none))
    every = list(chunks(toys, CHUNK))
    blocks = [every[first : first + BLOCK] for first in range(0, len(every), BLOCK)]
    work = partial(_counted, (kernel, nothing, held, strength, none, q0), seed)
    above = sum(Gathering(spread, None, advance).results(work, blocks))
    p = above / toys
    root = math.sqrt(max(float(q0), 0.0))
    upper = 1 - LIMIT ** (1 / toys) if above == 0 else None
    return Significance(
        max(float(q0), 0.0), float(view.layout.value(NORM.name, float(best))), NormalDist().cdf(-root), root, p,
        math.sqrt(p * (1 - p) / toys), upper, toys,
    )  # fmt: skip


def _prepared(likelihood: Likelihood, given: Mapping[str, float]) -> tuple[Kernel, View, Bool[np.ndarray, " n"], int]:
    """Return a kernel with the strength free and not negative, other factors on the signal held at one."""
    view = likelihood.view(given, [NORM.name])
    kernel = opened(view.kernel)
    strength = view.layout.place(NORM.name)
    low, weight = np.array(kernel.low), np.array(kernel.weight)
    high = np.array(kernel.high)
    low[strength], high[strength], weight[strength] = float(view.layout.variable(NORM.name, 0.0)), np.inf, 0.0
    kernel = dataclasses.replace(kernel, low=low, high=high, weight=weight)
    scales = {n.name for n in view.layout.nuisances if n.members[0][1].scale == (SIGNAL,)}
    held = np.array([name in given or (name in scales and name != NORM.name) for name in view.layout.names])
    return kernel, view, held, strength


def _tested(
    kernel: Kernel, data: Data, y: Float[Array, " n"], held: Bool[Array, " n"], strength: Int[Array, ""] | int,
    none: Float[Array, ""] | float,
) -> tuple[Float[Array, ""], Float[Array, ""], Float[Array, " n"]]:  # fmt: skip
    """Return q0, the best strength as a variable, and all variables that suit the data without a signal."""
    without, with_signal = y.at[strength].set(none), y
    masks = jnp.stack([held.at[strength].set(True), held])
    # Both fits are one search, so that the compiler sees it once; a signal is begun at the prediction itself.
    found = jax.vmap(lambda start, mask: minimise(kernel, data, start, mask, CLOSE))(
        jnp.stack([without, with_signal]), masks
    )
    nothing, best = (jax.tree.map(lambda leaf, i=i: leaf[i], found) for i in (0, 1))
    better = best.value < nothing.value
    q0 = jnp.where(better, nothing.value - best.value, 0.0)
    return q0, jnp.where(better, best.place[strength], none), nothing.place


_q0 = jax.jit(_tested)


def _counted(without: tuple[Any, ...], seed: int, block: list[tuple[int, int]]) -> int:
    """Return how many toys of a block of chunks have a q0 that is no smaller."""
    above = 0
    for number, wanted in block:
        keys = jax.random.split(jax.random.fold_in(jax.random.key(seed), number), CHUNK)
        above += int(np.asarray(_above(*without, keys))[:wanted].sum())
    return above


@jax.jit
def _above(
    kernel: Kernel, nothing: Float[Array, " n"], held: Bool[Array, " n"], strength: Int[Array, ""] | int,
    none: Float[Array, ""] | float, q0: Float[Array, ""], keys: Key[Array, " many"],
) -> Bool[Array, " toys"]:  # fmt: skip
    """Return which toys without a signal have a q0 that is no smaller."""

    def one(key: PRNGKeyArray) -> Bool[Array, ""]:
        data = drawn(kernel, nothing, key)
        begin = nothing.at[strength].set(0.0)  # the variable of a strength of one
        return _tested(kernel, data, begin, held, strength, none)[0] >= q0

    return jax.vmap(one)(keys)

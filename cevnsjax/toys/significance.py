"""How improbable the data are without any signal: by toys, beside the asymptotic formula."""

import dataclasses
import math
from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int

from cevnsjax.arguments import check_seed, dict_of
from cevnsjax.compilation import at_once, over_devices
from cevnsjax.errors import InputError
from cevnsjax.experiments import SIGNAL
from cevnsjax.likelihood import Given, Likelihood, likelihood_of
from cevnsjax.likelihood.kernel import Data, Kernel, opened
from cevnsjax.likelihood.newton import minimise_all
from cevnsjax.likelihood.strength import NOTHING, with_strength
from cevnsjax.numeric import AnyArray
from cevnsjax.parameters import NORM, canonical
from cevnsjax.programs import program
from cevnsjax.spreading import Spread
from cevnsjax.toys.draw import by_threads, check_toys, drawn, gathered, share_above

__all__ = ["Significance", "significance"]

MANY, FEW = 100_000, 1000
"""How many toys there are by default, without and with nuisances to be searched for."""

CLOSE = 1e-10
"""A step that would lower chi-squared by no more ends a search."""


@dataclasses.dataclass(frozen=True)
class Significance:
    """The test of no signal: q0, chi^2 without a signal less that of the best strength that is not negative.

    `strength` is that best strength, in units of the prediction, and common to the signals of all experiments.
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


class _Test(NamedTuple):
    """A kernel whose last variable is the strength, and which variables are held beside it."""

    kernel: Kernel
    held: Bool[AnyArray, " n"]


def significance(
    likelihood: Given,
    values: Mapping[str, float] | None = None,
    toys: int | None = None,
    seed: int = 0,
    spread: Spread | None = None,
    advance: Callable[[int, int], None] | None = None,
) -> Significance:
    """Return the significance of the signal that a likelihood predicts: Eq. (12) of G. Cowan et al., arXiv:1007.1727.

    One strength, a factor on the signals of all experiments, is free. Factors on the whole signal do not matter beside
    it, and are held. All else is as in a fit: the norm of one of several experiments is pulled to one, or held there,
    as its file says. A free norm is held at one, too. Nuisances are minimised. The constraints of toys are centred on
    values drawn around those that suit the data without a signal.

    Args:
        likelihood: a `Likelihood`; or an experiment, or a list of them, under the Standard Model.
        values: parameters by name at which the signal is predicted; the others have their defaults.
        toys: the number of toys, at least 100; by default 100000, or 1000 if nuisances are searched for.
        seed: a whole number; the same one gives the same toys.
        spread: does blocks of toys; by default `in_threads`.
        advance: called as `advance(done, all)` after each block.

    Raises:
        InputError: for a given strength, for a signal that is zero, and impossible numbers.

    Examples:
        The collaboration has 3.7 sigma, arXiv:2501.05206.

        >>> result = cevnsjax.significance("conus_plus", toys=100)
        >>> round(result.sigma, 2)
        3.71
    """
    likelihood = likelihood_of(likelihood)
    if toys is not None:
        check_toys(toys, 100)
    check_seed(seed)
    given = {name: float(value) for name, value in canonical(dict_of(values), likelihood.parameters).items()}
    if NORM.name in given:
        raise InputError(f"'{NORM.name}' is the strength that is tested for; do not set it")
    view = likelihood.view(given)
    y, fixed = view.start({name: value for name, value in given.items() if name in view.layout.names})
    kernel, data, y = with_strength(opened(view.kernel), view.data, y)
    test = _Test(kernel, np.array([*(fixed | _held(likelihood, view.layout.names)), False]))
    toys = (MANY, FEW)[bool((~test.held[:-1]).any())] if toys is None else toys
    alone = jax.tree.map(lambda leaf: np.asarray(leaf)[None], data)
    q0, best, nothing = (np.asarray(found[0]) for found in _q0(test, alone, y))

    found = gathered(partial(_chunks, test, nothing, seed), toys, spread, None, advance)
    p = share_above(found >= q0)
    root = math.sqrt(float(q0))
    return Significance(
        q0=float(q0),
        strength=float(best) - NOTHING,
        p_asymptotic=math.erfc(root / math.sqrt(2)) / 2,
        sigma=root,
        p_toys=p.value,
        p_error=p.error,
        p_upper=p.upper,
        toys=toys,
    )


def _held(likelihood: Likelihood, names: tuple[str, ...]) -> Bool[np.ndarray, " n"]:
    """Return which variables are held: factors on the signals of all experiments, and free strengths of single ones."""
    every = set(range(len(likelihood.experiments)))
    held = {
        n.name
        for n in likelihood.nuisances
        if all(member.scale == (SIGNAL,) for _, member in n.members)
        and ({index for index, _ in n.members} == every or n.sigma is None)
    }
    return np.array([name in held for name in names], dtype=bool)


def _chunks(
    test: _Test, nothing: Float[np.ndarray, " n"], seed: int, numbers: Int[np.ndarray, " chunks"]
) -> Float[np.ndarray, "chunks chunk"]:
    """Return q0 of chunks of toys without a signal."""
    return by_threads(lambda number: _above(test, nothing, drawn(test.kernel, nothing, seed, number)), numbers.tolist())


@program(effort=1)
def _q0(
    test: _Test, data: Data, y: Float[Array, " n"]
) -> tuple[Float[Array, " toys"], Float[Array, " toys"], Float[Array, "toys n"]]:
    """Return q0 of data along a leading axis, the best strength as a variable, and what suits no signal best.

    Searches begin at y, with the strength that it has, and without a signal.
    """
    kernel, held = test
    many, n = len(data.centre), y.size
    masks = jnp.tile(jnp.stack([held.at[-1].set(True), held]), (many, 1))
    starts = jnp.tile(jnp.stack([y.at[-1].set(NOTHING), y]), (many, 1))
    # Both fits of all toys are one queue of searches, so that the compiler sees one.
    found = minimise_all(kernel, data, starts, masks, 2 * many, at_once(2 * many), CLOSE)
    value, place = found.value.reshape(many, 2), found.place.reshape(many, 2, n)
    better = value[:, 1] < value[:, 0]
    q0 = jnp.where(better, value[:, 0] - value[:, 1], 0.0)
    return q0, jnp.where(better, place[:, 1, -1], NOTHING), place[:, 0]


@program(effort=1)
def _above(test: _Test, nothing: Float[Array, " n"], data: Data) -> Float[Array, " toys"]:
    """Return q0 of toys without a signal."""

    def each(given: tuple[_Test, Array], data: Data) -> Float[Array, " toys"]:
        test, nothing = given
        return _q0(test, data, nothing.at[-1].set(0.0))[0]  # a signal is begun at the prediction itself

    return over_devices(each, (test, nothing), data)

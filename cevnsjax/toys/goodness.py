"""Whether a model describes the data: the least chi-squared beside that of toys made at the best fit."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int
from scipy.special import chdtrc

from cevnsjax.arguments import check_seed
from cevnsjax.compilation import at_once, over_devices
from cevnsjax.errors import InputError
from cevnsjax.inference.fit import Fitted
from cevnsjax.inference.rank import determined
from cevnsjax.inference.search import PolynomialSearch, checked, free_or_default
from cevnsjax.likelihood import Given, likelihood_of
from cevnsjax.likelihood.kernel import Data, Kernel
from cevnsjax.likelihood.newton import minimise_all
from cevnsjax.likelihood.objective import with_closed
from cevnsjax.likelihood.terms import LEAST_MEAN
from cevnsjax.programs import program
from cevnsjax.spreading import Spread
from cevnsjax.toys.draw import by_threads, check_toys, drawn, gathered, share_above
from cevnsjax.toys.fits import TIE, check_profiled

__all__ = ["GoodnessOfFit", "goodness_of_fit"]

CLOSE = 1e-8
"""A step that would lower a toy's chi-squared by no more ends its search."""

FEW, SHARE = 5.0, 0.2
"""Counts below which a cell is sparse, and the share of such cells above which chi-squared's own distribution is not to
be relied on: W. G. Cochran, Biometrics 10, 417 (1954)."""


@dataclasses.dataclass(frozen=True)
class GoodnessOfFit:
    """The least chi-squared of the data, and how probable a larger one is.

    `chi2_min` is the least chi-squared, at `best_fit`. `p_value` is the share of `toys` whose least chi-squared is no
    smaller, `p_error` its binomial error. Where no toy is, `p_upper` is the upper limit on p at 95 % CL, else None.
    `p_asymptotic` is the probability of chi-squared with `dof` degrees of freedom: cells, less parameters and nuisances
    without a constraint that the data can tell apart. `sparse` is the number of cells of counts, among all `cells`,
    that expect fewer than five. `messages` are sentences that a reader must know.
    """

    chi2_min: float
    dof: int
    p_asymptotic: float
    p_value: float
    p_error: float
    p_upper: float | None
    toys: int
    cells: int
    sparse: int
    best_fit: dict[str, float]
    messages: list[str] = dataclasses.field(default_factory=list)


@dataclasses.dataclass(frozen=True, eq=False)
class _Toys:
    """What toys are drawn from and fitted with: a kernel, the truth, and places from which fits start."""

    kernel: Kernel
    truth: Float[np.ndarray, " n"]
    starts: Float[np.ndarray, "starts n"]
    held: Bool[np.ndarray, " n"]


def goodness_of_fit(
    likelihood: Given,
    values: Mapping[str, float] | None = None,
    free: Sequence[str] | None = None,
    toys: int = 1000,
    seed: int = 0,
    spread: Spread | None = None,
    advance: Callable[[int, int], None] | None = None,
) -> GoodnessOfFit:
    """Return the p-value of the least chi-squared, by toys at the best fit and by chi-squared's own distribution.

    Toys have data of their own, and constraints centred on values drawn around the best fit; each is fitted as the data
    are, from the data's best minima.

    Args:
        likelihood: a `Likelihood`; or an experiment, or a list of them, under the Standard Model.
        values: parameters that are fixed, by name.
        free: names of the parameters that are fitted; by default the model's own choice less `values`. It may be empty.
        toys: the number of toys, at least 10. They do not depend on how they are spread.
        seed: a whole number; the same one gives the same toys.
        spread: does blocks of toys; by default here.
        advance: called as `advance(done, all)` after each block.

    Raises:
        InputError: for impossible names and numbers, where a normalisation is integrated, and where counts are no
            polynomial in what is free.

    Examples:
        >>> result = cevnsjax.goodness_of_fit("conus_plus", toys=100)
        >>> result.dof, round(result.chi2_min, 1), result.p_value > 0.5
        (18, 7.2, True)
    """
    likelihood = likelihood_of(likelihood)
    check_toys(toys, 10)
    check_seed(seed)
    check_profiled(likelihood)
    names, given = free_or_default(likelihood, free, values)
    parameters, fixed = checked(likelihood, names, given, least=0)
    own = {p.name for p in likelihood.model.parameters}
    bare = [p.name for p in parameters if p.name in own and p.power is None]
    if bare or not likelihood.model.quadratic_in(names):
        raise InputError(f"toys with {', '.join(bare or names)} free are not possible: counts are no polynomial in it")
    search = PolynomialSearch(likelihood, parameters, fixed)
    fitted = Fitted(search)
    kernel, data = search.view.kernel, search.view.data
    truth = np.asarray(_closed(kernel, data, fitted.best, search.held))
    work = partial(_least_of, _Toys(kernel, truth, fitted.seeds, search.held), seed)
    least = gathered(work, toys, spread, None, advance)
    p = share_above(least >= fitted.chi2_min - TIE)
    cells, sparse = _cells(search, truth)
    dof = cells - determined(fitted)
    messages = fitted.messages()
    if sparse > SHARE * cells:
        messages.append(f"{sparse} of {cells} cells expect fewer than {FEW:g} counts: rely on the toys' p-value")
    return GoodnessOfFit(
        chi2_min=fitted.chi2_min,
        dof=dof,
        p_asymptotic=float(chdtrc(dof, fitted.chi2_min)) if dof > 0 else 1.0,
        p_value=p.value,
        p_error=p.error,
        p_upper=p.upper,
        toys=toys,
        cells=cells,
        sparse=sparse,
        best_fit=fitted.best_fit(),
        messages=messages,
    )


def _cells(search: PolynomialSearch, truth: Float[np.ndarray, " n"]) -> tuple[int, int]:
    """Return how many cells there are in which something may be observed, and how many of counts expect few."""
    cells = sparse = 0
    for group, means in zip(search.view.kernel.groups, search.means(truth[None]), strict=True):
        expected = (means.centre[..., None] * means.signal + means.rest)[0]
        counts = group.kind == "poisson"
        cells += int((expected > LEAST_MEAN).sum()) if counts else expected.size
        sparse += int(((expected > LEAST_MEAN) & (expected < FEW)).sum()) if counts else 0
    return cells, sparse


def _least_of(toys: _Toys, seed: int, numbers: Int[np.ndarray, " block"]) -> Float[np.ndarray, "block toys"]:
    """Return the least chi-squared of all toys of some chunks."""
    return by_threads(
        lambda number: _least(toys.kernel, drawn(toys.kernel, toys.truth, seed, number), toys.starts, toys.held),
        numbers.tolist(),
    )


_closed = program(effort=1)(with_closed)


@program(effort=1)
def _least(
    kernel: Kernel, data: Data, starts: Float[Array, "starts n"], held: Bool[Array, " n"]
) -> Float[Array, " toys"]:
    """Return the least chi-squared of toys, each fitted from all starts."""

    def each(given: tuple[Kernel, Array, Array], data: Data) -> Float[Array, " share"]:
        kernel, starts, held = given
        many = len(data.centre)
        jobs = many * len(starts)
        found = minimise_all(
            kernel, data, jnp.tile(starts, (many, 1)), jnp.tile(held, (jobs, 1)), jobs, at_once(jobs), CLOSE
        )
        values = found.value.reshape(many, len(starts))
        return jnp.min(jnp.where(jnp.isfinite(values), values, jnp.inf), axis=1)

    return over_devices(each, (kernel, starts, held), data)

"""What drives a result: the impact of each nuisance on a parameter, and the parts of the parameter's error."""

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from cevnsjax.errors import InputError
from cevnsjax.inference.ends import Ends
from cevnsjax.inference.fit import Fitted
from cevnsjax.inference.pulls import describe_nuisance
from cevnsjax.inference.search import PolynomialSearch, checked, free_or_default
from cevnsjax.inference.variations import Shifted, Variations
from cevnsjax.likelihood import Given, Likelihood, likelihood_of
from cevnsjax.likelihood.kernel import opened
from cevnsjax.parameters import check_names
from cevnsjax.spreading import Spread

__all__ = ["CLOSURE", "Impacts", "impacts"]

CLOSURE = 0.01
"""A share of the error by which the parts may miss it before a reader is told."""


@dataclasses.dataclass(frozen=True)
class Impacts:
    """The error of a parameter, its parts, and the impact of each nuisance on the parameter.

    All are in the unit of the `parameter`; `value` is its best one, `best_fit` those of all, and `chi2_min` the least
    chi-squared. At `error_up` above the best fit and `error_down` below it chi-squared has risen by
    one; None where it does not within bounds. `error` is half of their sum, and one standard deviation by the
    curvature of chi-squared where one of them is None.

    `statistical` is the error from fluctuations of the observations alone, `systematic` that of all constraints, each
    the response of the best fit to its own shift: constraints' centres by one width, observations by one standard
    deviation. `own_constraint` is the share of a constraint of the parameter itself, None without one. `closure` is
    the root of the sum of squares over `error`: one for a problem that is linear and Gaussian. `bending` is the share
    of the variance by the curvature of chi-squared that comes from second derivatives of counts, times the differences
    of the data from what is expected: sqrt(1 - bending) is what the closure would be if chi-squared were a parabola.

    `statistical_held` is the error with all nuisances held at their best values, and `systematic_held` the quadrature
    difference from `error`. It counts nuisances that the data themselves determine as systematic.

    `nuisances` has one dict for each nuisance, the largest impact first. It has name, state, centre, width, unit,
    experiments and description, as `fit` gives them, and

    - `value`, `error`, `error_up`, `error_down`, `pull` = (value - centre) / width (None without a constraint);
    - `impact_up`, `impact_down`: how far the parameter moves if the nuisance is held one error above or below its best
      value, at the bound where that is nearer, and all else is minimised again;
    - `prefit_up`, `prefit_down`: the same for one width of the constraint (None without one);
    - `contribution`: how far the parameter moves if the centre of the constraint moves by one width (None without
      one): its part of `systematic`;
    - `held`: what is lost of the error, in quadrature, if this nuisance alone is held.

    `messages` are sentences that a reader must know.
    """

    parameter: str
    value: float
    error: float
    error_up: float | None
    error_down: float | None
    statistical: float
    systematic: float
    own_constraint: float | None
    closure: float
    bending: float
    statistical_held: float
    systematic_held: float
    best_fit: dict[str, float]
    chi2_min: float
    nuisances: list[dict[str, Any]]
    messages: list[str] = dataclasses.field(default_factory=list)


def impacts(
    likelihood: Given,
    over: str,
    free: Sequence[str] | None = None,
    values: Mapping[str, float] | None = None,
    spread: Spread | None = None,
) -> Impacts:
    """Return the impact of each nuisance on a parameter, and the parts of its error.

    The parts are those of A. Pinto et al., Eur. Phys. J. C 84, 593 (2024), arXiv:2307.04007: shifts of the observations
    and of the constraints' centres are independent, so that their parts add up in quadrature, as the common impacts of
    correlated nuisances do not.

    Args:
        likelihood: a `Likelihood`; or an experiment, or a list of them, under the Standard Model.
        over: the name of the parameter.
        free: the other free parameters; by default the model's own choice where `over` is a parameter of the model, and
            none where it is a nuisance, `norm` for instance.
        values: parameters that are fixed, by name.
        spread: does blocks of fits; by default here.

    Raises:
        InputError: for impossible names and values, a parameter that is given or at its bound or that the data do not
            determine, a normalisation that is integrated, and counts that are no polynomial in what is free.

    Examples:
        >>> result = cevnsjax.impacts(cevnsjax.Likelihood("conus_plus", systematics="detailed"), "sin2_theta_w")
        >>> result.nuisances[0]["name"]
        'energy_shift'
    """
    likelihood = likelihood_of(likelihood)
    search = _search(likelihood, over, free, values)
    fitted = Fitted(search)
    around = Variations(search, search.place(over), fitted.best, spread)
    up, down = around.ends()
    return _result(likelihood, around, up, down, around.shifted(), fitted.messages())


def _search(
    likelihood: Likelihood, over: str, free: Sequence[str] | None, values: Mapping[str, float] | None
) -> PolynomialSearch:
    """Return the search of all variables; factors with a closed minimum are searched for like all others."""
    names, given = free_or_default(likelihood, free, values)
    check_names([over], likelihood.parameters)
    own = {p.name for p in likelihood.model.parameters}
    if free is None and over not in own:
        names = []
    if likelihood.pull != "profiled":
        raise InputError("impacts need nuisances that are minimised; make the likelihood with pull='profiled'")
    parameters, fixed = checked(likelihood, [over, *(name for name in names if name != over)], given)
    for p in parameters:
        if (p.name in own and p.power is None) or not likelihood.model.quadratic_in([q.name for q in parameters]):
            raise InputError(f"impacts with a free '{p.name}' are not possible: counts are no polynomial in it; set it")
    search = PolynomialSearch(likelihood, parameters, fixed)
    if not search.acts(over):
        raise InputError(f"these data do not depend on {over}")
    view = dataclasses.replace(search.view, kernel=opened(search.view.kernel))
    return PolynomialSearch.of_view(view, parameters, fixed)


def _result(
    likelihood: Likelihood, around: Variations, up: Ends, down: Ends, shifted: Shifted, messages: list[str]
) -> Impacts:
    search, errors = around.search, (_distances(around, up, 1.0), _distances(around, down, -1.0))
    whole = _half(errors[0][0], errors[1][0], around.covariance, around)
    held = _half(errors[0][1], errors[1][1], around.covariance_held, around)
    parts = (shifted.centres[:, 0] - shifted.centres[:, 1]) / 2
    contributions = dict(zip(shifted.constrained.tolist(), parts.tolist(), strict=True))
    statistical = float(abs(shifted.observed[0] - shifted.observed[1])) / 2
    systematic = float(np.linalg.norm(parts))
    closure = math.hypot(statistical, systematic) / whole
    if abs(closure - 1) > CLOSURE:
        messages = [*messages, _not_closed(closure, shifted.bending)]
    own = contributions.get(around.over)
    best_fit = {p.name: float(search.value(p.name, around.best[search.place(p.name)])) for p in search.free}
    return Impacts(
        parameter=around.name,
        value=float(around.values(around.best[None])[0]),
        error=whole,
        error_up=errors[0][0],
        error_down=errors[1][0],
        statistical=statistical,
        systematic=systematic,
        own_constraint=None if own is None else abs(own),
        closure=closure,
        bending=shifted.bending,
        statistical_held=held,
        systematic_held=math.sqrt(max(whole**2 - held**2, 0.0)),
        best_fit=best_fit | search.nuisances(around.best),
        chi2_min=around.least,
        nuisances=_rows(likelihood, around, (up, down), errors, shifted.prefit, contributions),
        messages=messages,
    )


def _not_closed(closure: float, bending: float) -> str:
    """Return why the parts miss the error: a minimum that moves with the data, and chi-squared that is no parabola."""
    curved = math.sqrt(max(1 - bending, 0.0))
    return (
        f"the parts add up to {closure:.3f} of the error, which is not linear in the data: {curved:.3f} of it by the "
        "second derivatives of the counts at the data, the rest as chi-squared is no parabola"
    )


def _rows(
    likelihood: Likelihood,
    around: Variations,
    ends: tuple[Ends, Ends],
    errors: tuple[list[float | None], list[float | None]],
    prefit: Float[np.ndarray, "nuisances 2"],
    contributions: Mapping[int, float],
) -> list[dict[str, Any]]:
    """Return what is known of each nuisance, the largest impact first."""
    layout, value = around.search.view.layout, float(around.values(around.best[None])[0])
    up, down = (around.values(one.place) - value for one in ends)
    rows = []
    for number, place in enumerate(around.rows):
        nuisance, end = layout.nuisance(layout.names[place]), number + 2  # behind the two ends of the parameter
        best = float(layout.value(nuisance.name, around.best[place]))
        variance = float(around.covariance[place, place])
        known = 0 < variance < math.inf
        share = abs(float(around.covariance[around.over, place])) / math.sqrt(variance) if known else 0.0
        before = [None if np.isnan(moved) else float(moved) - value for moved in prefit[number]]
        found = {
            "value": best,
            "error": math.sqrt(variance) * nuisance.step if known else None,
            "error_up": errors[0][end],
            "error_down": errors[1][end],
            "pull": None if nuisance.sigma is None else (best - nuisance.centre) / nuisance.sigma,
            "impact_up": float(up[end]),
            "impact_down": float(down[end]),
            "prefit_up": before[0],
            "prefit_down": before[1],
            "contribution": contributions.get(place),
            "held": share * _slope(around),
        }
        rows.append(describe_nuisance(likelihood, nuisance) | found)
    return sorted(rows, key=lambda row: -max(abs(row["impact_up"]), abs(row["impact_down"])))


def _slope(around: Variations) -> float:
    """Return how far the parameter moves with its variable, at the minimum."""
    layout = around.search.view.layout
    for p, step in zip(layout.couplings, layout.steps, strict=True):
        if p.name == around.name:
            return float(step) / (2 * math.sqrt(around.best[around.over])) if p.power == 2 else float(step)
    return float(layout.nuisance(around.name).step)


def _half(up: float | None, down: float | None, covariance: Float[np.ndarray, "n n"], around: Variations) -> float:
    """Return half the distance of two ends, and the error by the curvature where one is missing."""
    if up is not None and down is not None:
        return (up + down) / 2
    return math.sqrt(covariance[around.over, around.over]) * _slope(around)


def _distances(around: Variations, ends: Ends, side: float) -> list[float | None]:
    """Return errors up or down in the parameters' own units, None where chi-squared has not risen by one."""
    names = around.search.view.layout.names
    found: list[float | None] = []
    for place, row, reached in zip([around.over, around.over, *around.rows], ends.place, ends.reached, strict=True):
        here, there = (float(around.search.value(names[place], y[place])) for y in (around.best, row))
        found.append(side * (there - here) if reached else None)
    return found

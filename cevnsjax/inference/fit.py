"""Fits and profiles: the two verbs of inference by minimisation."""

import copy
import dataclasses
from collections.abc import Mapping, Sequence
from functools import partial
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from cevnsjax.arguments import list_of_names, whole_number
from cevnsjax.errors import InputError, shown
from cevnsjax.inference.fit_result import FitResult
from cevnsjax.inference.general import GeneralSearch
from cevnsjax.inference.intervals import FAR, Interval, allowed_intervals, threshold
from cevnsjax.inference.profile import Curve
from cevnsjax.inference.pulls import nuisance_results
from cevnsjax.inference.search import Minima, PolynomialSearch, Search, checked, free_or_default
from cevnsjax.inference.starts import search_grid, starting_points, typical_steps
from cevnsjax.likelihood import Given, Likelihood, likelihood_of
from cevnsjax.parameters import Parameter, check_names, check_value
from cevnsjax.spreading import Gathering, Kept, Spread, in_threads

__all__ = ["FitResult", "Fitted", "ProfileResult", "fit", "profile", "search_of"]

STARTS = 13
LANES = 3
"""How many minima a profile starts from, beside points scattered anew."""

PROFILE_REACH = 0.9973
"""A profile without a range shows what is allowed at this confidence level, three standard deviations."""

MOST_POINTS = 100_000

SAME = 1e-9
"""Values of chi^2 that differ by less are the same minimum."""


@dataclasses.dataclass(frozen=True)
class ProfileResult:
    """Delta chi-squared (`delta_chi2`) along one parameter, the others minimised.

    `name` is the parameter, and `x` are its values. `best_fit`, `chi2_min`, `cl` and `messages` are those of a fit, and
    `intervals` are the parameter's own.
    """

    name: str
    x: Float[np.ndarray, " points"]
    delta_chi2: Float[np.ndarray, " points"]
    best_fit: dict[str, float]
    chi2_min: float
    intervals: list[Interval]
    cl: float
    messages: list[str] = dataclasses.field(default_factory=list)


def search_of(likelihood: Likelihood, free: Sequence[Parameter], values: Mapping[str, float]) -> Search:
    """Return what searches a likelihood: the kernel's own way, or a general one where counts are no polynomial."""
    if not likelihood.model.quadratic_in([p.name for p in free]):
        return GeneralSearch(likelihood, free, values)
    return PolynomialSearch(likelihood, free, values)


class Least(NamedTuple):
    """A minimum: the variables, chi-squared, and whether the search ended by itself."""

    place: Float[np.ndarray, " n"]
    value: float
    converged: bool


class Fitted:
    """A search, its least minimum, and the curves of profiles from there."""

    def __init__(self, search: Search):
        """Look for the least minimum, from the defaults and from points scattered by what data care about."""
        self.search = search
        self.varied = [p for p in search.free if search.moves(p.name)]
        steps = typical_steps(search, self.varied)
        self.steps = {p.name: p.scale for p in search.free} | {
            p.name: float(step) for p, step in zip(self.varied, steps, strict=True)
        }
        starts = starting_points(search, self.varied, steps, STARTS if self.varied else 1)
        self.minima: Minima = search.minima(starts)
        order = np.argsort(np.where(np.isfinite(self.minima.value), self.minima.value, np.inf))
        self.seeds = self.minima.place[order[:LANES]]
        self.chi2_min = float(self.minima.value[order[0]])
        self.converged = bool(self.minima.converged[order[0]])
        if not np.isfinite(self.chi2_min):
            raise InputError("chi-squared is infinite or overflows at every start; check the values that are set")
        self._curves: dict[str, Curve] = {}

    @property
    def best(self) -> Float[np.ndarray, " n"]:
        """The variables at the least minimum."""
        return self.seeds[0]

    def best_fit(self) -> dict[str, float]:
        """Return the free parameters and the nuisances that are not given, at the least minimum."""
        free = {p.name: float(self.search.value(p.name, self.best[self.search.place(p.name)])) for p in self.varied}
        return free | self.search.nuisances(self.best)

    def curve(self, name: str) -> Curve:
        """Return chi^2 along a parameter."""
        if name not in self._curves:
            self._curves[name] = Curve(self.search, name, self.seeds, self.steps)
        return self._curves[name]

    def grid(self, parameter: Parameter) -> Float[np.ndarray, " points"]:
        """Return the values of a parameter at which to look for intervals."""
        return search_grid(parameter, self.best_fit()[parameter.name], self.steps[parameter.name])

    def intervals(self, parameter: Parameter, level: float) -> list[Interval]:
        """Return where chi^2 is no more than `level` above its minimum; everywhere, if the parameter does not act."""
        if not self.search.acts(parameter.name):
            return [(None, None)]
        curve, grid = self.curve(parameter.name), self.grid(parameter)
        curve.at(grid, far=self.chi2_min + level + FAR)
        self._polish(curve)
        return allowed_intervals(curve, grid, self.chi2_min + level)

    def _polish(self, curve: Curve) -> None:
        """Search from the lowest places of a profile, too: it may have found a valley that no start led into."""
        value = np.concatenate([[np.inf], curve.value, [np.inf]])
        dips = np.flatnonzero((value[1:-1] <= value[:-2]) & (value[1:-1] <= value[2:]) & np.isfinite(value[1:-1]))
        lowest = dips[np.argsort(curve.value[dips])][:STARTS]
        minima = self.search.minima(curve.place[lowest])
        best = minima.best()
        self.lower(Least(minima.place[best], float(minima.value[best]), bool(minima.converged[best])))

    def lower(self, least: "Least") -> None:
        """Take a minimum if it is lower than the least one that is known."""
        if least.value < self.chi2_min - SAME:
            self.chi2_min, self.converged = least.value, least.converged
            self.seeds = np.concatenate([least.place[None], self.seeds])[:LANES]

    def least(self) -> "Least":
        """Return the least minimum."""
        return Least(self.best, self.chi2_min, self.converged)

    def fork(self) -> "Fitted":
        """Return the same without curves, whose minimum may become another."""
        twin = copy.copy(self)
        twin._curves = {}
        return twin

    def messages(self) -> list[str]:
        """Return what a reader must know: parameters that do nothing."""
        return [f"these data do not depend on {p.name}" for p in self.search.free if not self.search.acts(p.name)]


def fit(
    likelihood: Given,
    free: Sequence[str] | None = None,
    values: Mapping[str, float] | None = None,
    cl: float = 0.90,
    of: Sequence[str] | None = None,
    spread: Spread | None = None,
) -> FitResult:
    """Minimise chi^2 over the free parameters, and find the values of each that are allowed at a confidence level.

    The minimum is the least of several starts, with exact gradients. Intervals come from profiles.

    Args:
        likelihood: a `Likelihood`; or an experiment, or a list of them, under the Standard Model.
        free: names of the parameters that vary; by default the model's own choice less those in `values`.
        values: parameters that are fixed, by name.
        cl: the confidence level of intervals, one degree of freedom.
        of: the parameters whose intervals are wanted; by default all of `free`.
        spread: does blocks of work, one for each profile; by default `in_threads`.

    Raises:
        InputError: for unknown, doubly given or impossible names and values.

    Examples:
        The paper of these data, arXiv:2501.12441, has 0.252 +0.056 -0.064.

        >>> result = cevnsjax.fit(cevnsjax.Likelihood("conus_plus"), cl=0.6827)
        >>> round(result.best_fit["sin2_theta_w"], 3)
        0.258
        >>> [round(end, 3) for end in result.intervals["sin2_theta_w"][0]]
        [0.204, 0.316]
    """
    likelihood = likelihood_of(likelihood)
    level = threshold(cl)
    names, given = free_or_default(likelihood, free, values)
    parameters, fixed = checked(likelihood, names, given)
    fitted = Fitted(search_of(likelihood, parameters, fixed))
    wanted = names if of is None else of
    check_names(list_of_names(wanted, "of"), names)
    intervals = {}
    for _ in range(2):  # once more if a profile has found a lower minimum
        before = fitted.chi2_min
        work = partial(_allowed, fitted, level)
        asked = [p for p in parameters if p.name in wanted]
        answers = Gathering(spread or in_threads).results(work, asked)
        intervals = {p.name: pieces for p, (pieces, _) in zip(asked, answers, strict=True)}
        for _, least in answers:
            fitted.lower(least)
        if fitted.chi2_min >= before - SAME:
            break
    pulls = partial(nuisance_results, likelihood, fitted.search, fitted.best)
    return FitResult(
        fitted.best_fit(), fitted.chi2_min, intervals, cl, fitted.converged, fitted.messages(), likelihood, fixed, pulls
    )


def _allowed(fitted: Fitted, level: float, parameter: Parameter) -> tuple[list[Interval], Least]:
    """Return what is allowed for a parameter, and the least minimum that its profile has come upon.

    Each profile begins at the same minimum, so that none depends on which was done before.
    """
    own = fitted.fork()
    return own.intervals(parameter, level), own.least()


def profile(
    likelihood: Given,
    over: str,
    free: Sequence[str] | None = None,
    values: Mapping[str, float] | None = None,
    limits: tuple[float, float] | None = None,
    points: int = 101,
    cl: float = 0.90,
    spread: Spread | None = None,
    kept: Kept | None = None,
) -> ProfileResult:
    """Return Delta chi^2 along one parameter, minimised over the other free parameters and the nuisances.

    Args:
        likelihood: a `Likelihood`; or an experiment, or a list of them, under the Standard Model.
        over: the name of the parameter.
        free: names of the others that vary; by default the model's own choice.
        values: parameters that are fixed, by name.
        limits: the first and the last value; by default those allowed at three standard deviations.
        points: the number of values, evenly spaced.
        cl: the confidence level of the intervals.
        spread: does blocks of work, batches of searches; by default one after another.
        kept: the blocks that an earlier run has finished; new ones are added.

    Raises:
        InputError: as `fit`, and for limits that do not rise or lie out of bounds.

    Examples:
        >>> curve = cevnsjax.profile("conus_plus", "sin2_theta_w", limits=(0.2, 0.3), points=3)
        >>> curve.delta_chi2.round(2)
        array([1.17, 0.02, 0.54])
    """
    likelihood = likelihood_of(likelihood)
    level = threshold(cl)
    points = whole_number(points, 2, MOST_POINTS, "{} points given")
    names, given = free_or_default(likelihood, free, values)
    check_names([over], likelihood.parameters)
    if limits is not None:
        if isinstance(limits, str) or not isinstance(limits, Sequence) or len(limits) != 2:
            raise InputError(
                f"limits = {shown(limits)} are not possible: give two numbers, the ends of the range of {over}"
            )
        low, high = (check_value(likelihood.parameters[over], limit) for limit in limits)
        if low >= high:
            raise InputError(f"the range {low:g} to {high:g} of {over} does not rise")
    parameters, fixed = checked(likelihood, [over, *(name for name in names if name != over)], given)
    search = search_of(likelihood, parameters, fixed)
    search.gathering = Gathering(spread, kept)
    fitted = Fitted(search)
    main, curve = parameters[0], fitted.curve(over)
    intervals = fitted.intervals(main, level)
    if limits is None:
        pieces = fitted.intervals(main, threshold(PROFILE_REACH))
        grid = fitted.grid(main)
        (left, _), (_, right) = pieces[0], pieces[-1]
        limits = (grid[0] if left is None else left, grid[-1] if right is None else right)
    x = np.linspace(*limits, points)
    delta = curve.at(x) - fitted.chi2_min
    return ProfileResult(over, x, delta, fitted.best_fit(), fitted.chi2_min, intervals, cl, fitted.messages())

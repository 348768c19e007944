"""Fits around a minimum with one thing changed: a nuisance, the centre of a constraint, or the observations."""

import dataclasses
from typing import NamedTuple

import numpy as np
from jaxtyping import Bool, Float, Int

from cevnsjax.errors import InputError
from cevnsjax.inference.curvature import covariance_of, hessian_of, shifted_observations
from cevnsjax.inference.ends import Ends, find_ends
from cevnsjax.inference.refits import Refits, Refitted, refitted
from cevnsjax.inference.search import PolynomialSearch
from cevnsjax.spreading import Spread

__all__ = ["Shifted", "Variations"]

SAME = 1e-6
"""A fit that lies lower by more than this has found another minimum."""

NEAR = 1e-3
"""A variable is at its bound where it is no farther away than this, in standard deviations."""

ATTEMPTS = 4
"""How often the minimum may be replaced by a lower one."""


class Shifted(NamedTuple):
    """The parameter's value, up and down, in fits with something shifted by one standard deviation.

    `prefit`: each nuisance held one width above and below its best value, NaN without a constraint. `centres`: the
    centre of each constraint of `constrained` variables. `observed`: all observations, in the direction that moves the
    parameter farthest. `bending` is the share of the parameter's variance by the curvature of chi-squared that neither
    observations nor centres make to first order: that of second derivatives of counts.
    """

    prefit: Float[np.ndarray, "nuisances 2"]
    constrained: Int[np.ndarray, " constraints"]
    centres: Float[np.ndarray, "constraints 2"]
    observed: Float[np.ndarray, " 2"]
    bending: float


@dataclasses.dataclass
class Variations:
    """A search at its minimum `best`, one of whose variables, number `over`, is the parameter of interest.

    `rows` are the places of the nuisances that are varied. `spread` does blocks of fits.
    """

    search: PolynomialSearch
    over: int
    best: Float[np.ndarray, " n"]
    spread: Spread | None = None

    def __post_init__(self) -> None:
        """Go to the minimum."""
        layout = self.search.view.layout
        self.name = layout.names[self.over]
        self.rows = [i for n in layout.nuisances if not self.search.held[i := layout.place(n.name)] and i != self.over]
        self.move_to(self.best)

    def move_to(self, place: Float[np.ndarray, " n"]) -> None:
        """Go to the minimum beside a place, and take the covariance there.

        Raises `InputError` where the parameter is at a bound or not determined.
        """
        search = self.search
        fit = self.refit(place[None], search.held[None])
        self.best, self.least = fit.place[0], float(fit.value[0])
        hessian = hessian_of(search.view.kernel, search.view.data, self.best)
        variance = np.diag(covariance_of(hessian, ~search.held))
        room = np.minimum(self.best - search.low, search.high - self.best)
        varied = ~search.held & (room > NEAR * np.sqrt(np.where(np.isfinite(variance), variance, 0.0)))
        if not varied[self.over]:
            ends = np.tile(self.best, (2, 1))
            ends[:, self.over] = search.low[self.over], search.high[self.over]
            value = self.values(ends)[int(self.best[self.over] - ends[0, self.over] > room[self.over])]
            raise InputError(
                f"the best fit of {self.name} lies at its bound, {value:g}; impacts need one within bounds"
            )
        self.covariance = covariance_of(hessian, varied)
        if not np.isfinite(self.covariance[self.over, self.over]):
            raise InputError(f"these data do not determine {self.name} beside all else that is free; give other --free")
        # With all nuisances held but those that are free by name.
        self.all_held = search.held.copy()
        self.all_held[[i for i in self.rows if search.view.layout.names[i] not in {p.name for p in search.free}]] = True
        self.covariance_held = covariance_of(hessian, varied & ~self.all_held)

    def refit(
        self,
        start: Float[np.ndarray, "jobs n"],
        held: Bool[np.ndarray, "jobs n"],
        centre: Float[np.ndarray, "jobs n"] | None = None,
        shift: tuple[np.ndarray, ...] | None = None,
        choice: Int[np.ndarray, " jobs"] | None = None,
    ) -> Refitted:
        """Return fits; `choice` 1 and 2 take the observations plus and minus a `shift`."""
        data = self.search.view.data
        own = [np.asarray(observed) for observed in data.observed]
        moves = [np.zeros_like(one) for one in own] if shift is None else shift
        sets = tuple(np.stack([one, one + move, one - move]) for one, move in zip(own, moves, strict=True))
        centre = np.tile(np.asarray(data.centre), (len(start), 1)) if centre is None else centre
        choice = np.zeros(len(start), dtype=int) if choice is None else choice
        jobs = Refits(self.search.view.kernel, sets, choice, centre, start, held)
        return refitted(jobs, self.spread)

    def values(self, places: Float[np.ndarray, "jobs n"]) -> Float[np.ndarray, " jobs"]:
        """Return the parameter's value at places."""
        return np.asarray(self.search.value(self.name, places[:, self.over]), dtype=float)

    def ends(self) -> tuple[Ends, Ends]:
        """Return where chi-squared has risen by one, above and below the minimum.

        First along the parameter, then along it with all nuisances held, then along each nuisance. Where a fit finds a
        lower minimum all begins again from there.
        """
        index = np.array([self.over, self.over, *self.rows])
        number = index.size
        for _ in range(ATTEMPTS):
            held = np.tile(self.search.held, (number, 1))
            held[1] = self.all_held
            rows = self.covariance[index]
            rows[1] = self.covariance_held[self.over]
            both = find_ends(
                self.refit, self.best, self.least, np.tile(rows, (2, 1)), np.tile(index, 2),
                np.repeat([1.0, -1.0], number), np.tile(held, (2, 1)), (self.search.low, self.search.high),
            )  # fmt: skip
            if both.value.min() >= self.least - SAME:
                return both.part(slice(number)), both.part(slice(number, None))
            self.move_to(both.place[np.argmin(both.value)])
        raise InputError(f"each fit finds another, lower minimum of chi-squared along {self.name}; give other --free")

    def shifted(self) -> Shifted:
        """Return the parameter's value in all fits with something shifted: one call for all of them."""
        search, best = self.search, self.best
        weight = np.asarray(search.view.kernel.weight)
        widths = [i for i in self.rows if weight[i] > 0]
        constrained = np.flatnonzero((weight > 0) & ~search.held)
        jobs = 2 * (len(widths) + constrained.size + 1)
        start, held = np.tile(best, (jobs, 1)), np.tile(search.held, (jobs, 1))
        centre = np.tile(np.asarray(search.view.data.centre), (jobs, 1))
        choice = np.zeros(jobs, dtype=int)
        job = 0
        for i in widths:
            start[job : job + 2, i] = np.clip(best[i] + np.array([1.0, -1.0]), search.low[i], search.high[i])
            held[job : job + 2, i] = True
            job += 2
        for i in constrained.tolist():
            centre[job : job + 2, i] += [1.0, -1.0]
            job += 2
        choice[job:] = 1, 2
        row = self.covariance[self.over]
        shift, farthest = shifted_observations(search.view.kernel, search.view.data, best, row)
        bending = 1 - (farthest**2 + row @ (weight * row)) / row[self.over]
        found = self.values(self.refit(start, held, centre, shift, choice).place).reshape(-1, 2)
        prefit = np.full((len(self.rows), 2), np.nan)
        prefit[[self.rows.index(i) for i in widths]] = found[: len(widths)]
        return Shifted(prefit, constrained, found[len(widths) : -1], found[-1], float(bending))

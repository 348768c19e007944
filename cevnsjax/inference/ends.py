"""Where chi-squared has risen by one, all else minimised again: errors up and down of many variables at once."""

import dataclasses
from collections.abc import Callable

import numpy as np
from jaxtyping import Bool, Float, Int

from cevnsjax.inference.refits import Refitted

__all__ = ["Ends", "find_ends"]

Refit = Callable[[Float[np.ndarray, "jobs n"], Bool[np.ndarray, "jobs n"]], Refitted]
"""Fits from starts, with what each of them holds."""

ROUNDS = 12
"""How often an end is looked for at most; three or four are usual."""

ACCURACY = 1e-6
"""Of an end, in units of its distance from the minimum."""

STRETCH = 4.0
"""By which factor a distance may grow in one round."""


@dataclasses.dataclass(frozen=True, eq=False)
class Ends:
    """Where chi-squared has risen by one: distances from the minimum, all variables there, and whether it has.

    `reached` is false where a bound lies nearer: distance and variables are then those at the bound.
    """

    distance: Float[np.ndarray, " ends"]
    place: Float[np.ndarray, "ends n"]
    value: Float[np.ndarray, " ends"]
    reached: Bool[np.ndarray, " ends"]

    def part(self, which: slice) -> "Ends":
        """Return some of them."""
        return Ends(self.distance[which], self.place[which], self.value[which], self.reached[which])


@dataclasses.dataclass
class _Brackets:
    """For each end the nearest distance at which chi-squared is too high, and the farthest at which it is too low."""

    low: Float[np.ndarray, " ends"]
    high: Float[np.ndarray, " ends"]
    before: Float[np.ndarray, " ends"]
    before_root: Float[np.ndarray, " ends"]

    def next(
        self, distance: Float[np.ndarray, " ends"], root: Float[np.ndarray, " ends"]
    ) -> Float[np.ndarray, " ends"]:
        """Return the next distance, from the root of the rise of chi-squared at the last one.

        Distance over root is nearly constant: a straight line in the root through the last two values of it, and, where
        this leads out of the bracket, its middle.
        """
        below = root < 1
        self.low = np.where(below, np.maximum(self.low, distance), self.low)
        self.high = np.where(below, self.high, np.minimum(self.high, distance))
        with np.errstate(divide="ignore", invalid="ignore"):
            ratio, earlier = distance / root, self.before / self.before_root
            guess = ratio + (earlier - ratio) * (1 - root) / (self.before_root - root)
        guess = np.where(np.isfinite(guess), guess, np.where(np.isfinite(ratio), ratio, np.inf))
        self.before, self.before_root = distance, root
        farthest = STRETCH * distance
        inside = np.where((guess > self.low) & (guess < self.high), guess, (self.low + self.high) / 2)
        return np.where(np.isfinite(self.high), inside, np.clip(guess, distance, farthest))


def find_ends(
    refit: Refit,
    best: Float[np.ndarray, " n"],
    least: float,
    covariances: Float[np.ndarray, "ends n"],
    index: Int[np.ndarray, " ends"],
    side: Float[np.ndarray, " ends"],
    held: Bool[np.ndarray, "ends n"],
    limits: tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]],
) -> Ends:
    """Return the ends of several variables, above the minimum (`side` 1) or below it (-1).

    `best` is the minimum and `least` chi-squared there. For each end `covariances` has its variable's row, which says
    where to begin; `index` is the variable's place, and `held` are all that stay where they are.
    """
    number = np.arange(index.size)
    room = np.where(side > 0, limits[1][index] - best[index], best[index] - limits[0][index])
    variance = covariances[number, index]
    known = np.isfinite(variance) & (variance > 0)
    distance = np.minimum(np.sqrt(np.where(known, variance, 1.0)), room)
    slope = np.where(known[:, None], covariances / np.where(known, variance, 1.0)[:, None], 0.0)
    held = held.copy()
    held[number, index] = True
    brackets = _Brackets(*(np.full(index.size, begin) for begin in (0.0, np.inf, 0.0, 0.0)))
    place, value = np.tile(best, (index.size, 1)), np.full(index.size, least)
    found = np.full(index.size, np.nan)
    reached, going = np.zeros(index.size, dtype=bool), room > 0
    found[~going] = 0.0
    for _ in range(ROUNDS):
        now = np.flatnonzero(going)
        if not now.size:
            break
        start = best + (side * distance)[now, None] * np.where(held[now], 0.0, slope[now])
        start[np.arange(now.size), index[now]] = best[index[now]] + (side * distance)[now]
        fits = refit(start, held[now])
        place[now], found[now] = fits.place, distance[now]
        value[now] = np.where(np.isnan(fits.value), np.inf, fits.value)
        root = np.sqrt(np.maximum(value - least, 0.0))
        there = going & (np.abs(root - 1) <= ACCURACY)
        at_bound = going & (distance >= room) & (root < 1)
        reached |= there
        going &= ~there & ~at_bound
        distance = np.where(going, np.minimum(brackets.next(distance, root), room), distance)
    return Ends(found, place, value, reached)

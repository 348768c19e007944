"""Chi-squared along one parameter, the other free ones and the nuisances minimised."""

from collections.abc import Mapping, Sequence

import numpy as np
from jaxtyping import Bool, Float

from cevnsjax.inference.search import BATCH, Search
from cevnsjax.inference.starts import starting_points

__all__ = ["SECTIONS", "Curve"]

FRESH = 6
"""Starts that are made anew at each value, beside the valleys that are followed."""

SWEEPS = 4
"""How often a minimum may be handed on to the neighbours of its value."""

LOWER = 1e-7
"""By how much a search must lie below another to be a better one."""

LEAP, HIGH = 4.0, 30.0
"""Factor, and sum, by which chi^2 lies above that at a neighbouring value, both counted from the least, if it leaps.

The second value from the bottom of a parabola is four times as high as the first; nobody draws a contour so high.
"""

SECTIONS = 16
"""Parts into which a bracket is cut at once."""


class Curve:
    """chi^2 along one parameter, at values that are asked for; each value that was calculated is kept.

    With other free parameters there may be several valleys. At each value searches start from the minima that are
    known, from points scattered anew, and then from the minima of the neighbouring values, until these find nothing
    lower: so a valley is followed wherever it leads.
    """

    def __init__(
        self,
        search: Search,
        name: str,
        seeds: Float[np.ndarray, "seeds n"],
        steps: Mapping[str, float],
        hold: Sequence[int] = (),
    ):
        """Take a search, a parameter's name, variables to start from, typical steps of others, and what is held."""
        self.search, self.name, self.index, self.hold = search, name, search.place(name), list(hold)
        others = [
            p for p in search.free if p.name != name and search.moves(p.name) and search.place(p.name) not in hold
        ]
        self.several = bool(others)
        self.seeds = seeds[: 1 if not self.several else None]
        if others:
            fresh = starting_points(search, others, np.array([steps[p.name] for p in others]), FRESH, seeds[0])
            self.seeds = np.concatenate([self.seeds, fresh])
        self.x = np.zeros(0)
        self.value = np.zeros(0)
        self.place = np.zeros((0, search.start.size))

    def at(self, x: Float[np.ndarray, " n"], near: bool = False, far: float = np.inf) -> Float[np.ndarray, " n"]:
        """Return chi^2 at values of the parameter, in any order.

        `near` says that known values are so close on both sides that searches need not start from anywhere else. Above
        `far` chi^2 is left a thousandth of its height above its minimum.
        """
        x = np.asarray(x, dtype=float)
        new = np.setdiff1d(x, self.x)
        if new.size:
            self._add(new, near, far)
        return self.value[np.searchsorted(self.x, x)]

    def follow_leaps(self) -> None:
        """Search again where chi^2 leaps, from the minima of both neighbours.

        From a single start a search may end in a minimum of its own, of which a plane would show an island. Where no
        value is finite nothing is done.
        """
        least = self.value.min()
        if not np.isfinite(least):
            return
        above = self.value - least
        beside = np.minimum(np.append(np.inf, above[:-1]), np.append(above[1:], np.inf))
        self._hand_on(above > LEAP * beside + HIGH, np.inf)

    def place_at(self, x: float) -> Float[np.ndarray, " n"]:
        """Return all variables where chi^2 is least at a value that was asked for."""
        return self.place[np.searchsorted(self.x, x)]

    def _add(self, new: Float[np.ndarray, " n"], near: bool, far: float) -> None:
        starts = np.repeat(self.seeds[None], new.size, axis=0)  # values, seeds, variables
        if self.x.size:  # and the minima on both sides, which are close where a bracket is cut
            right = np.clip(np.searchsorted(self.x, new), 0, self.x.size - 1)
            left = np.clip(right - 1, 0, None)
            starts = np.concatenate(
                [starts[:, :1], self.place[left][:, None], self.place[right][:, None], starts[:, 1:]], 1
            )
            if near and self.several:
                starts = starts[:, 1:3]
            if not self.several:
                nearer = np.abs(self.x[left] - new) < np.abs(self.x[right] - new)
                starts = np.where(nearer[:, None, None], starts[:, 1:2], starts[:, 2:3])
        value, place = self._searched(new, starts, far)
        order = np.argsort(np.append(self.x, new))
        self.x = np.append(self.x, new)[order]
        self.value = np.append(self.value, value)[order]
        self.place = np.concatenate([self.place, place])[order]
        if self.several and not near:
            self._hand_on(np.isin(self.x, new), far)

    def _hand_on(self, asked: Bool[np.ndarray, " n"], far: float) -> None:
        """Start again from the minima of both neighbours, as long as that finds something lower."""
        for _ in range(SWEEPS):
            numbers = np.flatnonzero(asked)
            if not numbers.size:
                return
            left, right = np.clip(numbers - 1, 0, None), np.clip(numbers + 1, None, self.x.size - 1)
            starts = np.stack([self.place[left], self.place[right]], axis=1)
            value, place = self._searched(self.x[numbers], starts, far)
            better = value < self.value[numbers] - LOWER
            self.value[numbers[better]], self.place[numbers[better]] = value[better], place[better]
            asked = np.zeros(self.x.size, dtype=bool)
            for shift in (-1, 1):
                asked[np.clip(numbers[better] + shift, 0, self.x.size - 1)] = True

    def _searched(
        self, x: Float[np.ndarray, " n"], starts: Float[np.ndarray, "n starts variables"], far: float
    ) -> tuple[Float[np.ndarray, " n"], Float[np.ndarray, "n variables"]]:
        """Return the least chi^2 from several starts at each value, and where it lies."""
        number = starts.shape[1]
        lanes = starts.reshape(x.size * number, -1).copy()
        lanes[:, self.index] = np.repeat(self.search.variable(self.name, x), number)
        minima = self.search.minima(lanes, [self.index, *self.hold], far)
        value = np.where(np.isfinite(minima.value), minima.value, np.inf).reshape(x.size, number)
        best = np.argmin(value, axis=1)
        rows = np.arange(x.size)
        return value[rows, best], minima.place.reshape(x.size, number, -1)[rows, best]


assert BATCH >= SECTIONS

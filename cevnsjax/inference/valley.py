"""The least chi-squared of lines on which nothing but one coupling is searched for, from their sums over cells."""

import numpy as np
from jaxtyping import Float

from cevnsjax.inference.plane import Sums

__all__ = ["least_on_lines"]

ROUNDS, HALVINGS, CLOSE = 60, 30, 1e-9
"""Newton's steps at most, halvings of each, and the step that ends the search, relative to the coupling."""

Polynomials = Float[np.ndarray, "lines terms degrees"]
Lines = Float[np.ndarray, " lines"]


class _Line:
    """chi^2 on lines as a function of the coupling's variable t.

    Where a Gaussian term's factor n has centre c and variance V, its least is (d d) + N / (1 + V A) with A = (S S),
    B = (S d) and N = c^2 A - 2 c B - V B^2, all of them polynomials in t.
    """

    def __init__(self, sums: Sums):
        square, mixed = np.asarray(sums.square), np.asarray(sums.mixed)
        size = mixed.shape[-1]
        degrees = 2 * size - 1
        A = np.zeros((*mixed.shape[:2], degrees))
        BB = np.zeros_like(A)
        B = np.zeros_like(A)
        B[..., :size] = mixed
        for i in range(size):
            for j in range(size):
                A[..., i + j] += square[..., i, j]
                BB[..., i + j] += mixed[..., i] * mixed[..., j]
        centre, variance = np.asarray(sums.centre)[..., None], np.asarray(sums.variance)[..., None]
        below = variance * A
        below[..., 0] += 1
        power = np.arange(degrees)
        above = centre**2 * A - 2 * centre * B - variance * BB
        # The polynomials, and those of their first and second derivatives.
        self.above, self.below = (
            np.stack([p, _slope(p, power), _slope(_slope(p, power), power)]) for p in (above, below)
        )
        self.constant = np.asarray(sums.observed).sum(axis=-1) + sums.rest
        self.integrated = np.asarray(sums.integrated)[:, None]

    def at(self, t: Lines) -> tuple[Lines, Lines, Lines]:
        """Return chi^2 and its first and second derivative."""
        powers = t[:, None, None] ** np.arange(self.above.shape[-1])
        n, n1, n2 = (self.above * powers).sum(axis=-1)
        b, b1, b2 = (self.below * powers).sum(axis=-1)
        value = n / b
        slope = (n1 - value * b1) / b
        bend = (n2 - 2 * slope * b1 - value * b2) / b
        value, slope = value + self.integrated * np.log(b), slope + self.integrated * b1 / b
        bend = bend + self.integrated * (b2 / b - (b1 / b) ** 2)
        return self.constant + value.sum(axis=-1), slope.sum(axis=-1), bend.sum(axis=-1)


def least_on_lines(sums: Sums, begin: Lines, low: Lines, high: Lines) -> tuple[Lines, Lines]:
    """Return where chi^2 of one coupling is least on each line between `low` and `high`, and its value there.

    All are the kernel's variables. Newton's method from `begin`, halved until it goes downhill; the nearest minimum.
    """
    line = _Line(sums)
    t = np.clip(begin, low, high)
    value, slope, bend = line.at(t)
    for _ in range(ROUNDS):
        # Where it bends down, as far as the slope leads on a parabola that bends up as much.
        step = -slope / np.where(bend == 0, 1.0, np.abs(bend))
        new = np.clip(t + step, low, high)
        for _ in range(HALVINGS):
            there = line.at(new)
            # Nearer than that it is worse by rounding alone.
            worse = (there[0] > value) & (np.abs(new - t) > CLOSE * np.abs(t))
            if not worse.any():
                break
            new = np.where(worse, (t + new) / 2, new)
        moved = np.abs(new - t) > CLOSE * np.abs(t)
        better = there[0] <= value
        t = np.where(better, new, t)
        value, slope, bend = (np.where(better, a, b) for a, b in zip(there, (value, slope, bend), strict=True))
        if not (moved & better).any():
            break
    return t, value


def _slope(polynomials: Polynomials, power: np.ndarray) -> Polynomials:
    """Return the derivatives of polynomials."""
    found = np.zeros_like(polynomials)
    found[..., :-1] = (polynomials * power)[..., 1:]
    return found

"""Template samples: what is counted beside the signal, as a formula over the first axis or a table over all cells."""

import dataclasses
from collections.abc import Mapping

import numpy as np
from jaxtyping import Array, Float

from cevnsjax.errors import InputError
from cevnsjax.numeric import AnyArray, namespace, special
from cevnsjax.response import contracted

__all__ = ["Sample", "formula_counts"]

Cells = Float[AnyArray, " cells"]


@dataclasses.dataclass(frozen=True, eq=False)
class Sample:
    """One sample: a formula of `numbers`, or a `table`; energies in the first axis' unit.

    `name` is that of the file. `kind` is "flat", "exponential", "line" (with the number of followers, and which have a
    width of their own) or "table". `numbers` are in the order that the formula takes them in, by their paths in the
    file. `table` has counts in all cells, in the data's unit, at a factor of one; `morphs` an upper and a lower table,
    by nuisance. Tables may lie on a grid: `points` in standard deviations, by nuisance, and `tables` with these axes
    first.

    >>> from cevnsjax.experiments import Sample
    >>> one, two = np.array([1.0, 1.0]), np.array([2.0, 1.0])
    >>> brn = Sample("brn", ("table",), {"sample.brn.factor": 1.0}, one, morphs={"brn_time": (two, one / 2)})
    >>> brn.morphed({"brn_time": 1.0}).table, brn.morphed({"brn_time": -1.0}).table
    (array([2., 1.]), array([0.5, 0.5]))
    """

    name: str
    kind: tuple[str, *tuple[bool, ...]]
    numbers: Mapping[str, float]
    table: Float[np.ndarray, " cells"] | None = None
    morphs: Mapping[str, tuple[Float[np.ndarray, " cells"], Float[np.ndarray, " cells"]]] = dataclasses.field(
        default_factory=dict
    )
    points: Mapping[str, Float[np.ndarray, " points"]] = dataclasses.field(default_factory=dict)
    tables: Float[np.ndarray, "..."] | None = None

    @property
    def amplitude(self) -> str:
        """The number that counts are proportional to."""
        return next(iter(self.numbers))

    def scaled(self, factor: float) -> "Sample":
        """Return the sample with all counts multiplied by a `factor`."""
        return dataclasses.replace(
            self, numbers={**self.numbers, self.amplitude: self.numbers[self.amplitude] * factor}
        )

    def check_reach(self, nuisance: str, low: float, high: float) -> None:
        """Raise `InputError` where a `nuisance` may go beyond the grid of the tables.

        `low` and `high` are its limits in standard deviations.
        """
        places = self.points.get(nuisance)
        if places is not None and not (places[0] - 1e-9 <= low and high <= places[-1] + 1e-9):
            raise InputError(
                f"it may go from {low:g} to {high:g} standard deviations, but the grid of '{self.name}' from "
                f"{places[0]:g} to {places[-1]:g}; give bounds = [LOW, HIGH]"
            )

    def exposed(self, factor: float) -> "Sample":
        """Return the sample with the counts of all its tables multiplied by a `factor`.

        They are counts of the whole exposure, while formulas are per kg and day.
        """
        if self.table is None:
            return self
        return dataclasses.replace(
            self,
            table=self.table * factor,
            morphs={name: (up * factor, down * factor) for name, (up, down) in self.morphs.items()},
            tables=None if self.tables is None else self.tables * factor,
        )

    def morphed(self, z: Mapping[str, float]) -> "Sample":
        """Return the sample at nuisances `z`, in units of their widths.

        On a grid lies a polynomial; of two tables a parabola through both of them and the nominal one, straight beyond.
        """
        table = self.table
        if self.tables is not None:
            table = contracted(self.tables, self.points, {name: z.get(name, 0.0) for name in self.points})
        for name, value in z.items():
            if name in self.points:
                continue
            assert table is not None
            assert self.table is not None
            (up, down), (linear, square) = self.morphs[name], _morphed(value)
            table = table + linear * (up - down) / 2 + square * ((up + down) / 2 - self.table)
        return dataclasses.replace(self, table=table)


def _morphed(z: float) -> tuple[float, float]:
    inside = min(max(z, -1.0), 1.0)
    return z, inside**2 + 2 * inside * (z - inside)


def formula_counts(
    kind: tuple[str, *tuple[bool, ...]],
    numbers: Float[Array | np.ndarray, " numbers"],
    low: Cells,
    high: Cells,
    ends: Float[Array | np.ndarray, "2"],
    keV: Float[AnyArray, ""] | float,
) -> Cells:
    """Return counts [1 / kg / d] in cells from `low` to `high` of the first axis, which goes between the two `ends`.

    `keV` is the unit of the first axis in keV. `kind` names the formula, which gives `numbers` their order:

    - flat: rate [1 / keV / kg / d], tilt: rate (1 + tilt x), where x leads from -1 to 1 across all bins;
    - exponential: height [1 / keV / kg / d], decay, start: falls from `start` to 1/e in each `decay`;
    - line: area [1 / kg / d], centre, width, and for each follower its ratio to the area, its centre, and its width.

    >>> from cevnsjax.experiments import formula_counts
    >>> low, ends = np.array([0.0, 1.0]), np.array([0.0, 2.0])
    >>> formula_counts(("flat",), np.array([10.0, 0.2]), low, low + 1, ends, keV=1.0)
    array([ 9., 11.])
    """
    xp, sp = namespace(numbers, low), special(numbers, low)
    if kind[0] == "flat":
        rate, tilt = numbers
        start, end = ends
        x = (low + high - start - end) / (end - start)
        return rate * keV * (high - low) * (1 + tilt * x)
    if kind[0] == "exponential":
        height, decay, start = numbers
        # A narrow bin would lose digits in a difference of two exponentials.
        return -height * keV * decay * xp.exp(-(low - start) / decay) * xp.expm1(-(high - low) / decay)
    area, centre, width = numbers[:3]

    def peak(centre: AnyArray, width: AnyArray) -> AnyArray:
        root = 2.0**0.5 * width
        return (sp.erf((high - centre) / root) - sp.erf((low - centre) / root)) / 2

    total = peak(centre, width)
    for i, own_width in enumerate(kind[1:]):
        ratio, centre, follower_width = numbers[3 + 3 * i : 6 + 3 * i]
        total = total + ratio * peak(centre, follower_width if own_width else width)
    return area * total

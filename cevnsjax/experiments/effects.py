"""Nuisances: what is not known exactly, and what each one does to the expected counts."""

import dataclasses
import math
from typing import Literal

from cevnsjax.parameters import Parameter

__all__ = ["REACH", "SIGNAL", "Nuisance", "Own"]

REACH = 5.0
"""How far, in standard deviations, a nuisance may go from its centre."""

SIGNAL = "signal"
"""The name of the signal among the samples that a nuisance may scale."""

Own = Literal["experiment", "detector", "run"]


@dataclasses.dataclass(frozen=True)
class Nuisance:
    """A nuisance of one experiment: its `parameter`, its width, and one kind of effect; a key may come with a morph.

    - `scale`: a factor on samples, of centre one. Factors on the same sample add: 1 + sum_j (nu_j - 1).
    - `key`: a number of the file, by its path; `sample.NAME.NUMBER` moves a template, others are calculated. As a
      `parabola` the signal is calculated at plus and minus one standard deviation only, and a parabola leads through
      the three in each cell.
      `degree` is that of a number in which counts are a polynomial: a flux, a place on the grid of a matrix.
    - `morph`: names of samples that have tables at plus and minus one standard deviation.

    `sigma` is the standard deviation of the constraint; None: there is none, and the nuisance is `free`, so that each
    fit minimises over it, or it is held at its centre until it is given or freed by name. `own` says whose it is where
    several experiments, detectors or runs are fitted together; None: the same name is the same nuisance everywhere.

    >>> from cevnsjax.experiments import Nuisance
    >>> from cevnsjax.parameters import NORM
    >>> Nuisance(NORM, sigma=0.2, scale=("signal",)).narrowed(0.5).sigma
    0.1
    """

    parameter: Parameter
    sigma: float | None = None
    free: bool = False
    scale: tuple[str, ...] = ()
    key: str | None = None
    morph: tuple[str, ...] = ()
    own: Own | None = None
    parabola: bool = False
    degree: int | None = None

    @property
    def name(self) -> str:
        """Its name in the file."""
        return self.parameter.name

    @property
    def centre(self) -> float:
        """Where the constraint is centred, or a free nuisance begins."""
        return self.parameter.default

    @property
    def searched(self) -> bool:
        """Whether a fit minimises over it without being asked."""
        return self.free or self.sigma is not None

    @property
    def moves_signal(self) -> bool:
        """Whether the signal has to be calculated anew for another value."""
        return self.key is not None and not self.key.startswith("sample.")

    @property
    def step(self) -> float:
        """Its standard deviation, or a typical step."""
        return self.parameter.scale if self.sigma is None else self.sigma

    @property
    def limits(self) -> tuple[float, float]:
        """How far it may go, to its bounds, and REACH standard deviations if it has a constraint."""
        low, high = self.parameter.bounds
        if self.sigma is None:
            return low, high
        return max(low, self.centre - REACH * self.sigma), min(high, self.centre + REACH * self.sigma)

    def narrowed(self, factor: float) -> "Nuisance":
        """Return it with the width of its constraint multiplied by a `factor`."""
        if self.sigma is None:
            return self
        sigma = self.sigma * factor
        return dataclasses.replace(self, sigma=sigma, parameter=dataclasses.replace(self.parameter, scale=sigma))

    def __post_init__(self) -> None:
        assert math.isfinite(self.centre)

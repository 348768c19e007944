"""The weak mixing angle against the momentum transfer at which it was determined."""

import dataclasses
import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

import matplotlib
import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure
from matplotlib.ticker import MultipleLocator

from cevnsjax.figures.style import BLUE, COLUMN_WIDTH, GREEN, ORANGE, PURPLE, SKY, STYLE, VERMILION, in_latex

if TYPE_CHECKING:
    from matplotlib.axes import Axes

__all__ = ["AnglePoint", "weak_mixing_angle_figure"]

MOMENTA, ANGLES = (1.0, 3e5), (0.12, 0.38)
"""The axes: momentum transfer [MeV] and sin^2(theta_W)."""

APART = 1.25
"""Points closer than this factor in momentum transfer would cover each other."""

QUOTED_LOOKS = tuple(zip("sDv^<>P", (ORANGE, GREEN, "black", SKY, "grey", "0.3", BLUE), strict=True))
OWN_LOOKS = tuple(zip("oXd*hp", (VERMILION, PURPLE, GREEN, BLUE, ORANGE, "black"), strict=True))
"""Marker and colour of each point in turn. Own points have filled markers, quoted ones open ones."""


@dataclasses.dataclass(frozen=True)
class AnglePoint:
    """A `value` of sin^2(theta_W) at a momentum transfer `scale` [MeV]; `low` and `high` end its 1 sigma interval.

    `label` names the data. An end is None where the interval is open.
    """

    label: str
    scale: float
    value: float
    low: float | None
    high: float | None


def weak_mixing_angle_figure(
    quoted: Sequence[AnglePoint],
    theory: tuple[Float[np.ndarray, " n"], Float[np.ndarray, " n"]],
    ours: Sequence[AnglePoint],
    published: Sequence[AnglePoint] = (),
) -> Figure:
    """Return sin^2(theta_W) against the momentum transfer [MeV].

    `quoted` are determinations by others. `theory` are momentum transfers [MeV] and the angles predicted there,
    normalised at q = 0. `ours` are points calculated here, of any number, and `published` results of others from the
    first data of `ours`. A point that would cover an earlier one is drawn to the right of it. An arrow at the edge
    stands for an interval that is open there or leaves the axes.

    >>> from cevnsjax.figures import AnglePoint, weak_mixing_angle_figure
    >>> quoted = [AnglePoint("APV", 2.4, 0.2367, 0.2349, 0.2385)]
    >>> ours = [AnglePoint("CONUS+", 11.0, 0.258, 0.204, 0.316)]
    >>> theory = (np.array([1.0, 1e5]), np.array([0.2386, 0.2312]))
    >>> figure = weak_mixing_angle_figure(quoted, theory, ours)
    """
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(COLUMN_WIDTH, 4.6))
        axes = figure.subplots()
        axes.set_xscale("log")
        axes.set_xlim(*MOMENTA)
        axes.set_ylim(*ANGLES)
        axes.plot(*theory, color=BLUE, lw=1.0, label="one loop, normalised at $q = 0$")
        places = _places([point.scale for point in (*quoted, *ours, *published)])
        for number, point in enumerate(quoted):
            marker, colour = QUOTED_LOOKS[number % len(QUOTED_LOOKS)]
            _draw(axes, point, next(places), fmt=marker, ms=3.5, lw=0.9, mfc="white", color=colour, capsize=1.5)
        for number, point in enumerate(ours):
            marker, colour = OWN_LOOKS[number % len(OWN_LOOKS)]
            _draw(axes, point, next(places), fmt=marker, ms=4, lw=1.3, color=colour, capsize=2)
        for point in published:
            _draw(axes, point, next(places), fmt="o", ms=4, lw=0.9, mfc="white", color=VERMILION, capsize=2)
        axes.set_xlabel(r"momentum transfer [MeV]")
        axes.set_ylabel(r"$\sin^2\theta_W$")
        axes.yaxis.set_major_locator(MultipleLocator(0.05))
        figure.legend(loc="outside lower center", ncols=2, columnspacing=1.0, title=r"errors: 1$\sigma$, 1 d.o.f.")
    return figure


def _places(scales: Sequence[float]) -> Iterator[float]:
    """Give a momentum transfer [MeV] to draw each point at: its own, or the next to the right that is free."""
    used: list[float] = []
    for scale in scales:
        while near := [other for other in used if abs(math.log(scale / other)) < math.log(APART) * (1 - 1e-9)]:
            scale = APART * max(near)
        used.append(scale)
        yield scale


def _draw(axes: "Axes", point: AnglePoint, scale: float, **look: Any) -> None:
    """Draw a point with its bar; where the bar ends beyond the axes, an arrow at the edge."""
    bottom, top = ANGLES
    low = -math.inf if point.low is None else point.low
    high = math.inf if point.high is None else point.high
    bar = [[point.value - max(low, min(bottom, point.value))], [min(high, max(top, point.value)) - point.value]]
    label = in_latex(point.label).replace("133Cs", r"$^{133}$Cs")
    axes.errorbar(scale, point.value, bar, label=label, **look)
    for beyond, edge, arrow in ((low < bottom, bottom, "v"), (high > top, top, "^")):
        if beyond:
            axes.plot(scale, edge, arrow, ms=4, color=look["color"], clip_on=False, zorder=3)

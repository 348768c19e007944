"""The strength of a signal that different data prefer under different assumptions."""

from collections.abc import Sequence
from typing import NamedTuple

import matplotlib
from matplotlib.figure import Figure

from cevnsjax.figures.style import BLUE, COLUMN_WIDTH, STYLE, VERMILION

__all__ = ["Strength", "strengths_figure"]


class Strength(NamedTuple):
    """A factor on the predicted signal: its `best` value, and its 1 sigma interval from `low` to `high`.

    `label` names the data. `published` is a value with its error, or with its errors down and up, or None.
    """

    label: str
    best: float
    low: float
    high: float
    published: tuple[float, float] | tuple[float, float, float] | None = None


def strengths_figure(rows: Sequence[Strength], source: str) -> Figure:
    """Return the strengths, `rows` one below the other, with lines at zero and at the prediction.

    `source` names the published ones.

    >>> from cevnsjax.figures import Strength, strengths_figure
    >>> rows = [Strength("CONUS+", 1.13, 0.83, 1.44, (1.14, 0.36))]
    >>> figure = strengths_figure(rows, "arXiv:2501.05206")
    """
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(COLUMN_WIDTH, 1.0 + 0.28 * len(rows)))
        axes = figure.subplots()
        for x, style, label in ((0.0, ":", "no signal"), (1.0, "-", "prediction")):
            axes.axvline(x, color="black", lw=0.5, ls=style, label=label)
        for place, row in enumerate(rows):
            errors = [[row.best - row.low], [row.high - row.best]]
            axes.errorbar(
                row.best, -place, xerr=errors, fmt="o", ms=3, lw=1.0, color=BLUE, capsize=2,
                label="this work" if place == 0 else None,
            )  # fmt: skip
        given = [(place, row.published) for place, row in enumerate(rows) if row.published is not None]
        for number, (place, (value, *error)) in enumerate(given):
            axes.errorbar(
                value, -place - 0.35, xerr=[error[:1], error[-1:]], fmt="D", ms=3, lw=0.9, mfc="none", color=VERMILION,
                capsize=2, label=source if number == 0 else None,
            )  # fmt: skip
        axes.set_yticks([-place for place in range(len(rows))], [row.label for row in rows])
        axes.tick_params(axis="y", length=0)
        axes.set_ylim(-len(rows) + 0.3, 0.6)
        axes.set_xlabel("strength of the signal")
        figure.legend(loc="outside lower center", ncols=2, title=r"errors: 1$\sigma$, 1 d.o.f.")
    return figure

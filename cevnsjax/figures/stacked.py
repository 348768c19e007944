"""Spectra of counts along several axes: what is expected, stacked component by component, and the data."""

from collections.abc import Sequence
from typing import NamedTuple

import matplotlib
import numpy as np
from matplotlib.figure import Figure

from cevnsjax.figures.style import COLUMN_WIDTH, FILLS, STYLE

__all__ = ["StackedPanel", "stacked_figure"]


class StackedPanel(NamedTuple):
    """Counts along one axis, all others added up.

    `components` are labels with the expected counts of each bin between `edges`, from the bottom up; `observed` and
    `errors` are the data's. `title` stands above the panel, `label` below its axis, and `unit` is that of the axis.
    """

    title: str
    label: str
    unit: str
    edges: np.ndarray
    components: Sequence[tuple[str, np.ndarray]]
    observed: np.ndarray
    errors: np.ndarray


def stacked_figure(rows: Sequence[Sequence[StackedPanel]]) -> Figure:
    """Return `rows` of panels, with one legend for each row.

    Counts are divided by the widths of their bins where the axis has a unit.

    >>> from cevnsjax.figures import StackedPanel, stacked_figure
    >>> edges, counts = np.array([0.0, 10.0, 30.0]), np.array([12.0, 9.0])
    >>> parts = [("background", counts / 2), ("signal", counts / 2)]
    >>> panel = StackedPanel("CsI", "energy", "PE", edges, parts, counts + 1, np.sqrt(counts))
    >>> figure = stacked_figure([[panel]])
    """
    columns = max(len(row) for row in rows)
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(0.72 * COLUMN_WIDTH * columns, 2.5 * len(rows)))
        for part, row in zip(figure.subfigures(len(rows), 1, squeeze=False)[:, 0], rows, strict=True):
            grid = part.subplots(1, len(row), squeeze=False)
            for axes, panel in zip(grid.flat, row, strict=True):
                width = np.diff(panel.edges) if panel.unit else np.ones(panel.edges.size - 1)
                base = np.zeros(width.size)
                for (label, counts), colour in zip(panel.components, FILLS, strict=False):
                    top = base + counts / width
                    axes.stairs(top, panel.edges, baseline=base, fill=True, color=colour, lw=0, label=label)
                    axes.stairs(top, panel.edges, baseline=None, color="black", lw=0.3)
                    base = top
                axes.stairs(base, panel.edges, baseline=None, color="black", lw=0.6)
                centre = (panel.edges[1:] + panel.edges[:-1]) / 2
                axes.errorbar(
                    centre, panel.observed / width, panel.errors / width, fmt="o", ms=2.0, lw=0.7, color="black",
                    label="data",
                )  # fmt: skip
                axes.axhline(0.0, color="grey", lw=0.5)
                axes.set_xlim(panel.edges[0], panel.edges[-1])
                axes.set_xlabel(panel.label)
                axes.set_ylabel(f"counts / {panel.unit or 'bin'}")
                axes.set_title(panel.title)
            part.legend(*grid[0, 0].get_legend_handles_labels(), loc="outside lower center", ncols=6, columnspacing=1.0)
    return figure

"""A flux measured in bins of energy: its spectrum with errors, and how the errors of the bins are correlated."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, NamedTuple

import matplotlib
import numpy as np
from jaxtyping import Float
from matplotlib.figure import Figure

from cevnsjax.figures.style import BLUE, COLUMN_WIDTH, GREEN, ORANGE, SMALL, STYLE, VERMILION

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.image import AxesImage

__all__ = ["FluxBins", "flux_bins_figure"]

COLOURS = (VERMILION, ORANGE, BLUE, GREEN)

ROOM = 5.0
"""Room below the spectrum on a logarithmic axis: errors may be nearly as large as the flux."""


class FluxBins(NamedTuple):
    """Bins of a flux: their `edges` [MeV] as they are drawn, and `labels`.

    `energy` [MeV] and `density` [cm^-2 s^-1 MeV^-1] are the predicted spectrum. A bin has the shape of the prediction;
    only its normalisation is measured.
    """

    edges: Float[np.ndarray, " edges"]
    labels: Sequence[str]
    energy: Float[np.ndarray, " n"]
    density: Float[np.ndarray, " n"]


def flux_bins_figure(bins: FluxBins, cases: Sequence[tuple[str, Float[np.ndarray, "bins bins"]]], about: str) -> Figure:
    """Return spectrum and normalisations of `bins` with errors of one standard deviation, and correlations below them.

    `cases` are labels and covariance matrices of the normalisations, in units of the prediction.
    `about` names the experiment.

    >>> from cevnsjax.figures import FluxBins, flux_bins_figure
    >>> energy = np.linspace(6.0, 10.0, 9)
    >>> bins = FluxBins(np.array([6.0, 7.0, 10.0]), ["6-7", "above 7"], energy, 1e12 * np.exp(-energy))
    >>> figure = flux_bins_figure(bins, [("both free", np.array([[0.04, -0.01], [-0.01, 0.02]]))], "an experiment")
    """
    with matplotlib.rc_context(STYLE):
        figure = Figure(figsize=(1.9 * COLUMN_WIDTH, 4.9))
        above, below = figure.subfigures(2, 1, squeeze=False, height_ratios=(1.15, 1.0))[:, 0]
        spectrum, ratio = above.subplots(1, 2)
        _draw_spectrum(spectrum, bins, cases)
        _draw_ratio(ratio, bins, cases)
        above.legend(
            *ratio.get_legend_handles_labels(), loc="outside upper center", ncols=3, columnspacing=1.0,
            title=rf"{about}; errors: 1$\sigma$ of each bin (1 d.o.f.), all else minimised",
        )  # fmt: skip
        grid = below.subplots(1, len(cases), squeeze=False)[0]
        for axes, (label, covariance) in zip(grid, cases, strict=True):
            image = _draw_correlation(axes, bins.labels, label, covariance)
        below.colorbar(image, ax=list(grid), shrink=0.85, label="correlation")
    return figure


def _draw_spectrum(axes: "Axes", bins: FluxBins, cases: Sequence[tuple[str, np.ndarray]]) -> None:
    """Draw the predicted spectrum, and the error of each bin as a band with its shape."""
    axes.plot(bins.energy, bins.density, color="black", lw=0.9, label="prediction")
    axes.legend(loc="upper right")
    least = np.inf
    for (_, covariance), colour in zip(cases, COLOURS, strict=False):
        for low, high, error in zip(bins.edges[:-1], bins.edges[1:], np.sqrt(np.diag(covariance)), strict=True):
            energy = np.linspace(low, high, 41)[1:-1]
            density = np.interp(energy, bins.energy, bins.density)
            least = min(least, float(density.min()))
            ends = np.maximum(1 - error, 1e-9) * density, (1 + error) * density
            axes.fill_between(energy, *ends, color=colour, alpha=0.45, lw=0)
    axes.set_yscale("log")
    axes.set_ylim(least / ROOM, 3 * float(bins.density.max()))
    axes.set_xlim(bins.energy[0], bins.energy[-1])
    axes.set_xlabel(r"$E_\nu$ [MeV]")
    axes.set_ylabel(r"flux [cm$^{-2}$ s$^{-1}$ MeV$^{-1}$]")


def _draw_ratio(axes: "Axes", bins: FluxBins, cases: Sequence[tuple[str, np.ndarray]]) -> None:
    """Draw the normalisation of each bin with its error, the cases side by side."""
    places = np.arange(len(bins.labels), dtype=float)
    axes.axhline(1.0, color="black", lw=0.6)
    for number, ((label, covariance), colour) in enumerate(zip(cases, COLOURS, strict=False)):
        x = places + 0.2 * (number - (len(cases) - 1) / 2)
        errors = np.sqrt(np.diag(covariance))
        marker = "os^Dv"[number % 5]
        axes.errorbar(x, np.ones(x.size), errors, fmt=marker, ms=3.0, lw=1.1, capsize=2, color=colour, label=label)
    axes.set_xticks(places, bins.labels)
    axes.tick_params(axis="x", length=0)
    axes.set_xlim(-0.5, places.size - 0.5)
    axes.set_xlabel(r"bin of $E_\nu$ [MeV]")
    axes.set_ylabel("flux over the prediction")


def _draw_correlation(axes: "Axes", labels: Sequence[str], title: str, covariance: np.ndarray) -> "AxesImage":
    """Draw a correlation matrix with its numbers; return the image."""
    errors = np.sqrt(np.diag(covariance))
    correlation = covariance / np.outer(errors, errors)
    image = axes.imshow(correlation, cmap="RdBu_r", vmin=-1.0, vmax=1.0)
    for (row, column), value in np.ndenumerate(correlation):
        axes.text(
            column, row, f"{value:.2f}", ha="center", va="center", fontsize=SMALL,
            color="white" if abs(value) > 0.7 else "black",
        )  # fmt: skip
    ticks = np.arange(len(labels))
    axes.set_xticks(ticks, labels)
    axes.set_yticks(ticks, labels)
    axes.tick_params(length=0, labelsize=SMALL)
    axes.set_xlabel(r"bin of $E_\nu$ [MeV]")
    axes.set_title(title)
    return image

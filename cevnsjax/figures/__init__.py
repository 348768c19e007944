"""Figures for a paper: spectra, profiles, planes, projections, impacts, posteriors."""

from cevnsjax.figures.curves import Band, Mark, Overlay, plane_figure, read_overlay
from cevnsjax.figures.fitted import fit_figure
from cevnsjax.figures.flux_bins import FluxBins, flux_bins_figure
from cevnsjax.figures.impacts import impacts_figure
from cevnsjax.figures.posterior import corner_figure, predictive_figure, trace_figure
from cevnsjax.figures.profiles import Panel, bands_figure, profiles_figure
from cevnsjax.figures.projection import PublishedEvents, events_figure, projection_figure
from cevnsjax.figures.spectrum import spectrum_figure
from cevnsjax.figures.stacked import StackedPanel, stacked_figure
from cevnsjax.figures.strength import Strength, strengths_figure
from cevnsjax.figures.style import STYLE, in_latex, level_label, power_of_ten, save, value_label
from cevnsjax.figures.toys import toys_figure
from cevnsjax.figures.weak_mixing_angle import AnglePoint, weak_mixing_angle_figure

__all__ = [
    "STYLE",
    "AnglePoint",
    "Band",
    "FluxBins",
    "Mark",
    "Overlay",
    "Panel",
    "PublishedEvents",
    "StackedPanel",
    "Strength",
    "bands_figure",
    "corner_figure",
    "events_figure",
    "fit_figure",
    "flux_bins_figure",
    "impacts_figure",
    "in_latex",
    "level_label",
    "plane_figure",
    "power_of_ten",
    "predictive_figure",
    "profiles_figure",
    "projection_figure",
    "read_overlay",
    "save",
    "spectrum_figure",
    "stacked_figure",
    "strengths_figure",
    "toys_figure",
    "trace_figure",
    "value_label",
    "weak_mixing_angle_figure",
]

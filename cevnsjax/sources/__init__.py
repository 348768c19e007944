"""Neutrino sources: their components, spectra and moments."""

from cevnsjax.sources.base import Component, fold
from cevnsjax.sources.moments import EnergyGrid, FluxMoments, energy_grid, flux_moments, total_flux
from cevnsjax.sources.reactor import ReactorFlux, energy_per_fission, reactor_flux
from cevnsjax.sources.spectra import FissionSpectrum, fission_spectrum
from cevnsjax.sources.table import TabulatedFlux, tabulated_flux

__all__ = [
    "Component",
    "EnergyGrid",
    "FissionSpectrum",
    "FluxMoments",
    "ReactorFlux",
    "TabulatedFlux",
    "energy_grid",
    "energy_per_fission",
    "fission_spectrum",
    "flux_moments",
    "fold",
    "reactor_flux",
    "tabulated_flux",
    "total_flux",
]

"""Neutrino sources: their components, spectra and moments."""

from cevnsjax.sources.base import Component, Continuum, Line
from cevnsjax.sources.moments import (
    EnergyGrid,
    FluxMoments,
    LineMoments,
    Moments,
    energy_grid,
    flux_moments,
    total_flux,
)
from cevnsjax.sources.pion_at_rest import MuonDecay, Pulse, pion_at_rest
from cevnsjax.sources.reactor import ReactorFlux, energy_per_fission, reactor_flux
from cevnsjax.sources.spectra import FissionSpectrum, fission_spectrum
from cevnsjax.sources.table import TabulatedFlux, tabulated_flux

__all__ = [
    "Component",
    "Continuum",
    "EnergyGrid",
    "FissionSpectrum",
    "FluxMoments",
    "Line",
    "LineMoments",
    "Moments",
    "MuonDecay",
    "Pulse",
    "ReactorFlux",
    "TabulatedFlux",
    "energy_grid",
    "energy_per_fission",
    "fission_spectrum",
    "flux_moments",
    "pion_at_rest",
    "reactor_flux",
    "tabulated_flux",
    "total_flux",
]

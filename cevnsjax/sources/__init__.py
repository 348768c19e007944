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
from cevnsjax.sources.solar import (
    SOLAR_COMPONENTS,
    SOLAR_MODELS,
    Mixing,
    solar_fluxes,
    solar_neutrinos,
    solar_potentials,
)
from cevnsjax.sources.spectra import FissionSpectrum, fission_spectrum
from cevnsjax.sources.table import TabulatedFlux, tabulated_flux

__all__ = [
    "SOLAR_COMPONENTS",
    "SOLAR_MODELS",
    "Component",
    "Continuum",
    "EnergyGrid",
    "FissionSpectrum",
    "FluxMoments",
    "Line",
    "LineMoments",
    "Mixing",
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
    "solar_fluxes",
    "solar_neutrinos",
    "solar_potentials",
    "tabulated_flux",
    "total_flux",
]

"""Neutrino fluxes and their moments."""

from cevnsjax.flux.base import Flux, fold
from cevnsjax.flux.moments import FluxMoments, flux_moments, total_flux
from cevnsjax.flux.reactor import ReactorFlux, energy_per_fission, reactor_flux
from cevnsjax.flux.spectra import FissionSpectrum, fission_spectrum

__all__ = [
    "FissionSpectrum",
    "Flux",
    "FluxMoments",
    "ReactorFlux",
    "energy_per_fission",
    "fission_spectrum",
    "flux_moments",
    "fold",
    "reactor_flux",
    "total_flux",
]

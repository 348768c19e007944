"""Detector response: quenching, resolution, efficiency, thresholds."""

from cevnsjax.response.detector import Efficiency, Resolution, Response, panel_edges
from cevnsjax.response.quenching import Lindhard, Quenching, TabulatedYield, recoil_energy, tabulated_yield

__all__ = [
    "Efficiency",
    "Lindhard",
    "Quenching",
    "Resolution",
    "Response",
    "TabulatedYield",
    "panel_edges",
    "recoil_energy",
    "tabulated_yield",
]

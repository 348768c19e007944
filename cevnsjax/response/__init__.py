"""Detector response: yields, smearing, efficiency, and chains of them; or a matrix."""

from cevnsjax.response.chain import RESPONSE_ORDER, Bins, Chain, Response, panel_edges
from cevnsjax.response.efficiency import Efficiency, LogisticEfficiency, TabulatedEfficiency
from cevnsjax.response.grid import chebyshev_of, contracted, points_of, weights
from cevnsjax.response.matrix import Matrix, matrix
from cevnsjax.response.shared import shared_probabilities
from cevnsjax.response.smearing import Exact, Gamma, Gaussian, Poisson, Smearing
from cevnsjax.response.yields import Full, Lindhard, Polynomial, Tabulated, Yield, recoil_energy, tabulated_yield

__all__ = [
    "RESPONSE_ORDER",
    "Bins",
    "Chain",
    "Efficiency",
    "Exact",
    "Full",
    "Gamma",
    "Gaussian",
    "Lindhard",
    "LogisticEfficiency",
    "Matrix",
    "Poisson",
    "Polynomial",
    "Response",
    "Smearing",
    "Tabulated",
    "TabulatedEfficiency",
    "Yield",
    "chebyshev_of",
    "contracted",
    "matrix",
    "panel_edges",
    "points_of",
    "recoil_energy",
    "shared_probabilities",
    "tabulated_yield",
    "weights",
]

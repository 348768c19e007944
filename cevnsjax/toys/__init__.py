"""Answers by toys: Feldman and Cousins' intervals, coverage, significance of a signal, and goodness of a fit."""

from cevnsjax.toys.coverage import Coverage, coverage
from cevnsjax.toys.feldman_cousins import FeldmanCousins, feldman_cousins
from cevnsjax.toys.goodness import GoodnessOfFit, goodness_of_fit
from cevnsjax.toys.significance import Significance, significance

__all__ = [
    "Coverage",
    "FeldmanCousins",
    "GoodnessOfFit",
    "Significance",
    "coverage",
    "feldman_cousins",
    "goodness_of_fit",
    "significance",
]

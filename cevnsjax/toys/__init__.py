"""Answers by toys: Feldman and Cousins' intervals, the significance of a signal, and the goodness of a fit."""

from cevnsjax.toys.feldman_cousins import FeldmanCousins, feldman_cousins
from cevnsjax.toys.goodness import GoodnessOfFit, goodness_of_fit
from cevnsjax.toys.significance import Significance, significance

__all__ = [
    "FeldmanCousins",
    "GoodnessOfFit",
    "Significance",
    "feldman_cousins",
    "goodness_of_fit",
    "significance",
]

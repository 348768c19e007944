"""Answers by toys: Feldman and Cousins' intervals, coverage, and the significance of a signal."""

from cevnsjax.toys.coverage import Coverage, coverage
from cevnsjax.toys.feldman_cousins import FeldmanCousins, Spread, feldman_cousins
from cevnsjax.toys.significance import Significance, significance

__all__ = ["Coverage", "FeldmanCousins", "Significance", "Spread", "coverage", "feldman_cousins", "significance"]

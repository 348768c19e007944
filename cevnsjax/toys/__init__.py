"""Answers by toys: Feldman and Cousins' intervals, and the significance of a signal."""

from cevnsjax.toys.feldman_cousins import FeldmanCousins, Spread, feldman_cousins
from cevnsjax.toys.significance import Significance, significance

__all__ = ["FeldmanCousins", "Significance", "Spread", "feldman_cousins", "significance"]

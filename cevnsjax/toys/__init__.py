"""Answers by toys: Feldman and Cousins' intervals, and the significance of a signal."""

from cevnsjax.toys.feldman_cousins import FeldmanCousins, feldman_cousins
from cevnsjax.toys.significance import Significance, significance

__all__ = ["FeldmanCousins", "Significance", "feldman_cousins", "significance"]

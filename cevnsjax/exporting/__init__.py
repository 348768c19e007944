"""Likelihoods as documents that others can evaluate without this package."""

from cevnsjax.exporting.document import FORMATS, export

__all__ = ["FORMATS", "export"]

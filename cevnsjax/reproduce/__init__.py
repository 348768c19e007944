"""The published tables and figures again, from the embedded data, beside the published values."""

from cevnsjax.reproduce.driver import reproduce

__all__ = ["reproduce"]

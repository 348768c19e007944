"""The published tables and figures again, from the embedded data, beside the published values."""

from cevnsjax.reproduce.driver import reproduce
from cevnsjax.reproduce.registry import STUDIES

__all__ = ["STUDIES", "reproduce"]

"""The published tables and figures again, from the embedded data, beside the published values."""

from cevnsjax.reproduce.driver import reproduce
from cevnsjax.reproduce.processes import check_processes, share_processors
from cevnsjax.reproduce.registry import STUDIES

__all__ = ["STUDIES", "check_processes", "reproduce", "share_processors"]

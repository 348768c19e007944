"""The command line: one function a command, a thin layer over the Python interface."""

from cevnsjax.cli import commands, frequentist, future, long  # noqa: F401  each registers its commands
from cevnsjax.cli.app import run as main

__all__ = ["main"]

"""The command line: one function for each command, a thin layer over the Python interface."""

from cevnsjax.cli.app import run as main

__all__ = ["main"]

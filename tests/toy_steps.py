"""Steps of toy studies that other processes can import."""

import os
import signal
import time
import warnings
from pathlib import Path

from cevnsjax.errors import InputError
from cevnsjax.reproduce.workspace import Workspace

__all__ = ["ENDS", "act", "broken"]

PATIENCE = 60.0
"""Seconds in which another process must have begun."""


def refused() -> None:
    """Fail as a step does."""
    raise InputError("refused elsewhere")


def broken() -> None:
    """Fail as no step should, by an error that cannot be pickled."""
    error = KeyError("broken elsewhere")
    error.own = lambda: None  # type: ignore[attr-defined]
    raise error


def dies() -> None:
    """Die as for want of memory."""
    os.kill(os.getpid(), signal.SIGKILL)


def sleeps() -> None:
    """Work for long."""
    time.sleep(3 * PATIENCE)


def warns() -> None:
    """Warn, and print."""
    print("printed elsewhere")
    warnings.warn("warned elsewhere", UserWarning, stacklevel=1)


ENDS = {end.__name__: end for end in (refused, dies, sleeps, warns)}


def act(here: int, end: str, folder: Path, work: Workspace) -> str:
    """Come to an end in another process than `here`, which waits until that one has begun."""
    begun = folder / "begun"
    if os.getpid() != here:
        begun.touch()
        ENDS[end]()
        return "elsewhere"
    latest = time.monotonic() + PATIENCE
    while not begun.exists():
        assert time.monotonic() < latest
        time.sleep(0.01)
    return "here"

"""What commands print: JSON, intervals and numbers as text, notes, and progress on standard error."""

import contextlib
import json
import math
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import typer

if TYPE_CHECKING:
    from cevnsjax.inference.intervals import Interval
    from cevnsjax.likelihood import Likelihood

__all__ = ["assigned", "pieces", "print_json", "progress", "unit_of", "warn"]

DELAY = 2.0
"""Seconds before work is worth a word, and between two."""

Advance = Callable[[int, int], None]


def print_json(
    content: Mapping[str, Any],
    provenance: Mapping[str, Any] | None = None,
    likelihood: "Likelihood | None" = None,
) -> None:
    """Print one JSON object: a result, its provenance, and the notes on the data, if there are any.

    JSON has no word for infinity, which becomes null; so does what is not a number, with a warning.
    """
    whole = dict(content)
    if likelihood is not None and likelihood.notes:
        whole["notes"] = likelihood.notes
    if provenance is not None:
        whole["provenance"] = provenance
    undefined: list[str] = []
    text = json.dumps(_finite(whole, "", undefined), allow_nan=False)
    if undefined:
        shown = ", ".join(undefined[:3]) + (f" and {len(undefined) - 3} more" if len(undefined) > 3 else "")
        warn(f"not a number, printed as null: {shown}")
    typer.echo(text)


def _finite(content: Any, place: str, undefined: list[str]) -> Any:
    """Return content with null for what JSON has no word for; `undefined` gets the places of NaN."""
    if isinstance(content, Mapping):
        return {
            key: _finite(value, f"{place}.{key}" if place else str(key), undefined) for key, value in content.items()
        }
    if isinstance(content, list | tuple):
        return [_finite(value, f"{place}[{index}]", undefined) for index, value in enumerate(content)]
    if not isinstance(content, float) or math.isfinite(content):
        return content
    if math.isnan(content):
        undefined.append(place)
    return None


def pieces(intervals: "Sequence[Interval]") -> str:
    """Return intervals as text, an open end as an ellipsis."""
    shown = ("[" + ", ".join("..." if end is None else f"{end:.6g}" for end in piece) + "]" for piece in intervals)
    return " or ".join(shown) or "nothing"


def assigned(values: Mapping[str, float]) -> str:
    """Return values as text."""
    return ", ".join(f"{name} = {value:.6g}" for name, value in values.items())


def unit_of(likelihood: "Likelihood", name: str) -> str:
    """Return the unit of a parameter with a blank before it, "" where there is none."""
    unit = likelihood.parameters[name].unit
    return f" {unit}" if unit else ""


def warn(text: str) -> None:
    """Say on standard error what must be known of a result."""
    typer.echo(f"cevnsjax: warning: {' '.join(text.split())}", err=True)


@contextlib.contextmanager
def progress(text: str) -> Iterator[Advance]:
    """Show on standard error that work is under way, and give a function of (steps done, all) that moves it on.

    On a terminal that is a bar. Elsewhere a line after DELAY seconds, and one for each step, but no sooner than that
    after the last.
    """
    if sys.stderr.isatty():
        from rich.console import Console
        from rich.progress import Progress

        with Progress(console=Console(stderr=True), transient=True) as bar:
            task = bar.add_task(text, total=None)
            yield lambda done, total: bar.update(task, completed=done, total=total)
        return
    lines = _Lines(text)
    try:
        yield lines.advance
    finally:
        lines.timer.cancel()


class _Lines:
    """Progress as lines."""

    def __init__(self, text: str):
        self.text = text
        self.last = time.monotonic()
        self.timer = threading.Timer(DELAY, self._say, ["..."])
        self.timer.daemon = True
        self.timer.start()

    def advance(self, done: int, total: int) -> None:
        if time.monotonic() - self.last > DELAY:
            self._say(f": {done} of {total}")

    def _say(self, rest: str) -> None:
        self.timer.cancel()
        self.last = time.monotonic()
        typer.echo(f"cevnsjax: {self.text}{'' if rest[0] == ':' else ' '}{rest}", err=True)

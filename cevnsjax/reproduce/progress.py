"""What a run says on standard error: a bar on a terminal, elsewhere a line for each step."""

import contextlib
import sys
import threading
from collections.abc import Callable, Iterator

__all__ = ["progress"]

Advance = Callable[[str, bool], None]
"""Takes the title of the step that begins, and whether it was done by an earlier run."""


@contextlib.contextmanager
def progress(steps: int) -> Iterator[Advance]:
    """Give the function that each step calls when it begins, from whatever thread."""
    if sys.stderr.isatty():
        with _bar(steps) as advance:
            yield advance
        return
    done, lock = 0, threading.Lock()

    def line(title: str, kept: bool) -> None:
        nonlocal done
        with lock, contextlib.suppress(OSError):  # nobody reads it any more: no reason to stop
            done += 1
            print(
                f"cevnsjax: {done} of {steps}: {title}{' (done before)' if kept else ''}", file=sys.stderr, flush=True
            )

    yield line


@contextlib.contextmanager
def _bar(steps: int) -> Iterator[Advance]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    with Progress(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task("", total=steps)
        yield lambda title, kept: bar.update(task, description=f"{title:<56}", advance=1)

"""The order in which everything is made, and the folder into which it goes."""

import contextlib
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import jax

from cevnsjax import results
from cevnsjax.errors import InputError
from cevnsjax.plotting import read_overlay
from cevnsjax.reproduce import conus, limits, mediators, programme, quenching, standard_model, systematics
from cevnsjax.reproduce.report import write_report

__all__ = ["reproduce"]

PARTS = (standard_model, limits, mediators, systematics, conus, programme, quenching)
"""Each part makes its figures and curves, and returns what it has found for the report."""


def reproduce(out: Path, overlays: Sequence[Path] = ()) -> dict[str, Any]:
    """Write figures, curves, `report.md` and `report.json` into a folder; return what the JSON holds.

    `overlays` are CSV files with curves of others, drawn into the planes whose parameters they name. Everything is
    made in a folder beside it and moved there at the end. Raises `InputError` where the folder cannot be made,
    or an overlay cannot be read.
    """
    curves = [read_overlay(path) for path in overlays]
    planes = [(mass, coupling) for _, mass, coupling, _ in mediators.PLANES]
    for path, curve in zip(overlays, curves, strict=True):
        if (curve.x, curve.y) not in planes:
            known = " or ".join(", ".join(plane) for plane in planes)
            raise InputError(f"'{path}' has curves of {curve.x}, {curve.y}; the planes are of {known}")
    parent = out.absolute().parent
    if out.exists() and not out.is_dir():
        raise InputError(f"cannot write into '{out}': it is a file; give a folder")
    if not parent.is_dir() or not os.access(out if out.is_dir() else parent, os.W_OK):
        raise InputError(f"cannot write into '{out}': '{parent}' is no folder that can be written to")
    with tempfile.TemporaryDirectory(dir=parent, prefix=".cevnsjax-") as name, _progress() as advance:
        folder = Path(name)
        content: dict[str, Any] = {}
        for part in PARTS:
            content |= part.make(folder, advance, curves)
            # Each program takes several of the memory mappings that Linux grants a process.
            jax.clear_caches()
        results.write_json(folder / "report.json", content)
        write_report(folder / "report.md", content)
        out.mkdir(exist_ok=True)
        for path in sorted(folder.iterdir()):
            shutil.move(path, out / path.name)
    return content


@contextlib.contextmanager
def _progress() -> Iterator[Callable[[str], None]]:
    """Give a function that says on a terminal's standard error what comes next."""
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn()
    silent = not sys.stderr.isatty()
    with Progress(*columns, console=Console(stderr=True), transient=True, disable=silent) as progress:
        task = progress.add_task("", total=sum(part.STEPS for part in PARTS))

        def advance(text: str) -> None:
            progress.update(task, description=f"{text:<56}", advance=1)

        yield advance

"""What all benchmarks share: timing, the machine, the table's rows, and JSON.

Times are wall time in seconds, the median of several runs, the result awaited. Compilation stands apart: it happens in
a first run that is not among them.
"""

import contextlib
import json
import os
import platform
import statistics
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import jax
import numpy as np

from cevnsjax.resources import data_folder

__all__ = [
    "HEAD",
    "PLANE",
    "change",
    "experiment_file",
    "exponent",
    "first_and_warm",
    "machine",
    "once",
    "row",
    "table",
    "timed",
    "write_json",
]

PLANE = (("m_z", 1e-2, 1e3), ("g_bl", 1e-7, 1e-2))
"""Mass [MeV] and coupling of B - L, from where nothing is seen of it to where it outweighs the data without end."""

HEAD = ("what", "result", "rival", "ratio", "aim", "reached, or factor missing")


def once(function: Callable[[], Any]) -> tuple[float, Any]:
    """Return the time of one run, and its result."""
    start = time.perf_counter()
    result = jax.block_until_ready(function())
    return time.perf_counter() - start, result


def timed(function: Callable[[], Any], repeats: int) -> float:
    """Return the median time of several runs."""
    return statistics.median(once(function)[0] for _ in range(repeats))


def first_and_warm(function: Callable[[], Any], repeats: int) -> tuple[float, float, Any]:
    """Return the time of the first run, which compiles, the median of others after it, and the first one's result."""
    first, result = once(function)
    return first, timed(function, repeats), result


def machine() -> dict[str, Any]:
    """Return what the figures depend on besides the code."""
    return {
        "device": jax.devices()[0].device_kind,
        "devices": jax.device_count(),
        "cores": os.cpu_count(),
        "architecture": platform.machine(),
        "python": platform.python_version(),
        "jax": jax.__version__,
        "numpy": np.__version__,
    }


def exponent(sizes: Sequence[float], times: Sequence[float]) -> float:
    """Return the power of the size with which the time grows, over the upper half of the sizes.

    Below it the price of a call hides what the work itself costs.
    """
    upper = slice(max(0, min(len(sizes) // 2, len(sizes) - 2)), None)
    return float(np.polyfit(np.log(sizes[upper]), np.log(times[upper]), 1)[0])


def change(found: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Return by how much two chi^2 differ: absolutely below one, and relatively above."""
    return np.abs(found - expected) / np.maximum(np.abs(expected), 1.0)


@contextlib.contextmanager
def experiment_file(data: str | None = None, systematics: str = "") -> Iterator[Path]:
    """Give the path of a copy of CONUS+'s description, with other data, and more sets of systematics, if given."""
    folder = data_folder() / "conus_plus"
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "experiment.toml"
        path.write_text((folder / path.name).read_text(encoding="utf-8") + systematics, encoding="utf-8")
        (path.parent / "run1_excess.csv").write_text(data or (folder / "run1_excess.csv").read_text())
        yield path


def row(
    what: str,
    result: str,
    aim: str = "",
    missing: float | None = None,
    rival: str = "",
    ratio: float | None = None,
) -> dict[str, Any]:
    """Return a row of the table; `missing` is the factor by which an aim is missed, one or less where it is reached."""
    return {"what": what, "result": result, "rival": rival, "ratio": ratio, "aim": aim, "missing": missing}


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Return rows as a table in Markdown."""
    lines = [HEAD, ["---"] * len(HEAD)]
    for one in rows:
        missing, ratio = one["missing"], one["ratio"]
        reached = "" if missing is None else "reached" if missing <= 1 else f"{missing:.3g} times"
        lines.append(
            [one["what"], one["result"], one["rival"], "" if ratio is None else f"{ratio:.3g}", one["aim"], reached]
        )
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def write_json(path: Path, content: object) -> None:
    """Write results; a NaN is an error, not a word that no reader knows."""
    path.write_text(json.dumps(content, indent=2, allow_nan=False) + "\n", encoding="utf-8")

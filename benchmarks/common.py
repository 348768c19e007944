"""What all benchmarks share: timing, the machine, copies of an experiment, and the rows of the table.

Times are wall time in seconds, the median of several runs, the result awaited. The first run, which may compile, is
reported by itself.
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
    "PLANE",
    "change",
    "even_bins",
    "experiment_file",
    "exponent",
    "first_and_warm",
    "machine",
    "once",
    "row",
    "timed",
    "write_json",
]

PLANE = (("m_z", 1e-2, 1e3), ("g_bl", 1e-7, 1e-2))
"""Mass [MeV] and coupling of B - L. Weak couplings have no effect on the data, strong ones outweigh the data by far."""

DATA = "run1_excess.csv"


def once(function: Callable[[], Any]) -> tuple[float, Any]:
    """Return the time of one run, and its result."""
    start = time.perf_counter()
    result = jax.block_until_ready(function())
    return time.perf_counter() - start, result


def timed(function: Callable[[], Any], repeats: int) -> float:
    """Return the median time of several runs."""
    return statistics.median(once(function)[0] for _ in range(repeats))


def first_and_warm(function: Callable[[], Any], repeats: int) -> tuple[float, float, Any]:
    """Return the time of the first run, which compiles, the median of later runs, and the result of the first run."""
    first, result = once(function)
    return first, timed(function, repeats), result


def machine() -> dict[str, Any]:
    """Return what the times depend on besides the code; `load` is the machine's load average just now."""
    return {
        "device": jax.devices()[0].device_kind,
        "devices": jax.device_count(),
        "cores": os.cpu_count(),
        "architecture": platform.machine(),
        "python": platform.python_version(),
        "jax": jax.__version__,
        "numpy": np.__version__,
        "load": round(os.getloadavg()[0], 2),
    }


def exponent(sizes: Sequence[float], times: Sequence[float]) -> float:
    """Return the power of the size with which the time grows, over the upper half of the sizes.

    Below it the price of a call hides what the work itself costs.
    """
    upper = slice(max(0, min(len(sizes) // 2, len(sizes) - 2)), None)
    return float(np.polyfit(np.log(sizes[upper]), np.log(times[upper]), 1)[0])


def change(result: np.ndarray, expected: np.ndarray) -> np.ndarray:
    """Return by how much two chi^2 differ: absolutely below one, and relatively above."""
    return np.abs(result - expected) / np.maximum(np.abs(expected), 1.0)


@contextlib.contextmanager
def experiment_file(data: str | None = None, edit: Callable[[str], str] = str) -> Iterator[Path]:
    """Give the path of a copy of the CONUS+ description.

    `data` replaces the table of data, and `edit` changes the text of the description.
    """
    folder = data_folder() / "conus_plus"
    with tempfile.TemporaryDirectory() as name:
        path = Path(name) / "experiment.toml"
        path.write_text(edit((folder / path.name).read_text(encoding="utf-8")), encoding="utf-8")
        own = (folder / DATA).read_text(encoding="utf-8")
        (path.parent / DATA).write_text(own if data is None else data, encoding="utf-8")
        yield path


def even_bins(number: int) -> str:
    """Return a table of CONUS+ data in a number of equal bins.

    Each bin has the excess per energy of the measured bin around its centre. Errors grow with the root of the number of
    bins, so that all bins together say as much as the measured bins do.
    """
    text = (data_folder() / "conus_plus" / DATA).read_text(encoding="utf-8")
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    low, high, observed, sigma = np.array([line.split(",") for line in lines[1:]], dtype=float).T
    edges = np.linspace(low[0], high[-1], number + 1)
    measured = np.searchsorted(high, (edges[:-1] + edges[1:]) / 2)
    wider = ((high - low)[measured] / np.diff(edges)) ** 0.5
    rows = zip(edges[:-1], edges[1:], observed[measured], sigma[measured] * wider, strict=True)
    return "\n".join([lines[0], *(",".join(repr(float(x)) for x in cells) for cells in rows)]) + "\n"


def row(
    what: str,
    value: str,
    aim: str = "",
    missing: float | None = None,
    rival: str = "",
    ratio: float | None = None,
    bound: str = "",
) -> dict[str, Any]:
    """Return a row of the table.

    `missing` is the factor by which the aim is missed, one or less where it is reached. `rival` says what was measured
    beside it and its value; `ratio` is larger than one where the package is better, except for ratios to a bare import
    and to the memory without added bins. `bound` says what the value consists of, or what limits it.
    """
    return {
        "what": what, "value": value, "aim": aim, "missing": missing, "rival": rival, "ratio": ratio, "bound": bound
    }  # fmt: skip


def write_json(path: Path, content: object) -> None:
    """Write results; a NaN is an error, as JSON has no word for it."""
    path.write_text(json.dumps(content, indent=1, allow_nan=False) + "\n", encoding="utf-8")

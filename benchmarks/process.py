"""Whole processes of the command line: seconds, compiled programs, and memory.

As a script, `python -P process.py FILE WORD ...` runs `cevnsjax WORD ...` in this process, listens to JAX's own events
meanwhile, and writes what it counted into FILE as JSON. `measured` starts such processes.
"""

import dataclasses
import importlib
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

__all__ = ["Measured", "command", "import_jax_s", "measured"]

COMPILED = "/jax/core/compile/backend_compile_duration"
TRACED = ("/jax/core/compile/jaxpr_trace_duration", "/jax/core/compile/jaxpr_to_mlir_module_duration")
FROM_CACHE = "/jax/compilation_cache/cache_hits"
LOADED = "/cevnsjax/programs/loaded"
"""That of the package's own programs, which pass JAX's cache by."""

TIMEOUT = 3600
"""Seconds after which a process is given up."""

KIBIBYTE = 1024


@dataclasses.dataclass(frozen=True)
class Measured:
    """What one process of the command line took.

    `programs` are all programs that ran, and `from_cache` those of them that were loaded from the cache's folder.
    `seconds` is wall time, start of the interpreter and exit included. It has these parts: `imports_s`, until the
    command's module is imported; `tracing_s`, JAX's tracing and lowering; `compiling_s`, the compiler, or loading from
    the cache; and all else.
    """

    seconds: float
    programs: int
    from_cache: int
    imports_s: float
    tracing_s: float
    compiling_s: float
    peak_bytes: int
    output: str

    @property
    def other_s(self) -> float:
        """Seconds that are no import, no tracing, and no compilation."""
        return self.seconds - self.imports_s - self.tracing_s - self.compiling_s


def command(words: Sequence[str], out: Path) -> list[str]:
    """Return the command that runs `cevnsjax` with these words, and writes what it counts into a file."""
    return [sys.executable, "-P", __file__, str(out), *words]


def measured(words: Sequence[str], cache: Path | None) -> Measured:
    """Run `cevnsjax` with these words in a process of its own, programs kept in a folder, or not at all."""
    with tempfile.TemporaryDirectory() as folder:
        out = Path(folder) / "counted.json"
        start = time.perf_counter()
        process = subprocess.run(
            command(words, out), capture_output=True, text=True, timeout=TIMEOUT,
            env={**os.environ, "CEVNSJAX_CACHE": "off" if cache is None else str(cache)},
        )  # fmt: skip
        seconds = time.perf_counter() - start
        if process.returncode:
            raise RuntimeError(f"cevnsjax {' '.join(words)} ended with {process.returncode}: {process.stderr[-2000:]}")
        return Measured(seconds=seconds, output=process.stdout, **json.loads(out.read_text(encoding="utf-8")))


def import_jax_s() -> float:
    """Return the seconds of a process that imports JAX and does nothing else."""
    start = time.perf_counter()
    subprocess.run([sys.executable, "-c", "import jax"], check=True)
    return time.perf_counter() - start


def _covered(spans: Sequence[tuple[float, float]]) -> float:
    """Return the length of the union of intervals: JAX reports traces within traces."""
    total, end = 0.0, float("-inf")
    for low, high in sorted(spans):
        total += max(0.0, high - max(low, end))
        end = max(end, high)
    return total


def _peak_bytes() -> int:
    """Return the largest memory of this process. (The system's `ru_maxrss` begins with the parent's.)"""
    lines = Path("/proc/self/status").read_text(encoding="utf-8").splitlines()
    return int(next(line for line in lines if line.startswith("VmHWM")).split()[1]) * KIBIBYTE


def _main() -> None:
    start = time.perf_counter()
    out, words = Path(sys.argv[1]), sys.argv[2:]
    # The command line sets it itself, but NumPy reads it when JAX is imported, which is here before that.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    import jax

    compiling: list[float] = []
    tracing: list[tuple[float, float]] = []
    hits: list[str] = []
    loaded: list[str] = []

    def note_duration(event: str, seconds: float, **_: Any) -> None:
        if event == COMPILED:
            compiling.append(seconds)
        elif event in TRACED:
            now = time.perf_counter()
            tracing.append((now - seconds, now))

    def note(event: str, **_: Any) -> None:
        if event in (FROM_CACHE, LOADED):
            hits.append(event)
        if event == LOADED:
            loaded.append(event)

    jax.monitoring.register_event_duration_secs_listener(note_duration)
    jax.monitoring.register_event_listener(note)
    from cevnsjax.cli import app

    importlib.import_module(f"cevnsjax.cli.{app.COMMANDS[words[0]][0]}")
    imported = time.perf_counter() - start
    sys.argv = ["cevnsjax", *words]
    try:
        app.run()
    finally:
        counted = {
            "programs": len(compiling) + len(loaded), "from_cache": len(hits), "imports_s": imported,
            "tracing_s": _covered(tracing), "compiling_s": sum(compiling),
            "peak_bytes": _peak_bytes(),
        }  # fmt: skip
        out.write_text(json.dumps(counted), encoding="utf-8")


if __name__ == "__main__":
    _main()

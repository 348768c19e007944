"""How long `cevnsjax predict conus_plus` takes as a whole process, and where the time goes, cold and with a cache.

The rival is a bare `import jax` in the same run: what no JAX program can do without. Each time is the median of several
fresh processes with a warm file cache, in seconds of wall time.
"""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

from benchmarks.common import row, timed
from benchmarks.process import import_jax_s

__all__ = ["run"]

STAGES = """
import json, time
start = time.perf_counter()
def lap():
    global start
    now = time.perf_counter()
    elapsed, start = now - start, now
    return elapsed
stages = {}
import jax
stages["import jax"] = lap()
import cevnsjax.cli.predict
stages["import cevnsjax and its other dependencies"] = lap()
cevnsjax.cache_compilations()
experiment = cevnsjax.load_experiment("conus_plus")
stages["read the experiment, normalise the flux"] = lap()
likelihood = cevnsjax.Likelihood(experiment)
stages["make the likelihood"] = lap()
likelihood.expected({}).block_until_ready()
stages["compile and run the prediction"] = lap()
likelihood.expected({}).block_until_ready()
stages["the prediction once more"] = lap()
print(json.dumps(stages))
"""


def output(command: list[str], cache: Path) -> str:
    environment = {**os.environ, "CEVNSJAX_CACHE": str(cache)}
    return subprocess.run(command, check=True, capture_output=True, text=True, env=environment).stdout


def stages(repeats: int, cache: Path | None) -> dict[str, float]:
    """Return the median of each stage of a process, with a filled cache or, where none is given, an empty one."""
    runs = []
    for _ in range(repeats):
        with tempfile.TemporaryDirectory() as empty:
            runs.append(json.loads(output([sys.executable, "-c", STAGES], cache or Path(empty))))
    return {stage: statistics.median(run[stage] for run in runs) for stage in runs[0]}


def run(quick: bool) -> dict[str, Any]:
    """Return the time of the command, of a bare import of JAX, and of each stage."""
    repeats = 1 if quick else 5
    predict = [str(Path(sys.executable).parent / "cevnsjax"), "predict", "conus_plus", "--json"]
    with tempfile.TemporaryDirectory() as name:
        cache = Path(name)
        assert json.loads(output(predict, cache))["bins"], "the command predicts no bins"
        process = timed(lambda: output(predict, cache), repeats)
        rival = statistics.median(import_jax_s() for _ in range(repeats))
        output([sys.executable, "-c", STAGES], cache)
        parts = {"cold": stages(repeats, None), "filled cache": stages(repeats, cache)}
    rows = [
        row(
            "`cevnsjax predict conus_plus`, filled cache", f"{process:.3g} s", rival=f"`import jax`: {rival:.3g} s",
            ratio=process / rival,
        )
    ]  # fmt: skip
    rows += [
        row(f"stage: {stage}", f"{cold:.3g} s cold, {parts['filled cache'][stage]:.3g} s with a filled cache")
        for stage, cold in parts["cold"].items()
    ]
    return {"process_s": process, "import_jax_process_s": rival, "stages_s": parts, "rows": rows}

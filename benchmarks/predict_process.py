"""How long `cevnsjax predict conus_plus` takes as a whole process, and where the time goes.

The rival is a bare `import jax` in the same run: what no JAX program can do without. Each figure is the median
of several fresh processes with a warm file cache, in seconds of wall time.
"""

import json
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

from benchmarks.common import row, timed

__all__ = ["run"]

STAGES = """
import time
start = time.perf_counter()
def lap():
    global start
    now = time.perf_counter()
    elapsed, start = now - start, now
    return elapsed
stages = {}
import jax
stages["import jax"] = lap()
import cevnsjax.cli
stages["import cevnsjax and its other dependencies"] = lap()
experiment = cevnsjax.load_experiment("conus_plus")
stages["read the experiment, normalise the flux"] = lap()
likelihood = cevnsjax.Likelihood(experiment)
jax.block_until_ready(likelihood.tables)
stages["compile and fill the rate table"] = lap()
likelihood.expected({}).block_until_ready()
stages["compile and run the prediction"] = lap()
likelihood.expected({}).block_until_ready()
stages["the prediction once more, warm"] = lap()
import json
print(json.dumps(stages))
"""


def output(command: list[str]) -> str:
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def wall_time(command: list[str], repeats: int) -> float:
    """Return the median over fresh processes, after one that fills the file cache."""
    output(command)
    return timed(lambda: output(command), repeats)


def stages(repeats: int) -> dict[str, float]:
    """Return the median of each stage of a process."""
    runs = [json.loads(output([sys.executable, "-c", STAGES])) for _ in range(repeats)]
    return {stage: statistics.median(run[stage] for run in runs) for stage in runs[0]}


def run(quick: bool) -> dict[str, Any]:
    """Return the time of the command, of a bare import of JAX, and of each stage."""
    repeats = 1 if quick else 7
    predict = [str(Path(sys.executable).parent / "cevnsjax"), "predict", "conus_plus", "--json"]
    prediction = json.loads(output(predict))
    assert prediction, "the command says nothing"
    process, rival = wall_time(predict, repeats), wall_time([sys.executable, "-c", "import jax"], repeats)
    return {
        "process_s": process,
        "import_jax_process_s": rival,
        "ratio_to_import_jax": process / rival,
        "stages_s": stages(repeats),
        "rows": [
            row(
                "`cevnsjax predict conus_plus`, a whole process", f"{process:.3g} s",
                rival=f"`import jax`: {rival:.3g} s", ratio=process / rival,
            )
        ],
    }  # fmt: skip

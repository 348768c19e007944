"""How long `cevnsjax predict conus_plus` takes as a whole process, and where the time goes.

    python benchmarks/predict_process.py [--out FILE.json]

The rival is a bare `import jax` in the same run: what no JAX program can do without. Each figure is the median
of several fresh processes with a warm file cache, in seconds of wall time.
"""

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import time
from pathlib import Path

REPEATS = 7

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


def median_wall_time(command: list[str]) -> float:
    subprocess.run(command, check=True, capture_output=True)
    times = []
    for _ in range(REPEATS):
        start = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        times.append(time.perf_counter() - start)
    return statistics.median(times)


def median_stages() -> dict[str, float]:
    runs = []
    for _ in range(REPEATS):
        output = subprocess.run([sys.executable, "-c", STAGES], check=True, capture_output=True, text=True).stdout
        runs.append(json.loads(output))
    return {stage: statistics.median(run[stage] for run in runs) for stage in runs[0]}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--out", type=Path)
    arguments = parser.parse_args()
    executable = str(Path(sys.executable).parent / "cevnsjax")
    process = median_wall_time([executable, "predict", "conus_plus", "--json"])
    rival = median_wall_time([sys.executable, "-c", "import jax"])
    result = {
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "process_s": round(process, 3),
        "import_jax_process_s": round(rival, 3),
        "ratio_to_import_jax": round(process / rival, 2),
        "stages_s": {stage: round(seconds, 4) for stage, seconds in median_stages().items()},
    }
    text = json.dumps(result, indent=2)
    print(text)
    if arguments.out is not None:
        arguments.out.write_text(text + "\n")


if __name__ == "__main__":
    main()

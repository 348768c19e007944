"""The largest memory of fits with many bins, each in a process of its own."""

import os
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest

GIGABYTE = 1e9

EXPERIMENT = """
format = 2
name = "many"
title = "Many bins"
[target]
elements = {{ Ge = 1 }}
[source]
kind = "reactor"
power_GW = 3.6
baseline_m = 20.7
energy_per_fission_MeV = 205.24
fission_fractions = {{ U235 = 0.53, U238 = 0.08, Pu239 = 0.32, Pu241 = 0.07 }}
[[axes]]
name = "energy"
unit = "eV_ee"
[response.nuclear]
yield = {{ kind = "lindhard", k = 0.162 }}
smearing = {{ kind = "gaussian", noise = 20.38, fano = 0.1096, pair_energy = 2.96 }}
[[detectors]]
name = "one"
mass_kg = 1.0
live_days = 300
threshold = 160
[data]
file = "data.csv"
term = "gaussian"
[[nuisance]]
name = "flux"
sigma = 0.05
scale = ["signal"]
{more}
"""

# What moves the spectrum, as in the systematics `detailed` of CONUS+.
SHAPES = """
[[nuisance]]
name = "quenching_k"
key = "response.nuclear.yield.k"
sigma = 0.004
[[nuisance]]
name = "energy_shift"
key = "response.shift"
sigma = 5.5
[[nuisance]]
name = "nuclear_radius"
key = "target.radius_factor"
sigma = 0.032
"""

PROGRAM = """
import sys
import cevnsjax
result = cevnsjax.fit(cevnsjax.Likelihood(sys.argv[1]))
assert result.converged
# Not ru_maxrss: it begins with the largest memory of the process that started this one.
print(next(line for line in open("/proc/self/status") if line.startswith("VmHWM")).split()[1])
"""


def written(folder: Path, bins: int, more: str) -> Path:
    edges = np.linspace(160.0, 800.0, bins + 1)
    rows = (f"{low:.17g},{high:.17g},0.5,1.0" for low, high in pairwise(edges))
    (folder / "data.csv").write_text("\n".join(["energy_low,energy_high,observed,sigma", *rows]))
    (folder / "many.toml").write_text(EXPERIMENT.format(more=more))
    return folder / "many.toml"


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="needs Linux, which tells of a process's memory")
@pytest.mark.parametrize(
    ("bins", "more", "largest"), [(10_000, SHAPES, 1.0), (20_000, "", 2.0)], ids=["shapes", "plain"]
)
def test_the_largest_memory(tmp_path, bins: int, more: str, largest: float) -> None:
    path = written(tmp_path, bins, more)
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(path)], capture_output=True, text=True,
        env=os.environ | {"JAX_PLATFORMS": "cpu"},
    )  # fmt: skip
    assert run.returncode == 0, run.stderr
    assert int(run.stdout) * 1024 < largest * GIGABYTE

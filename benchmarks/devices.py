"""The same work on a graphics card and on the processor of the same machine.

Each case runs on each of both, in a process of its own and without a cache: the first call compiles. The rival is the
processor, which must get the same numbers: chi^2 and critical values but for rounding, means of posteriors but for
their statistical errors. In `scan` the norm is minimised in closed form; `exact` calculates the counts anew at each
point, by the rate integrals; `nuisances` searches for six nuisances at each point; `toys` are those of Feldman and
Cousins, each with six nuisances; `chains` are chains of NUTS, one call with few and one with many.
"""

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import cevnsjax
from benchmarks.common import PLANE, change, first_and_warm, row

__all__ = ["run"]

SAME = {"chi2": 1e-8, "critical": 1e-5}
"""How much chi^2 and critical values may differ, relatively above one. A toy's minimum is as good as its search."""

LIMIT = 5.0
"""How many standard errors the means of the angle may differ by."""

ANGLE = "sin2_theta_w"
TOYS, DRAWS, SAMPLE = 1000, 500, 100
"""Toys at each point, draws of each chain, and values of chi^2 that are compared."""


def plane(size: int, systematics: str) -> tuple[int, Callable[[], Any], Callable[[Any], dict[str, Any]]]:
    """Return the number of points, a scan of mass against coupling, and the values to compare."""
    likelihood = cevnsjax.Likelihood("conus_plus", model="vector_bl", systematics=systematics)
    axes = [(*limits, size) for limits in PLANE]
    return size**2, lambda: cevnsjax.scan(likelihood, *axes), lambda found: some(found.delta_chi2 + found.chi2_min)


def exact(size: int) -> tuple[int, Callable[[], Any], Callable[[Any], dict[str, Any]]]:
    """Return the number of points, a function that calculates chi^2 at each, and the values to compare."""
    likelihood = cevnsjax.Likelihood("conus_plus", model="vector_bl")
    places = (jnp.geomspace(low, high, size) for _, low, high in PLANE)
    mass, g = (column.ravel() for column in jnp.meshgrid(*places))
    chi2 = jax.jit(jax.vmap(lambda m, g: likelihood.chi2({"m_z": m, "g_bl": g})))
    return size**2, lambda: chi2(mass, g), some


def toys(size: int) -> tuple[int, Callable[[], Any], Callable[[Any], dict[str, Any]]]:
    """Return the number of toys, a function that finds critical values in a plane, and the values to compare."""
    likelihood = cevnsjax.Likelihood("conus_plus", model="nsi_vector", systematics="detailed")
    axes = [(name, -1.0, 1.0, size) for name in ("eps_ee_uv", "eps_ee_dv")]
    return (
        size**2 * TOYS,
        lambda: cevnsjax.feldman_cousins(likelihood, *axes, toys=TOYS),
        lambda found: {"critical": found.critical.ravel().tolist()},
    )


def chains(number: int) -> tuple[int, Callable[[], Any], Callable[[Any], dict[str, Any]]]:
    """Return the number of draws, a function that draws them, and the angle's posterior."""
    likelihood = cevnsjax.Likelihood("conus_plus", systematics="detailed")
    return (
        number * DRAWS,
        lambda: cevnsjax.sample(likelihood, (ANGLE,), chains=number, samples=DRAWS, warmup=DRAWS),
        lambda found: {"angle": {key: float(found.summary[ANGLE][key]) for key in ("mean", "sd", "ess")}},
    )


def some(chi2: np.ndarray) -> dict[str, Any]:
    """Return values of chi^2 at even distances."""
    every = np.asarray(chi2).ravel()
    return {"chi2": every[:: max(1, every.size // SAMPLE)].tolist()}


CASES: dict[str, tuple[str, Callable[[int], Any], int, int, int]] = {
    "scan": ("scan of {points:.0e} points, norm minimised", lambda size: plane(size, "default"), 1000, 100, 7),
    "exact": ("chi^2 at {points:.0e} points, each by the rate integrals", exact, 316, 30, 3),
    "nuisances": ("scan of {points:.0e} points, six nuisances", lambda size: plane(size, "detailed"), 100, 10, 3),
    "toys": ("Feldman-Cousins, {points:.0e} toys, six nuisances", toys, 10, 2, 1),
    "few_chains": ("NUTS, {size} chains, {points:.0e} draws", chains, 4, 4, 1),
    "many_chains": ("NUTS, {size} chains, {points:.0e} draws", chains, 256, 8, 1),
}
"""What is done, the function, its size, its size with `--quick`, and how often it is repeated when warm."""


def in_process(case: str, size: int, platform: str) -> dict[str, Any]:
    """Return one case's times and numbers, from a process that sees one kind of device."""
    process = subprocess.run(
        [sys.executable, "-m", "benchmarks.devices", case, str(size)],
        cwd=Path(__file__).parents[1], env={**os.environ, "JAX_PLATFORMS": platform}, check=True,
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    return json.loads(process.stdout)


def difference(one: dict[str, Any], other: dict[str, Any]) -> tuple[str, float]:
    """Return which numbers of two devices are compared, and by how much they differ; an error where too much."""
    if "angle" in one:
        angles = one["angle"], other["angle"]
        away = abs(angles[0]["mean"] - angles[1]["mean"]) / sum(a["sd"] ** 2 / a["ess"] for a in angles) ** 0.5
        assert away < LIMIT, f"means of the angle differ by {away:.1f} standard errors"
        return "mean of the angle, in standard errors", away
    (name,) = SAME.keys() & one.keys()
    worst = float(change(np.array(one[name]), np.array(other[name])).max())
    assert worst < SAME[name], f"{name} differs by {worst:.1e} between devices"
    return name, worst


def run(quick: bool) -> dict[str, Any]:
    """Return times of each case on both devices; an error where there is no graphics card."""
    platform = jax.default_backend()
    if platform == "cpu":
        raise SystemExit("the benchmark 'devices' needs a graphics card; JAX has none here")
    results, rows = {}, []
    for case, (what, _, full, small, _) in CASES.items():
        size = small if quick else full
        card, processor = (in_process(case, size, name) for name in (platform, "cpu"))
        compared, worst = difference(card, processor)
        results[case] = {platform: card, "cpu": processor, "largest_difference": {compared: worst}}
        text = what.format(points=card["points"], size=size)
        for when, key in (("first call", "first_s"), ("warm", "warm_s")):
            bound = f"difference of {compared}: {worst:.1e}" if key == "warm_s" else "compilation"
            rival, ratio = f"processor: {processor[key]:.3g} s", processor[key] / card[key]
            rows.append(row(f"{text}, {when}", f"{card[key]:.3g} s", rival=rival, ratio=ratio, bound=bound))
        print(f"  {text}: {card['warm_s']:.3g} s, on the processor {processor['warm_s']:.3g} s", flush=True)
    return {**results, "rows": rows}


def main() -> None:
    """Print the times and numbers of one case, on the devices that JAX sees."""
    case, size = sys.argv[1], int(sys.argv[2])
    _, prepared, _, _, repeats = CASES[case]
    points, work, numbers = prepared(size)
    first, warm, found = first_and_warm(work, repeats)
    print(json.dumps({"points": points, "first_s": first, "warm_s": warm, **numbers(found)}, allow_nan=False))


if __name__ == "__main__":
    main()

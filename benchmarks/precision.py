"""What single precision would give: key results of CONUS+ in float32 beside those in float64.

The package sets `jax_enable_x64` when it is imported; a process of its own unsets it afterwards. Three ways to go:

- `all`: everything in float32, from the reading of the files on.
- `tables`: likelihoods made in float64, their arrays then cast, so that cross sections are calculated in float32.
- `polynomials`: counts as polynomials in the couplings made in float64, then cast: what `cevnsjax.scan` evaluates.

Of each: chi^2 at some points, the weak mixing angle that suits the data best, and the upper limit on the coupling of
B - L at 1 keV, both read from chi^2 on fine grids, by the same code for both precisions. And how fast a million points
of the polynomials are in each precision.
"""

import itertools
import json
import math
import subprocess
import sys
import warnings
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import cevnsjax
from benchmarks.common import first_and_warm, row
from cevnsjax.statistics.base import BinnedLikelihood
from cevnsjax.statistics.intervals import threshold

__all__ = ["run"]

KEV_IN_MEV = 1e-3
POINTS = {"sm": ("sin2_theta_w", (0.15, 0.23, 0.35)), "vector_bl": ("g_bl", (1e-7, 4e-7, 1e-6))}
GRIDS = {"sm": np.linspace(0.05, 0.5, 2001), "vector_bl": np.geomspace(1e-8, 1e-5, 2001)}
FIXED = {"sm": {}, "vector_bl": {"m_z": KEV_IN_MEV}}
WAYS = ("all", "tables", "polynomials")
SAME = 1e-5
"""How much the best angle and the limit, read from grids in float64, may differ from those of `cevnsjax.fit`."""

Curve = Callable[[jax.Array], jax.Array]


def likelihoods(polynomials: bool) -> dict[str, BinnedLikelihood]:
    made = {model: cevnsjax.Likelihood("conus_plus", model=model) for model in POINTS}
    if not polynomials:
        return made
    return {
        model: one.expand({k: jnp.asarray(v) for k, v in FIXED[model].items()}, [POINTS[model][0]])
        for model, one in made.items()
    }


def single(likelihood: BinnedLikelihood) -> BinnedLikelihood:
    return jax.tree.map(lambda leaf: leaf.astype(jnp.float32) if eqx.is_inexact_array(leaf) else leaf, likelihood)


@eqx.filter_jit
def curve(likelihood: BinnedLikelihood, name: str, fixed: dict[str, float], values: jax.Array) -> jax.Array:
    return jax.vmap(lambda value: likelihood.chi2({**fixed, name: value}))(values)


def key_results(chosen: dict[str, BinnedLikelihood], polynomials: bool) -> dict[str, Any]:
    """Return chi^2 at points, the best angle and the limit; what is not finite or not found is None."""
    found: dict[str, Any] = {}
    for model, likelihood in chosen.items():
        name, points = POINTS[model]
        chi2 = partial(curve, likelihood, name, {} if polynomials else FIXED[model])
        at = np.asarray(chi2(jnp.asarray(points)))
        found |= {f"chi2 at {name} = {x:g}": number(y) for x, y in zip(points, at, strict=True)}
        along = np.asarray(chi2(jnp.asarray(GRIDS[model]))).astype(float)
        found["best sin2_theta_w" if model == "sm" else "limit g_bl"] = (
            lowest(GRIDS[model], along) if model == "sm" else upper(GRIDS[model], along)
        )
    return found


def number(value: float) -> float | None:
    return float(value) if math.isfinite(value) else None


def lowest(x: np.ndarray, y: np.ndarray) -> float | None:
    """Return where a polynomial through the points within one above the least has its minimum; None on a plateau."""
    near = y < y.min() + 1
    if not near.any() or near.all():
        return None
    turns = np.polynomial.Polynomial.fit(x[near], y[near], 6).deriv().roots()
    return number(min(turns.real, key=lambda turn: abs(turn - x[np.argmin(y)])))


def upper(x: np.ndarray, y: np.ndarray) -> float | None:
    """Return the largest value that is allowed at 90 %, interpolated; None where all are."""
    excess = y - y.min() - threshold(0.90)
    inside = np.flatnonzero(excess <= 0)
    if not inside.size or inside[-1] == x.size - 1:
        return None
    i = int(inside[-1])
    return number(x[i] + (x[i + 1] - x[i]) * excess[i] / (excess[i] - excess[i + 1]))


def timings(chosen: dict[str, BinnedLikelihood], size: int) -> float:
    values = jnp.asarray(np.geomspace(1e-8, 1e-5, size))
    return first_and_warm(lambda: curve(chosen["vector_bl"], "g_bl", {}, values), 7)[1]


def both_precisions(size: int) -> dict[str, Any]:
    """Return the key results in both; single precision stays in force, so this is for a process of its own."""
    double = {way: likelihoods(way == "polynomials") for way in WAYS[1:]}
    cast = {way: {model: single(one) for model, one in chosen.items()} for way, chosen in double.items()}
    found: dict[str, Any] = {"float64": {way: key_results(one, way == WAYS[2]) for way, one in double.items()}}
    fits = [cevnsjax.fit(double["tables"][model], [name], FIXED[model]) for model, (name, _) in POINTS.items()]
    found["fit"] = {
        "best sin2_theta_w": fits[0].best_fit["sin2_theta_w"], "limit g_bl": fits[1].intervals["g_bl"][-1][1]
    }  # fmt: skip
    times = {"float64": timings(double["polynomials"], size)}
    jax.config.update("jax_enable_x64", False)
    # Programs made in double precision would be found again, and mixed with what is made in single.
    jax.clear_caches()
    # The package asks for doubles, and JAX says each time that there are none.
    warnings.simplefilter("ignore", UserWarning)
    cast["all"] = likelihoods(polynomials=False)
    assert all(one.chi2({}).dtype == jnp.float32 for one in cast["polynomials"].values()), "still in double precision"
    found["float32"] = {way: key_results(cast[way], way == WAYS[2]) for way in WAYS}
    return {**found, "times_s": times | {"float32": timings(cast["polynomials"], size)}}


def run(quick: bool) -> dict[str, Any]:
    """Return the key results, their differences, and times for the polynomials."""
    size = 10_000 if quick else 1_000_000
    process = subprocess.run(
        [sys.executable, "-m", "benchmarks.precision", str(size)],
        cwd=Path(__file__).parents[1], check=True, stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    found = json.loads(process.stdout)
    for key, (way, expected) in itertools.product(found["float64"]["tables"], found["float64"].items()):
        reference = found["fit"].get(key, found["float64"]["tables"][key])
        assert abs(expected[key] / reference - 1) < SAME, f"{key} by {way} is {expected[key]}, and {reference} by a fit"
    rows, differences = [], {}
    for way in WAYS:
        expected = found["float64"]["tables" if way == "all" else way]
        differences[way] = {
            key: None if value is None else abs(value / expected[key] - 1)
            for key, value in found["float32"][way].items()
        }
        lost = [key for key, value in differences[way].items() if value is None]
        worst = max(value for value in differences[way].values() if value is not None)
        text = f"largest relative difference {worst:.1e}" + (f"; not found: {', '.join(lost)}" if lost else "")
        rows.append(row(f"float32, {way}, against float64", text))
    double, less = found["times_s"]["float64"], found["times_s"]["float32"]
    rows.append(row(f"polynomials at {size} points in float32", f"{less:.2g} s", "", None, "float64", double / less))
    return {**found, "relative_differences": differences, "points": size, "rows": rows}


if __name__ == "__main__":
    print(json.dumps(both_precisions(int(sys.argv[1])), allow_nan=False))

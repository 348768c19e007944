"""What single precision would give: key results of CONUS+ with a kernel in float32 beside those in float64.

The package works in double precision and refuses anything else: cross sections [cm^2/MeV] lie below the smallest
float32. What fits and scans evaluate is the kernel, polynomials in the couplings; here it is made in float64, then
cast. Compared are chi^2 at some points, the weak mixing angle that suits the data best, and the upper limit on the
coupling of B - L at 1 keV, both read from chi^2 on fine grids, by the same code for both precisions. And how fast a
million points of the kernel are in each precision.
"""

import math
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

import cevnsjax
from benchmarks.common import first_and_warm, row
from cevnsjax.inference import threshold
from cevnsjax.inference.search import PolynomialSearch
from cevnsjax.likelihood.kernel import Data, Kernel
from cevnsjax.likelihood.objective import chi2

__all__ = ["run"]

KEV_IN_MEV = 1e-3
POINTS = {"sm": ("sin2_theta_w", (0.15, 0.23, 0.35)), "vector_bl": ("g_bl", (1e-7, 4e-7, 1e-6))}
GRIDS = {"sm": np.linspace(0.05, 0.5, 2001), "vector_bl": np.geomspace(1e-8, 1e-5, 2001)}
FIXED: dict[str, dict[str, float]] = {"sm": {}, "vector_bl": {"m_z": KEV_IN_MEV}}
SAME = 1e-5
"""How much the best angle and the limit, read from grids in float64, may differ from those of `cevnsjax.fit`."""


class Numbers(NamedTuple):
    """A kernel, its data, and how the variables follow from the values of the parameter along the curve."""

    search: PolynomialSearch
    kernel: Kernel
    data: Data
    place: int
    name: str

    def curve(self, values: np.ndarray) -> Float[Array, " n"]:
        """Return chi^2 at values of the parameter, in the kernel's precision."""
        variables = np.tile(self.search.start, (len(values), 1))
        variables[:, self.place] = self.search.variable(self.name, np.asarray(values))
        held = self.search.held.copy()
        held[self.place] = True
        return _chi2(self.kernel, self.data, jnp.asarray(variables, dtype=self.kernel.weight.dtype), held)


@jax.jit
def _chi2(kernel: Kernel, data: Data, variables: Array, held: Array) -> Float[Array, " n"]:
    return jax.vmap(lambda y: chi2(kernel, data, y, held))(variables)


def numbers() -> dict[str, Numbers]:
    """Return the kernels of both models."""
    made = {}
    for model, (name, _) in POINTS.items():
        likelihood = cevnsjax.Likelihood("conus_plus", model=model)
        search = PolynomialSearch(likelihood, [likelihood.parameters[name]], FIXED[model])
        made[model] = Numbers(search, search.view.kernel, search.view.data, search.place(name), name)
    return made


def single(one: Numbers) -> Numbers:
    """Return numbers with kernel and data in single precision."""

    def cast(leaf: Any) -> Any:
        values = np.asarray(leaf)
        return values.astype(np.float32) if values.dtype == np.float64 else leaf

    return one._replace(kernel=jax.tree.map(cast, one.kernel), data=jax.tree.map(cast, one.data))


def key_results(chosen: dict[str, Numbers]) -> dict[str, Any]:
    """Return chi^2 at points, the best angle and the limit; what is not finite or not found is None."""
    results: dict[str, Any] = {}
    for model, one in chosen.items():
        name, points = POINTS[model]
        at = np.asarray(one.curve(np.array(points)))
        results |= {f"chi2 at {name} = {x:g}": number(y) for x, y in zip(points, at, strict=True)}
        along = np.asarray(one.curve(GRIDS[model])).astype(float)
        results["best sin2_theta_w" if model == "sm" else "limit g_bl"] = (
            lowest(GRIDS[model], along) if model == "sm" else upper(GRIDS[model], along)
        )
    return results


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


def timings(one: Numbers, size: int) -> float:
    values = np.geomspace(1e-8, 1e-5, size)
    return first_and_warm(lambda: one.curve(values), 7)[1]


def run(quick: bool) -> dict[str, Any]:
    """Return the key results, their differences, and times for the kernel."""
    size = 10_000 if quick else 1_000_000
    double = numbers()
    less = {model: single(one) for model, one in double.items()}
    for one in less.values():
        assert one.curve(np.array([0.23])).dtype == jnp.float32, "still in double precision"
    expected, obtained = key_results(double), key_results(less)
    for (model, (name, _)), key in zip(POINTS.items(), ("best sin2_theta_w", "limit g_bl"), strict=True):
        fit = cevnsjax.fit(cevnsjax.Likelihood("conus_plus", model=model), [name], FIXED[model])
        reference = fit.best_fit[name] if key.startswith("best") else fit.intervals[name][-1][1]
        assert abs(expected[key] / reference - 1) < SAME, f"{key} is {expected[key]}, and {reference} by a fit"
    differences = {key: None if value is None else abs(value / expected[key] - 1) for key, value in obtained.items()}
    lost = [key for key, value in differences.items() if value is None]
    known = [value for value in differences.values() if value is not None]
    text = f"largest relative difference {max(known):.1e}" if known else "nothing is finite"
    times = {"float64": timings(double["vector_bl"], size), "float32": timings(less["vector_bl"], size)}
    rows = [
        row(
            "kernel in float32 against float64", text + (f"; not found: {', '.join(lost)}" if lost else ""),
            bound="seven digits of chi^2",
        ),
        row(
            f"kernel at {size} points in float32", f"{times['float32']:.2g} s", "", None,
            f"float64: {times['float64']:.2g} s", times["float64"] / times["float32"],
        ),
    ]  # fmt: skip
    return {
        "float64": expected, "float32": obtained, "relative_differences": differences, "times_s": times,
        "points": size, "rows": rows,
    }  # fmt: skip

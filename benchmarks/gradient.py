"""What chi^2 with its gradient costs, in units of chi^2 alone: at one point, and at a thousand at once.

Both are compiled, by `jax.jit` of functions of the parameters alone, as a user writes them: the likelihood is a
constant in them. The gradient must be that of fourth-order differences of chi^2.
"""

import itertools
import statistics
from collections.abc import Callable, Mapping
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import cevnsjax
from benchmarks.common import once, row

__all__ = ["run"]

AIM = 4.0

Values = Mapping[str, float]
Function = Callable[[dict[str, jax.Array]], Any]

CASES: dict[str, tuple[Values, Values]] = {
    "sm": ({"sin2_theta_w": 0.23}, {"sin2_theta_w": 0.02}),
    "vector_bl": (
        {"m_z": 3.0, "g_bl": 1e-5, "sin2_theta_w": 0.23},
        {"m_z": 0.5, "g_bl": 2e-6, "sin2_theta_w": 0.02},
    ),
    "charge_radius": (
        {"r2_ee": 3e-32, "r2_emu": 2e-32, "r2_etau": 1e-32},
        {"r2_ee": 1e-32, "r2_emu": 1e-32, "r2_etau": 1e-32},
    ),
}
"""For each model the middle of the points, and how far they spread about it."""

STEP, SAME = 1e-3, 1e-5
"""Step of the differences in units of the spread, and how much the slopes may differ, relative to the longest one."""


def cost(plain: Any, both: Any, repeats: int) -> tuple[float, float]:
    """Return the median times of two functions, run in turns, so that what else the machine does slows both."""
    times = [(once(plain)[0], once(both)[0]) for _ in range(repeats)]
    first, second = zip(*times, strict=True)
    return statistics.median(first), statistics.median(second)


def checked_gradient(value: Function, with_gradient: Function, middle: Values, spread: Values) -> float:
    """Return how much the gradient differs from fourth-order differences; it must be the same."""
    slopes = with_gradient({name: jnp.asarray(x) for name, x in middle.items()})[1]
    found, expected = [], []
    for name, width in spread.items():
        h = STEP * width
        at = [
            float(value({n: jnp.asarray(x + k * h * (n == name)) for n, x in middle.items()})) for k in (-2, -1, 1, 2)
        ]
        expected.append((at[0] - 8 * at[1] + 8 * at[2] - at[3]) / (12 * STEP))
        found.append(float(slopes[name]) * width)
    difference = float(np.abs(np.subtract(found, expected)).max() / np.abs(expected).max())
    assert difference < SAME, f"gradient and differences of chi^2 differ by {difference:.1e}"
    return difference


def case(model: str, systematics: str, size: int, singles: int, repeats: int) -> dict[str, Any]:
    """Return times for one model and set of systematics: at one point, and at `size` points."""
    likelihood = cevnsjax.Likelihood("conus_plus", model=model, systematics=systematics)
    middle, spread = CASES[model]
    rng = np.random.default_rng(0)
    one = {name: jnp.asarray(x) for name, x in middle.items()}
    many = {name: jnp.asarray(x + spread[name] * rng.uniform(-1, 1, size)) for name, x in middle.items()}

    def value(params: dict[str, jax.Array]) -> jax.Array:
        return likelihood.chi2(params)

    with_gradient = jax.value_and_grad(value)
    found = {}
    for name, given, wrap, times in (("one", one, lambda f: f, singles), ("many", many, jax.vmap, repeats)):
        plain, both = jax.jit(wrap(value)), jax.jit(wrap(with_gradient))
        first = once(lambda f=plain, given=given: f(given))[0], once(lambda f=both, given=given: f(given))[0]
        chi2, gradient = cost(lambda f=plain, given=given: f(given), lambda f=both, given=given: f(given), times)
        found[name] = {
            "points": 1 if name == "one" else size, "chi2_s": chi2, "with_gradient_s": gradient,
            "ratio": gradient / chi2, "chi2_first_s": first[0], "with_gradient_first_s": first[1],
        }  # fmt: skip
        if name == "one":
            found["gradient_difference"] = checked_gradient(plain, both, middle, spread)
    return found


def run(quick: bool) -> dict[str, Any]:
    """Return the ratios for each model and set of systematics."""
    sizes = (50, 50, 3) if quick else (1000, 500, 15)
    found, rows = {}, []
    for model, systematics in itertools.product(CASES, ("default", "detailed")):
        found[f"{model}, {systematics}"] = times = case(model, systematics, *sizes)
        for one in (times["one"], times["many"]):
            words = "one point" if one["points"] == 1 else f"{one['points']} points at once"
            rows.append(
                row(
                    f"chi^2 and gradient, {model}, {systematics}, {words}", f"{one['with_gradient_s']:.2g} s",
                    f"at most {AIM:g} times chi^2", one["ratio"] / AIM, f"chi^2 alone: {one['chi2_s']:.2g} s",
                    one["ratio"],
                    f"first calls, which compile: {one['chi2_first_s']:.2g} s, "
                    f"with gradient {one['with_gradient_first_s']:.2g} s",
                )
            )  # fmt: skip
    return {"cases": found, "rows": rows}

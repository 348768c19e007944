"""How time grows with the size of the grid, with bins, nuisances, and chains.

Each series is warm times at rising sizes, and the power of the size with which they grow over the upper half of them.
The bins of CONUS+ are cut into equal parts, with the same excess per energy and errors that give the same information.
The nuisances are from none to six, in the order: one norm, three factors, quenching, energy scale, radius.
"""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np

import cevnsjax
from benchmarks.common import PLANE, change, even_bins, experiment_file, exponent, first_and_warm, row

__all__ = ["run"]

SAME = 1e-8
"""How much chi^2 at a point may differ between grids, and rise with a nuisance more, relatively above one."""

SETS = {
    "factors": ("flux", "active_mass", "trigger"),
    "four": ("flux", "active_mass", "trigger", "quenching_k"),
    "five": ("flux", "active_mass", "trigger", "quenching_k", "energy_shift"),
    "six": ("flux", "active_mass", "trigger", "quenching_k", "energy_shift", "nuclear_radius"),
}
"""Sets of systematics that are added to the description of CONUS+, and the nuisances of each."""

NUMBERS = {"none": 0, "norm": 1, "factors": 3, "four": 4, "five": 5, "six": 6}


def with_sets(text: str) -> str:
    """Return the description with the sets added to those of its nuisances."""
    head, *blocks = text.split("[[nuisance]]")
    for name in SETS["six"]:
        more = "".join(f'"{one}", ' for one, members in SETS.items() if name in members)
        (index,) = (i for i, block in enumerate(blocks) if f'name = "{name}"' in block)
        blocks[index] = blocks[index].replace("systematics = [", f"systematics = [{more}", 1)
    return "[[nuisance]]".join([head, *blocks])


def series(sizes: Sequence[int], times: Sequence[float], **more: Any) -> dict[str, Any]:
    return {"sizes": list(sizes), "times_s": list(times), "exponent": exponent(sizes, times), **more}


def described(what: str, unit: str, one: dict[str, Any]) -> dict[str, Any]:
    """Return a row of the table for a series."""
    size, power = one["sizes"][-1], one["exponent"]
    return row(
        f"{what} up to {size:g} {unit}", f"{one['times_s'][-1]:.3g} s at the end, time ~ {unit}^{power:.2f}",
        bound=f"first call at the end: {one['first_s'][-1]:.3g} s",
    )  # fmt: skip


def against_grid(sizes: Sequence[int], repeats: int) -> dict[str, Any]:
    """Return times of `scan` against the number of its points, the norm minimised in closed form."""
    likelihood = cevnsjax.Likelihood("conus_plus", model="vector_bl")
    times, first, corners = [], [], []
    for size in sizes:
        axes = [(*limits, size) for limits in PLANE]
        compiled, warm, found = first_and_warm(lambda axes=axes: cevnsjax.scan(likelihood, *axes), repeats)
        times.append(warm)
        first.append(compiled)
        corners.append((found.delta_chi2 + found.chi2_min)[[0, 0, -1, -1], [0, -1, 0, -1]])
    difference = float(max(change(one, corners[0]).max() for one in corners))
    assert difference < SAME, f"grids differ at their corners by {difference:.1e}"
    return series([size**2 for size in sizes], times, first_s=first)


def against_bins(numbers: Sequence[int], systematics: str, points: int, repeats: int) -> dict[str, Any]:
    """Return times of chi^2 at many points at once against the number of bins."""
    given = jnp.geomspace(1e-7, 1e-5, points)
    times, first = [], []
    for number in numbers:
        with experiment_file(even_bins(number)) as path:
            likelihood = cevnsjax.Likelihood(path, model="vector_bl", systematics=systematics)
        values = jax.jit(jax.vmap(lambda g, one=likelihood: one.chi2({"g_bl": g, "m_z": 3.0})))
        compiled, warm, _ = first_and_warm(lambda f=values: f(given), repeats)
        times.append(warm)
        first.append(compiled)
    return series(numbers, times, first_s=first, points=points)


def against_nuisances(names: Sequence[str], size: int, repeats: int) -> dict[str, Any]:
    """Return times of `scan` against the number of nuisances minimised."""
    axes = [(*limits, size) for limits in PLANE]
    times, first, least = [], [], {}
    with experiment_file(edit=with_sets) as path:
        for name in names:
            systematics = name if name in SETS else "default"
            likelihood = cevnsjax.Likelihood(path, model="vector_bl", systematics=systematics)
            fixed = {"norm": 1.0} if name == "none" else {}
            compiled, warm, plane = first_and_warm(
                lambda one=likelihood, fixed=fixed: cevnsjax.scan(one, *axes, values=fixed), repeats
            )
            times.append(warm)
            first.append(compiled)
            least[name] = plane.delta_chi2 + plane.chi2_min
    # A nuisance more, with its pull, can only lower chi^2. The norm is not among the nuisances of the other sets.
    chain = [name for name in names if name != "norm"]
    for more, name in [("norm", "none"), *zip(chain[1:], chain[:-1], strict=True)]:
        worst = float(((least[more] - least[name]) / np.maximum(least[name], 1.0)).max())
        assert worst < SAME, f"chi^2 rises by {worst:.1e} from {name} to {more}"
    numbers = [NUMBERS[name] for name in names]
    result = series(numbers[1:], times[1:], first_s=first[1:], points=size**2)
    return {**result, "without_s": times[0], "without_first_s": first[0]}


def against_chains(chains: Sequence[int], samples: int, warmup: int, repeats: int) -> dict[str, Any]:
    """Return times of whole calls of `sample` against the number of chains, after a first call that compiles."""
    likelihood = cevnsjax.Likelihood("conus_plus")
    times, first = [], []
    for number in chains:
        compiled, warm, result = first_and_warm(
            lambda number=number: cevnsjax.sample(likelihood, chains=number, samples=samples, warmup=warmup), repeats
        )
        assert result.data.posterior.sizes["chain"] == number
        times.append(warm)
        first.append(compiled)
    return series(chains, times, first_s=first, samples=samples, warmup=warmup)


def run(quick: bool) -> dict[str, Any]:
    """Return the four series."""
    grid = against_grid((16, 32, 64) if quick else (100, 200, 400, 800, 1600), 3 if quick else 5)
    numbers, points = ((19, 38), 20) if quick else ((19, 38, 76, 152, 304), 1000)
    bins = {name: against_bins(numbers, name, points, 3) for name in ("default", "detailed")}
    nuisances = against_nuisances(*((("none", "norm", "six"), 8, 1) if quick else (tuple(NUMBERS), 50, 3)))
    chains = against_chains(*(((1, 4), 200, 100, 1) if quick else ((1, 2, 4, 8, 16, 32), 2000, 500, 2)))
    rows = [
        described("scan, norm minimised,", "points", grid),
        *(described(f"chi^2 at {points} points, {name},", "bins", one) for name, one in bins.items()),
        described(f"scan of {nuisances['points']} points,", "nuisances", nuisances),
        row("the same without nuisances", f"{nuisances['without_s']:.3g} s"),
        described(f"whole call of `sample`, {chains['samples']} draws of each chain,", "chains", chains),
    ]
    return {"grid": grid, "bins": bins, "nuisances": nuisances, "chains": chains, "rows": rows}

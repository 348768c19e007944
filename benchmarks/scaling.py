"""How time grows with the size of the grid, with bins, nuisances, and chains.

Each series is warm times at rising sizes, and the power of the size with which they grow over the upper half of them.
Bins are CONUS+'s, each cut into equal parts, with the same excess per energy and errors that give the same information.
The nuisances are from none to six, in the order: one norm, three factors, quenching, energy scale, radius.
"""

import itertools
from collections.abc import Sequence
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np

import cevnsjax
from benchmarks.common import PLANE, change, experiment_file, exponent, first_and_warm, row
from cevnsjax.statistics.priors import default_prior
from cevnsjax.statistics.samplers import numpyro_model

__all__ = ["run"]

SAME = 1e-8
"""How much chi^2 on a coarse grid may differ from that at the same points of a finer one."""

NUISANCES = """
[systematics.none]

[systematics.norm]
normalisation = { norm = 0.20 }

[systematics.factors]
normalisation = { flux = 0.046, active_mass = 0.011, trigger = 0.007 }

[systematics.four]
normalisation = { flux = 0.046, active_mass = 0.011, trigger = 0.007 }
quenching_k = 0.004

[systematics.five]
normalisation = { flux = 0.046, active_mass = 0.011, trigger = 0.007 }
quenching_k = 0.004
energy_shift_eV = 5.5

[systematics.six]
normalisation = { flux = 0.046, active_mass = 0.011, trigger = 0.007 }
quenching_k = 0.004
energy_shift_eV = 5.5
nuclear_radius = 0.032
"""
NUMBERS = {"none": 0, "norm": 1, "factors": 3, "four": 4, "five": 5, "six": 6}


def series(sizes: Sequence[int], times: Sequence[float], **more: Any) -> dict[str, Any]:
    return {"sizes": list(sizes), "times_s": list(times), "exponent": exponent(sizes, times), **more}


def described(what: str, unit: str, one: dict[str, Any]) -> dict[str, Any]:
    """Return a row of the table for a series."""
    size, power = one["sizes"][-1], one["exponent"]
    return row(f"{what} up to {size:g} {unit}", f"{one['times_s'][-1]:.3g} s at the end, time ~ {unit}^{power:.2f}")


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


def cut(table: str, parts: int) -> str:
    """Return a table of data with each bin cut into parts."""
    lines = [line for line in table.splitlines() if not line.startswith("#")]
    cells = [lines[0]]
    for line in lines[1:]:
        low, high, observed, sigma = map(float, line.split(","))
        edges = np.linspace(low, high, parts + 1)
        cells += [f"{a},{b},{observed},{sigma * parts**0.5}" for a, b in itertools.pairwise(edges)]
    return "\n".join(cells) + "\n"


def against_bins(parts: Sequence[int], systematics: str, points: int, repeats: int) -> dict[str, Any]:
    """Return times of chi^2 at many points at once against the number of bins."""
    given = jnp.geomspace(1e-7, 1e-5, points)
    with experiment_file() as path:
        own = (path.parent / "run1_excess.csv").read_text()
    sizes, times, nodes = [], [], []
    for number in parts:
        with experiment_file(cut(own, number)) as path:
            likelihood = cevnsjax.Likelihood(path, model="vector_bl", systematics=systematics)
        chi2 = eqx.filter_jit(lambda one, g: jax.vmap(lambda value: one.chi2({"g_bl": value, "m_z": 3.0}))(g))
        times.append(first_and_warm(lambda one=likelihood, f=chi2: f(one, given), repeats)[1])
        sizes.append(likelihood.experiments[0].observed.size)
        nodes.append(likelihood.tables[0].energy.size)
    return series(sizes, times, points=points, nodes=nodes)


def against_nuisances(names: Sequence[str], size: int, repeats: int) -> dict[str, Any]:
    """Return times of `scan` against the number of nuisances minimised."""
    axes = [(*limits, size) for limits in PLANE]
    times, first, least = [], [], {}
    with experiment_file(systematics=NUISANCES) as path:
        for name in names:
            likelihood = cevnsjax.Likelihood(path, model="vector_bl", systematics=name)
            compiled, warm, found = first_and_warm(lambda one=likelihood: cevnsjax.scan(one, *axes), repeats)
            times.append(warm)
            first.append(compiled)
            least[name] = found.delta_chi2 + found.chi2_min
    # A nuisance more, with its pull, can only lower chi^2. The one norm is not among the later ones.
    chain = [name for name in names if name != "norm"]
    for more, name in [("norm", "none"), *zip(chain[1:], chain[:-1], strict=True)]:
        worst = float(((least[more] - least[name]) / np.maximum(least[name], 1.0)).max())
        assert worst < SAME, f"chi^2 rises by {worst:.1e} from {name} to {more}"
    numbers = [NUMBERS[name] for name in names]
    found = series(numbers[1:], times[1:], first_s=first[1:], points=size**2)
    return {**found, "without_s": times[0], "without_first_s": first[0]}


def against_chains(chains: Sequence[int], samples: int, warmup: int, repeats: int) -> dict[str, Any]:
    """Return times of draws by NUTS against the number of chains, one parameter sampled, after warm-up and compilation.

    The sampler is that of `cevnsjax.sample`, held in one object, as each call of `sample` compiles its own.
    """
    from numpyro.infer import MCMC, NUTS

    likelihood = cevnsjax.Likelihood("conus_plus")
    angle = likelihood.parameters["sin2_theta_w"]
    cheap = eqx.tree_at(lambda one: one.integrated, likelihood, jnp.ones(())).expand({}, [angle.name])
    model = numpyro_model(cheap, [angle], {angle.name: default_prior(angle, angle.scale)})
    times = []
    for number in chains:
        mcmc = MCMC(
            NUTS(model, dense_mass=True), num_warmup=warmup, num_samples=samples, num_chains=number,
            chain_method="vectorized", progress_bar=False,
        )  # fmt: skip

        mcmc.run(jax.random.key(0))

        def step(state: Any, _: None, kernel: NUTS = mcmc.sampler) -> tuple[Any, Any]:
            state = kernel.sample(state, (), {})
            return state, state.z

        # NumPyro's own loop is compiled anew in each call.
        draws = jax.jit(lambda state, step=step: jax.lax.scan(step, state, length=samples)[1])
        times.append(first_and_warm(lambda draws=draws, state=mcmc.last_state: draws(state), repeats)[1])
    return series(chains, times, samples=samples, warmup=warmup)


def run(quick: bool) -> dict[str, Any]:
    """Return the four series."""
    grid = against_grid((16, 32, 64) if quick else (100, 200, 400, 800, 1600), 3 if quick else 5)
    parts, points = ((1, 2), 20) if quick else ((1, 2, 4, 8, 16), 1000)
    bins = {name: against_bins(parts, name, points, 3) for name in ("default", "detailed")}
    nuisances = against_nuisances(*((("none", "norm", "six"), 8, 1) if quick else (tuple(NUMBERS), 50, 3)))
    chains = against_chains(*(((1, 4), 500, 100, 1) if quick else ((1, 2, 4, 8, 16, 32, 64), 5000, 500, 3)))
    rows = [
        described("scan, norm minimised,", "points", grid),
        *(described(f"chi^2 at {points} points, {name},", "bins", one) for name, one in bins.items()),
        described(f"scan of {nuisances['points']} points,", "nuisances", nuisances),
        row("the same without nuisances", f"{nuisances['without_s']:.3g} s"),
        described(f"NUTS, {chains['samples']} draws of each chain,", "chains", chains),
    ]
    return {"grid": grid, "bins": bins, "nuisances": nuisances, "chains": chains, "rows": rows}

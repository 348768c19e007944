"""Do posteriors and intervals of CONUS+ mean what they say? Simulation-based calibration, and coverage.

    python benchmarks/calibration.py [--quick] [--figures DIR] [--out FILE.json]

Calibration (S. Talts et al., arXiv:1804.06788): parameters are drawn from their priors, data from the full
prediction at them, and the posterior is sampled by NUTS, as `cevnsjax.sample` does it. If all is right, the rank of
the truth among its posterior's draws is uniform. Coverage: data and the pull's centre fluctuate around a true value,
and the fraction is counted in which an interval at 90 % holds it.
"""

import argparse
import functools
import json
import os
import platform
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import equinox as eqx
import jax
import jax.numpy as jnp
import matplotlib
import numpy as np
from matplotlib.figure import Figure
from numpyro.infer import NUTS, init_to_value
from scipy import stats

import cevnsjax
from cevnsjax.constants import SIN2_THETA_W
from cevnsjax.parameters import Parameter
from cevnsjax.plotting import BLUE, COLUMN_WIDTH, STYLE, VERMILION, save
from cevnsjax.statistics.base import BinnedLikelihood, problem_of
from cevnsjax.statistics.intervals import threshold
from cevnsjax.statistics.priors import Prior, default_prior
from cevnsjax.statistics.samplers import numpyro_model
from cevnsjax.statistics.toys import data_of, with_data

SEED = 1804_06788
PRIOR = Prior("normal", (0.24, 0.06))
"""Of sin2_theta_w: about as wide as what the data say, so that both prior and data matter."""

DRAWS, THIN, WARMUP = 99, 5, 300
"""Draws kept of each posterior, steps between two of them, and steps before the first."""

BINS, CL = 10, 0.90
TOGETHER = 50
"""How many posteriors are sampled side by side: each waits for the longest trajectory among them."""

ANGLE, FACTORS = ("sin2_theta_w",), ("flux", "active_mass", "trigger")
MOVES = ("quenching_k", "energy_shift", "nuclear_radius")
CASES = {
    "norm integrated": ("default", ANGLE),
    "norm sampled": ("default", (*ANGLE, "norm")),
    "detailed, integrated": ("detailed", (*ANGLE, *MOVES)),
    "detailed, sampled": ("detailed", (*ANGLE, *MOVES, *FACTORS)),
}
"""The set of systematics, and what is sampled; factors that are not are integrated in closed form."""

# A charge radius of about -5e-31 cm^2 turns the sign of the nuclei's charge: the grid must hold both valleys.
TRUTHS = {
    "sin2_theta_w": ("sm", "sin2_theta_w", SIN2_THETA_W, SIN2_THETA_W / 24, 24, 36, r"$\sin^2\theta_W$ (SM)"),
    "mu_nu_e = 0": ("magnetic_moment", "mu_nu_e", 0.0, 2e-11, 0, 60, r"$\mu_{\nu_e} = 0$"),
    "mu_nu_e = 4e-10": ("magnetic_moment", "mu_nu_e", 4e-10, 2e-11, 20, 40, r"$4\times10^{-10}\,\mu_B$"),
    "r2_ee = 0": ("charge_radius", "r2_ee", 0.0, 1e-32, 80, 40, r"$\langle r^2_{ee}\rangle = 0$"),
}
"""Model, parameter, true value, the grid on which chi^2 is minimised (step, how many below and above), and a label."""

FINER = 8
"""For the asymptotic interval, steps of the grid in one of that for toys."""


def rank(draws: np.ndarray, truth: np.ndarray) -> np.ndarray:
    """Return how many draws (the last axis) lie below the truth."""
    return (draws < truth[..., None]).sum(axis=-1)


def excess(ranks: np.ndarray, draws: int) -> np.ndarray:
    """Return the ECDF of ranks (the last axis) less the uniform one, in its standard deviations for uniform ranks."""
    below = np.stack([(ranks <= r).mean(axis=-1) for r in range(draws)], axis=-1)
    return (below - np.arange(1, draws + 1) / (draws + 1)) / width(ranks.shape[-1], draws)


def width(sets: int, draws: int) -> np.ndarray:
    """Return the standard deviation of the ECDF of uniform ranks, at each rank but the last."""
    uniform = np.arange(1, draws + 1) / (draws + 1)
    return np.sqrt(uniform * (1 - uniform) / sets)


@functools.cache
def largest_excess(sets: int, draws: int) -> np.ndarray:
    """Return the largest |excess| in each of many sets of uniform ranks."""
    ranks = np.random.default_rng(SEED).integers(0, draws + 1, (4000, sets))
    return np.abs(excess(ranks, draws)).max(axis=-1)


def uniformity(ranks: np.ndarray, draws: int) -> dict[str, float]:
    """Return p-values of uniform ranks: of chi-squared in bins, and of the ECDF, which sees slow trends better."""
    counts = np.histogram(ranks, BINS, (0, draws + 1))[0]
    as_large = largest_excess(ranks.size, draws) >= np.abs(excess(ranks, draws)).max() - 1e-9
    return {"chi2_p_value": float(stats.chisquare(counts).pvalue), "ecdf_p_value": float(as_large.mean())}


def true_values(likelihood: cevnsjax.Likelihood, sets: int, key: jax.Array) -> dict[str, jax.Array]:
    """Return draws of sin2_theta_w from its prior, and of all nuisances from their pulls."""
    (data,) = likelihood.observations()
    widths = dict(zip(data.norms, data.norm_sigma, strict=True))
    pulls = {name: (1.0, sigma) for name, sigma in widths.items()}
    pulls |= {shape.name: (shape.centre, shape.sigma) for shape in likelihood.shapes}
    normal = jax.random.normal(key, (len(pulls), sets))
    found = {name: centre + sigma * z for (name, (centre, sigma)), z in zip(pulls.items(), normal, strict=True)}
    angle = PRIOR.distribution(likelihood.parameters["sin2_theta_w"])
    return {**found, "sin2_theta_w": angle.sample(jax.random.fold_in(key, 1), (sets,))}


def posterior(
    likelihood: BinnedLikelihood, free: list[Parameter], priors: dict[str, Prior], observed: jax.Array, key: jax.Array
) -> tuple[dict[str, jax.Array], jax.Array]:
    """Return thinned draws from the posterior given the data, and how many transitions diverged."""

    def model(observed: jax.Array) -> None:
        numpyro_model(eqx.tree_at(lambda one: one.data[0].observed, likelihood, observed), free, priors)()

    def step(state: Any, _: None) -> tuple[Any, Any]:
        state = kernel.sample(state, *given)
        return state, (state.z, state.diverging)

    given = (observed,), {}
    start = init_to_value(values={p.name: jnp.asarray(p.default) for p in free})
    kernel = NUTS(model, dense_mass=True, init_strategy=start)
    state = kernel.init(key, WARMUP, None, *given)
    state = jax.lax.fori_loop(0, WARMUP, lambda _, state: step(state, None)[0], state)
    z, diverging = jax.lax.scan(step, state, length=DRAWS * THIN)[1]
    thinned = {name: one[THIN - 1 :: THIN] for name, one in z.items()}
    return jax.vmap(kernel.postprocess_fn(*given))(thinned), diverging.sum()


def calibration(systematics: str, names: Sequence[str], sets: int, key: jax.Array) -> dict[str, Any]:
    """Return the ranks of each sampled parameter, and what tells whether the draws can be trusted."""
    likelihood = cevnsjax.Likelihood("conus_plus", systematics=systematics)
    of_truth, of_noise, of_chain = jax.random.split(key, 3)
    truths = true_values(likelihood, sets, of_truth)
    # The full prediction, tables made anew for each truth: not the polynomials that the sampler has of it.
    expected = jax.jit(lambda truths: jax.lax.map(likelihood.expected, truths, batch_size=20))(truths)
    observed = expected + likelihood.experiments[0].sigma * jax.random.normal(of_noise, expected.shape)
    # As `sample` does it: what is not sampled is integrated.
    cheap = eqx.tree_at(lambda one: one.integrated, likelihood, jnp.ones(())).expand({}, ANGLE)
    free = [likelihood.parameters[name] for name in names]
    priors = {p.name: PRIOR if p.name in ANGLE else default_prior(p, p.scale) for p in free}
    one = functools.partial(posterior, cheap, free, priors)
    every = jax.jit(lambda *given: jax.lax.map(lambda pair: one(*pair), given, batch_size=TOGETHER))
    draws, diverged = jax.tree.map(np.asarray, every(observed, jax.random.split(of_chain, sets)))
    away = {name: draw - draw.mean(axis=1, keepdims=True) for name, draw in draws.items()}
    follow = [np.mean((a[:, 1:] * a[:, :-1]).mean(axis=1) / a.var(axis=1)) for a in away.values()]
    ranks = {name: rank(draws[name], np.asarray(truths[name])) for name in names}
    return {"ranks": ranks, "divergent_transitions": int(diverged.sum()), "autocorrelation": float(max(follow))}


def coverage(truth: tuple, sets: int, toys: int, key: jax.Array) -> dict[str, Any]:
    """Return how often intervals at 90 % hold the truth: by Wilks' theorem, and by Feldman and Cousins."""
    model, name, value, step, below, above, _ = truth
    likelihood = cevnsjax.Likelihood("conus_plus", model=model)
    cheap = likelihood.expand({}, [name])
    values = value + step * np.arange(-below * FINER, above * FINER + 1) / FINER
    grid = jax.jit(jax.vmap(lambda value: problem_of(cheap, {name: value})[0]))(jnp.asarray(values))
    problem, none = jax.tree.map(lambda leaf: leaf[below * FINER], grid), jnp.zeros(0)  # no shapes
    (predicted,) = problem.predicted(none)
    # The true norm is one. What fluctuates about the truth is the data, and the centre of the pull.
    mean = data_of(eqx.tree_at(lambda p: p.data[0].observed, problem, predicted))

    def of_set(key: jax.Array) -> tuple[jax.Array, jax.Array]:
        """Return Delta chi^2 at the truth, on the fine grid and on that of toys."""
        x = mean + jax.random.normal(key, mean.shape)
        chi2 = jax.vmap(lambda one: with_data(one, x).chi2(none))(grid)
        return chi2[below * FINER] - chi2.min(), chi2[below * FINER] - chi2[::FINER].min()

    fine, coarse = jax.jit(lambda keys: jax.lax.map(of_set, keys, batch_size=250))(jax.random.split(key, sets))
    # Toys are made with the norm that suits the data, here one; others near it hardly move the critical value.
    asimov = eqx.tree_at(lambda one: one.experiments[0].observed, likelihood, predicted)
    axis = (name, value - below * step, value + above * step, below + above + 1)
    critical = float(cevnsjax.feldman_cousins(asimov, axis, toys=toys, cl=CL, seed=SEED).critical[below])
    results: dict[str, Any] = {"critical_value": critical}
    # A critical value is a quantile of a finite number of toys, which adds to the error.
    for method, inside, more in (
        ("asymptotic", fine <= threshold(CL), 0.0),
        ("feldman_cousins", coarse <= critical, CL * (1 - CL) / toys),
    ):
        share = float(np.asarray(inside).mean())  # not in single precision, as JAX has it for booleans
        results[method] = {"coverage": share, "error": float(np.sqrt(share * (1 - share) / sets + more))}
    return results


def ranks_figure(found: dict[str, dict[str, Any]], sets: int) -> Figure:
    both = [cevnsjax.Likelihood("conus_plus", systematics=name) for name in ("default", "detailed")]
    latex = {name: f"${p.latex}$" for one in both for name, p in one.parameters.items()}
    colours = dict(zip((*ANGLE, "norm", *MOVES, *FACTORS), matplotlib.colormaps["tab10"].colors, strict=False))
    panels = [(i, name, ranks) for i, one in enumerate(found.values()) for name, ranks in one["ranks"].items()]
    rows = -(-len(panels) // 2)
    figure = Figure(figsize=(COLUMN_WIDTH, 0.52 * rows + 3.0))
    above, below = figure.subfigures(2, 1, height_ratios=[0.52 * rows + 0.3, 2.7])
    for axes, (i, name, ranks) in zip(above.subplots(rows, 2, sharex=True, sharey=True).flat, panels, strict=False):
        axes.axhspan(*stats.binom.ppf([0.025, 0.975], sets, 1 / BINS), color="0.87", lw=0)
        axes.axhline(sets / BINS, color="0.5", lw=0.8)
        axes.stairs(*np.histogram(ranks, BINS, (0, DRAWS + 1)), color=colours[name], baseline=None)
        axes.set(xlim=(0, DRAWS + 1), ylim=(0, 2.9 * sets / BINS))
        axes.text(0.04, 0.9, f"({'abcd'[i]}) {latex[name]}", transform=axes.transAxes, va="top", fontsize=6.5)
    above.supxlabel(f"rank of the truth among {DRAWS} draws", fontsize=8)
    above.supylabel("data sets", fontsize=8)
    x = np.arange(1, DRAWS + 1) / (DRAWS + 1)
    high = np.quantile(largest_excess(sets, DRAWS), 0.95) * width(sets, DRAWS)
    for i, (axes, case) in enumerate(zip(below.subplots(2, 2, sharex=True, sharey=True).flat, found, strict=True)):
        axes.fill_between(x, -high, high, color="0.87", lw=0)
        for name, ranks in found[case]["ranks"].items():
            axes.plot(x, excess(ranks, DRAWS) * width(sets, DRAWS), lw=0.9, color=colours[name])
        axes.set(xlim=(0, 1), ylim=(-1.2 * high.max(), 1.7 * high.max()), xticks=(0, 0.5, 1))
        axes.text(0.04, 0.96, f"({'abcd'[i]}) {case}", transform=axes.transAxes, va="top", fontsize=6)
    below.supxlabel("rank / number of ranks", fontsize=8)
    below.supylabel("ECDF less uniform", fontsize=8)
    return figure


def coverage_figure(found: dict[str, dict[str, Any]]) -> Figure:
    figure = Figure(figsize=(COLUMN_WIDTH, 2.3))
    axes = figure.add_subplot()
    looks = (
        ("asymptotic", r"$\Delta\chi^2 \leq 2.71$", BLUE, "o"),
        ("feldman_cousins", "Feldman-Cousins", VERMILION, "s"),
    )
    for shift, (method, label, colour, marker) in zip((-0.1, 0.1), looks, strict=True):
        height, error = ([100 * one[method][key] for one in found.values()] for key in ("coverage", "error"))
        place = np.arange(len(found)) + shift
        axes.errorbar(place, height, error, color=colour, fmt=marker, ms=4, capsize=2, label=label)
    axes.axhline(100 * CL, color="0.5", lw=0.8, zorder=0)
    # On a physical boundary: half of all best fits lie on it, with the truth.
    axes.axhline(50 * (1 + CL), color="0.5", lw=0.8, ls=":", zorder=0)
    axes.set_xticks(range(len(found)), [TRUTHS[name][-1] for name in found], fontsize=7)
    axes.set(ylabel="coverage of the 90 % interval [%]", xlim=(-0.5, len(found) - 0.5))
    axes.legend(loc="upper right", bbox_to_anchor=(1.0, 0.9))
    return figure


def run(quick: bool, figures: Path | None) -> dict[str, Any]:
    """Return p-values of ranks, coverages and where they were found; draw the figures in a folder, if one is given."""
    sets, tries, toys = (100, 4000, 2000) if quick else (500, 20000, 20000)
    keys = jax.random.split(jax.random.key(SEED), len(CASES) + len(TRUTHS))
    found = {case: calibration(*how, sets, key) for (case, how), key in zip(CASES.items(), keys, strict=False)}
    pairs = zip(TRUTHS.items(), keys[len(CASES) :], strict=True)
    covered = {name: coverage(truth, tries, toys, key) for (name, truth), key in pairs}
    if figures is not None:
        figures.mkdir(parents=True, exist_ok=True)
        with matplotlib.rc_context({**STYLE, "xtick.labelsize": 6.5, "ytick.labelsize": 6.5}):
            save(ranks_figure(found, sets), figures / "calibration_ranks")
            save(coverage_figure(covered), figures / "coverage")
    for one in found.values():
        one["p_values"] = {name: uniformity(ranks, DRAWS) for name, ranks in one.pop("ranks").items()}
    every = [p for one in found.values() for both in one["p_values"].values() for p in both.values()]
    return {
        "calibration": {"data_sets": sets, "smallest_p_value": min(every), "p_values": len(every), "cases": found},
        "coverage": {"data_sets": tries, "toys": toys, "cl": CL, "truths": covered},
        "device": jax.devices()[0].device_kind,
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "jax": jax.__version__,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer data sets and toys")
    parser.add_argument("--figures", type=Path, help="a folder for the figures")
    parser.add_argument("--out", type=Path, help="write the results as JSON")
    arguments = parser.parse_args()
    results = run(arguments.quick, arguments.figures)
    print(json.dumps(results, indent=2))
    if arguments.out is not None:
        arguments.out.write_text(json.dumps(results, indent=2) + "\n")


if __name__ == "__main__":
    main()

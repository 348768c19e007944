"""Do posteriors and intervals of CONUS+ mean what they say? Simulation-based calibration, and coverage.

Calibration (S. Talts et al., arXiv:1804.06788): parameters are drawn from their priors, data from the full prediction
at them, and the posterior is sampled by NUTS, as `cevnsjax.sample` does it. If all is right, the rank of the truth
among the draws of its posterior is uniform. Coverage: data and the pull's centre fluctuate around a true value, and the
fraction is counted in which an interval at 90 % holds it. On a physical boundary an interval by Wilks' theorem covers
more, as half of all best fits lie there.

    python -m benchmarks.calibration --figures DIR [--quick]

draws ranks and coverage as figures, and prints the results.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import matplotlib
import numpy as np
from matplotlib.figure import Figure
from scipy import stats

import cevnsjax
from cevnsjax.constants import SIN2_THETA_W
from cevnsjax.figures.style import BLUE, COLUMN_WIDTH, STYLE, VERMILION, save
from cevnsjax.inference import threshold
from cevnsjax.inference.search import PolynomialSearch
from cevnsjax.likelihood.kernel import Data
from cevnsjax.likelihood.objective import chi2
from cevnsjax.sampling import Prior
from cevnsjax.sampling.ranks import BINS, excess, largest_excess, uniformity, width

SEED = 1804_06788
PRIOR = Prior("normal", (0.24, 0.06))
"""Of sin2_theta_w: about as wide as what the data say, so that both prior and data matter."""

DRAWS, THIN, WARMUP = 99, 5, 300
"""Draws kept of each posterior, steps between two of them, and steps before the first."""

CL = 0.90

ANGLE, FACTORS = ("sin2_theta_w",), ("flux", "active_mass", "trigger")
MOVES = ("quenching_k", "energy_shift", "nuclear_radius")
CASES = {
    "norm integrated": ("default", ANGLE),
    "norm sampled": ("default", (*ANGLE, "norm")),
    "detailed, integrated": ("detailed", (*ANGLE, *MOVES)),
    "detailed, sampled": ("detailed", (*ANGLE, *MOVES, *FACTORS)),
}
"""The set of systematics, and what is sampled; factors that are not are integrated in closed form."""


class Truth(NamedTuple):
    """A model, its parameter, the true value, the grid on which chi^2 is minimised, and a label.

    The grid has `below` and `above` steps on either side of the truth.
    """

    model: str
    name: str
    value: float
    step: float
    below: int
    above: int
    label: str


# A charge radius of about -5e-31 cm^2 turns the sign of the nuclei's charge: the grid must hold both valleys.
TRUTHS = {
    "sin2_theta_w": Truth("sm", "sin2_theta_w", SIN2_THETA_W, SIN2_THETA_W / 192, 192, 288, r"$\sin^2\theta_W$ (SM)"),
    "mu_nu_e = 0": Truth("magnetic_moment", "mu_nu_e", 0.0, 2.5e-12, 0, 480, r"$\mu_{\nu_e} = 0$"),
    "mu_nu_e = 4e-10": Truth("magnetic_moment", "mu_nu_e", 4e-10, 2.5e-12, 160, 320, r"$4\times10^{-10}\,\mu_B$"),
    "r2_ee = 0": Truth("charge_radius", "r2_ee", 0.0, 1.25e-33, 640, 320, r"$\langle r^2_{ee}\rangle = 0$"),
}


def calibration(systematics: str, names: Sequence[str], sets: int, seed: int) -> dict[str, Any]:
    """Return the ranks of each sampled parameter, and what tells whether the draws can be trusted."""
    likelihood = cevnsjax.Likelihood("conus_plus", systematics=systematics)
    found = cevnsjax.calibrate(
        likelihood, names, priors={ANGLE[0]: PRIOR}, sets=sets, draws=DRAWS, thin=THIN, warmup=WARMUP, seed=seed
    )
    return {
        "ranks": found.ranks,
        "divergent_transitions": found.divergent_transitions,
        "autocorrelation": found.autocorrelation,
    }


def coverage(truth: Truth, sets: int, toys: int, key: jax.Array) -> dict[str, Any]:
    """Return how often intervals at 90 % hold the truth: by Wilks' theorem, and by Feldman and Cousins."""
    likelihood = cevnsjax.Likelihood("conus_plus", model=truth.model)
    search = PolynomialSearch(likelihood, [likelihood.parameters[truth.name]], {})
    kernel, place = search.view.kernel, search.place(truth.name)
    held = search.held.copy()
    held[place] = True
    grid = truth.value + truth.step * np.arange(-truth.below, truth.above + 1)
    variables = np.tile(search.start, (grid.size, 1))
    variables[:, place] = search.variable(truth.name, grid)
    # The true norm is one. What fluctuates about the truth is the data, and the centre of the pull.
    predicted = likelihood.expected_in({truth.name: truth.value})
    mean, sigma = jnp.asarray(predicted[0]), likelihood.experiments[0].sigma

    def of_set(key: jax.Array) -> jax.Array:
        """Return Delta chi^2 at the truth: above its least value on the grid, which is all that is possible."""
        of_data, of_pull = jax.random.split(key)
        observed = mean + sigma * jax.random.normal(of_data, mean.shape)
        centre = jnp.asarray(kernel.weight) * jax.random.normal(of_pull, kernel.weight.shape)
        along = jax.vmap(lambda y: chi2(kernel, Data((observed[None],), centre), y, held))(jnp.asarray(variables))
        return along[truth.below] - along.min()

    delta = jax.jit(lambda keys: jax.lax.map(of_set, keys, batch_size=250))(jax.random.split(key, sets))
    # Toys are made with the norm that suits the data, here one; others near it hardly move the critical value.
    asimov = likelihood.with_data(predicted)
    axis = (truth.name, truth.value, truth.value + truth.step, 2)
    critical = float(cevnsjax.feldman_cousins(asimov, axis, toys=toys, cl=CL, seed=SEED).critical[0])
    results: dict[str, Any] = {"critical_value": critical}
    # A critical value is a quantile of a finite number of toys, which adds to the error.
    for method, level, more in (
        ("asymptotic", threshold(CL), 0.0),
        ("feldman_cousins", critical, CL * (1 - CL) / toys),
    ):
        share = float((np.asarray(delta) <= level).mean())
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
    axes.set_xticks(range(len(found)), [TRUTHS[name].label for name in found], fontsize=7)
    axes.set(ylabel="coverage of the 90 % interval [%]", xlim=(-0.5, len(found) - 0.5))
    axes.legend(loc="upper right", bbox_to_anchor=(1.0, 0.9))
    return figure


def run(quick: bool, figures: Path | None = None) -> dict[str, Any]:
    """Return p-values of ranks, coverages and where they hold; draw the figures in a folder, if one is given."""
    sets, tries, toys = (20, 500, 200) if quick else (500, 20000, 20000)
    keys = jax.random.split(jax.random.key(SEED), len(TRUTHS))
    cases = {case: calibration(*how, sets, SEED + number) for number, (case, how) in enumerate(CASES.items())}
    pairs = zip(TRUTHS.items(), keys, strict=True)
    covered = {name: coverage(truth, tries, toys, key) for (name, truth), key in pairs}
    if figures is not None:
        figures.mkdir(parents=True, exist_ok=True)
        with matplotlib.rc_context({**STYLE, "xtick.labelsize": 6.5, "ytick.labelsize": 6.5}):
            save(ranks_figure(cases, sets), figures / "calibration_ranks")
            save(coverage_figure(covered), figures / "coverage")
    for one in cases.values():
        one["p_values"] = {name: uniformity(ranks, DRAWS) for name, ranks in one.pop("ranks").items()}
    every = [p for one in cases.values() for both in one["p_values"].values() for p in both.values()]
    summary = {"data_sets": sets, "smallest_p_value": min(every), "p_values": len(every), "cases": cases}
    return {
        "calibration": summary,
        "coverage": {"data_sets": tries, "toys": toys, "cl": CL, "truths": covered},
        "rows": rows_of(summary, covered, tries),
    }


def rows_of(summary: Mapping[str, Any], covered: Mapping[str, Any], tries: int) -> list[dict[str, Any]]:
    """Return rows of the table."""
    # Here, as a test loads this file by its path, and does not find the package of benchmarks.
    from benchmarks.common import row

    rows = [
        row(
            f"ranks of {summary['data_sets']} posteriors in each of {len(summary['cases'])} cases",
            f"smallest of {summary['p_values']} p-values {summary['smallest_p_value']:.2g}",
            bound=f"{sum(one['divergent_transitions'] for one in summary['cases'].values())} divergent transitions",
        )
    ]  # fmt: skip
    for name, one in covered.items():
        shares = {
            method: f"{100 * one[method]['coverage']:.1f} +- {100 * one[method]['error']:.1f} %"
            for method in ("asymptotic", "feldman_cousins")
        }
        what = f"coverage of {tries} intervals at {100 * CL:g} %, {name}"
        wilks = f"{shares['asymptotic']} by Wilks' theorem"
        rows.append(row(what, f"{shares['feldman_cousins']} by Feldman and Cousins", rival=wilks))
    return rows


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="fewer data sets and toys")
    parser.add_argument("--figures", type=Path, help="a folder for the figures")
    arguments = parser.parse_args()
    print(json.dumps(run(arguments.quick, arguments.figures), indent=1))


if __name__ == "__main__":
    main()

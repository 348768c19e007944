"""Posterior densities of any likelihood, sampled by NUTS, or by nested sampling for several modes."""

import dataclasses
import json
from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from cevnsjax.arguments import check_seed, choice, whole_number
from cevnsjax.errors import InputError
from cevnsjax.likelihood import Given, likelihood_of
from cevnsjax.programs import program
from cevnsjax.sampling.density import Density
from cevnsjax.sampling.predictive import arviz_quietly, inference_data
from cevnsjax.sampling.priors import Prior, as_json
from cevnsjax.sampling.request import density_of, request_of
from cevnsjax.sampling.samplers import nested, nuts

__all__ = ["SAMPLERS", "SampleResult", "sample"]

Sampler = Literal["nuts", "nested"]
SAMPLERS: tuple[str, ...] = get_args(Sampler)

RHAT = 1.01
ENOUGH = 400
"""Gelman and Rubin's R-hat, and the number of effective samples, that A. Vehtari et al. (2021) ask for."""

SAME_MODE = 10.0
"""Minima of -2 log of the posterior at most this much above the least are modes in which a chain is started."""

BARRIER = 1.0
"""How high -2 log of the posterior must rise between two modes."""

MOST = {"chains": 1000, "samples": 1_000_000, "warmup": 1_000_000}
MOST_DRAWS = 50_000_000
"""Draws times parameters: more would not fit into the memory of a workstation."""


@dataclasses.dataclass(frozen=True, eq=False)
class SampleResult:
    """Draws as ArviZ's InferenceData (`data`), a summary of each parameter, and warnings.

    `summary` has for each parameter `mean`, `sd`, `median`, the ends of the central 90 % interval, and for NUTS `rhat`
    and `ess`. `warnings` are sentences; none means that the diagnostics found nothing.
    """

    data: Any
    summary: dict[str, dict[str, float]]
    warnings: list[str]


def sample(
    likelihood: Given,
    free: Sequence[str] | None = None,
    values: Mapping[str, float] | None = None,
    priors: Mapping[str, Prior] | None = None,
    chains: int = 4,
    samples: int = 1000,
    warmup: int = 1000,
    seed: int = 0,
    sampler: str = "nuts",
    progress: bool = False,
) -> SampleResult:
    """Return draws from the posterior of the free parameters.

    Nuisances that have no closed integral are drawn with them. A factor on a Gaussian signal that is not among them is
    integrated over its constraint in closed form. The groups of the `InferenceData` are those that `arviz.loo`,
    `arviz.plot_ppc` and the like read.

    Args:
        likelihood: a `Likelihood`; or an experiment, or a list of them, under the Standard Model.
        free: names of the parameters; by default the model's own choice less those in `values`.
        values: parameters that are fixed, by name.
        priors: priors by name; by default flat within bounds, or thirty of the data's steps wide.
        chains: the number of chains of NUTS, each begun at a minimum of chi^2.
        samples: the draws of each chain.
        warmup: the steps of each chain before.
        seed: a whole number; the same one gives the same draws.
        sampler: "nuts", or "nested" for several modes, which are sampled by their weight.
        progress: whether nested sampling shows its progress.

    Raises:
        InputError: for impossible names and numbers.

    Examples:
        >>> result = cevnsjax.sample("conus_plus", chains=2, samples=200, warmup=200)
        >>> 0.2 < result.summary["sin2_theta_w"]["mean"] < 0.3
        True
    """
    likelihood = likelihood_of(likelihood)
    choice(sampler, "sampler", SAMPLERS)
    for name, number, least in (("chains", chains, 1), ("samples", samples, 10), ("warmup", warmup, 10)):
        whole_number(number, least, MOST[name], f"{{}} {name} given")
    check_seed(seed)
    parameters, given, chosen = request_of(likelihood, free, values, priors)
    if chains * samples * len(parameters) > MOST_DRAWS:
        raise InputError(
            f"{chains} chains of {samples} draws of {len(parameters)} parameters are not possible: give no more than "
            f"{MOST_DRAWS // (chains * len(parameters))} samples"
        )
    density, steps, starts = density_of(likelihood, parameters, given, chosen)
    modes = _modes(density, starts)
    how: dict[str, Any] = {
        "sampler": sampler,
        "free": ", ".join(p.name for p in parameters),
        "values": json.dumps(given),
    }
    how |= {"priors": as_json(chosen), "seed": seed, "chains": chains, "samples": samples, "warmup": warmup}
    if sampler == "nuts":
        draws, stats, doubts = nuts(density, parameters, modes, steps, chains, samples, warmup, seed)
    else:
        draws, stats, doubts = nested(density, parameters, likelihood.log_constant, samples * chains, seed, progress)
        how |= {"log_evidence": stats.pop("log_evidence"), "log_evidence_error": stats.pop("log_evidence_error")}
    data = inference_data(likelihood, density, parameters, chosen, draws, stats, how, seed)
    summary = _summary(draws, sampler)
    if sampler == "nuts":
        doubts = [*doubts, *_disagreement(summary)]
    return SampleResult(data, summary, doubts)


@program(effort=1)
def _heights(density: Density, values: Float[Array, "n drawn"]) -> Float[Array, " n"]:
    """Return -2 log of the posterior at values, within the priors."""

    def one(value: Float[Array, " drawn"]) -> Float[Array, ""]:
        inside = ((value >= density.frame.low) & (value <= density.frame.high)).all()
        return jnp.where(inside, density.chi2(value) - 2 * density.frame.log_prior(value), jnp.inf)

    return jax.vmap(one)(values)


def _modes(density: Density, values: Float[np.ndarray, "starts drawn"]) -> Float[np.ndarray, "modes drawn"]:
    """Return the maxima of the posterior that are nearly as high as the highest, and parted from it by a barrier."""
    values = np.clip(values, density.frame.low, density.frame.high)
    heights = np.asarray(_heights(density, values))
    heights = np.where(np.isfinite(heights), heights, np.inf)
    share = np.linspace(0.0, 1.0, len(values))[:, None]  # as many points on the way as there are starts: one program
    distinct: list[np.ndarray] = []
    for index in np.argsort(heights):
        if heights[index] > heights.min() + SAME_MODE:
            break
        ways = [np.asarray(_heights(density, other + share * (values[index] - other))) for other in distinct]
        if all(way.max() > heights[index] + BARRIER for way in ways):
            distinct.append(values[index])
    return np.stack(distinct)


def _summary(draws: Mapping[str, np.ndarray], sampler: str) -> dict[str, dict[str, float]]:
    arviz = arviz_quietly()
    rows = {}
    for name, draw in draws.items():
        low, median, high = np.quantile(draw, [0.05, 0.5, 0.95])
        row = {"mean": draw.mean(), "sd": draw.std(), "median": median, "low_90": low, "high_90": high}
        if sampler == "nuts":
            with np.errstate(invalid="ignore", divide="ignore"):
                row |= {"rhat": float(arviz.rhat(draw)), "ess": float(arviz.ess(draw))}
        rows[name] = {key: float(value) for key, value in row.items()}
    return rows


def _disagreement(summary: Mapping[str, Mapping[str, float]]) -> list[str]:
    """Return what R-hat and the effective number of samples find wrong."""
    doubts = []
    for name, row in summary.items():
        if not np.isfinite(row["rhat"]):
            doubts.append(f"R-hat of {name} cannot be told from these draws: take several chains, and more of them")
        elif row["rhat"] > RHAT:
            doubts.append(f"the chains disagree on {name}: R-hat is {row['rhat']:.3f}, above {RHAT}")
        if not row["ess"] >= ENOUGH:
            doubts.append(f"{name} has {row['ess']:.0f} effective samples, fewer than {ENOUGH}: draw more")
    return doubts

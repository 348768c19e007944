"""Posterior densities of any likelihood, sampled by NUTS, or by nested sampling for several modes."""

import dataclasses
import json
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from cevnsjax.errors import InputError, unknown_name
from cevnsjax.inference.fit import STARTS, search_of
from cevnsjax.inference.search import PolynomialSearch, checked, free_or_default
from cevnsjax.inference.starts import starting_points, typical_steps
from cevnsjax.likelihood import Given, Likelihood, likelihood_of
from cevnsjax.parameters import Parameter
from cevnsjax.sampling.density import Density, PolynomialDensity, general_density
from cevnsjax.sampling.priors import Prior, as_json, default_prior
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

PREDICTIVE = 200
"""The number of draws for which the prediction is kept."""

MOST = {"chains": 1000, "samples": 1_000_000, "warmup": 1_000_000}
MOST_DRAWS = 50_000_000
"""Draws times parameters: more would not fit into the memory of a workstation."""


@dataclasses.dataclass(frozen=True, eq=False)
class SampleResult:
    """Draws as ArviZ's InferenceData, a summary of each parameter, and warnings.

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

    `free` is by default the model's own choice; nuisances that have no closed integral are drawn with them. A factor
    on a Gaussian signal that is not among them is integrated over its constraint in closed form. `priors` replace the
    defaults (flat within bounds, or thirty of the data's steps wide). `nuts` runs `chains` at once, each from a
    minimum of chi^2, and says when they disagree; `nested` samples all modes by their weight. Raises `InputError` for
    impossible names and numbers.
    """
    likelihood = likelihood_of(likelihood)
    if sampler not in SAMPLERS:
        raise unknown_name("sampler", str(sampler), SAMPLERS)
    names, given = free_or_default(likelihood, free, values)
    for name, number, least in (("chains", chains, 1), ("samples", samples, 10), ("warmup", warmup, 10)):
        if isinstance(number, bool) or not isinstance(number, int) or not least <= number <= MOST[name]:
            raise InputError(f"{number!r} {name} given; give a whole number from {least} to {MOST[name]}")
    if isinstance(seed, bool) or not isinstance(seed, int) or not 0 <= seed < 2**32:
        raise InputError(f"a seed of {seed!r} is not possible: give a whole number from 0 to {2**32 - 1}")
    drawn = _drawn(likelihood, names, given)
    parameters, fixed = checked(likelihood, drawn, given)
    if chains * samples * len(parameters) > MOST_DRAWS:
        raise InputError(
            f"{chains} chains of {samples} draws of {len(parameters)} parameters are not possible: give no more than "
            f"{MOST_DRAWS // (chains * len(parameters))} samples"
        )
    priors = dict(priors or {})
    for name in priors:
        if name not in drawn:
            raise unknown_name("free parameter", name, drawn)
        if not isinstance(priors[name], Prior):
            raise InputError(f"{name} = {priors[name]!r} is no Prior; give cevnsjax.Prior('flat', (0, 1)) for instance")
        if any(n.name == name and n.searched for n in likelihood.nuisances):
            raise InputError(f"'{name}' has its constraint in the experiment's description, and no other prior")
        _check_prior(likelihood.parameters[name], priors[name])
    density, steps, starts = _density(likelihood, parameters, fixed, priors)
    modes = _modes(density, starts)
    how: dict[str, Any] = {"sampler": sampler, "free": ", ".join(drawn), "values": json.dumps(given)}
    how |= {"priors": as_json(priors), "seed": seed, "chains": chains, "samples": samples, "warmup": warmup}
    if sampler == "nuts":
        draws, stats, doubts = nuts(density, parameters, modes, steps, chains, samples, warmup, seed)
    else:
        draws, stats, doubts = nested(density, parameters, likelihood.log_constant, samples * chains, seed, progress)
        how |= {"log_evidence": stats.pop("log_evidence"), "log_evidence_error": stats.pop("log_evidence_error")}
    data = _inference_data(likelihood, density, draws, stats, how, seed)
    summary = _summary(draws, sampler)
    if sampler == "nuts":
        doubts = [*doubts, *_disagreement(summary)]
    return SampleResult(data, summary, doubts)


def _drawn(likelihood: Likelihood, names: list[str], given: Mapping[str, float]) -> list[str]:
    """Return all that is drawn: the free parameters, and nuisances that have no closed integral."""
    closed = {
        n.name for n in likelihood.nuisances if n.closed and likelihood.experiments[n.members[0][0]].term == "gaussian"
    }
    rest = [n for n in likelihood.searched if n not in names and n not in given and n not in closed]
    return [*names, *rest]


def _check_prior(parameter: Parameter, prior: Prior) -> None:
    """Raise `InputError` for a prior that leaves nothing within the parameter's bounds."""
    low, high = parameter.bounds
    if prior.kind in ("flat", "log_uniform") and not (prior.numbers[0] < high and prior.numbers[1] > low):
        raise InputError(
            f"the prior '{prior}' lies outside the bounds of {parameter.name}, {low:g} to {high:g}; choose other ends"
        )


def _density(
    likelihood: Likelihood,
    parameters: tuple[Parameter, ...],
    fixed: Mapping[str, float],
    priors: dict[str, Prior],
) -> tuple[Density, Float[np.ndarray, " drawn"], Float[np.ndarray, "starts drawn"]]:
    """Return the density, a step of each parameter, and values at minima of chi^2; default priors are filled in."""
    own = {n.name for n in likelihood.nuisances if n.searched}
    general = not likelihood.model.quadratic_in([p.name for p in parameters])
    search = search_of(likelihood, parameters, fixed) if general else _search(likelihood, parameters, fixed)
    varied = [p for p in parameters if search.moves(p.name)]
    found = dict(zip((p.name for p in varied), typical_steps(search, varied), strict=True))
    steps = {p.name: float(found.get(p.name, p.scale)) for p in parameters}
    for p in parameters:
        if p.name not in own:
            priors.setdefault(p.name, default_prior(p, steps[p.name]))
    begin = starting_points(search, varied, np.array([steps[p.name] for p in varied]), STARTS)
    minima = search.minima(begin)
    values = np.stack([search.value(p.name, minima.place[:, search.place(p.name)]) for p in parameters], axis=1)
    finite = values[np.isfinite(minima.value)]
    if general:
        density: Density = general_density(likelihood, parameters, fixed, priors, steps)
    else:
        assert isinstance(search, PolynomialSearch)
        density = PolynomialDensity.of(search, parameters, priors, steps)
    return density, np.array([steps[p.name] for p in parameters]), finite


def _search(likelihood: Likelihood, parameters: tuple[Parameter, ...], fixed: Mapping[str, float]) -> PolynomialSearch:
    """Return a search in which closed factors are integrated, not minimised."""
    search = PolynomialSearch(likelihood, parameters, fixed)
    kernel = dataclasses.replace(search.view.kernel, integrated=np.float64(1.0))
    search.view = dataclasses.replace(search.view, kernel=kernel)
    return search


@jax.jit
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


def _arviz() -> Any:
    """Return ArviZ, imported without the notice of its coming versions that it gives once a day."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        import arviz
    return arviz


def _summary(draws: Mapping[str, np.ndarray], sampler: str) -> dict[str, dict[str, float]]:
    arviz = _arviz()
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


def _inference_data(
    likelihood: Likelihood,
    density: Density,
    draws: Mapping[str, np.ndarray],
    stats: Mapping[str, np.ndarray],
    how: Mapping[str, Any],
    seed: int,
) -> Any:
    """Return all as InferenceData: draws, predictions and replicated data for some of them, and the data."""
    arviz = _arviz()
    chains, samples = next(iter(draws.values())).shape
    every = max(1, chains * samples // PREDICTIVE)
    flat = np.stack([draw.reshape(-1)[::every] for draw in draws.values()], axis=1)
    rng = np.random.default_rng(seed)
    expected = density.expected(flat, rng.standard_normal((len(flat), len(likelihood.experiments))))
    sizes = [e.size for e in likelihood.experiments]
    poisson = np.repeat([e.term == "poisson" for e in likelihood.experiments], sizes)
    observed = np.concatenate([np.asarray(e.observed) for e in likelihood.experiments])
    sigma = np.concatenate([e.sigma for e in likelihood.experiments])
    noise = rng.standard_normal(expected.shape)
    counts = rng.poisson(np.where(poisson, np.maximum(expected, 0.0), 0.0))
    replicated = np.where(poisson, counts, expected + sigma * noise)
    return arviz.from_dict(
        posterior=dict(draws),
        sample_stats=dict(stats),
        posterior_predictive={"expected": expected[None], "replicated": replicated[None]},
        observed_data={"observed": observed, "sigma": sigma},
        attrs=dict(how),
    )

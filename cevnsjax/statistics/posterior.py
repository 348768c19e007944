"""Posterior densities: a NumPyro model of any likelihood, sampled by NUTS, or by nested sampling for several modes."""

import dataclasses
import json
import warnings
from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from cevnsjax.errors import InputError, unknown_name
from cevnsjax.parameters import Parameter
from cevnsjax.statistics import gaussian
from cevnsjax.statistics.base import BinnedLikelihood, problem_of
from cevnsjax.statistics.counting import Counting
from cevnsjax.statistics.fit import STARTS, checked
from cevnsjax.statistics.likelihood import Likelihood
from cevnsjax.statistics.minimise import minima, own_scales, starting_points
from cevnsjax.statistics.priors import Prior, as_json, default_prior
from cevnsjax.statistics.profile import chi2_of, prepared_once, steps_of
from cevnsjax.statistics.samplers import nested, nuts

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

Values = Mapping[str, Float[Array, ""]]


@dataclasses.dataclass(frozen=True)
class SampleResult:
    """Draws as ArviZ's InferenceData, a summary of each parameter, and what is to be distrusted.

    `summary` has for each parameter `mean`, `sd`, `median`, the ends of the central 90 % interval, and for NUTS `rhat`
    and `ess`. `warnings` are sentences; none means that the diagnostics found nothing.
    """

    data: Any
    summary: dict[str, dict[str, float]]
    warnings: list[str]


def sample(
    likelihood: Likelihood,
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

    `free` is by default the model's own choice; what has a pull and moves the spectrum is drawn with them. A factor on
    the signal that is not among them is integrated over its pull in closed form. `priors` replace the defaults (flat
    within bounds, or thirty of the data's steps wide). `nuts` runs `chains` at once, each from a minimum of chi^2, and
    says when they disagree; `nested` samples all modes by their weight. Raises `InputError` for impossible names and
    numbers.
    """
    if sampler not in SAMPLERS:
        raise unknown_name("sampler", sampler, SAMPLERS)
    for name, number, least in (("chains", chains, 1), ("samples", samples, 10), ("warmup", warmup, 10)):
        if number < least:
            raise InputError(f"{number} {name} given; at least {least} are needed")
    values = values or {}
    if free is None:
        free = [name for name in likelihood.model.free if name not in values]
    # What has a pull and moves the spectrum cannot be integrated in closed form: it is sampled.
    free = [*free, *(s.name for s in likelihood.shapes if s.name not in free and s.name not in values)]
    parameters, fixed = checked(likelihood, free, values)
    for name in priors or {}:
        if name not in free:
            raise unknown_name("free parameter", name, free)
        if name in {*likelihood.norms, *(s.name for s in likelihood.shapes if s.pulled)}:
            raise InputError(f"'{name}' has its pull in the experiment's description, and no other prior")
    # The posterior integrates what a profile minimises.
    integrated = eqx.tree_at(lambda one: one.integrated, likelihood, jnp.ones(()))
    cheap, rest = prepared_once(integrated, fixed, parameters)
    steps = steps_of(cheap, rest, parameters, own_scales(parameters))
    chosen = {
        p.name: (priors or {}).get(p.name) or default_prior(p, float(step))
        for p, step in zip(parameters, steps, strict=True)
        if p.name not in likelihood.norms
    }
    modes = _modes(cheap, rest, parameters, chosen, steps)
    how: dict[str, Any] = {
        "sampler": sampler,
        "free": ", ".join(free),
        "values": json.dumps(dict(values)),
        "priors": as_json(chosen),
    }
    how |= {"seed": seed, "chains": chains, "samples": samples, "warmup": warmup}
    if sampler == "nuts":
        draws, stats, doubts = nuts(
            cheap, rest, parameters, chosen, modes, steps, chains, samples, warmup, seed, progress
        )
    else:
        draws, stats, doubts = nested(cheap, rest, parameters, chosen, samples * chains, seed, progress)
        how |= {"log_evidence": stats.pop("log_evidence"), "log_evidence_error": stats.pop("log_evidence_error")}
    data = _inference_data(likelihood, cheap, rest, draws, stats, how, seed)
    summary = _summary(draws, sampler)
    if sampler == "nuts":
        doubts = [*doubts, *_disagreement(summary)]
    return SampleResult(data, summary, doubts)


def _modes(
    likelihood: BinnedLikelihood,
    fixed: Values,
    free: tuple[Parameter, ...],
    priors: Mapping[str, Prior],
    steps: Float[Array, " parameters"],
) -> Float[np.ndarray, "modes parameters"]:
    """Return the maxima of the posterior that are nearly as high as the highest, and parted from it by a barrier."""
    densities = [None if p.name in likelihood.norms else priors[p.name].distribution(p) for p in free]

    def minus_two_log(point: Float[Array, " parameters"]) -> Float[Array, ""]:
        chi2 = chi2_of(likelihood, fixed, free)(point)
        return chi2 - 2 * sum(d.log_prob(point[i]) for i, d in enumerate(densities) if d is not None)

    found = jax.jit(lambda start: minima(minus_two_log, start, steps, free))(starting_points(free, steps, STARTS))
    height = jax.jit(jax.vmap(minus_two_log))
    values = np.where(np.isfinite(found.value), found.value, np.inf)
    points = np.asarray(found.point)
    distinct: list[np.ndarray] = []
    for index in np.argsort(values):
        share = np.linspace(0.0, 1.0, 65)[:, None]
        way = [np.asarray(height(jnp.asarray(other + share * (points[index] - other)))) for other in distinct]
        alone = all(heights.max() > values[index] + BARRIER for heights in way)
        if values[index] <= values.min() + SAME_MODE and alone:
            distinct.append(points[index])
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
            row |= {"rhat": float(arviz.rhat(draw)), "ess": float(arviz.ess(draw))}
        rows[name] = {key: float(value) for key, value in row.items()}
    return rows


def _disagreement(summary: Mapping[str, Mapping[str, float]]) -> list[str]:
    """Return what R-hat and the effective number of samples find wrong."""
    found = []
    for name, row in summary.items():
        if row["rhat"] > RHAT:
            found.append(f"the chains disagree on {name}: R-hat is {row['rhat']:.3f}, above {RHAT}")
        if row["ess"] < ENOUGH:
            found.append(f"{name} has {row['ess']:.0f} effective samples, fewer than {ENOUGH}: draw more")
    return found


def _inference_data(
    likelihood: Likelihood,
    cheap: BinnedLikelihood,
    fixed: Values,
    draws: Mapping[str, np.ndarray],
    stats: Mapping[str, np.ndarray],
    how: Mapping[str, Any],
    seed: int,
) -> Any:
    """Return all as InferenceData: draws, predictions and replicated data for some of them, and the data."""
    arviz = _arviz()
    chains, samples = next(iter(draws.values())).shape
    every = max(1, chains * samples // PREDICTIVE)
    flat = {name: jnp.asarray(draw.reshape(-1)[::every]) for name, draw in draws.items()}

    rng = np.random.default_rng(seed)

    def counts(params: Values, normal: Float[Array, " experiments"]) -> Float[Array, " bins"]:
        """Return a prediction; a normalisation that is integrated out is drawn from its density, which is normal."""
        problem, _ = problem_of(cheap, {**fixed, **params})
        found = []
        for i, (one, data, pull) in enumerate(
            zip(problem.predicted(problem.z), problem.data, problem.pulls, strict=True)
        ):
            if isinstance(data, Counting):
                found.append(data.means(one, problem.z, pull.centre)[: data.observed.size])
            else:
                given = gaussian.sums(one, data.observed, data.sigma)
                found.append((gaussian.best_norm(given, pull) + gaussian.norm_width(given, pull) * normal[i]) * one)
        return jnp.concatenate(found)

    size = next(iter(flat.values())).size
    expected = np.asarray(jax.jit(jax.vmap(counts))(flat, rng.standard_normal((size, len(cheap.names)))))
    every_data = cheap.observations()
    sigma, observed = (
        np.concatenate([np.asarray(getattr(data, what)) for data in every_data]) for what in ("sigma", "observed")
    )
    poisson = np.repeat([getattr(data, "poisson", False) for data in every_data], [d.observed.size for d in every_data])
    noise = rng.standard_normal(expected.shape)
    replicated = np.where(poisson, rng.poisson(np.where(poisson, expected, 0.0)), expected + sigma * noise)
    return arviz.from_dict(
        posterior=dict(draws),
        sample_stats=dict(stats),
        posterior_predictive={"expected": expected[None], "replicated": replicated[None]},
        observed_data={"observed": observed, "sigma": sigma},
        attrs=dict(how),
    )

"""Draws as ArviZ's InferenceData: predictions, replicated data, and the probability of each cell's data beside them."""

import warnings
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from jaxtyping import Float

from cevnsjax.likelihood import Likelihood
from cevnsjax.likelihood.terms import TERMS
from cevnsjax.parameters import Parameter
from cevnsjax.sampling.density import Density, Frame, PolynomialDensity
from cevnsjax.sampling.priors import Prior

__all__ = ["arviz_quietly", "groups_of", "inference_data"]

PREDICTIVE = 200
"""The number of draws for which predictions and replicated data are kept."""

PRIOR = 1000
"""The number of draws from the priors."""

MOST_VALUES = 5_000_000
"""Probabilities of cells that are kept, 40 MB; more draws are thinned."""


def arviz_quietly() -> Any:
    """Return ArviZ, imported without the notice that versions before the first give once a day of the first."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)
        import arviz
    return arviz


def groups_of(data: Any) -> dict[str, Any]:
    """Return the data sets of all groups by name, of ArviZ's InferenceData or, from version 1 on, xarray's DataTree."""
    if hasattr(data, "children"):
        return {name: group.to_dataset() for name, group in data.children.items()}
    return {name: data[name] for name in data.groups()}


def _container(
    groups: Mapping[str, Mapping[str, np.ndarray]], dims: dict[str, list[str]], attrs: dict[str, Any]
) -> Any:
    """Return groups of arrays in the container of the installed ArviZ."""
    arviz = arviz_quietly()
    if int(arviz.__version__.partition(".")[0]) < 1:
        return arviz.from_dict(**groups, dims=dims, attrs=attrs)
    data = arviz.from_dict({name: group for name, group in groups.items() if group}, dims=dims)
    data.attrs.update(attrs)
    return data


def inference_data(
    likelihood: Likelihood,
    density: Density,
    parameters: Sequence[Parameter],
    priors: Mapping[str, Prior],
    draws: Mapping[str, np.ndarray],
    stats: Mapping[str, np.ndarray],
    attrs: Mapping[str, Any],
    seed: int,
) -> Any:
    """Return ArviZ's InferenceData, from its version 1 on a DataTree, with the groups below.

    `observed` has the same cells in each, experiments one after the other:

    - `posterior`, `sample_stats`: the draws, and what the sampler says of them;
    - `log_likelihood`: `observed`, the log probability (density) of each cell's data, a factor that is integrated in
      closed form drawn with the rest. All draws, evenly thinned where there are more than MOST_VALUES in all cells, or
      where counts are no polynomial;
    - `posterior_predictive`: `observed`, replicated data, and `expected`, their means, for about PREDICTIVE draws;
    - `prior`: draws from the priors, and from the constraints of nuisances. A nuisance that nothing constrains has no
      prior of its own, and is left out;
    - `observed_data`: `observed`; `constant_data`: `sigma`, the errors of Gaussian data.
    """
    rng = np.random.default_rng(seed)
    every = _thinning(likelihood, density, draws)
    kept = np.stack([draw[:, ::every] for draw in draws.values()], axis=-1)  # chains, draws, parameters
    flat = kept.reshape(-1, kept.shape[-1])
    expected = _expected(density, flat, rng.standard_normal((len(flat), len(likelihood.experiments))))
    some = expected[:: max(1, len(flat) // PREDICTIVE)]
    observed = np.concatenate([np.asarray(e.observed) for e in likelihood.experiments])
    sigma = np.concatenate([e.sigma for e in likelihood.experiments])
    cells = ("observed", "expected", "sigma")
    groups = {
        "posterior": dict(draws),
        "sample_stats": dict(stats),
        "log_likelihood": {"observed": _log_likelihood(likelihood, expected).reshape(*kept.shape[:2], -1)},
        "posterior_predictive": {"expected": some[None], "observed": _replicated(likelihood, some, rng)[None]},
        "prior": _prior(likelihood, parameters, priors, rng),
        "observed_data": {"observed": observed},
        "constant_data": {"sigma": sigma},
    }
    return _container(groups, {name: ["cell"] for name in cells}, dict(attrs))


def _thinning(likelihood: Likelihood, density: Density, draws: Mapping[str, np.ndarray]) -> int:
    """Return every which draw of a chain has its prediction calculated."""
    chains, samples = next(iter(draws.values())).shape
    most = MOST_VALUES // sum(e.size for e in likelihood.experiments)
    most = max(most if isinstance(density, PolynomialDensity) else PREDICTIVE, chains)
    return -(-chains * samples // most)


def _expected(
    density: Density, values: Float[np.ndarray, "draws drawn"], normal: Float[np.ndarray, "draws experiments"]
) -> Float[np.ndarray, "draws cells"]:
    """Return predictions, in batches of one size: one program for any number of draws."""
    size = min(PREDICTIVE, len(values)) if not isinstance(density, PolynomialDensity) else PREDICTIVE
    parts = []
    for first in range(0, len(values), size):
        rows = np.minimum(np.arange(first, first + size), len(values) - 1)
        parts.append(density.expected(values[rows], normal[rows]))
    return np.concatenate(parts)[: len(values)]


def _by_experiment(likelihood: Likelihood, expected: Float[np.ndarray, "draws cells"]) -> list[np.ndarray]:
    return np.split(expected, np.cumsum([e.size for e in likelihood.experiments])[:-1], axis=1)


def _log_likelihood(
    likelihood: Likelihood, expected: Float[np.ndarray, "draws cells"]
) -> Float[np.ndarray, "draws cells"]:
    pairs = zip(likelihood.experiments, _by_experiment(likelihood, expected), strict=True)
    return np.concatenate(
        [TERMS[e.term].log_probability(np.asarray(e.observed), mean, e.sigma) for e, mean in pairs], axis=1
    )


def _replicated(
    likelihood: Likelihood, expected: Float[np.ndarray, "draws cells"], rng: np.random.Generator
) -> Float[np.ndarray, "draws cells"]:
    """Return data drawn around predictions."""
    pairs = zip(likelihood.experiments, _by_experiment(likelihood, expected), strict=True)
    return np.concatenate([TERMS[e.term].draw(rng, mean, np.asarray(e.sigma)) for e, mean in pairs], axis=1)


def _prior(
    likelihood: Likelihood, parameters: Sequence[Parameter], priors: Mapping[str, Prior], rng: np.random.Generator
) -> dict[str, Float[np.ndarray, "1 draws"]]:
    """Return draws of the parameters that have a prior or a constraint, within their bounds."""
    constraints = {
        n.name: Prior("normal", (n.centre, n.sigma))
        for n in likelihood.nuisances
        if n.sigma is not None and n.sigma > 0
    }
    known = constraints | dict(priors)
    proper = [p for p in parameters if p.name in known]
    if not proper:
        return {}
    frame = Frame.of(proper, known, {p.name: p.scale for p in proper})
    values = frame.from_cube(rng.random((PRIOR, len(proper))))
    return {p.name: values[None, :, i] for i, p in enumerate(proper)}

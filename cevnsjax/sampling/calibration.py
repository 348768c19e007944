"""Simulation-based calibration of posteriors: S. Talts et al., arXiv:1804.06788.

Parameters are drawn from their priors, data from the full prediction at them, and the posterior is sampled as `sample`
does it. If all is right, the rank of the truth among the draws of its posterior is uniform.
"""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int, Key, PRNGKeyArray
from scipy.special import ndtr, ndtri

from cevnsjax.arguments import check_seed, whole_number
from cevnsjax.errors import InputError
from cevnsjax.likelihood import Given, Likelihood, likelihood_of
from cevnsjax.likelihood.kernel import Data
from cevnsjax.likelihood.terms import TERMS
from cevnsjax.parameters import Parameter
from cevnsjax.programs import program
from cevnsjax.sampling.density import Frame, PolynomialDensity
from cevnsjax.sampling.priors import Prior
from cevnsjax.sampling.ranks import rank, uniformity
from cevnsjax.sampling.request import density_of, request_of

__all__ = ["Calibration", "calibrate", "true_values"]

TOGETHER = 25
"""How many posteriors are sampled side by side: each waits for the longest trajectory among them."""

LIMITS = {"sets": (10, 100_000), "draws": (9, 10_000), "thin": (1, 1000), "warmup": (10, 1_000_000)}
"""Smallest and largest numbers."""


@dataclasses.dataclass(frozen=True, eq=False)
class Calibration:
    """Ranks of true values among draws of their posteriors.

    `ranks` has for each drawn parameter one rank for each data set, from 0 to `draws`. `p_values` has for each
    parameter those of uniform ranks: `chi2_p_value` of chi-squared in ten bins, and `ecdf_p_value` of the largest
    deviation of their cumulative distribution. `divergent_transitions` counts those of the sampler in all posteriors,
    and `autocorrelation` is the largest one between neighbouring draws: both should be about zero.
    """

    ranks: dict[str, Int[np.ndarray, " sets"]]
    p_values: dict[str, dict[str, float]]
    draws: int
    divergent_transitions: int
    autocorrelation: float


def calibrate(
    likelihood: Given,
    free: Sequence[str] | None = None,
    values: Mapping[str, float] | None = None,
    priors: Mapping[str, Prior] | None = None,
    sets: int = 100,
    draws: int = 99,
    thin: int = 5,
    warmup: int = 300,
    seed: int = 0,
    advance: Callable[[int, int], None] | None = None,
) -> Calibration:
    """Return whether posteriors of a likelihood are calibrated: ranks of true values among draws.

    The method is simulation-based calibration: S. Talts et al., arXiv:1804.06788. What is drawn is what `sample` draws.
    True values are drawn from the priors, and those of all nuisances from their constraints. Data are drawn from the
    prediction calculated anew at each truth, not from the polynomials that the sampler knows.

    Args:
        likelihood: a `Likelihood`; or an experiment, or a list of them, under the Standard Model.
        free: names of the parameters; by default the model's own choice less those in `values`.
        values: parameters that are fixed, by name.
        priors: priors by name, as in `sample`.
        sets: the number of data sets.
        draws: the number of draws that are kept of each posterior.
        thin: the steps of NUTS between them.
        warmup: the steps before.
        seed: a whole number; the same one gives the same ranks.
        advance: called as `advance(done, all)` with numbers of data sets.

    Raises:
        InputError: for impossible names and numbers, for a nuisance that has neither a constraint nor a prior, and
            where counts are no polynomial in the free parameters, as for a mass.

    Examples:
        >>> prior = cevnsjax.Prior("normal", (0.24, 0.06))
        >>> request = {"sets": 20, "draws": 19, "thin": 4, "warmup": 150}
        >>> result = cevnsjax.calibrate("conus_plus", priors={"sin2_theta_w": prior}, **request)
        >>> result.p_values["sin2_theta_w"]["ecdf_p_value"] > 0.01
        True
    """
    for name, number in (("sets", sets), ("draws", draws), ("thin", thin), ("warmup", warmup)):
        least, most = LIMITS[name]
        whole_number(number, least, most, f"{name} = {{}} given")
    check_seed(seed)
    likelihood = likelihood_of(likelihood)
    parameters, fixed, own = request_of(likelihood, free, values, priors)
    for n in likelihood.nuisances:
        if n.searched and n.sigma is None and n.name not in (*fixed, *own):
            raise InputError(f"'{n.name}' is free without a constraint: give it a prior, or a value")
    density, _, _ = density_of(likelihood, parameters, fixed, own)
    if not isinstance(density, PolynomialDensity):
        given = ", ".join(p.name for p in parameters)
        raise InputError(f"counts are no polynomial in {given}: give masses a value")
    rng = np.random.default_rng(seed)
    truths = true_values(likelihood, parameters, fixed, own, sets, rng)
    observed = _data(
        likelihood, density, [{k: float(v[i]) for k, v in truths.items()} | fixed for i in range(sets)], rng
    )
    begin = density.frame.coordinates(np.array([p.default for p in parameters]))
    keys = jax.random.split(jax.random.key(seed), sets)
    found, diverged = [], 0
    for first in range(0, sets, TOGETHER):
        chunk = np.minimum(np.arange(first, first + TOGETHER), sets - 1)
        drawn, diverging = _posteriors(
            density, [one[chunk] for one in observed], begin, keys[chunk], warmup, draws, thin
        )
        number = min(TOGETHER, sets - first)
        found.append(np.asarray(drawn)[:number])
        diverged += int(np.asarray(diverging)[:number].sum())
        if advance is not None:
            advance(first + number, sets)
    every = np.concatenate(found)
    ranks = {p.name: rank(every[..., i], truths[p.name]) for i, p in enumerate(parameters)}
    away = every - every.mean(axis=1, keepdims=True)
    follow = np.mean((away[:, 1:] * away[:, :-1]).mean(axis=1) / away.var(axis=1), axis=0)
    p_values = {name: uniformity(one, draws) for name, one in ranks.items()}
    return Calibration(ranks, p_values, draws, diverged, float(follow.max()))


def true_values(
    likelihood: Likelihood,
    drawn: Sequence[Parameter],
    fixed: Mapping[str, float],
    priors: Mapping[str, Prior],
    sets: int,
    rng: np.random.Generator,
) -> dict[str, Float[np.ndarray, " sets"]]:
    """Return true values: of parameters from their priors, of nuisances that are not fixed from their constraints.

    Constraints of nuisances that are drawn end at their bounds, as in their posterior; those of others are integrated
    over all values.
    """
    truths = {}
    names = {p.name for p in drawn}
    for p in drawn:
        if p.name in priors:
            frame = Frame.of([p], priors, {p.name: p.scale})
            truths[p.name] = frame.from_cube(rng.uniform(size=(sets, 1)))[:, 0]
    for n in likelihood.nuisances:
        if n.sigma is None or n.name in fixed or n.name in truths:
            continue
        ends = n.limits if n.name in names else (-np.inf, np.inf)
        below, above = (float(ndtr((end - n.centre) / n.sigma)) for end in ends)
        truths[n.name] = n.centre + n.sigma * ndtri(below + rng.uniform(size=sets) * (above - below))
    return truths


def _data(
    likelihood: Likelihood, density: PolynomialDensity, truths: list[dict[str, float]], rng: np.random.Generator
) -> list[Float[np.ndarray, "sets _terms _cells"]]:
    """Return data at each truth, for each of the kernel's groups of terms."""
    means = [[np.asarray(mean) for mean in likelihood.expected_in(one)] for one in truths]
    each = []
    for i, e in enumerate(likelihood.experiments):
        mean = np.stack([one[i] for one in means])
        each.append(TERMS[e.term].draw(rng, mean, np.asarray(e.sigma)))
    return [np.stack([each[i] for i in members], axis=1) for members in density.groups]


@program("warmup", "draws", "thin", effort=1)
def _posteriors(
    density: PolynomialDensity,
    observed: list[Float[Array, "sets _terms _cells"]],
    begin: Float[Array, " drawn"],
    keys: Key[Array, " sets"],
    warmup: int,
    draws: int,
    thin: int,
) -> tuple[Float[Array, "sets draws drawn"], Int[Array, " sets"]]:
    """Return draws from the posterior of each data set, and how many transitions diverged."""
    from numpyro.infer.hmc import hmc

    def one(observed: list[Array], key: PRNGKeyArray) -> tuple[Array, Array]:
        own = dataclasses.replace(density, data=Data(tuple(observed), density.data.centre))
        start, step = hmc(potential_fn_gen=lambda density: density.potential, algo="NUTS")
        state = start(begin, warmup, dense_mass=True, model_args=(own,), rng_key=key)

        def turn(state: Any, _: None) -> tuple[Any, tuple[Array, Bool[Array, ""]]]:
            state = step(state, model_args=(own,))
            return state, (state.z, state.diverging)

        _, (z, diverging) = jax.lax.scan(turn, state, None, length=warmup + draws * thin)
        kept = z[warmup + thin - 1 :: thin]
        return jax.vmap(lambda u: own.frame.values(u)[0])(kept), jnp.sum(diverging[warmup:])

    return jax.vmap(one)(observed, keys)

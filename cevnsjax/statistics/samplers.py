"""The samplers behind `sample`: NUTS of a NumPyro model, and dynesty's nested sampling."""

from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from cevnsjax.errors import InputError
from cevnsjax.parameters import Parameter
from cevnsjax.statistics.base import BinnedLikelihood
from cevnsjax.statistics.priors import Prior

__all__ = ["nested", "numpyro_model", "nuts"]

Values = Mapping[str, Float[Array, ""]]
Found = tuple[dict[str, np.ndarray], dict[str, Any], list[str]]
"""Draws by name, of shape (chains, samples); statistics; and what is to be distrusted."""


def numpyro_model(
    likelihood: BinnedLikelihood,
    free: Sequence[Parameter],
    priors: Mapping[str, Prior],
    fixed: Values | None = None,
) -> Any:
    """Return a NumPyro model: a site for each free parameter with its prior, and the data as a factor.

    A normalisation among them has no prior of its own: its pull is part of the likelihood.
    """
    import numpyro
    import numpyro.distributions as dist
    from numpyro.distributions import constraints

    def model() -> None:
        params = dict(fixed or {})
        for p in free:
            if p.name in likelihood.norms:
                density = dist.ImproperUniform(constraints.positive, (), ())
            else:
                density = priors[p.name].distribution(p)
            params[p.name] = numpyro.sample(p.name, density)
        numpyro.factor("data", likelihood.log_likelihood(params))

    return model


def nuts(
    likelihood: BinnedLikelihood,
    fixed: Values,
    free: tuple[Parameter, ...],
    priors: Mapping[str, Prior],
    modes: Float[np.ndarray, "modes parameters"],
    steps: Float[Array, " parameters"],
    chains: int,
    samples: int,
    warmup: int,
    seed: int,
    progress: bool,
) -> Found:
    """Draw by NUTS, all chains at once, each started in one of the modes."""
    from numpyro.distributions import biject_to, constraints
    from numpyro.infer import MCMC, NUTS

    rng = np.random.default_rng(seed)
    begin = {}
    for i, p in enumerate(free):
        support = constraints.positive if p.name in likelihood.norms else priors[p.name].distribution(p).support
        at = modes[np.arange(chains) % len(modes), i] + 0.1 * float(steps[i]) * rng.standard_normal(chains)
        low, high = _inside(support, p, float(steps[i]))
        begin[p.name] = biject_to(support).inv(jnp.asarray(np.clip(at, low, high)))
    kernel = NUTS(numpyro_model(likelihood, free, priors, fixed), dense_mass=True)
    mcmc = MCMC(
        kernel, num_warmup=warmup, num_samples=samples, num_chains=chains, chain_method="vectorized",
        progress_bar=progress,
    )  # fmt: skip
    start = begin if chains > 1 else {name: value[0] for name, value in begin.items()}
    mcmc.run(jax.random.key(seed), init_params=start)
    draws = {name: np.asarray(draw) for name, draw in mcmc.get_samples(group_by_chain=True).items()}
    diverging = np.asarray(mcmc.get_extra_fields(group_by_chain=True)["diverging"])
    doubts = []
    if diverging.any():
        doubts.append(f"{int(diverging.sum())} of {diverging.size} transitions diverged: the draws are not trusted")
    if len(modes) > 1:
        doubts.append(
            f"the posterior has {len(modes)} modes: NUTS does not weigh them against each other; compare with the "
            "sampler 'nested'"
        )
    return draws, {"diverging": diverging}, doubts


def _inside(support: Any, parameter: Parameter, step: float) -> tuple[float, float]:
    """Return limits a little within a prior's support, where its transformation is finite."""
    low = float(getattr(support, "lower_bound", -np.inf))
    high = float(getattr(support, "upper_bound", np.inf))
    margin = min(0.01 * step, 0.01 * (high - low))
    return low + margin, high - margin


def nested(
    likelihood: BinnedLikelihood,
    fixed: Values,
    free: tuple[Parameter, ...],
    priors: Mapping[str, Prior],
    samples: int,
    seed: int,
    progress: bool,
) -> Found:
    """Draw by nested sampling, with the evidence; raises `InputError` where a factor on the signal is free."""
    from dynesty import NestedSampler

    if norms := [p.name for p in free if p.name in likelihood.norms]:
        raise InputError(f"'{norms[0]}' is integrated in closed form by the sampler 'nested': leave it out of --free")
    densities = [priors[p.name].distribution(p) for p in free]

    @jax.jit
    def log_likelihood(point: Float[Array, " parameters"]) -> Float[Array, ""]:
        return likelihood.log_likelihood({**fixed, **{p.name: point[i] for i, p in enumerate(free)}})

    @jax.jit
    def from_cube(cube: Float[Array, " parameters"]) -> Float[Array, " parameters"]:
        return jnp.stack([density.icdf(cube[i]) for i, density in enumerate(densities)])

    rng = np.random.default_rng(seed)
    sampler = NestedSampler(
        lambda point: float(log_likelihood(jnp.asarray(point))),
        lambda cube: np.asarray(from_cube(jnp.asarray(cube))),
        len(free), nlive=500, rstate=rng,
    )  # fmt: skip
    sampler.run_nested(print_progress=progress)
    found = sampler.results
    weights = np.exp(found["logwt"] - found["logz"][-1])
    chosen = rng.choice(len(weights), size=samples, p=weights / weights.sum())
    draws = {p.name: found["samples"][chosen, i][None] for i, p in enumerate(free)}
    evidence = {"log_evidence": float(found["logz"][-1]), "log_evidence_error": float(found["logzerr"][-1])}
    return draws, evidence, []

"""The samplers behind `sample`: NUTS, and dynesty's nested sampling."""

from collections.abc import Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Key, PRNGKeyArray

from cevnsjax.parameters import Parameter
from cevnsjax.programs import program
from cevnsjax.sampling.density import Density

__all__ = ["nested", "nuts"]

Draws = tuple[dict[str, np.ndarray], dict[str, Any], list[str]]
"""Draws by name, of shape (chains, samples); statistics; and what is to be distrusted."""

LIVE = 500
"""Live points of nested sampling."""


def nuts(
    density: Density,
    drawn: Sequence[Parameter],
    modes: Float[np.ndarray, "modes drawn"],
    steps: Float[np.ndarray, " drawn"],
    chains: int,
    samples: int,
    warmup: int,
    seed: int,
) -> Draws:
    """Draw by NUTS (NumPyro's), all chains at once, each started in one of the modes."""
    rng = np.random.default_rng(seed)
    begin = modes[np.arange(chains) % len(modes)] + 0.1 * steps * rng.standard_normal((chains, len(drawn)))
    keys = jax.random.split(jax.random.key(seed), chains)
    values, diverging = (
        np.asarray(a) for a in _chains(density, density.frame.coordinates(begin), keys, warmup, samples)
    )
    draws = {p.name: values[..., i] for i, p in enumerate(drawn)}
    doubts = []
    if diverging.any():
        doubts.append(f"{int(diverging.sum())} of {diverging.size} transitions diverged: the draws are not trusted")
    if len(modes) > 1:
        doubts.append(
            f"the posterior has {len(modes)} modes: NUTS does not weigh them against each other; compare with the "
            "sampler 'nested'"
        )
    return draws, {"diverging": diverging}, doubts


@program("warmup", "samples", effort=1)
def _chains(
    density: Density, begin: Float[Array, "chains drawn"], keys: Key[Array, " many"], warmup: int, samples: int
) -> tuple[Float[Array, "chains samples drawn"], Bool[Array, "chains samples"]]:
    """Return draws of the parameters and which transitions diverged; the density is an argument, and no constant."""
    from numpyro.infer.hmc import hmc

    def chain(begin: Array, key: PRNGKeyArray) -> tuple[Array, Array]:
        start, step = hmc(potential_fn_gen=lambda density: density.potential, algo="NUTS")
        state = start(begin, warmup, dense_mass=True, model_args=(density,), rng_key=key)

        def turn(state: Any, _: None) -> tuple[Any, tuple[Array, Array]]:
            state = step(state, model_args=(density,))
            return state, (state.z, state.diverging)

        # One loop for both, so that the compiler sees a trajectory once.
        _, (z, diverging) = jax.lax.scan(turn, state, None, length=warmup + samples)
        return jax.vmap(lambda u: density.frame.values(u)[0])(z[warmup:]), diverging[warmup:]

    return jax.vmap(chain)(begin, keys)


def nested(
    density: Density, drawn: Sequence[Parameter], log_constant: float, samples: int, seed: int, progress: bool
) -> Draws:
    """Draw by nested sampling, with the evidence."""
    from dynesty import NestedSampler

    rng = np.random.default_rng(seed)
    sampler = NestedSampler(
        lambda point: log_constant - float(_chi2(density, np.asarray(point))) / 2,
        density.frame.from_cube, len(drawn), nlive=LIVE, rstate=rng,
    )  # fmt: skip
    sampler.run_nested(print_progress=progress)
    result = sampler.results
    weights = np.exp(result["logwt"] - result["logz"][-1])
    chosen = rng.choice(len(weights), size=samples, p=weights / weights.sum())
    draws = {p.name: result["samples"][chosen, i][None] for i, p in enumerate(drawn)}
    evidence = {"log_evidence": float(result["logz"][-1]), "log_evidence_error": float(result["logzerr"][-1])}
    return draws, evidence, []


@jax.jit
def _chi2(density: Density, value: Float[Array, " drawn"]) -> Float[Array, ""]:
    return jnp.nan_to_num(density.chi2(value), nan=1e30, posinf=1e30)

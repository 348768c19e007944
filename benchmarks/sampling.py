"""Effective samples per second by NUTS, of the whole call: the first one and the second one, cold and with a cache.

The whole call of `cevnsjax.sample` finds modes, warms up, draws and summarises; the first call compiles, too, or loads
its programs from the cache. Each case runs in two processes of its own, with an empty cache folder and with the filled
one. Effective samples are ArviZ's, of the parameter that has the fewest. In `integrated` the three factors on the
signal are integrated in closed form, as the package does by default; in `sampled` they are drawn like the other
nuisances; in `quenching_k` the angle and a quenching without constraint are drawn. The rival is NumPyro's own sampler
with a model that a user writes around the package's likelihood. All ways must find the same mean of the angle.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

import jax
import numpy as np

import cevnsjax
from benchmarks.common import once, row

__all__ = ["run"]

ANGLE, FACTORS = "sin2_theta_w", ("flux", "active_mass", "trigger")
CASES = {
    "integrated": ("detailed", (ANGLE,)),
    "sampled": ("detailed", (ANGLE, *FACTORS)),
    "quenching_k": ("default", (ANGLE, "quenching_k")),
}
"""The set of systematics, and the free parameters."""

RIVAL = "numpyro"
AIM_RATE, AIM_FIRST_S = 5000.0, {"quenching_k": 15.0}
CHAINS = 4
LIMIT = 5.0
"""How many standard errors the means of the angle in two ways may differ by."""


def described(result: cevnsjax.SampleResult, seconds: float) -> dict[str, Any]:
    """Return how many effective samples a call gave, and how fast."""
    least = min(one["ess"] for one in result.summary.values())
    return {
        "seconds": seconds,
        "effective": least,
        "effective_per_s": least / seconds,
        "angle": {key: result.summary[ANGLE][key] for key in ("mean", "sd", "ess")},
        "divergent": int(np.asarray(result.data.sample_stats["diverging"]).sum()),
        "largest_rhat": max(one["rhat"] for one in result.summary.values()),
        "warnings": result.warnings,
    }


def by_package(case: str, samples: int, warmup: int) -> dict[str, Any]:
    """Return the first and the second call of `sample`; with the same seed both draw the same."""
    systematics, free = CASES[case]
    likelihood = cevnsjax.Likelihood("conus_plus", systematics=systematics)

    def call() -> cevnsjax.SampleResult:
        return cevnsjax.sample(likelihood, free, chains=CHAINS, samples=samples, warmup=warmup, seed=1)

    (first_s, first), (second_s, second) = once(call), once(call)
    assert (first.data.posterior[ANGLE] == second.data.posterior[ANGLE]).all(), "the same seed draws differently"
    return {"first": described(first, first_s), "second": described(second, second_s)}


def by_numpyro(samples: int, warmup: int) -> dict[str, Any]:
    """Return the first and the second run of NumPyro's sampler, all nuisances drawn."""
    import numpyro
    import numpyro.distributions as dist
    from numpyro.diagnostics import effective_sample_size
    from numpyro.infer import MCMC, NUTS

    likelihood = cevnsjax.Likelihood("conus_plus", systematics="detailed")

    def model() -> None:
        values = {ANGLE: numpyro.sample(ANGLE, dist.Uniform(*likelihood.parameters[ANGLE].bounds))}
        for n in likelihood.nuisances:
            if n.searched:
                low, high = n.limits
                ends = {"low": low, "high": high} if n.moves_signal else {}
                values[n.name] = numpyro.sample(n.name, dist.TruncatedNormal(n.centre, n.sigma, **ends))
        numpyro.factor("data", likelihood.log_likelihood_of_data(values))

    mcmc = MCMC(
        NUTS(model, dense_mass=True), num_warmup=warmup, num_samples=samples, num_chains=CHAINS,
        chain_method="vectorized", progress_bar=False,
    )  # fmt: skip

    def call() -> dict[str, np.ndarray]:
        mcmc.run(jax.random.key(1))
        return {name: np.asarray(draw) for name, draw in mcmc.get_samples(group_by_chain=True).items()}

    calls = {}
    for name in ("first", "second"):
        seconds, draws = once(call)
        effective = {key: float(effective_sample_size(draw)) for key, draw in draws.items()}
        angle = draws[ANGLE]
        calls[name] = {
            "seconds": seconds, "effective": min(effective.values()),
            "effective_per_s": min(effective.values()) / seconds,
            "angle": {"mean": float(angle.mean()), "sd": float(angle.std()), "ess": effective[ANGLE]},
        }  # fmt: skip
    return calls


def in_process(case: str, samples: int, warmup: int, cache: Path) -> dict[str, Any]:
    """Return both calls of a case in a process of its own, programs kept in a folder."""
    process = subprocess.run(
        [sys.executable, "-m", "benchmarks.sampling", case, str(samples), str(warmup)],
        cwd=Path(__file__).parents[1], env={**os.environ, "CEVNSJAX_CACHE": str(cache)}, check=True,
        stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    return json.loads(process.stdout)


def disagreement(one: dict[str, Any], other: dict[str, Any]) -> float:
    """Return the difference of the angle's means in its standard errors."""
    angles = one["angle"], other["angle"]
    variance = sum(angle["sd"] ** 2 / angle["ess"] for angle in angles)
    return abs(angles[0]["mean"] - angles[1]["mean"]) / variance**0.5


def run(quick: bool) -> dict[str, Any]:
    """Return seconds and rates of each case, cold and with a filled cache, and of the rival."""
    samples, warmup = (500, 200) if quick else (4000, 1000)
    cases = {}
    for case in (*CASES, RIVAL):
        with tempfile.TemporaryDirectory() as name:
            cases[case] = {
                how: in_process(case, samples, warmup, Path(name))
                for how in (("cold",) if case == RIVAL else ("cold", "filled"))
            }
    calls = {case: one["cold"]["second"] for case, one in cases.items()}
    for case in ("sampled", RIVAL):
        away = disagreement(calls["integrated"], calls[case])
        assert away < LIMIT, f"means of the angle, integrated and {case}, differ by {away:.1f} standard errors"
    for case in CASES:
        away = disagreement(calls[case], cases[case]["filled"]["second"])
        assert away < LIMIT, f"{case}: the angle's mean differs with a filled cache by {away:.1f} standard errors"
    rival = cases[RIVAL]["cold"]
    rows = []
    for case in CASES:
        what = f"NUTS, {case}, {CHAINS} chains of {samples} draws"
        six = case != "quenching_k"
        second, divergent = calls[case], calls[case]["divergent"]
        rows.append(
            row(
                f"{what}, second call", rate(second), f"{AIM_RATE:.0f} effective samples a second" if six else "",
                AIM_RATE / second["effective_per_s"] if six else None,
                f"NumPyro with the package's likelihood: {rate(rival['second'])}" if six else "",
                second["effective_per_s"] / rival["second"]["effective_per_s"] if six else None,
                f"{second['seconds']:.2g} s for {samples + warmup} steps of each chain",
            )
        )  # fmt: skip
        for how, label in (("cold", "cold"), ("filled", "filled cache")):
            first, aim = cases[case][how]["first"], AIM_FIRST_S.get(case)
            more = first["seconds"] - cases[case][how]["second"]["seconds"]
            rows.append(
                row(
                    f"{what}, first call, {label}", f"{first['seconds']:.3g} s, {rate(first)}",
                    "" if aim is None else f"{aim:g} s", None if aim is None else first["seconds"] / aim,
                    f"NumPyro, first run: {rival['first']['seconds']:.3g} s" if six and how == "cold" else "",
                    rival["first"]["seconds"] / first["seconds"] if six and how == "cold" else None,
                    f"{more:.2g} s more than the second call: {'compilation' if how == 'cold' else 'loading'}",
                )
            )  # fmt: skip
        rows.append(row(f"{what}: divergent transitions", str(divergent), "0", 1.0 + divergent))
    return {"samples": samples, "warmup": warmup, "chains": CHAINS, "cases": cases, "rows": rows}


def rate(one: dict[str, Any]) -> str:
    return f"{one['effective_per_s']:.3g} effective samples a second"


def main() -> None:
    case, samples, warmup = sys.argv[1], *map(int, sys.argv[2:])
    cevnsjax.cache_compilations()
    calls = by_numpyro(samples, warmup) if case == RIVAL else by_package(case, samples, warmup)
    print(json.dumps(calls, allow_nan=False))


if __name__ == "__main__":
    main()

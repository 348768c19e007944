"""Effective samples per second of the weak mixing angle and six nuisances, by NUTS.

The whole call of `cevnsjax.sample` finds modes, compiles, warms up, draws and summarises. It is timed for a small and a
large number of draws with the same seed and warm-up, after a first call that compiles what calls share; the difference
of the two times is that of the draws alone, as each call compiles its sampler anew and warms up alike. Effective
samples are ArviZ's, of the large number, and of that parameter which has the fewest; the rate is draws per second times
effective samples per draw. What a user waits for, the whole call, stands beside.

In `integrated` the three factors on the signal are integrated in closed form, which is what the package does by itself;
in `sampled` they are drawn like the others.
"""

import statistics
from typing import Any

import numpy as np

import cevnsjax
from benchmarks.common import once, row

__all__ = ["measured", "run"]

ANGLE, FACTORS = ("sin2_theta_w",), ("flux", "active_mass", "trigger")
AIM = 500.0
CHAINS = 4
LIMIT = 5.0
"""How many standard errors the angle's means by two ways may differ by."""


def measured(
    likelihood: cevnsjax.Likelihood,
    free: tuple[str, ...],
    chains: int,
    sizes: tuple[int, int],
    warmup: int,
    repeats: int,
) -> dict[str, Any]:
    """Return how fast draws come, and how much they are worth."""

    def call(samples: int) -> cevnsjax.SampleResult:
        return cevnsjax.sample(likelihood, free, chains=chains, samples=samples, warmup=warmup, seed=1)

    first, _ = once(lambda: call(sizes[0]))
    small = [once(lambda: call(sizes[0]))[0] for _ in range(repeats)]
    runs = [once(lambda: call(sizes[1])) for _ in range(repeats)]
    large, result = [seconds for seconds, _ in runs], runs[-1][1]
    draws = result.data.posterior.sizes["draw"] * result.data.posterior.sizes["chain"]
    assert draws == chains * sizes[1]
    effective = {name: one["ess"] for name, one in result.summary.items()}
    seconds = statistics.median(large) - statistics.median(small)
    extra = chains * (sizes[1] - sizes[0])
    # Other work on the machine may slow the small call by more than the draws cost: then nothing can be said.
    rate = extra / seconds if seconds > 0 else None
    least = min(effective.values())
    return {
        "chains": chains,
        "samples": sizes,
        "warmup": warmup,
        "first_call_s": first,
        "small_calls_s": small,
        "large_calls_s": large,
        "draws_per_s": rate,
        "effective": effective,
        "angle": {key: result.summary["sin2_theta_w"][key] for key in ("mean", "sd", "ess")},
        "effective_per_draw": least / draws,
        "effective_per_s": None if rate is None else rate * least / draws,
        "effective_per_s_at_worst": extra * least / draws / (max(large) - min(small))
        if max(large) > min(small)
        else None,
        "effective_per_s_of_whole_call": least / statistics.median(large),
        "divergent": int(np.asarray(result.data.sample_stats["diverging"]).sum()),
        # One chain has none.
        "largest_rhat": max(one["rhat"] for one in result.summary.values()) if chains > 1 else None,
        "warnings": result.warnings,
    }


def disagreement(one: dict[str, Any], other: dict[str, Any]) -> float:
    """Return the difference of the angle's means in its standard errors: both ways have one posterior."""
    angles = one["angle"], other["angle"]
    variance = sum(angle["sd"] ** 2 / angle["ess"] for angle in angles)
    return abs(angles[0]["mean"] - angles[1]["mean"]) / variance**0.5


def run(quick: bool) -> dict[str, Any]:
    """Return the rates for factors integrated and sampled, and against the number of chains."""
    sizes, warmup, repeats = ((100, 1500), 200, 1) if quick else ((500, 4500), 1000, 2)
    likelihood = cevnsjax.Likelihood("conus_plus", systematics="detailed")
    kinds = {"integrated": ANGLE, "sampled": (*ANGLE, *FACTORS)}
    found = {name: measured(likelihood, free, CHAINS, sizes, warmup, repeats) for name, free in kinds.items()}
    assert (away := disagreement(*found.values())) < LIMIT, f"means of the angle differ by {away:.1f} of their errors"
    chains = (8,) if quick else (1, 2, 8, 16)
    by_chains = {str(n): measured(likelihood, ANGLE, n, sizes, warmup, repeats) for n in chains}
    by_chains[str(CHAINS)] = found["integrated"]
    rows = []
    for name, one in found.items():
        what = f"NUTS, sin2_theta_w and three shapes, three factors {name}, {CHAINS} chains"
        per_s = one["effective_per_s"]
        rows += [
            row(
                f"{what}, once compiled and warm", rate_text(per_s), f"{AIM:.0f} effective samples a second",
                None if per_s is None else AIM / per_s,
            ),
            row(f"{what}: the whole call", rate_text(one["effective_per_s_of_whole_call"])),
            row(f"{what}: divergent transitions", str(one["divergent"]), "0", 1.0 + one["divergent"]),
        ]  # fmt: skip
    for n, one in sorted(by_chains.items(), key=lambda pair: int(pair[0])):
        what = f"NUTS, factors integrated, {n} chain{'s' if n != '1' else ''}"
        rows.append(row(what, rate_text(one["effective_per_s"])))
    return {"kinds": found, "by_chains": by_chains, "rows": rows}


def rate_text(rate: float | None) -> str:
    return "lost in noise" if rate is None else f"{rate:.3g} effective samples a second"

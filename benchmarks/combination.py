"""The combination `global_2026`: all public data in one fit, every nuisance minimised.

The first fit of the weak mixing angle is a process of the command line, with an empty cache folder and with the filled
one. MIGRAD of iminuit minimises the same function, compiled, with and without its gradient; the minima must be equal.
Then come a plane of two couplings, toys of one hypothesis, a posterior of the angle with all nuisances, and time
against the number of experiments: copies of CONUS+.
"""

import statistics
from collections.abc import Sequence
from typing import Any

import jax
import numpy as np
from iminuit import Minuit

import cevnsjax
from benchmarks.common import exponent, first_and_warm, once, row
from benchmarks.first_call import Command, both, rows_of, summary
from benchmarks.process import import_jax_s

__all__ = ["run"]

NAME, ANGLE = "global_2026", "sin2_theta_w"
FIRST = Command("first fit of the angle", ("fit", NAME, "--free", ANGLE), cold_s=15.0, filled_s=4.0)
LIMITS = (("eps_ee_uv", -1.0, 1.0), ("eps_ee_dv", -1.0, 1.0))
PLANE_S, TOYS_S, MANY_TOYS, ESS_PER_MINUTE, RHAT = 60.0, 120.0, 100_000, 400.0, 1.01
SAME = 1e-6
"""How much minima of chi^2 may differ."""

TIGHT = 1e-6
"""MIGRAD's tolerance: with its own it stops some 1e-4 above a minimum."""


def first_fit(repeats: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return what the first fit takes as a process, and its rows."""
    rival = statistics.median(import_jax_s() for _ in range(repeats))
    cold, filled = both(FIRST, repeats)
    found = {"words": FIRST.words, "cold": summary(cold), "filled": summary(filled)}
    return found | {"import_jax_s": rival, "repeats": repeats}, rows_of(FIRST, found, rival)


def against_iminuit(repeats: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return times of the minimum over the angle and all nuisances, and MIGRAD's on the same function."""
    likelihood = cevnsjax.Likelihood(NAME)
    names = [ANGLE, *likelihood.searched]
    known = likelihood.parameters
    first, warm, result = first_and_warm(lambda: cevnsjax.fit(likelihood, [ANGLE], of=[]), repeats)
    # In steps of each parameter, as MIGRAD knows no units.
    scale = np.array([known[name].scale for name in names])

    def chi2(x: jax.Array) -> jax.Array:
        return likelihood.chi2({name: scale[i] * x[i] for i, name in enumerate(names)})

    value, slope = jax.jit(chi2), jax.jit(jax.grad(chi2))
    start = np.array([known[name].default for name in names]) / scale
    jax.block_until_ready((value(start), slope(start)))
    found = {}
    for label, gradient in (("without gradient", None), ("with gradient", lambda x: np.asarray(slope(x)))):
        minuit = Minuit(lambda x: float(value(x)), start, grad=gradient, name=names)
        minuit.limits = [tuple(end / s for end in known[n].bounds) for n, s in zip(names, scale, strict=True)]
        minuit.errors, minuit.tol, minuit.strategy = np.ones(len(names)) / 10, TIGHT, 1
        seconds, minuit = once(minuit.migrad)
        found[label] = {"seconds": seconds, "valid": minuit.valid, "above": minuit.fval - result.chi2_min}
    away = min(abs(one["above"]) for one in found.values())
    assert away < SAME, f"minima differ by {found}"
    assert all(one["above"] > -SAME for one in found.values()), f"MIGRAD finds less: {found}"
    rows = [
        row(
            f"minimum over the angle and {len(names) - 1} nuisances, warm", f"{warm:.2g} s",
            rival=f"MIGRAD {label}: {one['seconds']:.2g} s, {one['above']:.1e} above", ratio=one["seconds"] / warm,
            bound=f"first call {first:.2g} s; the package starts from 13 points, MIGRAD from one",
        )
        for label, one in found.items()
    ]  # fmt: skip
    return {"first_s": first, "warm_s": warm, "chi2_min": result.chi2_min, "migrad": found, "names": names}, rows


def plane(size: int, repeats: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return times of a plane of two couplings with all nuisances minimised."""
    likelihood = cevnsjax.Likelihood(NAME, model="nsi_vector")
    axes = [(*limits, size) for limits in LIMITS]
    first, warm, _ = first_and_warm(lambda: cevnsjax.scan(likelihood, *axes, free=[]), repeats)
    aim = PLANE_S * size**2 / 1e4
    number = len(likelihood.searched)
    return {"points": size**2, "first_s": first, "warm_s": warm}, [
        row(
            f"plane of {size} x {size} points, {number} nuisances minimised, warm", f"{warm:.3g} s", f"{aim:.3g} s",
            warm / aim, bound=f"first call {first:.3g} s",
        )
    ]  # fmt: skip


def toys(number: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the time of toys of the Standard Model, each fitted with the angle free and held."""
    likelihood = cevnsjax.Likelihood(NAME)

    def covered() -> cevnsjax.Coverage:
        return cevnsjax.coverage(likelihood, ANGLE, toys=number, seed=1)

    first_s, _ = once(lambda: cevnsjax.coverage(likelihood, ANGLE, toys=500, seed=2))
    seconds, result = once(covered)
    aim = TOYS_S * number / MANY_TOYS
    return {"toys": number, "seconds": seconds, "first_s": first_s, "coverage": result.coverage}, [
        row(
            f"{number} toys, two fits of each", f"{seconds:.3g} s", f"{aim:.3g} s", seconds / aim,
            bound=f"compiled before, with 500 toys: {first_s:.3g} s",
        )
    ]  # fmt: skip


def posterior(samples: int, warmup: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return the quality and the time of a posterior of the angle and all nuisances."""
    likelihood = cevnsjax.Likelihood(NAME)
    names = [ANGLE, *likelihood.searched]

    def call() -> cevnsjax.SampleResult:
        return cevnsjax.sample(likelihood, [ANGLE], samples=samples, warmup=warmup)

    first, _ = once(call)
    seconds, result = once(call)
    least = min(one["ess"] for one in result.summary.values())
    rhat = max(one["rhat"] for one in result.summary.values())
    rate = 60 * least / seconds
    return {
        "names": names, "samples": samples, "warmup": warmup, "first_s": first, "seconds": seconds, "least_ess": least,
        "largest_rhat": rhat,
    }, [
        row(
            "posterior of the angle and all nuisances: least effective samples a minute", f"{rate:.3g}",
            f"{ESS_PER_MINUTE:g}", ESS_PER_MINUTE / rate, bound=f"{seconds:.3g} s; first call {first:.3g} s",
        ),
        row("the same: largest R-hat", f"{rhat:.4f}", f"{RHAT}", 1.0 if rhat < RHAT else rhat / RHAT),
    ]  # fmt: skip


def copies(numbers: Sequence[int], repeats: int) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """Return times of a fit against the number of experiments."""
    times, first, minima = [], [], []
    for number in numbers:
        experiments = [cevnsjax.load_experiment("conus_plus", {"name": f"copy_{i}"}) for i in range(number)]
        likelihood = cevnsjax.Likelihood(*experiments)
        compiled, warm, result = first_and_warm(lambda one=likelihood: cevnsjax.fit(one, [ANGLE]), repeats)
        first.append(compiled)
        times.append(warm)
        minima.append(result.chi2_min / number)
    assert max(minima) - min(minima) < SAME, f"copies of one experiment differ: {minima}"
    power = exponent(numbers, times)
    return {"numbers": list(numbers), "times_s": times, "first_s": first, "exponent": power}, [
        row(
            f"fit of up to {numbers[-1]} experiments, warm", f"{times[-1]:.3g} s at the end, time ~ number^{power:.2f}",
            "number^1", max(power, 1.0), bound=f"first calls {', '.join(f'{s:.2g}' for s in first)} s",
        )
    ]  # fmt: skip


def run(quick: bool) -> dict[str, Any]:
    """Return all of it, one row or more of each."""
    repeats = 1 if quick else 3
    parts = {
        "first_call": first_fit(repeats),
        "iminuit": against_iminuit(repeats),
        "plane": plane(12 if quick else 100, 1),
        "toys": toys(1000 if quick else MANY_TOYS),
        "posterior": posterior(*((200, 200) if quick else (1000, 1000))),
        "copies": copies((1, 2) if quick else (1, 2, 4, 8, 16), repeats),
    }
    found = {name: part for name, (part, _) in parts.items()}
    return {**found, "rows": [one for _, rows in parts.values() for one in rows]}

"""Fits of an exported likelihood by pyhf, beside fits of the same likelihood here.

COHERENT CsI and liquid argon: the fit of the signal's strength and all nuisances, and the profile of the strength at 50
values. pyhf minimises with SciPy's SLSQP and with MIGRAD on NumPy, and with SLSQP and exact gradients on JAX, compiled
before it is timed; the fastest is the rival. Strengths, minima and profiles must be the same. The package's fit starts
from several points, and each of pyhf's from one.
"""

import json
import warnings
from typing import Any, NamedTuple

import jax
import jax.numpy as jnp
import numpy as np
import pyhf

import cevnsjax
from benchmarks.common import first_and_warm, row, timed

__all__ = ["run"]

CASES = {"coherent_csi": "rates", "coherent_lar": "default"}
SETTINGS = {"SLSQP": ("numpy", "scipy"), "MIGRAD": ("numpy", "minuit"), "SLSQP with gradients": ("jax", "scipy")}
SAME = 1e-3
"""How much minima of chi^2, and strengths, may differ: what the tolerances of the other minimisers leave."""

STRENGTHS = np.linspace(0.2, 2.0, 50)


class Fits(NamedTuple):
    """Times of a fit and of a profile [s], the best strength, and the profile above the minimum."""

    fit_s: float
    profile_s: float
    strength: float
    profile: np.ndarray


def here(likelihood: cevnsjax.Likelihood, repeats: int) -> tuple[float, Fits]:
    """Return the time of the first fit, and what the package takes and finds."""
    first, warm, best = first_and_warm(lambda: cevnsjax.fit(likelihood, ["norm"], of=[]), repeats)
    chi2 = jax.jit(jax.vmap(lambda strength: likelihood.chi2({"norm": strength})))
    strengths = jnp.asarray(STRENGTHS)
    values = np.asarray(chi2(strengths))
    return first, Fits(warm, timed(lambda: chi2(strengths), repeats), best.best_fit["norm"], values - best.chi2_min)


def by_pyhf(space: pyhf.Workspace, backend: str, optimizer: str, repeats: int) -> Fits:
    """Return what pyhf takes and finds with one of its backends and optimisers."""
    pyhf.set_backend(backend, optimizer, precision="64b")
    try:
        theirs = space.model()
        data = space.data(theirs)

        def fit() -> list[np.ndarray]:
            return [np.asarray(part) for part in pyhf.infer.mle.fit(data, theirs, return_fitted_val=True)]

        def profile() -> np.ndarray:
            fits = [pyhf.infer.mle.fixed_poi_fit(mu, data, theirs, return_fitted_val=True)[1] for mu in STRENGTHS]
            return np.array([float(np.ravel(np.asarray(least))[0]) for least in fits])

        (best, least), values = fit(), profile()
        strength = float(best[theirs.config.poi_index])
        return Fits(timed(fit, repeats), timed(profile, 1), strength, values - float(np.ravel(least)[0]))
    finally:
        pyhf.set_backend("numpy", "scipy")


def compared(name: str, label: str, ours: Fits, theirs: Fits) -> None:
    """End the benchmark where pyhf finds something else."""
    away = abs(theirs.strength - ours.strength), float(np.abs(theirs.profile - ours.profile).max())
    if max(away) > SAME:
        raise SystemExit(f"{name}: pyhf, {label}, differs by {away[0]:.1e} in strength, {away[1]:.1e} in the profile")


def documents(likelihood: cevnsjax.Likelihood, repeats: int) -> dict[str, dict[str, float]]:
    """Return how long each document takes, and its size."""
    return {
        to: {
            "warm_s": timed(lambda to=to: cevnsjax.export(likelihood, to), repeats),
            "bytes": len(json.dumps(cevnsjax.export(likelihood, to))),
        }
        for to in ("json", "pyhf")
    }


def run(quick: bool) -> dict[str, Any]:
    """Return all times, and the rows of the table."""
    repeats = 3 if quick else 9
    found: dict[str, Any] = {}
    rows = []
    for name, systematics in CASES.items():
        likelihood = cevnsjax.Likelihood(name, systematics=systematics)
        first, ours = here(likelihood, repeats)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", DeprecationWarning)
            space = pyhf.Workspace(cevnsjax.export(likelihood, "pyhf"))
        theirs = {label: by_pyhf(space, *setting, repeats) for label, setting in SETTINGS.items()}
        for label, fits in theirs.items():
            compared(name, label, ours, fits)
        written = documents(likelihood, repeats)
        found[name] = {
            "first_fit_s": first,
            "fit_s": ours.fit_s,
            "profile_s": ours.profile_s,
            "pyhf": {label: {"fit_s": fits.fit_s, "profile_s": fits.profile_s} for label, fits in theirs.items()},
            "documents": written,
        }
        size = len(likelihood.searched)
        for what, key in (
            (f"fit of the strength and {size} nuisances", "fit_s"),
            (f"profile at {STRENGTHS.size} strengths", "profile_s"),
        ):
            mine, times = getattr(ours, key), {label: getattr(fits, key) for label, fits in theirs.items()}
            best = min(times, key=lambda label, times=times: times[label])
            others = ", ".join(f"{label} {1e3 * seconds:.1f} ms" for label, seconds in times.items() if label != best)
            rows.append(
                row(
                    f"{name}: {what}", f"{1e3 * mine:.1f} ms", rival=f"pyhf, {best}: {1e3 * times[best]:.1f} ms",
                    ratio=times[best] / mine, bound=f"pyhf otherwise: {others}",
                )
            )  # fmt: skip
        for to, about in written.items():
            value = f"{1e3 * about['warm_s']:.0f} ms"
            rows.append(row(f"{name}: document {to}", value, bound=f"{about['bytes'] / 1e3:.0f} kB"))
    return {"cases": found, "repeats": repeats, "rows": rows}

"""Coverage of 90 % intervals of sin^2(theta_W) by toys, for each experiment and for some of them together.

Toys are drawn at the Standard Model's value, with nuisances as they suit the data there, and all nuisances are
minimised for each. Beside the coverage of intervals by Wilks' theorem stands that of Feldman and Cousins' critical
value, from toys of another seed.

    python -m benchmarks coverage [--quick]
"""

import dataclasses
from typing import Any

import numpy as np

import cevnsjax
from benchmarks.common import once, row

__all__ = ["run"]

TOGETHER = ("conus_plus", "coherent_csi", "coherent_lar", "xenonnt_b8", "xenonnt_er")
ALONE = (
    "conus_plus", "conus", "dresden2", "coherent_csi", "coherent_lar", "coherent_ge", "xenonnt_b8", "pandax4t_b8",
    "lz_b8", "xenonnt_er",
)  # fmt: skip
OVER, CL = "sin2_theta_w", 0.90
AIM = 0.01
"""How far the coverage may lie from CL."""


def study(names: tuple[str, ...], toys: int) -> dict[str, Any]:
    """Return the coverage of both kinds of intervals, and the seconds for the toys of one seed."""
    likelihood = cevnsjax.Likelihood(*names)
    other = cevnsjax.coverage(likelihood, OVER, cl=CL, toys=toys, seed=1)  # compiles
    seconds, result = once(lambda: cevnsjax.coverage(likelihood, OVER, cl=CL, toys=toys))
    share, error = result.of(other.critical)
    # The critical value is a quantile of finitely many toys, which adds to the error.
    error = float(np.hypot(error, np.sqrt(CL * (1 - CL) / toys)))
    numbers = {key: value for key, value in dataclasses.asdict(result).items() if key != "delta_chi2"}
    return numbers | {
        "experiments": names,
        "nuisances": len(likelihood.searched),
        "feldman_cousins": {"critical": other.critical, "coverage": share, "error": error},
        "seconds": seconds,
    }


def run(quick: bool) -> dict[str, Any]:
    """Return all coverages, and rows of the table."""
    toys = 500 if quick else 10_000
    studies = [study(names, toys) for names in (*((name,) for name in ALONE), TOGETHER)]
    rows = []
    for one in studies:
        fc, away = one["feldman_cousins"], abs(one["coverage"] - CL)
        label = " ".join(one["experiments"])
        rows.append(
            row(
                f"coverage of {100 * CL:g} % intervals of {OVER}, {label}",
                f"{100 * one['coverage']:.1f} +- {100 * one['coverage_error']:.1f} % by Wilks' theorem",
                f"{100 * CL:g} +- {100 * AIM:g} %", away / AIM,
                rival=f"Feldman-Cousins: {100 * fc['coverage']:.1f} +- {100 * fc['error']:.1f} %",
                bound=f"{toys} toys in {one['seconds']:.3g} s, {one['nuisances']} nuisances",
            )
        )  # fmt: skip
    return {"cl": CL, "over": OVER, "toys": toys, "studies": studies, "rows": rows}

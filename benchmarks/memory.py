"""The largest memory of a fit with many bins, as a whole process of the command line.

The region of CONUS+ is cut into equal bins: one and ten thousand with six nuisances, and twenty thousand with one
coupling and the norm. The rival is the same command with the measured bins: what the program takes before any bin is
added.
"""

from typing import Any

from benchmarks.common import even_bins, experiment_file, row
from benchmarks.process import measured

__all__ = ["run"]

GIGABYTE = 1e9
CASES = {
    "six nuisances": (1000, ("--systematics", "detailed"), 1.0),
    "six nuisances as well": (10_000, ("--systematics", "detailed"), 2.0),
    "one coupling": (20_000, ("--free", "sin2_theta_w"), 2.0),
}
"""The number of bins, options of `cevnsjax fit`, and the aim [GB]."""

SHARE = 20
"""A smoke test takes this part of the bins."""


def run(quick: bool) -> dict[str, Any]:
    """Return the peak memory and the seconds of each case."""
    cases, rows = {}, []
    for name, (number, options, aim) in CASES.items():
        bins = number // SHARE if quick else number
        own = measured(["fit", "conus_plus", *options], None)
        with experiment_file(even_bins(bins)) as path:
            many = measured(["fit", str(path), *options], None)
        peak, base = many.peak_bytes / GIGABYTE, own.peak_bytes / GIGABYTE
        cases[name] = {"bins": bins, "peak_bytes": many.peak_bytes, "measured_bins_peak_bytes": own.peak_bytes,
                       "seconds": many.seconds}  # fmt: skip
        rows.append(
            row(
                f"fit of {bins} bins, {name}", f"{peak:.2f} GB in {many.seconds:.0f} s", f"{aim:g} GB", peak / aim,
                f"the measured bins: {base:.2f} GB", peak / base, f"{base:.2f} GB are imports and programs",
            )
        )  # fmt: skip
    return {"cases": cases, "rows": rows}

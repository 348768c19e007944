"""What the systematics are worth: limits with each set of them, and against the quenching."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cevnsjax import plotting, results
from cevnsjax.parameters import QUENCHING_K
from cevnsjax.reproduce.assumptions import DEFAULT
from cevnsjax.reproduce.limits import CL
from cevnsjax.statistics import Likelihood, fit

__all__ = ["STEPS", "make"]

SETS = ("default", "detailed")

CASES = (("sm", "all", "sin2_theta_w"), ("magnetic_moment", "cevns", "mu_nu_e"))
"""Model, channel and parameter: what interferes, and what only adds."""

QUENCHING = np.linspace(0.130, 0.200, 15)
MEASURED = (0.158, 0.166)
"""Values of k, and the collaboration's interval, 0.162 +- 0.004."""

STEPS = len(CASES)


def make(folder: Path, advance: Callable[[str], None], overlays: Sequence[plotting.Overlay]) -> dict[str, Any]:
    """Write limits against k, each k taken as exact, and return those with each set of systematics."""
    rows, curves = [], []
    for name, channel, parameter in CASES:
        advance(f"systematics: {name}")
        experiment = DEFAULT.experiment()
        for chosen in SETS:
            likelihood = Likelihood(experiment, model=name, channel=channel, systematics=chosen)
            found = fit(likelihood, free=[parameter], cl=CL)
            best = found.best_fit[parameter]
            intervals = [list(piece) for piece in found.intervals[parameter]]
            row = {"systematics": chosen, "quantity": parameter, "channel": channel}
            rows.append(row | {"best": best, "intervals": intervals})
        plain = Likelihood(experiment, model=name, channel=channel)
        ends = np.array([_ends(plain, parameter, k) for k in QUENCHING])
        curve = results.bands_dataset(plain, parameter, QUENCHING_K, QUENCHING, ends, CL)
        results.write_netcdf(folder / f"quenching_{parameter}.nc", curve)
        curves.append((plain.parameters[parameter], curve))
    figure = plotting.bands_figure(curves, QUENCHING_K, (*MEASURED, r"measured $k$"))
    plotting.save(figure, folder / "quenching")
    return {"systematics": rows}


def _ends(likelihood: Likelihood, parameter: str, k: float) -> tuple[float, float, float]:
    """Return the best fit and the outermost ends of what is allowed at one k; an open end is the parameter's bound."""
    found = fit(likelihood, free=[parameter], values={QUENCHING_K.name: float(k)}, cl=CL)
    pieces, bounds = found.intervals[parameter], likelihood.parameters[parameter].bounds
    low, high = pieces[0][0], pieces[-1][1]
    return found.best_fit[parameter], bounds[0] if low is None else low, bounds[1] if high is None else high

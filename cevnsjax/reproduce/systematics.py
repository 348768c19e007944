"""What the systematics of CONUS+ are worth: limits with each set of them, and against the quenching."""

from typing import Any

import numpy as np

from cevnsjax.figures import bands_figure
from cevnsjax.inference import fit
from cevnsjax.likelihood import Likelihood
from cevnsjax.parameters import QUENCHING_K
from cevnsjax.reproduce.assumptions import DEFAULT
from cevnsjax.reproduce.limits import CL
from cevnsjax.reproduce.markdown import at_cl
from cevnsjax.reproduce.projections import measured_k
from cevnsjax.reproduce.published import published_limits
from cevnsjax.reproduce.study import Results, Step
from cevnsjax.reproduce.workspace import Workspace
from cevnsjax.results import bands_dataset

__all__ = ["systematics", "systematics_steps"]

SETS = ("default", "detailed")

CASES = (("sm", "all", "sin2_theta_w"), ("magnetic_moment", "cevns", "mu_nu_e"))
"""Model, channel and parameter: one that interferes, and one that only adds."""

QUENCHING = np.linspace(0.130, 0.200, 29)
"""Values of k."""


def systematics_steps() -> tuple[Step, ...]:
    """Return the one step."""
    return (Step("systematics", "systematics, and limits against the quenching", _compared),)


def systematics(results: Results) -> dict[str, Any]:
    """Return limits with each set of systematics."""
    return {"systematics": results["systematics"]}


def _compared(work: Workspace) -> list[dict[str, Any]]:
    """Draw limits against k, each k taken as exact, and return those with each set of systematics."""
    rows, curves = [], []
    experiment = DEFAULT.experiment()
    for name, channel, parameter in CASES:
        for chosen in SETS:
            result = fit(Likelihood(experiment, model=name, channel=channel, systematics=chosen), [parameter], cl=CL)
            row = {"systematics": chosen, "quantity": parameter, "channel": channel}
            intervals = [list(piece) for piece in result.intervals[parameter]]
            rows.append(row | {"best": result.best_fit[parameter], "intervals": intervals})
        plain = Likelihood(experiment, model=name, channel=channel)
        ends = np.array([_ends(plain, parameter, k) for k in QUENCHING])
        curve = bands_dataset(plain, parameter, QUENCHING_K, QUENCHING, ends, CL)
        work.curve(f"quenching_{parameter}", curve)
        quoted = published_limits().get((parameter, "conus_plus CEvNS alone"))
        limit = None if quoted is None else (measured_k(), float(quoted["high"]), f"arXiv:2501.12441, {at_cl(CL)}")
        curves.append((plain.parameters[parameter], curve, limit))
    (k,) = (n for n in experiment.nuisances["detailed"] if n.name == QUENCHING_K.name)
    assert k.sigma is not None
    measured = k.centre - k.sigma, k.centre + k.sigma, r"measured $k$, 1$\sigma$"
    work.figure("quenching", bands_figure(curves, QUENCHING_K, measured), plain)
    return rows


def _ends(likelihood: Likelihood, parameter: str, k: float) -> tuple[float, float, float]:
    """Return the best fit and the outermost ends of what is allowed at one k; an open end is the parameter's bound."""
    result = fit(likelihood, free=[parameter], values={QUENCHING_K.name: float(k)}, cl=CL)
    pieces, bounds = result.intervals[parameter], likelihood.parameters[parameter].bounds
    low, high = pieces[0][0], pieces[-1][1]
    return result.best_fit[parameter], bounds[0] if low is None else low, bounds[1] if high is None else high

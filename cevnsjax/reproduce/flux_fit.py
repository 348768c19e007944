"""The antineutrino flux in bins of energy by a fit: a free template for each bin, and expected (Asimov) data.

The data are the counts that the templates sum to. Second differences of chi^2, all nuisances minimised, give the
covariance, and chi^2 at the ends of the errors tells how far they are Gaussian.
"""

import dataclasses
import itertools
from collections.abc import Sequence

import numpy as np
from jaxtyping import Float

from cevnsjax.experiments import Experiment
from cevnsjax.experiments.effects import Nuisance
from cevnsjax.experiments.samples import Sample
from cevnsjax.likelihood import Likelihood
from cevnsjax.parameters import ENERGY_SHIFT, NORM, Parameter
from cevnsjax.reproduce.flux_information import DETECTOR, flux_templates

__all__ = ["chi2_at_ends", "fitted_covariance", "with_free_bins"]

DIFFERENCE = 0.01
"""Step of the second differences of chi^2, in units of the errors: small enough that chi^2 is a parabola."""


def with_free_bins(run: Experiment, edges: Sequence[float]) -> tuple[Experiment, list[str]]:
    """Return a run with a template in place of the signal for each flux bin, and the names of their free factors.

    The energy scale morphs the templates; all other nuisances are those of the run, but that of the flux. The signal
    itself has to be held at a norm of zero.
    """
    nuisances = {n.name: n for n in run.nuisances["default"]}
    shift = nuisances[ENERGY_SHIFT.name]
    assert shift.sigma is not None
    central, up, down = (flux_templates(run, edges, x) for x in (0.0, shift.sigma, -shift.sigma))
    names = [f"flux_{number}" for number in range(1, len(edges))]
    samples = [
        Sample(
            name, ("table",), {"factor": 1.0}, table, {ENERGY_SHIFT.name: (high, low)}
        )
        for name, table, high, low in zip(names, central, up, down, strict=True)
    ]  # fmt: skip
    chosen = [
        Nuisance(
            # No physical limit: an error near one would be cut at a flux of zero.
            Parameter(name, 1.0, 0.3, (-10.0, 12.0), description=f"flux at {low:g} to {high:g} MeV, relative"),
            free=True, scale=(name,),
        )
        for name, low, high in zip(names, edges[:-1], edges[1:], strict=True)
    ]  # fmt: skip
    chosen.append(dataclasses.replace(nuisances[DETECTOR], scale=tuple(names)))
    chosen.append(dataclasses.replace(shift, key=None, morph=tuple(names)))
    chosen += [n for n in nuisances.values() if n.free or n.name == NORM.name]
    free = dataclasses.replace(run, samples=(*run.samples, *samples), nuisances={"default": tuple(chosen)})
    return dataclasses.replace(free, observed=None), names


def fitted_covariance(likelihood: Likelihood, names: Sequence[str], errors: Float[np.ndarray, " bins"]) -> np.ndarray:
    """Return the covariance of a fit to Asimov data: twice the inverse Hessian of chi^2, all nuisances minimised.

    The Hessian is made of second differences, in steps of DIFFERENCE errors.
    """
    steps = DIFFERENCE * np.asarray(errors)

    def chi2(move: np.ndarray) -> float:
        return float(likelihood.chi2({NORM.name: 0.0} | dict(zip(names, 1.0 + move * steps, strict=True))))

    units = np.eye(len(names))
    hessian = np.empty((len(names), len(names)))
    for i, j in itertools.combinations_with_replacement(range(len(names)), 2):
        # At the truth chi^2 and its slope are zero.
        same, opposite = (np.mean([chi2(s * (units[i] + sign * units[j])) for s in (1, -1)]) for sign in (1, -1))
        hessian[i, j] = hessian[j, i] = (same - opposite) / (2 * steps[i] * steps[j])
    return 2 * np.linalg.inv(hessian)


def chi2_at_ends(likelihood: Likelihood, names: Sequence[str], errors: Float[np.ndarray, " bins"]) -> list[list[float]]:
    """Return chi^2 of the fit with each bin one error below and above the truth: one each, if errors are Gaussian.

    The other bins and all nuisances are minimised; the least chi^2 is zero, at the truth.
    """
    return [
        [float(likelihood.chi2({NORM.name: 0.0, name: 1.0 + sign * error})) for sign in (-1, 1)]
        for name, error in zip(names, errors, strict=True)
    ]

"""What is asked of a posterior: which parameters are drawn, under which priors, and the density that follows."""

import dataclasses
from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from jaxtyping import Float

from cevnsjax.arguments import choice, dict_of
from cevnsjax.errors import InputError, shown
from cevnsjax.inference.fit import STARTS, search_of
from cevnsjax.inference.search import PolynomialSearch, checked, free_or_default
from cevnsjax.inference.starts import starting_points, typical_steps
from cevnsjax.likelihood import Likelihood
from cevnsjax.parameters import Parameter
from cevnsjax.sampling.density import Density, PolynomialDensity, general_density
from cevnsjax.sampling.priors import Prior, default_prior

__all__ = ["Request", "density_of", "request_of"]


class Request(NamedTuple):
    """The parameters that are drawn, the values that are fixed, and the priors that were given, by name."""

    parameters: tuple[Parameter, ...]
    values: dict[str, float]
    priors: dict[str, Prior]

    @property
    def names(self) -> list[str]:
        """The names of all that is drawn."""
        return [p.name for p in self.parameters]


def request_of(
    likelihood: Likelihood,
    free: Sequence[str] | None,
    values: Mapping[str, float] | None,
    priors: Mapping[str, Prior] | None,
) -> Request:
    """Return what is drawn: the free parameters, and nuisances that have no closed integral.

    `free` is by default the model's own choice. Raises `InputError` for impossible names, values and priors.
    """
    names, given = free_or_default(likelihood, free, values)
    drawn = _drawn(likelihood, names, given)
    parameters, fixed = checked(likelihood, drawn, given)
    priors = dict_of(priors, "priors")
    for name, prior in priors.items():
        choice(name, "free parameter", drawn)
        if not isinstance(prior, Prior):
            raise InputError(f"{name} = {shown(prior)} is no Prior; give cevnsjax.Prior('flat', (0, 1)) for instance")
        if any(n.name == name and n.searched and n.sigma is not None for n in likelihood.nuisances):
            raise InputError(f"'{name}' has its constraint in the experiment's description, and no other prior")
        _check_prior(likelihood.parameters[name], prior)
    return Request(parameters, fixed, priors)


def _drawn(likelihood: Likelihood, names: list[str], given: Mapping[str, float]) -> list[str]:
    """Return all that is drawn: the free parameters, and nuisances that have no closed integral."""
    closed = {
        n.name for n in likelihood.nuisances if n.closed and likelihood.experiments[n.members[0][0]].term == "gaussian"
    }
    rest = [n for n in likelihood.searched if n not in names and n not in given and n not in closed]
    return [*names, *rest]


def _check_prior(parameter: Parameter, prior: Prior) -> None:
    """Raise `InputError` for a prior that leaves nothing within the parameter's bounds."""
    low, high = parameter.bounds
    if prior.kind in ("flat", "log_uniform") and not (prior.numbers[0] < high and prior.numbers[1] > low):
        raise InputError(
            f"the prior '{prior}' lies outside the bounds of {parameter.name}, {low:g} to {high:g}; choose other ends"
        )


def density_of(
    likelihood: Likelihood,
    parameters: tuple[Parameter, ...],
    fixed: Mapping[str, float],
    priors: dict[str, Prior],
) -> tuple[Density, Float[np.ndarray, " drawn"], Float[np.ndarray, "starts drawn"]]:
    """Return the density, a step of each parameter, and values at minima of chi^2.

    `priors` is filled up with the defaults: parameters that are no searched nuisance have one.
    """
    own = {n.name for n in likelihood.nuisances if n.searched}
    general = not likelihood.model.quadratic_in([p.name for p in parameters])
    search = search_of(likelihood, parameters, fixed) if general else _search(likelihood, parameters, fixed)
    varied = [p for p in parameters if search.moves(p.name)]
    found = dict(zip((p.name for p in varied), typical_steps(search, varied), strict=True))
    steps = {p.name: float(found.get(p.name, p.scale)) for p in parameters}
    for p in parameters:
        if p.name not in own:
            priors.setdefault(p.name, default_prior(p, steps[p.name]))
    begin = starting_points(search, varied, np.array([steps[p.name] for p in varied]), STARTS)
    minima = search.minima(begin)
    values = np.stack([search.value(p.name, minima.place[:, search.place(p.name)]) for p in parameters], axis=1)
    finite = values[np.isfinite(minima.value)]
    if general:
        density: Density = general_density(likelihood, parameters, fixed, priors, steps)
    else:
        assert isinstance(search, PolynomialSearch)
        density = PolynomialDensity.of(search, parameters, priors, steps)
    return density, np.array([steps[p.name] for p in parameters]), finite


def _search(likelihood: Likelihood, parameters: tuple[Parameter, ...], fixed: Mapping[str, float]) -> PolynomialSearch:
    """Return a search in which closed factors are integrated, not minimised."""
    search = PolynomialSearch(likelihood, parameters, fixed)
    kernel = dataclasses.replace(search.view.kernel, integrated=np.float64(1.0))
    search.view = dataclasses.replace(search.view, kernel=kernel)
    return search

"""Whether experiments agree: the parameter goodness of fit of M. Maltoni and T. Schwetz."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from scipy.special import chdtrc

from cevnsjax.errors import InputError
from cevnsjax.inference.fit import Fitted, search_of
from cevnsjax.inference.rank import determined
from cevnsjax.inference.search import checked, free_or_default
from cevnsjax.likelihood import Given, Likelihood, likelihood_of

__all__ = ["Consistency", "consistency"]


@dataclasses.dataclass(frozen=True)
class Consistency:
    """How much worse a joint fit is than fits of the experiments by themselves.

    `chi2` is the least chi-squared of the joint fit, `chi2_joint`, less the sum of those of all `parts`, and `dof` the
    number of parameters that the parts feel, added, less that of the joint fit. `p_value` is the probability that
    chi-squared with `dof` degrees of freedom is no smaller. `best_fit` is that of the joint fit. Each of `parts` is a
    dict with `experiment`, `chi2_min`, `best_fit` of its free parameters, and `parameters`, how many it feels. `shared`
    are constrained nuisances that several parts have: the constraint counts once in the joint fit, and once in each
    part. `messages` are sentences that a reader must know.
    """

    chi2: float
    dof: int
    p_value: float
    chi2_joint: float
    best_fit: dict[str, float]
    parts: list[dict[str, Any]]
    shared: list[str]
    messages: list[str] = dataclasses.field(default_factory=list)


def consistency(
    likelihood: Given,
    free: Sequence[str] | None = None,
    values: Mapping[str, float] | None = None,
    advance: Callable[[int, int], None] | None = None,
) -> Consistency:
    """Return whether the experiments of a joint likelihood agree on its free parameters.

    The test is the parameter goodness of fit of M. Maltoni and T. Schwetz, Phys. Rev. D 68, 033020 (2003),
    hep-ph/0304176. The runs of an experiment are one part. A part feels as many parameters as its data can tell apart:
    free parameters and unconstrained nuisances, less combinations on which nothing depends.

    Args:
        likelihood: a `Likelihood` of at least two experiments, or a list of them, under the Standard Model.
        free: names of parameters of the joint likelihood that vary; by default the model's own choice less `values`.
        values: parameters that are fixed, by name.
        advance: called as `advance(done, all)` after each fit.

    Raises:
        InputError: for fewer than two experiments, impossible names and values, and where no parameter is felt by two
            of them.

    Examples:
        >>> result = cevnsjax.consistency(["conus_plus", "coherent_ge"], ["sin2_theta_w"])
        >>> result.dof, round(result.chi2, 2), round(result.p_value, 2)
        (1, 0.09, 0.76)
    """
    likelihood = likelihood_of(likelihood)
    names, given = free_or_default(likelihood, free, values)
    checked(likelihood, names, given)
    experiments = list(dict.fromkeys(e.name for e in likelihood.experiments))
    if len(experiments) < 2:
        raise InputError(f"the data of {experiments[0]} alone are given; give at least two experiments")
    if likelihood.pull != "profiled":
        raise InputError("consistency needs nuisances that are minimised; make the likelihood with pull='profiled'")
    members = [[i for i, e in enumerate(likelihood.experiments) if e.name == name] for name in experiments]
    fits: list[Fitted] = []
    for indices in [list(range(len(likelihood.experiments))), *members]:
        part = _part(likelihood, indices) if fits else likelihood
        here = _names(likelihood, part, indices)
        fixed = {here[name]: value for name, value in given.items() if name in here}
        fits.append(_fitted(part, [here[name] for name in names if name in here], fixed))
        if advance is not None:
            advance(len(fits), 1 + len(members))
    joint, *parts = fits
    felt = [determined(fitted) for fitted in fits]
    dof = sum(felt[1:]) - felt[0]
    if dof < 1:
        raise InputError(f"no two of {', '.join(experiments)} feel the same of {', '.join(names)}: nothing to compare")
    chi2 = joint.chi2_min - sum(fitted.chi2_min for fitted in parts)
    shared = [
        n.name
        for n in likelihood.nuisances
        if n.sigma is not None and n.name not in given and sum(any(n.of(i) for i in indices) for indices in members) > 1
    ]
    messages = joint.messages()
    if shared:
        messages.append(
            f"{', '.join(shared)}: shared, with the constraint in each part and once in the joint fit; the number of "
            "degrees of freedom is exact for data without shared constraints"
        )
    rows = [
        {"experiment": name, "chi2_min": fitted.chi2_min, "best_fit": _best(fitted), "parameters": number}
        for name, fitted, number in zip(experiments, parts, felt[1:], strict=True)
    ]
    p_value = float(chdtrc(dof, max(chi2, 0.0)))
    return Consistency(chi2, dof, p_value, joint.chi2_min, _best(joint), rows, shared, messages)


def _part(likelihood: Likelihood, indices: Sequence[int]) -> Likelihood:
    """Return the likelihood of some of the runs."""
    return Likelihood(
        *(likelihood.experiments[i] for i in indices), model=likelihood.model, channel=likelihood.channel,
        pull=likelihood.pull, systematics=likelihood.systematics,
    )  # fmt: skip


def _names(joint: Likelihood, part: Likelihood, indices: Sequence[int]) -> dict[str, str]:
    """Return the name in a part of each parameter that the part has: alone `norm_conus_plus` is `norm`."""
    names = {p.name: p.name for p in joint.model.parameters}
    for whole in joint.nuisances:
        for here in part.nuisances:
            if any(here.of(k) is not None and here.of(k) is whole.of(i) for k, i in enumerate(indices)):
                names[whole.name] = here.name
    return names


def _fitted(likelihood: Likelihood, free: Sequence[str], values: Mapping[str, float]) -> Fitted:
    parameters, fixed = checked(likelihood, free, values, least=0)
    return Fitted(search_of(likelihood, parameters, fixed))


def _best(fitted: Fitted) -> dict[str, float]:
    free = {p.name for p in fitted.search.free}
    return {name: value for name, value in fitted.best_fit().items() if name in free}

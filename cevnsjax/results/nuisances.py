"""Nuisances as a table: what each is, whose it is, how it is constrained, and what a fit made of it."""

from collections.abc import Mapping
from typing import Any

from cevnsjax.errors import InputError, shown
from cevnsjax.experiments import SIGNAL
from cevnsjax.inference import FitResult, describe_nuisance
from cevnsjax.likelihood import Given, JointNuisance, Likelihood, likelihood_of

__all__ = ["nuisance_table"]


def nuisance_table(likelihood: Given, fit: FitResult | None = None) -> list[dict[str, Any]]:
    """Return one row for each nuisance of a likelihood.

    Args:
        likelihood: the likelihood, or names or paths of experiments.
        fit: a fit of the same likelihood, if there is one.

    Returns:
        Dicts with these keys.

        - `name`: its name here, as `--set` and `--free` take it;
        - `shared_by`: the experiments and runs that have it, `conus:C1R1` for instance;
        - `centre`, `width`, `unit`: its constraint. The width is "free" where nothing constrains it and a fit minimises
          over it, and "held" where it stays at its centre until it is given or freed;
        - `effect`: its effect on the counts;
        - `description`: a sentence of the file, or an empty text.

        With a fit, each nuisance that it minimised also has `value`, `error` (None where the data say nothing), and
        `pull`: the distance from the centre in units of the width, None where there is no constraint.

    Raises:
        InputError: for what is no likelihood, and for a `fit` that is none.

    Examples:
        >>> table = cevnsjax.nuisance_table(cevnsjax.Likelihood("conus_plus"))
        >>> [(row["name"], row["width"], row["effect"]) for row in table if row["width"] != "held"]
        [('norm', 0.2, 'factor on the signal')]
    """
    likelihood = likelihood_of(likelihood)
    if fit is not None and not isinstance(fit, FitResult):
        raise InputError(f"{shown(fit)} is no fit; give the result of cevnsjax.fit for the same likelihood")
    fitted = {} if fit is None else {row["name"]: row for row in fit.nuisances}
    return [_row(likelihood, nuisance, fitted.get(nuisance.name)) for nuisance in likelihood.nuisances]


def _row(likelihood: Likelihood, nuisance: JointNuisance, fitted: Mapping[str, Any] | None) -> dict[str, Any]:
    known = describe_nuisance(likelihood, nuisance)
    row = {
        "name": known["name"],
        "shared_by": known["experiments"],
        "centre": known["centre"],
        "width": known["state"] if known["width"] is None else known["width"],
        "unit": known["unit"],
        "effect": _effect(nuisance),
        "description": known["description"],
    }
    return row if fitted is None else row | {key: fitted[key] for key in ("value", "error", "pull")}


def _effect(nuisance: JointNuisance) -> str:
    """Return what a nuisance does in words; it does the same in all experiments, to the samples that they have."""
    members = [member for _, member in nuisance.members]
    scaled, morphed = (dict.fromkeys(s for m in members for s in getattr(m, kind)) for kind in ("scale", "morph"))
    keys = dict.fromkeys(member.key for member in members if member.key is not None)
    if scaled:
        names = ", ".join("the signal" if name == SIGNAL else f"'{name}'" for name in scaled)
        return f"factor on {names}"
    effects = {"moves": keys, "morphs": morphed}
    return ", ".join(f"{verb} {', '.join(names)}" for verb, names in effects.items() if names)

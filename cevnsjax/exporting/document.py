"""The verb `export`: a likelihood as a document that JSON can hold, in one of several formats."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cevnsjax.arguments import choice, dict_of, list_of_names
from cevnsjax.exporting.hs3 import hs3
from cevnsjax.exporting.polynomial import polynomial_likelihood
from cevnsjax.exporting.workspace import workspace
from cevnsjax.likelihood import Given, Likelihood, likelihood_of
from cevnsjax.parameters import canonical

__all__ = ["FORMATS", "export"]

Values = Mapping[str, float]

FORMATS: dict[str, Callable[[Likelihood, Values, Sequence[str] | None], dict[str, Any]]] = {
    "json": polynomial_likelihood,
    "pyhf": workspace,
    "hs3": hs3,
}
"""The formats of documents by name; docs/export.md describes them."""


def export(
    likelihood: Given, to: str = "json", values: Values | None = None, free: Sequence[str] | None = None
) -> dict[str, Any]:
    """Return a likelihood as a document of dicts, lists, texts and numbers, which JSON can hold.

    Args:
        likelihood: the likelihood, or names or paths of experiments.
        to: "json" for the likelihood as a polynomial in the couplings and the nuisances, "hs3" for the same by the HEP
            Statistics Serialization Standard, or "pyhf" for a workspace of HistFactory with the strength of the signal,
            `mu`.
        values: parameters that are fixed, by name.
        free: not for "pyhf": the couplings that stay variables, by default the model's own choice, and held nuisances
            that become variables.

    Raises:
        InputError: for an unknown format or parameter, for a parameter in which counts are no polynomial, and for a
            likelihood that HistFactory or HS3 cannot express exactly.

    Examples:
        >>> import json
        >>> document = cevnsjax.export(cevnsjax.Likelihood("conus_plus"))
        >>> sorted(document)[:4], len(json.dumps(document)) > 1000
        (['channel', 'checks', 'couplings', 'experiments'], True)
    """
    likelihood = likelihood_of(likelihood)
    choice(to, "format", FORMATS)
    numbers = {name: float(value) for name, value in canonical(dict_of(values), likelihood.parameters).items()}
    return FORMATS[to](likelihood, numbers, None if free is None else list_of_names(free))

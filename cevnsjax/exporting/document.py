"""The verb `export`: a likelihood as a document that JSON can hold, in one of several formats."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from cevnsjax.arguments import choice, dict_of, list_of_names
from cevnsjax.exporting.polynomial import polynomial_likelihood
from cevnsjax.exporting.workspace import workspace
from cevnsjax.likelihood import Given, Likelihood, likelihood_of
from cevnsjax.parameters import canonical

__all__ = ["FORMATS", "export"]

Values = Mapping[str, float]

FORMATS: dict[str, Callable[[Likelihood, Values, Sequence[str] | None], dict[str, Any]]] = {
    "json": polynomial_likelihood,
    "pyhf": workspace,
}
"""The formats of documents by name; docs/export.md describes them."""


def export(
    likelihood: Given, to: str = "json", values: Values | None = None, free: Sequence[str] | None = None
) -> dict[str, Any]:
    """Return a likelihood as a document of dicts, lists, texts and numbers.

    `to` is "json" for the likelihood as a polynomial in the couplings and the nuisances, or "pyhf" for a workspace of
    HistFactory with the strength of the signal, `mu`. `values` are parameters that are fixed. `free`, for "json" only,
    are the couplings that stay variables, by default the model's own choice, and held nuisances that become variables.

    Raises `InputError` for an unknown format or parameter, for a parameter in which counts are no polynomial, and for a
    likelihood that HistFactory cannot express exactly.

    Example: `json.dump(cevnsjax.export(cevnsjax.Likelihood("coherent_csi")), file)`.
    """
    likelihood = likelihood_of(likelihood)
    choice(to, "format", FORMATS)
    numbers = {name: float(value) for name, value in canonical(dict_of(values), likelihood.parameters).items()}
    return FORMATS[to](likelihood, numbers, None if free is None else list_of_names(free))

"""What commands do with their inputs: likelihoods, values, targets, and the answer of a verb with its provenance."""

import contextlib
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from cevnsjax.cli.app import command_line
from cevnsjax.cli.surroundings import prepare
from cevnsjax.errors import InputError, unknown_name
from cevnsjax.likelihood import Likelihood
from cevnsjax.parameters import check_value
from cevnsjax.provenance import answer, provenance_of
from cevnsjax.results import check_figure, check_target

if TYPE_CHECKING:
    from cevnsjax.experiments import Experiment

__all__ = ["answered", "check_targets", "fixed_values", "free_names", "likelihood_of", "names_of"]


def check_targets(*, out: Path | None = None, figure: Path | None = None) -> None:
    """Raise `InputError` before any work where a file cannot be written, or two are the same."""
    targets = [] if out is None else [check_target(out)]
    targets += [] if figure is None else [check_figure(figure)]
    if len(set(targets)) < len(targets):
        raise InputError(f"'{out}' given for the result and for the figure; give two names")


def likelihood_of(exps: "Sequence[str | Experiment]", model: str, channel: str, systematics: str) -> Likelihood:
    """Return the likelihood of experiments, once the surroundings are ready for it."""
    prepare()
    return Likelihood(*exps, model=model, channel=channel, systematics=systematics)


def fixed_values(likelihood: Likelihood, assignments: Sequence[str] | None) -> dict[str, float]:
    """Return the parameters that `--set` fixes, checked against the likelihood's own."""
    values: dict[str, float] = {}
    for assignment in assignments or ():
        name, equals, text = assignment.partition("=")
        number = None
        with contextlib.suppress(ValueError):
            number = float(text)
        if not (name and equals) or number is None:
            raise InputError(f"--set {assignment!r} is not an assignment: give name=number, such as sin2_theta_w=0.25")
        if name not in likelihood.parameters:
            raise unknown_name("parameter", name, likelihood.parameters)
        if name in values:
            raise InputError(f"--set {name} given twice, {values[name]:g} and {number:g}; give it once")
        values[name] = check_value(likelihood.parameters[name], number)
    return values


def names_of(text: str | None) -> list[str] | None:
    """Return the names of a list with commas, None where it was not given."""
    return None if text is None else [name.strip() for name in text.split(",") if name.strip()]


def free_names(likelihood: Likelihood, free: str | None, values: Mapping[str, float]) -> list[str]:
    """Return the free parameters that were given, else the model's own choice less those that have a value."""
    names = names_of(free)
    return [name for name in likelihood.model.free if name not in values] if names is None else names


def answered(likelihood: Likelihood, verb: str, request: Mapping[str, Any], **watch: Any) -> tuple[Any, dict[str, Any]]:
    """Return the result of a verb of the package, and its provenance; notes on the data go to standard error."""
    result = answer(likelihood, verb, request, **watch)
    for note in likelihood.notes:  # only now: a wrong input ends in one line
        typer.echo(f"note: {note}", err=True)
    return result, provenance_of(likelihood, verb, command_line.get(None), **request)

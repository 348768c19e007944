"""The command that lists nuisance parameters."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from cevnsjax.cli.inputs import answered, fixed_values, free_names, likelihood_of
from cevnsjax.cli.options import Channel, Experiments, Free, Json, Model, Set, SystematicsSet
from cevnsjax.cli.output import print_json, progress, warn
from cevnsjax.results import nuisance_table

if TYPE_CHECKING:
    from cevnsjax.likelihood import Likelihood

__all__ = ["nuisances"]

AFTER_A_FIT = {"value": ".6g", "error": ".3g", "pull": "+.3f"}
"""The columns that a fit adds, and how their numbers are shown."""


def nuisances(
    exps: Experiments,
    model: Model = "sm",
    systematics: SystematicsSet = "default",
    fit: Annotated[bool, typer.Option("--fit", help="Fit first, and give values, errors and pulls, too.")] = False,
    free: Free = None,
    assignments: Set = None,
    channel: Channel = "all",
    as_json: Json = False,
) -> None:
    """List the nuisance parameters and their constraints.

    Each line gives the name, as `--set` and `--free` take it; the centre and the width of the constraint, in the
    parameter's unit; what it does to the counts; and the experiments and runs that share it. In place of a width `free`
    says that nothing constrains it and a fit minimises over it, `held` that it stays at its centre until it is set or
    freed. Where a combination declares that experiments share a nuisance, its reason follows the table. After `--fit`:
    value, error, and pull, the distance from the centre in units of the width.

    **Examples**

    - `cevnsjax nuisances conus_plus --systematics detailed`
    - `cevnsjax nuisances conus_plus conus dresden2 --fit`
    - `cevnsjax nuisances global_2026`
    """
    likelihood = likelihood_of(exps, model, channel, systematics)
    values = fixed_values(likelihood, assignments)
    request = {"free": free_names(likelihood, free, values), "values": values}
    result, provenance = None, None
    if fit:
        with progress("fitting"):
            result, provenance = answered(likelihood, "fit", request)
        for message in result.messages:
            warn(message)
    rows = nuisance_table(likelihood, result)
    if as_json:
        content: dict[str, Any] = {"experiments": list(likelihood.names), "systematics": systematics, "nuisances": rows}
        if result is not None:
            content |= {"best_fit": result.best_fit, "chi2_min": result.chi2_min}
        print_json(content, provenance, likelihood)
        return
    columns = [_cells(row, _sharers(row["shared_by"], likelihood), fitted=fit) for row in rows]
    heads = ["name", "centre", "width", *(AFTER_A_FIT if fit else ()), "unit", "effect", "shared by"]
    widths = [max(len(line[i]) for line in [heads, *columns]) for i in range(len(heads))]
    for line in [heads, *columns]:
        typer.echo("  ".join(text.ljust(width) for text, width in zip(line, widths, strict=True)).rstrip())
    for nuisance in likelihood.nuisances:
        sharers = [likelihood.experiments[i] for i, _ in nuisance.members]
        declared = nuisance.searched and all(e.identity.combination for e in sharers)
        if declared and len({e.name for e in sharers}) > 1:
            typer.echo(f"{nuisance.name} is shared: {nuisance.parameter.description}")


def _cells(row: dict[str, Any], sharers: str, fitted: bool) -> list[str]:
    """Return one line of the table."""
    width = row["width"] if isinstance(row["width"], str) else f"{row['width']:.5g}"
    after = [_number(row.get(key), form) for key, form in AFTER_A_FIT.items()] if fitted else []
    return [row["name"], f"{row['centre']:.6g}", width, *after, row["unit"], row["effect"], sharers]


def _sharers(labels: list[str], likelihood: "Likelihood") -> str:
    """Return experiments and runs as text, an experiment of which all runs are among them by its name alone."""
    shown = []
    for name in dict.fromkeys(e.name for e in likelihood.experiments):
        runs = [e.label for e in likelihood.experiments if e.name == name]
        here = [label for label in runs if label in labels]
        shown += [f"{name} (all {len(runs)} runs)"] if here == runs and len(runs) > 1 else here
    return ", ".join(shown)


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)

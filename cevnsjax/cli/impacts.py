"""The command that finds what drives a result."""

from typing import TYPE_CHECKING, Any

import typer

from cevnsjax.cli.inputs import answered, check_targets, fixed_values, likelihood_of, names_of
from cevnsjax.cli.options import (
    Channel,
    Experiments,
    Figure,
    Free,
    Json,
    Model,
    Out,
    Over,
    Scheduler,
    Set,
    SystematicsSet,
    Workers,
)
from cevnsjax.cli.output import print_json, progress, unit_of, warn
from cevnsjax.cli.work import spread_over
from cevnsjax.results import impacts_dataset, impacts_dict, write_figure, write_netcdf

if TYPE_CHECKING:
    from cevnsjax.inference import Impacts
    from cevnsjax.likelihood import Likelihood

__all__ = ["impacts"]

COLUMNS = {
    "pull": ("pull", "+.3f"),
    "error_up": ("error up", ".3g"),
    "error_down": ("down", ".3g"),
    "impact_up": ("impact up", "+.3g"),
    "impact_down": ("down", "+.3g"),
    "prefit_up": ("before up", "+.3g"),
    "prefit_down": ("down", "+.3g"),
    "contribution": ("part", "+.3g"),
    "held": ("held", ".3g"),
}
"""What is shown of each nuisance, the head of its column, and how its numbers are shown."""


def impacts(
    exps: Experiments,
    over: Over,
    model: Model = "sm",
    free: Free = None,
    assignments: Set = None,
    channel: Channel = "all",
    systematics: SystematicsSet = "default",
    out: Out = None,
    figure: Figure = None,
    scheduler: Scheduler = None,
    workers: Workers = None,
    as_json: Json = False,
) -> None:
    """Find what drives a result: impacts of nuisances.

    First the parameter `--over` with its error, where chi-squared has risen by one, and the parts of the error. A part
    is how far the best fit moves if the observations, or the centres of the constraints, move by one standard
    deviation. These parts add up in quadrature, also for correlated nuisances. Then the split by holding all nuisances
    at their best values.

    Then a line for each nuisance, the largest impact first: value, pull (the distance from the centre in units of the
    width), errors up and down; the impact, how far the parameter moves if the nuisance is held one error above or below
    its best value and all else is fitted again; the same for one width of the constraint (before the fit); the
    nuisance's part of the error; and what is lost of the error, in quadrature, if the nuisance is held.

    `--free` names the other free parameters: by default the model's own choice, and none where `--over` is a nuisance.

    **Examples**

    - `cevnsjax impacts conus_plus --systematics detailed --over sin2_theta_w --figure impacts.pdf`
    - `cevnsjax impacts coherent_csi coherent_lar --over norm_coherent_csi --out impacts.nc`
    """
    check_targets(out=out, figure=figure)
    likelihood = likelihood_of(exps, model, channel, systematics)
    values = fixed_values(likelihood, assignments)
    request = {"over": over, "free": names_of(free), "values": values}
    with spread_over(scheduler, workers) as spread, progress("fitting"):
        result, provenance = answered(likelihood, "impacts", request, spread=spread)
    for message in result.messages:
        warn(message)
    if out is not None or figure is not None:
        dataset = impacts_dataset(result, likelihood, provenance)
    if out is not None:
        write_netcdf(out, dataset)
    if figure is not None:
        from cevnsjax.figures import impacts_figure

        write_figure(figure, impacts_figure(dataset, likelihood.parameters[over]), likelihood.notes, provenance)
    if as_json:
        print_json(impacts_dict(result), provenance, likelihood)
        return
    _show(result, likelihood)


def _show(result: "Impacts", likelihood: "Likelihood") -> None:
    unit = unit_of(likelihood, result.parameter)
    ends = f"+{_number(result.error_up, '.3g')} -{_number(result.error_down, '.3g')}"
    typer.echo(f"{result.parameter} = {result.value:.6g} {ends}{unit}, chi2_min = {result.chi2_min:.6g}")
    own = "" if result.own_constraint is None else f" ({result.own_constraint:.3g} its own constraint)"
    typer.echo(
        f"error {result.error:.3g}: statistical {result.statistical:.3g}, systematic {result.systematic:.3g}{own}; in "
        f"quadrature {100 * result.closure:.2f} % of it"
    )
    typer.echo(f"nuisances held: statistical {result.statistical_held:.3g}, systematic {result.systematic_held:.3g}")
    lines = [["nuisance", "value", *(head for head, _ in COLUMNS.values())]]
    lines += [_cells(row) for row in result.nuisances]
    widths = [max(len(line[i]) for line in lines) for i in range(len(lines[0]))]
    for name, *numbers in lines:
        cells = (text.rjust(width) for text, width in zip(numbers, widths[1:], strict=True))
        typer.echo("  ".join([name.ljust(widths[0]), *cells]))


def _cells(row: dict[str, Any]) -> list[str]:
    return [row["name"], f"{row['value']:.5g}", *(_number(row[key], form) for key, (_, form) in COLUMNS.items())]


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)

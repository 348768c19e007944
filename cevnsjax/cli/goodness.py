"""The command that tests whether a model describes the data."""

from typing import Annotated

import typer

from cevnsjax.cli.inputs import answered, fixed_values, free_names, likelihood_of
from cevnsjax.cli.options import (
    Channel,
    Experiments,
    Free,
    Json,
    Model,
    Scheduler,
    Seed,
    Set,
    SystematicsSet,
    Workers,
)
from cevnsjax.cli.output import assigned, print_json, progress, warn
from cevnsjax.cli.work import spread_over
from cevnsjax.results import goodness_dict

__all__ = ["goodness_of_fit"]


def goodness_of_fit(
    exps: Experiments,
    model: Model = "sm",
    free: Free = None,
    toys: Annotated[int, typer.Option("--toys", metavar="N", help="The number of toys.")] = 1000,
    seed: Seed = 0,
    assignments: Set = None,
    channel: Channel = "all",
    systematics: SystematicsSet = "default",
    scheduler: Scheduler = None,
    workers: Workers = None,
    as_json: Json = False,
) -> None:
    """Test by toys whether the model describes the data.

    The least chi-squared of the data, and how probable a larger one is: the share of toys, drawn at the best fit and
    fitted as the data are, whose least chi-squared is no smaller. Beside it stands the probability of chi-squared with
    as many degrees of freedom, which holds where there are many counts in each cell. With `--free ""`, or where `--set`
    fixes all that would be free, no parameter is fitted but the nuisances.

    **Examples**

    - `cevnsjax goodness-of-fit conus_plus`
    - `cevnsjax goodness-of-fit coherent_csi coherent_lar --set sin2_theta_w=0.23857 --toys 2000 --seed 1`
    """
    likelihood = likelihood_of(exps, model, channel, systematics)
    values = fixed_values(likelihood, assignments)
    request = {"values": values, "free": free_names(likelihood, free, values), "toys": toys, "seed": seed}
    with spread_over(scheduler, workers) as spread, progress("making toys") as advance:
        result, provenance = answered(likelihood, "goodness_of_fit", request, spread=spread, advance=advance)
    for message in result.messages:
        warn(message)
    if as_json:
        print_json(goodness_dict(result), provenance, likelihood)
        return
    typer.echo(f"chi2_min = {result.chi2_min:.6g} with {result.cells} bins, {result.dof} degrees of freedom")
    by_toys = f"{result.p_value:.3g} +- {result.p_error:.1g}"
    if result.p_upper is not None:
        by_toys = f"below {result.p_upper:.2g} (95 % CL), as none is above,"
    typer.echo(f"p-value {by_toys} by {result.toys} toys, {result.p_asymptotic:.3g} by the asymptotic formula")
    typer.echo(f"best fit: {assigned(result.best_fit) or 'nothing is free'}")

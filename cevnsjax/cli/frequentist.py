"""The commands that make toys: Feldman and Cousins' intervals, and the significance of a signal."""

import contextlib
import dataclasses
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from cevnsjax import results
from cevnsjax.cli.app import app
from cevnsjax.cli.options import (
    Channel,
    Experiment,
    Experiments,
    Json,
    Level,
    Model,
    Set,
    SystematicsSet,
    bar,
    check_folder,
    fixed_values,
    likelihood_of,
    print_json,
    status,
)
from cevnsjax.statistics import feldman_cousins
from cevnsjax.statistics import significance as of_signal

Toys = Annotated[int, typer.Option("--toys", metavar="N", help="How many toys, at each point of a grid.")]
Seed = Annotated[int, typer.Option("--seed", metavar="N", help="Of the random numbers.")]


@app.command(name="feldman-cousins")
def feldman_cousins_command(
    exps: Experiments,
    x: Annotated[tuple[str, float, float, int], typer.Option("--x", metavar="NAME LO HI N", help="The parameter.")],
    y: Annotated[
        tuple[str, float, float, int] | None, typer.Option("--y", metavar="NAME LO HI N", help="A second one.")
    ] = None,
    model: Model = "sm",
    toys: Toys = 1000,
    seed: Seed = 0,
    cl: Level = 0.90,
    assignments: Set = None,
    channel: Channel = "all",
    systematics: SystematicsSet = "default",
    scheduler: Annotated[
        str | None,
        typer.Option("--scheduler", metavar="ADDRESS", help="Spread the work over the Dask cluster at this address."),
    ] = None,
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE.nc", help="Write all as NetCDF, too.")] = None,
    as_json: Json = False,
) -> None:
    """Find what the data allow on a grid, with critical values from toys at each of its points.

    Where chi-squared above its minimum exceeds the critical value a point is excluded. Nuisances are minimised, for
    each toy anew. The result depends on the seed, and not on how many processes or machines share the work.
    """
    check_folder(out)
    likelihood = likelihood_of(exps, model, channel, systematics)
    values = fixed_values(likelihood, assignments)
    with contextlib.ExitStack() as stack:
        spread = None
        if scheduler is not None:
            from cevnsjax.cluster import dask_cluster

            spread = stack.enter_context(dask_cluster(scheduler))
        advance = stack.enter_context(bar("making toys"))
        found = feldman_cousins(likelihood, x, y, values, toys, cl, seed, spread, advance)
    if out is not None:
        results.write_netcdf(out, results.toys_dataset(found, likelihood))
    if as_json:
        print_json(results.toys_dict(found), likelihood)
        return
    grid = np.stack([column.ravel() for column in np.meshgrid(*(axis.values for axis in found.axes))], axis=1)
    names = " ".join(f"{axis.parameter.name:>14}" for axis in found.axes)
    typer.echo(f"{names} {'delta_chi2':>12} {'critical':>10}  {cl:.4g} CL, {toys} toys a point")
    columns = found.delta_chi2.ravel(), found.critical.ravel(), found.accepted.ravel()
    for point, delta, critical, accepted in zip(grid, *columns, strict=True):
        place = " ".join(f"{value:14.6g}" for value in point)
        typer.echo(f"{place} {delta:12.6g} {critical:10.4g}  {'allowed' if accepted else 'excluded'}")


@app.command()
def significance(
    exp: Experiment,
    model: Model = "sm",
    toys: Annotated[
        int | None,
        typer.Option("--toys", metavar="N", help="How many toys; by default 100000, of counts with a background 1000."),
    ] = None,
    seed: Seed = 0,
    assignments: Set = None,
    channel: Channel = "all",
    systematics: SystematicsSet = "default",
    as_json: Json = False,
) -> None:
    """Test the hypothesis of no signal against the predicted one at its best strength, by toys and by formula."""
    with status("making toys"):
        likelihood = likelihood_of([exp], model, channel, systematics)
        found = of_signal(likelihood, fixed_values(likelihood, assignments), toys, seed)
    if as_json:
        print_json(dataclasses.asdict(found), likelihood)
        return
    typer.echo(f"best strength {found.strength:.5g} of the prediction, q0 = {found.q0:.5g}")
    typer.echo(f"p-value of no signal: {found.p_asymptotic:.3g} by the asymptotic formula, {found.sigma:.3g} sigma")
    by_toys = f"{found.p_toys:.3g} +- {found.p_error:.1g}" if found.p_toys else f"below {3 / found.toys:.1g} (95 % CL)"
    typer.echo(f"{'':22}{by_toys} by {found.toys} toys")

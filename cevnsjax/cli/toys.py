"""The commands that make toys: Feldman and Cousins' intervals, coverage, and the significance of a signal."""

from typing import TYPE_CHECKING, Annotated

import numpy as np
import typer

from cevnsjax.cli.inputs import answered, check_targets, fixed_values, likelihood_of
from cevnsjax.cli.options import (
    Axis,
    Channel,
    Experiments,
    Figure,
    Json,
    Level,
    Model,
    Out,
    Over,
    Scheduler,
    Seed,
    Set,
    SystematicsSet,
    Toys,
    Workers,
)
from cevnsjax.cli.output import assigned, pieces, print_json, progress, unit_of
from cevnsjax.cli.work import resumable, spread_over
from cevnsjax.errors import InputError
from cevnsjax.parameters import NORM
from cevnsjax.results import (
    coverage_dataset,
    coverage_dict,
    significance_dict,
    toys_dataset,
    toys_dict,
    write_figure,
    write_netcdf,
)

if TYPE_CHECKING:
    from cevnsjax.likelihood import Likelihood
    from cevnsjax.toys import FeldmanCousins

__all__ = ["coverage", "feldman_cousins", "significance"]


def feldman_cousins(
    exps: Experiments,
    x: Annotated[Axis, typer.Option("--x", metavar="NAME LO HI N", help="The parameter, its ends, points.")],
    y: Annotated[Axis | None, typer.Option("--y", metavar="NAME LO HI N", help="A second parameter.")] = None,
    model: Model = "sm",
    toys: Annotated[int, Toys] = 1000,
    seed: Seed = 0,
    cl: Level = 0.90,
    assignments: Set = None,
    channel: Channel = "all",
    systematics: SystematicsSet = "default",
    scheduler: Scheduler = None,
    workers: Workers = None,
    out: Out = None,
    figure: Figure = None,
    as_json: Json = False,
) -> None:
    """Find what the data allow, by toys.

    The method is that of Feldman and Cousins, on a grid of one or two parameters. A point is excluded where chi-squared
    above its minimum exceeds the critical value, the quantile `--cl` among toys made at that point. Nuisances are
    minimised, for each toy anew; the minimum is that within the parameter's bounds, whatever the grid. One parameter
    has an interval, with its Monte-Carlo error. The result depends on the seed, and not on how many processes or
    machines share the work. With `--out FILE.nc` an interrupted run leaves its finished points in `FILE.nc.part`; the
    same command goes on from there.

    **Examples**

    - `cevnsjax feldman-cousins conus_plus --x sin2_theta_w 0.1 0.45 36 --toys 2000 --figure angle.pdf`
    - `cevnsjax feldman-cousins conus_plus --model magnetic_moment --x mu_nu_e 0 4e-10 41 --seed 1 --out mu.nc`
    """
    check_targets(out=out, figure=figure)
    likelihood = likelihood_of(exps, model, channel, systematics)
    values = fixed_values(likelihood, assignments)
    request = {"x": x, "y": y, "values": values, "toys": toys, "cl": cl, "seed": seed}
    verb = "feldman_cousins"
    with resumable(likelihood, verb, request, "making toys", out, scheduler, workers) as (result, provenance):
        if out is not None:
            write_netcdf(out, toys_dataset(result, likelihood, provenance))
    if figure is not None:
        from cevnsjax.figures import toys_figure

        drawn = toys_figure(result, f"{', '.join(likelihood.names)}, {likelihood.model.name}, {channel}")
        write_figure(figure, drawn, likelihood.notes, provenance)
    if as_json:
        print_json(toys_dict(result), provenance, likelihood)
        return
    _show(result, likelihood)


def _show(result: "FeldmanCousins", likelihood: "Likelihood") -> None:
    grid = np.stack([column.ravel() for column in np.meshgrid(*(axis.values for axis in result.axes))], axis=1)
    names = [axis.parameter.name for axis in result.axes]
    heads = " ".join(f"{name:>14}" for name in names)
    typer.echo(f"{heads} {'delta_chi2':>12} {'critical':>10}  {result.cl:.4g} CL, {result.toys} toys a point")
    columns = result.delta_chi2.ravel(), result.critical.ravel(), result.accepted.ravel()
    for point, delta, critical, accepted in zip(grid, *columns, strict=True):
        place = " ".join(f"{value:14.6g}" for value in point)
        typer.echo(f"{place} {delta:12.6g} {critical:10.4g}  {'allowed' if accepted else 'excluded'}")
    if len(names) == 1:
        unit = unit_of(likelihood, names[0])
        typer.echo(f"{names[0]}, {result.cl:.4g} CL: {pieces(result.intervals)}{unit}")
        errors = [error for piece in result.interval_error for error in piece if error is not None]
        if errors:
            typer.echo(f"Monte-Carlo error of the ends: {', '.join(f'{error:.2g}' for error in errors)}{unit}")


def coverage(
    exps: Experiments,
    over: Over,
    model: Model = "sm",
    toys: Annotated[int, Toys] = 10_000,
    seed: Seed = 0,
    cl: Level = 0.90,
    assignments: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="NAME=VALUE", help="A true value, in its unit; may stand several times."),
    ] = None,
    channel: Channel = "all",
    systematics: SystematicsSet = "default",
    scheduler: Scheduler = None,
    workers: Workers = None,
    out: Out = None,
    as_json: Json = False,
) -> None:
    """Count how often an interval holds the truth, by toys.

    Toys are drawn at true values: data, and the centres of constraints. The interval of a toy has all values of the
    parameter `--over` whose chi-squared is above its minimum by no more than Wilks' theorem allows at `--cl`. Printed
    is the share of toys whose interval holds the truth, and the critical value that would make it exact, that of
    Feldman and Cousins at this point. Nuisances are minimised, for each toy anew.

    True values are those of `--set`, for the parameter itself and for others. By default the parameter has the model's
    own value, and nuisances suit the data best there. The file of `--out` has Delta chi-squared of each toy.

    **Examples**

    - `cevnsjax coverage conus_plus --over sin2_theta_w`
    - `cevnsjax coverage conus_plus --model magnetic_moment --over mu_nu_e --set mu_nu_e=1e-10 --seed 1 --json`
    - `cevnsjax coverage coherent_csi coherent_lar --over sin2_theta_w --cl 0.6827 --out toys.nc`
    """
    check_targets(out=out)
    likelihood = likelihood_of(exps, model, channel, systematics)
    values = fixed_values(likelihood, assignments)
    request = {"over": over, "values": values, "cl": cl, "toys": toys, "seed": seed}
    with resumable(likelihood, "coverage", request, "making toys", out, scheduler, workers) as (result, provenance):
        if out is not None:
            write_netcdf(out, coverage_dataset(result, likelihood, provenance))
    if as_json:
        print_json(coverage_dict(result), provenance, likelihood)
        return
    typer.echo(f"true values: {assigned(result.truth)}")
    typer.echo(
        f"coverage of {result.cl:.4g} CL intervals of {result.name} (Delta chi2 up to {result.wilks:.4g}): "
        f"{result.coverage:.4f} +- {result.coverage_error:.4f}, {result.toys} toys"
    )
    typer.echo(f"Delta chi2 that covers exactly: {result.critical:.4g} +- {result.critical_error:.2g}")


def significance(
    exps: Experiments,
    model: Model = "sm",
    toys: Annotated[int | None, Toys] = None,
    seed: Seed = 0,
    assignments: Set = None,
    channel: Channel = "all",
    systematics: SystematicsSet = "default",
    scheduler: Scheduler = None,
    workers: Workers = None,
    as_json: Json = False,
) -> None:
    """Test the hypothesis of no signal.

    The test statistic q0 is chi-squared without a signal less that of the predicted signal at its best strength. Its
    p-value is given by the asymptotic formula, and by toys without a signal: by default 100000, or 1000 where there are
    nuisances to be minimised. Several experiments have one strength in common; the norm of each is pulled to one, or
    held there, as its file says. The strength is what is tested for: of one experiment, `norm` cannot be set.

    **Examples**

    - `cevnsjax significance conus_plus`
    - `cevnsjax significance dresden2 --toys 5000 --seed 7`
    - `cevnsjax significance coherent_csi coherent_lar --toys 10000`
    """
    likelihood = likelihood_of(exps, model, channel, systematics)
    values = fixed_values(likelihood, assignments)
    if NORM.name in values:
        raise InputError(f"--set {NORM.name} given; it is the strength that is tested for: leave it out")
    request = {"values": values, "toys": toys, "seed": seed}
    with spread_over(scheduler, workers) as spread, progress("making toys") as advance:
        result, provenance = answered(likelihood, "significance", request, spread=spread, advance=advance)
    if as_json:
        print_json(significance_dict(result), provenance, likelihood)
        return
    typer.echo(f"best strength {result.strength:.5g} of the prediction, q0 = {result.q0:.5g}")
    typer.echo(f"p-value of no signal: {result.p_asymptotic:.3g} by the asymptotic formula, {result.sigma:.3g} sigma")
    by_toys = f"{result.p_toys:.3g} +- {result.p_error:.1g}"
    if result.p_upper is not None:
        by_toys = f"below {result.p_upper:.2g} (95 % CL), as none is above,"
    typer.echo(f"{'':22}{by_toys} by {result.toys} toys")

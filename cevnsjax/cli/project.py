"""The command that looks ahead: what more exposure will allow to say."""

import math
from typing import Annotated

import numpy as np
import typer

from cevnsjax.cli.inputs import check_targets, fixed_values, likelihood_of
from cevnsjax.cli.options import (
    Channel,
    Experiments,
    Figure,
    Json,
    Level,
    Model,
    Out,
    Over,
    Scheduler,
    Set,
    SystematicsSet,
    Workers,
)
from cevnsjax.cli.output import pieces, print_json
from cevnsjax.cli.work import resumable
from cevnsjax.errors import InputError
from cevnsjax.experiments import load_runs
from cevnsjax.results import projection_dataset, projection_dict, write_figure, write_netcdf

__all__ = ["project"]

MOST_EXPOSURES = 10_000


def project(
    exps: Experiments,
    over: Over,
    model: Model = "sm",
    exposure: Annotated[
        tuple[float, float, int],
        typer.Option("--exposure", metavar="LO HI N", help="Exposures, as multiples of the experiment's own."),
    ] = (1.0, 100.0, 5),
    threshold: Annotated[
        float | None,
        typer.Option(
            "--threshold",
            metavar="E",
            help="Where the first bin begins, in its axis' unit (eV_ee); runs without data only.",
        ),
    ] = None,
    background: Annotated[float, typer.Option("--background", metavar="F", help="A factor on the background.")] = 1.0,
    scale: Annotated[
        float, typer.Option("--systematics-scale", metavar="F", help="A factor on the widths of all constraints.")
    ] = 1.0,
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
    """Find what more exposure will allow.

    The data are what is expected if the parameters have the values that `--set` gives, else their defaults. The
    interval is given twice: by the Fisher information, exact derivatives at the true values, and by fits to the
    expected data. With `--out FILE.nc` an interrupted run leaves its finished exposures in `FILE.nc.part`; the same
    command goes on from there.

    **Examples**

    - `cevnsjax project conus_plus --over sin2_theta_w --exposure 1 100 5 --systematics-scale 0.5`
    - `cevnsjax project conus:C1R1 --over norm --threshold 180 --background 0.1 --figure norm.pdf`
    """
    check_targets(out=out, figure=figure)
    low, high, number = exposure
    if not (0 < low < high < math.inf and number >= 2) and not (0 < low == high < math.inf and number == 1):
        raise InputError(
            f"exposures {low:g} to {high:g}, {number} of them, given; give positive ones that rise, or one"
        )
    if number > MOST_EXPOSURES:
        raise InputError(f"{number} exposures given; at most {MOST_EXPOSURES} are possible")
    given = exps if threshold is None else [run for exp in exps for run in load_runs(exp, threshold=threshold)]
    likelihood = likelihood_of(given, model, channel, systematics)
    request = {
        "name": over, "exposures": np.geomspace(low, high, number).tolist(),
        "values": fixed_values(likelihood, assignments), "background": background, "systematics": scale, "cl": cl,
    }  # fmt: skip
    with resumable(likelihood, "project", request, "projecting", out, scheduler, workers) as (result, provenance):
        if out is not None or figure is not None:
            dataset = projection_dataset(result, likelihood, provenance)
        if out is not None:
            write_netcdf(out, dataset)
    if figure is not None:
        from cevnsjax.figures import projection_figure

        write_figure(figure, projection_figure(dataset, likelihood.parameters[over]), likelihood.notes, provenance)
    if as_json:
        print_json(projection_dict(result), provenance, likelihood)
        return
    unit = likelihood.parameters[over].unit
    typer.echo(f"{over}{f' [{unit}]' if unit else ''} allowed at {cl:.4g} CL")
    typer.echo(f"{'exposure':>10}  {'Fisher information':<28}  fit to what is expected")
    for factor, (left, right), fitted in zip(result.exposure, result.fisher, result.asimov, strict=True):
        typer.echo(f"{factor:10.4g}  {f'[{left:.5g}, {right:.5g}]':<28}  {pieces(fitted)}")

"""The command that looks ahead: what more exposure will allow to say."""

import math
from pathlib import Path
from typing import Annotated

import numpy as np
import typer

from cevnsjax import results
from cevnsjax.cli.app import app
from cevnsjax.cli.options import (
    Channel,
    Experiments,
    Json,
    Level,
    Model,
    Set,
    SystematicsSet,
    bar,
    check_figure,
    check_folder,
    fixed_values,
    likelihood_of,
    pieces,
    print_json,
)
from cevnsjax.errors import InputError
from cevnsjax.experiments import load_runs
from cevnsjax.statistics import Likelihood, Projection
from cevnsjax.statistics import project as look_ahead


@app.command()
def project(
    exps: Experiments,
    over: Annotated[str, typer.Option("--over", metavar="NAME", help="The parameter whose limits are wanted.")],
    model: Model = "sm",
    exposure: Annotated[
        tuple[float, float, int],
        typer.Option("--exposure", metavar="LO HI N", help="Exposures, in units of the experiment's own."),
    ] = (1.0, 100.0, 5),
    threshold: Annotated[
        float | None,
        typer.Option("--threshold", metavar="EV", help="Where the lowest bin begins; runs of counts only."),
    ] = None,
    background: Annotated[float, typer.Option("--background", metavar="F", help="A factor on the background.")] = 1.0,
    scale: Annotated[
        float, typer.Option("--systematics-scale", metavar="F", help="A factor on the widths of all pulls.")
    ] = 1.0,
    cl: Level = 0.90,
    assignments: Set = None,
    channel: Channel = "all",
    systematics: SystematicsSet = "default",
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE.nc", help="Write all as NetCDF, too.")] = None,
    figure: Annotated[
        Path | None, typer.Option("--figure", metavar="FILE", help="Draw the ends, as .pdf, .png or .svg.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Give what will be allowed for a parameter at larger exposures, if `--set` values, else the defaults, are true.

    Twice: by the Fisher information, exact derivatives at the true values, and by fits to what is expected.
    """
    for path in (out, figure):
        check_folder(path)
    check_figure(figure)
    low, high, number = exposure
    if not (0 < low < high < math.inf and number >= 2) and not (0 < low == high < math.inf and number == 1):
        raise InputError(
            f"exposures {low:g} to {high:g}, {number} of them, given; give positive ones that rise, or one"
        )
    if threshold is None:
        likelihood = likelihood_of(exps, model, channel, systematics)
    else:
        runs = [run for exp in exps for run in load_runs(exp, threshold_eV=threshold)]
        likelihood = likelihood_of(runs, model, channel, systematics)
    values = fixed_values(likelihood, assignments)
    with bar("projecting") as advance:
        found = look_ahead(
            likelihood, over, np.geomspace(low, high, number).tolist(), values, background, scale, cl, advance
        )
    if out is not None:
        results.write_netcdf(out, results.projection_dataset(found, likelihood))
    if figure is not None:
        _draw(figure, found, likelihood)
    if as_json:
        print_json(results.projection_dict(found), likelihood)
        return
    unit = likelihood.parameters[over].unit
    typer.echo(f"{over}{f' [{unit}]' if unit else ''} allowed at {cl:.4g} CL")
    typer.echo(f"{'exposure':>10}  {'Fisher information':<28}  fit to what is expected")
    for factor, (left, right), found_pieces in zip(found.exposure, found.fisher, found.asimov, strict=True):
        typer.echo(f"{factor:10.4g}  {f'[{left:.5g}, {right:.5g}]':<28}  {pieces(found_pieces)}")


def _draw(path: Path, found: Projection, likelihood: Likelihood) -> None:
    from cevnsjax.projection_plots import projection_figure

    dataset = results.projection_dataset(found, likelihood)
    results.write_figure(path, projection_figure(dataset, likelihood.parameters[found.name]), likelihood.notes)

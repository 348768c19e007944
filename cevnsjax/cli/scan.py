"""The command that scans a plane of two parameters."""

from typing import Annotated

import typer

from cevnsjax.cli.inputs import check_targets, fixed_values, free_names, likelihood_of
from cevnsjax.cli.options import (
    Axis,
    Channel,
    Experiments,
    Figure,
    Free,
    Json,
    Level,
    Model,
    Out,
    Overlays,
    Scheduler,
    Set,
    SystematicsSet,
    Workers,
)
from cevnsjax.cli.output import assigned, print_json, warn
from cevnsjax.cli.work import resumable
from cevnsjax.errors import InputError
from cevnsjax.results import scan_dataset, scan_dict, write_figure, write_netcdf

__all__ = ["scan"]


def scan(
    exps: Experiments,
    x: Annotated[Axis, typer.Option("--x", metavar="NAME LO HI N", help="The horizontal parameter, its ends, points.")],
    y: Annotated[Axis, typer.Option("--y", metavar="NAME LO HI N", help="The vertical parameter, its ends, points.")],
    model: Model = "sm",
    free: Free = None,
    cl: Level = 0.90,
    dof: Annotated[
        int, typer.Option("--dof", metavar="1|2", help="Degrees of freedom behind the contours' level.")
    ] = 2,
    assignments: Set = None,
    channel: Channel = "all",
    systematics: SystematicsSet = "default",
    scheduler: Scheduler = None,
    workers: Workers = None,
    out: Out = None,
    figure: Figure = None,
    overlay: Overlays = None,
    as_json: Json = False,
) -> None:
    """Give chi-squared over a plane, and its contours.

    Other free parameters and nuisances are minimised at each point. Masses and couplings are spaced evenly in their
    logarithm, other parameters in themselves, in their units. Contours have the rise of chi-squared that belongs to
    `--cl` with two degrees of freedom, or one: then the limit on the coupling at each mass by itself. `--figure` shades
    what is excluded; between the points of a plane of two linear parameters its contours follow a cubic spline.

    With `--out FILE.nc` an interrupted scan leaves its finished lines in `FILE.nc.part`; the same command goes on from
    there, wherever the work is spread. `--overlay FILE.csv` draws curves of others: columns named after the two
    parameters, and a third, `curve`, with labels.

    **Examples**

    - `cevnsjax scan conus_plus --model vector_bl --x m_z 0.1 100 40 --y g_bl 1e-7 1e-3 50 --figure bl.pdf`
    - `cevnsjax scan conus_plus --model nsi_vector --x eps_ee_uv -1 1 61 --y eps_ee_dv -1 1 61 --out nsi.nc`
    - `cevnsjax scan conus_plus --model vector_bl --systematics detailed --x m_z 0.1 100 40 --y g_bl 1e-7 1e-3 50 \
--scheduler tcp://head:8786 --out bl.nc`
    """
    check_targets(out=out, figure=figure)
    if overlay and figure is None:
        raise InputError("--overlay given without --figure; give a file to draw into, too")
    if overlay:
        from cevnsjax.figures import read_overlay

        overlays = [read_overlay(path) for path in overlay]
        for path, curves in zip(overlay, overlays, strict=True):
            if (curves.x, curves.y) != (x[0], y[0]):
                raise InputError(f"'{path}' has curves of {curves.x}, {curves.y}; the plane is of {x[0]}, {y[0]}")
    likelihood = likelihood_of(exps, model, channel, systematics)
    values = fixed_values(likelihood, assignments)
    request = {"x": x, "y": y, "free": free_names(likelihood, free, values), "values": values, "cl": cl, "dof": dof}
    with resumable(likelihood, "scan", request, "scanning", out, scheduler, workers) as (result, provenance):
        for message in result.messages:
            warn(message)
        if out is not None:
            write_netcdf(out, scan_dataset(result, likelihood, provenance))
    if figure is not None:
        from cevnsjax.figures import plane_figure
        from cevnsjax.figures.smooth import refined

        mediator = result.x.parameter.logarithmic and result.y.parameter.logarithmic
        shown = result if mediator else refined(result)
        label = f"{', '.join(likelihood.names)}, {likelihood.model.name}, {channel}"
        drawn = plane_figure([(label, shown)], overlays if overlay else [])
        write_figure(figure, drawn, likelihood.notes, provenance)
    if as_json:
        print_json(scan_dict(result), provenance, likelihood)
        return
    level = f"{cl:.4g} CL, {dof} degree{'s' if dof > 1 else ''} of freedom"
    for i, curve in enumerate(result.contours):
        typer.echo(f"# contour {i + 1} of {len(result.contours)}, {level}: {x[0]} {y[0]}")
        for point in curve:
            typer.echo(f"{point[0]:14.6g} {point[1]:14.6g}")
    if not result.contours:
        most = result.delta_chi2.max()
        typer.echo(f"# no contour of {cl:.4g} CL crosses the plane; Delta chi^2 is at most {most:.4g}")
    typer.echo(f"# least chi-squared {result.chi2_min:.6g} at {assigned(result.best_fit)}")

"""The commands that minimise: a fit, and a profile along one parameter."""

from typing import Annotated, Any

import typer

from cevnsjax.cli.inputs import answered, check_targets, fixed_values, free_names, likelihood_of
from cevnsjax.cli.options import (
    Channel,
    Experiments,
    Figure,
    Free,
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
from cevnsjax.cli.output import pieces, print_json, progress, unit_of, warn
from cevnsjax.cli.work import resumable, spread_over
from cevnsjax.inference.intervals import threshold
from cevnsjax.results import fit_dict, profile_dataset, profile_dict, write_figure, write_netcdf

__all__ = ["fit", "profile"]


def fit(
    exps: Experiments,
    model: Model = "sm",
    free: Free = None,
    cl: Level = 0.90,
    assignments: Set = None,
    channel: Channel = "all",
    systematics: SystematicsSet = "default",
    scheduler: Scheduler = None,
    workers: Workers = None,
    figure: Figure = None,
    as_json: Json = False,
) -> None:
    """Find the best fit and the allowed intervals.

    Chi-squared is minimised over the free parameters; the interval of each is what its profile allows. An interval may
    have several pieces; `...` (null in JSON) stands for an end that the data do not give within the parameter's bounds.
    Nuisance parameters are minimised, too, and listed with their errors and pulls (the distance from the centre in
    units of the width); `cevnsjax nuisances` says what they do. The profile of each parameter may be done elsewhere, by
    `--workers` or `--scheduler`.

    `--figure FILE` draws the data of each experiment beside the best prediction, and the pulls of the nuisances.

    **Examples**

    - `cevnsjax fit conus_plus --cl 0.6827 --figure fit.pdf`
    - `cevnsjax fit conus_plus conus --model charge_radius --free r2_ee,r2_emu --systematics detailed`
    - `cevnsjax fit conus_plus --model vector_bl --set m_z=10`
    """
    check_targets(figure=figure)
    likelihood = likelihood_of(exps, model, channel, systematics)
    values = fixed_values(likelihood, assignments)
    request = {"free": free_names(likelihood, free, values), "values": values, "cl": cl}
    with spread_over(scheduler, workers) as spread, progress("fitting"):
        result, provenance = answered(likelihood, "fit", request, spread=spread)
        nuisances = result.nuisances  # calculated here
    for message in result.messages:
        warn(message)
    if figure is not None:
        from cevnsjax.figures import fit_figure

        write_figure(figure, fit_figure(result), likelihood.notes, provenance)
    if as_json:
        print_json(fit_dict(result), provenance, likelihood)
        return
    cells = sum(e.size for e in likelihood.experiments)
    ended = "" if result.converged else "; NOT converged"
    typer.echo(f"chi2_min = {result.chi2_min:.6g} with {cells} bins{ended}")
    for name, intervals in result.intervals.items():
        unit = unit_of(likelihood, name)
        typer.echo(f"{name} = {result.best_fit[name]:.6g}{unit}, {cl:.4g} CL: {pieces(intervals)}{unit}")
    for row in nuisances:
        if row["name"] not in result.intervals:
            typer.echo(nuisance_line(row))


def nuisance_line(row: dict[str, Any]) -> str:
    """Return a nuisance after a fit as text: value, error, and pull if it has a constraint."""
    unit = f" {row['unit']}" if row["unit"] else ""
    error = "" if row["error"] is None else f" +- {row['error']:.3g}"
    pull = "" if row["pull"] is None else f", pull {row['pull']:+.3f}"
    return f"{row['name']} = {row['value']:.6g}{error}{unit}{pull}"


def profile(
    exps: Experiments,
    over: Over,
    model: Model = "sm",
    limits: Annotated[
        tuple[float, float] | None,
        typer.Option("--range", metavar="LO HI", help="The ends; by default what 3 standard deviations allow."),
    ] = None,
    points: Annotated[int, typer.Option("--points", metavar="N", help="The number of values, at least 2.")] = 101,
    free: Free = None,
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
    """Give chi-squared along one parameter.

    Other free parameters and nuisances are minimised. Two columns: the parameter in its unit, and chi-squared above its
    minimum; then the best fit and the pieces of the interval that is allowed at `--cl`, `...` standing for an open end.
    With `--out FILE.nc` an interrupted run leaves its finished searches in `FILE.nc.part`; the same command goes on
    from there.

    **Examples**

    - `cevnsjax profile conus_plus --over sin2_theta_w --range 0.1 0.5 --points 81`
    - `cevnsjax profile conus_plus --model nsi_vector --over eps_ee_uv --out nsi.nc --figure nsi.pdf`
    """
    check_targets(out=out, figure=figure)
    likelihood = likelihood_of(exps, model, channel, systematics)
    values = fixed_values(likelihood, assignments)
    request = {
        "over": over, "free": free_names(likelihood, free, values), "values": values, "limits": limits,
        "points": points, "cl": cl,
    }  # fmt: skip
    with resumable(
        likelihood, "profile", request, "profiling", out, scheduler, workers, told=False
    ) as (result, provenance):  # fmt: skip
        for message in result.messages:
            warn(message)
        curve = profile_dataset(result, likelihood, provenance) if out is not None or figure is not None else None
        if out is not None and curve is not None:
            write_netcdf(out, curve)
    if figure is not None and curve is not None:
        from cevnsjax.figures import Panel, level_label, profiles_figure

        label = f"{', '.join(likelihood.names)}, {likelihood.model.name}, {channel}"
        panel = Panel([(label, curve)], likelihood.parameters[over])
        drawn = profiles_figure([panel], 1, [(threshold(cl), level_label(cl, 1))])
        write_figure(figure, drawn, likelihood.notes, provenance)
    if as_json:
        print_json(profile_dict(result), provenance, likelihood)
        return
    typer.echo(f"{over:>14} {'delta_chi2':>12}")
    for x, delta in zip(result.x, result.delta_chi2, strict=True):
        typer.echo(f"{x:14.6g} {delta:12.6g}")
    unit = unit_of(likelihood, over)
    typer.echo(f"best fit {result.best_fit[over]:.6g}{unit}; {cl:.4g} CL: {pieces(result.intervals)}{unit}")

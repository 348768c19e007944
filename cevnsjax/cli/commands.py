"""The commands that answer at once: lists, predictions, fits and profiles."""

from pathlib import Path
from typing import Annotated

import typer

from cevnsjax import results
from cevnsjax.cli.app import app
from cevnsjax.cli.options import (
    Channel,
    Experiment,
    Experiments,
    Free,
    Json,
    Level,
    Model,
    Set,
    SystematicsSet,
    check_folder,
    fixed_values,
    likelihood_of,
    names_of,
    pieces,
    print_json,
    status,
)
from cevnsjax.experiments import describe, experiment_names
from cevnsjax.interactions import MODELS
from cevnsjax.statistics import fit, profile


@app.command()
def experiments(as_json: Json = False) -> None:
    """List the embedded experiments."""
    listed = [describe(name) for name in experiment_names()]
    if as_json:
        rows = [
            {"name": e.name, "title": e.title, "reference": e.reference, "parts": [*e.analyses, *e.variants]}
            for e in listed
        ]
        print_json({"experiments": rows})
        return
    for e in listed:
        parts = [f"{e.name}:{part}" for part in (*e.analyses, *e.variants) if part != "default"]
        typer.echo(f"{e.name:<12}  {e.title}; {e.reference}" + (f"; also {', '.join(parts)}" if parts else ""))


@app.command()
def models(as_json: Json = False) -> None:
    """List the models, and the parameters of each with units and bounds."""
    if as_json:
        listed = []
        for m in MODELS.values():
            parameters = [
                {"name": p.name, "default": p.default, "unit": p.unit, "description": p.description}
                for p in m.parameters
            ]
            listed.append(
                {"name": m.name, "description": m.description, "free": list(m.free), "parameters": parameters}
            )
        print_json({"models": listed})
        return
    for m in MODELS.values():
        names = ", ".join(f"{p.name}{f' [{p.unit}]' if p.unit else ''}" for p in m.parameters)
        typer.echo(f"{m.name:<18}  {m.description}; parameters: {names}")


@app.command()
def predict(
    exp: Experiment,
    model: Model = "sm",
    assignments: Set = None,
    channel: Channel = "all",
    systematics: SystematicsSet = "default",
    as_json: Json = False,
) -> None:
    """Predict the counts in each bin, beside the data."""
    likelihood = likelihood_of([exp], model, channel, systematics)
    content = results.prediction_dict(likelihood, fixed_values(likelihood, assignments))
    if as_json:
        print_json(content, likelihood)
        return
    unit = content["bins"][0]["unit"]
    typer.echo(f"{content['experiment']}, model {content['model']}, channel {channel}; {unit}")
    typer.echo(f"{'low':>8} {'high':>8} {'expected':>12} {'observed':>12} {'sigma':>10}   [eV_ee]")
    for row in content["bins"]:
        counts = f"{row['expected']:12.5g} {row['observed']:12.5g} {row['sigma']:10.4g}"
        typer.echo(f"{row['low']:8g} {row['high']:8g} {counts}")
    typer.echo(
        f"total {content['total']:.6g} {unit}, summed over the bins; {content['events']:.5g} events in all detectors"
    )


@app.command(name="fit")
def fit_command(
    exps: Experiments,
    model: Model = "sm",
    free: Free = None,
    cl: Level = 0.90,
    assignments: Set = None,
    channel: Channel = "all",
    systematics: SystematicsSet = "default",
    as_json: Json = False,
) -> None:
    """Minimise chi-squared over the free parameters, and give the interval allowed for each."""
    with status("fitting"):
        likelihood = likelihood_of(exps, model, channel, systematics)
        result = fit(likelihood, names_of(free), fixed_values(likelihood, assignments), cl)
    if as_json:
        print_json(results.fit_dict(result), likelihood)
        return
    cells = sum(e.observed.size for e in likelihood.experiments)
    typer.echo(f"chi2_min = {result.chi2_min:.6g} with {cells} bins" + ("" if result.converged else "; NOT converged"))
    for name, value in result.best_fit.items():
        unit = f" {u}" if (u := likelihood.parameters[name].unit) else ""
        found = f", {cl:.4g} CL: {pieces(result.intervals[name])}{unit}" if name in result.intervals else ""
        typer.echo(f"{name} = {value:.6g}{unit}{found}")


@app.command(name="profile")
def profile_command(
    exps: Experiments,
    over: Annotated[str, typer.Option("--over", metavar="NAME", help="The parameter along which to go.")],
    model: Model = "sm",
    limits: Annotated[
        tuple[float, float] | None,
        typer.Option("--range", metavar="LO HI", help="The ends; by default what 3 standard deviations allow."),
    ] = None,
    points: Annotated[int, typer.Option("--points", metavar="N", help="The number of values.")] = 101,
    free: Free = None,
    cl: Level = 0.90,
    assignments: Set = None,
    channel: Channel = "all",
    systematics: SystematicsSet = "default",
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE.nc", help="Write the curve as NetCDF, too.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Give chi-squared above its minimum along one parameter, the other free ones minimised."""
    check_folder(out)
    with status("profiling"):
        likelihood = likelihood_of(exps, model, channel, systematics)
        result = profile(likelihood, over, names_of(free), fixed_values(likelihood, assignments), limits, points, cl)
    if out is not None:
        results.write_netcdf(out, results.profile_dataset(result, likelihood))
    if as_json:
        print_json(results.profile_dict(result), likelihood)
        return
    typer.echo(f"{over:>14} {'delta_chi2':>12}")
    for x, delta in zip(result.x, result.delta_chi2, strict=True):
        typer.echo(f"{x:14.6g} {delta:12.6g}")
    typer.echo(f"best fit {result.best_fit[over]:.6g}; {cl:.4g} CL: {pieces(result.intervals)}")

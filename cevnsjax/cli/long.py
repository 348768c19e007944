"""The commands that take their time: scans, posteriors, and the reproduction."""

from pathlib import Path
from typing import Annotated

import typer

from cevnsjax import results
from cevnsjax.checkpoint import Checkpoint
from cevnsjax.cli.app import app
from cevnsjax.cli.options import (
    Channel,
    Experiments,
    Free,
    Json,
    Level,
    Model,
    Overlays,
    Set,
    SystematicsSet,
    assigned,
    bar,
    check_figure,
    check_folder,
    fixed_values,
    likelihood_of,
    names_of,
    print_json,
    read_overlays,
    status,
)
from cevnsjax.errors import InputError
from cevnsjax.statistics import sample as draw
from cevnsjax.statistics import scan as scan_plane
from cevnsjax.statistics.priors import parse_prior


@app.command()
def scan(
    exps: Experiments,
    x: Annotated[
        tuple[str, float, float, int], typer.Option("--x", metavar="NAME LO HI N", help="The horizontal parameter.")
    ],
    y: Annotated[
        tuple[str, float, float, int], typer.Option("--y", metavar="NAME LO HI N", help="The vertical parameter.")
    ],
    model: Model = "sm",
    free: Free = None,
    cl: Level = 0.90,
    dof: Annotated[
        int, typer.Option("--dof", metavar="1|2", help="Degrees of freedom behind the contours' level.")
    ] = 2,
    assignments: Set = None,
    channel: Channel = "all",
    systematics: SystematicsSet = "default",
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE.nc", help="Write all as NetCDF, too.")] = None,
    figure: Annotated[
        Path | None, typer.Option("--figure", metavar="FILE", help="Draw the contours, as .pdf, .png or .svg.")
    ] = None,
    overlay: Overlays = None,
    as_json: Json = False,
) -> None:
    """Give chi-squared above its minimum over a plane, the other free parameters minimised, and its contours.

    Masses and couplings are spaced evenly in their logarithm. The curves of others are a CSV file with
    columns named after the two parameters, and a third, `curve`, with labels. With `--out FILE.nc` an interrupted scan
    leaves what is finished in `FILE.nc.part`; the same command goes on from there.
    """
    for path in (out, figure):
        check_folder(path)
    overlays = read_overlays(overlay)
    check_figure(figure)
    if overlays and figure is None:
        raise InputError("--overlay given without --figure; give a file to draw into, too")
    for path, curves in zip(overlay or (), overlays, strict=True):
        if (curves.x, curves.y) != (x[0], y[0]):
            raise InputError(f"'{path}' has curves of {curves.x}, {curves.y}; the plane is of {x[0]}, {y[0]}")
    likelihood = likelihood_of(exps, model, channel, systematics)
    names, values = names_of(free), fixed_values(likelihood, assignments)
    kept = None if out is None else Checkpoint(out, likelihood, {"x": x, "y": y, "free": names, "values": values})
    finished, keep = (None, None) if kept is None else (kept.finished, kept.keep)
    try:
        with bar("scanning") as advance:
            result = scan_plane(likelihood, x, y, names, values, cl, dof, advance, finished, keep)
    except InputError:  # what went wrong will go wrong again: nothing to go on from
        if kept is not None:
            kept.clear()
        raise
    if out is not None and kept is not None:
        results.write_netcdf(out, results.scan_dataset(result, likelihood))
        kept.clear()
    if figure is not None:
        from cevnsjax.plotting import plane_figure

        label = f"{', '.join(e.name for e in likelihood.experiments)}, {likelihood.model.name}, {channel}"
        results.write_figure(figure, plane_figure([(label, result)], overlays), likelihood.notes)
    if as_json:
        print_json(results.scan_dict(result), likelihood)
        return
    for i, curve in enumerate(result.contours):
        typer.echo(f"# contour {i + 1} of {len(result.contours)}, {cl:.4g} CL, {dof} degrees of freedom: {x[0]} {y[0]}")
        for one, other in curve:
            typer.echo(f"{one:14.6g} {other:14.6g}")
    if not result.contours:
        typer.echo(
            f"# no contour of {cl:.4g} CL crosses the plane; Delta chi^2 is at most {result.delta_chi2.max():.4g}"
        )
    typer.echo("# least chi-squared " + f"{result.chi2_min:.6g} at " + assigned(result.best_fit))


@app.command()
def reproduce(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The folder to write.")] = Path("cevnsjax_results"),
    overlay: Overlays = None,
    as_json: Json = False,
) -> None:
    """Make the tables and figures of the papers, beside the published values.

    Writes figures (PDF and PNG), every curve (NetCDF), `report.md` and `report.json`. It takes some ten
    minutes. Curves of others are drawn into the planes whose parameters their CSV files name.
    """
    from cevnsjax.reproduce import reproduce as run

    content = run(out, overlay or ())
    if as_json:
        print_json(content)
        return
    typer.echo(f"wrote {out / 'report.md'} and the figures and curves beside it")


@app.command()
def sample(
    exps: Experiments,
    out: Annotated[Path, typer.Option("--out", metavar="FILE.nc", help="Write the draws as ArviZ's NetCDF.")],
    model: Model = "sm",
    free: Free = None,
    prior: Annotated[
        list[str] | None,
        typer.Option(
            "--prior",
            metavar="NAME=KIND:NUMBERS",
            help="A prior, flat:LO:HI, log_uniform:LO:HI, normal:MEAN:SD or half_normal:SD; may stand several times.",
        ),
    ] = None,
    chains: Annotated[int, typer.Option("--chains", metavar="N", help="Chains, run at once.")] = 4,
    samples: Annotated[int, typer.Option("--samples", metavar="N", help="Draws of each chain.")] = 1000,
    warmup: Annotated[int, typer.Option("--warmup", metavar="N", help="Draws before these, to adapt.")] = 1000,
    seed: Annotated[int, typer.Option("--seed", metavar="N", help="Of the random numbers.")] = 0,
    sampler: Annotated[
        str, typer.Option("--sampler", metavar="S", help="nuts, or nested for posteriors of several modes.")
    ] = "nuts",
    figures: Annotated[
        Path | None,
        typer.Option("--figures", metavar="DIR", help="Draw corner, trace and predictive plots into this folder."),
    ] = None,
    assignments: Set = None,
    channel: Channel = "all",
    systematics: SystematicsSet = "default",
    as_json: Json = False,
) -> None:
    """Draw from the posterior of the free parameters.

    By default a prior is flat: between a parameter's bounds, or thirty times as wide as what the data call a step. A
    normalisation that is not free is integrated over its pull. What the diagnostics find wrong, chains that disagree
    or divergences, is said on standard error.
    """
    check_folder(out)
    check_folder(figures)
    priors = dict(parse_prior(text) for text in prior or ())
    likelihood = likelihood_of(exps, model, channel, systematics)
    with status("sampling"):
        drawn = draw(
            likelihood, names_of(free), fixed_values(likelihood, assignments), priors,
            chains=chains, samples=samples, warmup=warmup, seed=seed, sampler=sampler,
        )  # fmt: skip
    results.write_posterior(out, drawn, likelihood)
    if figures is not None:
        from cevnsjax import posterior_plots

        posterior_plots.write_all(figures, drawn, likelihood)
    for warning in drawn.warnings:
        typer.echo(f"cevnsjax: warning: {warning}", err=True)
    if as_json:
        print_json(results.sample_dict(drawn), likelihood)
        return
    for name, row in drawn.summary.items():
        unit = f" {u}" if (u := likelihood.parameters[name].unit) else ""
        interval = f"90 % [{row['low_90']:.5g}, {row['high_90']:.5g}]{unit}"
        chains_say = f", R-hat {row['rhat']:.3f}, {row['ess']:.0f} effective samples" if "rhat" in row else ""
        typer.echo(f"{name} = {row['mean']:.5g} +- {row['sd']:.3g}{unit}, {interval}{chains_say}")

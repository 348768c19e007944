"""The command line: one function a command, a thin layer over the Python interface."""

import contextlib
import json
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cevnsjax import results
from cevnsjax.errors import InputError, unknown_name
from cevnsjax.experiments import experiment_names, load_experiment
from cevnsjax.interactions import MODELS
from cevnsjax.parameters import check_value
from cevnsjax.rates import CHANNELS
from cevnsjax.statistics import Likelihood, fit, profile
from cevnsjax.statistics import scan as scan_plane
from cevnsjax.statistics.intervals import Interval

if TYPE_CHECKING:
    from cevnsjax.plotting import Overlay

__all__ = ["main"]

app = typer.Typer(
    name="cevnsjax",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    help="""Predictions, fits and profiles of coherent neutrino scattering and neutrino-electron scattering.

An experiment is one of those that `cevnsjax experiments` lists, or a path to a TOML file; several make a
joint fit. Parameters and their units are listed by `cevnsjax models`. With `--json` a command prints one
JSON object on standard output and nothing else. A wrong input ends with exit status 2.""",
)

# typer keeps its own copy of click in newer versions: its error classes are reached through its public one.
ClickException: type[Any] = typer.BadParameter.__mro__[2]

Experiment = Annotated[str, typer.Argument(metavar="EXP", help="An experiment's name, or a path to a TOML file.")]
Experiments = Annotated[
    list[str],
    typer.Argument(metavar="EXP...", help="Experiments' names, or paths to TOML files; several for a joint fit."),
]
Model = Annotated[str, typer.Option("--model", metavar="M", help=f"The model: {', '.join(MODELS)}.")]
Set = Annotated[
    list[str] | None, typer.Option("--set", metavar="NAME=VALUE", help="Fix a parameter; may stand several times.")
]
Free = Annotated[
    str | None, typer.Option("--free", metavar="A,B", help="The free parameters; by default the model's own choice.")
]
Channel = Annotated[str, typer.Option("--channel", metavar="C", help=f"The kind of scattering: {', '.join(CHANNELS)}.")]
Level = Annotated[float, typer.Option("--cl", metavar="CL", help="Confidence level of the intervals.")]
Overlays = Annotated[
    list[Path] | None,
    typer.Option("--overlay", metavar="FILE.csv", help="Curves of others to draw; may stand several times."),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]


def _values(likelihood: Likelihood, assignments: Sequence[str] | None) -> dict[str, float]:
    """Return the parameters that `--set` fixes, checked against the likelihood's own."""
    values = {}
    for assignment in assignments or ():
        name, equals, text = assignment.partition("=")
        try:
            value = float(text)
        except ValueError:
            value = None
        if not (name and equals) or value is None:
            raise InputError(f"--set {assignment!r} is not an assignment: give name=number, such as sin2_theta_w=0.25")
        if name not in likelihood.parameters:
            raise unknown_name("parameter", name, likelihood.parameters)
        values[name] = check_value(likelihood.parameters[name], value)
    return values


def _names(text: str | None) -> list[str] | None:
    return None if text is None else [name.strip() for name in text.split(",") if name.strip()]


@contextlib.contextmanager
def _status(text: str) -> Iterator[None]:
    """Show on a terminal's standard error that something is under way."""
    from rich.console import Console

    with Console(stderr=True).status(text):
        yield


@contextlib.contextmanager
def _bar(text: str) -> Iterator[Callable[[int, int], None]]:
    """Give a function that moves a bar on a terminal's standard error."""
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task(text, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def _check_writable(path: Path | None) -> None:
    """Find out before a long calculation that its result has no place."""
    if path is not None and not path.absolute().parent.is_dir():
        raise InputError(f"cannot write '{path}': there is no folder '{path.parent}'")


def _overlays(paths: Sequence[Path] | None) -> "list[Overlay]":
    """Return the curves of others; matplotlib is imported only where there are any."""
    if not paths:
        return []
    from cevnsjax.plotting import read_overlay

    return [read_overlay(path) for path in paths]


def _assigned(values: dict[str, float]) -> str:
    return ", ".join(f"{name} = {value:.6g}" for name, value in values.items())


def _print_json(content: dict[str, Any]) -> None:
    typer.echo(json.dumps(content, allow_nan=False))


def _pieces(intervals: Sequence[Interval]) -> str:
    """Return intervals as text, an open end as an ellipsis."""
    shown = ("[" + ", ".join("..." if end is None else f"{end:.6g}" for end in piece) + "]" for piece in intervals)
    return " or ".join(shown) or "nothing"


@app.command()
def experiments(as_json: Json = False) -> None:
    """List the embedded experiments."""
    listed = [load_experiment(name) for name in experiment_names()]
    if as_json:
        _print_json({"experiments": [{"name": e.name, "title": e.title, "reference": e.reference} for e in listed]})
        return
    for e in listed:
        typer.echo(f"{e.name:<12}  {e.title}; {e.reference}")


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
        _print_json({"models": listed})
        return
    for m in MODELS.values():
        names = ", ".join(f"{p.name}{f' [{p.unit}]' if p.unit else ''}" for p in m.parameters)
        typer.echo(f"{m.name:<18}  {m.description}; parameters: {names}")


@app.command()
def predict(
    exp: Experiment, model: Model = "sm", assignments: Set = None, channel: Channel = "all", as_json: Json = False
) -> None:
    """Predict the counts in each bin, beside the data."""
    likelihood = Likelihood(exp, model=model, channel=channel)
    content = results.prediction_dict(likelihood, _values(likelihood, assignments))
    if as_json:
        _print_json(content)
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
    as_json: Json = False,
) -> None:
    """Minimise chi-squared over the free parameters, and give the interval allowed for each."""
    with _status("fitting"):
        likelihood = Likelihood(*exps, model=model, channel=channel)
        result = fit(likelihood, _names(free), _values(likelihood, assignments), cl)
    if as_json:
        _print_json(results.fit_dict(result))
        return
    cells = sum(e.observed.size for e in likelihood.experiments)
    typer.echo(f"chi2_min = {result.chi2_min:.6g} with {cells} bins" + ("" if result.converged else "; NOT converged"))
    for name, value in result.best_fit.items():
        unit = f" {u}" if (u := likelihood.parameters[name].unit) else ""
        found = f", {cl:.4g} CL: {_pieces(result.intervals[name])}{unit}" if name in result.intervals else ""
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
    out: Annotated[
        Path | None, typer.Option("--out", metavar="FILE.nc", help="Write the curve as NetCDF, too.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Give chi-squared above its minimum along one parameter, the other free ones minimised."""
    _check_writable(out)
    with _status("profiling"):
        likelihood = Likelihood(*exps, model=model, channel=channel)
        result = profile(likelihood, over, _names(free), _values(likelihood, assignments), limits, points, cl)
    if out is not None:
        results.write_netcdf(out, results.profile_dataset(result, likelihood))
    if as_json:
        _print_json(results.profile_dict(result))
        return
    typer.echo(f"{over:>14} {'delta_chi2':>12}")
    for x, delta in zip(result.x, result.delta_chi2, strict=True):
        typer.echo(f"{x:14.6g} {delta:12.6g}")
    typer.echo(f"best fit {result.best_fit[over]:.6g}; {cl:.4g} CL: {_pieces(result.intervals)}")


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
    out: Annotated[Path | None, typer.Option("--out", metavar="FILE.nc", help="Write all as NetCDF, too.")] = None,
    figure: Annotated[
        Path | None, typer.Option("--figure", metavar="FILE", help="Draw the contours, as .pdf, .png or .svg.")
    ] = None,
    overlay: Overlays = None,
    as_json: Json = False,
) -> None:
    """Give chi-squared above its minimum over a plane, the other free parameters minimised, and its contours.

    Masses and couplings are spaced evenly in their logarithm. The curves of others are a CSV file with
    columns named after the two parameters, and a third, `curve`, with labels.
    """
    for path in (out, figure):
        _check_writable(path)
    overlays = _overlays(overlay)
    if figure is not None and figure.suffix not in (".pdf", ".png", ".svg"):
        raise InputError(f"cannot draw '{figure}': give a name that ends in .pdf, .png or .svg")
    if overlays and figure is None:
        raise InputError("--overlay given without --figure; give a file to draw into, too")
    for path, curves in zip(overlay or (), overlays, strict=True):
        if (curves.x, curves.y) != (x[0], y[0]):
            raise InputError(f"'{path}' has curves of {curves.x}, {curves.y}; the plane is of {x[0]}, {y[0]}")
    likelihood = Likelihood(*exps, model=model, channel=channel)
    with _bar("scanning") as advance:
        result = scan_plane(likelihood, x, y, _names(free), _values(likelihood, assignments), cl, dof, advance)
    if out is not None:
        results.write_netcdf(out, results.scan_dataset(result, likelihood))
    if figure is not None:
        from cevnsjax.plotting import plane_figure

        label = f"{', '.join(e.name for e in likelihood.experiments)}, {likelihood.model.name}, {channel}"
        results.write_figure(figure, plane_figure([(label, result)], overlays))
    if as_json:
        _print_json(results.scan_dict(result))
        return
    for i, curve in enumerate(result.contours):
        typer.echo(f"# contour {i + 1} of {len(result.contours)}, {cl:.4g} CL, {dof} degrees of freedom: {x[0]} {y[0]}")
        for one, other in curve:
            typer.echo(f"{one:14.6g} {other:14.6g}")
    if not result.contours:
        typer.echo(
            f"# no contour of {cl:.4g} CL crosses the plane; Delta chi^2 is at most {result.delta_chi2.max():.4g}"
        )
    typer.echo("# least chi-squared " + f"{result.chi2_min:.6g} at " + _assigned(result.best_fit))


@app.command()
def reproduce(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The folder to write.")] = Path("cevnsjax_results"),
    overlay: Overlays = None,
    as_json: Json = False,
) -> None:
    """Make the tables and figures of the papers, beside the published values.

    Writes figures (PDF and PNG), every curve (NetCDF), `report.md` and `report.json`. It takes a few minutes. Curves of
    others are drawn into the planes of Fig. 7 whose parameters their CSV files name.
    """
    from cevnsjax.reproduce import reproduce as run

    content = run(out, overlay or ())
    if as_json:
        _print_json(content)
        return
    typer.echo(f"wrote {out / 'report.md'} and the figures and curves beside it")


def main(arguments: Sequence[str] | None = None) -> None:
    """Run the command line; a wrong input prints one line on standard error and exits with status 2."""
    command = typer.main.get_command(app)
    try:
        status = command.main(args=None if arguments is None else list(arguments), standalone_mode=False)
    except ClickException as error:
        message = error.format_message()
        if not message or len(sys.argv[1:] if arguments is None else arguments) == 0:
            sys.exit(0)
        _fail(f"{message.rstrip('.')}; see 'cevnsjax --help'")
    except InputError as error:
        _fail(str(error))
    except (typer.Abort, KeyboardInterrupt):
        sys.exit(130)
    sys.exit(status if isinstance(status, int) else 0)


def _fail(message: str) -> None:
    typer.echo("cevnsjax: " + " ".join(message.split()), err=True)
    sys.exit(2)

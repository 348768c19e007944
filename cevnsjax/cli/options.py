"""What the commands share: their options, and how they read and show values."""

import contextlib
import json
import math
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cevnsjax.errors import InputError, unknown_name
from cevnsjax.interactions import MODELS
from cevnsjax.parameters import check_value
from cevnsjax.rates import CHANNELS
from cevnsjax.statistics import Likelihood
from cevnsjax.statistics.intervals import Interval

if TYPE_CHECKING:
    from cevnsjax.plotting import Overlay

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
SystematicsSet = Annotated[
    str,
    typer.Option(
        "--systematics", metavar="SET", help="A set of nuisances of the experiments' descriptions, such as detailed."
    ),
]
Level = Annotated[float, typer.Option("--cl", metavar="CL", help="Confidence level of the intervals.")]
Overlays = Annotated[
    list[Path] | None,
    typer.Option("--overlay", metavar="FILE.csv", help="Curves of others to draw; may stand several times."),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object and nothing else.")]


def fixed_values(likelihood: Likelihood, assignments: Sequence[str] | None) -> dict[str, float]:
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


def likelihood_of(exps: Sequence[Any], model: str, channel: str, systematics: str) -> Likelihood:
    """Return the likelihood, and say on standard error what must be known of its data."""
    likelihood = Likelihood(*exps, model=model, channel=channel, systematics=systematics)
    for note in likelihood.notes:
        typer.echo(f"note: {note}", err=True)
    return likelihood


def names_of(text: str | None) -> list[str] | None:
    """Return the names of a list with commas, None where it was not given."""
    return None if text is None else [name.strip() for name in text.split(",") if name.strip()]


@contextlib.contextmanager
def status(text: str) -> Iterator[None]:
    """Show on a terminal's standard error that something is under way."""
    from rich.console import Console

    with Console(stderr=True).status(text):
        yield


@contextlib.contextmanager
def bar(text: str) -> Iterator[Callable[[int, int], None]]:
    """Give a function that moves a bar on a terminal's standard error."""
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True, disable=not sys.stderr.isatty()) as progress:
        task = progress.add_task(text, total=None)
        yield lambda done, total: progress.update(task, completed=done, total=total)


def check_figure(path: Path | None) -> None:
    """Raise `InputError` where a figure's name does not say a format that can be drawn."""
    if path is not None and path.suffix not in (".pdf", ".png", ".svg"):
        raise InputError(f"cannot draw '{path}': give a name that ends in .pdf, .png or .svg")


def check_folder(path: Path | None) -> None:
    """Find out before a long calculation that its result has no place."""
    if path is not None and not path.absolute().parent.is_dir():
        raise InputError(f"cannot write '{path}': there is no folder '{path.parent}'")


def read_overlays(paths: Sequence[Path] | None) -> "list[Overlay]":
    """Return the curves of others; matplotlib is imported only where there are any."""
    if not paths:
        return []
    from cevnsjax.plotting import read_overlay

    return [read_overlay(path) for path in paths]


def assigned(values: dict[str, float]) -> str:
    """Return values as text."""
    return ", ".join(f"{name} = {value:.6g}" for name, value in values.items())


def print_json(content: dict[str, Any], likelihood: Likelihood | None = None) -> None:
    """Print one JSON object, with the notes on the data, if any.

    JSON has no word for what is infinite, which becomes null; a NaN is an error.
    """
    notes = {"notes": likelihood.notes} if likelihood is not None and likelihood.notes else {}
    typer.echo(json.dumps(_finite(content | notes), allow_nan=False))


def _finite(content: Any) -> Any:
    if isinstance(content, dict):
        return {key: _finite(value) for key, value in content.items()}
    if isinstance(content, list | tuple):
        return [_finite(value) for value in content]
    return None if isinstance(content, float) and math.isinf(content) else content


def pieces(intervals: Sequence[Interval]) -> str:
    """Return intervals as text, an open end as an ellipsis."""
    shown = ("[" + ", ".join("..." if end is None else f"{end:.6g}" for end in piece) + "]" for piece in intervals)
    return " or ".join(shown) or "nothing"

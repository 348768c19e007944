"""The options that commands share, each in one place."""

from pathlib import Path
from typing import Annotated

import typer

__all__ = [
    "Axis",
    "Channel",
    "Experiment",
    "Experiments",
    "Figure",
    "Free",
    "Json",
    "Level",
    "Model",
    "Out",
    "Over",
    "Overlays",
    "Scheduler",
    "Seed",
    "Set",
    "SystematicsSet",
    "Toys",
    "Workers",
]

Experiment = Annotated[
    str, typer.Argument(metavar="EXP", help="An experiment: a name, NAME:PART, or the path of a TOML file.")
]
Experiments = Annotated[
    list[str],
    typer.Argument(metavar="EXP...", help="Experiments: names, NAME:PART, or paths of TOML files; several: joint."),
]
Model = Annotated[
    str,
    typer.Option(
        "--model",
        metavar="M",
        help="A model that `cevnsjax models` lists, NAME:radiative, or FILE.py:NAME for your own.",
    ),
]
Set = Annotated[
    list[str] | None,
    typer.Option("--set", metavar="NAME=VALUE", help="Fix a parameter, in its unit; may stand several times."),
]
Free = Annotated[
    str | None,
    typer.Option("--free", metavar="A,B", help="The free parameters; by default the model's own choice."),
]
Channel = Annotated[
    str,
    typer.Option("--channel", metavar="C", help="all; cevns: scattering off nuclei; eves: off electrons."),
]
SystematicsSet = Annotated[
    str,
    typer.Option(
        "--systematics", metavar="SET", help="A set of nuisances of the experiments' files, such as detailed."
    ),
]
Level = Annotated[float, typer.Option("--cl", metavar="CL", help="Confidence level, between 0 and 1.")]
Over = Annotated[str, typer.Option("--over", metavar="NAME", help="The parameter.")]
Axis = tuple[str, float, float, int]
Seed = Annotated[
    int, typer.Option("--seed", metavar="N", min=0, max=2**32 - 1, help="Of the random numbers, below 2^32.")
]
Toys = typer.Option("--toys", metavar="N", help="The number of toys, at each point of a grid.")
Out = Annotated[Path | None, typer.Option("--out", metavar="FILE.nc", help="Write the result as NetCDF, too.")]
Figure = Annotated[
    Path | None, typer.Option("--figure", metavar="FILE", help="Draw it into a file .pdf, .png or .svg.")
]
Overlays = Annotated[
    list[Path] | None,
    typer.Option("--overlay", metavar="FILE.csv", help="Curves of others to draw; may stand several times."),
]
Scheduler = Annotated[
    str | None,
    typer.Option(
        "--scheduler",
        metavar="ADDRESS",
        help="Spread the work over the Dask cluster at this address, tcp://HOST:PORT; the numbers stay the same.",
    ),
]
Workers = Annotated[
    int | None,
    typer.Option(
        "--workers", metavar="N", help="Spread the work over N processes of this machine; the numbers stay the same."
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object on standard output, and nothing else.")]

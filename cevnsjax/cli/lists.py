"""The commands that list what there is: experiments and models."""

import tomllib
from pathlib import Path
from typing import Annotated, Any

import typer

from cevnsjax.cli.options import Json
from cevnsjax.cli.output import print_json
from cevnsjax.resources import data_folder

__all__ = ["experiments", "models"]


def experiments(
    copy: Annotated[
        tuple[str, Path] | None,
        typer.Option("--copy", metavar="NAME FOLDER", help="Copy an experiment's or a combination's files."),
    ] = None,
    as_json: Json = False,
) -> None:
    """List the embedded experiments and combinations, or copy one.

    Each line gives the name, the title, the reference, and the parts: analyses and variants that commands take as
    NAME:PART; a single run is given so, too. A combination is several experiments with a statement of what they share;
    commands take its name, or that of one of its experiments, NAME:EXPERIMENT. `--copy` writes the TOML file and its
    tables into a folder, which it makes; every command then takes the path of the TOML file in place of a name.

    **Examples**

    - `cevnsjax experiments`
    - `cevnsjax experiments --copy conus_plus mine`, then `cevnsjax fit mine/experiment.toml`
    - `cevnsjax experiments --copy global_2026 mine`, then `cevnsjax fit mine/global_2026.toml`
    """
    if copy is not None:
        from cevnsjax.experiments import copy_experiment

        files = [str(path) for path in copy_experiment(*copy)]
        if as_json:
            print_json({"files": files})
        else:
            typer.echo("\n".join(files))
        return
    rows = [_experiment(path) for path in sorted(data_folder().glob("*/experiment.toml"))]
    combinations = [_combination(path) for path in sorted(data_folder().glob("combinations/*.toml"))]
    if as_json:
        print_json({"experiments": rows, "combinations": combinations})
        return
    for row in rows:
        parts = [f"{row['name']}:{part}" for part in row["parts"]]
        also = f"; also {', '.join(parts)}" if parts else ""
        typer.echo(f"{row['name']:<12}  {row['title']}; {row['reference']}{also}")
    for row in combinations:
        members = ", ".join(f"{row['name']}:{part}" for part in row["parts"])
        typer.echo(f"{row['name']:<12}  {row['title']}; a combination, version {row['version']}: {members}")


def _experiment(path: Path) -> dict[str, Any]:
    """Return what an embedded experiment's file says of itself, read without the machinery that checks it."""
    content = tomllib.loads(path.read_text(encoding="utf-8"))
    parts = [*content.get("analyses", {}), *content.get("variants", {})]
    return {
        "name": path.parent.name,
        "title": content["title"],
        "reference": content["reference"],
        "parts": [part for part in parts if part != "default"],
    }


def _combination(path: Path) -> dict[str, Any]:
    """Return what an embedded combination's file says of itself."""
    content = tomllib.loads(path.read_text(encoding="utf-8"))
    parts = [member["name"].partition(":")[0] for member in content["experiment"]]
    return {"name": path.stem, "title": content["title"], "version": content["version"], "parts": parts}


def models(as_json: Json = False) -> None:
    """List the models and their parameters.

    Each line gives the model's name, what it is, and its parameters with their units; parameters without a unit are
    numbers. Those with a star are free in a fit unless `--free` says otherwise. NAME:radiative is a model with
    radiative corrections in the couplings to nucleons. A model of your own is given as FILE.py:NAME, where NAME is an
    interaction or a model.

    **Examples**

    - `cevnsjax models`
    - `cevnsjax fit conus_plus --model my_models.py:contact`
    """
    from cevnsjax.interactions import MODELS

    if as_json:
        listed = []
        for m in MODELS.values():
            parameters = [
                {"name": p.name, "default": p.default, "unit": p.unit, "bounds": list(p.bounds)}
                | {"description": p.description}
                for p in m.parameters
            ]
            listed.append(
                {"name": m.name, "description": m.description, "free": list(m.free), "parameters": parameters}
            )
        print_json({"models": listed})
        return
    for m in MODELS.values():
        names = ", ".join(
            f"{p.name}{'*' if p.name in m.free else ''}{f' [{p.unit}]' if p.unit else ''}" for p in m.parameters
        )
        typer.echo(f"{m.name:<18}  {m.description}; parameters: {names}")
    typer.echo("* free in a fit unless --free says otherwise")

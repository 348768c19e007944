"""The command that reproduces the papers."""

from pathlib import Path
from typing import Annotated

import typer

import cevnsjax.reproduce as studies
from cevnsjax.cli.app import command_line
from cevnsjax.cli.inputs import names_of
from cevnsjax.cli.options import Json, Overlays
from cevnsjax.cli.output import print_json
from cevnsjax.cli.surroundings import prepare
from cevnsjax.provenance import provenance_of
from cevnsjax.results import check_folder

__all__ = ["reproduce"]


def reproduce(
    out: Annotated[Path, typer.Option("--out", metavar="DIR", help="The folder to write.")] = Path("cevnsjax_results"),
    only: Annotated[
        str | None, typer.Option("--only", metavar="STUDY,...", help="These studies only; by default all of them.")
    ] = None,
    overlay: Overlays = None,
    processes: Annotated[
        int | None,
        typer.Option(
            "--processes",
            metavar="N",
            help="Work in N processes side by side, some 0.7 GB each; the numbers stay the same. "
            "By default one for each processor and study, but at most 4.",
        ),
    ] = None,
    as_json: Json = False,
) -> None:
    """Make the tables and figures of the papers.

    Writes figures (PDF and PNG), every curve (NetCDF), `report.md` and `report.json`. A study is written when it is
    done; a run that was cut goes on with the next one. Curves of others (`--overlay`) are drawn into the planes whose
    parameters their CSV files name.

    **Examples**

    - `cevnsjax reproduce --out paper`
    - `cevnsjax reproduce --only conus_plus`
    - `cevnsjax reproduce --processes 1`, in the least memory
    """
    chosen = names_of(only)
    check_folder(out)
    studies.check_processes(processes)
    studies.share_processors(processes, len(chosen or studies.STUDIES))
    prepare()
    content = studies.reproduce(out, overlay or (), chosen, processes)
    if as_json:
        print_json(content, provenance_of(None, "reproduce", command_line.get(None), only=chosen))
        return
    typer.echo(f"wrote {out / 'report.md'} and the figures and curves beside it")

"""The command that prints what to cite."""

from dataclasses import asdict
from typing import Annotated

import typer

from cevnsjax.cli.options import Json
from cevnsjax.cli.output import print_json
from cevnsjax.provenance import cite as citation_of

__all__ = ["cite"]


def cite(
    exps: Annotated[
        list[str] | None, typer.Argument(metavar="[EXP]...", help="Experiments or combinations; none: the package.")
    ] = None,
    model: Annotated[
        str | None, typer.Option("--model", metavar="MODEL", help="Add the sources of this model's formulas.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Print what to cite, as BibTeX.

    It is the package, papers and data releases of experiments, and the sources of a model's formulas. The first lines
    say which keys belong to which experiment; BibTeX skips them, so that the output is a .bib file. A combination gives
    all papers of its members. An experiment's file names its papers in `cite`, and so does an interaction of your own.

    **Examples**

    - `cevnsjax cite conus_plus --model millicharge`
    - `cevnsjax cite global_2026 > references.bib`
    """
    citation = citation_of(*(exps or []), model=model)
    if not as_json:
        typer.echo(str(citation))
        return
    entries = [{"key": e.key, "type": e.kind, "fields": e.fields} for e in citation.entries]
    print_json({**asdict(citation), "entries": entries, "bibtex": str(citation)})

"""The command that says where the documentation is."""

import re
from pathlib import Path
from typing import Annotated, Any

import typer

from cevnsjax.cli.options import Json
from cevnsjax.cli.output import print_json
from cevnsjax.errors import unknown_name
from cevnsjax.resources import docs_folder

__all__ = ["docs"]

BUILD = "python -m sphinx docs docs/_build/html"
"""The command that builds the site, in the folder of the checkout."""

FIRST = Path("_build", "html", "index.html")
"""The first page of the built site, in the folder of the pages."""


def docs(
    page: Annotated[
        str | None, typer.Argument(metavar="[PAGE]", help="A page, such as conventions: print the path of its file.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Say where the documentation is.

    Without a page: the folder, a line for each page with its title, and the first page of the site in HTML if it has
    been built. Pages are Markdown, so that any editor or pager shows them. The site has all of them, the notebooks with
    their figures, a page for each experiment, and a reference of all functions. It is built in the checkout by
    `python -m sphinx docs docs/_build/html`, which needs `pip install ".[docs]"` and no network.

    **Examples**

    - `cevnsjax docs`
    - `less $(cevnsjax docs conventions)`
    """
    folder = docs_folder()
    pages = {path.stem: path for path in sorted(folder.glob("*.md"))}
    if page is not None:
        if page not in pages:
            raise unknown_name("page", page, pages)
        print_json({"page": _about(pages[page])}) if as_json else typer.echo(str(pages[page]))
        return
    rows = [_about(path) for path in pages.values()]
    built = folder / FIRST
    site = str(built) if built.is_file() else None
    if as_json:
        print_json({"folder": str(folder), "site": site, "pages": rows})
        return
    typer.echo(f"pages: {folder}")
    width = max(len(row["name"]) for row in rows)
    for row in rows:
        typer.echo(f"  {row['name']:<{width}}  {row['title']}")
    typer.echo(f"site: {site or f'not built; in a checkout: {BUILD}'}")


def _about(path: Path) -> dict[str, Any]:
    """Return a page's name, its title, which is its first heading, and its file."""
    heading = re.search(r"^# (.+)$", path.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return {"name": path.stem, "title": path.stem if heading is None else heading[1], "file": str(path)}

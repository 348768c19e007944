"""Files of exported likelihoods, with what they were made from."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cevnsjax.likelihood import Likelihood
from cevnsjax.provenance import answer, provenance_of
from cevnsjax.results.files import check_target, replace_file, write_json

__all__ = ["check_export", "export_files", "write_export"]

CLOSED = ("pyhf",)
"""Formats whose documents must not have keys of others: their provenance is a file of its own."""


def export_files(path: Path, to: str) -> list[Path]:
    """Return the files that an export to the format `to` writes at `path`.

    They are the document, and its provenance where the format has no place for it.

    >>> from pathlib import Path
    >>> from cevnsjax.results import export_files
    >>> [file.name for file in export_files(Path("workspace.json"), "pyhf")]
    ['workspace.json', 'workspace.provenance.json']
    """
    return [path, path.with_name(f"{path.stem}.provenance.json")] if to in CLOSED else [path]


def check_export(path: Path, to: str) -> None:
    """Raise `InputError` where a file of an export to the format `to` cannot be written at `path`.

    >>> from pathlib import Path
    >>> from cevnsjax.results import check_export
    >>> check_export(Path("workspace.json"), "pyhf")
    """
    check_target(path)  # first: a folder has no name for the file beside it
    for target in export_files(path, to):
        check_target(target)


def write_export(path: Path | str, likelihood: Likelihood, to: str = "json", **request: Any) -> dict[str, Any]:
    """Write what `cevnsjax.export` gives of a `likelihood` into a file at `path`, with provenance and notes; return it.

    `to` is the format. `request` are the other arguments of `export`, and `command_line`, the words of a command. A
    workspace of pyhf has no place for a provenance; it then goes into a file beside it, NAME.provenance.json. Raises
    `InputError` as `export` does, and before any work where a file cannot be written.

    >>> from cevnsjax.results import write_export
    >>> document = write_export("conus_plus.json", cevnsjax.Likelihood("conus_plus"))
    >>> document["provenance"]["command"]
    'export'
    """
    path = Path(path)
    check_export(path, to)
    words = request.pop("command_line", None)
    asked = {"to": to, **request}
    document = answer(likelihood, "export", asked)
    about = {"notes": likelihood.notes, "provenance": provenance_of(likelihood, "export", words, **asked)}
    if to in CLOSED:
        _, beside = export_files(path, to)
        write_json(beside, about)
    elif to == "hs3":  # the standard's place for what it does not define
        document = {**document, "misc": {"cevnsjax": {**document["misc"]["cevnsjax"], **about}}}
    else:
        document = {**document, **about}
    replace_file(path, (lines(document) + "\n").encode())
    return document


def lines(content: Any, indent: str = "") -> str:
    """Return JSON with one entry a line, lists of plain numbers and texts on one line; a NaN is an error."""
    inner = indent + " "
    if isinstance(content, Mapping) and content:
        entries = [f"{inner}{json.dumps(key)}: {lines(value, inner)}" for key, value in content.items()]
        return "{\n" + ",\n".join(entries) + f"\n{indent}}}"
    if isinstance(content, list) and any(isinstance(item, Mapping | list) for item in content):
        return "[\n" + ",\n".join(inner + lines(item, inner) for item in content) + f"\n{indent}]"
    return json.dumps(content, allow_nan=False)

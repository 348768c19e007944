"""The page docs/benchmarks.md, written from the JSON files of the results: no number on it is typed."""

import ast
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

__all__ = ["page", "read_results", "table"]

HEAD = ("what", "value", "aim", "rival", "ratio", "what bounds it")

INTRODUCTION = """# Benchmarks

    python -m benchmarks [NAME ...] [--quick]

measures, writes a JSON file for each benchmark into `benchmarks/results/`, and writes this page from these files. Each
rival is measured in the same run. A benchmark stops where the rival's numbers differ from the package's. Times are
medians of several runs; first calls, which may compile, stand in rows of their own. `--quick` takes small sizes: it
shows that everything works, and writes nothing.

The column "aim" has the aim and whether it is reached, or the factor by which it is missed. The column "ratio" compares
with the rival: how many times slower the rival is. Where the rival is a bare `import jax`, or memory without added
bins, it is how many times more the package takes.

The code paths of several devices are tested with four devices that a processor stands in for.
{card}
"""

CARD = "Rows of a graphics card stand in a table of their own, below those of the processor."
NO_CARD = "No graphics card was at hand: all rows are those of a processor."


def read_results(folder: Path, names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """Return the results that a folder has, by the benchmarks' names, in the order of the names."""
    paths = {name: folder / f"{name}.json" for name in names}
    return {name: json.loads(path.read_text(encoding="utf-8")) for name, path in paths.items() if path.is_file()}


def table(rows: Sequence[Mapping[str, Any]]) -> str:
    """Return rows as a table in Markdown."""
    lines = [HEAD, ("---",) * len(HEAD)]
    for one in rows:
        missing, ratio = one["missing"], one["ratio"]
        reached = "" if missing is None else ", reached" if missing <= 1 else f", missed by {missing:.3g} times"
        compared = "" if ratio is None else f"{ratio:.3g}"
        lines.append((one["what"], one["value"], one["aim"] + reached, one["rival"], compared, one["bound"]))
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def page(
    processor: Mapping[str, Mapping[str, Any]], card: Mapping[str, Mapping[str, Any]], names: Sequence[str]
) -> str:
    """Return the page: for each benchmark the first paragraph of its docstring, and a table for each device."""
    parts = [INTRODUCTION.format(card=CARD if card else NO_CARD)]
    for name in names:
        source = (Path(__file__).parent / f"{name}.py").read_text(encoding="utf-8")
        title, _, rest = (ast.get_docstring(ast.parse(source)) or "").partition("\n")
        first = rest.strip().partition("\n\n")[0]
        text = f"## {name.replace('_', ' ').capitalize()}\n\n{title}\n"
        parts.append(text + (f"\n{first}\n" if first else ""))
        measured = [results[name] for results in (processor, card) if name in results]
        if not measured:
            parts.append("Not measured yet.\n")
        for one in measured:
            small = "Small sizes, which the aims are not for. " if one["quick"] else ""
            parts += [table(one["rows"]) + "\n", small + _measured_on(one["machine"]) + "\n"]
    return "\n".join(parts)


def _measured_on(machine: Mapping[str, Any]) -> str:
    return (
        f"Measured on {machine['cores']} cores ({machine['device']}, {machine['architecture']}), load "
        f"{machine['load']:g} at the end, with Python {machine['python']}, jax {machine['jax']}, NumPy "
        f"{machine['numpy']}."
    )

"""How pages are written: templates with placeholders, tables, and numbers as text."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from string import Template

__all__ = ["at_cl", "filled", "interval", "pieces", "table", "with_errors"]

TEMPLATES = Path(__file__).parent / "templates"

Ends = Sequence[float | None]


def filled(name: str, values: Mapping[str, str]) -> str:
    """Return the template `templates/NAME.md` with its placeholders ${...} filled in; a missing one is a KeyError."""
    return Template((TEMPLATES / f"{name}.md").read_text(encoding="utf-8")).substitute(values)


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a table; a bar inside a cell would end it, and is set apart."""
    lines = (header, ["---"] * len(header), *rows)
    escaped = ([cell.replace("|", r"\|") for cell in cells] for cells in lines)
    return "\n".join(f"| {' | '.join(cells)} |" for cells in escaped)


def with_errors(numbers: Ends, digits: str) -> str:
    """Return a value, and its errors where the low and the high end are known."""
    value, low, high = numbers
    assert value is not None
    if low is None or high is None:
        return f"{value:{digits}}"
    return f"{value:{digits}} +{high - value:{digits}} -{value - low:{digits}}"


def interval(ends: Ends, kind: str = "interval") -> str:
    """Return a limit as it is quoted: an interval, or one number."""
    return f"< {_end(ends[1])}" if kind != "interval" else f"[{_end(ends[0])}, {_end(ends[1])}]"


def pieces(intervals: Sequence[Ends]) -> str:
    """Return the pieces of what is allowed."""
    return " or ".join(f"< {_end(high)}" if low is None else interval((low, high)) for low, high in intervals)


def at_cl(cl: float) -> str:
    """Return a confidence level as text."""
    return f"{100 * cl:g} % CL"


def _end(value: float | None) -> str:
    return "..." if value is None else f"{value:.4g}"

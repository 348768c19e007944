"""Published results, as `data/published/` has them, and rows that set them beside those obtained."""

from collections.abc import Mapping, Sequence
from typing import Any

from cevnsjax.inference import Interval
from cevnsjax.resources import data_folder, read_rows

__all__ = [
    "Estimate",
    "beside",
    "ends_of",
    "half_width",
    "outer_ends",
    "published_by",
    "published_limits",
    "published_rows",
]

Estimate = tuple[float, float | None, float | None]
"""A value and the ends of its interval, None where there is none or it is open."""


def published_rows(table: str) -> list[dict[str, str]]:
    """Return the rows of a table of `data/published/`."""
    return read_rows(data_folder() / "published" / f"{table}.csv")


def published_by(table: str, key: str) -> dict[str, dict[str, str]]:
    """Return the rows of a table of `data/published/` by the value of a column."""
    return {row[key]: row for row in published_rows(table)}


def published_limits() -> dict[tuple[str, str], dict[str, str]]:
    """Return the rows of `data/published/limits.csv` by quantity and experiment."""
    return {(row["quantity"], row["experiment"]): row for row in published_rows("limits")}


def ends_of(row: Mapping[str, str]) -> Interval:
    """Return the ends of a published interval, None where there is none."""
    low, high = (float(row[end]) if row.get(end) else None for end in ("low", "high"))
    return low, high


def beside(row: dict[str, str], obtained: Estimate) -> dict[str, Any]:
    """Return a published value with its interval beside the one obtained, and the deviation of the value as a share.

    `obtained` is (value, low, high), the ends None where there are none.
    """
    published = [float(row["value"]), *ends_of(row)]
    about = {name: row[name] for name in ("name", "unit", "cl", "source")}
    return {
        **about,
        "published": published,
        "obtained": list(obtained),
        "deviation": obtained[0] / float(row["value"]) - 1,
    }


def outer_ends(intervals: Sequence[Interval] | Sequence[list[float | None]], kind: str) -> Interval:
    """Return the outer ends of all pieces, in the form in which a limit is quoted: `kind` is a column of `limits`."""
    low, high = intervals[0][0], intervals[-1][1]
    return (low, high) if kind == "interval" else (None, high)


def half_width(ends: Interval) -> float:
    """Return half the width of an interval, or the limit where there is one end."""
    low, high = ends
    if high is None:
        raise RuntimeError("a limit is open: the data say nothing of it")
    return high if low is None else (high - low) / 2

"""Published results, as `data/published/` has them, and rows that set them beside those obtained."""

from typing import Any

from cevnsjax.resources import data_folder, read_rows

__all__ = ["beside", "published_by", "published_rows"]


def published_rows(table: str) -> list[dict[str, str]]:
    """Return the rows of a table of `data/published/`."""
    return read_rows(data_folder() / "published" / f"{table}.csv")


def published_by(table: str, key: str) -> dict[str, dict[str, str]]:
    """Return the rows of a table of `data/published/` by the value of a column."""
    return {row[key]: row for row in published_rows(table)}


def beside(row: dict[str, str], obtained: tuple[float, float | None, float | None]) -> dict[str, Any]:
    """Return a published value with its interval beside the one obtained, and the deviation of the value as a share.

    `obtained` is (value, low, high), the ends None where there are none.
    """
    low, high = (float(row[end]) if row.get(end) else None for end in ("low", "high"))
    published = [float(row["value"]), low, high]
    about = {name: row[name] for name in ("name", "unit", "cl", "source")}
    return {
        **about,
        "published": published,
        "obtained": list(obtained),
        "deviation": obtained[0] / float(row["value"]) - 1,
    }

"""How the report writes numbers and tables."""

from collections.abc import Iterable, Sequence

__all__ = ["interval", "pieces", "table", "with_errors"]


def table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Return the lines of a table."""
    return [f"| {' | '.join(cells)} |" for cells in (header, ["---"] * len(header), *rows)]


def with_errors(numbers: Sequence[float | None], digits: str) -> str:
    """Return a value, and its errors if the low and high ends are known."""
    value, low, high = numbers
    assert value is not None
    if low is None or high is None:
        return f"{value:{digits}}"
    return f"{value:{digits}} +{high - value:{digits}} -{value - low:{digits}}"


def interval(ends: Sequence[float | None], kind: str = "interval") -> str:
    """Return a limit as it is quoted: an interval, or one number."""
    return f"< {_end(ends[1])}" if kind != "interval" else f"[{_end(ends[0])}, {_end(ends[1])}]"


def pieces(intervals: Sequence[Sequence[float | None]]) -> str:
    """Return the pieces of what is allowed."""
    return " or ".join(f"< {_end(high)}" if low is None else interval((low, high)) for low, high in intervals)


def _end(value: float | None) -> str:
    return "..." if value is None else f"{value:.4g}"

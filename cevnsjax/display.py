"""Tables in HTML, for what notebooks show of an object."""

from collections.abc import Iterable, Sequence
from html import escape

__all__ = ["html_table", "with_error"]


def html_table(head: Sequence[str], rows: Iterable[Sequence[object]], caption: str = "") -> str:
    """Return a table in HTML; the first cell of a row names it. All texts are escaped.

    >>> from cevnsjax.display import html_table
    >>> html_table(["name", "value"], [["k", 0.162]])
    '<table><thead><tr><th>name</th><th>value</th></tr></thead><tbody><tr><th>k</th><td>0.162</td></tr></tbody></table>'
    """
    title = f"<caption>{escape(caption)}</caption>" if caption else ""
    heads = "".join(f"<th>{escape(text)}</th>" for text in head)
    body = "".join(
        f"<tr><th>{escape(str(first))}</th>" + "".join(f"<td>{escape(str(cell))}</td>" for cell in cells) + "</tr>"
        for first, *cells in rows
    )
    return f"<table>{title}<thead><tr>{heads}</tr></thead><tbody>{body}</tbody></table>"


def with_error(value: float, error: float | None) -> str:
    """Return a value with its error, both to the second digit of the error; without an error, six digits.

    >>> from cevnsjax.display import with_error
    >>> with_error(0.98765, 0.0456), with_error(3.2e-10, 1e-11), with_error(0.258164, None)
    ('0.988 ± 0.046', '(3.20 ± 0.10)e-10', '0.258164')
    """
    if error is None or not error > 0:
        return f"{value:.6g}"
    power = int(f"{max(abs(value), error):e}".split("e")[1])
    if not -4 < power < 6:
        return f"({_rounded(value / 10.0**power, error / 10.0**power)})e{power}"
    return _rounded(value, error)


def _rounded(value: float, error: float) -> str:
    digits = max(1 - int(f"{error:.1e}".split("e")[1]), 0)
    return f"{value:.{digits}f} ± {error:.{digits}f}"

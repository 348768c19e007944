"""Texts of mathematical expressions as HS3 has them: numbers, sums, products.

Only +, -, *, /, brackets and the functions exp, abs and max occur. Powers are written as products: the sign of a power
differs between readers.
"""

import math
import re
from collections.abc import Iterable

__all__ = ["identifier", "number", "plus", "times"]


def number(value: float) -> str:
    """Return a number with all its digits, in brackets if it is negative; with a point before an exponent."""
    text = repr(float(value))
    if "e" in text and "." not in text:
        text = text.replace("e", ".0e")
    return f"({text})" if text.startswith("-") else text


def times(*factors: str | float) -> str:
    """Return a product; numbers are multiplied, and a factor of one is left out."""
    scale = math.prod(f for f in factors if not isinstance(f, str))
    texts = [f for f in factors if isinstance(f, str)]
    if scale != 1 or not texts:
        texts.insert(0, number(scale))
    return "*".join(texts)


def plus(summands: Iterable[str]) -> str:
    """Return a sum in brackets; "0.0" where nothing is added."""
    texts = list(summands)
    return f"({' + '.join(texts)})" if len(texts) > 1 else texts[0] if texts else number(0.0)


def identifier(text: str) -> str:
    """Return a name that can stand in an expression."""
    return re.sub(r"\W", "_", text)

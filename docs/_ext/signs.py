"""Signs of numbers in text: a minus sign, ± for +-, no break after <. Lines may break after a hyphen, within 1e-5."""

import re
from typing import Any

from docutils import nodes
from sphinx.application import Sphinx
from sphinx.transforms import SphinxTransform

__all__ = ["setup", "signed"]

MINUS = re.compile(r"(?<![\w.])-(?=[\d.])|(?<=[\d\]]e)-(?=\d)")
"""A hyphen before a number, or between the e and the digits of an exponent; none of a range, a date or a name."""


def signed(text: str) -> str:
    """Return a text with the signs of its numbers."""
    text = MINUS.sub("\N{MINUS SIGN}", text).replace("+-", "±")
    return re.sub(r"([<>±]) (?=\d)", "\\1\N{NO-BREAK SPACE}", text)


class Signs(SphinxTransform):
    """Writes signs in paragraphs and tables; code and mathematics stay as they are."""

    default_priority = 800

    def apply(self, **_: Any) -> None:
        """Replace the texts that have a sign."""
        for paragraph in self.document.findall(nodes.paragraph):
            for text in list(paragraph.findall(nodes.Text)):
                if not isinstance(text.parent, nodes.literal | nodes.math) and (new := signed(text)) != text:
                    text.parent.replace(text, nodes.Text(new))


def setup(app: Sphinx) -> dict[str, bool]:
    """Add the transform."""
    app.add_transform(Signs)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

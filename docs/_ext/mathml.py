"""Mathematics as MathML, made while the site is built: browsers show it by themselves, without scripts or fonts."""

from typing import Any

from docutils import nodes
from latex2mathml.converter import convert
from sphinx.application import Sphinx
from sphinx.errors import SphinxError

__all__ = ["setup"]


def _append(self: Any, node: nodes.Element, display: str) -> None:
    text = node.astext()
    try:
        self.body.append(convert(text, display=display))
    except Exception as error:
        raise SphinxError(f"{node.source}:{node.line}: cannot convert '{text}' to MathML: {error!r}") from error
    raise nodes.SkipNode


def _inline(self: Any, node: nodes.math) -> None:
    _append(self, node, "inline")


def _block(self: Any, node: nodes.math_block) -> None:
    _append(self, node, "block")


def setup(app: Sphinx) -> dict[str, bool]:
    """Register the renderer `mathml`."""
    app.add_html_math_renderer("mathml", (_inline, None), (_block, None))
    return {"parallel_read_safe": True, "parallel_write_safe": True}

"""The changelog as a page, its links relative to the site."""

from pathlib import Path

import written
from sphinx.application import Sphinx
from sphinx.config import Config

__all__ = ["setup"]


def _pages(app: Sphinx, config: Config) -> None:
    text = (Path(app.srcdir).parent / "CHANGELOG.md").read_text(encoding="utf-8")
    written.pages(Path(app.srcdir) / "changes", {"index.md": text.replace("](docs/", "](../")})


def setup(app: Sphinx) -> dict[str, bool]:
    """Make the page before Sphinx looks for sources."""
    app.connect("config-inited", _pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

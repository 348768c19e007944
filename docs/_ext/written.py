"""Generated pages: written where they differ from those there, so that Sphinx reads again only what has changed."""

from collections.abc import Mapping
from pathlib import Path

__all__ = ["pages"]


def pages(folder: Path, contents: Mapping[str, str | bytes]) -> None:
    """Make a folder hold these files and no others."""
    folder.mkdir(exist_ok=True)
    for old in folder.iterdir():
        if old.name not in contents:
            old.unlink()
    for name, content in contents.items():
        path, new = folder / name, content if isinstance(content, bytes) else content.encode()
        if not path.exists() or path.read_bytes() != new:
            path.write_bytes(new)

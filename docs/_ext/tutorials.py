"""The notebooks as pages, run while the site is built."""

from hashlib import sha256
from pathlib import Path

import written
from sphinx.application import Sphinx
from sphinx.config import Config

import cevnsjax
from cevnsjax.resources import data_folder

__all__ = ["cache_folder", "kernels_folder", "setup"]

SHARED = "import cevnsjax\n\ncevnsjax.cache_compilations()\ndel cevnsjax\n"
"""What each kernel does first: the programs it compiles are kept for the next one."""


def cache_folder(parent: Path) -> Path:
    """Return the folder that keeps executed notebooks, named by a digest of the package and its data."""
    package, digest = Path(cevnsjax.__file__).parent, sha256()
    for path in [*sorted(package.rglob("*.py")), *sorted(p for p in data_folder().rglob("*") if p.is_file())]:
        digest.update(path.read_bytes())
    return parent / "notebooks" / digest.hexdigest()[:16]


def kernels_folder(parent: Path) -> Path:
    """Return the folder of IPython's settings, made if need be: by them kernels share what they compile."""
    folder = parent / "ipython"
    startup = folder / "profile_default" / "startup"
    startup.mkdir(parents=True, exist_ok=True)
    (startup / "shared_programs.py").write_text(SHARED, encoding="utf-8")
    return folder


def _pages(app: Sphinx, config: Config) -> None:
    source = Path(app.srcdir)
    notebooks = sorted((source.parent / "notebooks").glob("*.ipynb"))
    pages = {path.name: path.read_text(encoding="utf-8") for path in notebooks}
    entries = "\n".join(path.stem for path in notebooks)
    pages["index.md"] = f"{HEAD}\n\n```{{toctree}}\n:maxdepth: 1\n\n{entries}\n```\n"
    written.pages(source / "tutorials", pages)


HEAD = """# Tutorials

Notebooks, run when this site is built. Their figures and numbers are those of this version."""


def setup(app: Sphinx) -> dict[str, bool]:
    """Make the pages before Sphinx looks for sources."""
    app.connect("config-inited", _pages)
    return {"parallel_read_safe": True, "parallel_write_safe": True}

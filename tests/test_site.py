"""The documentation site: built once without a warning, with its notebooks run; its links, numbers and pictures."""

import html.parser
import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from urllib.parse import unquote, urlsplit

import nbformat
import pytest

import cevnsjax
from cevnsjax.cli.app import COMMANDS
from cevnsjax.experiments import experiment_names

ROOT = Path(__file__).parents[1]
NOTEBOOKS = sorted((ROOT / "notebooks").glob("*.ipynb"))

sys.path.insert(0, str(ROOT / "docs" / "_ext"))

RESULTS = {
    "conus_plus": {
        "comparisons": [{"name": "sin2_theta_w", "obtained": [0.123, 0.1, 0.15]}],
        "limits": [{"quantity": "mu_nu_e", "channel": "cevns", "obtained": [None, 7.77e-10]}],
    }
}
"""A study's JSON, cut to what a page reads, with numbers that nobody obtained."""


class Page(html.parser.HTMLParser):
    """What a page points to, what it loads, and its anchors."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.links: list[str] = []
        self.loaded: list[str] = []
        self.anchors: set[str] = set()
        self.text = path.read_text(encoding="utf-8")
        self.feed(self.text)

    def handle_starttag(self, tag, attrs):
        given = dict(attrs)
        self.anchors |= {given[key] for key in ("id", "name") if given.get(key)}
        if tag == "a" and given.get("href"):
            self.links.append(given["href"])
        if tag in ("img", "script", "iframe", "source", "object") and (given.get("src") or given.get("data")):
            self.loaded.append(given.get("src") or given["data"])
        if tag == "link" and given.get("rel") not in ("index", "search", "next", "prev"):
            self.loaded.append(given["href"])


@pytest.fixture(scope="module")
def site(tmp_path_factory) -> Path:
    """The site, built from a copy of its sources so that the checkout stays as it is."""
    folder = tmp_path_factory.mktemp("site")
    generated = ("_build", "tutorials", "data", "results", "api", "commands", "changes")
    shutil.copytree(ROOT / "docs", folder / "docs", ignore=shutil.ignore_patterns(*generated, "__pycache__"))
    shutil.copytree(ROOT / "notebooks", folder / "notebooks")
    shutil.copy(ROOT / "CHANGELOG.md", folder)
    results = folder / "cevnsjax_results"
    results.mkdir()
    (results / "report.json").write_text(json.dumps({"studies": RESULTS}))
    (results / "conus_plus.md").write_text("# A study\n\n`fig1_spectrum` shows it.\n")
    shutil.copy(ROOT / "docs" / "images" / "fig1_spectrum.png", results)
    paths = [str(Path(cevnsjax.__file__).parents[1]), os.environ.get("PYTHONPATH")]
    surroundings = os.environ | {"PYTHONPATH": os.pathsep.join(filter(None, paths)), "CEVNSJAX_RESULTS": str(results)}
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", str(folder / "docs"), str(folder / "html")]
    built = subprocess.run(command, cwd=folder, env=surroundings, capture_output=True, text=True, check=False)
    assert built.returncode == 0, built.stdout + built.stderr
    return folder / "html"


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    return {path: Page(path) for path in sorted(site.rglob("*.html")) if path.parent.name != "_static"}


def test_no_link_is_broken(site: Path, pages: dict[Path, Page]) -> None:
    """Files and anchors within the site; addresses outside are https."""
    broken = []
    for path, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme:
                if not (parts.scheme == "https" and "." in parts.netloc):
                    broken.append((path.name, link))
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            anchored = not parts.fragment or target not in pages or unquote(parts.fragment) in pages[target].anchors
            if not target.is_file() or not target.is_relative_to(site) or not anchored:
                broken.append((str(path.relative_to(site)), link))
    assert len(pages) > 50
    assert not broken


def test_readers_fetch_nothing_from_elsewhere(site: Path, pages: dict[Path, Page]) -> None:
    for path, page in pages.items():
        for address in page.loaded:
            assert not urlsplit(address).netloc, f"{path.name} loads {address}"
            assert (path.parent / unquote(urlsplit(address).path)).is_file() or address.startswith("data:")
    for style in site.rglob("*.css"):
        assert not re.search(r"(?:url\(|@import)\s*[\"']?(?:https?:)?//", style.read_text(encoding="utf-8")), style.name


def test_the_first_screen_shows_a_result(pages: dict[Path, Page], site: Path) -> None:
    page = pages[site / "index.html"]
    assert "sin^2(theta_W) = 0.258, 1 sigma from 0.204 to 0.316" in page.text
    assert any(address.endswith(".png") for address in page.loaded)
    (cell,) = re.findall(r"```\{code-cell\} python3\n(.*?)```", (ROOT / "docs/index.md").read_text(), flags=re.DOTALL)
    assert sum(bool(line.strip()) for line in cell.splitlines()) <= 10


@pytest.mark.parametrize("path", NOTEBOOKS, ids=lambda path: path.stem)
def test_notebooks_run_and_show_figures(path: Path, site: Path) -> None:
    """They are committed without outputs; the site has run them, each in a kernel of its own."""
    cells = [cell for cell in nbformat.read(path, as_version=4).cells if cell.cell_type == "code"]
    assert all(not cell.outputs and cell.execution_count is None for cell in cells)
    executed = nbformat.read(site.parent / "jupyter_execute" / "tutorials" / path.name, as_version=4)
    shown = [o.get("data", {}) for cell in executed.cells if cell.cell_type == "code" for o in cell.outputs]
    assert shown
    assert any("image/png" in data for data in shown) or "own" in path.stem
    # A figure that is returned is drawn, and not printed as text.
    assert all("image/png" in data for data in shown if data.get("text/plain", "").startswith("<Figure"))
    assert (site / "tutorials" / f"{path.stem}.html").is_file()


def test_there_are_notebooks() -> None:
    assert len(NOTEBOOKS) >= 5


def test_every_experiment_has_a_page(site: Path, pages: dict[Path, Page]) -> None:
    for name in experiment_names():
        page = pages[site / "data" / f"{name}.html"]
        assert f"../_images/{name}.png" in page.loaded
        assert {"data", "published-and-obtained", "systematics", "the-file"} <= page.anchors


def test_published_stands_beside_obtained(site: Path, pages: dict[Path, Page]) -> None:
    """Published numbers are those of `data/published/`, obtained ones those of the studies' JSON."""
    text = re.sub(r"<[^>]+>", " ", pages[site / "data" / "conus_plus.html"].text)
    words = " ".join(text.replace("\N{MINUS SIGN}", "-").split())
    assert re.search(r"sin2_theta_w 0\.252 \+0\.056 -0\.064 0\.123 \+0\.027 -0\.023 A\. Chattaraj", words)
    assert re.search(r"mu_nu_e mu_B &lt; 5\.06e-10 &lt; 7\.77e-10 90 % CL, CEvNS alone", words)
    assert any("fig1_spectrum" in address for address in pages[site / "results" / "conus_plus.html"].loaded)


def test_without_results_pages_have_the_published_numbers_alone() -> None:
    from beside import beside

    for name in experiment_names():
        rows = beside(name, {})
        assert all(row.published and not row.obtained for row in rows)
        assert rows or name == "coherent_ge"


def test_numbers_have_signs() -> None:
    from signs import signed

    assert signed("[-0.31, 3.79]e-8") == "[\N{MINUS SIGN}0.31, 3.79]e\N{MINUS SIGN}8"
    assert signed("< 8, 395 +- 106") == "<\N{NO-BREAK SPACE}8, 395 ±\N{NO-BREAK SPACE}106"
    assert signed("1.2e-10, +0.05 -.06") == "1.2e\N{MINUS SIGN}10, +0.05 \N{MINUS SIGN}.06"
    for text in ("2-8 keV", "2026-11-29", "hep-ph/0508299", "nu-e", "v0.2-1", "--points", "e-folding"):
        assert signed(text) == text


def test_everything_public_is_documented(site: Path, pages: dict[Path, Page]) -> None:
    anchors = pages[site / "api" / "index.html"].anchors
    assert {f"cevnsjax.{name}" for name in cevnsjax.__all__} <= anchors
    assert "cevnsjax.inference.intervals.threshold" in pages[site / "api" / "inference.html"].anchors
    assert set(COMMANDS) <= pages[site / "commands" / "index.html"].anchors


def test_the_picture_of_the_rooms_is_that_of_the_code() -> None:
    from room_picture import PICTURE, picture

    assert PICTURE.read_text(encoding="utf-8") == picture(Path(cevnsjax.__file__).parent)

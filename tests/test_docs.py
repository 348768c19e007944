"""The documentation's own code, run as it stands; its links; and its table of parameters."""

import re
from pathlib import Path

import pytest

import cevnsjax
from cevnsjax.interactions import MODELS

ROOT = Path(__file__).parent.parent
PAGES = [ROOT / "README.md", ROOT / "CHANGELOG.md", ROOT / "data" / "README.md", *sorted((ROOT / "docs").glob("*.md"))]


def python_blocks(page: str) -> str:
    return "\n".join(re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), flags=re.DOTALL))


def test_a_new_interaction_is_one_short_class(likelihood) -> None:
    code = python_blocks("docs/interactions.md")
    body = re.search(r"class NeutronContact.*?(?=\n\n\n)", code, flags=re.DOTALL)
    assert body is not None
    assert body.group().count("\n") < 40
    names: dict = {}
    exec(compile(code, "docs/interactions.md", "exec"), names)
    pieces = names["result"].intervals["eps_n"]
    # chi^2 depends on Q_V^2 alone, up to the spread of the isotopes: two pieces, mirrored at -Q_V / N.
    centre = sum(end for piece in pieces for end in piece) / (2 * len(pieces))
    germanium = (32 * (0.5 - 2 * 0.23857) - 40.71 / 2) / 40.71
    assert centre == pytest.approx(-germanium, rel=0.01)
    assert names["likelihood"].chi2({}) == pytest.approx(float(likelihood.chi2({})), rel=1e-12)


def test_the_same_interaction_from_a_file(tmp_path: Path) -> None:
    """As the page says: imports, class and `contact` in a file, given as FILE.py:NAME."""
    code, _, _ = python_blocks("docs/interactions.md").partition("likelihood =")
    file = tmp_path / "my_models.py"
    file.write_text(code, encoding="utf-8")
    for name in ("contact", "NeutronContact"):
        model = cevnsjax.model(f"{file}:{name}")
        assert model.free == ("eps_n",)
        assert [p.name for p in model.parameters] == ["sin2_theta_w", "eps_n"]


def test_the_readme_example(capsys) -> None:
    exec(compile(python_blocks("README.md"), "README.md", "exec"), {})
    assert "FitResult(best_fit={'sin2_theta_w': 0.258" in capsys.readouterr().out


def test_a_figure_of_ones_own(tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    exec(compile(python_blocks("docs/figures.md"), "docs/figures.md", "exec"), names)
    assert {path.name for path in tmp_path.iterdir()} == {"nsi.pdf", "nsi.png"}
    (axes,) = names["figure"].axes
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels == ["CONUS+, CEvNS", "no change in germanium", "Standard Model"]
    assert axes.get_lines()[0].get_color() == "#CC79A7"


def test_the_table_of_parameters_is_complete() -> None:
    """Each parameter of the models, and each that all experiments share, with its unit."""
    text = (ROOT / "docs" / "conventions.md").read_text(encoding="utf-8")
    table = text.split("| parameter | unit |")[1].split("\n\n")[0]
    units = {}
    for line in table.splitlines()[2:]:
        names, unit = line.split("|")[1:3]
        units |= dict.fromkeys(re.findall(r"`(\w+)`", names), unit.strip())
    shared = ("norm", "quenching_k", "quenching_yield", "energy_shift", "nuclear_radius", "neutron_radius")
    expected = {p.name: p.unit for m in MODELS.values() for p in m.parameters}
    assert set(units) == {*expected, *shared}
    assert {name: unit for name, unit in units.items() if name in expected} == expected


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\(([^)\s]+)\)", page.read_text(encoding="utf-8"))
    missing = [t for t in targets if "://" not in t and not (page.parent / t.partition("#")[0]).exists()]
    assert not missing


def test_no_page_has_a_path_of_a_machine() -> None:
    for page in PAGES:
        assert not re.search(r"(?<![\w.])/(tmp|work|home|root)/", page.read_text(encoding="utf-8")), page

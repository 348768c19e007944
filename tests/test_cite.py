"""What to cite: each experiment and formula has its papers, keys lead to entries, and the output is BibTeX."""

import json
import re
from pathlib import Path

import pytest
import yaml

import cevnsjax
from cevnsjax.cli import main
from cevnsjax.errors import InputError
from cevnsjax.experiments import combination_names, experiment_names
from cevnsjax.interactions import MODELS
from cevnsjax.provenance.bibliography import bibliography, entries
from cevnsjax.resources import data_folder

ROOT = Path(__file__).parent.parent


def parsed(text: str) -> dict[str, dict[str, str]]:
    """Return the fields of all entries by key, from BibTeX with one field a line, by a reader of its own."""
    found: dict[str, dict[str, str]] = {}
    fields = None
    for line in text.splitlines():
        if match := re.fullmatch(r"@\w+\{(\w+),", line):
            assert fields is None, f"{line} stands within an entry"
            assert match[1] not in found, f"{match[1]} stands twice"
            fields = found[match[1]] = {}
        elif line == "}":
            fields = None
        elif fields is not None:
            match = re.fullmatch(r"  (\w+) = \{(.*)\},", line)
            assert match, line
            assert match[2].count("{") == match[2].count("}"), line
            assert match[1] not in fields, line
            fields[match[1]] = match[2]
        else:
            assert "@" not in line, "BibTeX would take it for an entry"
    assert fields is None
    return found


def test_the_bibliography_is_bibtex() -> None:
    by_key = parsed((data_folder() / "references.bib").read_text(encoding="utf-8"))
    assert by_key == {key: entry.fields for key, entry in bibliography().items()}
    for key, fields in by_key.items():
        assert re.fullmatch(r"20\d\d", fields["year"]), key
        assert "author" in fields or "collaboration" in fields, key
        assert {"journal", "eprint", "howpublished", "doi"} & set(fields), f"nothing leads to {key}"
        assert re.fullmatch(r"\d{4}\.\d{4,5}|hep-ph/\d{7}", fields.get("eprint", "0000.0000")), key
        assert re.fullmatch(r"10\.\d{4,5}/\S+", fields.get("doi", "10.0000/x")), key


def test_no_entry_is_forgotten() -> None:
    cited = {key for name in experiment_names() for key in cevnsjax.cite(name).keys}
    cited |= {key for name in MODELS for key in cevnsjax.cite(model=name).keys}
    # That of the package is not in the file; the contact interactions and the equivalent charge have no model's name.
    by_hand = {"bishara2017", "gupta2018", "cirelli2013", "studenikin2014"}
    assert set(bibliography()) == cited - {"cevnsjax"} | by_hand


@pytest.mark.parametrize("name", experiment_names())
def test_an_experiment_cites_what_its_reference_names(name: str) -> None:
    citation = cevnsjax.cite(name)
    (keys,) = citation.experiments.values()
    assert keys
    numbers = {bibliography()[key].fields.get("eprint") for key in keys}
    (experiment, *_) = cevnsjax.load_runs(name)
    assert experiment.identity.version
    assert experiment.identity.release
    assert set(re.findall(r"arXiv:(\d{4}\.\d{5})", experiment.identity.reference)) <= numbers


@pytest.mark.parametrize("name", combination_names())
def test_a_combination_cites_all_members(name: str) -> None:
    citation = cevnsjax.cite(name)
    members = {run.name for run in cevnsjax.load_runs(name)}
    assert set(citation.experiments) == members
    assert set(citation.keys) == {key for member in members for key in cevnsjax.cite(member).keys}
    one = sorted(members)[0]
    assert cevnsjax.cite(f"{name}:{one}").experiments == cevnsjax.cite(one).experiments


@pytest.mark.parametrize("name", MODELS)
def test_a_model_cites_its_formulas(name: str) -> None:
    assert cevnsjax.cite(model=name).model


def test_the_output_is_a_bib_file() -> None:
    text = str(cevnsjax.cite("global_2026", "conus_plus", model="nsi_tensor"))
    by_key = parsed(text)
    assert by_key["cevnsjax"]["version"] == cevnsjax.__version__
    assert {"conusplus2025", "coherent2020release", "barranco2012"} < set(by_key)
    assert "coherent_lar: coherent2021ar, coherent2020release" in text.splitlines()
    assert by_key == {entry.key: entry.fields for entry in entries(text)}


ENTRY = """@article{mine2026,
  author = {Doe, Jane},
  title = {Nested {braces {and} more}},
  journal = {J. Tests},
  year = 2026,
}"""


def test_own_experiments_and_interactions_cite_too(copied: Path, tmp_path: Path) -> None:
    file = copied / "experiment.toml"
    text = file.read_text()
    file.write_text(
        text.replace('cite = ["conusplus2025"]', f"cite = ['{' '.join(ENTRY.split())}', \"conusplus2025\"]")
    )
    model = tmp_path / "own.py"
    model.write_text(
        "from cevnsjax.interactions import Interaction\n\nclass Own(Interaction):\n    cite = ('berryman2019',)\n"
    )
    citation = cevnsjax.cite(file, model=f"{model}:Own")
    assert citation.keys == ("cevnsjax", "mine2026", "conusplus2025", "chattaraj2025", "berryman2019")
    assert citation.entries[1].fields["year"] == "2026"
    assert citation.entries[1].fields["title"] == "Nested {braces {and} more}"
    file.write_text(text.replace('cite = ["conusplus2025"]\n', ""))
    assert cevnsjax.cite(file).keys == ("cevnsjax",)
    assert "conus_plus: its file names nothing to cite" in str(cevnsjax.cite(file))


WRONG = {
    "conusplus2024": "unknown key of data/references.bib 'conusplus2024'; did you mean 'conusplus2025'?",
    "@article{a, year = {2026}": "is not closed in BibTeX",
    "@article{a, year = twenty}": "'year' of the BibTeX entry 'a' is no number; write it in braces",
    "@article{a, year {2026}}": "the BibTeX entry 'a' has 'year {2026}' where a field is expected",
    "@article{a, year = {1}}@article{b, year = {2}}": "is 2 BibTeX entries; give one for each item of cite",
}


@pytest.mark.parametrize("given", WRONG)
def test_wrong_items_are_refused(given: str, copied: Path) -> None:
    file = copied / "experiment.toml"
    file.write_text(file.read_text().replace('"conusplus2025"', f"'{given}'"))
    with pytest.raises(InputError, match=re.escape(WRONG[given])):
        cevnsjax.cite(file)


def run(capsys: pytest.CaptureFixture[str], *words: str) -> tuple[object, str, str]:
    with pytest.raises(SystemExit) as left:
        main(["cite", *words])
    captured = capsys.readouterr()
    return left.value.code, captured.out, captured.err


def test_the_command(capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = run(capsys, "coherent", "--model", "millicharge")
    assert (status, err) == (0, "")
    assert out == f"{cevnsjax.cite('coherent', model='millicharge')}\n"
    status, out, err = run(capsys, "coherent", "--model", "millicharge", "--json")
    content = json.loads(out)
    assert content["experiments"]["coherent_csi"] == ["coherent2022csi"]
    assert content["model"] == ["chattaraj2025"]
    by_key = parsed(content["bibtex"])
    assert {entry["key"]: entry["fields"] for entry in content["entries"]} == by_key
    assert list(parsed(run(capsys)[1])) == ["cevnsjax"]


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["conus_pluss"], "unknown experiment 'conus_pluss'; did you mean 'conus_plus'?"),
        (["conus:nothing"], "unknown part of conus 'nothing'"),
        (["coherent:dresden2"], "unknown experiment of coherent 'dresden2' (known: coherent_csi, coherent_lar)"),
        (["conus_plus", "--model", "none"], "unknown model 'none'"),
        (["missing.toml"], "cannot read the experiment file 'missing.toml'"),
    ],
)
def test_wrong_commands_end_in_one_line(words: list[str], message: str, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, err = run(capsys, *words)
    assert (status, out) == (2, "")
    assert message in err
    assert err.count("\n") == 1


def test_the_citation_file_says_the_same() -> None:
    """CITATION.cff has the title, authors and version of the package's own entry, and names this command."""
    content = yaml.safe_load((ROOT / "CITATION.cff").read_text(encoding="utf-8"))
    (package,) = cevnsjax.cite().entries
    assert content["title"] == package.fields["title"]
    assert "{" + content["authors"][0]["name"] + "}" == package.fields["author"]
    assert content["version"] == package.fields["version"]
    assert "cevnsjax cite" in content["message"]

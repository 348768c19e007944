"""Versions of data: a number of an experiment that changes needs a new version of its file."""

import csv
import hashlib
import json
import tomllib
from pathlib import Path

import numpy as np
import pytest

import cevnsjax
from cevnsjax.experiments import combination_names, experiment_names
from cevnsjax.provenance import provenance_of
from cevnsjax.resources import data_folder

KNOWN = Path(__file__).parent / "golden" / "data_versions.json"
WORDS = ("title", "reference", "warning", "version", "release", "cite", "description", "why")
"""Keys that no number depends on."""


def plain(content: object) -> object:
    """Return tables without the words."""
    if isinstance(content, dict):
        return {key: plain(value) for key, value in content.items() if key not in WORDS}
    return [plain(item) for item in content] if isinstance(content, list) else content


def digest_of(files: list[Path]) -> str:
    """Return a digest of what files say, without comments and words."""
    found = hashlib.sha256()
    for file in sorted(files):
        found.update(file.name.encode())
        if file.suffix == ".toml":
            text = json.dumps(plain(tomllib.loads(file.read_text(encoding="utf-8"))), sort_keys=True)
        elif file.suffix == ".csv":
            rows = [line for line in file.read_text(encoding="utf-8").splitlines() if not line.startswith("#")]
            text = json.dumps(list(csv.reader(rows)))
        else:
            with np.load(file) as arrays:
                kept = {name: arrays[name] for name in sorted(arrays.files) if arrays[name].dtype.kind != "U"}
            text = json.dumps({name: hashlib.sha256(array.tobytes()).hexdigest() for name, array in kept.items()})
        found.update(text.encode())
    return found.hexdigest()[:16]


def stated(name: str) -> dict[str, str]:
    """Return the version that a file states, and the digest of its numbers."""
    folder = data_folder()
    files = (
        [folder / "combinations" / f"{name}.toml"]
        if name in combination_names()
        else [file for file in (folder / name).iterdir() if file.is_file()]
    )
    (description,) = (file for file in files if file.suffix == ".toml")
    return {"version": tomllib.loads(description.read_text(encoding="utf-8"))["version"], "digest": digest_of(files)}


@pytest.mark.parametrize("name", [*experiment_names(), *combination_names()])
def test_other_numbers_have_another_version(name: str) -> None:
    known, here = json.loads(KNOWN.read_text())[name], stated(name)
    assert here == known, (
        f"the numbers of {name} are not those of its version {known['version']}: raise `version` in its file and write "
        f"{json.dumps(here)} into {KNOWN.name}"
    )


def test_a_version_is_a_year_and_a_number() -> None:
    for name, entry in json.loads(KNOWN.read_text()).items():
        year, number = entry["version"].split(".")
        assert int(year) >= 2026, name
        assert int(number) >= 1, name


def test_words_and_comments_need_no_new_version(copied: Path) -> None:
    files = [file for file in copied.iterdir() if file.is_file()]
    before, file = digest_of(files), copied / "experiment.toml"
    text = file.read_text()
    file.write_text("# a comment\n" + text.replace('title = "CONUS+ Run 1"', 'title = "another"'))
    assert digest_of(files) == before
    file.write_text(text.replace("live_days = 110", "live_days = 111"))
    assert digest_of(files) != before


def test_results_carry_the_version_and_the_release() -> None:
    one = provenance_of(cevnsjax.Likelihood("coherent_lar"), "fit")["experiments"][0]["runs"][0]
    assert (one["version"], one["release"]) == ("2026.1", "arXiv:2006.12659, doi 10.5281/zenodo.3903810")
    (both,) = provenance_of(cevnsjax.Likelihood("coherent"), "fit")["experiments"]
    assert both["combination"] == "coherent, version 2026.1"
    assert [run["version"] for run in both["runs"]] == ["2026.1", "2026.1"]


def test_a_change_of_the_version_is_kept(copied: Path) -> None:
    file = copied / "experiment.toml"
    experiment = cevnsjax.load_experiment(file, {"version": "2031.7", "release": "my own"})
    assert (experiment.identity.version, experiment.identity.release) == ("2031.7", "my own")
    file.write_text(file.read_text().replace('version = "2026.1"\n', ""))
    assert cevnsjax.load_experiment(file).identity.version == ""

"""Tables beside a description, and files that are none: refused in one line that names the file and the row."""

import os
import re
import time
from pathlib import Path

import numpy as np
import pytest
from editing import change, refused

from cevnsjax.errors import InputError
from cevnsjax.experiments import load_experiment, load_runs

DATA_MISTAKES = {
    "missing column": ("observed", "counts", "lacks the column 'observed'"),
    "columns of the first format": ("energy_low,energy_high", "low_eV,high_eV", "lacks the column 'energy_low'"),
    "two columns of one name": ("observed,sigma", "observed,observed", "two columns 'observed'"),
    "not a number": ("13.27102804", "thirteen", "'thirteen' in row 1"),
    "underscores": ("13.27102804", "1_000", "'1_000' in row 1"),
    "nan": ("13.27102804", "nan", "must be finite"),
    "infinite": ("13.27102804", "1e400", "must be finite"),
    "empty cell": ("13.27102804", "", "must be finite"),
    "too few cells": ("160,170,13.27102804,22.99065420", "160,170,13.27", "cells"),
    "too many cells": ("22.99065420", "22.9,1.0", "cells"),
    "a row that begins with #": ("170,180,", "#N/A,180,", "'#N/A' in row 2"),
    "a remark between rows": ("170,180,", "# from here on with C5\n170,180,", "row 2"),
    "negative error": ("22.99065420", "-22.9", "must be finite and not negative"),
    "zero error": ("22.99065420", "0", "sigma must be positive"),
    "error that is nan": ("22.99065420", "nan", "must be finite"),
    "bins fall": ("170,180,", "150,160,", "must rise"),
    "bins overlap": ("170,180,", "165,180,", "must rise"),
    "empty bin": ("160,170,", "170,170,", "must be above energy_low"),
    "infinite bin": ("160,170,", "160,inf,", "must be finite"),
    "negative energy": ("160,170,", "-160,170,", "begins at -160"),
    "an open quotation": ("160,170,", '"160,170,', "not a valid CSV table"),
}


@pytest.mark.parametrize(("old", "new", "message"), DATA_MISTAKES.values(), ids=DATA_MISTAKES)
def test_mistakes_in_the_data(copied: Path, old: str, new: str, message: str) -> None:
    change(copied / "run1_excess.csv", old, new)
    refused(copied / "experiment.toml", message, copied)


def test_no_rows(copied: Path) -> None:
    (copied / "run1_excess.csv").write_text("# nothing\nenergy_low,energy_high,observed,sigma\n")
    refused(copied / "experiment.toml", "no rows", copied)


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("energy,efficiency\n0,0.5\n1000,1.5", "between 0 and 1"),
        ("energy,efficiency\n0,-0.5\n1000,0.5", "between 0 and 1"),
        ("energy,efficiency\n0,nan\n1000,0.5", "between 0 and 1"),
        ("energy,efficiency\n1000,0.5\n0,0.5", "rise"),
        ("energy_eV,efficiency\n0,0.5\n1000,0.5", "lacks the column 'energy'"),
    ],
)
def test_mistakes_in_an_efficiency(copied: Path, table: str, message: str) -> None:
    change(copied / "experiment.toml", "[[detectors]]", 'efficiency = { file = "curve.csv" }\n[[detectors]]')
    (copied / "curve.csv").write_text(table + "\n")
    refused(copied / "experiment.toml", message, copied / "curve.csv")


@pytest.mark.parametrize(
    ("table", "message"),
    [
        ("run1_excess.csv", "lacks the column 'recoil_energy_keV'"),
        ("yields.csv", "are not all positive"),
        ("germanium_collar_2020.csv", "No such file"),
    ],
)
def test_a_table_of_yields_that_is_none(copied: Path, table: str, message: str) -> None:
    (copied / "yields.csv").write_text("recoil_energy_keV,light\n0,0.1\n1,-0.2\n")
    new = f'yield = {{ kind = "table", file = "{table}", column = "light" }}'
    change(copied / "experiment.toml", 'yield = { kind = "lindhard", k = 0.162 }', new)
    refused(copied / "experiment.toml", message, copied / table)


def test_units_of_the_data(copied: Path) -> None:
    """Counts in all detectors instead of counts per kg and 10 eV: times the mass of those that see the bin."""
    theirs = load_experiment("conus_plus")
    change(copied / "experiment.toml", "per_kg = true\nper_energy = 10\n", "")
    mine = load_experiment(copied / "experiment.toml")
    mass = np.array([0.94, 1.88] + [2.83] * 17)
    np.testing.assert_allclose(mine.exposure, theirs.exposure * mass, rtol=1e-12)
    np.testing.assert_allclose(theirs.events_per_unit, mass, rtol=1e-12)
    assert (theirs.unit, mine.unit) == ("counts / kg / (10 eV_ee)", "counts")


def test_several_files_of_one_experiment_have_other_digests(copied: Path) -> None:
    before = load_experiment(copied / "experiment.toml")
    change(copied / "run1_excess.csv", "13.27102804", "13.3")
    after = load_experiment(copied / "experiment.toml")
    assert before.identity.digest != after.identity.digest
    assert before.digest() != after.digest()


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("conus_pus", "did you mean 'conus_plus'"),
        ("conus_plus:low", "unknown variant of conus_plus 'low'"),
        ("conus:C1R7", "unknown analysis or run of conus 'C1R7'"),
        ("", "unknown experiment"),
        ("two\nlines", "unknown experiment 'two\\nlines'"),
        ("zero\0byte", "unknown experiment"),
        ("zero\0byte.toml", "cannot read"),
        ("no.toml", "No such file"),
        (".", "unknown experiment"),
        ("./", "no regular file"),
        ("/dev/zero", "no regular file"),
        ("/dev/null", "no regular file"),
    ],
)
def test_names_and_paths_that_are_none(name: str, message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)) as caught:
        load_runs(name)
    assert "\n" not in str(caught.value)


def odd_file(kind: str, path: Path) -> None:
    """Make a file that is no description and no table."""
    if kind == "fifo":
        os.mkfifo(path)
    elif kind == "large":
        with path.open("wb") as file:
            file.truncate(100 << 20)
    elif kind == "endless":
        path.symlink_to("/dev/zero")
    elif kind == "not UTF-8":
        path.write_bytes(b"\xff\xfe\x00")
    elif kind == "loop":
        path.symlink_to(path)


ODD = {
    "fifo": "no regular file",
    "large": "has 104857600 bytes, more than",
    "endless": "no regular file",
    "not UTF-8": "not a UTF-8 text",
    "loop": "Too many levels of symbolic links",
}


@pytest.mark.parametrize("name", ["experiment.toml", "run1_excess.csv"])
@pytest.mark.parametrize("kind", ODD)
def test_odd_files_are_refused_at_once(copied: Path, kind: str, name: str) -> None:
    (copied / name).unlink()
    odd_file(kind, copied / name)
    start = time.perf_counter()
    refused(copied / "experiment.toml", ODD[kind], copied / name)
    assert time.perf_counter() - start < 2.0


def test_empty_files_are_refused(copied: Path) -> None:
    (copied / "run1_excess.csv").write_text("")
    refused(copied / "experiment.toml", "has no rows", copied / "run1_excess.csv")
    (copied / "experiment.toml").write_text("")
    refused(copied / "experiment.toml", "write format = 2")

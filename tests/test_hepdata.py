"""Submissions to HEPData, read back by a YAML parser and checked by HEPData's own validator."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import cevnsjax
from cevnsjax.cli import main
from cevnsjax.errors import InputError
from cevnsjax.provenance import provenance_of
from cevnsjax.results import profile_dataset, scan_dataset, write_hepdata, write_json, write_netcdf

yaml = pytest.importorskip("yaml")

ROWS = [
    {"quantity": "mu_nu_e", "limit": 1.2e-10, "interval": [None, 1.2e-10], "published": None, "note": ""},
    {"quantity": "q_ee", "limit": 1e-08, "interval": [-1e-12, 2.5e-12], "published": 3, "note": 'a "note": yes'},
]


def validating(test):
    """Mark a test that uses the validator, which leaves the files that it reads to the garbage collector."""
    for warning in ("DeprecationWarning", "ResourceWarning", "pytest.PytestUnraisableExceptionWarning"):
        test = pytest.mark.filterwarnings(f"ignore::{warning}")(test)
    return test


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Curves as `reproduce` writes them, and a study's JSON."""
    folder = tmp_path_factory.mktemp("results")
    likelihood = cevnsjax.Likelihood("conus_plus", model="vector_bl")
    request = {"x": ("m_z", 1.0, 100.0, 4), "y": ("g_bl", 1e-6, 1e-3, 5)}
    scan = cevnsjax.scan(likelihood, **request)
    write_netcdf(folder / "plane.nc", scan_dataset(scan, likelihood, provenance_of(likelihood, "scan", **request)))
    standard = cevnsjax.Likelihood("conus_plus")
    profile = cevnsjax.profile(standard, over="sin2_theta_w", limits=(0.1, 0.4), points=5)
    write_netcdf(folder / "profile.nc", profile_dataset(profile, standard))
    write_json(folder / "mine.json", {"limits": ROWS, "number": 3.0, "provenance": {"command": "reproduce"}})
    write_json(folder / "report.json", {"studies": {"mine": {"limits": ROWS}}})
    return folder


@pytest.fixture(scope="module")
def submission(folder):
    out = folder.parent / "submission"
    write_hepdata(folder, out)
    return out


def read(submission, name):
    """A table as its columns: of independent variables, of dependent ones."""
    table = yaml.safe_load((submission / f"{name}.yaml").read_text())
    kinds = ("independent_variables", "dependent_variables")
    return [
        {variable["header"]["name"]: [entry["value"] for entry in variable["values"]] for variable in table[kind]}
        for kind in kinds
    ]


def test_a_plane_and_its_contours(folder, submission):
    with xr.open_dataset(folder / "plane.nc", engine="h5netcdf") as plane:
        independent, dependent = read(submission, "plane")
        (coupling, g), (mass, m) = independent.items()
        assert (coupling, mass) == ("g_bl: coupling of the B-L vector mediator", "m_z: mass of the vector mediator")
        (values,) = dependent.values()
        for row, (g_bl, m_z) in enumerate(zip(g, m, strict=True)):
            assert values[row] == plane.delta_chi2.sel(g_bl=g_bl, m_z=m_z)  # floats, digit for digit
        assert len(values) == plane.delta_chi2.size
        x, y = read(submission, "plane_contour_y")
        assert [*x.values()] == [plane.contour_x.values.tolist()]
        assert [*y.values()] == [plane.contour_y.values.tolist(), plane.contour_curve.values.tolist()]
    header = yaml.safe_load((submission / "plane_contour_y.yaml").read_text())["independent_variables"][0]["header"]
    assert header["units"] == "MeV"


def test_qualifiers_say_what_was_fitted(submission):
    (variable,) = yaml.safe_load((submission / "plane.yaml").read_text())["dependent_variables"]
    qualifiers = {entry["name"]: entry["value"] for entry in variable["qualifiers"]}
    assert qualifiers["model"] == "vector_bl"
    assert qualifiers["cl"] == 0.9


def test_rows_of_a_study(submission):
    independent, dependent = read(submission, "study_mine_limits")
    assert independent == {"quantity": ["mu_nu_e", "q_ee"], "note": ["-", 'a "note": yes']}
    assert dependent == {
        "limit": [1.2e-10, 1e-08],
        "interval": ["[-, 1.2e-10]", "[-1e-12, 2.5e-12]"],
        "published": ["-", 3],
    }


def test_each_table_has_its_provenance(folder, submission):
    documents = list(yaml.safe_load_all((submission / "submission.yaml").read_text()))
    provenance = json.loads((submission / "provenance.json").read_text())["tables"]
    assert [document["name"] for document in documents[1:]] == list(provenance)
    again = cevnsjax.rerun(provenance["plane"])
    with xr.open_dataset(folder / "plane.nc", engine="h5netcdf") as plane:
        np.testing.assert_allclose(again.delta_chi2, plane.delta_chi2, rtol=1e-12, atol=1e-12)


@validating
def test_hepdata_would_take_it(submission):
    validator = pytest.importorskip("hepdata_validator.full_submission_validator").FullSubmissionValidator()
    assert validator.validate(directory=str(submission)), validator.get_messages()


@validating
def test_the_validator_sees_a_missing_table(submission, tmp_path):
    validator = pytest.importorskip("hepdata_validator.full_submission_validator").FullSubmissionValidator()
    for path in submission.iterdir():
        if path.name != "plane.yaml":
            (tmp_path / path.name).write_bytes(path.read_bytes())
    assert not validator.validate(directory=str(tmp_path))


def test_the_command(folder, tmp_path, capsys):
    with pytest.raises(SystemExit) as left:
        main(["export", str(folder), "--to", "hepdata", "--out", str(tmp_path / "new")])
    assert not left.value.code
    assert capsys.readouterr().out == f"wrote {tmp_path / 'new' / 'submission.yaml'} and 4 tables beside it\n"
    assert {path.name for path in (tmp_path / "new").iterdir()} == {
        "submission.yaml", "provenance.json", "plane.yaml", "plane_contour_y.yaml", "profile.yaml",
        "study_mine_limits.yaml",
    }  # fmt: skip


def test_an_empty_folder_is_filled(folder, submission, tmp_path):
    """It stays the same folder, whose parent may be one that cannot be written."""
    before = tmp_path.stat().st_ino
    write_hepdata(folder, tmp_path)
    assert tmp_path.stat().st_ino == before
    assert {path.name for path in tmp_path.iterdir()} == {path.name for path in submission.iterdir()}


@pytest.mark.parametrize("name", ["a.nc", "a.json"])
def test_pipes_and_devices_are_no_results(tmp_path: Path, name: str):
    """Nothing waits for what a pipe may give."""
    os.mkfifo(tmp_path / name)
    with pytest.raises(InputError, match="it is no regular file"):
        write_hepdata(tmp_path, tmp_path / "out")
    assert [path.name for path in tmp_path.iterdir()] == [name]


def test_mistakes_leave_nothing_behind(folder, submission, tmp_path: Path):
    empty, broken, long = tmp_path / "empty", tmp_path / "broken", tmp_path / "long"
    for made in (empty, broken, long):
        made.mkdir()
    (broken / "a.nc").write_text("no NetCDF")
    (long / f"{'a' * 65}.nc").write_bytes((folder / "profile.nc").read_bytes())
    for given, out, message in (
        (tmp_path / "none", "x", "there is no folder"),
        (empty, "x", "has no .nc and no .json files"),
        (broken, "x", "is no NetCDF file"),
        (long, "x", "has 65 characters, and HEPData takes 64"),
        (folder, submission, "is not empty; give the name of a new folder"),
        (folder, "none/x", "there is no folder"),
    ):
        with pytest.raises(InputError, match=message):
            write_hepdata(given, tmp_path / out)
    assert {path.name for path in tmp_path.iterdir()} == {"empty", "broken", "long"}

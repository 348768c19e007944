"""The command line as scripts see it: JSON, exit status, nothing written where something is wrong."""

import importlib
import json
import math
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import cevnsjax
from cevnsjax.cli import main, output
from cevnsjax.cli.app import COMMANDS
from cevnsjax.experiments import experiment_names
from cevnsjax.provenance import rerun
from cevnsjax.resources import data_folder
from cevnsjax.results import scan_dict, significance_dict, toys_dict

PROVENANCE = {"package", "version", "date", "command", "command_line", "request", "experiments", "model", "device"}


@pytest.fixture
def run(capsys, monkeypatch):
    """Return a function that runs the command line and gives status, standard output, standard error."""
    monkeypatch.setattr(output, "DELAY", 1e6)  # no word of progress on a slow machine

    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stopped:
            main(arguments)
        captured = capsys.readouterr()
        return int(stopped.value.code or 0), captured.out, captured.err

    return run


def found(run, *arguments: str) -> dict:
    """Return what a command prints with --json."""
    status, out, _ = run(*arguments, "--json")
    assert status == 0
    return json.loads(out)


def test_predict(run, likelihood) -> None:
    content = found(run, "predict", "conus_plus")
    assert set(content) >= {"experiment", "model", "bins", "total", "provenance"}
    assert set(content["bins"][0]) == {"low", "high", "unit", "expected", "observed", "sigma"}
    assert [b["low"] for b in content["bins"]] == list(range(160, 350, 10))
    assert content["bins"][0]["unit"] == "counts / kg / (10 eV_ee)"
    np.testing.assert_allclose([b["expected"] for b in content["bins"]], likelihood.expected({}), rtol=1e-14)
    assert content["total"] == pytest.approx(sum(b["expected"] for b in content["bins"]))
    assert set(content["provenance"]) >= PROVENANCE
    assert content["provenance"]["command_line"] == ["cevnsjax", "predict", "conus_plus", "--json"]


def test_predict_with_values_and_channels(run) -> None:
    totals = [
        found(run, "predict", "conus_plus", "--channel", channel, "--set", "norm=2")["total"]
        for channel in ("all", "cevns", "eves")
    ]
    assert totals[0] == pytest.approx(totals[1] + totals[2], rel=1e-12)
    assert totals[0] == pytest.approx(2 * 139.7157, rel=1e-6)


TWO_AXES = {
    "experiment.toml": """
format = 2
name = "two_axes"
title = "Energy and time"
[target]
elements = { Ge = 1 }
[source]
kind = "table"
file = "flux.csv"
baseline_m = 20
components = [
    { flavour = "nu_e_bar", column = "flux", profiles = { time = { file = "time.csv", column = "share" } } },
]
[[axes]]
name = "energy"
unit = "eV_ee"
edges = { start = 200, stop = 400, bins = 2 }
[[axes]]
name = "time"
unit = "us"
edges = { start = 0, stop = 3, bins = 3 }
[response.nuclear]
yield = { kind = "lindhard", k = 0.162 }
smearing = { kind = "gaussian", noise = 20 }
[[detectors]]
name = "one"
mass_kg = 1
live_days = 100
[data]
file = "counts.csv"
term = "poisson"
""",
    "flux.csv": "energy_MeV,flux\n" + "".join(f"{e},{1e13 * math.exp(-e)}\n" for e in np.linspace(0.1, 10, 50)),
    "time.csv": "time_low,time_high,share\n0,1,0.5\n1,2,0.3\n2,3,0.2\n",
    "counts.csv": "energy_low,energy_high,time_low,time_high,observed\n"
    + "".join(f"{e},{e + 100},{t},{t + 1},{7 - t}\n" for e in (200, 300) for t in (0, 1, 2)),
}


@pytest.fixture(scope="module")
def two_axes(tmp_path_factory) -> str:
    folder = tmp_path_factory.mktemp("two_axes")
    for name, text in TWO_AXES.items():
        (folder / name).write_text(text)
    return str(folder / "experiment.toml")


def test_predict_of_two_axes(run, two_axes: str) -> None:
    content = found(run, "predict", two_axes)
    assert content["axes"] == [{"name": "energy", "unit": "eV_ee"}, {"name": "time", "unit": "us"}]
    first, second = content["bins"][:2]
    assert (first["low"], first["high"]) == (200, 300)
    assert first["axes"] == {"energy": [200, 300], "time": [0, 1]}
    assert second["axes"] == {"energy": [200, 300], "time": [1, 2]}
    assert first["expected"] / second["expected"] == pytest.approx(0.5 / 0.3, rel=1e-12)
    assert first["sigma"] == pytest.approx(math.sqrt(7))
    header, *rows = run("predict", two_axes)[1].splitlines()[1:-1]
    assert header.split()[:5] == ["energy", "from", "energy", "to", "time"]
    assert len(rows) == 6


def test_runs_of_counts(run) -> None:
    """Bins tell their run and their background; that no data are public stands on standard error, and in the JSON."""
    status, out, err = run("predict", "conus:cevns_bsm", "--json")
    content = json.loads(out)
    assert status == 0
    assert "no data are public" in err
    assert content["notes"] == [err.strip().removeprefix("note: ")]
    assert {b["run"] for b in content["bins"]} == {"C1R1_bsm", "C2R1_bsm", "C3R1_bsm"}
    assert all(b["expected"] > b["background"] > 0 for b in content["bins"])


def test_fit_and_profile_agree(run, tmp_path: Path) -> None:
    fitted = found(run, "fit", "conus_plus", "--cl", "0.9")
    assert set(fitted) >= {"best_fit", "chi2_min", "intervals", "cl", "nuisances", "provenance"}
    assert fitted["provenance"]["request"] == {"free": ["sin2_theta_w"], "values": {}, "cl": 0.9}
    file = tmp_path / "curve.nc"
    arguments = ("--over", "sin2_theta_w", "--range", "0", "1", "--points", "101", "--out", str(file))
    curve = found(run, "profile", "conus_plus", *arguments)
    assert set(curve) >= {"x", "delta_chi2", "best_fit", "intervals", "provenance"}
    assert curve["intervals"] == [pytest.approx(piece, abs=1e-9) for piece in fitted["intervals"]["sin2_theta_w"]]
    with xr.open_dataset(file, engine="h5netcdf") as stored:
        np.testing.assert_array_equal(stored["delta_chi2"], curve["delta_chi2"])
        assert json.loads(stored.attrs["best_fit"]) == curve["best_fit"]
        assert stored.attrs["model"] == "sm"
        assert json.loads(stored.attrs["provenance"])["request"] == curve["provenance"]["request"]


PLANE = (
    "scan", "conus_plus", "--model", "vector_bl", "--x", "m_z", "1", "100", "5", "--y", "g_bl", "1e-6", "1e-3", "7"
)  # fmt: skip


def test_scan(run, tmp_path: Path, conus_plus) -> None:
    """One plane as JSON, NetCDF, figure and text, beside what the Python interface gives."""
    stored, figure, others = (tmp_path / name for name in ("plane.nc", "plane.pdf", "others.csv"))
    others.write_text("m_z,g_bl,curve\n1,1e-5,theirs\n100,1e-4,theirs\n")
    asked = (*PLANE, "--cl", "0.95", "--dof", "1")
    files = ("--out", str(stored), "--figure", str(figure), "--overlay", str(others))
    status, out, err = run(*asked, *files, "--json")
    content = json.loads(out)
    assert (status, err) == (0, "")
    keys = {"x", "y", "delta_chi2", "best_fit", "chi2_min", "contours", "cl", "dof", "messages"}
    assert set(content) == keys | {"provenance"}
    assert np.shape(content["delta_chi2"]) == (7, 5)
    likelihood = cevnsjax.Likelihood(conus_plus, model="vector_bl")
    same = cevnsjax.scan(likelihood, ("m_z", 1.0, 100.0, 5), ("g_bl", 1e-6, 1e-3, 7), cl=0.95, dof=1)
    assert {key: content[key] for key in keys} == json.loads(json.dumps(scan_dict(same)))
    np.testing.assert_allclose(content["x"], [1, 10**0.5, 10, 10**1.5, 100])
    (curve,) = content["contours"]
    assert figure.read_bytes().startswith(b"%PDF")

    with xr.open_dataset(stored, engine="h5netcdf") as plane:
        assert plane["delta_chi2"].dims == ("g_bl", "m_z")
        for name, key in (("delta_chi2", "delta_chi2"), ("m_z", "x"), ("g_bl", "y")):
            np.testing.assert_array_equal(plane[name], content[key])
        np.testing.assert_array_equal(np.stack([plane["contour_x"], plane["contour_y"]], axis=1), curve)
        assert (plane["contour_curve"] == 0).all()
        assert plane["m_z"].attrs["units"] == "MeV"
        assert json.loads(plane.attrs["best_fit"]) == content["best_fit"]
        stored_alike = {key: plane.attrs[key] for key in ("chi2_min", "cl", "dof")}
        assert stored_alike == {key: content[key] for key in stored_alike}

    first, *rows, last = run(*asked)[1].splitlines()
    assert first == "# contour 1 of 1, 0.95 CL, 1 degree of freedom: m_z g_bl"
    np.testing.assert_allclose([[float(number) for number in row.split()] for row in rows], curve, rtol=1e-5)
    assert last.startswith(f"# least chi-squared {content['chi2_min']:.6g} at m_z = ")


def test_scan_without_a_contour(run, tmp_path: Path) -> None:
    """A coupling too small to matter: no contour is an answer, too."""
    file = tmp_path / "plane.nc"
    asked = (*PLANE[:-3], "1e-9", "1e-8", "7", "--out", str(file))
    assert found(run, *asked)["contours"] == []
    status, out, _ = run(*asked)
    assert status == 0
    assert out.startswith("# no contour of 0.9 CL crosses the plane; Delta chi^2 is at most ")
    with xr.open_dataset(file, engine="h5netcdf") as plane:
        assert plane["contour_x"].shape == (0,)


def test_sample(run, tmp_path: Path, monkeypatch) -> None:
    """Draws as NetCDF, the summary as JSON and as text, warnings on standard error.

    One chain has no R-hat: null in JSON, with a warning that says so. Draws are written without the system's folder of
    temporary files, which may be full: there the HDF5 library would end the process.
    """
    monkeypatch.setattr(tempfile, "tempdir", "/proc/nowhere")
    stored = tmp_path / "draws.nc"
    asked = ("sample", "conus_plus", "--out", str(stored), "--samples", "60", "--warmup", "60", "--chains", "1")
    asked += ("--prior", "sin2_theta_w=normal:0.3:0.01")
    status, out, err = run(*asked, "--json")
    content = json.loads(out)
    assert status == 0
    assert content["summary"]["sin2_theta_w"]["mean"] == pytest.approx(0.3, abs=0.01)
    assert content["summary"]["sin2_theta_w"]["rhat"] is None
    *warnings, last = err.splitlines()
    assert last == "cevnsjax: warning: not a number, printed as null: summary.sin2_theta_w.rhat"
    assert [f"cevnsjax: warning: {text}" for text in content["warnings"]] == warnings
    again = rerun(content["provenance"]).data["posterior"]["sin2_theta_w"]
    with xr.open_dataset(stored, group="posterior", engine="h5netcdf") as draws:
        assert draws["sin2_theta_w"].shape == (1, 60)
        np.testing.assert_array_equal(draws["sin2_theta_w"], again)
    with xr.open_dataset(stored, engine="h5netcdf") as root:
        assert json.loads(root.attrs["provenance"]) == content["provenance"]
    assert run(*asked)[1].startswith("sin2_theta_w = 0.")


def test_feldman_cousins(run, tmp_path: Path) -> None:
    stored = tmp_path / "toys.nc"
    asked = ("feldman-cousins", "conus_plus", "--x", "sin2_theta_w", "0.1", "0.45", "8", "--toys", "200", "--seed", "3")
    content = found(run, *asked, "--out", str(stored))
    assert set(content) >= {"axes", "delta_chi2", "critical", "accepted", "intervals", "provenance"}
    accepted = np.asarray(content["delta_chi2"]) <= np.asarray(content["critical"])
    assert content["accepted"] == accepted.tolist()
    assert toys_dict(rerun(content["provenance"])).items() <= content.items()
    (low, high), *_ = content["intervals"]
    assert 0.1 < low < 0.24 < high < 0.45
    with xr.open_dataset(stored, engine="h5netcdf") as data:
        np.testing.assert_array_equal(data["critical"], content["critical"])
    *rows, interval, errors = run(*asked)[1].splitlines()
    assert len(rows) == 9
    assert interval == f"sin2_theta_w, 0.9 CL: [{low:.6g}, {high:.6g}]"
    assert [float(word) for word in errors.split(": ")[1].split(", ")] == pytest.approx(
        content["interval_error"][0], rel=0.05
    )


def test_significance(run) -> None:
    content = found(run, "significance", "conus_plus", "--toys", "1000")
    assert set(content) >= {"q0", "strength", "p_asymptotic", "sigma", "p_toys", "p_error", "p_upper", "toys"}
    assert significance_dict(rerun(content["provenance"])).items() <= content.items()
    out = run("significance", "conus_plus", "--toys", "1000")[1]
    assert f"{content['sigma']:.3g} sigma" in out


def test_project(run, tmp_path: Path) -> None:
    files = tmp_path / "angle.nc", tmp_path / "angle.png"
    arguments = ("project", "conus_plus", "--over", "sin2_theta_w", "--exposure", "1", "100", "2")
    content = found(run, *arguments, "--out", str(files[0]), "--figure", str(files[1]))
    assert all(path.exists() for path in files)
    assert content["parameter"] == "sin2_theta_w"
    first, last = ([high - low for low, high in content["fisher"]][i] for i in (0, 1))
    assert last < first


def test_nuisances(run) -> None:
    content = found(run, "nuisances", "conus_plus", "--systematics", "detailed")
    by_name = {row["name"]: row for row in content["nuisances"]}
    assert by_name["quenching_k"] | {"description": ""} == {
        "name": "quenching_k",
        "shared_by": ["conus_plus"],
        "centre": 0.162,
        "width": 0.004,
        "unit": "",
        "effect": "moves response.nuclear.yield.k",
        "description": "",
    }
    assert by_name["norm"]["width"] == "held"
    assert by_name["flux"]["effect"] == "factor on the signal"
    assert by_name["energy_shift"]["unit"] == "eV_ee"
    header, *rows = run("nuisances", "conus_plus", "--systematics", "detailed")[1].splitlines()
    assert header.split() == ["name", "centre", "width", "unit", "effect", "shared", "by"]
    assert len(rows) == len(by_name)


def test_nuisances_after_a_fit(run) -> None:
    content = found(run, "nuisances", "conus_plus", "--fit")
    row = next(row for row in content["nuisances"] if row["name"] == "norm")
    assert row["pull"] == pytest.approx((row["value"] - 1) / 0.2)
    assert 0 < row["error"] < 0.201
    assert content["best_fit"]["norm"] == row["value"]
    assert content["chi2_min"] == found(run, "fit", "conus_plus")["chi2_min"]
    header, first, *_ = run("nuisances", "conus_plus", "--fit")[1].splitlines()
    assert header.split()[3:6] == ["value", "error", "pull"]
    assert first.split()[5] == f"{row['pull']:+.3f}"


def test_open_ends_are_null(run) -> None:
    """Scattering off electrons alone does not bound sin^2(theta_W)."""
    content = found(run, "fit", "conus_plus", "--channel", "eves")
    assert content["intervals"]["sin2_theta_w"] == [[None, None]]


def test_lists(run, tmp_path: Path) -> None:
    _, out, _ = run("experiments")
    assert all(line in out for line in ("conus_plus", "conus:eves", "dresden2:ybe"))
    _, out, _ = run("models")
    assert out.startswith("sm")
    assert "mu_nu_e* [mu_B]" in out
    listed = found(run, "experiments")["experiments"]
    assert [row["name"] for row in listed] == experiment_names()
    models = found(run, "models")["models"]
    assert models[0]["name"] == "sm"
    assert models[0]["parameters"][0]["bounds"] == [0, 1]


def test_a_copy_is_a_start(run, tmp_path: Path) -> None:
    status, out, _ = run("experiments", "--copy", "conus_plus", str(tmp_path / "mine"))
    assert status == 0
    assert str(tmp_path / "mine" / "experiment.toml") in out.splitlines()
    copied = found(run, "predict", str(tmp_path / "mine" / "experiment.toml"))
    assert copied["bins"] == found(run, "predict", "conus_plus")["bins"]


def test_tables_for_people(run) -> None:
    _, out, _ = run("predict", "conus_plus")
    assert len(out.splitlines()) == 2 + 19 + 1
    _, out, _ = run("fit", "conus_plus", "--cl", "0.6827")
    assert "sin2_theta_w = 0.258" in out
    assert "norm = 1.0" in out
    _, out, _ = run("profile", "conus_plus", "--over", "norm", "--points", "3")
    assert len(out.splitlines()) == 1 + 3 + 1


@pytest.mark.parametrize("arguments", [(), ("--help",), *((name, "--help") for name in COMMANDS)], ids=" ".join)
def test_help(run, arguments: tuple[str, ...]) -> None:
    status, out, _ = run(*arguments)
    assert status == 0
    assert "Usage: cevnsjax" in out
    if len(arguments) > 1:
        assert "Examples" in out


@pytest.mark.parametrize("name", COMMANDS)
def test_a_command_is_what_the_list_says(name: str) -> None:
    module, line = COMMANDS[name]
    function = getattr(importlib.import_module(f"cevnsjax.cli.{module}"), name.replace("-", "_"))
    assert function.__doc__.splitlines()[0] == line


def test_version(run) -> None:
    assert run("--version")[1].startswith("cevnsjax 0.")


# With places to write to, which a mistake must leave empty.
SCAN = ("scan", "conus_plus", "--model", "vector_bl", "--out", "plane.nc", "--figure", "plane.pdf")
MASSES, COUPLINGS = ("--x", "m_z", "1", "10", "3"), ("--y", "g_bl", "1e-6", "1e-4", "3")
ANOTHER_TABLE = str(data_folder() / "reactor" / "vogel_engel_1989.csv")
SAMPLE = ("sample", "conus_plus", "--out", "draws.nc", "--figures", "plots")
GRID = ("feldman-cousins", "conus_plus", "--out", "toys.nc", "--x", "sin2_theta_w", "0.1", "0.4")

MISTAKES = {
    "unknown part of an experiment": ("predict", "conus:C9R9"),
    "part of an experiment without parts": ("predict", "conus_plus:C1R1"),
    "threshold where there are data": ("project", "conus_plus", "--over", "sin2_theta_w", "--threshold", "200"),
    "threshold above all bins": ("project", "conus:C1R1", "--over", "sin2_theta_w", "--threshold", "2000"),
    "projection of no parameter": ("project", "conus_plus"),
    "projection of an unknown parameter": ("project", "conus_plus", "--over", "sin2"),
    "exposures that fall": ("project", "conus_plus", "--over", "sin2_theta_w", "--exposure", "10", "1", "3"),
    "a projection onto no figure": ("project", "conus_plus", "--over", "sin2_theta_w", "--figure", "a.gif"),
    "no such command": ("predicts", "conus_plus"),
    "no experiment": ("predict",),
    "no experiment to fit": ("fit",),
    "unknown experiment": ("predict", "conus_pluss"),
    "no such file": ("predict", "nowhere/experiment.toml"),
    "a folder": ("predict", "./"),
    "two experiments to predict": ("predict", "conus_plus", "conus_plus"),
    "same experiment twice": ("fit", "conus_plus", "conus_plus"),
    "copy of an unknown experiment": ("experiments", "--copy", "conus_pluss", "mine"),
    "copy to nowhere": ("experiments", "--copy", "conus_plus"),
    "unknown option": ("predict", "conus_plus", "--modle", "sm"),
    "option without its value": ("predict", "conus_plus", "--model"),
    "unknown model": ("predict", "conus_plus", "--model", "smm"),
    "unknown channel": ("predict", "conus_plus", "--channel", "cenns"),
    "unknown systematics": ("nuisances", "conus_plus", "--systematics", "details"),
    "unknown parameter": ("predict", "conus_plus", "--set", "sin2=0.2"),
    "no assignment": ("predict", "conus_plus", "--set", "sin2_theta_w"),
    "not a number": ("predict", "conus_plus", "--set", "sin2_theta_w=a"),
    "nan": ("predict", "conus_plus", "--set", "sin2_theta_w=nan"),
    "out of bounds": ("predict", "conus_plus", "--set", "sin2_theta_w=1.5"),
    "set twice": ("predict", "conus_plus", "--set", "norm=1", "--set", "norm=2"),
    "a parameter of another model": ("fit", "conus_plus", "--free", "mu_nu_e"),
    "a mistake beside expected data": ("fit", "conus:cevns", "--free", "mu_nu_e"),
    "nothing free": ("fit", "conus_plus", "--free", ""),
    "free and set": ("fit", "conus_plus", "--free", "norm", "--set", "norm=1"),
    "impossible level": ("fit", "conus_plus", "--cl", "90"),
    "level of all but nothing": ("fit", "conus_plus", "--cl", "0.9999999999999999"),
    "level in words": ("fit", "conus_plus", "--cl", "ninety"),
    "no --over": ("profile", "conus_plus"),
    "range that falls": ("profile", "conus_plus", "--over", "sin2_theta_w", "--range", "0.3", "0.2"),
    "half a range": ("profile", "conus_plus", "--over", "sin2_theta_w", "--range", "0.3"),
    "range out of bounds": ("profile", "conus_plus", "--over", "sin2_theta_w", "--range", "-1", "2"),
    "one point": ("profile", "conus_plus", "--over", "sin2_theta_w", "--points", "1"),
    "no such folder": ("profile", "conus_plus", "--over", "norm", "--out", "nowhere/x.nc"),
    "no --y": (*SCAN, *MASSES),
    "an axis without points": (*SCAN, *COUPLINGS, "--x", "m_z", "1", "10"),
    "points in words": (*SCAN, *COUPLINGS, "--x", "m_z", "1", "10", "three"),
    "unknown parameter to scan": (*SCAN, *COUPLINGS, "--x", "m_zz", "1", "10", "3"),
    "axis that falls": (*SCAN, *COUPLINGS, "--x", "m_z", "10", "1", "3"),
    "logarithmic axis from zero": (*SCAN, *COUPLINGS, "--x", "m_z", "0", "10", "3"),
    "axis out of bounds": (*SCAN, *COUPLINGS, "--x", "m_z", "-1", "10", "3"),
    "axis of one point": (*SCAN, *COUPLINGS, "--x", "m_z", "1", "10", "1"),
    "same parameter on both axes": (*SCAN, *MASSES, "--y", "m_z", "1", "10", "3"),
    "scanned and set": (*SCAN, *MASSES, *COUPLINGS, "--set", "m_z=3"),
    "three degrees of freedom": (*SCAN, *MASSES, *COUPLINGS, "--dof", "3"),
    "impossible level of a contour": (*SCAN, *MASSES, *COUPLINGS, "--cl", "0"),
    "no such overlay": (*SCAN, *MASSES, *COUPLINGS, "--overlay", "nowhere.csv"),
    "overlay with other columns": (*SCAN, *MASSES, *COUPLINGS, "--overlay", ANOTHER_TABLE),
    "overlay without a figure": ("scan", "conus_plus", *MASSES, *COUPLINGS, "--overlay", ANOTHER_TABLE),
    "no such format of a figure": (*SCAN, *MASSES, *COUPLINGS, "--figure", "plane.jpg"),
    "figure without a suffix": (*SCAN, *MASSES, *COUPLINGS, "--figure", "plane"),
    "no folder for a figure": (*SCAN, *MASSES, *COUPLINGS, "--figure", "nowhere/plane.pdf"),
    "no folder for a plane": (*SCAN, *MASSES, *COUPLINGS, "--out", "nowhere/plane.nc"),
    "one name for result and figure": (*SCAN, *MASSES, *COUPLINGS, "--out", "a.pdf", "--figure", "./a.pdf"),
    "a plane that overflows": (*SCAN, *MASSES, "--y", "g_bl", "1e-6", "1e90", "3"),
    "nowhere to keep draws": ("sample", "conus_plus"),
    "no folder for draws": ("sample", "conus_plus", "--out", "nowhere/draws.nc"),
    "no folder for plots": (*SAMPLE, "--figures", "nowhere/plots"),
    "no such sampler": (*SAMPLE, "--sampler", "gibbs"),
    "no such prior": (*SAMPLE, "--prior", "sin2_theta_w=beta:1:2"),
    "prior of what is not free": (*SAMPLE, "--prior", "norm=flat:0:1"),
    "prior that falls": (*SAMPLE, "--prior", "sin2_theta_w=flat:1:0"),
    "prior out of bounds": (*SAMPLE, "--prior", "sin2_theta_w=flat:2:3"),
    "prior twice": (*SAMPLE, *("--prior", "sin2_theta_w=flat:0:1") * 2),
    "no chain": (*SAMPLE, "--chains", "0"),
    "negative seed": (*SAMPLE, "--seed", "-1"),
    "seed of 33 bits": (*SAMPLE, "--seed", "4294967296"),
    "seed without end": (*GRID, "5", "--seed", "99999999999999999999"),
    "strength that is tested": ("significance", "conus_plus", "--set", "norm=0"),
    "few toys": ("significance", "conus_plus", "--toys", "10"),
    "cluster that is not there": (*GRID, "5", "--scheduler", "nowhere"),
    "impacts on nothing": ("impacts", "conus_plus"),
    "impacts on an unknown parameter": ("impacts", "conus_plus", "--over", "sin2"),
    "impacts on a given parameter": ("impacts", "conus_plus", "--over", "norm", "--set", "norm=1"),
    "impacts on a free mass": ("impacts", "conus_plus", "--model", "vector_bl", "--over", "m_z"),
    "no folder for impacts": ("impacts", "conus_plus", "--over", "norm", "--out", "nowhere/impacts.nc"),
    "no such format of a fit": ("fit", "conus_plus", "--figure", "fit.jpg"),
    "no such format of a profile": ("profile", "conus_plus", "--over", "norm", "--figure", "profile"),
    "one name for profile and figure": (
        "profile",
        "conus_plus",
        "--over",
        "norm",
        "--out",
        "a.pdf",
        "--figure",
        "a.pdf",
    ),
    "no folder for a figure of toys": (
        "feldman-cousins",
        "conus_plus",
        "--x",
        "norm",
        "0",
        "2",
        "3",
        "--figure",
        "nowhere/toys.pdf",
    ),
    "no such format of impacts": ("impacts", "conus_plus", "--over", "norm", "--figure", "impacts.jpg"),
    "goodness of one toy": ("goodness-of-fit", "conus_plus", "--toys", "1"),
    "goodness of an unknown parameter": ("goodness-of-fit", "conus_plus", "--free", "sin2"),
    "consistency of one": ("consistency", "conus_plus"),
    "results into nowhere": ("reproduce", "--out", "nowhere/at/all"),
    "no such study": ("reproduce", "--out", "paper", "--only", "nothing"),
}

TOO_MANY = {
    "points": ("profile", "conus_plus", "--over", "sin2_theta_w", "--points"),
    "points of an axis": (*SCAN, *COUPLINGS, "--x", "m_z", "1", "10"),
    "points of a grid": GRID,
    "toys of a grid": (*GRID, "5", "--toys"),
    "toys of a point": ("coverage", "conus_plus", "--over", "sin2_theta_w", "--toys"),
    "workers": ("significance", "conus_plus", "--workers"),
    "toys": ("significance", "conus_plus", "--toys"),
    "toys of a fit": ("goodness-of-fit", "conus_plus", "--toys"),
    "chains": (*SAMPLE, "--chains"),
    "samples": (*SAMPLE, "--samples"),
    "warmup": (*SAMPLE, "--warmup"),
    "exposures": ("project", "conus_plus", "--over", "sin2_theta_w", "--exposure", "1", "10"),
}

STRONG = ("--model", "vector_bl", "--set")
TOO_LARGE = {
    "g_bl = 1e+90": ("predict", "conus_plus", "--model", "vector_bl", "--set", "g_bl=1e90"),
    "norm = 1e+300": ("predict", "conus_plus", "--systematics", "detailed", "--set", "norm=1e300"),
    "norm = 1e+299": ("fit", "conus_plus", "--systematics", "detailed", "--set", "norm=1e299"),
    "g_phi = 1e+91": ("profile", "conus_plus", "--model", "scalar", "--over", "g_phi", "--range", "0", "1e91"),
    "g_phi = 1e+92": ("feldman-cousins", "conus_plus", "--model", "scalar", "--x", "g_phi", "1e-9", "1e92", "3"),
    "g_bl = 1e+100": ("significance", "conus_plus", "--model", "vector_bl", "--set", "g_bl=1e100"),
    "g_bl = 1e+101": ("coverage", "conus_plus", "--over", "norm", *STRONG, "g_bl=1e101"),
    "g_bl = 1e+102": ("goodness-of-fit", "conus_plus", *STRONG, "g_bl=1e102"),
    "g_bl = 1e+103": ("impacts", "conus_plus", "--over", "norm", *STRONG, "g_bl=1e103"),
    "g_bl = 1e+104": ("consistency", "conus_plus", "dresden2", *STRONG, "g_bl=1e104"),
    "g_bl = 1e+105": ("project", "conus_plus", "--over", "norm", *STRONG, "g_bl=1e105"),
    "g_bl = 1e+106": ("export", "conus_plus", "--out", "l.json", *STRONG, "g_bl=1e106"),
    "g_bl = 1e+107": ("sample", "conus_plus", "--out", "draws.nc", *STRONG, "g_bl=1e107"),
    "g_bl = 1e+108": ("scan", "conus_plus", *MASSES, "--y", "norm", "0", "2", "3", *STRONG, "g_bl=1e108"),
}


@pytest.mark.parametrize("arguments", MISTAKES.values(), ids=MISTAKES)
def test_mistakes(run, arguments: tuple[str, ...], tmp_path: Path, monkeypatch) -> None:
    """Status 2, one line that is no traceback, an empty standard output, and nothing written."""
    monkeypatch.chdir(tmp_path)
    status, out, err = run(*arguments)
    assert status == 2
    assert out == ""
    assert err.startswith("cevnsjax: ")
    assert err.count("\n") == 1
    assert len(err) > 25
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", ["1000000000", "100000000000000000000"])
@pytest.mark.parametrize("arguments", TOO_MANY.values(), ids=TOO_MANY)
def test_too_many(run, arguments: tuple[str, ...], number: str, tmp_path: Path, monkeypatch) -> None:
    """A number that no machine has the memory for is refused at once, with the largest one."""
    monkeypatch.chdir(tmp_path)
    status, out, err = run(*arguments, number)
    assert (status, out) == (2, "")
    assert err.count("\n") == 1
    largest = [int(word.strip(".,;")) for word in err.split() if word.strip(".,;").isdigit() and word != number]
    assert 100 <= max(largest) <= 10**8
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("value", TOO_LARGE)
def test_too_large(run, value: str, tmp_path: Path, monkeypatch) -> None:
    """What overflows is named, with its value."""
    monkeypatch.chdir(tmp_path)
    expected = f"cevnsjax: {value} is too large: what is expected overflows; give a smaller value\n"
    assert run(*TOO_LARGE[value]) == (2, "", expected)
    assert list(tmp_path.iterdir()) == []


def test_results_onto_a_file(run, tmp_path: Path) -> None:
    file = tmp_path / "taken"
    file.write_text("mine")
    status, _, err = run("reproduce", "--out", str(file))
    assert status == 2
    assert "it is a file" in err
    assert file.read_text() == "mine"
    assert list(tmp_path.iterdir()) == [file]


def test_as_a_process(tmp_path: Path) -> None:
    """The installed command: one JSON object on standard output, one line and status 2 for a mistake."""
    command = [str(Path(sys.executable).parent / "cevnsjax")]
    good = subprocess.run([*command, "predict", "conus_plus", "--json"], cwd=tmp_path, capture_output=True, text=True)
    assert good.returncode == 0
    assert [line for line in good.stderr.splitlines() if "..." not in line] == []
    assert json.loads(good.stdout)["experiment"] == "conus_plus"
    module = [sys.executable, "-m", "cevnsjax"]
    bad = subprocess.run([*module, "fit", "conus_minus"], cwd=tmp_path, capture_output=True, text=True)
    assert (bad.returncode, bad.stdout) == (2, "")
    assert bad.stderr.count("\n") == 1


def test_lists_do_not_wait_for_jax(tmp_path: Path) -> None:
    """Help and the list of experiments need no JAX, which takes most of the time to start."""
    code = (
        "import sys\nfrom cevnsjax.cli import main\n"
        "try:\n    main(sys.argv[1:])\nfinally:\n    assert 'jax' not in sys.modules"
    )
    for arguments in (["--help"], ["experiments"]):
        done = subprocess.run([sys.executable, "-c", code, *arguments], cwd=tmp_path, capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, "")

"""The command line as scripts see it: JSON, exit status, nothing written where something is wrong."""

import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import cevnsjax
from cevnsjax.cli import main
from cevnsjax.resources import data_folder
from cevnsjax.results import scan_dict


@pytest.fixture
def run(capsys):
    """Return a function that runs the command line and gives status, standard output, standard error."""

    def run(*arguments: str) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stopped:
            main(arguments)
        captured = capsys.readouterr()
        return int(stopped.value.code or 0), captured.out, captured.err

    return run


def test_predict(run, likelihood) -> None:
    status, out, _ = run("predict", "conus_plus", "--json")
    content = json.loads(out)
    assert status == 0
    assert set(content) >= {"experiment", "model", "bins", "total"}
    assert set(content["bins"][0]) == {"low", "high", "unit", "expected", "observed", "sigma"}
    assert [b["low"] for b in content["bins"]] == list(range(160, 350, 10))
    assert content["bins"][0]["unit"] == "counts / kg / (10 eV_ee)"
    np.testing.assert_allclose([b["expected"] for b in content["bins"]], likelihood.expected({}), rtol=1e-14)
    assert content["total"] == pytest.approx(sum(b["expected"] for b in content["bins"]))


def test_predict_with_values_and_channels(run) -> None:
    totals = []
    for channel in ("all", "cevns", "eves"):
        _, out, _ = run("predict", "conus_plus", "--channel", channel, "--set", "norm=2", "--json")
        totals.append(json.loads(out)["total"])
    assert totals[0] == pytest.approx(totals[1] + totals[2], rel=1e-12)
    assert totals[0] == pytest.approx(2 * 139.7157, rel=1e-6)


def test_fit_and_profile_agree(run, tmp_path: Path) -> None:
    _, out, _ = run("fit", "conus_plus", "--json", "--cl", "0.9")
    fitted = json.loads(out)
    assert set(fitted) >= {"best_fit", "chi2_min", "intervals", "cl"}
    file = tmp_path / "curve.nc"
    arguments = ("--over", "sin2_theta_w", "--range", "0", "1", "--points", "101", "--json", "--out", str(file))
    _, out, _ = run("profile", "conus_plus", *arguments)
    curve = json.loads(out)
    assert set(curve) >= {"x", "delta_chi2", "best_fit", "intervals"}
    assert curve["intervals"] == [pytest.approx(piece, abs=1e-9) for piece in fitted["intervals"]["sin2_theta_w"]]
    with xr.open_dataset(file, engine="h5netcdf") as stored:
        np.testing.assert_array_equal(stored["delta_chi2"], curve["delta_chi2"])
        assert json.loads(stored.attrs["best_fit"]) == curve["best_fit"]
        assert stored.attrs["model"] == "sm"


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
    assert set(content) == {"x", "y", "delta_chi2", "best_fit", "chi2_min", "contours", "cl", "dof"}
    assert np.shape(content["delta_chi2"]) == (7, 5)
    likelihood = cevnsjax.Likelihood(conus_plus, model="vector_bl")
    same = cevnsjax.scan(likelihood, ("m_z", 1.0, 100.0, 5), ("g_bl", 1e-6, 1e-3, 7), cl=0.95, dof=1)
    assert content == json.loads(json.dumps(scan_dict(same)))
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
        assert plane.attrs["model"] == "vector_bl"

    _, out, _ = run(*asked)
    first, *rows, last = out.splitlines()
    assert first == "# contour 1 of 1, 0.95 CL, 1 degrees of freedom: m_z g_bl"
    np.testing.assert_allclose([[float(number) for number in row.split()] for row in rows], curve, rtol=1e-5)
    assert last.startswith(f"# least chi-squared {content['chi2_min']:.6g} at m_z = ")


def test_scan_without_a_contour(run, tmp_path: Path) -> None:
    """A coupling too small to matter: no contour is an answer, too."""
    file = tmp_path / "plane.nc"
    asked = (*PLANE[:-3], "1e-9", "1e-8", "7", "--out", str(file))
    assert json.loads(run(*asked, "--json")[1])["contours"] == []
    status, out, _ = run(*asked)
    assert status == 0
    assert out.startswith("# no contour of 0.9 CL crosses the plane; Delta chi^2 is at most ")
    with xr.open_dataset(file, engine="h5netcdf") as plane:
        assert plane["contour_x"].shape == (0,)


def test_curves_of_others_need_a_figure(run, tmp_path: Path) -> None:
    others = tmp_path / "others.csv"
    others.write_text("m_z,g_bl,curve\n1,1e-5,theirs\n")
    status, out, err = run(*PLANE, "--overlay", str(others))
    assert (status, out) == (2, "")
    assert err == "cevnsjax: --overlay given without --figure; give a file to draw into, too\n"
    assert list(tmp_path.iterdir()) == [others]


def test_sample(run, tmp_path: Path) -> None:
    """Draws as NetCDF, the summary as JSON and as text, warnings on standard error."""
    stored = tmp_path / "draws.nc"
    asked = ("sample", "conus_plus", "--out", str(stored), "--samples", "100", "--warmup", "100", "--chains", "2")
    status, out, err = run(*asked, "--prior", "sin2_theta_w=normal:0.3:0.01", "--json")
    content = json.loads(out)
    assert status == 0
    assert content["summary"]["sin2_theta_w"]["mean"] == pytest.approx(0.3, abs=0.01)
    assert [f"cevnsjax: warning: {text}" for text in content["warnings"]] == err.splitlines()
    with xr.open_dataset(stored, group="posterior", engine="h5netcdf") as draws:
        assert draws["sin2_theta_w"].shape == (2, 100)
    _, out, _ = run(*asked)
    assert out.startswith("sin2_theta_w = 0.")


def test_open_ends_are_null(run) -> None:
    """Without a pull and with k free, 99.99 % of nothing bounds sin^2(theta_W) from above."""
    _, out, _ = run("fit", "conus_plus", "--channel", "eves", "--json")
    assert json.loads(out)["intervals"]["sin2_theta_w"] == [[None, None]]


def test_lists(run) -> None:
    _, out, _ = run("experiments")
    assert all(line in out for line in ("conus_plus", "conus:eves", "dresden2:ybe"))
    _, out, _ = run("models")
    assert out.startswith("sm")
    assert "sin2_theta_w" in out
    listed = json.loads(run("experiments", "--json")[1])["experiments"]
    assert [one["name"] for one in listed] == ["conus", "conus_plus", "dresden2"]
    assert json.loads(run("models", "--json")[1])["models"][0]["name"] == "sm"


def test_tables_for_people(run) -> None:
    _, out, _ = run("predict", "conus_plus")
    assert len(out.splitlines()) == 2 + 19 + 1
    _, out, _ = run("fit", "conus_plus", "--cl", "0.6827")
    assert "sin2_theta_w = 0.258" in out
    _, out, _ = run("profile", "conus_plus", "--over", "norm", "--points", "3")
    assert len(out.splitlines()) == 1 + 3 + 1


@pytest.mark.parametrize(
    "arguments",
    [(), ("--help",), ("predict", "--help"), ("profile", "--help"), ("scan", "--help"), ("sample", "--help")],
)
def test_help(run, arguments: tuple[str, ...]) -> None:
    status, out, _ = run(*arguments)
    assert status == 0
    assert "Usage" in out


# With places to write to, which a mistake must leave empty.
SCAN = ("scan", "conus_plus", "--model", "vector_bl", "--out", "plane.nc", "--figure", "plane.pdf")
MASSES, COUPLINGS = ("--x", "m_z", "1", "10", "3"), ("--y", "g_bl", "1e-6", "1e-4", "3")
ANOTHER_TABLE = str(data_folder() / "reactor" / "vogel_engel_1989.csv")

SAMPLE = ("sample", "conus_plus", "--out", "draws.nc", "--figures", "plots")


def test_runs_of_counts(run) -> None:
    """Bins tell their run and their background; that no data are public stands on standard error, and in the JSON."""
    status, out, err = run("predict", "conus:cevns_bsm", "--json")
    content = json.loads(out)
    assert status == 0
    assert "no data are public" in err
    assert content["notes"] == [err.strip().removeprefix("note: ")]
    assert {b["run"] for b in content["bins"]} == {"C1R1_bsm", "C2R1_bsm", "C3R1_bsm"}
    assert all(b["expected"] > b["background"] > 0 for b in content["bins"])


def test_project(run, tmp_path: Path) -> None:
    files = tmp_path / "angle.nc", tmp_path / "angle.png"
    arguments = ("project", "conus_plus", "--over", "sin2_theta_w", "--exposure", "1", "100", "2", "--json")
    status, out, _ = run(*arguments, "--out", str(files[0]), "--figure", str(files[1]))
    content = json.loads(out)
    assert status == 0
    assert all(path.exists() for path in files)
    assert content["parameter"] == "sin2_theta_w"
    first, last = ([high - low for low, high in content["fisher"]][i] for i in (0, 1))
    assert last < first


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
    "unknown option": ("predict", "conus_plus", "--modle", "sm"),
    "option without its value": ("predict", "conus_plus", "--model"),
    "unknown model": ("predict", "conus_plus", "--model", "smm"),
    "unknown channel": ("predict", "conus_plus", "--channel", "cenns"),
    "unknown parameter": ("predict", "conus_plus", "--set", "sin2=0.2"),
    "no assignment": ("predict", "conus_plus", "--set", "sin2_theta_w"),
    "not a number": ("predict", "conus_plus", "--set", "sin2_theta_w=a"),
    "nan": ("predict", "conus_plus", "--set", "sin2_theta_w=nan"),
    "out of bounds": ("predict", "conus_plus", "--set", "sin2_theta_w=1.5"),
    "a parameter of another model": ("fit", "conus_plus", "--free", "mu_nu_e"),
    "nothing free": ("fit", "conus_plus", "--free", ""),
    "free and set": ("fit", "conus_plus", "--free", "norm", "--set", "norm=1"),
    "impossible level": ("fit", "conus_plus", "--cl", "90"),
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
    "no such format of a figure": (*SCAN, *MASSES, *COUPLINGS, "--figure", "plane.jpg"),
    "figure without a suffix": (*SCAN, *MASSES, *COUPLINGS, "--figure", "plane"),
    "no folder for a figure": (*SCAN, *MASSES, *COUPLINGS, "--figure", "nowhere/plane.pdf"),
    "no folder for a plane": (*SCAN, *MASSES, *COUPLINGS, "--out", "nowhere/plane.nc"),
    "a plane that overflows": (*SCAN, *MASSES, "--y", "g_bl", "1e-6", "1e90", "3"),
    "nowhere to keep draws": ("sample", "conus_plus"),
    "no folder for draws": ("sample", "conus_plus", "--out", "nowhere/draws.nc"),
    "no such sampler": (*SAMPLE, "--sampler", "gibbs"),
    "no such prior": (*SAMPLE, "--prior", "sin2_theta_w=beta:1:2"),
    "prior of what is not free": (*SAMPLE, "--prior", "norm=flat:0:1"),
    "prior that falls": (*SAMPLE, "--prior", "sin2_theta_w=flat:1:0"),
    "no chain": (*SAMPLE, "--chains", "0"),
    "results into nowhere": ("reproduce", "--out", "nowhere/at/all"),
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
    assert good.stderr == ""
    assert json.loads(good.stdout)["experiment"] == "conus_plus"
    bad = subprocess.run([*command, "fit", "conus_minus"], cwd=tmp_path, capture_output=True, text=True)
    assert (bad.returncode, bad.stdout) == (2, "")
    assert bad.stderr.count("\n") == 1

"""The whole reproduction, once: files, figures, and numbers that agree with the functions behind them."""

import json
from pathlib import Path

import pytest
import xarray as xr

import cevnsjax
from cevnsjax.reproduce import ASSUMPTIONS, ONE_SIGMA, reproduce
from cevnsjax.statistics.intervals import threshold


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("results") / "here"
    content = reproduce(out)
    assert json.loads((out / "report.json").read_text()) == json.loads(json.dumps(content))
    return out


@pytest.fixture(scope="module")
def content(folder: Path) -> dict:
    return json.loads((folder / "report.json").read_text())


def test_all_is_there_and_nothing_else(folder: Path) -> None:
    figures = ["fig1_spectrum", "fig2_sin2_theta_w", "fig3_weak_mixing_angle"]
    curves = [
        "fig1_spectrum.nc",
        "fig3_weak_mixing_angle.nc",
        "fig2_sin2_theta_w_profiled.nc",
        "fig2_sin2_theta_w_marginalised.nc",
    ]
    expected = [f"{name}.{suffix}" for name in figures for suffix in ("pdf", "png")]
    assert {path.name for path in folder.iterdir()} == {*expected, *curves, "report.md", "report.json"}
    assert list(folder.parent.iterdir()) == [folder]
    for name in figures:
        assert (folder / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert (folder / f"{name}.pdf").read_bytes().startswith(b"%PDF")


def test_published_values_stand_beside_those_obtained(content: dict, likelihood) -> None:
    rows = {row["name"]: row for row in content["comparisons"]}
    assert rows["sin2_theta_w"]["published"] == [0.252, 0.188, 0.308]
    found = cevnsjax.fit(likelihood, cl=ONE_SIGMA)
    ((low, high),) = found.intervals["sin2_theta_w"]
    assert rows["sin2_theta_w"]["obtained"] == pytest.approx([found.best_fit["sin2_theta_w"], low, high], abs=1e-9)
    # 3.7 sigma as the collaboration reports: sqrt(13.8 +- 0.3).
    assert rows["significance"]["obtained"][0] ** 2 == pytest.approx(13.8, abs=0.3)
    for row in rows.values():
        assert row["deviation"] == pytest.approx(row["obtained"][0] / row["published"][0] - 1)


def test_each_assumption_moves_what_it_should(content: dict) -> None:
    rows = {row["name"]: row for row in content["assumptions"]}
    assert list(rows) == [name for name, _, _ in ASSUMPTIONS]
    events = {name: row["events"] / rows["default"]["events"] for name, row in rows.items()}
    # The known sizes of the flux and the tail: 1.386 for 1.5, and 0.93 and 1.03 above 8 MeV, the total rescaled.
    assert events["flux not rescaled to 1.5e13"] == pytest.approx(1.386 / 1.5, rel=1e-3)
    assert events["spectrum cut at 8 MeV"] == pytest.approx(0.93, abs=0.02)
    assert events["exponential above 8 MeV"] == pytest.approx(1.03, abs=0.02)
    assert events["no energy resolution"] < 0.9
    narrower = rows["pull of 16.9 % instead of 20 %"]
    assert narrower["high"] - narrower["low"] < rows["default"]["high"] - rows["default"]["low"]


def test_curves_are_the_fits(folder: Path, content: dict) -> None:
    rows = {row["name"]: row for row in content["assumptions"]}
    for pull, name in (("profiled", "default"), ("marginalised", "pull integrated out instead of minimised")):
        with xr.open_dataset(folder / f"fig2_sin2_theta_w_{pull}.nc", engine="h5netcdf") as curve:
            for end in ("low", "high"):
                at_end = curve["delta_chi2"].interp(sin2_theta_w=rows[name][end], method="linear")
                # A curve in steps of 0.002, read linearly where it is about a parabola of width 0.05.
                assert float(at_end) == pytest.approx(threshold(ONE_SIGMA), abs=2e-3)
    with xr.open_dataset(folder / "fig1_spectrum.nc", engine="h5netcdf") as spectrum:
        assert spectrum["expected"].dims == ("channel", "detector", "bin")
        assert spectrum["observed"].attrs["units"] == "counts / kg / (10 eV_ee)"


def test_the_report_reads(folder: Path) -> None:
    text = (folder / "report.md").read_text()
    assert "| sin2_theta_w | 0.252 +0.056 -0.064 |" in text
    for name, _, _ in ASSUMPTIONS:
        assert f"| {name} |" in text

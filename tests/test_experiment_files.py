"""Experiments as files: what a user may write, and what is refused, each time in one line."""

import re
import shutil
from pathlib import Path

import numpy as np
import pytest

import cevnsjax
from cevnsjax.errors import InputError
from cevnsjax.resources import data_folder


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A copy of the embedded experiment, for a user to change."""
    copy = tmp_path / "mine"
    shutil.copytree(data_folder() / "conus_plus", copy)
    return copy


def change(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def test_a_path_gives_the_same_experiment(folder: Path, likelihood) -> None:
    mine = cevnsjax.Likelihood(folder / "experiment.toml")
    np.testing.assert_allclose(mine.expected({}), likelihood.expected({}), rtol=1e-14)


def test_an_efficiency_curve_scales_the_prediction(folder: Path, likelihood) -> None:
    (folder / "efficiency.csv").write_text("# a test\nenergy_eV,efficiency\n0,0.5\n1000,0.5\n")
    change(folder / "experiment.toml", "[response]", '[response]\nefficiency_file = "efficiency.csv"')
    mine = cevnsjax.Likelihood(folder / "experiment.toml")
    np.testing.assert_allclose(mine.expected({}), likelihood.expected({}) / 2, rtol=1e-12)


def test_a_tabulated_yield_has_no_k(folder: Path) -> None:
    quenching = 'quenching = { model = "table", table = "germanium_collar_2021", column = "Fef" }'
    change(folder / "experiment.toml", 'quenching = { model = "lindhard", k = 0.162 }', quenching)
    mine = cevnsjax.Likelihood(folder / "experiment.toml")
    assert "quenching_k" not in mine.parameters
    assert np.isfinite(mine.expected({})).all()
    with pytest.raises(InputError, match="quenching_k"):
        mine.expected({"quenching_k": 0.16})


def test_units_of_the_data(folder: Path, likelihood) -> None:
    """Counts in all detectors, from counts per kg and 10 eV: times the active mass, bins of 10 eV."""
    change(folder / "experiment.toml", "per_kg = true\nper_energy_eV = 10\n", "")
    mine = cevnsjax.Likelihood(folder / "experiment.toml")
    mass = np.array([0.94, 1.88] + [2.83] * 17)
    np.testing.assert_allclose(mine.expected({}), likelihood.expected({}) * mass, rtol=1e-12)
    assert mine.experiments[0].unit == "counts"


def test_a_compound_is_a_sum_of_its_elements(folder: Path) -> None:
    """Two atoms of one element are that element; CsI lies between caesium and iodine."""
    twice = cevnsjax.Likelihood(cevnsjax.load_experiment("conus_plus", {"target.elements": {"Ge": 2}}))
    once = cevnsjax.Likelihood("conus_plus")
    np.testing.assert_allclose(twice.expected({}), once.expected({}), rtol=1e-12)
    quenching = {"model": "table", "table": "germanium_collar_2021", "column": "YBe"}
    rates = []
    for elements in ({"Cs": 1}, {"Cs": 1, "I": 1}, {"I": 1}):
        overrides = {"target.elements": elements, "response.quenching": quenching}
        rates.append(cevnsjax.Likelihood(cevnsjax.load_experiment("conus_plus", overrides)).expected({}))
    low, middle, high = np.asarray(rates)
    assert ((low < middle) & (middle < high)).all()


DESCRIPTION_MISTAKES = {
    "not TOML": ('name = "conus_plus"', "name = ", "not valid TOML"),
    "missing key": ("power_GW = 3.6 ", "", "'source.power_GW' is missing"),
    "another unit": (
        "power_GW = 3.6 ",
        "power_MW = 3600.0 ",
        "unknown key 'source.power_MW'; did you mean 'source.power_GW'",
    ),
    "text for a number": ("baseline_m = 20.7", 'baseline_m = "20.7"', "baseline_m"),
    "negative mass": ("mass_kg = 0.94", "mass_kg = -0.94", "mass_kg"),
    "infinite power": ("power_GW = 3.6", "power_GW = inf", "power_GW"),
    "unknown spectrum": ('"vogel_engel"', '"vogel_engels"', "vogel_engel, bestiole"),
    "unknown tail": ('"polynomial"', '"power_law"', "polynomial, exponential, cut, table"),
    "no such table above 8 MeV": ('"polynomial"', '"table"', "no table above 8 MeV"),
    "unknown isotope": ("U238 = 0.08", "U239 = 0.08", "U235, U238, Pu239, Pu241"),
    "missing isotope": (", Pu241 = 0.07", "", "at least 4"),
    "unknown element": ("Ge = 1", "Germanium = 1", "unknown element 'Germanium'"),
    "no atoms": ("Ge = 1", "Ge = 0", "greater than 0"),
    "unknown form factor": ('"helm"', '"wood_saxon"', "helm, klein_nystrand, point"),
    "unknown quenching": ('"lindhard"', '"linhard"', "lindhard"),
    "unphysical k": ("k = 0.162", "k = 1.62", "less than or equal to 0.4"),
    "same detector twice": ('name = "C5"', 'name = "C3"', "must differ"),
    "no data file": ("run1_excess.csv", "run2_excess.csv", "No such file"),
    "threshold above the bins": ("threshold_eV = 160", "threshold_eV = 165", "below all thresholds"),
    "unknown key": ("[data]", "[data]\ntype = 1", "unknown key 'data.type'"),
    "negative pull": ("norm = 0.20", "norm = -0.20", "systematics.default.normalisation.norm"),
    "negative shape": ("quenching_k = 0.004", "quenching_k = -0.004", "systematics.detailed.quenching_k"),
    "unknown systematic": ("nuclear_radius = 0.032", "radius = 0.032", "did you mean"),
    "bad name": ('name = "conus_plus"', 'name = "conus plus"', "name"),
}


@pytest.mark.parametrize(("old", "new", "message"), DESCRIPTION_MISTAKES.values(), ids=DESCRIPTION_MISTAKES)
def test_mistakes_in_the_description(folder: Path, old: str, new: str, message: str) -> None:
    change(folder / "experiment.toml", old, new)
    with pytest.raises(InputError, match=re.escape(message)) as caught:
        cevnsjax.load_experiment(folder / "experiment.toml")
    assert "\n" not in str(caught.value)


DATA_MISTAKES = {
    "missing column": ("observed", "counts", "lacks the column 'observed'"),
    "not a number": ("13.27102804", "thirteen", "'thirteen' in row 1"),
    "nan": ("13.27102804", "nan", "finite"),
    "empty cell": ("13.27102804", "", "finite"),
    "too few cells": ("160,170,13.27102804,22.99065420", "160,170,13.27", "cells"),
    "too many cells": ("22.99065420", "22.9,1.0", "cells"),
    "negative error": ("22.99065420", "-22.9", "sigma must be positive"),
    "zero error": ("22.99065420", "0", "sigma must be positive"),
    "bins fall": ("170,180,", "150,160,", "must rise"),
    "bins overlap": ("170,180,", "165,180,", "must rise"),
    "empty bin": ("160,170,", "170,170,", "above low_eV"),
    "negative energy": ("160,170,", "-160,170,", "negative"),
}


@pytest.mark.parametrize(("old", "new", "message"), DATA_MISTAKES.values(), ids=DATA_MISTAKES)
def test_mistakes_in_the_data(folder: Path, old: str, new: str, message: str) -> None:
    change(folder / "run1_excess.csv", old, new)
    with pytest.raises(InputError, match=re.escape(message)) as caught:
        cevnsjax.load_experiment(folder / "experiment.toml")
    assert "\n" not in str(caught.value)


def test_no_rows(folder: Path) -> None:
    (folder / "run1_excess.csv").write_text("# nothing\nlow_eV,high_eV,observed,sigma\n")
    with pytest.raises(InputError, match="no rows"):
        cevnsjax.load_experiment(folder / "experiment.toml")


def test_efficiency_mistakes(folder: Path) -> None:
    change(folder / "experiment.toml", "[response]", '[response]\nefficiency_file = "efficiency.csv"')
    for table, message in (("0,0.5\n1000,1.5", "between 0 and 1"), ("1000,0.5\n0,0.5", "rise")):
        (folder / "efficiency.csv").write_text(f"energy_eV,efficiency\n{table}\n")
        with pytest.raises(InputError, match=message):
            cevnsjax.load_experiment(folder / "experiment.toml")


def test_overrides_that_lead_nowhere() -> None:
    with pytest.raises(InputError, match="no table 'sauce'"):
        cevnsjax.load_experiment("conus_plus", {"sauce.power_GW": 1.0})
    with pytest.raises(InputError, match="unknown key"):
        cevnsjax.load_experiment("conus_plus", {"source.power": 1.0})

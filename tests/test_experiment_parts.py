"""Samples, runs and overrides: what is refused, each time in one line, and what overrides find."""

import re
from pathlib import Path

import numpy as np
import pytest
from editing import change, refused, refused_copy

from cevnsjax.errors import InputError
from cevnsjax.experiments import copy_experiment, load_experiment, load_runs

SAMPLE_MISTAKES = {
    "two of one name": ('name = "exponential"\nkind', 'name = "flat"\nkind', "samples must have different names"),
    "named like the signal": ('name = "flat"\nkind', 'name = "signal"\nkind', "cannot be named 'signal'"),
    "unknown kind": ('kind = "flat"', 'kind = "flatt"', "kind is 'flatt', but must be one of 'flat', 'exponential'"),
    "key of another kind": ("decay = 200.0", "tilt = 0.1", "unknown key 'sample.exponential.tilt'"),
    "negative rate": ("rate_per_keV_kg_d = 400.0", "rate_per_keV_kg_d = -1.0", "sample.flat.rate_per_keV_kg_d = -1.0"),
    "tilt beyond one": ("rate_per_keV_kg_d = 400.0", "rate_per_keV_kg_d = 1.0\ntilt = 2", "from -1 to 1"),
    "two followers of one name": ('name = "M"', 'name = "L2"', "followers of 'L1' must have different names"),
    "runs without runs": ('kind = "flat"', 'kind = "flat"\nruns = ["C1"]', "there are no [[runs]]"),
    "data per kilogram": ("per_energy = 10", "per_energy = 10\nper_kg = true", "leave out per_kg"),
    "bins of another width": ("per_energy = 10", "per_energy = 20", "must be per_energy = 20 wide"),
    "a late detector": ("threshold = 200", "threshold = 300", "below all thresholds"),
    "a number that is none": ('"sample.flat.rate_per_keV_kg_d"', '"sample.flat.rate"', "unknown number of flat 'rate'"),
    "a sample that is none": ('"sample.flat.rate_per_keV_kg_d"', '"sample.flta.tilt"', "did you mean 'flat'"),
    "free from zero": ("rate_per_keV_kg_d = 400.0", "rate_per_keV_kg_d = 0.0", "where a fit would stay"),
    "negative bounds": ('decay"\nfree = true', 'decay"\nfree = true\nbounds = [-1.0, 300.0]', "between 0 and inf"),
    "a decay down to zero": ('decay"\nfree = true', 'decay"\nfree = true\nbounds = [0, 300.0]', "must be positive"),
    "a morph of a formula": (
        'scale = ["signal"]', 'morph = { flat = { up = "on.csv" } }', "'flat' is no sample, and there is none",
    ),
    "a morph of the signal": (
        'scale = ["signal"]', 'morph = { signal = { up = "on.csv" } }', "'signal' is no sample, and there is none",
    ),
    "a table of another column": (
        'kind = "flat"\nrate_per_keV_kg_d = 400.0', 'kind = "table"\nfile = "on.csv"', "lacks the column 'expected'",
    ),
    "a table of other cells": (
        'kind = "flat"\nrate_per_keV_kg_d = 400.0',
        'kind = "table"\nfile = "short.csv"',
        "has 1 rows; the cells are 130 (130 energy)",
    ),
    "a table of other bins": (
        'kind = "flat"\nrate_per_keV_kg_d = 400.0',
        'kind = "table"\nfile = "moved.csv"',
        "row 130 of",
    ),
    "a total of nothing": (
        'kind = "flat"\nrate_per_keV_kg_d = 400.0',
        'kind = "table"\nfile = "nothing.csv"\ntotal = 10.0',
        "no total can be given",
    ),
    "a shift of tables": (
        'kind = "exponential"',
        'kind = "table"\nfile = "nothing.csv"\n[[nuisance]]\nname = "energy_shift"\nkey = "response.shift"\n'
        'sigma = 1.0\n[[sample]]\nname = "tail"\nkind = "exponential"',
        "cannot move with the energy scale",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new", "message"), SAMPLE_MISTAKES.values(), ids=SAMPLE_MISTAKES)
def test_mistakes_in_samples(tmp_path: Path, old: str, new: str, message: str) -> None:
    copy_experiment("dresden2", tmp_path)
    rows = [f"{low},{low + 10},0" for low in range(200, 1500, 10)]
    moved = [*rows[:-1], "1490,1510,0"]
    for name, lines in (("short", rows[:1]), ("moved", moved), ("nothing", rows)):
        (tmp_path / f"{name}.csv").write_text("\n".join(["energy_low,energy_high,expected", *lines]) + "\n")
    change(tmp_path / "experiment.toml", old, new)
    refused(tmp_path / "experiment.toml", message, tmp_path)


RUN_MISTAKES = {
    "two runs of one name": ('name = "C2R1"\n', 'name = "C1R1"\n', "names of runs must differ"),
    "an analysis of no run": ('cevns = ["C1R1"', 'cevns = ["C1R7"', "analysis 'cevns': unknown run 'C1R7'"),
    "a sample of no run": ('"C3R1_bsm"]\n\n# The two', '"C3R1_bms"]\n\n# The two', "did you mean 'C3R1_bsm'"),
    "an empty analysis": ('cevns = ["C1R1", "C2R1", "C3R1", "C1R2", "C3R2"]', "cevns = []", "give at least 1 entries"),
    "edges that fall": ("start = 296, stop = 750", "start = 750, stop = 296", "starts at 750 and stops at 296"),
    "edges below zero": ("start = 296, stop = 750", "start = -10, stop = 750", "begins at -10"),
    "half a bin": ("stop = 750, bins = 50", "stop = 750, bins = 49.5", "runs.C1R1.edges.bins = 49.5 is wrong"),
    "no bins": ("stop = 750, bins = 50", "stop = 750, bins = 0", "give at least 1"),
    "too many bins": ("stop = 750, bins = 50", "stop = 750, bins = 1000000000", "give at most 100000"),
    "edges without an end": ("start = 296, stop = 750, bins", "start = 296, bins", "'runs.C1R1.edges.stop' is missing"),
    "no exposure": ("on_kg_d = 96.7", "on_kg_d = 0.0", "runs.C1R1.on_kg_d = 0.0 is wrong"),
    "expected of nothing": ("on_kg_d = 96.7", 'on_kg_d = 96.7\nexpected = "nothing"', "give 'sm' or 'background'"),
    "data and expected": (
        "on_kg_d = 96.7", 'on_kg_d = 96.7\nexpected = "sm"\nfile = "x.csv"', "in its place; choose one",
    ),
    "no file of counts": ("on_kg_d = 96.7", 'on_kg_d = 96.7\nfile = "x.csv"', "No such file"),
    "data beside runs": ("[analyses]", '[data]\nfile = "x.csv"\n[analyses]', "either [data] with [[detectors]]"),
    "detectors beside runs": (
        "[analyses]",
        '[[detectors]]\nname = "a"\nmass_kg = 1.0\nlive_days = 1.0\n[analyses]',
        "[[detectors]] belong to [data]",
    ),
    "a variant like a run": ("[check]", '[variants]\nC1R1 = { "source.power_GW" = 1.0 }\n[check]', "rename one"),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new", "message"), RUN_MISTAKES.values(), ids=RUN_MISTAKES)
def test_mistakes_in_runs(tmp_path: Path, old: str, new: str, message: str) -> None:
    refused_copy("conus", tmp_path, old, new, message)


def test_counts_where_nothing_is_expected(tmp_path: Path) -> None:
    """With the source off only samples are expected: counts without any have no probability."""
    copy_experiment("conus", tmp_path)
    file = tmp_path / "experiment.toml"
    rows = [f"{low},{low + 10},3,2" for low in range(300, 350, 10)]
    (tmp_path / "x.csv").write_text("\n".join(["energy_low,energy_high,on,off", *rows]) + "\n")
    change(
        file,
        "edges = { start = 296, stop = 750, bins = 50 }",
        'edges = { start = 300, stop = 350, bins = 5 }\nfile = "x.csv"',
    )
    assert load_experiment(f"{file}:C1R1").observed.tolist() == [3.0] * 5 + [2.0] * 5
    text = file.read_text()
    file.write_text(text.replace('runs = ["C1R1", "C2R1"', 'runs = ["C2R1"'))
    refused(file, "counts with the source off where nothing is expected")
    file.write_text(text.replace("off_kg_d = 13.8\n", "", 1))
    refused(file, "give their exposure, off_kg_d")


OVERRIDES = {
    "no table": ({"sauce.power_GW": 1.0}, "no table 'sauce'"),
    "no key": ({"source.power": 1.0}, "unknown key 'source.power'; did you mean 'source.power_GW'"),
    "out of range": ({"source.power_GW": -1.0}, "source.power_GW = -1.0 is wrong"),
    "another type": ({"source.power_GW": "3.6"}, "give a number"),
    "an array": ({"source.power_GW": np.ones(2)}, "give a number"),
    "nothing to remove": ({"response.nuclear.smaering": None}, "no 'response.nuclear.smaering' that could be removed"),
    "a list": ({"detectors": 1.0}, "detectors = 1.0 is wrong: give a list"),
    "no item of a list": ({"detectors.C7.mass_kg": 1.0}, "no table 'C7'"),
    "beyond a list": ({"detectors.4.mass_kg": 1.0}, "no table '4'"),
    "a list itself": ({"detectors.C3": 1.0}, "leads to a list"),
    "an empty key": ({"": 1.0}, "unknown key ''"),
}


@pytest.mark.parametrize(("overrides", "message"), OVERRIDES.values(), ids=OVERRIDES)
def test_overrides_that_lead_nowhere(overrides: dict[str, object], message: str) -> None:
    with pytest.raises(InputError, match=re.escape(message)) as caught:
        load_experiment("conus_plus", overrides)
    assert "\n" not in str(caught.value)


def test_overrides_find_items_of_lists_by_name_and_by_number() -> None:
    for key in ("detectors.C5.mass_kg", "detectors.2.mass_kg"):
        experiment = load_experiment("conus_plus", {key: 2.0})
        assert experiment.detector_exposure[1, -1] / experiment.detector_exposure[0, -1] == pytest.approx(
            2.0 * 119 / (0.94 * 110)
        )
    (norm,) = (
        n for n in load_experiment("conus_plus", {"nuisance.norm.sigma": 0.1}).nuisances["default"] if n.name == "norm"
    )
    assert norm.sigma == 0.1
    without = load_experiment("conus_plus", {"response.nuclear.smearing": None})
    assert without.identity.overrides == (("response.nuclear.smearing", None),)


@pytest.mark.parametrize(
    ("threshold", "message"), [(0.0, "above 0 and below 750"), (750.0, "above 0"), (np.nan, "above 0")]
)
def test_thresholds_that_make_no_sense(threshold: float, message: str) -> None:
    with pytest.raises(InputError, match=message):
        load_runs("conus:C1R1", threshold=threshold)
    with pytest.raises(InputError, match="begin where they begin"):
        load_runs("conus_plus", threshold=200.0)

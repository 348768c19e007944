"""Descriptions of experiments: each mistake is refused in one line, which names the file and what would be right."""

from pathlib import Path

import pytest
from editing import change, refused

from cevnsjax.errors import InputError
from cevnsjax.experiments import copy_experiment, experiment_names, load_runs


def test_every_embedded_experiment_can_be_copied_and_loaded(tmp_path: Path) -> None:
    for name in experiment_names():
        files = copy_experiment(name, tmp_path / name)
        assert all(file.parent == tmp_path / name for file in files)
        mine, theirs = load_runs(tmp_path / name / "experiment.toml"), load_runs(name)
        assert [run.label for run in mine] == [run.label for run in theirs]
        assert [run.digest() for run in mine] == [run.digest() for run in theirs]


def test_a_copy_overwrites_nothing(copied: Path) -> None:
    with pytest.raises(InputError, match="exists already"):
        copy_experiment("conus_plus", copied)
    with pytest.raises(InputError, match="did you mean 'conus_plus'"):
        copy_experiment("conus_pus", copied / "elsewhere")
    assert not (copied / "elsewhere").exists()


TRIGGER = 'name = "trigger"\nsigma = 0.007                           # literature\nscale = ["signal"]'

MISTAKES = {
    "not TOML": ('name = "conus_plus"', "name = ", "not valid TOML"),
    "missing key": ("power_GW = 3.6 ", "", "'source.power_GW' is missing"),
    "another unit": (
        "power_GW = 3.6 ",
        "power_MW = 3600.0 ",
        "unknown key 'source.power_MW'; did you mean 'source.power_GW'",
    ),
    "unknown key": ("[data]", "[data]\ntype = 1", "unknown key 'data.type'"),
    "unknown key of a kind": ("k = 0.162", "q = 0.162", "unknown key 'response.nuclear.yield.q'"),
    "unknown table": ("[target]", "[sources]\na = 1\n[target]", "unknown key 'sources'; did you mean 'source'"),
    "key of the first format": (
        "threshold = 160",
        "threshold_eV = 160",
        "format = 2 has threshold in its place",
    ),
    "text for a number": ("baseline_m = 20.7", 'baseline_m = "20.7"', "baseline_m = '20.7' is wrong: give a number"),
    "text for a list": ("[[axes]]", '[axes]', "axes is wrong: give a list"),
    "truth for a number": ("power_GW = 3.6", "power_GW = true", "source.power_GW = True is wrong"),
    "a date for a number": ("power_GW = 3.6", "power_GW = 2025-01-01", "source.power_GW"),
    "negative mass": ("mass_kg = 0.94", "mass_kg = -0.94", "detectors.C3.mass_kg = -0.94 is wrong"),
    "infinite power": ("power_GW = 3.6", "power_GW = inf", "source.power_GW = inf is wrong"),
    "no number": ("power_GW = 3.6", "power_GW = nan", "power_GW = nan is wrong: give a number from 1e-06"),
    "power in MW": ("power_GW = 3.6", "power_GW = 3600", "give a number from 1e-06 to 100"),
    "baseline in mm": ("baseline_m = 20.7", "baseline_m = 0.0207", "give a number from 0.1 to 1e+13"),
    "overflowing mass": ("mass_kg = 0.94", "mass_kg = 1e300", "give a number from 1e-09 to 1e+09"),
    "underflowing days": ("live_days = 110", "live_days = 5e-324", "give a number from 1e-06 to 100000"),
    "noise too small": ("noise = 20.38", "noise = 1e-6", "give a number from 0.001 to 1e+09"),
    "noise of a narrow line": ("noise = 20.38, fano = 0.1096", "noise = 0.001, fano = 0.0", "panels"),
    "no width at all": ("noise = 20.38, fano = 0.1096", "fano = 0.0", "needs a noise"),
    "total flux of another unit": ("_s = 1.5e13", "_s = 1.5e27", "give a number from 0.001 to 1e+20"),
    "energy per fission in GeV": ("= 205.24", "= 0.205", "from 100 to 300, or give one of ma_2013, kopeikin_2004"),
    "energy per fission of no table": ("= 205.24", '= "ma_2012"', "give one of ma_2013, kopeikin_2004"),
    "unknown spectrum": ('"vogel_engel"', '"vogel_engels"', "vogel_engel, bestiole"),
    "unknown tail": ('"polynomial"', '"power_law"', "polynomial, exponential, cut, table"),
    "no such table above 8 MeV": ('"polynomial"', '"table"', "no table above 8 MeV"),
    "unknown isotope": ("U238 = 0.08", "U239 = 0.08", "U235, U238, Pu239, Pu241"),
    "missing isotope": (", Pu241 = 0.07", "", "give at least 4 entries"),
    "fractions in per cent": (
        "U235 = 0.53, U238 = 0.08, Pu239 = 0.32, Pu241 = 0.07",
        "U235 = 53, U238 = 8, Pu239 = 32, Pu241 = 7",
        "give a number from 0 to 1",
    ),
    "fractions of nothing": (
        "U235 = 0.53, U238 = 0.08, Pu239 = 0.32, Pu241 = 0.07",
        "U235 = 0.0, U238 = 0.0, Pu239 = 0.0, Pu241 = 0.0",
        "fission fractions add up to 0",
    ),
    "unknown source": ('kind = "reactor"', 'kind = "sun"', "'reactor', 'table'"),
    "no kind of source": ('kind = "reactor"', "", "'source.kind' is missing"),
    "unknown element": ("Ge = 1", "Germanium = 1", "unknown atom 'Germanium' (known: O, F, Na,"),
    "no atoms": ("Ge = 1", "Ge = 0", "target.elements.Ge = 0 is wrong: give a number from 1e-12"),
    "no elements": ("{ Ge = 1 }", "{}", "target.elements is wrong: give at least 1 entries"),
    "unknown form factor": ('"helm"', '"wood_saxon"', "helm, klein_nystrand, point"),
    "unknown yield": ('"lindhard"', '"linhard"', "kind is 'linhard', but must be one of 'lindhard', 'table'"),
    "no kind of yield": ('kind = "lindhard", ', "", "'response.nuclear.yield.kind' is missing"),
    "unphysical k": ("k = 0.162", "k = 1.62", "give a number from 0.05 to 0.4"),
    "gain of an energy": ("[response.nuclear]", "[response]\nsignal_per_keV = 2\n[response.nuclear]", "leave out"),
    "no gain of a signal": ('unit = "eV_ee"', 'unit = "PE"', "give response.signal_per_keV"),
    "yield of electrons": (
        "[response.nuclear]",
        '[response.electron]\nyield = { kind = "constant", value = 0.9 }\n[response.nuclear]',
        "leave out the yield of electron",
    ),
    "two axes of one name": ("[response.nuclear]", '[[axes]]\nname = "energy"\n[response.nuclear]', "different names"),
    "a second axis of a reactor": (
        'unit = "eV_ee"                          # the edges stand in the data\'s file',
        'unit = "eV_ee"\nedges = { start = 160, stop = 350, bins = 19 }\n[[axes]]\nname = "time"\nedges = [0.0, 1.0]',
        "lacks the column 'time_low'",
    ),
    "a second axis without edges": (
        "[response.nuclear]",
        '[[axes]]\nname = "time"\n[response.nuclear]',
        "needs edges",
    ),
    "falling edges": ('unit = "eV_ee"', 'unit = "eV_ee"\nedges = [300.0, 200.0]', "must rise"),
    "edges of other data": ('unit = "eV_ee"', 'unit = "eV_ee"\nedges = [180.0, 350.0]', "19 rows; the cells are 1"),
    "too many cells": (
        'unit = "eV_ee"',
        'unit = "eV_ee"\nedges = { start = 1, stop = 2, bins = 5000 }\n[[axes]]\nname = "x"\n'
        "edges = { start = 1, stop = 2, bins = 5000 }",
        "25000000 cells",
    ),
    "same detector twice": ('name = "C5"', 'name = "C3"', "must differ"),
    "no data file": ("run1_excess.csv", "run2_excess.csv", "No such file"),
    "a folder for data": ('"run1_excess.csv"', '"."', "no regular file"),
    "no data": ('[data]\nfile = "run1_excess.csv"\nterm = "gaussian"\nper_kg = true\nper_energy = 10', "", "[data]"),
    "threshold above the first bin": ("threshold = 160", "threshold = 165", "below all thresholds"),
    "threshold above all bins": ("threshold = 180", "threshold = 170000", "'C2' has a threshold of 170000, above all"),
    "counts per kilogram": ('term = "gaussian"', 'term = "poisson"', "leave out per_kg and per_energy"),
    "pull of a factor in per cent": ("sigma = 0.20", "sigma = 20", "write 0.1 for 10 %"),
    "pull of 200": ("sigma = 0.20", "sigma = 200.0", "write 0.1 for 10 %"),
    "pull beyond a range": ("sigma = 0.004", "sigma = 200.0", "exceeds the range from 0.05 to 0.4"),
    "negative pull": ("sigma = 0.20", "sigma = -0.20", "nuisance.norm.sigma = -0.2 is wrong"),
    "no pull": ("sigma = 0.20", "", "nuisance.norm is wrong: it needs either sigma"),
    "a pull of what is free": ("sigma = 0.20", "sigma = 0.20\nfree = true", "it needs either sigma, or free = true"),
    "free without bounds": (
        'key = "response.shift"\nsigma = 5.5',
        'key = "response.nuclear.smearing.noise"\nfree = true',
        "give it key = 'response.shift'",
    ),
    "no effect": ('scale = ["signal"]', "", "nuisance.norm is wrong: it needs exactly one of scale, key, morph"),
    "two effects": ('scale = ["signal"]', 'scale = ["signal"]\nkey = "response.shift"', "exactly one of scale"),
    "a factor on nothing": (
        'name = "flux"\nsigma = 0.046                           # literature\nscale = ["signal"]',
        'name = "flux"\nsigma = 0.046\nscale = ["singal"]',
        "did you mean 'signal'",
    ),
    "a factor twice": ('scale = ["signal"]', 'scale = ["signal", "signal"]', "scales a sample twice"),
    "a factor about two": ('scale = ["signal"]', 'scale = ["signal"]\ncentre = 2.0', "the centre of a factor is 1"),
    "a closed factor with bounds": ('scale = ["signal"]', 'scale = ["signal"]\nbounds = [0.5, 2.0]', "knows no bounds"),
    "bounds that fall": ('scale = ["signal"]', 'scale = ["signal"]\nbounds = [2.0, 0.5]', "must rise"),
    "a centre out of bounds": ("sigma = 0.004", "sigma = 0.004\nbounds = [0.2, 0.3]", "not within 0.2 and 0.3"),
    "a key to no sample": (
        TRIGGER,
        'name = "trigger"\nsigma = 0.007\nkey = "sample.flat.rate"',
        "'flat' is no sample",
    ),
    "a number that goes too far": (
        TRIGGER,
        'name = "trigger"\nsigma = 8.0\nkey = "response.nuclear.smearing.noise"',
        "from -19.62 to 60.38, which is too far",
    ),
    "one number moved twice": (
        TRIGGER,
        'name = "trigger"\nsigma = 0.007\nkey = "response.shift"\nbounds = [-1.0, 1.0]',
        "have the key 'response.shift'",
    ),
    "two nuisances of one name": ('name = "active_mass"', 'name = "flux"', "are named 'flux'"),
    "a nuisance named like a coupling": ('name = "flux"', 'name = "sin2_theta_w"', "is a parameter of the model sm"),
    "a nuisance named like a mass": ('name = "flux"', 'name = "m_phi"', "is a parameter of the model scalar"),
    "a factor named like the quenching": ('name = "flux"', 'name = "quenching_k"', "means the same in all experiments"),
    "a shift named like a factor": ('name = "energy_shift"', 'name = "norm"', "give it scale = ['signal']"),
    "a radius named like a shift": ('name = "nuclear_radius"', 'name = "energy_shift"', "key = 'response.shift'"),
    "owned by nobody": ('own = "experiment"', 'own = "everybody"', "'experiment', 'detector' or 'run'"),
    "bad name": ('name = "conus_plus"', 'name = "conus plus"', "give letters, digits and underscores"),
    "name of two lines": ('name = "conus_plus"', 'name = "conus\\nplus"', "name = 'conus\\nplus' is wrong"),
    "key of two lines": ("[target]", '"two\\nlines" = 1\n[target]', "unknown key 'two\\nlines'"),
    "file of two lines": ('"run1_excess.csv"', '"run1\\nexcess.csv"', "give text without line breaks"),
    "file with a zero byte": ('"run1_excess.csv"', '"run1\\u0000excess.csv"', "give text without line breaks"),
    "title that is a number": ('title = "CONUS+ Run 1"', "title = 1", "title = 1 is wrong"),
    "5000 digits": ("power_GW = 3.6", f"power_GW = 1{'0' * 5000}", "thousands of digits"),
    "4000 digits": ("power_GW = 3.6", f"power_GW = 1{'0' * 4000}", "source.power_GW = 1000"),
    "nested too deeply": ("[target]", f"deep = {'[' * 3000}{']' * 3000}\n[target]", "nested too deeply"),
    "nested deeply": ("[target]", f"deep = {'[' * 60}{']' * 60}\n[target]", "levels deep"),
    "tables in tables": ("[target]", f"{'.'.join('a' * 300)} = 1\n[target]", "levels deep"),
    "a check of no set": ("[check]", '[check]\nsystematics = "detial"', "did you mean 'detailed'"),
    "a variant with an unknown key": ("[check]", '[variants]\nv = { "source.power" = 1.0 }\n[check]', "variant 'v': "),
    "a variant out of range": ("[check]", '[variants]\nlow = { "source.power_GW" = -1.0 }\n[check]', "variant 'low': "),
    "a variant without a file": ("[check]", '[variants]\nlow = { "data.file" = "no.csv" }\n[check]', "variant 'low': "),
    "a variant of nothing": ("[check]", '[variants]\nlow = { "sauce.power_GW" = 1.0 }\n[check]', "no table 'sauce'"),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new", "message"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes_in_the_description(copied: Path, old: str, new: str, message: str) -> None:
    change(copied / "experiment.toml", old, new)
    refused(copied / "experiment.toml", message, copied)


@pytest.mark.parametrize(
    "key",
    [
        "response.nuclear.yield.kind",
        "response.nuclear.smearing.truncated",
        "response.nuclear.smearing.width",
        "response.nuclear",
        "response",
        "response.nuclear.yield.k.1",
        "detectors.1.mass_kg",
        "source.components.1.scale",
        "source.fission_fractions.U239",
        "",
        ".",
        "response..k",
    ],
)
def test_a_key_must_lead_to_a_number(copied: Path, key: str) -> None:
    change(copied / "experiment.toml", TRIGGER, f'name = "trigger"\nsigma = 0.007\nkey = "{key}"')
    refused(copied / "experiment.toml", f"the key '{key}' leads to no number")


@pytest.mark.parametrize(
    ("old", "message"),
    [
        ("format = 2\n", "has format = 1: write format = 2"),
        ("format = 2\n", "docs/experiments.md"),
    ],
)
def test_the_first_format_is_refused_with_what_to_write(copied: Path, old: str, message: str) -> None:
    change(copied / "experiment.toml", old, "")
    refused(copied / "experiment.toml", message)


def test_each_old_key_is_named_with_its_new_one(tmp_path: Path) -> None:
    file = tmp_path / "old.toml"
    file.write_text(
        'name = "old"\n[response]\nquenching = { model = "lindhard", k = 0.162 }\nresolution = { noise_eV = 20.0 }\n'
        '[[detectors]]\nname = "C3"\nthreshold_eV = 160\n[[background]]\nkind = "flat"\n[systematics.default]\n'
        "normalisation = { norm = 0.2 }\n"
    )
    text = refused(file, "write format = 2")
    for new in (
        "[[axes]] for the energy",
        "[response.nuclear] yield for quenching",
        "[response.nuclear] smearing for resolution",
        "threshold for threshold_eV",
        "[[sample]] for background",
        "[[nuisance]] for systematics",
    ):
        assert new in text


@pytest.mark.parametrize("given", ["1", "3", '"2"', "2.5", "true", "[2]"])
def test_other_formats_are_refused(copied: Path, given: str) -> None:
    change(copied / "experiment.toml", "format = 2", f"format = {given}")
    refused(copied / "experiment.toml", "write format = 2")

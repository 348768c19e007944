"""An experiment is made once, until something that it depends on changes."""

import os

import numpy as np
import pytest

from cevnsjax.errors import InputError
from cevnsjax.experiments import copy_experiment, load_experiment, load_runs, loading
from cevnsjax.recent import Recent
from cevnsjax.resources import data_folder


@pytest.fixture
def made(monkeypatch):
    """What has been made of files since the test began, with nothing kept from before: the names."""
    monkeypatch.setattr(loading, "_recent", Recent(loading.MEMORY))
    names = []
    runs = loading._runs

    def noted(text, *given):
        names.append(text)
        return runs(text, *given)

    monkeypatch.setattr(loading, "_runs", noted)
    return names


@pytest.fixture
def own(tmp_path):
    """A copy of an experiment's files that may change."""
    copy_experiment("conus_plus", tmp_path / "own")
    return tmp_path / "own" / "experiment.toml"


def replace(path, old, new):
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new))


def test_an_experiment_is_made_once(made):
    first, again = load_experiment("conus_plus"), load_experiment("conus_plus")
    assert made == ["conus_plus"]
    assert again.signal is first.signal
    load_runs("coherent")
    load_runs("coherent:coherent_csi")
    assert made == ["conus_plus", "coherent_csi", "coherent_lar"]


def test_what_one_caller_changes_no_other_sees(made):
    first = load_experiment("conus_plus")
    first.nuisances["mine"] = ()
    with pytest.raises(ValueError, match="read-only"):
        first.observed[0] = 0.0
    assert "mine" not in load_experiment("conus_plus").nuisances


def test_other_overrides_are_another_experiment(made):
    plain, given = load_experiment("conus_plus"), {"source.power_GW": 3.5}
    for _ in range(2):
        other = load_experiment("conus_plus", given)
        assert other.identity.overrides == tuple(given.items())
        assert other.signal is not plain.signal
    assert len(made) == 2


def test_what_is_refused_is_refused_each_time(made):
    for _ in range(2):
        with pytest.raises(InputError, match="variant"):
            load_experiment("conus_plus:nothing")
    assert len(made) == 2


def test_values_of_another_type_are_other_values(made):
    """One, one point zero and true are equal in Python, but a file must not have one for the other."""
    key = "nuisance.flux.sigma"
    load_experiment("conus_plus", {key: 1})
    for refused in (True, "1", np.ones(1)):
        with pytest.raises(InputError, match=key):
            load_experiment("conus_plus", {key: refused})


def test_a_description_that_changes_is_read_anew(made, own):
    assert load_experiment(own).signal is load_experiment(own).signal
    power = load_experiment(own).signal.description.source.power_GW
    replace(own, f"power_GW = {power}", f"power_GW = {power + 1}")
    assert load_experiment(own).signal.description.source.power_GW == power + 1
    assert len(made) == 2


def test_a_table_that_changes_is_read_anew(made, own):
    data = own.parent / load_experiment(own).signal.description.data.file
    observed = load_experiment(own).observed
    header, first, *_ = data.read_text().splitlines()[-observed.size - 1 :]
    cells = first.split(",")
    cells[header.split(",").index("observed")] = "1234.5"
    replace(data, first, ",".join(cells))
    again = load_experiment(own)
    assert again.observed[0] == 1234.5
    np.testing.assert_array_equal(again.observed[1:], observed[1:])
    assert again.identity.digest != load_experiment("conus_plus").identity.digest
    assert len(made) == 3


def test_a_file_that_changes_while_it_is_read_is_not_kept(made, own, monkeypatch):
    build = loading._made

    def meanwhile(*given):
        monkeypatch.setattr(loading, "_made", build)
        own.write_text(own.read_text() + "\n# a remark\n")
        return build(*given)

    monkeypatch.setattr(loading, "_made", meanwhile)
    load_experiment(own)
    load_experiment(own)
    load_experiment(own)
    assert len(made) == 2


def test_a_table_of_ones_own_takes_the_place_of_the_packages(made, tmp_path):
    """As soon as it lies beside the description."""
    copy_experiment("dresden2", tmp_path / "own")
    path, table = tmp_path / "own" / "experiment.toml", data_folder() / "quenching" / "germanium_collar_2021.csv"
    embedded = load_experiment(path).signal
    assert load_experiment(path).signal is embedded
    (path.parent / table.name).write_bytes(table.read_bytes())
    assert load_experiment(path).signal is not embedded
    assert len(made) == 2


def test_the_same_name_elsewhere_is_another_file(made, tmp_path, monkeypatch):
    signals = []
    for folder in ("here", "there"):
        copy_experiment("conus_plus", tmp_path / folder / "own")
        monkeypatch.chdir(tmp_path / folder)
        signals.append(load_experiment(os.path.join("own", "experiment.toml")).signal)
    assert signals[0] is not signals[1]
    assert len(made) == 2

"""Where results come from: every result says so, and can be calculated again from what it says."""

import json
import re
from pathlib import Path

import numpy as np
import pytest
import xarray as xr

import cevnsjax
from cevnsjax.cli import main
from cevnsjax.errors import InputError
from cevnsjax.experiments import copy_experiment, projected
from cevnsjax.inference import asimov
from cevnsjax.interactions import MODELS, Model
from cevnsjax.provenance import VERBS, answer, provenance_of, rerun
from cevnsjax.results import fit_dict, nuisance_table, profile_dict, projection_dict, scan_dict
from cevnsjax.sampling import Prior

CONTACT = '''
"""A vector interaction with neutrons, of a strength of its own."""
from cevnsjax.interactions import Interaction
from cevnsjax.parameters import Parameter

STRENGTH = Parameter("c_n", 0.0, 1e-2, power=1)


class Contact(Interaction):
    parameters = (STRENGTH,)

    def nuclear_charge(self, params, recoil, flavour, final):
        return params["c_n"] * recoil.nucleus.N if final == flavour.lepton else 0.0
'''


@pytest.fixture(scope="module")
def mediator():
    return cevnsjax.Likelihood("conus_plus", model="vector_bl", channel="cevns")


REQUESTS = {
    "predict": {"values": {"g_bl": 1e-5}},
    "fit": {"free": ["g_bl"], "values": {"m_z": 3.0}, "cl": 0.6827},
    "profile": {"over": "g_bl", "free": None, "values": {"m_z": 3.0}, "limits": (0.0, 3e-5), "points": 5, "cl": 0.9},
    "scan": {"x": ("m_z", 1.0, 10.0, 3), "y": ("g_bl", 1e-6, 1e-4, 4), "values": {}, "cl": 0.9, "dof": 1},
    "project": {
        "name": "g_bl", "exposures": [1.0, 10.0], "values": {"m_z": 3.0}, "background": 0.5, "systematics": 0.5,
    },
}  # fmt: skip
ELSEWHERE = {
    "sample", "feldman_cousins", "significance", "coverage", "calibrate", "impacts", "goodness_of_fit", "consistency",
    "export",
}  # fmt: skip
"""Verbs whose results are calculated again where they are compiled anyway: in test_cli.py, or in tests of their own."""

NUMBERS = {
    "predict": lambda counts: np.asarray(counts).tolist(),
    "fit": fit_dict,
    "profile": profile_dict,
    "scan": scan_dict,
} | {"project": projection_dict}
"""What turns a result into numbers that can be compared."""


def test_there_is_a_request_for_each_verb() -> None:
    assert REQUESTS.keys() | ELSEWHERE == VERBS.keys()


@pytest.mark.parametrize("verb", REQUESTS)
def test_a_result_can_be_calculated_again(mediator, verb: str) -> None:
    """From its record alone, as it stands in a file: the same numbers, to the last digit."""
    request = REQUESTS[verb]
    first = answer(mediator, verb, request)
    again = rerun(json.loads(json.dumps(provenance_of(mediator, verb, **request))))
    assert NUMBERS[verb](again) == NUMBERS[verb](first)


def test_priors_keep_their_digits() -> None:
    prior = Prior("flat", (0.0, 1.0000000000001e-4))
    record = json.loads(json.dumps(provenance_of(command="sample", priors={"g_bl": prior})))
    assert record["request"]["priors"] == {"g_bl": {"kind": "flat", "numbers": [0.0, 1.0000000000001e-4]}}


def test_what_a_record_says(mediator) -> None:
    record = provenance_of(mediator, "fit", ["cevnsjax", "fit", "conus_plus"], free=["g_bl"], values={"m_z": 3}, seed=2)
    json.dumps(record, allow_nan=False)
    assert record["command_line"] == ["cevnsjax", "fit", "conus_plus"]
    assert record["request"] == {"free": ["g_bl"], "values": {"m_z": 3}, "seed": 2}
    assert (record["model"]["name"], record["channel"], record["systematics"], record["pull"]) == (
        "vector_bl", "cevns", "default", "profiled"
    )  # fmt: skip
    (experiment,) = record["experiments"]
    assert experiment["name"] == "conus_plus"
    assert re.fullmatch("[0-9a-f]{64}", experiment["digest"])
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\+00:00", record["date"])
    assert set(record["software"]) == {"python", "jax", "jaxlib", "numpy"}
    assert record["device"]
    assert "experiments" not in provenance_of(command="reproduce")


def test_overrides_runs_and_variants(tmp_path: Path) -> None:
    """What was loaded otherwise than by a name alone is loaded so again."""
    changed = cevnsjax.load_experiment("conus_plus", {"response.nuclear.yield.k": 0.155, "source.above_8_MeV": "cut"})
    run = cevnsjax.load_runs("conus:cevns", threshold=200.0)[1]
    for likelihood in (cevnsjax.Likelihood(changed), cevnsjax.Likelihood(run), cevnsjax.Likelihood("dresden2:ybe")):
        record = json.loads(json.dumps(provenance_of(likelihood, "predict", values={})))
        np.testing.assert_array_equal(rerun(record), likelihood.expected({}))
    (entry,) = provenance_of(cevnsjax.Likelihood(changed))["experiments"]
    assert entry["overrides"] == {"response.nuclear.yield.k": 0.155, "source.above_8_MeV": "cut"}
    (entry,) = provenance_of(cevnsjax.Likelihood(run))["experiments"]
    assert entry["threshold"] == 200.0


def test_what_cannot_be_calculated_again_is_refused(conus_plus, tmp_path: Path) -> None:
    copy_experiment("conus_plus", tmp_path)
    file = tmp_path / "experiment.toml"
    record = provenance_of(cevnsjax.Likelihood(file), "predict", values={})
    rerun(record)
    file.write_text(file.read_text() + "\n# a comment\n")
    with pytest.raises(InputError, match=r"the files of '.*experiment.toml' have changed since"):
        rerun(record)
    file.unlink()
    with pytest.raises(InputError, match="cannot read the experiment file"):
        rerun(record)
    changed = {
        "more exposure": cevnsjax.Likelihood(projected(conus_plus, exposure=2.0)),
        "smaller errors": cevnsjax.Likelihood(projected(conus_plus, systematics=0.5)),
        "expected data": asimov(cevnsjax.Likelihood(conus_plus)),
    }
    for likelihood in changed.values():
        with pytest.raises(InputError, match="'conus_plus' was changed in Python"):
            rerun(provenance_of(likelihood, "predict", values={}))
    sm = MODELS["sm"]
    own = cevnsjax.Likelihood(conus_plus, model=Model("sm", "", sm.interactions, sm.free, finite_recoil=True))
    with pytest.raises(InputError, match="the model 'sm' was made in Python"):
        rerun(provenance_of(own, "predict", values={}))
    with pytest.raises(InputError, match="unknown verb 'reproduce'"):
        rerun(provenance_of(cevnsjax.Likelihood(conus_plus), "reproduce"))
    for wrong in ({}, {"command": "fit"}, {"command": "fit", "request": {}, "experiments": 3}):
        with pytest.raises(InputError, match="the provenance lacks"):
            rerun(wrong)


def test_a_model_of_ones_own(tmp_path: Path, monkeypatch, capsys) -> None:
    """By the command line, and again from the JSON it prints, unless the file has changed."""
    monkeypatch.chdir(tmp_path)
    file = tmp_path / "my_models.py"
    file.write_text(CONTACT)
    with pytest.raises(SystemExit):
        main(["fit", "conus_plus", "--model", "my_models.py:Contact", "--json"])
    content = json.loads(capsys.readouterr().out)
    assert content["provenance"]["request"]["free"] == ["c_n"]
    assert content["provenance"]["model"]["name"] == "my_models.py:Contact"
    assert rerun(content["provenance"]).best_fit == content["best_fit"]
    file.write_text(CONTACT.replace("recoil.nucleus.N", "recoil.nucleus.Z"))
    with pytest.raises(InputError, match=r"the file of the model .* has changed"):
        rerun(content["provenance"])


def test_commands_can_be_repeated_from_their_files(tmp_path: Path, capsys) -> None:
    """The attribute of a NetCDF file holds the same record as the JSON, and gives the same curve."""
    file = tmp_path / "curve.nc"
    with pytest.raises(SystemExit):
        main(["profile", "conus_plus", "--over", "sin2_theta_w", "--points", "5", "--out", str(file), "--json"])
    printed = json.loads(capsys.readouterr().out)
    with xr.open_dataset(file, engine="h5netcdf") as data:
        record = json.loads(data.attrs["provenance"])
        assert record == printed["provenance"]
        np.testing.assert_array_equal(rerun(record).delta_chi2, data["delta_chi2"])


def test_nuisances_as_a_table() -> None:
    likelihood = cevnsjax.Likelihood("conus_plus", "conus:C1R1", systematics="detailed")
    rows = {row["name"]: row for row in nuisance_table(likelihood)}
    assert list(rows) == [nuisance.name for nuisance in likelihood.nuisances]
    assert rows["quenching_k"]["shared_by"] == ["conus_plus", "conus:C1R1"]
    assert rows["flux_conus_plus"]["shared_by"] == ["conus_plus"]
    assert rows["norm_conus"]["width"] == "held"
    free = [row for row in rows.values() if row["width"] == "free"]
    assert free
    assert all(row["effect"].startswith("moves sample.") and "value" not in row for row in free)


def test_nuisances_after_a_fit() -> None:
    likelihood = cevnsjax.Likelihood("conus_plus")
    result = cevnsjax.fit(likelihood, ["sin2_theta_w"])
    row = next(row for row in nuisance_table(likelihood, result) if row["name"] == "norm")
    assert row["value"] == result.best_fit["norm"]
    assert row["pull"] == pytest.approx((row["value"] - 1) / 0.2)

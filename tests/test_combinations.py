"""Combinations: files that name experiments, what they share and why."""

import json
import subprocess
import sys
from itertools import product

import numpy as np
import pytest

from cevnsjax import Likelihood, asimov, rerun
from cevnsjax.errors import InputError
from cevnsjax.experiments import combination_names, copy_experiment, load_experiment, load_runs
from cevnsjax.provenance import answer, provenance_of

HEAD = """
format = 2
name = "mine"
title = "my combination"
version = "1"
"""
TWO = HEAD + '[[experiment]]\nname = "conus_plus"\n[[experiment]]\nname = "coherent_lar:own_flux"\n'
SNS = HEAD + '[[experiment]]\nname = "coherent_csi"\n[[experiment]]\nname = "coherent_lar"\n'
SHARED = '[[shared]]\nnuisance = "sns_flux"\nexperiments = ["coherent_csi", "coherent_lar"]\nwhy = "one beam"\n'


@pytest.fixture
def written(tmp_path):
    """Return a function that writes a combination and gives its path."""

    def write(text):
        path = tmp_path / "mine.toml"
        path.write_text(text, encoding="utf-8")
        return path

    return write


def test_a_combination_is_the_joint_fit_of_its_experiments():
    combined = Likelihood("coherent")
    by_hand = Likelihood("coherent_csi", "coherent_lar")
    assert combined.searched == by_hand.searched
    for angle in (0.2, 0.25):
        here, there = (float(one.chi2({"sin2_theta_w": angle})) for one in (combined, by_hand))
        assert here == pytest.approx(there, rel=1e-12)


def test_chi_squared_is_the_sum_of_the_parts_where_nothing_is_shared(written):
    """To 1e-9, nuisances minimised and given."""
    joint = Likelihood(written(TWO))
    parts = [Likelihood("conus_plus"), Likelihood("coherent_lar:own_flux")]
    for angle in (0.1, 0.23857, 0.4):
        given = {"sin2_theta_w": angle}
        total = sum(float(part.chi2(given)) for part in parts)
        assert float(joint.chi2(given)) == pytest.approx(total, abs=1e-9)
    values = {"sin2_theta_w": 0.2, "norm_conus_plus": 1.1, "brn_rate_coherent_lar": 0.9}
    own = [{"sin2_theta_w": 0.2, "norm": 1.1}, {"sin2_theta_w": 0.2, "brn_rate": 0.9}]
    total = sum(float(part.chi2(given)) for part, given in zip(parts, own, strict=True))
    assert float(joint.chi2(values)) == pytest.approx(total, abs=1e-9)


def test_a_combination_excludes_what_any_of_its_parts_excludes():
    """On data that are expected of the Standard Model, where all agree; what is shared cannot weaken a part."""
    names = ["coherent_csi", "coherent_lar"]
    joint, *parts = (asimov(Likelihood(name), {}) for name in ("coherent", *(f"coherent:{name}" for name in names)))
    for angle in (0.15, 0.2, 0.28, 0.35):
        joint_chi2, *alone = (float(one.chi2({"sin2_theta_w": angle})) for one in (joint, *parts))
        assert joint_chi2 >= max(alone) - 1e-9


def test_a_member_is_taken_by_itself_with_the_treatment_of_the_combination():
    one = Likelihood("global_2026:conus_plus")
    assert one.names == ("conus_plus",)
    assert one.searched == Likelihood("conus_plus", systematics="detailed").searched
    assert [run.label for run in load_runs("solar:pandax4t_b8")] == ["pandax4t_b8:paired", "pandax4t_b8:us2"]
    with pytest.raises(InputError, match="unknown experiment of solar 'lz_b9'; did you mean 'lz_b8'"):
        load_runs("solar:lz_b9")
    with pytest.raises(InputError, match="several runs"):
        load_experiment("coherent")


def test_all_that_is_shared_is_declared_with_its_reason():
    for name in combination_names():
        likelihood = Likelihood(name)
        for nuisance in likelihood.nuisances:
            sharers = {likelihood.experiments[i].name for i, _ in nuisance.members}
            if nuisance.searched and len(sharers) > 1:
                assert nuisance.parameter.description, nuisance.name


def test_the_global_fit_has_no_expected_data_and_not_dresden():
    likelihood = Likelihood("global_2026")
    assert {e.name for e in likelihood.experiments} == {
        "conus_plus", "coherent_csi", "coherent_lar", "xenonnt_b8", "xenonnt_er",
    }  # fmt: skip
    assert not any(e.hypothesis for e in likelihood.experiments)


def test_a_common_factor_and_constraints_of_the_file(written):
    factor = '[[factor]]\nname = "common"\nexperiments = ["coherent_csi", "coherent_lar"]\nsigma = 0.2\nwhy = "mine"\n'
    likelihood = Likelihood(written(SNS + SHARED + "sigma = 0.05\n" + factor))
    by_name = {n.name: n for n in likelihood.nuisances}
    assert by_name["sns_flux"].sigma == 0.05
    assert by_name["common"].sigma == 0.2
    # Both scale the same signals, so that at small pulls the whole is 1 + (a - 1) + (b - 1).
    counts = likelihood.expected_in({"common": 1.1, "sns_flux": 0.9})
    for here, plain in zip(counts, likelihood.expected_in({}), strict=True):
        np.testing.assert_allclose(here, plain, rtol=1e-12)


def test_overrides_begin_with_the_experiment():
    run = load_runs("coherent", {"coherent_lar.nuisance.detection.sigma": 0.2})[1]
    assert {n.name: n.sigma for n in run.nuisances["default"]}["detection"] == 0.2
    with pytest.raises(InputError, match="begins with no experiment of coherent"):
        load_runs("coherent", {"nuisance.detection.sigma": 0.2})
    with pytest.raises(InputError, match="combination; a threshold"):
        load_runs("coherent", threshold=100.0)


WRONG = [
    (SNS, r"'sns_flux' of coherent_csi, coherent_lar has one name in their files: declare in \[\[shared\]\]"),
    (SNS.replace("coherent_lar", "coherent_lra"), "unknown experiment 'coherent_lra'; did you mean 'coherent_lar'"),
    (SNS.replace("coherent_lar", "coherent_csi:own_flux"), "each may stand once"),
    (SNS + SHARED.replace("sns_flux", "sns_flix"), "sns_flix: coherent_csi has no nuisance of this name"),
    (SNS + SHARED.replace('["coherent_csi"', '["conus"'), "unknown experiment 'conus'"),
    (SNS + SHARED.replace('why = "one beam"\n', ""), "the key 'shared.1.why' is missing"),
    (SNS + SHARED + "[systematics.default]\ncoherent_lar = 'det'\n", "unknown systematics of coherent_lar 'det'"),
    (SNS + SHARED + "[systematics.more]\nlar = 'detailed'\n", r"\[systematics.more\]: unknown experiment 'lar'"),
    (HEAD + '[[experiment]]\nname = "conus_plus"\n', "give at least 2 entries"),
    (SNS + SHARED + "centre = 0.9\n", "the centre of a factor is 1, not 0.9"),
    (
        HEAD + '[[experiment]]\nname = "conus_plus"\noverrides = { "nuisance.norm.own" = "run" }\n[[experiment]]\n'
        'name = "coherent_lar"\noverrides = { "nuisance.sns_flux.sigma" = 0.2 }\n[[experiment]]\n'
        'name = "coherent_csi"\n' + SHARED,
        "'sns_flux' is 1 [+]- 0.2 of coherent_lar, 1 [+]- 0.1 of coherent_csi: give the centre and the sigma",
    ),
]  # fmt: skip


@pytest.mark.parametrize(("text", "message"), WRONG)
def test_a_wrong_file_is_refused_in_one_line(text, message, written):
    with pytest.raises(InputError, match=message) as error:
        load_runs(written(text))
    assert "\n" not in str(error.value)


def test_a_result_is_calculated_again_from_its_record(tmp_path):
    likelihood = Likelihood("coherent:coherent_lar", "conus_plus")
    request = {"values": {"sin2_theta_w": 0.22}}
    record = json.loads(json.dumps(provenance_of(likelihood, "predict", None, **request)))
    assert [entry["name"] for entry in record["experiments"]] == ["coherent:coherent_lar", "conus_plus"]
    assert record["experiments"][0]["combination"] == "coherent, version 2026.1"
    assert np.array_equal(rerun(record), answer(likelihood, "predict", request))


def test_a_copied_combination_gives_the_same_chi_squared(tmp_path):
    (path,) = copy_experiment("coherent", tmp_path)
    copied, embedded = Likelihood(path), Likelihood("coherent")
    assert float(copied.chi2({})) == float(embedded.chi2({}))
    copy_experiment("coherent_lar", tmp_path / "lar")
    text = path.read_text(encoding="utf-8").replace('name = "coherent_lar"', 'name = "lar/experiment.toml"')
    path.write_text(text, encoding="utf-8")
    assert float(Likelihood(path).chi2({})) == float(embedded.chi2({}))


def test_the_command_line_takes_a_combination_and_refuses_its_prediction():
    command = [sys.executable, "-m", "cevnsjax"]
    done = subprocess.run([*command, "predict", "reactors"], capture_output=True, text=True, check=False)
    assert done.returncode == 2
    lines = done.stderr.splitlines()
    assert lines[-1].startswith("cevnsjax: experiments conus_plus, conus, dresden2 given; a prediction is that of one")
    done = subprocess.run([*command, "experiments", "--json"], capture_output=True, text=True, check=True)
    assert [row["name"] for row in json.loads(done.stdout)["combinations"]] == combination_names()


def test_sets_of_a_combination_choose_those_of_its_experiments():
    for name, chosen in product(("solar",), ("default", "free_flux")):
        flux = next(n for n in Likelihood(name, systematics=chosen).nuisances if n.name == "b8_flux")
        assert flux.free == (chosen == "free_flux")
        assert {Likelihood(name).experiments[i].name for i, _ in flux.members} == {"xenonnt_b8", "pandax4t_b8", "lz_b8"}

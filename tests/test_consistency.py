"""Whether experiments agree: two and three measurements of one strength, by hand, and what each of them feels."""

import json

import numpy as np
import pytest
from examples import check_example
from linear import NUISANCES, linear
from scipy import stats

import cevnsjax
from cevnsjax.cli import main
from cevnsjax.errors import InputError
from cevnsjax.provenance import rerun
from cevnsjax.results import consistency_dict

STRENGTH = {"name": "strength", "scale": ["signal"], "free": True}
OWN = [{**n, "own": "experiment"} for n in NUISANCES]


def measured(name, seed, nuisances=OWN):
    return linear(name, seed, nuisance=[STRENGTH, *nuisances])


def matrices_of(experiment):
    """Return slopes in the strength and the nuisances, data, and constraints, in units of errors and widths."""
    likelihood = cevnsjax.Likelihood(experiment)
    names = ["strength", "flat_rate", "exposure", "falling_rate"]
    centre = dict.fromkeys(names, 1.0)
    middle = np.asarray(likelihood.expected(centre))
    slopes = np.stack([np.asarray(likelihood.expected(centre | {n: 2.0})) - middle for n in names], axis=1)
    return slopes / experiment.sigma[:, None], (experiment.observed - middle) / experiment.sigma


W = np.diag([0.0, 0.3**-2, 0.2**-2, 0.0])


def fitted(experiment):
    """Return the best strength, its variance, and the least chi^2 of one experiment, by matrices."""
    a, data = matrices_of(experiment)
    covariance = np.linalg.inv(a.T @ a + W)
    x = covariance @ a.T @ data
    return 1 + x[0], covariance[0, 0], np.sum((a @ x - data) ** 2) + x @ W @ x


def test_measurements_of_one_strength() -> None:
    """Chi-squared of the strengths about their weighted mean: whatever their nuisances, which are each one's own."""
    experiments = [measured(name, seed) for name, seed in (("a", 1), ("b", 2), ("c", 3))]
    result = cevnsjax.consistency(cevnsjax.Likelihood(*experiments), ["strength"])
    best, variance, least = np.array([fitted(e) for e in experiments]).T
    mean = np.sum(best / variance) / np.sum(1 / variance)
    assert result.chi2 == pytest.approx(np.sum((best - mean) ** 2 / variance), abs=1e-6)
    assert result.chi2 > 0.1
    assert result.chi2_joint == pytest.approx(np.sum(least) + result.chi2, abs=1e-6)
    assert result.best_fit["strength"] == pytest.approx(mean, abs=1e-6)
    assert result.dof == 2
    assert result.p_value == pytest.approx(stats.chi2.sf(result.chi2, 2), rel=1e-9)
    assert [row["experiment"] for row in result.parts] == ["a", "b", "c"]
    assert [row["parameters"] for row in result.parts] == [2, 2, 2]  # the strength, and a free background of its own
    for row, strength, chi2 in zip(result.parts, best, least, strict=True):
        assert row["best_fit"]["strength"] == pytest.approx(strength, abs=1e-6)
        assert row["chi2_min"] == pytest.approx(chi2, abs=1e-6)
    assert (result.shared, result.messages) == ([], [])


def test_shared_nuisances() -> None:
    """A shared free background is compared, too; a shared constraint counts in each part, and once in the joint fit."""
    experiments = [measured(name, seed, NUISANCES) for name, seed in (("a", 1), ("b", 2))]
    result = cevnsjax.consistency(cevnsjax.Likelihood(*experiments), ["strength"])
    assert result.dof == 2
    assert result.shared == ["flat_rate", "exposure"]
    assert result.messages[-1].startswith("flat_rate, exposure: shared")
    pairs = [matrices_of(e) for e in experiments]
    a, data = (np.concatenate(both) for both in zip(*pairs, strict=True))
    x = np.linalg.solve(a.T @ a + W, a.T @ data)
    joint = np.sum((a @ x - data) ** 2) + x @ W @ x
    assert result.chi2 == pytest.approx(joint - sum(fitted(e)[2] for e in experiments), abs=1e-6)


def test_names_of_a_part() -> None:
    """`flat_rate_a` of the joint fit is `flat_rate` of a alone: what is given finds its part."""
    experiments = [measured(name, seed) for name, seed in (("a", 1), ("b", 2), ("c", 3))]
    result = cevnsjax.consistency(cevnsjax.Likelihood(*experiments), ["strength"], {"flat_rate_a": 1.1})
    alone = cevnsjax.fit(cevnsjax.Likelihood(experiments[0]), ["strength"], {"flat_rate": 1.1}, of=[])
    assert result.parts[0]["chi2_min"] == pytest.approx(alone.chi2_min, abs=1e-9)
    assert result.parts[1]["chi2_min"] == pytest.approx(fitted(experiments[1])[2], abs=1e-6)


def test_what_each_part_feels() -> None:
    """Germanium feels one combination of two couplings to quarks, whoever measures it."""
    likelihood = cevnsjax.Likelihood("conus_plus", "coherent_ge", model="nsi_vector", channel="cevns")
    result = cevnsjax.consistency(likelihood, ["eps_ee_uv"])
    assert [row["parameters"] for row in result.parts] == [1, 1]
    assert result.dof == 1
    with pytest.raises(InputError, match="nothing to compare"):
        cevnsjax.consistency(likelihood, ["eps_mumu_uv"])


def test_by_command(capsys) -> None:
    command = ["consistency", "conus_plus", "coherent_ge", "--free", "sin2_theta_w"]
    with pytest.raises(SystemExit) as left:
        main([*command, "--json"])
    assert left.value.code == 0
    content = json.loads(capsys.readouterr().out)
    assert consistency_dict(rerun(content["provenance"])).items() <= content.items()
    assert content["chi2"] == pytest.approx(content["chi2_joint"] - sum(row["chi2_min"] for row in content["parts"]))
    with pytest.raises(SystemExit):
        main(command)
    assert "1 degree of freedom" in capsys.readouterr().out


def test_mistakes(likelihood) -> None:
    with pytest.raises(InputError, match="conus_plus alone are given; give at least two"):
        cevnsjax.consistency(likelihood)
    both = cevnsjax.Likelihood("conus_plus", "dresden2")
    with pytest.raises(InputError, match="unknown parameter 'sin2'"):
        cevnsjax.consistency(both, ["sin2"])
    with pytest.raises(InputError, match="no parameter is free"):
        cevnsjax.consistency(both, values={"sin2_theta_w": 0.24})


def test_the_example_of_the_docstring() -> None:
    check_example("cevnsjax.inference.consistency.consistency")

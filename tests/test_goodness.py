"""The goodness of a fit: chi-squared's own distribution where it is exact, and sums over all counts where it is not."""

import json
from pathlib import Path

import numpy as np
import pytest
from examples import check_example
from linear import linear, matrices
from one_bin import on_and_off, with_known_background
from scipy import stats

import cevnsjax
from cevnsjax.cli import main
from cevnsjax.errors import InputError
from cevnsjax.provenance import rerun
from cevnsjax.results import goodness_dict


def binomial(p: float, toys: int) -> float:
    return (p * (1 - p) / toys) ** 0.5


@pytest.fixture(scope="module")
def straight():
    likelihood = cevnsjax.Likelihood(linear(seed=5))
    return likelihood, cevnsjax.goodness_of_fit(likelihood, free=["norm"], toys=4000, seed=1)


def test_a_linear_likelihood(straight) -> None:
    """Chi-squared's distribution is exact: constraints are data as cells are, and toys draw their centres."""
    likelihood, result = straight
    a, data, w = matrices(likelihood, ["norm", *likelihood.searched])
    x = np.linalg.solve(a.T @ a + w, a.T @ data)
    assert result.chi2_min == pytest.approx(np.sum((a @ x - data) ** 2) + x @ w @ x, abs=1e-6)
    # 19 cells and two constraints less the strength, a free background, and two constrained nuisances.
    assert (result.cells, result.sparse, result.dof) == (19, 0, 17)
    assert result.p_asymptotic == pytest.approx(stats.chi2.sf(result.chi2_min, 17), rel=1e-9)
    assert 0.05 < result.p_asymptotic < 0.95
    assert result.p_value == pytest.approx(result.p_asymptotic, abs=4 * binomial(result.p_asymptotic, 4000))
    assert result.p_error == pytest.approx(binomial(result.p_value, 4000))
    assert result.p_upper is None
    assert result.messages == []


def test_blocks_give_the_same_toys(straight) -> None:
    """In any order; and fewer toys are the first of many."""
    likelihood, result = straight

    def backwards(work, blocks):
        return [(i, work(blocks[i])) for i in reversed(range(len(blocks)))]

    assert cevnsjax.goodness_of_fit(likelihood, free=["norm"], toys=4000, seed=1, spread=backwards) == result
    other = cevnsjax.goodness_of_fit(likelihood, free=["norm"], toys=500, seed=2)
    assert other.p_value != result.p_value
    assert other.p_value == pytest.approx(result.p_value, abs=5 * binomial(result.p_value, 500))


def test_data_that_no_toy_reaches(straight) -> None:
    likelihood, _ = straight
    (experiment,) = likelihood.experiments
    far = likelihood.with_data([experiment.observed + 5 * experiment.sigma * (-1.0) ** np.arange(19)])
    result = cevnsjax.goodness_of_fit(far, free=["norm"], toys=500)
    assert (result.p_value, result.p_error) == (0.0, 0.0)
    assert result.p_upper == pytest.approx(stats.beta.ppf(0.95, 1, 500), rel=1e-9)
    assert result.p_asymptotic < 1e-20


@pytest.mark.parametrize("on", [0, 3, 6])
def test_few_counts(tmp_path: Path, on: int) -> None:
    """Nothing is fitted: p is the sum of Poisson's probabilities of all counts with no smaller deviance."""
    likelihood = with_known_background(tmp_path, on=on, background=2.5)
    result = cevnsjax.goodness_of_fit(likelihood, {"norm": 0.0}, free=[], toys=2000, seed=3)
    n = np.arange(60)
    deviance = 2 * (stats.poisson.logpmf(n, np.maximum(n, 1e-300)) - stats.poisson.logpmf(n, 2.5))
    p = stats.poisson.pmf(n, 2.5)[deviance >= deviance[on] - 1e-9].sum()
    assert result.chi2_min == pytest.approx(deviance[on], rel=1e-9)
    assert result.p_value == pytest.approx(p, abs=4 * binomial(p, 2000))
    assert (result.cells, result.sparse, result.dof) == (1, 1, 1)
    assert result.messages == ["1 of 1 cells expect fewer than 5 counts: rely on the toys' p-value"]


def test_many_counts_with_a_free_background(tmp_path: Path, capsys) -> None:
    """Five bins on and off, the strength and the rate free: eight degrees of freedom, which many counts follow.

    By command as well, and again from its provenance.
    """
    rng = np.random.default_rng(4)
    likelihood = on_and_off(tmp_path, on=rng.poisson(800.0, 5), off=rng.poisson(200.0, 5))
    result = cevnsjax.goodness_of_fit(likelihood, free=["norm"], toys=2000, seed=1)
    assert (result.cells, result.sparse, result.dof) == (10, 0, 8)
    assert result.p_value == pytest.approx(result.p_asymptotic, abs=5 * binomial(result.p_asymptotic, 2000))
    file = str(tmp_path / "one_bin.toml")
    command = ["goodness-of-fit", file, "--free", "norm", "--toys", "2000", "--seed", "1"]
    with pytest.raises(SystemExit) as left:
        main([*command, "--json"])
    assert left.value.code == 0
    content = json.loads(capsys.readouterr().out)
    assert content.items() >= goodness_dict(result).items()
    assert rerun(content["provenance"]) == result
    with pytest.raises(SystemExit):
        main(command)
    assert "10 bins, 8 degrees of freedom" in capsys.readouterr().out


def test_mistakes(likelihood, conus_plus) -> None:
    with pytest.raises(InputError, match="unknown parameter 'sin2'"):
        cevnsjax.goodness_of_fit(likelihood, free=["sin2"])
    with pytest.raises(InputError, match="give a whole number from 10 to"):
        cevnsjax.goodness_of_fit(likelihood, toys=1)
    with pytest.raises(InputError, match="m_z free are not possible"):
        cevnsjax.goodness_of_fit(cevnsjax.Likelihood("conus_plus", model="vector_bl"), free=["g_bl", "m_z"])
    with pytest.raises(InputError, match="pull='profiled'"):
        cevnsjax.goodness_of_fit(cevnsjax.Likelihood(conus_plus, pull="marginalised"))


def test_the_example_of_the_docstring() -> None:
    check_example("cevnsjax.toys.goodness.goodness_of_fit")

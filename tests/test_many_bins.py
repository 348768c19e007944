"""Many bins with numbers that move the signal: the counts of few bins, calculated in blocks, or a refusal."""

from pathlib import Path

import jax
import numpy as np
import pytest

import cevnsjax
from cevnsjax.errors import InputError
from cevnsjax.experiments import copy_experiment
from cevnsjax.likelihood import folding, shapes
from cevnsjax.recent import Recent
from cevnsjax.response import shared

EXACT = 1e-6
"""Of the largest bin: what a polynomial's error may be."""

FEW, PARTS = 19, 300
"""The bins of CONUS+, and the parts that each is cut into."""

MOVED = {"quenching_k": 0.168, "energy_shift": -9.0, "nuclear_radius": 1.05}


def in_parts(folder: Path, parts: int) -> Path:
    """Copy CONUS+, each bin cut into equal parts of as many counts per energy, which together say as much."""
    copy_experiment("conus_plus", folder)
    table = folder / "run1_excess.csv"
    lines = [line for line in table.read_text().splitlines() if not line.startswith("#")]
    rows = np.array([line.split(",") for line in lines[1:]], dtype=float)
    low, high, observed, sigma = rows.T
    edges = np.append(np.linspace(low, high, parts, endpoint=False, axis=1).ravel(), high[-1])
    columns = edges[:-1], edges[1:], np.repeat(observed, parts), np.repeat(sigma * parts**0.5, parts)
    text = (",".join(f"{x:.17g}" for x in row) for row in zip(*columns, strict=True))
    table.write_text("\n".join([lines[0], *text]))
    description = folder / "experiment.toml"
    description.write_text(description.read_text().split("[check]")[0])
    return description


@pytest.fixture(scope="module")
def few():
    return cevnsjax.Likelihood("conus_plus", systematics="detailed")


@pytest.fixture(scope="module")
def many(tmp_path_factory):
    return cevnsjax.Likelihood(in_parts(tmp_path_factory.mktemp("parts"), PARTS), systematics="detailed")


def test_counts_are_those_of_few_bins(few, many) -> None:
    """The polynomials in all bins against few bins whose counts are calculated anew, without a polynomial."""
    assert many.experiments[0].size == FEW * PARTS
    expected = np.asarray(few.expected(MOVED))
    polynomial = np.asarray(jax.jit(many.expected)(MOVED))
    assert np.abs(polynomial.reshape(FEW, PARTS).mean(axis=1) - expected).max() < EXACT * expected.max()
    # The spectrum is smooth across all edges of blocks. Two detectors more take part from the second and third bin on.
    assert np.abs(np.diff(polynomial[2 * PARTS :], 2)).max() < EXACT * expected.max()


def test_chi_squared_is_that_of_few_bins(few, many) -> None:
    """It differs by what a straight spectrum in each of the few bins adds, which no nuisance knows of."""
    sigma = few.experiments[0].sigma[:, None] * PARTS**0.5
    for values in ({}, MOVED):
        within = np.asarray(many.expected(values)).reshape(FEW, PARTS)
        spread = np.sum(((within - within.mean(axis=1, keepdims=True)) / sigma) ** 2)
        given = {n.name: n.centre for n in few.nuisances if n.searched} | values
        apart = float(many.chi2(given)) - float(few.chi2(given))
        assert apart == pytest.approx(spread, abs=1e-5)


def test_blocks_are_the_whole(monkeypatch, few) -> None:
    """Coefficients in blocks of single bins, and those of a matrix that is kept, are the same."""

    def coefficients():
        likelihood = cevnsjax.Likelihood("conus_plus", systematics="detailed")
        (term,) = likelihood.preparation.view({}, ["sin2_theta_w"]).kernel.groups
        return term.coefficients

    whole = coefficients()
    monkeypatch.setattr(folding, "KEPT", 0)
    for block, counts in ((1, folding.COUNTS), (folding.BLOCK, 1)):
        monkeypatch.setattr(folding, "BLOCK", block)
        monkeypatch.setattr(folding, "COUNTS", counts)
        np.testing.assert_allclose(coefficients(), whole, rtol=0, atol=1e-13 * np.abs(whole).max())


def test_a_response_is_calculated_once_for_all_rates(monkeypatch, few) -> None:
    """And for both kinds of recoil: CONUS+ has the same smearing and no efficiency for either."""
    monkeypatch.setattr(shared, "_recent", Recent(shared.MEMORY))
    calls = []
    below = cevnsjax.response.Gaussian.below
    monkeypatch.setattr(
        cevnsjax.response.Gaussian, "below", lambda self, limit, mean: calls.append(1) or below(self, limit, mean)
    )
    experiment, moved = few.experiments[0], shapes.Moved("k", "response.nuclear.yield.k", 0.15, 0.17)
    shift = shapes.Moved("shift", "response.shift", -10.0, 10.0)
    grid = shapes.SignalGrid(experiment, (moved, shift), (4, 5), "all")
    assert (len(grid.rate_values), len(grid.response_values)) == (6, 7)
    grid.coefficients(lambda nodes: [np.ones((1, 1, one.T.shape[-1])) for one in nodes])
    assert len(calls) == 7


def test_too_many_bins_are_refused_with_how_many_fit(monkeypatch, tmp_path) -> None:
    """Before the polynomial of all bins is made; the number that the message gives is accepted."""
    many = in_parts(tmp_path, 30)  # 570 bins: more than the sample that degrees are found at
    monkeypatch.setattr(shapes, "LARGEST", 125_000)
    with pytest.raises(InputError, match=r"in 570 bins .* give at most \d+ bins") as caught:
        cevnsjax.Likelihood(many, systematics="detailed").chi2({"sin2_theta_w": 0.24})
    text = str(caught.value)
    assert "\n" not in text
    assert "quenching_k" in text
    fits = int(text.split("at most ")[1].split()[0])
    assert fits < 570
    cevnsjax.Likelihood(in_parts(tmp_path / "less", fits // FEW), systematics="detailed").chi2({"sin2_theta_w": 0.24})

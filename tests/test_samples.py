"""Template samples from files: formulas and tables by quadrature, morphs, and counts with nothing but a background."""

import dataclasses
import itertools
import re

import jax
import numpy as np
import pytest
from scipy.integrate import dblquad, quad
from scipy.stats import norm

from cevnsjax.errors import InputError
from cevnsjax.experiments import Sample, formula_counts, load_experiment, load_runs, projected
from cevnsjax.inference import fit
from cevnsjax.likelihood import Likelihood
from cevnsjax.likelihood.derivatives import fisher

HEAD = """
format = 2
name = "mine"
title = "Mine"
[target]
elements = { Ge = 1 }
[source]
kind = "reactor"
power_GW = 3.9
baseline_m = 17.1
energy_per_fission_MeV = 205.0
fission_fractions = { U235 = 0.57, U238 = 0.08, Pu239 = 0.30, Pu241 = 0.05 }
[[axes]]
name = "energy"
unit = "eV_ee"
[response.nuclear]
yield = { kind = "lindhard", k = 0.16 }
smearing = { kind = "gaussian", noise = 30.0, fano = 0.11, pair_energy = 2.96 }
"""
RUN = """
[[runs]]
name = "A"
on_kg_d = 100
off_kg_d = 25
edges = { start = 300, stop = 400, bins = 5 }
"""
FLAT = """
[[sample]]
name = "flat"
kind = "flat"
rate_per_keV_kg_d = 10
"""
TILTED = FLAT + "tilt = -0.5\n"
EDGE = """
[[sample]]
name = "edge"
kind = "exponential"
height_per_keV_kg_d = 50
decay = 20
start = 250
"""
FALLING = EDGE.replace("start = 250\n", "")
LINE = """
[[sample]]
name = "line"
kind = "line"
area_per_kg_d = 3
centre = 360
width = 40
followers = [{ name = "weak", centre = 310, width = 20, ratio = 0.1 }, { name = "same", centre = 380, ratio = 0.5 }]
"""
TABLE = """
[[sample]]
name = "table"
kind = "table"
file = "table.csv"
per_kg_d = true
"""
FREE = """
[[nuisance]]
name = "rate"
key = "sample.flat.rate_per_keV_kg_d"
free = true
[[nuisance]]
name = "tilt"
key = "sample.flat.tilt"
free = true
"""
EDGES = np.linspace(300.0, 400.0, 6)
BINS = list(itertools.pairwise(EDGES.tolist()))


def written(folder, text, on_off="on,off", counts="7,2"):
    for name, values in (("table", "12345"), ("up", "23568"), ("down", "11233")):
        rows = [f"{a:g},{b:g},{value}" for (a, b), value in zip(BINS, values, strict=True)]
        (folder / f"{name}.csv").write_text("\n".join(["energy_low,energy_high,expected", *rows]) + "\n")
    rows = [f"{a:g},{b:g},{counts}" for a, b in BINS]
    (folder / "counts.csv").write_text("\n".join([f"energy_low,energy_high,{on_off}", *rows]) + "\n")
    (folder / "mine.toml").write_text(text)
    return folder / "mine.toml"


# Densities in 1 / eV / kg / d.
DENSITIES = {
    "flat": (FLAT, lambda E: 0.01),
    "tilted": (TILTED, lambda E: 0.01 * (1 - 0.5 * (E - 350) / 50)),
    "exponential": (EDGE, lambda E: 0.05 * np.exp(-(E - 250) / 20)),
    "from the first bin": (FALLING, lambda E: 0.05 * np.exp(-(E - 300) / 20)),
    "line": (LINE, lambda E: 3 * (norm.pdf(E, 360, 40) + 0.1 * norm.pdf(E, 310, 20) + 0.5 * norm.pdf(E, 380, 40))),
    "all together": (FLAT + EDGE, lambda E: 0.01 + 0.05 * np.exp(-(E - 250) / 20)),
}


@pytest.mark.parametrize("name", DENSITIES)
def test_formulas_by_quadrature(tmp_path, name):
    text, density = DENSITIES[name]
    (run,) = load_runs(written(tmp_path, HEAD + RUN + text))
    expected = np.array([quad(density, a, b)[0] for a, b in BINS])
    np.testing.assert_allclose(run.background(), np.concatenate([100 * expected, 25 * expected]), rtol=1e-10)


def test_the_energy_scale_moves_formulas(tmp_path):
    """A signal that is reconstructed 12 eV too high: bins hold what belongs 12 eV below them."""
    text, density = DENSITIES["exponential"]
    (run,) = load_runs(written(tmp_path, HEAD + RUN + text))
    moved = np.array([quad(density, a - 12, b - 12)[0] for a, b in BINS])
    shifted = dataclasses.replace(run, sample_shift=12.0)
    np.testing.assert_allclose(shifted.background(), np.concatenate([100 * moved, 25 * moved]), rtol=1e-10)


def test_expected_data(tmp_path):
    """Without the reactor the background alone; with it the signal beside."""
    (run,) = load_runs(written(tmp_path, HEAD + RUN + FLAT))
    (with_data,) = Likelihood(run).experiments
    assert run.observed is None
    np.testing.assert_allclose(with_data.observed[5:], run.background()[5:], rtol=1e-12)
    assert (with_data.observed[:5] > run.background()[:5]).all()


def test_a_table_and_the_background_alone(tmp_path):
    text = HEAD + RUN + 'expected = "background"\n' + TABLE
    (run,) = Likelihood(written(tmp_path, text)).experiments
    table = np.arange(1.0, 6.0)
    np.testing.assert_allclose(run.observed, np.concatenate([100 * table, 25 * table]), rtol=1e-12)
    assert run.note == "mine: no data are public; what is expected of the background alone stands in"


# Tables and morphs


UP, NOMINAL, DOWN = np.array([2.0, 3, 5, 6, 8]), np.arange(1.0, 6.0), np.array([1.0, 1, 2, 3, 3])
MORPH = """
[[nuisance]]
name = "shape"
sigma = 1.0
morph = { table = { up = "up.csv", down = "down.csv" } }
"""


def tabulated(folder, morph):
    (run,) = load_runs(written(folder, HEAD + RUN + TABLE + morph))
    return run.samples[0], run.sample_exposure


@pytest.mark.parametrize("z", [-3.0, -1.0, -0.4, 0.0, 0.7, 1.0, 2.5])
def test_a_morph_by_its_parabola(tmp_path, z):
    """In each cell a parabola through the three tables; beyond them straight lines with its slope at their ends."""
    sample, exposure = tabulated(tmp_path, MORPH)
    found = sample.morphed({"shape": z}).table / exposure
    parabolas = [np.polyfit([-1, 0, 1], row, 2) for row in zip(DOWN, NOMINAL, UP, strict=True)]
    end = np.clip(z, -1, 1)
    expected = [np.polyval(p, end) + np.polyval(np.polyder(p), end) * (z - end) for p in parabolas]
    np.testing.assert_allclose(found, np.resize(expected, 10), rtol=1e-12, atol=1e-12)


def test_several_morphs_add(tmp_path):
    other = MORPH.replace('"shape"', '"other"').replace(', down = "down.csv"', "")
    sample, exposure = tabulated(tmp_path, MORPH + other)
    found = sample.morphed({"shape": 1.0, "other": -1.0}).table / exposure
    # A table without a lower one is mirrored.
    np.testing.assert_allclose(found, np.resize(UP + (2 * NOMINAL - UP) - NOMINAL, 10), rtol=1e-12)


def test_a_scaled_sample():
    for sample in (
        Sample("flat", ("flat",), {"rate_per_keV_kg_d": 3.0, "tilt": 0.1}),
        Sample("table", ("table",), {"factor": 3.0}, np.ones(2)),
    ):
        assert sample.scaled(2.0).numbers == {**sample.numbers, sample.amplitude: 6.0}


def test_projected_samples(tmp_path):
    """More exposure scales formulas and tables alike, another background all of them."""
    (run,) = load_runs(written(tmp_path, HEAD + RUN + FLAT + TABLE))
    np.testing.assert_allclose(projected(run, 4.0, 0.5).background(), 2 * run.background(), rtol=1e-12)


# Formulas beside other axes, and their slopes


def test_a_sample_is_even_along_other_axes(tmp_path):
    """In 20 eV by unequal times: the integral of a density over the energy and an even one over the time."""
    text = HEAD.replace("[response.nuclear]", '[[axes]]\nname = "time"\nedges = [0, 1, 4]\n[response.nuclear]').replace(
        'unit = "eV_ee"', 'unit = "eV_ee"\nedges = { start = 300, stop = 400, bins = 5 }'
    )
    i, j = text.index("[source]"), text.index("[[axes]]")
    source = (
        '[source]\nkind = "table"\nfile = "flux.csv"\nbaseline_m = 20\n[[source.components]]\nflavour = "nu_e"\n'
        'column = "nu"\nprofiles = { time = { file = "time.csv", column = "share" } }\n'
    )
    data = '[[detectors]]\nname = "d"\nmass_kg = 2\nlive_days = 50\n[data]\nfile = "data.csv"\nterm = "poisson"\n'
    path = written(tmp_path, text[:i] + source + text[j:] + data + EDGE)
    (tmp_path / "flux.csv").write_text("energy_MeV,nu\n1,1e6\n9,0\n")
    (tmp_path / "time.csv").write_text("time_low,time_high,share\n0,1,0.4\n1,4,0.6\n")
    rows = [f"{a:g},{b:g},{c},{d},3" for a, b in BINS for c, d in ((0, 1), (1, 4))]
    (tmp_path / "data.csv").write_text("\n".join(["energy_low,energy_high,time_low,time_high,observed", *rows]) + "\n")
    experiment = load_experiment(path)
    density = DENSITIES["exponential"][1]
    expected = [dblquad(lambda t, E: density(E) / 4, a, b, c, d)[0] for a, b in BINS for c, d in ((0, 1), (1, 4))]
    np.testing.assert_allclose(experiment.background(), 100 * np.array(expected), rtol=1e-10)


NUMBERS = {
    "flat": (("flat",), [10.0, -0.5]),
    "exponential": (("exponential",), [50.0, 20.0, 250.0]),
    "line": (("line", True, False), [3.0, 360.0, 40.0, 0.1, 310.0, 20.0, 0.5, 380.0, 40.0]),
}


@pytest.mark.parametrize("name", NUMBERS)
def test_slopes_of_formulas(name):
    """By JAX in every number, against differences of NumPy's values by the five-point formula."""
    kind, numbers = NUMBERS[name]
    numbers = np.array(numbers)

    def counts(numbers):
        return formula_counts(kind, numbers, EDGES[:-1], EDGES[1:], EDGES[[0, -1]], 1e-3)

    values, slopes = jax.jit(lambda x: (counts(x), jax.jacfwd(counts)(x)))(numbers)
    np.testing.assert_allclose(values, counts(numbers), rtol=1e-13)
    for i, slope in enumerate(np.asarray(slopes).T):
        step = 1e-4 * abs(numbers[i]) * np.eye(numbers.size)[i]
        near, far = (counts(numbers + s * step) - counts(numbers - s * step) for s in (1, 2))
        difference = (8 * near - far) / (12 * np.abs(step).sum())
        np.testing.assert_allclose(slope, difference, rtol=1e-8, atol=1e-10 * np.abs(difference).max())


# Fits with a background, or none


def test_zero_background_without_a_run_off(tmp_path):
    """Counts where only a signal can be: no signal is impossible, and the strength's best value and ends are finite."""
    text = HEAD + RUN.replace("off_kg_d = 25\n", "") + 'file = "counts.csv"\n'
    likelihood = Likelihood(written(tmp_path, text, "on", "7"))
    assert np.isinf(likelihood.chi2({"norm": 0.0}))
    result = fit(likelihood, ["norm"])
    signal = np.asarray(likelihood.expected({}))
    assert result.best_fit["norm"] == pytest.approx(35 / signal.sum(), rel=1e-4)
    assert result.chi2_min == pytest.approx(2 * (7 * np.log(7 / (result.best_fit["norm"] * signal))).sum(), rel=1e-6)
    assert all(np.isfinite(result.intervals["norm"][0]))


def test_bins_without_counts_tell_nothing(tmp_path):
    """Of a signal that ends below them; the Fisher information is that of the other bins."""
    run = RUN.replace("off_kg_d = 25\n", "").replace("stop = 400, bins = 5", "stop = 3000, bins = 27")
    likelihood = Likelihood(written(tmp_path, HEAD + run), channel="cevns")
    means = np.asarray(likelihood.expected({}))
    assert means[-1] == 0.0
    information = float(fisher(likelihood, {"norm": 1.0})[0, 0])
    assert information == pytest.approx(means.sum(), rel=1e-9)


def test_a_falling_background_is_fitted(tmp_path):
    likelihood = Likelihood(written(tmp_path, HEAD + RUN + TILTED + FREE))
    assert float(likelihood.chi2({})) == pytest.approx(0.0, abs=1e-9)
    best = likelihood.best_nuisances({"norm": 1.0})
    assert best["tilt"] == pytest.approx(-0.5, abs=1e-4)
    assert best["rate"] == pytest.approx(10.0, rel=1e-6)


# Names and counts of runs


def test_variants_of_runs(tmp_path):
    path = written(tmp_path, HEAD + RUN + FLAT + '[variants]\nlower = { "response.nuclear.yield.k" = 0.14 }\n')
    assert [load_runs(name)[0].signal.nuclear.yields[0].k for name in (path, f"{path}:lower")] == [0.16, 0.14]


def test_a_path_with_a_colon(tmp_path):
    folder = tmp_path / "a:b"
    folder.mkdir()
    path = written(folder, HEAD + RUN + FLAT + '[analyses]\nx = ["A"]\n')
    assert load_runs(path)[0].identity.run == "A"
    assert load_runs(f"{path}:x")[0].identity.run == "A"


@pytest.mark.parametrize(
    ("bins", "message"),
    [
        ("bins = 4", "has 5 rows; the cells are 4 (4 energy)"),
        ("stop = 401", "energy_low = 320, where the cell's is 320.2"),
    ],
)
def test_counts_in_other_bins(tmp_path, bins, message):
    replaced = "bins = 5" if "bins" in bins else "stop = 400"
    path = written(tmp_path, HEAD + RUN.replace(replaced, bins) + 'file = "counts.csv"\n' + FLAT)
    with pytest.raises(InputError, match=re.escape(message)) as caught:
        load_runs(path)
    assert "\n" not in str(caught.value)


def test_counts_of_a_run(tmp_path):
    (run,) = load_runs(written(tmp_path, HEAD + RUN + 'file = "counts.csv"\n' + FLAT))
    assert run.observed.tolist() == [7.0] * 5 + [2.0] * 5
    assert (run.public, run.hypothesis, run.note) == (True, "", "")

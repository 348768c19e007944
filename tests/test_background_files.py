"""Counts with a background as files: its components against what they say, and what is refused in one line."""

import itertools
import re

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

import cevnsjax
from cevnsjax.errors import InputError
from cevnsjax.experiments import load_runs

HEAD = """
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
[response]
quenching = { model = "lindhard", k = 0.16 }
resolution = { noise_eV = 30.0, fano = 0.11, pair_energy_eV = 2.96 }
"""
RUN = """
[[runs]]
name = "A"
on_kg_d = 100
off_kg_d = 25
low_eV = 300
high_eV = 400
bins = 5
"""
FLAT = """
[[background]]
name = "flat"
kind = "flat"
rate_per_keV_kg_d = 10
free = ["rate"]
"""
EDGE = """
[[background]]
name = "edge"
kind = "exponential"
height_per_keV_kg_d = 50
decay_eV = 20
start_eV = 250
"""
LINE = """
[[background]]
name = "line"
kind = "line"
area_per_kg_d = 3
centre_eV = 360
width_eV = 40
followers = [{ name = "weak", centre_eV = 310, width_eV = 20, ratio = 0.1 }]
"""
TABLE = """
[[background]]
name = "table"
kind = "tabulated"
file = "table.csv"
column = "counts"
"""
EDGES = np.linspace(0.3, 0.4, 6)


def written(folder, text):
    (folder / "table.csv").write_text("counts\n1\n2\n3\n4\n5\n")
    rows = "\n".join(f"{1e3 * a:.6g},{1e3 * b:.6g},7,2" for a, b in itertools.pairwise(EDGES))
    (folder / "counts.csv").write_text(f"low_eV,high_eV,on,off\n{rows}\n")
    (folder / "mine.toml").write_text(text)
    return folder / "mine.toml"


@pytest.mark.parametrize(
    ("component", "density"),
    [
        (FLAT, lambda energy: 10.0),
        (EDGE, lambda energy: 50 * np.exp(-(energy - 0.25) / 0.02)),
        (LINE, lambda energy: 3 * (norm.pdf(energy, 0.36, 0.04) + 0.1 * norm.pdf(energy, 0.31, 0.02))),
    ],
    ids=["flat", "exponential", "line"],
)
def test_components_by_quadrature(tmp_path, component, density):
    (run,) = load_runs(written(tmp_path, HEAD + RUN + component))
    expected = [quad(density, a, b)[0] for a, b in itertools.pairwise(EDGES)]
    np.testing.assert_allclose(run.counts.background.counts(), expected, rtol=1e-10)
    # Data that are expected: without the reactor the background alone.
    np.testing.assert_allclose(run.counts.off, 25 * np.array(expected), rtol=1e-10)
    assert (run.observed > 100 * np.array(expected)).all()


def test_a_table_and_the_background_alone(tmp_path):
    text = HEAD + RUN + 'expected = "background"\n' + TABLE
    (run,) = load_runs(written(tmp_path, text))
    np.testing.assert_allclose(run.observed, 100 * np.arange(1.0, 6.0), rtol=1e-12)
    assert run.note == "mine: no data are public; what is expected of the background alone stands in"


def test_variants_of_runs(tmp_path):
    path = written(tmp_path, HEAD + RUN + FLAT + '[variants]\nlower = { "response.quenching.k" = 0.14 }\n')
    assert [float(load_runs(name)[0].response.quenching.k) for name in (path, f"{path}:lower")] == [0.16, 0.14]


def test_zero_background_without_a_run_off(tmp_path):
    """Counts where only a signal can be: no signal is impossible, and the strength's best value and ends are finite."""
    text = HEAD + RUN.replace("off_kg_d = 25\n", "") + 'file = "counts.csv"\n'
    path = written(tmp_path, text)
    (tmp_path / "counts.csv").write_text(
        (tmp_path / "counts.csv").read_text().replace(",off", "").replace(",7,2", ",7")
    )
    likelihood = cevnsjax.Likelihood(path)
    assert np.isinf(likelihood.chi2({"norm": 0.0}))
    found = cevnsjax.fit(likelihood, ["norm"])
    signal = np.asarray(likelihood.expected({}))
    assert found.best_fit["norm"] == pytest.approx(35 / signal.sum(), rel=1e-4)
    assert found.chi2_min == pytest.approx(2 * (7 * np.log(7 / (found.best_fit["norm"] * signal))).sum(), rel=1e-6)
    assert all(np.isfinite(found.intervals["norm"][0]))


def test_bins_without_counts_tell_nothing(tmp_path):
    """Of a signal that ends below them; the Fisher information is that of the other bins."""
    text = HEAD + RUN.replace("off_kg_d = 25\n", "").replace("400", "3000").replace("bins = 5", "bins = 27")
    likelihood = cevnsjax.Likelihood(written(tmp_path, text), channel="cevns")
    means = np.asarray(likelihood.expected({}))
    assert means[-1] == 0.0
    information = float(cevnsjax.fisher(likelihood, {"norm": 1.0})[0, 0])
    assert information == pytest.approx(means.sum(), rel=1e-9)


def test_a_falling_background_is_fitted(tmp_path):
    text = HEAD + RUN + FLAT.replace('["rate"]', '["rate", "tilt"]') + "tilt = -0.5\n"
    likelihood = cevnsjax.Likelihood(written(tmp_path, text))
    assert float(likelihood.chi2({})) == pytest.approx(0.0, abs=1e-9)
    best = likelihood.best_nuisances({"norm": 1.0})
    assert best["flat_tilt"] == pytest.approx(-0.5, abs=1e-4)


def test_a_path_with_a_colon(tmp_path):
    folder = tmp_path / "a:b"
    folder.mkdir()
    path = written(folder, HEAD + RUN + FLAT + '[analyses]\nx = ["A"]\n')
    assert load_runs(path)[0].run == "A"
    assert load_runs(f"{path}:x")[0].run == "A"


MISTAKES = {
    "off counts, no background": (HEAD + RUN + 'file = "counts.csv"\n', "describe one in [[background]]"),
    "an energy scale and a table": (
        HEAD + RUN + TABLE + "[systematics.default]\nenergy_shift_eV = 5\n",
        "tabulated background 'table'",
    ),
    "unknown quantity": (HEAD + RUN + FLAT.replace('["rate"]', '["height"]'), "unknown quantity 'height'"),
    "free and pulled": (HEAD + RUN + FLAT + "pull = { rate = 0.1 }\n", "'rate' is both free and pulled"),
    "unknown kind": (HEAD + RUN + FLAT.replace('kind = "flat"', 'kind = "flta"'), "'flat'"),
    "unknown key": (
        HEAD + RUN + FLAT + "ratee = 3\n",
        "unknown key 'background.0.ratee'; did you mean 'background.0.free'? (known: background.0.name,",
    ),
    "free from zero": (HEAD + RUN + FLAT.replace("= 10", "= 0"), "'rate' is free and begins at zero"),
    "a background that is negative": (HEAD + RUN + FLAT + "tilt = -3\n", "background.0.tilt = -3 is wrong"),
    "components of one name": (HEAD + RUN + FLAT + FLAT, "components of the background of run A must have different"),
    "off counts without exposure": (
        HEAD + RUN.replace("off_kg_d = 25\n", "") + 'file = "counts.csv"\n' + FLAT,
        "give their exposure, off_kg_d",
    ),
    "a file and what is expected": (HEAD + RUN + 'file = "counts.csv"\nexpected = "sm"\n' + FLAT, "choose one"),
    "an empty analysis": (HEAD + RUN + FLAT + "[analyses]\ndefault = []\n", "analyses.default is wrong"),
    "a variant named like a run": (HEAD + RUN + FLAT + "[variants]\nA = {}\n", "'A' is a variant and a run"),
    "unknown run": (HEAD + RUN + FLAT + 'runs = ["B"]\n', "unknown run 'B'"),
    "no runs, no data": (HEAD + FLAT, "[[runs]]"),
    "runs of one name": (HEAD + RUN + RUN + FLAT, "names of runs must differ"),
    "bounds that fall": (HEAD + RUN.replace("400", "200") + FLAT, "low_eV = 300 must be below 200"),
    "other bins": (HEAD + RUN.replace("bins = 5", "bins = 4") + 'file = "counts.csv"\n' + FLAT, "its bins are not"),
    "a table of another length": (HEAD + RUN.replace("bins = 5", "bins = 4") + TABLE, "needs 4 counts"),
    "analysis of an unknown run": (HEAD + RUN + FLAT + '[analyses]\nx = ["B"]\n', "unknown run 'B'"),
    "a norm with a pull": (
        HEAD + RUN + FLAT + "[systematics.default]\nnormalisation = { norm = 0.1 }\n",
        "norm, is free",
    ),
}


@pytest.mark.parametrize(("text", "message"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes(tmp_path, text, message):
    with pytest.raises(InputError, match=re.escape(message)) as caught:
        load_runs(written(tmp_path, text))
    assert "\n" not in str(caught.value)

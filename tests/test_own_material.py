"""A user's own yields, fluxes, efficiencies and responses, from files beside the description or a line in it."""

import csv
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import numpy as np
import photoelectrons as reference
import pytest
from scipy.stats import poisson

from cevnsjax.errors import InputError
from cevnsjax.experiments import load_experiment
from cevnsjax.likelihood import Likelihood

EDGES = np.array([0.0, 0.4, 0.8, 1.2, 1.8, 2.5, 4.0])
NOISE = 0.15
KG, DAYS = 3.0, 50.0
ENERGY = np.linspace(0.0, 53.0, 54)
FLUX = 1e8 * 12 / 52.8 * (ENERGY / 52.8) ** 2 * np.clip(1 - ENERGY / 52.8, 0.0, None)
RECOIL = np.array([0.0, 5e-3, 2e-2, 5e-2, 0.2])
YIELDS = np.array([0.05, 0.06, 0.09, 0.1, 0.1])
KNOTS = np.array([0.0, 0.5, 1.0, 5.0])
EFFICIENCY = np.array([0.0, 0.4, 0.8, 1.0])

TOML = """
format = 2
name = "own"
title = "Of one's own"
target = { elements = { I = 1 } }
data = { file = "counts.csv" }

[source]
kind = "table"
file = "flux.csv"
baseline_m = 20.0
components = [{ flavour = "nu_e", column = "phi" }]

[[axes]]
name = "energy"
unit = "keV_ee"

[response]
electron = "none"

[response.nuclear]
yield = { kind = "constant", value = 0.08 }
smearing = { kind = "gaussian", noise = 0.15 }

[[detectors]]
name = "crystal"
mass_kg = 3.0
live_days = 50.0
"""


def write(path: Path, **columns: np.ndarray) -> None:
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(columns)
        rows.writerows(zip(*(np.asarray(column).tolist() for column in columns.values()), strict=True))


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("own")
    (folder / "experiment.toml").write_text(TOML)
    write(folder / "flux.csv", energy_MeV=ENERGY, phi=FLUX)
    write(folder / "yields.csv", recoil_energy_keV=1e3 * RECOIL, light=YIELDS)
    write(folder / "efficiency.csv", energy=KNOTS, efficiency=EFFICIENCY)
    write(folder / "counts.csv", energy_low=EDGES[:-1], energy_high=EDGES[1:], observed=np.zeros(6), sigma=np.ones(6))
    matrix = {f"bin_{i + 1}": row for i, row in enumerate(MATRIX)}
    write(folder / "matrix.csv", recoil_energy_keV=1e3 * MATRIX_RECOIL, **matrix)
    return folder / "experiment.toml"


def lindhard(T: np.ndarray) -> np.ndarray:
    e = 11.5 * 53 ** (-7 / 3) * 1e3 * T
    g = 3 * e**0.15 + 0.7 * e**0.6 + e
    return 0.16 * g / (1 + 0.16 * g)


def gaussian(mean: np.ndarray, efficiency: Callable = np.ones_like) -> np.ndarray:
    return reference.in_bins(mean, EDGES, reference.gaussian_density(NOISE), efficiency, KNOTS)


def efficiency(signal: np.ndarray) -> np.ndarray:
    return np.interp(signal, KNOTS, EFFICIENCY)


MATRIX_RECOIL = np.linspace(0.0, 0.06, 41)
MATRIX = gaussian(80 * MATRIX_RECOIL)


def elsewhere(signal: Callable, answer: Callable = gaussian, knots: np.ndarray | None = None) -> np.ndarray:
    """Counts by the reference; `signal` [keV] of a recoil energy [MeV]."""
    return reference.counts({reference.IODINE: signal}, ENERGY, FLUX, 0.23857, KG * DAYS, answer, knots)


def expected(file: Path, **overrides: object) -> np.ndarray:
    changed = {f"response.nuclear.{key}": value for key, value in overrides.items()}
    return np.asarray(Likelihood(load_experiment(file, changed)).expected({}))


CHAINS = {
    "constant yield": ({}, lambda: elsewhere(lambda T: 80 * T)),
    "table of yields beside the description": (
        {"yield": {"kind": "table", "file": "yields.csv", "column": "light"}},
        lambda: elsewhere(lambda T: 1e3 * np.interp(T, RECOIL, YIELDS) * T, knots=RECOIL),
    ),
    "linear yield": (
        {"yield": {"kind": "linear", "intercept": 0.07, "slope_per_keV": 4e-4}},
        lambda: elsewhere(lambda T: 1e3 * (0.07 + 0.4 * T) * T),
    ),
    "polynomial yield": (
        {"yield": {"kind": "polynomial", "coefficients": [0.06, 2.0, -10.0, 50.0]}},
        lambda: elsewhere(lambda T: 1e3 * (0.06 * T + 2 * T**2 - 10 * T**3 + 50 * T**4)),
    ),
    "Lindhard's yield": (
        {"yield": {"kind": "lindhard", "k": 0.16}},
        lambda: elsewhere(lambda T: 1e3 * lindhard(T) * T, knots=np.geomspace(1e-6, 1e-3, 30)),
    ),
    "efficiency against the mean signal": (
        {"efficiency": {"file": "efficiency.csv"}},
        lambda: elsewhere(lambda T: 80 * T, lambda mean: gaussian(mean) * efficiency(mean), KNOTS / 80),
    ),
    "efficiency against the reconstructed signal": (
        {"efficiency": {"file": "efficiency.csv", "against": "reconstructed"}},
        lambda: elsewhere(lambda T: 80 * T, lambda mean: gaussian(mean, efficiency)),
    ),
    "no smearing": (
        {"smearing": {"kind": "none"}},
        lambda: elsewhere(
            lambda T: 80 * T,
            lambda mean: (mean > EDGES[:-1, None]) & (mean <= EDGES[1:, None]),
            EDGES / 80,
        ),
    ),
    "a matrix": (
        {"yield": None, "smearing": None, "matrix_file": "matrix.csv"},
        lambda: elsewhere(
            lambda T: T,
            lambda T: np.array([np.interp(T, MATRIX_RECOIL, row, right=0.0) for row in MATRIX]),
            MATRIX_RECOIL,
        ),
    ),
}


@pytest.mark.parametrize("name", CHAINS)
def test_responses_are_those_of_an_independent_integration(file: Path, name: str) -> None:
    """To 1e-5 of the largest bin; at zero, where Lindhard's yield vanishes like T^0.15, to the package's own 1e-4."""
    overrides, counts = CHAINS[name]
    right = counts()
    near = 1e-4 if name == "Lindhard's yield" else 1e-5
    np.testing.assert_allclose(expected(file, **overrides), right, rtol=0, atol=near * right.max())


def test_counts_of_quanta(file: Path) -> None:
    """Poisson smearing: a bin holds whole numbers from its lower edge up to, but not including, its upper edge."""
    overrides = {
        "axes.energy.unit": "quanta",
        "response.signal_per_keV": 5.0,
        "response.nuclear.smearing": {"kind": "poisson"},
    }
    edges = np.array([0.0, 2, 4, 6, 9, 13, 20])
    write(
        file.parent / "quanta.csv",
        energy_low=edges[:-1],
        energy_high=edges[1:],
        observed=np.zeros(6),
        sigma=np.ones(6),
    )
    found = np.asarray(Likelihood(load_experiment(file, {**overrides, "data.file": "quanta.csv"})).expected({}))

    def answer(mean: np.ndarray) -> np.ndarray:
        return np.array([poisson.cdf(b - 1, mean) - poisson.cdf(a - 1, mean) for a, b in pairwise(edges)])

    right = elsewhere(lambda T: 400 * T, answer)
    np.testing.assert_allclose(found, right, rtol=0, atol=1e-5 * right.max())


def test_data_per_kilogram_and_energy(file: Path) -> None:
    """A second detector with a threshold: the mass and the live time of those that see the bin count."""
    detectors = [
        {"name": "a", "mass_kg": 3.0, "live_days": 50.0, "threshold": 0.0},
        {"name": "b", "mass_kg": 1.0, "live_days": 80.0, "threshold": 0.8},
    ]
    overrides = {"detectors": detectors, "data.per_kg": True, "data.per_energy": 0.1}
    found = np.asarray(Likelihood(load_experiment(file, overrides)).expected({}))
    sees = EDGES[:-1] >= 0.8
    exposure = np.where(sees, 3 * 50 + 80, 3 * 50) / np.where(sees, 4, 3)
    right = elsewhere(lambda T: 80 * T) / (KG * DAYS) * exposure * 0.1 / np.diff(EDGES)
    np.testing.assert_allclose(found, right, rtol=0, atol=1e-5 * right.max())


def test_chi_squared_of_gaussian_data(file: Path) -> None:
    observed, sigma = np.array([30.0, 20, 10, 12, 14, 9]), np.array([5.0, 4, 3, 3, 4, 3])
    columns = {"energy_low": EDGES[:-1], "energy_high": EDGES[1:], "observed": observed, "sigma": sigma}
    write(file.parent / "drawn.csv", **columns)
    right = elsewhere(lambda T: 80 * T)
    found = float(Likelihood(load_experiment(file, {"data.file": "drawn.csv"})).chi2({}))
    assert found == pytest.approx((((right - observed) / sigma) ** 2).sum(), rel=1e-5)


WRONG = {
    "a yield that falls": (
        {"yield": {"kind": "polynomial", "coefficients": [0.08, -1.0]}},
        "falls so fast that the visible energy falls at a recoil energy of 40",
    ),
    "a yield in per cent": ({"yield": {"kind": "table", "file": "percent.csv", "column": "light"}}, "lies above 1"),
    "no yield at all": ({"yield": None}, "needs a yield"),
    "germanium's table for iodine": (
        {"yield": {"kind": "table", "file": "germanium_collar_2021.csv", "column": "Fef"}},
        "holds yields of Ge, and the target has I",
    ),
    "yields of another element": (
        {"yield": None, "yields": {"Cs": {"kind": "constant", "value": 0.1}}},
        "yields is of Cs, the target of I",
    ),
    "a matrix beside a yield": ({"matrix_file": "matrix.csv"}, "leave out yield, smearing"),
}


@pytest.mark.parametrize(("overrides", "message"), WRONG.values(), ids=WRONG)
def test_what_cannot_be_is_refused(file: Path, overrides: dict[str, object], message: str) -> None:
    write(file.parent / "percent.csv", recoil_energy_keV=1e3 * RECOIL, light=100 * YIELDS)
    with pytest.raises(InputError, match=message) as caught:
        load_experiment(file, {f"response.nuclear.{key}": value for key, value in overrides.items()})
    assert str(file) in str(caught.value)
    assert "\n" not in str(caught.value)

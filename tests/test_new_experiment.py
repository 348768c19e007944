"""A kind of experiment that the package does not know, from files alone: photo-electrons and time, two fluxes, a morph.

The prediction is compared with an independent integration, chi-squared with SciPy's Poisson distribution, and the best
fit with iminuit.
"""

import csv
from pathlib import Path

import numpy as np
import photoelectrons as reference
import pytest
from iminuit import Minuit
from scipy.stats import poisson

from cevnsjax.experiments import load_experiment
from cevnsjax.inference import fit
from cevnsjax.likelihood import Likelihood

EDGES = np.array([8.0, 10, 13, 16, 20, 25, 31, 38, 48, 60])
TIMES = np.linspace(0.0, 6.0, 7)
KNOTS = np.array([0.0, 8, 12, 17.5, 25, 60])
EFFICIENCY = np.array([0.0, 0.1, 0.45, 0.7, 0.85, 0.9])
PROMPT = np.array([0.62, 0.25, 0.08, 0.03, 0.02, 0.0])
DELAYED = np.array([0.14, 0.26, 0.2, 0.14, 0.1, 0.07])
SIN2 = 0.23857
LIGHT, SHAPE = 13.35, 1.0
CAESIUM = (0.06, 3.5, -80.0, 700.0)
IODINE = 0.087
KG_DAYS = 14.6 * 400
STEADY = 2e-4

TOML = f"""
format = 2
name = "two_axes"
title = "A kind of its own"

[target]
elements = {{ Cs = 1, I = 1 }}

[source]
kind = "table"
file = "flux.csv"
baseline_m = 20.0

[[source.components]]
flavour = "nu_mu"
column = "prompt"
profiles = {{ time = {{ file = "time.csv", column = "prompt" }} }}

[[source.components]]
flavour = "nu_e"
column = "delayed"
scale = 0.5
profiles = {{ time = {{ file = "time.csv", column = "delayed" }} }}

[[axes]]
name = "energy"
unit = "PE"
edges = {EDGES.tolist()}

[[axes]]
name = "time"
unit = "us"
edges = {{ start = 0, stop = 6, bins = 6 }}

[response]
signal_per_keV = {LIGHT}
electron = "none"

[response.nuclear]
smearing = {{ kind = "gamma", shape_per_keV = {SHAPE} }}
efficiency = {{ file = "efficiency.csv", against = "reconstructed" }}

[response.nuclear.yields]
Cs = {{ kind = "polynomial", coefficients = {list(CAESIUM)} }}
I = {{ kind = "constant", value = {IODINE} }}

[[detectors]]
name = "crystal"
mass_kg = 14.6
live_days = 400

[data]
file = "counts.csv"
term = "poisson"

[[sample]]
name = "neutrons"
kind = "table"
file = "neutrons.csv"

[[sample]]
name = "steady"
kind = "flat"
rate_per_keV_kg_d = {STEADY}

[[nuisance]]
name = "flux"
sigma = 0.1
scale = ["signal"]

[[nuisance]]
name = "neutron_rate"
sigma = 0.25
scale = ["neutrons"]

[[nuisance]]
name = "neutron_arrival"
sigma = 1.0
morph = {{ neutrons = {{ up = "neutrons_up.csv", down = "neutrons_down.csv" }} }}

[[nuisance]]
name = "light_yield"
key = "response.signal_per_keV"
sigma = 0.4

[[nuisance]]
name = "iodine_yield"
key = "response.nuclear.yields.I.value"
sigma = 0.004

[[nuisance]]
name = "steady_rate"
key = "sample.steady.rate_per_keV_kg_d"
free = true
"""

NUISANCES = ("flux", "neutron_rate", "neutron_arrival", "light_yield", "iodine_yield", "steady_rate")


def fluxes() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Energies [MeV], a line at 29.8 MeV as a triangle of the table, and a muon's decay to an electron neutrino."""
    energy = np.unique(np.concatenate([np.linspace(0.0, 53.0, 54), [28.8, 29.8, 30.8]]))
    prompt = 4e7 * np.clip(1 - np.abs(energy - 29.8), 0.0, None)
    end = 52.8
    delayed = 8e7 * 12 / end * (energy / end) ** 2 * np.clip(1 - energy / end, 0.0, None)
    return energy, prompt, delayed


def neutrons() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """A background in all cells [counts], and what it is one standard deviation later and earlier."""
    energy = np.exp(-EDGES[:-1] / 15) - np.exp(-EDGES[1:] / 15)
    centres = (TIMES[:-1] + TIMES[1:]) / 2
    shapes = [np.exp(-(((centres - mean) / 1.1) ** 2) / 2) for mean in (1.6, 1.9, 1.4)]
    return tuple(300 * np.outer(energy, shape / shape.sum()).ravel() for shape in shapes)


def write(path: Path, **columns: np.ndarray) -> None:
    with path.open("w", newline="") as file:
        rows = csv.writer(file)
        rows.writerow(columns)
        rows.writerows(zip(*(column.tolist() for column in columns.values()), strict=True))


def write_cells(path: Path, **columns: np.ndarray) -> None:
    energy, time = (number.ravel() for number in np.meshgrid(np.arange(9), np.arange(6), indexing="ij"))
    edges = {"energy_low": EDGES[energy], "energy_high": EDGES[energy + 1]}
    write(path, **edges, time_low=TIMES[time], time_high=TIMES[time + 1], **columns)


@pytest.fixture(scope="module")
def file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """All files of the experiment, with data that are drawn once from what is expected."""
    folder = tmp_path_factory.mktemp("two_axes")
    energy, prompt, delayed = fluxes()
    write(folder / "flux.csv", energy_MeV=energy, prompt=prompt, delayed=delayed)
    write(folder / "time.csv", time_low=TIMES[:-1], time_high=TIMES[1:], prompt=PROMPT, delayed=DELAYED)
    write(folder / "efficiency.csv", energy=KNOTS, efficiency=EFFICIENCY)
    for name, table in zip(("neutrons", "neutrons_up", "neutrons_down"), neutrons(), strict=True):
        write_cells(folder / f"{name}.csv", expected=table)
    (folder / "experiment.toml").write_text(TOML)
    write_cells(folder / "counts.csv", observed=np.random.default_rng(1).poisson(expected_elsewhere()))
    return folder / "experiment.toml"


@pytest.fixture(scope="module")
def likelihood(file: Path) -> Likelihood:
    return Likelihood(file)


def signal_elsewhere(sin2: float = SIN2, light: float = LIGHT, iodine: float = IODINE) -> np.ndarray:
    """Counts of the signal in all cells, by the reference alone."""
    energy, prompt, delayed = fluxes()
    isotopes = {
        reference.CAESIUM: lambda T: 1e3 * light * sum(a * T ** (p + 1) for p, a in enumerate(CAESIUM)),
        reference.IODINE: lambda T: 1e3 * light * iodine * T,
    }
    density = reference.gamma_density(SHAPE / light)

    def answer(mean: np.ndarray) -> np.ndarray:
        return reference.in_bins(mean, EDGES, density, lambda x: np.interp(x, KNOTS, EFFICIENCY), KNOTS)

    total = np.zeros((9, 6))
    for flux, profile in ((prompt, PROMPT), (0.5 * delayed, DELAYED)):
        total += np.outer(reference.counts(isotopes, energy, flux, sin2, KG_DAYS, answer), profile)
    return total.ravel()


def background_elsewhere(rate: float = 1.0, arrival: float = 0.0, steady: float = STEADY) -> np.ndarray:
    """Counts of both templates; between the tables the morph is a parabola."""
    nominal, later, earlier = neutrons()
    morphed = nominal + arrival * (later - earlier) / 2 + arrival**2 * ((later + earlier) / 2 - nominal)
    return rate * morphed + steady * KG_DAYS * np.outer(np.diff(EDGES), np.diff(TIMES) / 6).ravel()


def expected_elsewhere() -> np.ndarray:
    return signal_elsewhere() + background_elsewhere()


POINTS = {
    "as the file has it": {},
    "the coupling": {"sin2_theta_w": 0.3},
    "all nuisances": {
        "flux": 1.15, "neutron_rate": 0.7, "neutron_arrival": -0.6, "light_yield": 14.0, "iodine_yield": 0.095,
        "steady_rate": 3e-4,
    },
    "other than the polynomials reach": {"light_yield": 9.0, "iodine_yield": 0.05},
}  # fmt: skip


@pytest.mark.parametrize("point", POINTS.values(), ids=POINTS)
def test_cells_are_those_of_an_independent_integration(likelihood: Likelihood, point: dict[str, float]) -> None:
    signal = signal_elsewhere(
        point.get("sin2_theta_w", SIN2), point.get("light_yield", LIGHT), point.get("iodine_yield", IODINE)
    )
    background = background_elsewhere(
        point.get("neutron_rate", 1.0), point.get("neutron_arrival", 0.0), point.get("steady_rate", STEADY)
    )
    expected = np.asarray(likelihood.expected(point))
    assert expected.shape == (54,)
    np.testing.assert_allclose(expected - background, point.get("flux", 1.0) * signal, rtol=0, atol=1e-6 * signal.max())


def test_chi_squared_is_that_of_poisson_counts_and_constraints(likelihood: Likelihood) -> None:
    point = {"sin2_theta_w": 0.26, **POINTS["all nuisances"]}
    expected = 1.15 * signal_elsewhere(0.26, 14.0, 0.095) + background_elsewhere(0.7, -0.6, 3e-4)
    counts = likelihood.experiments[0].observed
    deviance = 2 * (poisson.logpmf(counts, counts) - poisson.logpmf(counts, expected)).sum()
    constraints = (0.15 / 0.1) ** 2 + (0.3 / 0.25) ** 2 + 0.6**2 + (0.65 / 0.4) ** 2 + (0.008 / 0.004) ** 2
    assert float(likelihood.chi2(point)) == pytest.approx(deviance + constraints, abs=1e-4)


def test_the_best_fit_is_that_of_iminuit(likelihood: Likelihood) -> None:
    names = ("sin2_theta_w", *NUISANCES)
    found = fit(likelihood)
    assert set(found.best_fit) == set(names)
    assert found.converged

    def chi2(*values: float) -> float:
        return float(likelihood.chi2(dict(zip(names, values, strict=True))))

    minuit = Minuit(chi2, *(likelihood.parameters[name].default for name in names), name=names)
    minuit.errordef = Minuit.LEAST_SQUARES
    for name in names:
        minuit.limits[name] = likelihood.parameters[name].bounds
        minuit.errors[name] = likelihood.parameters[name].scale / 10
    minuit.tol = 1e-4
    minuit.migrad()
    assert minuit.valid
    assert found.chi2_min == pytest.approx(minuit.fval, abs=1e-6)
    errors, there = np.array(minuit.errors), np.array(minuit.values)
    assert np.abs((np.array([found.best_fit[name] for name in names]) - there) / errors).max() < 1e-2
    best = likelihood.best_nuisances({"sin2_theta_w": found.best_fit["sin2_theta_w"]})
    assert np.abs((np.array([float(best[name]) for name in NUISANCES]) - there[1:]) / errors[1:]).max() < 1e-2


@pytest.mark.parametrize(("value", "table"), [(0.0, 0), (1.0, 1), (-1.0, 2)])
def test_a_morph_reproduces_its_tables(likelihood: Likelihood, value: float, table: int) -> None:
    (counts,) = likelihood.background_in({"neutron_arrival": value, "steady_rate": 0.0})
    np.testing.assert_allclose(counts, neutrons()[table], rtol=1e-12)


def test_beyond_its_tables_a_morph_is_straight(likelihood: Likelihood) -> None:
    at = {value: likelihood.background_in({"neutron_arrival": value})[0] for value in (1.0, 2.0, 3.0)}
    np.testing.assert_allclose(at[2.0] - at[1.0], at[3.0] - at[2.0], rtol=1e-9, atol=1e-12)


def test_a_morph_without_a_lower_table_mirrors_the_upper_one(file: Path) -> None:
    mirrored = load_experiment(file, {"nuisance.neutron_arrival.morph": {"neutrons": {"up": "neutrons_up.csv"}}})
    (counts,) = Likelihood(mirrored).background_in({"neutron_arrival": -1.0, "steady_rate": 0.0})
    nominal, later, _ = neutrons()
    np.testing.assert_allclose(counts, 2 * nominal - later, rtol=1e-12)


def test_a_total_scales_a_table(file: Path) -> None:
    experiment = load_experiment(file, {"sample.neutrons.total": 50.0, "sample.steady.rate_per_keV_kg_d": 1e-9})
    assert experiment.background().sum() == pytest.approx(50.0, rel=1e-3)

"""Dresden-II: what public analyses of the same data find, and why they are not used by default."""

import jax
import numpy as np
import pytest
from scipy.interpolate import CubicSpline
from scipy.stats import norm

import cevnsjax
from cevnsjax.experiments import load_runs
from cevnsjax.rates import nuclear_nodes, rates_at
from cevnsjax.resources import data_folder, read_table

STRENGTHS = np.linspace(-4.0, 6.0, 201)


@pytest.fixture(scope="module")
def fef():
    return cevnsjax.Likelihood("dresden2")


def amplitude(likelihood):
    """Return the best strength of the signal, and where chi^2 is one above its minimum."""
    chi2 = np.array([float(likelihood.chi2({"norm": strength})) for strength in STRENGTHS])
    allowed = STRENGTHS[chi2 <= chi2.min() + 1.0]
    return STRENGTHS[chi2.argmin()], allowed[0], allowed[-1]


def test_background_alone_fits(fef):
    """chi^2 = 111 for 130 bins, as in the literature."""
    assert fef.experiments[0].observed.size == 130
    assert float(fef.chi2({"norm": 0.0})) == pytest.approx(111.0, abs=1.0)


def test_amplitudes_with_both_yields(fef):
    """Public analyses have 0.9 +- 0.35 with Fef and 1.4 +- 0.6 with YBe: within one of their standard deviations."""
    for likelihood, centre, width in ((fef, 0.9, 0.35), (cevnsjax.Likelihood("dresden2:ybe"), 1.4, 0.6)):
        best, low, high = amplitude(likelihood)
        assert abs(best - centre) < width
        assert (high - low) / 2 == pytest.approx(width, rel=0.25)


def test_data_without_reactor_have_a_negative_amplitude():
    best, _, high = amplitude(cevnsjax.Likelihood("dresden2:off"))
    assert best < 0
    assert high < 0


def test_beside_conus_plus_both_have_nuisances_of_their_own(conus_plus):
    """Flux and quenching: a factor on the tabulated yield, whose polynomial is that of the tables."""
    likelihood = cevnsjax.Likelihood(conus_plus, "dresden2", systematics="detailed")
    assert {"flux_conus_plus", "flux_dresden2", "quenching_k", "quenching_yield"} <= set(likelihood.searched)
    assert any("negative" in note for note in likelihood.notes)
    through_polynomial = jax.jit(lambda factor: likelihood.expected_in({"quenching_yield": factor})[1])
    for factor in (0.6, 1.0, 1.4):
        exact = likelihood.expected_in({"quenching_yield": factor})[1]
        signal = exact - likelihood.background_in({})[1]
        assert np.abs(np.asarray(through_polynomial(factor)) - exact).max() < 5e-3 * signal.max()


@pytest.mark.parametrize(("name", "column"), [("dresden2", "Fef"), ("dresden2:ybe", "YBe")])
def test_counts_from_the_table_as_it_is(name, column):
    """Summed over recoil energies, which need not be solved for: a yield that falls in between changes little."""
    likelihood = cevnsjax.Likelihood(name, channel="cevns")
    (experiment,) = likelihood.experiments
    here = experiment.signal
    visible, _ = here.nuclear.nodes()
    nodes = nuclear_nodes(here.target, here.moments, here.nuclear, visible)
    points = {p.name: np.array([p.default]) for p in likelihood.model.parameters}
    (rates,) = rates_at(likelihood.model, tuple(c.flavour for c in here.components), [nodes], points)
    at_nodes = np.asarray(nodes.T[0])
    rate = rates[0].sum(axis=0) * here.nuclear.of_element(0).slope(at_nodes)  # per recoil, not visible, energy
    T = (np.arange(100_000) + 0.5) * 4e-8  # to 4 keV
    per_recoil = np.exp(CubicSpline(at_nodes, np.log(np.maximum(rate, 1e-300)))(T)) * 4e-8
    columns = read_table(data_folder() / "quenching" / "germanium_collar_2021.csv", ("recoil_energy_keV", column))
    energy = 1e6 * np.interp(T, columns["recoil_energy_keV"] * 1e-3, columns[column]) * T
    width = np.sqrt(68.5**2 + 0.11 * 2.96 * energy)
    edges = np.append(experiment.cells.low()[:20], experiment.cells.high()[19])
    above = [np.sum(per_recoil * norm.sf(edge, energy, width) / norm.sf(0.0, energy, width)) for edge in edges]
    expected = -np.diff(above) * experiment.exposure[:20]
    signal = np.asarray(likelihood.expected({}) - likelihood.expected({"norm": 0.0}))[:20]
    np.testing.assert_allclose(signal, expected, atol=1e-3 * expected.max())


def test_a_warning_goes_with_them(fef):
    assert "negative" in fef.notes[0]
    yields = load_runs("dresden2:ybe")[0].signal.nuclear.of_element(0)
    assert yields.yields[0] == pytest.approx(0.37738)


def test_truncated_resolution_loses_nothing(fef):
    """All of an energy is found above zero, however close to it."""
    chain = fef.experiments[0].signal.nuclear
    energy = 50.0  # eV_ee
    width = np.sqrt(68.5**2 + 0.11 * 2.96 * energy)
    fine = np.linspace(0.0, energy + 10 * width, 40001)
    density = norm.pdf(fine, energy, width) / norm.sf(0.0, energy, width)
    low, high = chain.low[:3], chain.high[:3]
    inside = [(fine >= a) & (fine <= b) for a, b in zip(low, high, strict=True)]
    expected = [np.trapezoid(density[one], fine[one]) for one in inside]
    found = chain.probabilities(np.array([energy * 1e-6]), slice(0, 3))[:, 0]
    np.testing.assert_allclose(found, expected, rtol=5e-3)

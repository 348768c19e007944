"""Dresden-II: what public analyses of the same data find, and why they are not used by default."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.interpolate import CubicSpline
from scipy.stats import norm

import cevnsjax
from cevnsjax.experiments import expected_counts, load_runs, tabulate
from cevnsjax.experiments.moves import moved
from cevnsjax.rates import ionisation_rate
from cevnsjax.resources import data_folder, read_table

STRENGTHS = np.linspace(-4.0, 6.0, 401)


@pytest.fixture(scope="module")
def fef():
    return cevnsjax.Likelihood("dresden2")


@jax.jit
def curve(expanded):
    return jax.vmap(lambda strength: expanded.chi2({"norm": strength}))(jnp.asarray(STRENGTHS))


def amplitude(likelihood):
    """Return the best strength of the signal, and where chi^2 is one above its minimum."""
    chi2 = np.asarray(curve(jax.jit(lambda one: one.expand({}, []))(likelihood)))
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


def test_beside_conus_plus_both_have_pulls_of_their_own(conus_plus, fef):
    """Flux and quenching: a factor on the tabulated yield, whose polynomial is that of the tables."""
    likelihood = cevnsjax.Likelihood(conus_plus, "dresden2", systematics="detailed")
    assert {"flux_conus_plus", "flux_dresden2", "quenching_k", "quenching_yield"} <= set(likelihood.nuisance_names)
    assert any("negative" in note for note in likelihood.notes)
    (_, experiment), model = likelihood.experiments, likelihood.model
    params = {p.name: jnp.asarray(p.default) for p in model.parameters}
    for factor in (0.6, 1.0, 1.4):
        there = moved(experiment, {"quenching_yield": jnp.asarray(factor)})
        exact = np.asarray(expected_counts(there, tabulate(there, response_order=64), model, params)).sum(axis=0)
        polynomial = np.asarray(likelihood.predicted({"quenching_yield": factor, "norm_dresden2": 1.0})[1])
        assert np.abs(polynomial - exact).max() < 5e-3 * exact.max()


@pytest.mark.parametrize(("name", "column"), [("dresden2", "Fef"), ("dresden2:ybe", "YBe")])
def test_counts_from_the_table_as_it_is(name, column):
    """Summed over recoil energies, which need not be solved for: a yield that falls in between changes little."""
    likelihood = cevnsjax.Likelihood(name, channel="cevns")
    (experiment,), (table,) = likelihood.experiments, likelihood.tables
    params = {p.name: jnp.asarray(p.default) for p in likelihood.model.parameters}
    rate = np.asarray(ionisation_rate(table, likelihood.model, params, "cevns") / table.nuclei[0].jacobian)
    nodes = np.asarray(table.nuclei[0].recoil.T[0])
    T = (np.arange(100_000) + 0.5) * 4e-8  # to 4 keV
    per_recoil = np.exp(CubicSpline(nodes, np.log(np.maximum(rate, 1e-300)))(T)) * 4e-8
    columns = read_table(data_folder() / "quenching" / "germanium_collar_2021.csv", ("recoil_energy_keV", column))
    energy = np.interp(T, columns["recoil_energy_keV"] * 1e-3, columns[column]) * T
    width = np.asarray(experiment.response.resolution.sigma(jnp.asarray(energy)))
    edges = np.append(experiment.response.low[:20], experiment.response.high[19])
    above = [np.sum(per_recoil * norm.sf(edge, energy, width) / norm.sf(0.0, energy, width)) for edge in edges]
    expected = -np.diff(above) * np.asarray(experiment.exposure()).sum(axis=0)[:20]
    signal = np.asarray(likelihood.expected({}) - likelihood.expected({"norm": 0.0}))[:20]
    np.testing.assert_allclose(signal, expected, atol=1e-3 * expected.max())


def test_a_warning_goes_with_them(fef):
    assert "negative" in fef.notes[0]
    assert load_runs("dresden2:ybe")[0].response.quenching.yields[0] == pytest.approx(0.37738)


def test_truncated_resolution_loses_nothing(fef):
    """All of an energy is found above zero, however close to it."""
    response = fef.experiments[0].response
    energy = 5e-5
    width = float(response.resolution.sigma(energy))
    fine = np.linspace(0.0, energy + 10 * width, 40001)
    density = norm.pdf(fine, energy, width) / norm.sf(0.0, energy, width)
    low, high = np.asarray(response.low)[:3], np.asarray(response.high)[:3]
    inside = [(fine >= a) & (fine <= b) for a, b in zip(low, high, strict=True)]
    expected = [np.trapezoid(density[one], fine[one]) for one in inside]
    found = np.asarray(response.bin_matrix(jnp.array([energy])))[:3, 0]
    np.testing.assert_allclose(found, expected, rtol=5e-3)

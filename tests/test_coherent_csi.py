"""COHERENT's caesium iodide: the prediction against an independent integration, the fits against what is published."""

import jax
import numpy as np
import pions as reference
import pytest
from scattering import quick
from scipy.special import xlogy
from scipy.stats import poisson

import cevnsjax

SIN2 = 0.23857
PE = np.array([0.0, 8, 12, 16, 20, 24, 32, 40, 50, 60])
TIMES = np.array([0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1, 2, 4, 6])
CELLS = (PE.size - 1, TIMES.size - 1)


@pytest.fixture(scope="module")
def csi():
    return cevnsjax.load_experiment("coherent_csi")


@pytest.fixture(scope="module")
def likelihood(csi):
    return cevnsjax.Likelihood(csi)


@pytest.fixture(scope="module")
def signal(csi):
    """A function of parameters: the nuclear recoils in all cells."""
    nuclei = cevnsjax.Likelihood(csi, channel="cevns")
    return lambda **values: np.asarray(nuclei.expected(values)) - csi.background()


def test_cells_against_an_independent_integration(signal) -> None:
    """A bin below, at and beyond the largest recoil of the line, at times before, in and after the pulse."""
    found = signal(sin2_theta_w=SIN2).reshape(CELLS)
    for i in (1, 4, 8):
        pe = {flavour: reference.photoelectrons(flavour, PE[i], PE[i + 1], SIN2) for flavour in reference.FLAVOURS}
        for j in (1, 4, 9):
            prompt, delayed = (reference.time_share(kind, TIMES[j], TIMES[j + 1]) for kind in ("prompt", "delayed"))
            expected = pe["nu_mu"] * prompt + (pe["nu_e"] + pe["nu_mu_bar"]) * delayed
            assert found[i, j] == pytest.approx(expected, rel=1e-3)


def test_counts_of_the_standard_model(signal) -> None:
    """Within 1 % of numbers that were calculated elsewhere, by flavour, photo-electrons and time."""
    found = signal().reshape(CELLS)
    assert found.sum() == pytest.approx(346.7, rel=0.01)
    by_pe = [2.4, 51.9, 78.3, 67.1, 48.2, 56.3, 26.4, 12.7, 3.3]
    by_time = [0.36, 2.67, 10.5, 22.3, 27.7, 23.7, 18.6, 16.2, 96.8, 93.7, 34.2]
    np.testing.assert_allclose(found.sum(axis=1), by_pe, rtol=0.01, atol=0.05)
    np.testing.assert_allclose(found.sum(axis=0), by_time, rtol=0.01, atol=0.05)


@pytest.mark.parametrize(
    ("name", "up", "down"),
    [("pe_efficiency", 384.9, 312.9), ("quenching_0", 349.7, 343.8), ("quenching_1", 336.2, 357.1)],
)  # fmt: skip
def test_one_standard_deviation(signal, name, up, down) -> None:
    assert signal(**{name: 1.0}).sum() == pytest.approx(up, rel=0.01)
    assert signal(**{name: -1.0}).sum() == pytest.approx(down, rel=0.01)


def test_parabolas_lead_through_three_signals_and_add_up(signal, likelihood) -> None:
    """As the file says; in between and together they are no new calculation."""
    middle, rng = signal(), np.random.default_rng(3)
    z = dict(zip(("pe_efficiency", "quenching_0", "quenching_1"), rng.uniform(-2, 2, 3), strict=True))
    expected = middle.copy()
    for name, value in z.items():
        up, down = (signal(**{name: s}) for s in (1.0, -1.0))
        expected += value * (up - down) / 2 + value**2 * ((up + down) / 2 - middle)
    experiment = likelihood.experiments[0]
    nuclei = cevnsjax.Likelihood(experiment, channel="cevns")
    ones = dict.fromkeys(("sns_flux", "steady_rate", "beam_neutron_rate", "neutrino_neutron_rate"), 1.0)
    chi2 = deviance(experiment.observed, expected + experiment.background()) + sum(v * v for v in z.values())
    assert float(nuclei.chi2({**z, **ones})) == pytest.approx(chi2, rel=1e-9)


def deviance(observed: np.ndarray, counts: np.ndarray) -> float:
    """-2 log of the likelihood ratio to counts that are the data's own."""
    return float(2 * (poisson.logpmf(observed, np.maximum(observed, 1e-300)) - poisson.logpmf(observed, counts)).sum())


def test_electrons_are_few(csi) -> None:
    electrons = cevnsjax.Likelihood(csi, channel="eves")
    assert (np.asarray(electrons.expected({})) - csi.background()).sum() == pytest.approx(7.5e-5, rel=0.02)


def test_the_free_normalisation(csi, signal) -> None:
    """314 +- 3 events where 306 +- 20 are published, chi^2 of 85 for 99 cells, no signal at 11.4 (11.6) sigma."""
    alone = cevnsjax.Likelihood(csi, systematics="backgrounds")
    result = cevnsjax.fit(alone, ["norm"])
    assert result.best_fit["norm"] * signal().sum() == pytest.approx(314, abs=3)
    assert result.chi2_min == pytest.approx(85, abs=2)
    without = cevnsjax.fit(alone, ["sin2_theta_w"], {"norm": 0.0}).chi2_min
    assert (without - result.chi2_min) ** 0.5 == pytest.approx(11.4, abs=0.1)
    for name, expected, published in (
        ("beam_neutron_rate", 18.4, 17.0), ("neutrino_neutron_rate", 5.6, 5.5), ("steady_rate", 1286, 1270),
    ):  # fmt: skip
        assert result.best_fit[name] * expected == pytest.approx(published, rel=0.01)


def test_the_weak_mixing_angle(likelihood) -> None:
    """Published: 0.220 +0.028 -0.026, within a quarter of its error."""
    result = cevnsjax.fit(likelihood, ["sin2_theta_w"], cl=0.6827)
    assert result.best_fit["sin2_theta_w"] == pytest.approx(0.220, abs=0.007)
    ((low, high),) = result.intervals["sin2_theta_w"]
    assert result.best_fit["sin2_theta_w"] - low == pytest.approx(0.026, rel=0.15)
    assert high - result.best_fit["sin2_theta_w"] == pytest.approx(0.028, rel=0.15)


def test_the_neutrons_have_a_radius_of_their_own(csi, signal) -> None:
    """A whole bin with neutrons of 5.4 fm against the written formula; without a radius they are as the protons."""
    found = signal(sin2_theta_w=SIN2, neutron_radius=5.4).reshape(CELLS)[3].sum()
    shares = {kind: reference.time_share(kind, 0.0, 6.0) for kind in ("prompt", "delayed")}
    expected = sum(
        reference.photoelectrons(flavour, PE[3], PE[4], SIN2, neutrons=5.4)
        * shares["prompt" if flavour == "nu_mu" else "delayed"]
        for flavour in reference.FLAVOURS
    )
    assert found == pytest.approx(expected, rel=1e-3)
    changed = cevnsjax.load_experiment("coherent_csi", {"target.neutron_radius": 5.4})
    whole = np.asarray(cevnsjax.Likelihood(changed).expected({"sin2_theta_w": SIN2}))
    np.testing.assert_allclose(
        whole.reshape(CELLS)[3].sum() - csi.background().reshape(CELLS)[3].sum(), found, rtol=1e-5
    )


def test_the_radius_of_the_neutrons(likelihood) -> None:
    """Published: 5.47 +- 0.38 fm (arXiv:2303.09360), within a third of its error."""
    result = cevnsjax.fit(likelihood, ["neutron_radius"], cl=0.6827)
    assert result.best_fit["neutron_radius"] == pytest.approx(5.47, abs=0.38 / 3)
    ((low, high),) = result.intervals["neutron_radius"]
    assert (high - low) / 2 == pytest.approx(0.38, rel=0.15)


def test_terms_that_the_polynomial_in_energy_leaves_out() -> None:
    """The term T/E of exact kinematics, per mille of the counts even at these energies."""
    exact, short = (reference.photoelectrons("nu_mu_bar", 20.0, 24.0, SIN2, finite) for finite in (True, False))
    assert 0 < 1 - exact / short < 2e-3


@pytest.mark.parametrize(("name", "at", "step"), [("neutron_radius", 5.2, 1e-3), ("pe_efficiency", 0.3, 1e-3)])
def test_gradients_against_differences(likelihood, name, at, step) -> None:
    given = {"sin2_theta_w": SIN2, "sns_flux": 1.0}
    slope = quick(jax.grad(lambda x: likelihood.chi2({**given, name: x})))(at)
    above, below = (float(likelihood.chi2({**given, name: at + s * step})) for s in (1, -1))
    assert float(slope) == pytest.approx((above - below) / (2 * step), rel=1e-5, abs=1e-6)


def test_gradients_are_finite_without_a_coupling(csi) -> None:
    for model, names in (("magnetic_moment", ("mu_nu_e", "mu_nu_mu")), ("charge_radius", ("r2_mumu", "r2_emu"))):
        likelihood = cevnsjax.Likelihood(csi, model=model)
        slopes = quick(jax.grad(likelihood.chi2))(dict.fromkeys(names, 0.0))
        assert all(np.isfinite(float(slope)) for slope in slopes.values())


def test_predictions_and_chi_squared_use_the_same_parabolas() -> None:
    """Chi-squared from the predicted counts by SciPy, nuisances up to two standard deviations away."""
    likelihood = cevnsjax.Likelihood("coherent_csi")
    known = {n.name: n for n in likelihood.nuisances if n.searched}
    observed = np.asarray(likelihood.experiments[0].observed)
    rng = np.random.default_rng(3)
    for _ in range(5):
        z = {name: rng.uniform(-2, 2) if n.moves_signal else rng.uniform(-1, 1) for name, n in known.items()}
        values = {name: n.centre + n.sigma * z[name] for name, n in known.items()}
        (mean,) = (np.asarray(one) for one in likelihood.expected_in(values))
        assert mean.min() > 0
        deviance = 2 * (mean - observed + xlogy(observed, observed / mean)).sum()
        assert float(likelihood.chi2(values)) == pytest.approx(deviance + sum(one**2 for one in z.values()), rel=1e-9)

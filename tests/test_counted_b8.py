"""PandaX-4T's two channels and LZ's flux: what public numbers of solar 8B allow, and that users are told."""

import numpy as np
import pytest
import solar as reference
from scipy.optimize import brentq, minimize_scalar
from scipy.stats import poisson

import cevnsjax
from cevnsjax.resources import data_folder, read_rows

SIN2, FLUX = 0.23857, {"8B": 5.25e6}
CHANNELS = {"paired": (3, 2.8, 0.5, 2.19), "us2": (332, 251.0, 32.0, 46.9)}


def signals(name: str) -> list[float]:
    likelihood = cevnsjax.Likelihood(name)
    given = {"sin2_theta_w": SIN2}
    pairs = zip(likelihood.expected_in(given), likelihood.background_in(given), strict=True)
    return [float((all_ - rest)[0]) for all_, rest in pairs]


def test_channels_of_pandax() -> None:
    """The published best fit, 3.5 and 75 at 8.4e6 cm^-2 s^-1, is 2.2 and 47 at 5.25e6; the rest is published."""
    likelihood = cevnsjax.Likelihood("pandax4t_b8")
    np.testing.assert_allclose(signals("pandax4t_b8"), [3.5 * 5.25 / 8.4, 75 * 5.25 / 8.4], rtol=1e-3)
    for experiment, (name, (observed, background, *_)) in zip(likelihood.experiments, CHANNELS.items(), strict=True):
        assert experiment.identity.run == name
        assert (float(experiment.observed[0]), float(experiment.background()[0])) == (observed, background)


def profiled(strength: float) -> float:
    """Chi-squared of both channels with their backgrounds minimised, by SciPy."""
    total = 0.0
    for observed, background, width, signal in CHANNELS.values():

        def one(b: float, n=observed, b0=background, s=width, x=signal) -> float:
            return float(2 * (poisson.logpmf(n, n) - poisson.logpmf(n, strength * x + b)) + ((b - b0) / s) ** 2)

        total += minimize_scalar(one, bounds=(0.3 * background, 1.7 * background), method="bounded").fun
    return total


def test_counts_of_pandax_against_scipy() -> None:
    """1.79 sigma, where the published fit of spectra has 2.64: the note says that it is not reproduced."""
    likelihood = cevnsjax.Likelihood("pandax4t_b8", systematics="backgrounds")
    result = cevnsjax.fit(likelihood, ["norm"], cl=0.6827)
    best = minimize_scalar(profiled, bounds=(0.0, 4.0), method="bounded")
    assert result.best_fit["norm"] == pytest.approx(best.x, rel=5e-3)
    assert result.chi2_min == pytest.approx(best.fun, abs=2e-3)
    ends = [brentq(lambda x: profiled(x) - best.fun - 1, *bracket) for bracket in ((0.0, best.x), (best.x, 4.0))]
    np.testing.assert_allclose(result.intervals["norm"][0], ends, rtol=1e-2)
    significance = (float(likelihood.chi2({"norm": 0.0})) - result.chi2_min) ** 0.5
    assert significance == pytest.approx((profiled(0.0) - best.fun) ** 0.5, abs=5e-3)
    assert significance == pytest.approx(1.79, abs=0.01)


def test_the_flux_of_pandax() -> None:
    """Published, from spectra: 8.4 +- 3.1 (1e6); the counts alone have 6.1 +3.7 -3.5, lower by less than an error."""
    result = cevnsjax.fit(cevnsjax.Likelihood("pandax4t_b8", systematics="free_flux"), ["b8_flux"], cl=0.6827)
    flux, ((low, high),) = result.best_fit["b8_flux"], result.intervals["b8_flux"]
    assert abs(flux - 8.4e6) < 3.1e6
    assert (high - low) / 2 == pytest.approx(3.1e6, rel=0.2)


def test_events_of_lz_with_the_published_efficiency() -> None:
    """19.8 were calculated elsewhere for 5.7 t yr."""
    rows = read_rows(data_folder() / "lz_b8" / "efficiency.csv")
    knots, efficiency = np.array([[float(row["recoil_energy_keV"]), float(row["bin_1"])] for row in rows]).T
    # The efficiency is linear between its knots, and the rate is smooth there: eight nodes by Gauss in each of nine.
    node, weight = np.polynomial.legendre.leggauss(8)
    low, width = knots[:9, None], np.diff(knots)[:9, None]
    T, share = (low + width * (node + 1) / 2).ravel(), (width * weight / 2).ravel()
    rate = np.array([reference.cevns(1e-3 * t, "Xe", FLUX, SIN2) for t in T]) * reference.SECONDS_PER_YEAR
    assert rate[-1] == 0.0  # beyond the largest recoil
    (found,) = signals("lz_b8")
    assert found == pytest.approx(5.7 * (rate * np.interp(T, knots, efficiency) * share).sum(), rel=1e-5)
    assert found == pytest.approx(19.8, rel=0.02)


def test_the_flux_of_lz() -> None:
    """Published: 3.1 +2.1 -1.3 (1e6); one Gaussian has the mean of both errors."""
    result = cevnsjax.fit(cevnsjax.Likelihood("lz_b8", systematics="free_flux"), ["b8_flux"], cl=0.6827)
    assert result.best_fit["b8_flux"] == pytest.approx(3.1e6, rel=0.01)
    ((low, high),) = result.intervals["b8_flux"]
    assert (high - low) / 2 == pytest.approx(1.7e6, rel=0.02)


@pytest.mark.parametrize(("name", "words"), [("pandax4t_b8", "2.64 sigma"), ("lz_b8", "4.5 sigma")])
def test_users_are_told_what_is_approximate(name, words) -> None:
    (note,) = cevnsjax.Likelihood(name).notes
    assert note.startswith(f"{name}: ")
    assert words in note


def test_one_flux_of_three_experiments() -> None:
    """Weights of the errors: it lies among the fluxes of the three, with an error smaller than each of theirs."""
    names = ("xenonnt_b8", "pandax4t_b8", "lz_b8")
    joint = cevnsjax.Likelihood(*names, systematics="free_flux")
    assert [n.name for n in joint.nuisances].count("b8_flux") == 1
    results = [
        cevnsjax.fit(likelihood, ["b8_flux"], cl=0.6827)
        for likelihood in (joint, *(cevnsjax.Likelihood(name, systematics="free_flux") for name in names))
    ]
    best = [result.best_fit["b8_flux"] for result in results]
    widths = [high - low for ((low, high),) in (result.intervals["b8_flux"] for result in results)]
    assert min(best[1:]) < best[0] < max(best[1:])
    assert widths[0] < min(widths[1:])

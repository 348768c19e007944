"""Neutrinos of stopped pions against the written formulas, SciPy's distributions and the SNS' own time profile."""

from pathlib import Path

import numpy as np
import pions as reference
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cevnsjax.flavours import NU_E, NU_MU, NU_MU_BAR
from cevnsjax.resources import read_table
from cevnsjax.sources import Pulse, flux_moments, pion_at_rest
from cevnsjax.sources.pion_at_rest import LARGEST_ENERGY, LINE_ENERGY

FLUX = 3e7
COMPONENTS = pion_at_rest(FLUX, 1930.0)
PULSE = Pulse(0.472, 0.148)


def test_a_line_and_two_spectra() -> None:
    assert [component.flavour for component in COMPONENTS] == [NU_MU, NU_E, NU_MU_BAR]
    assert pytest.approx(29.792, abs=5e-4) == LINE_ENERGY
    assert pytest.approx(52.829, abs=5e-4) == LARGEST_ENERGY
    assert [component.corners.tolist() for component in COMPONENTS] == [
        [LINE_ENERGY], [LARGEST_ENERGY], [LARGEST_ENERGY],
    ]  # fmt: skip


def test_mean_energies() -> None:
    """Three fifths and seven tenths of the end point; as many neutrinos of each flavour."""
    for component, mean in zip(COMPONENTS, (LINE_ENERGY, 0.6 * LARGEST_ENERGY, 0.7 * LARGEST_ENERGY), strict=True):
        assert float(component.moments()(np.float64(0.0))[0]) == pytest.approx(FLUX, rel=1e-9)
        folded = component.fold(lambda E: E, np.float64(0.0), order=16)
        assert float(folded) / FLUX == pytest.approx(mean, rel=1e-9)


@pytest.mark.parametrize("minimum", [1.0, 12.3, 29.79, 29.8, 41.0, 52.8, 60.0])
def test_moments_against_quadrature(minimum: float) -> None:
    for component, flavour in zip(COMPONENTS, reference.FLAVOURS, strict=True):
        expected = [FLUX * reference.moment(flavour, -n, minimum) for n in range(3)]
        np.testing.assert_allclose(component.moments()(np.float64(minimum)), expected, rtol=1e-6, atol=FLUX * 1e-11)


def test_what_is_left_of_a_line() -> None:
    """A share of the neutrinos survives: of a line all moments fall alike."""
    line = COMPONENTS[0]
    assert line.energies().shape == (1,)
    left = line.moments(np.array([0.25]))
    np.testing.assert_allclose(left(np.float64(20.0)), line.moments()(np.float64(20.0)) / 4)
    spectrum = COMPONENTS[1]
    half = spectrum.moments(np.full_like(spectrum.energies(), 0.5))
    np.testing.assert_allclose(half(np.float64(20.0)), flux_moments(spectrum)(np.float64(20.0)) / 2, rtol=1e-12)


@given(time=st.floats(-0.5, 8.0), mean=st.floats(0.2, 0.8), sigma=st.floats(0.01, 0.4))
def test_arrival_times_against_scipys_distribution(time: float, mean: float, sigma: float) -> None:
    pulse = Pulse(mean, sigma)
    for kind in ("prompt", "delayed"):
        found = float(getattr(pulse, kind)(np.float64(time)))
        # Mean lives of the reference are rounded in the fifth digit.
        assert found == pytest.approx(reference.arrived(kind, time, mean, sigma), abs=2e-5)


def test_the_time_profile_of_the_source(sns_times) -> None:
    """The flux of the release of arXiv:2110.07730 by 50 ns: apart by 2.8, 1.0 and 1.6 % of the flavour's peak."""
    low, high = sns_times["t_low_ns"] / 1e3, sns_times["t_high_ns"] / 1e3
    for flavour, arrived, apart in (
        ("nu_mu", PULSE.prompt, 0.028), ("nu_e", PULSE.delayed, 0.010), ("nu_mu_bar", PULSE.delayed, 0.016),
    ):  # fmt: skip
        model = PULSE.profile(arrived, low, high)
        away = np.abs(model - sns_times[flavour]).max() / sns_times[flavour].max()
        assert away == pytest.approx(apart, rel=0.03)
        name = "model_prompt" if flavour == "nu_mu" else "model_delayed"
        np.testing.assert_allclose(model, sns_times[name], atol=5e-6)  # lives rounded in the table


def test_shares_in_the_window_of_caesium_iodide() -> None:
    """arXiv:2110.07730's time efficiency keeps 0.9971 of prompt and 0.8466 of delayed neutrinos within 6 us."""
    low, high = np.array([0.0]), np.array([6.0])

    def recorded(time):
        return np.where(time < 0.52, 1.0, np.exp(-0.0494 * (time - 0.52)))

    for arrived, share in ((PULSE.prompt, 0.9971), (PULSE.delayed, 0.8466)):
        assert PULSE.profile(arrived, low, high, recorded)[0] == pytest.approx(share, abs=1e-4)


@pytest.fixture(scope="module")
def sns_times():
    path = Path(reference.__file__).with_name("sns_time_50ns.csv")
    return read_table(path, ("t_low_ns", "t_high_ns", *reference.FLAVOURS, "model_prompt", "model_delayed"))

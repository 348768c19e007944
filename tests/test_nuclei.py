"""Nuclear masses, abundances and two-body kinematics."""

import jax
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from cevnsjax.constants import ATOMIC_MASS_UNIT, ELECTRON_MASS, HBAR_C_MEV_FM
from cevnsjax.errors import InputError
from cevnsjax.matter import coherence_energy, element, maximal_recoil_energy, minimal_energy

# T. Rink, CONUS talk at PASCOS 2022, as printed: largest recoil energies [keV] at 10 and at 50 MeV; largest
# neutrino energy of coherent scattering [MeV], and the largest recoil energy [keV] there.
TALK = {
    "Na": ("9.33", "232.4", "27.7", "71.5"),
    "Si": ("7.64", "190.4", "25.9", "51.3"),
    "Ar": ("5.37", "134.0", "23.1", "28.5"),
    "Ge": ("2.96", "73.8", "18.9", "10.5"),
    "I": ("1.69", "42.3", "15.7", "4.16"),
    "Xe": ("1.64", "40.9", "15.5", "3.93"),
    "Cs": ("1.62", "40.4", "15.4", "3.85"),
}

# CIAAW, abridged standard atomic weights and their uncertainties, of the elements that the talk does not have.
WEIGHTS = {
    "O": (15.999, 0.001),
    "F": (18.998, 0.001),
    "Al": (26.982, 0.001),
    "Ca": (40.078, 0.004),
    "Zn": (65.38, 0.02),
    "W": (183.84, 0.01),
}
ELEMENTS = [*TALK, *WEIGHTS]


def to_the_digits_of(printed, value):
    return f"{float(value):.{len(printed.partition('.')[2])}f}"


def recoil_keV(energy, mass):
    return maximal_recoil_energy(np.float64(energy), np.float64(mass)) * 1e3


@pytest.mark.parametrize("symbol", TALK)
def test_largest_recoil_energies_as_in_the_talk(symbol):
    at_10, at_50, _, _ = TALK[symbol]
    # The talk's masses are atomic. It shows in sodium at 50 MeV alone: 232.46 keV with the nuclear mass.
    atomic = float(element(symbol).molar_mass) * ATOMIC_MASS_UNIT
    assert to_the_digits_of(at_10, recoil_keV(10.0, atomic)) == at_10
    assert to_the_digits_of(at_50, recoil_keV(50.0, atomic)) == at_50


@pytest.mark.parametrize("symbol", WEIGHTS)
def test_atomic_weights(symbol):
    weight, sigma = WEIGHTS[symbol]
    assert float(element(symbol).molar_mass) == pytest.approx(weight, abs=sigma)


@pytest.mark.parametrize("symbol", ELEMENTS)
def test_nuclear_mass_is_the_atomic_one_less_the_electrons(symbol):
    nature = element(symbol)
    electrons = float(nature.molar_mass) * ATOMIC_MASS_UNIT - float(nature.nuclear_mass)
    assert electrons == pytest.approx(nature.atomic_number * ELECTRON_MASS, rel=1e-9)


@pytest.mark.parametrize("symbol", TALK)
def test_largest_coherent_energies_as_in_the_talk(symbol):
    _, _, energy, recoil = TALK[symbol]
    # All digits come out with A the atomic weight, atomic masses, and hbar c rounded to 197 MeV fm. With its
    # true value Na, Si and Cs end one digit higher.
    weight = element(symbol).molar_mass
    coherent = float(coherence_energy(weight)) * 197.0 / HBAR_C_MEV_FM
    assert to_the_digits_of(energy, coherent) == energy
    assert to_the_digits_of(recoil, recoil_keV(coherent, float(weight) * ATOMIC_MASS_UNIT)) == recoil


@given(energy=st.floats(0.01, 100.0), mass=st.floats(0.5, 2e5))
def test_minimal_energy_is_the_inverse_of_the_maximal_recoil(energy, mass):
    E, M = np.float64(energy), np.float64(mass)
    # Few roundings: 1e-14 is some fifty units in the last place.
    assert minimal_energy(maximal_recoil_energy(E, M), M) == pytest.approx(energy, rel=1e-14)


def test_slope_of_the_minimal_energy():
    T, M = 1e-3, 67_000.0
    root = np.sqrt(T**2 + 2 * M * T)
    value, slope = jax.jit(jax.value_and_grad(minimal_energy))(T, M)
    assert float(value) == pytest.approx(minimal_energy(np.float64(T), M), rel=1e-15)
    assert float(slope) == pytest.approx((1 + (T + M) / root) / 2, rel=1e-14)


def test_no_recoil_needs_no_energy():
    assert minimal_energy(np.float64(0.0), np.float64(67_000.0)) == 0.0


@pytest.mark.parametrize("symbol", ELEMENTS)
def test_abundances_sum_to_one(symbol):
    nature = element(symbol)
    assert float(nature.abundance.sum()) == pytest.approx(1.0, abs=1e-15)
    assert np.all(np.asarray(nature.isotopes.Z) == nature.atomic_number)


def test_germanium():
    # CIAAW: the standard atomic weight of germanium is 72.630(8).
    assert float(element("Ge").molar_mass) == pytest.approx(72.630, abs=0.008)
    assert element("Ge").isotopes.A.tolist() == [70, 72, 73, 74, 76]


def test_unknown_element_names_the_known_ones():
    with pytest.raises(InputError, match=r"unknown element 'Gee'; did you mean 'Ge'\?.*Cs"):
        element("Gee")

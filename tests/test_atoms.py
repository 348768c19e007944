"""Electron shells and the number of electrons that a recoil sets free."""

import jax
import numpy as np
import pytest
from direct import effective_electrons as reference
from hypothesis import given
from hypothesis import strategies as st

from cevnsjax.errors import InputError
from cevnsjax.matter import effective_electrons, element, shells

GERMANIUM = shells("Ge")


def z_eff(energy_eV):
    return float(effective_electrons(np.float64(energy_eV * 1e-6), GERMANIUM))


@pytest.mark.parametrize(("energy_eV", "electrons"), [(160, 20), (181, 22), (1500, 30), (12000, 32)])
def test_germanium(energy_eV, electrons):
    # Occupancies of split shells are typed to four digits.
    assert z_eff(energy_eV) == pytest.approx(electrons, abs=1e-4)


@pytest.mark.parametrize("symbol", ["O", "F", "Na", "Al", "Si", "Ar", "Ca", "Zn", "Ge", "I", "Xe", "Cs", "W"])
def test_neutral_atoms_have_as_many_electrons_as_protons(symbol):
    assert float(shells(symbol).occupancy.sum()) == pytest.approx(element(symbol).atomic_number, abs=1e-4)
    assert float(shells(symbol).binding_energy.min()) > 0.0


@given(st.floats(0.5, 12_000.0))
def test_against_reference(energy_eV):
    assert z_eff(energy_eV) == pytest.approx(reference(energy_eV), rel=1e-14)


def test_no_energy_frees_nothing():
    assert z_eff(0.0) == 0.0


def test_slope_is_zero_and_finite():
    # A sum of steps: the edges of the quadrature panels carry what a step adds.
    value, slope = jax.jit(jax.value_and_grad(lambda T: effective_electrons(T, GERMANIUM)))(2e-4)
    assert float(value) == z_eff(200.0)
    assert float(slope) == 0.0


def test_unknown_atom():
    with pytest.raises(InputError, match="unknown atom 'Uuo'"):
        shells("Uuo")

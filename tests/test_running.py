"""The running of sin^2(theta_W) at one loop, against mpmath, the limits of its formula, and published values."""

from pathlib import Path

import mpmath as mp
import numpy as np
import pytest

from cevnsjax.constants import ALPHA, SIN2_THETA_W, SIN2_THETA_W_Z, W_MASS, Z_MASS
from cevnsjax.reproduce.running import fermion_loop, normalised_angle, one_loop_angle, quark_factor, w_loops

MOMENTA = np.array([0.0, 1.0, 30.0, 1e3, 1e4, Z_MASS, 1e6])


def w_loops_by_mpmath(q: float) -> float:
    """Return W(q) of Czarnecki and Marciano in 60 digits: at small q its terms cancel in most of them."""
    with mp.workdps(60):
        c2 = 1 - mp.mpf(SIN2_THETA_W_Z)
        z = (mp.mpf(W_MASS) / mp.mpf(q)) ** 2
        p = mp.sqrt(1 + 4 * z)
        log = mp.log((p + 1) / (p - 1))
        value = -(42 * c2 + 1) * mp.log(c2) / 12 + mp.mpf(1) / 18
        value -= (p * log / 2 - 1) * ((7 - 4 * z) * c2 + (1 + 4 * z) / 6)
        value -= z * (mp.mpf(3) / 4 - z + (z - mp.mpf(3) / 2) * p * log + z * (2 - z) * log**2)
        return float(value)


@pytest.mark.parametrize("mass", [0.511, 100.0, 1777.0, 4183.0])
def test_fermion_loops_against_mpmath(mass: float) -> None:
    loops = fermion_loop(mass, MOMENTA)
    edges = [0, 1e-10, 1e-7, 1e-4, 1e-2, 0.5]
    for q, loop in zip(MOMENTA, loops, strict=True):
        half = mp.quad(lambda x, q=q: 6 * x * (1 - x) * mp.log((mass**2 + q**2 * x * (1 - x)) / Z_MASS**2), edges)
        assert loop == pytest.approx(float(2 * half), rel=1e-12)


def test_fermion_loops_have_their_limits() -> None:
    mass = 100.0
    at_rest, far = fermion_loop(mass, np.array([0.0, 1e6]))
    assert at_rest == pytest.approx(np.log(mass**2 / Z_MASS**2), rel=1e-13)
    # Far above the mass: ln(q^2 / M_Z^2) - 5/3, but for terms of m^2 / q^2.
    assert far == pytest.approx(np.log(1e12 / Z_MASS**2) - 5 / 3, abs=1e-6)


def test_w_loops_against_mpmath() -> None:
    """On both sides of the place where the expansion ends, and at q = 0 against the published limit."""
    momenta = np.array([1.0, 300.0, 999.0, 1001.0, 3e3, 3e4, Z_MASS, 1e6])
    expected = [w_loops_by_mpmath(q) for q in momenta]
    np.testing.assert_allclose(w_loops(momenta), expected, rtol=0, atol=3e-9)
    s2 = SIN2_THETA_W_Z
    at_rest = -(7 / 2 * (1 - s2) + 1 / 12) * np.log(1 - s2) + 7 / 9 - s2 / 3
    assert w_loops_by_mpmath(1e-3) == pytest.approx(at_rest, abs=1e-9)
    assert w_loops(np.zeros(1))[0] == pytest.approx(at_rest, rel=1e-14)


def test_w_loops_matter_at_the_z_pole_alone() -> None:
    """The statement of the module: 1e-7 of sin^2 at 1 GeV, 7e-4 at M_Z."""
    at_rest, gev, z_pole = -ALPHA / (2 * np.pi) * w_loops(np.array([0.0, 1e3, Z_MASS]))
    assert gev - at_rest == pytest.approx(1e-7, rel=0.1)
    assert z_pole - at_rest == pytest.approx(7e-4, rel=0.05)


def test_one_loop_has_the_published_ends() -> None:
    at_rest, z_pole = one_loop_angle(np.array([0.0, Z_MASS]))
    # Czarnecki and Marciano's formula with effective masses of 0.1, 0.1 and 0.15 GeV.
    assert at_rest == pytest.approx(0.2379, abs=5e-5)
    assert z_pole == pytest.approx(SIN2_THETA_W_Z, abs=5e-4)


def test_the_curve_is_normalised_at_rest() -> None:
    at_rest, z_pole = normalised_angle(np.array([0.0, Z_MASS]))
    assert at_rest == pytest.approx(SIN2_THETA_W, abs=1e-12)
    assert z_pole == pytest.approx(SIN2_THETA_W_Z, abs=5e-4)
    # QCD adds about alpha_s / pi to loops of quarks: a tenth where alpha_s is 0.3, at a few GeV.
    assert quark_factor() == pytest.approx(1.1, abs=0.05)


def test_the_documented_numbers() -> None:
    """The table in docs/numerics.md."""
    text = (Path(__file__).parent.parent / "docs" / "numerics.md").read_text(encoding="utf-8")
    ends = np.array([0.0, Z_MASS])
    for name, *numbers in zip(("0", "M_Z"), one_loop_angle(ends), normalised_angle(ends), strict=True):
        assert f"| {name} | {numbers[0]:.5f} | {numbers[1]:.5f} | " in text
    assert f"is multiplied by {quark_factor():.3f}" in text
    whole = one_loop_angle(ends) * SIN2_THETA_W / one_loop_angle(ends)[0]
    assert f"would give {whole[1]:.4f} at M_Z" in text


def test_the_angle_falls_up_to_the_mass_of_the_w() -> None:
    """Fermions screen; above M_W the loops of the W turn the curve."""
    momenta = np.geomspace(1e-2, W_MASS, 500)
    assert (np.diff(normalised_angle(momenta)) < 0).all()
    above = normalised_angle(np.array([2 * Z_MASS, 1e6]))
    assert above[1] > above[0]
    gev, mev = normalised_angle(np.array([1e3, 1.0]))
    assert 1e-3 < mev - gev < 3e-3

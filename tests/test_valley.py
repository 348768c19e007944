"""The least chi-squared of a plane of a mass: on lines from sums over cells, and between masses by interpolation."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

import cevnsjax
from cevnsjax.inference.lines import Lines
from cevnsjax.inference.masses import between_masses
from cevnsjax.inference.plane import Sums, plane_chi2
from cevnsjax.inference.valley import least_on_lines

CELLS, LINES, TERMS = 7, 4, 2
LOW, HIGH = -3.0, 5.0


def sums(seed: int, variance: float, integrated: float) -> Sums:
    """Sums over the cells of random signals, parabolas in the coupling, and random data."""
    rng = np.random.default_rng(seed)
    signal = rng.normal(size=(LINES, TERMS, 3, CELLS)) / np.array([1.0, 2.0, 4.0])[:, None]
    data = rng.normal(size=(LINES, TERMS, CELLS)) + 2
    return Sums(
        signal @ np.swapaxes(signal, -1, -2),
        (signal @ data[..., None])[..., 0],
        (data**2).sum(axis=-1),
        np.full((LINES, TERMS), 1.1),
        np.full((LINES, TERMS), variance),
        np.full(LINES, 0.3),
        np.full(LINES, integrated),
    )


def by_plane(given_sums: Sums, line: int, values: np.ndarray) -> np.ndarray:
    """chi^2 of a line at values of the coupling, by the plane's own program."""
    return plane_chi2(given_sums, np.zeros((LINES, 1)), 0, np.ones(LINES), values, 1)[line]


@given(
    st.integers(0, 10**6),
    st.sampled_from([0.0, 0.04, 4.0]),
    st.sampled_from([0.0, 1.0]),
    st.floats(LOW - 1, HIGH + 1),
)
def test_least_on_lines_against_the_plane(seed, variance, integrated, begin) -> None:
    """Each is a minimum of chi^2 as the plane has it, not above where it was begun, and no neighbour lies lower."""
    given_sums = sums(seed, variance, integrated)
    low, high = np.full(LINES, LOW), np.full(LINES, HIGH)
    place, value = least_on_lines(given_sums, np.full(LINES, begin), low, high)
    assert (low <= place).all()
    assert (place <= high).all()
    looked = np.clip(place[:, None] + np.array([-1e-3, 0.0, 1e-3]), LOW, HIGH)
    every = np.concatenate([looked, np.full((LINES, 1), np.clip(begin, LOW, HIGH))], axis=1)
    chi2 = np.stack([by_plane(given_sums, line, values) for line, values in enumerate(every)])
    np.testing.assert_allclose(value, chi2[:, 1], rtol=1e-12)
    assert (value <= chi2.min(axis=1) + 1e-9).all()


def test_least_on_lines_against_scipy() -> None:
    given_sums = sums(1, 0.04, 0.0)
    place, value = least_on_lines(given_sums, np.zeros(LINES), np.full(LINES, LOW), np.full(LINES, HIGH))
    for line in range(LINES):

        def chi2(t: float, line=line) -> float:
            return float(by_plane(given_sums, line, np.array([t]))[0])

        near = (place[line] - 0.1, place[line] + 0.1)
        expected = minimize_scalar(chi2, bounds=near, method="bounded", options={"xatol": 1e-10})
        assert value[line] == pytest.approx(expected.fun, rel=1e-12)
        assert place[line] == pytest.approx(expected.x, abs=1e-6)


@pytest.fixture(scope="module")
def lines(conus_plus):
    """Return the functions that calculate natural steps of a coupling, and signals, at masses."""
    likelihood = cevnsjax.Likelihood(conus_plus, model="vector_bl")
    mass, coupling = (likelihood.parameters[name] for name in ("m_z", "g_bl"))
    lines = Lines(likelihood, mass, coupling, [], {})
    return lines._steps, lines._exact


def test_between_masses(lines) -> None:
    """Counts at any coupling, in the middle between masses and at both ends, to 1e-11 of the largest."""
    natural, exact = lines
    between = between_masses(natural, exact, np.geomspace(1e-2, 1e3, 400))
    assert between is not None
    masses = np.array([1e-2, 0.3, 2.222, 47.0, 1e3])
    (steps, (signals,)), exact_steps = between(masses), natural(masses)
    (expected,) = exact(masses, exact_steps)
    np.testing.assert_allclose(steps, exact_steps, rtol=0.05)
    for share in (0.1, 1.0, 30.0):
        g = share * exact_steps
        of = [
            np.einsum("lm,lmc->lc", ((g / unit) ** 2) ** np.arange(3), counts)
            for unit, counts in ((steps, signals), (exact_steps, expected))
        ]
        np.testing.assert_allclose(of[0], of[1], rtol=0, atol=1e-11 * np.abs(of[1]).max())


def test_few_masses_are_not_interpolated(lines) -> None:
    assert between_masses(*lines, np.geomspace(1.0, 10.0, 60)) is None


@pytest.mark.parametrize(("width", "smooth"), [(2.0, True), (1e-3, False)])
def test_what_is_not_smooth_is_not_interpolated(width: float, smooth: bool) -> None:
    """Counts with a peak between the nodes: the check at some masses says so."""

    def exact(masses, steps):
        counts = 1 + 1 / (1 + (np.log(masses / 10) / width) ** 2)
        return [np.tile(counts[:, None, None], (1, 3, 2))]

    found = between_masses(lambda masses: np.ones((masses.size, 1)), exact, np.geomspace(1.0, 100.0, 401))
    assert (found is not None) == smooth


@pytest.mark.parametrize(("jump", "small"), [(1.5, True), (100.0, False)])
def test_steps_that_jump_are_not_interpolated(jump: float, small: bool) -> None:
    """Any unit would do, but not one in which counts lose their digits."""

    def steps(masses):
        return np.where(np.abs(masses - 10.0) < 0.1, jump, 1.0)[:, None]

    def exact(masses, steps):
        return [np.ones((masses.size, 3, 2))]

    found = between_masses(steps, exact, np.geomspace(1.0, 100.0, 401))
    assert (found is not None) == small

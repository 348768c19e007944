"""Contours: levels against SciPy, and curves of functions whose contours are known."""

import itertools

import contourpy
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays
from scipy.stats import chi2

from cevnsjax.errors import InputError
from cevnsjax.inference.contours import STRIP, contour_curves, excluded_regions, plane_threshold

LINEAR = (False, False)


@given(
    heights=arrays(float, st.tuples(st.integers(2, 6), st.integers(2, 6)), elements=st.floats(0.1, 10)),
    low=st.integers(0, 4),
    high=st.integers(0, 4),
)
def test_lines_without_a_curve_are_left_out(heights: np.ndarray, low: int, high: int) -> None:
    """Lines within the level or beyond it, at the edges of the plane, change no curve."""
    wide = np.pad(heights, [(low, high), (high, low)], constant_values=[(0.5, 5.0), (5.0, 0.5)])
    y, x = (np.arange(n, dtype=float) for n in wide.shape)
    whole = contourpy.contour_generator(x, y, wide / 2, z_interp=contourpy.ZInterp.Log).lines(1.0)
    found = contour_curves(x, y, wide, 2.0, LINEAR)
    assert len(found) == len(whole)
    for one, other in zip(found, whole, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12)


@given(seed=st.integers(0, 10**6), columns=st.integers(2 * STRIP, 3 * STRIP + 1))
def test_pieces_of_a_wide_plane_are_joined(seed: int, columns: int) -> None:
    """Hills and wells, open and closed curves over several strips: as many as those of the whole plane, and the same.

    Only where a closed one begins may differ.
    """
    rng = np.random.default_rng(seed)
    x, y = np.linspace(0.0, 3.0, columns), np.linspace(0.0, 1.0, 50)
    waves = [np.sin(a * x + b * y[:, None] + c) for a, b, c in rng.normal(size=(6, 3)) * [4.0, 4.0, 2.0]]
    heights = np.exp(sum(waves))
    whole = contourpy.contour_generator(x, y, heights, z_interp=contourpy.ZInterp.Log).lines(1.0)
    found = contour_curves(x, y, heights, 1.0, LINEAR)
    assert len(found) == len(whole)
    for one in found:
        near = [np.abs(other - one[0]).sum(axis=1).min() for other in map(np.asarray, whole)]
        other = np.asarray(whole[int(np.argmin(near))])
        assert len(one) == len(other)
        if (one[0] == one[-1]).all():
            begin = int(np.abs(other - one[0]).sum(axis=1).argmin())
            other = np.roll(other[:-1], -begin, axis=0)
            other = np.concatenate([other, other[:1]])
        np.testing.assert_allclose(one, other, atol=1e-12)


@given(cl=st.floats(1e-6, 1 - 1e-9), dof=st.sampled_from([1, 2]))
def test_levels_against_scipy(cl: float, dof: int) -> None:
    assert plane_threshold(cl, dof) == pytest.approx(chi2.ppf(cl, dof), rel=1e-9)


@pytest.mark.parametrize("dof", [0, 3, -1])
def test_other_numbers_of_degrees_of_freedom(dof: int) -> None:
    with pytest.raises(InputError, match=f"{dof} degrees of freedom"):
        plane_threshold(0.9, dof)


@pytest.mark.parametrize("cl", [0.0, 1.0, 90.0, float("nan")])
def test_impossible_levels(cl: float) -> None:
    with pytest.raises(InputError, match="confidence level"):
        plane_threshold(cl, 2)


@given(
    x0=st.floats(-0.5, 0.5),
    y0=st.floats(-0.5, 0.5),
    a=st.floats(0.4, 1.2),
    b=st.floats(0.4, 1.2),
    level=st.floats(1, 9),
)
def test_an_ellipse(x0: float, y0: float, a: float, b: float, level: float) -> None:
    """A parabola's logarithm is no straight line: the contour is off by what goes with the square of the step."""
    errors = []
    for points in (101, 201):
        x, y = np.linspace(-2.0, 2.0, points), np.linspace(-2.5, 2.5, points)
        delta = level * (((x - x0) / a) ** 2 + ((y[:, None] - y0) / b) ** 2)
        (curve,) = contour_curves(x, y, delta, level, LINEAR)
        np.testing.assert_array_equal(curve[0], curve[-1])
        u, v = (curve[:, 0] - x0) / a, (curve[:, 1] - y0) / b
        # Once around: the angles between neighbouring points make a full turn.
        turn = np.diff(np.unwrap(np.arctan2(v, u)))
        assert abs(turn.sum()) == pytest.approx(2 * np.pi, rel=1e-12)
        errors.append(np.abs(np.hypot(u, v) - 1).max())
    assert errors[0] < 4e-3
    assert errors[1] < 0.4 * errors[0]


@given(slope=st.floats(0.3, 3.0), power=st.floats(0.5, 2.0), order=st.sampled_from([2, 4, 8]))
def test_a_power_law_is_exact(slope: float, power: float, order: int) -> None:
    """Far from the minimum Delta chi^2 goes with a power of the coupling: g = slope M^power, without an error."""
    mass, coupling = np.geomspace(0.1, 10.0, 40), np.geomspace(1e-4, 1e4, 61)
    delta = 2.7 * (coupling[:, None] / (slope * mass**power)) ** order
    (curve,) = contour_curves(mass, coupling, delta, 2.7, (True, True))
    np.testing.assert_allclose(curve[:, 1], slope * curve[:, 0] ** power, rtol=1e-11)
    np.testing.assert_allclose(sorted(curve[[0, -1], 0]), [0.1, 10.0], rtol=1e-13)


def test_one_logarithmic_axis() -> None:
    """Where log(Delta chi^2) goes with log(x) and with y, so does the contour; and with the axes exchanged."""
    x, y = np.geomspace(1e-3, 1e3, 40), np.linspace(-8.0, 8.0, 41)
    delta = 4.6 * np.exp(0.5 * (y[:, None] - np.log(x)))
    (curve,) = contour_curves(x, y, delta, 4.6, (True, False))
    np.testing.assert_allclose(curve[:, 1], np.log(curve[:, 0]), atol=1e-12)
    assert np.ptp(curve[:, 1]) == pytest.approx(2 * np.log(1e3), rel=1e-12)
    (curve,) = contour_curves(y, x, delta.T, 4.6, (False, True))
    np.testing.assert_allclose(curve[:, 0], np.log(curve[:, 1]), atol=1e-12)


@pytest.mark.parametrize("height", [0.0, -1e-14, 2.0, 5.0])
def test_no_curve_where_nothing_crosses(height: float) -> None:
    x = np.linspace(0.0, 1.0, 5)
    assert contour_curves(x, x, np.full((5, 5), height), 2.7, LINEAR) == []


def test_closed_and_open_curves() -> None:
    """Two wells of radius 1: one inside, one with its centre on the left edge, which cuts it in half."""
    x, y = np.linspace(-4.0, 4.0, 161), np.linspace(-2.0, 2.0, 81)
    wells = [(x - centre) ** 2 + y[:, None] ** 2 for centre in (-4.0, 1.0)]
    curves = contour_curves(x, y, 3.0 * np.minimum(*wells), 3.0, LINEAR)
    is_closed = [bool((curve[0] == curve[-1]).all()) for curve in curves]
    assert sorted(is_closed) == [False, True]
    half, whole = (curves[is_closed.index(kind)] for kind in (False, True))
    np.testing.assert_allclose(half[[0, -1], 0], -4.0, atol=1e-12)
    np.testing.assert_allclose(sorted(half[[0, -1], 1]), [-1.0, 1.0], atol=5e-4)
    for curve, centre in ((half, -4.0), (whole, 1.0)):
        np.testing.assert_allclose(np.hypot(curve[:, 0] - centre, curve[:, 1]), 1.0, atol=5e-4)


def test_curves_between_the_two_points_of_the_shortest_axes() -> None:
    (curve,) = contour_curves(
        np.array([1.0, 100.0]), np.array([1.0, 2.0]), np.array([[0.5, 8.0]] * 2), 2.0, (True, True)
    )
    # Halfway in the logarithm between a quarter of the level and four times it.
    np.testing.assert_allclose(curve[np.argsort(curve[:, 1])], [[10.0, 1.0], [10.0, 2.0]], rtol=1e-13)


def test_what_is_excluded_around_a_disc() -> None:
    """The square without the disc: its area is the one that remains."""
    x = np.linspace(-1.0, 1.0, 201)
    distance = np.hypot(x[None, :], x[:, None])
    ((points, codes),) = excluded_regions(x, x, distance**2, 0.25, LINEAR)
    starts = np.append(np.flatnonzero(codes == 1), codes.size)
    areas = []
    for first, last in itertools.pairwise(starts):
        u, v = points[first:last].T
        areas.append(abs(np.sum(u * np.roll(v, -1) - v * np.roll(u, -1))) / 2)
    assert sorted(areas) == pytest.approx([np.pi / 4, 4.0], abs=1e-3)


def test_nothing_excluded() -> None:
    x = np.linspace(1.0, 2.0, 5)
    assert excluded_regions(x, x, np.ones((5, 5)), 2.0, (True, False)) == []

"""Intervals: every disjoint piece, open ends, pieces narrower than the grid."""

import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cevnsjax.errors import InputError
from cevnsjax.parameters import Parameter
from cevnsjax.statistics.curve import FunctionCurve
from cevnsjax.statistics.intervals import allowed_intervals, search_grid, threshold

GRID = np.linspace(-10.0, 10.0, 41)


def intervals(function, grid, level):
    curve = FunctionCurve(function)
    return allowed_intervals(curve, curve.along(grid), level)


def two_wells(x):
    return (x**2 - 4.0) ** 2


def narrow_well(x):
    """A well of width 0.02 at 3.3, between two grid points, on a plateau."""
    return 10.0 * (1 - jnp.exp(-(((x - 3.3) / 0.3) ** 2)))


def parabola(x):
    return x**2


def test_both_wells_are_found() -> None:
    pieces = intervals(two_wells, GRID, 1.0)
    ends = np.array(pieces)
    assert ends == pytest.approx(np.array([[-np.sqrt(5), -np.sqrt(3)], [np.sqrt(3), np.sqrt(5)]]), rel=1e-7)


def test_a_piece_narrower_than_the_grid_is_found() -> None:
    (piece,) = intervals(narrow_well, np.linspace(-10.0, 10.0, 21), 1e-2)
    half = 0.3 * np.sqrt(-np.log(1 - 1e-3))
    assert piece == pytest.approx((3.3 - half, 3.3 + half), rel=1e-6)


def test_a_forbidden_gap_narrower_than_the_grid_is_found() -> None:
    pieces = intervals(lambda x: 10.0 - narrow_well(x), np.linspace(-10.0, 10.0, 21), 9.99)
    assert [end is None for piece in pieces for end in piece] == [True, False, False, True]


def test_open_ends_and_nothing() -> None:
    assert intervals(parabola, GRID, 1e3) == [(None, None)]
    assert intervals(lambda x: parabola(x) + 5.0, GRID, 1.0) == []
    ((low, high),) = intervals(lambda x: x, GRID, 0.3)
    assert low is None
    assert high == pytest.approx(0.3, abs=1e-7)


@settings(max_examples=25, deadline=None)
@given(centre=st.floats(-9.0, 9.0), width=st.floats(0.05, 5.0))
def test_parabolas(centre: float, width: float) -> None:
    (piece,) = intervals(lambda x: ((x - centre) / width) ** 2, GRID, 1.0)
    for end, exact in zip(piece, (centre - width, centre + width), strict=True):
        assert (end is None) == (abs(exact) >= 10.0)
        assert end is None or end == pytest.approx(exact, abs=1e-6)


def test_thresholds_of_one_parameter() -> None:
    """Tables of the chi-squared distribution with one degree of freedom."""
    assert threshold(0.90) == pytest.approx(2.70554, abs=1e-5)
    assert threshold(0.6826894921) == pytest.approx(1.0, abs=1e-8)
    for wrong in (0.0, 1.0, 90.0, float("nan")):
        with pytest.raises(InputError, match="confidence level"):
            threshold(wrong)


def test_search_grid_stays_in_bounds_and_holds_the_ends() -> None:
    bounded = search_grid(Parameter("a", 0.5, 0.1, (0.0, 1.0)), 0.3, 0.1)
    assert (bounded[0], bounded[-1]) == (0.0, 1.0)
    half = search_grid(Parameter("a", 1.0, 0.1, (0.0, np.inf)), 0.3, 0.1)
    assert half[0] == 0.0
    assert 0.3 in half
    assert (np.diff(half) > 0).all()

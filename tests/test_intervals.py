"""Intervals: every disjoint piece, open ends, pieces narrower than the grid."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cevnsjax.errors import InputError
from cevnsjax.inference.intervals import allowed_intervals, lowest, threshold
from cevnsjax.inference.profile import Curve
from cevnsjax.inference.starts import search_grid
from cevnsjax.parameters import Parameter

GRID = np.linspace(-10.0, 10.0, 41)


class FunctionCurve(Curve):
    """A curve that is a function of the parameter alone; it counts the values it was asked for."""

    def __init__(self, function):
        self.function, self.calls = function, 0

    def at(self, x, near=False, far=np.inf):
        self.calls += np.size(x)
        return self.function(np.asarray(x))


def intervals(function, grid, level):
    return allowed_intervals(FunctionCurve(function), grid, level)


def two_wells(x):
    return (x**2 - 4.0) ** 2


def narrow_well(x):
    """A well of width 0.02 at 3.3, between two grid points, on a plateau."""
    return 10.0 * (1 - np.exp(-(((x - 3.3) / 0.3) ** 2)))


def test_both_wells_are_found() -> None:
    ends = np.array(intervals(two_wells, GRID, 1.0))
    assert ends == pytest.approx(np.array([[-np.sqrt(5), -np.sqrt(3)], [np.sqrt(3), np.sqrt(5)]]), rel=1e-7)


def test_a_piece_narrower_than_the_grid_is_found() -> None:
    (piece,) = intervals(narrow_well, np.linspace(-10.0, 10.0, 21), 1e-2)
    half = 0.3 * np.sqrt(-np.log(1 - 1e-3))
    assert piece == pytest.approx((3.3 - half, 3.3 + half), rel=1e-6)


def test_a_forbidden_gap_narrower_than_the_grid_is_found() -> None:
    pieces = intervals(lambda x: 10.0 - narrow_well(x), np.linspace(-10.0, 10.0, 21), 9.99)
    assert [end is None for piece in pieces for end in piece] == [True, False, False, True]


def test_open_ends_and_nothing() -> None:
    assert intervals(np.square, GRID, 1e3) == [(None, None)]
    assert intervals(lambda x: x**2 + 5.0, GRID, 1.0) == []
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


def test_an_end_costs_few_values() -> None:
    """Each round cuts all brackets into sixteen parts: eight rounds to a ten thousandth of a millionth."""
    curve = FunctionCurve(two_wells)
    allowed_intervals(curve, GRID, 1.0)
    assert curve.calls < GRID.size + 4 * 17 * 10


def test_plateaus_without_a_value_are_not_allowed() -> None:
    """Where chi^2 overflows nothing is allowed, and a dip beside it is found."""
    with np.errstate(over="ignore"):
        ((low, high),) = intervals(lambda x: np.where(np.abs(x) > 6, np.inf, x**2), GRID, 1.0)
    assert (low, high) == pytest.approx((-1.0, 1.0), rel=1e-7)


def test_the_lowest_place() -> None:
    curve = FunctionCurve(lambda x: (x - 1.2345) ** 2)
    assert lowest(curve, -3.0, 5.0) == pytest.approx(1.2345, abs=1e-7)
    # With a level the first value past it is enough.
    assert abs(lowest(curve, -3.0, 5.0, level=0.1) - 1.2345) < 0.1**0.5


def test_thresholds_of_one_parameter() -> None:
    """Tables of the chi-squared distribution with one degree of freedom."""
    assert threshold(0.90) == pytest.approx(2.70554, abs=1e-5)
    assert threshold(0.6826894921) == pytest.approx(1.0, abs=1e-8)
    for wrong in (0.0, 1.0, 90.0, float("nan"), 0.9999999999999999):
        with pytest.raises(InputError, match="confidence level"):
            threshold(wrong)


def test_search_grid_stays_in_bounds_and_holds_the_ends() -> None:
    bounded = search_grid(Parameter("a", 0.5, 0.1, (0.0, 1.0)), 0.3, 0.1)
    assert (bounded[0], bounded[-1]) == (0.0, 1.0)
    half = search_grid(Parameter("a", 1.0, 0.1, (0.0, np.inf)), 0.3, 0.1)
    assert half[0] == 0.0
    assert 0.3 in half
    assert (np.diff(half) > 0).all()

"""The least value between two places: against SciPy, for kinks, ends and flat functions, and how often it asks."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize_scalar

from cevnsjax.inference.least import least_between

CLOSE = 1e-6


class Asked:
    """A function that counts how often it is asked, and for how many places."""

    def __init__(self, function):
        self.function, self.rounds, self.places = function, 0, 0

    def __call__(self, at):
        self.rounds += 1
        self.places += at.size
        return self.function(at)


@given(st.floats(-0.9, 0.9), st.floats(0.1, 5.0))
def test_smooth_functions_against_scipy(centre, width):
    asked = Asked(lambda x: np.log1p(((x - centre) / width) ** 2) + 3.0)
    found = least_between(asked, -1.0, 1.0, CLOSE)
    expected = minimize_scalar(asked.function, bounds=(-1.0, 1.0), method="bounded", options={"xatol": CLOSE / 10}).x
    assert abs(found - expected) < 3 * CLOSE
    assert asked.rounds <= 9


def test_two_rounds_where_the_function_is_nearly_a_parabola():
    asked = Asked(lambda x: np.cosh(x - 0.123))
    assert abs(least_between(asked, 0.0, 0.2, CLOSE) - 0.123) < CLOSE
    assert asked.rounds == 2


@given(st.floats(-0.9, 0.9))
def test_a_kink(place):
    found = least_between(lambda x: np.abs(x - place) + 0.2 * x, -1.0, 1.0, CLOSE)
    assert abs(found - place) <= 2 * CLOSE


@pytest.mark.parametrize(("slope", "end"), [(1.0, -1.0), (-1.0, 2.0)])
def test_an_end(slope, end):
    assert least_between(lambda x: np.exp(slope * x), -1.0, 2.0, CLOSE) == pytest.approx(end, abs=CLOSE)


def test_a_flat_function_ends_at_once():
    asked = Asked(lambda x: np.full(x.shape, 7.0))
    assert -1.0 <= least_between(asked, -1.0, 1.0, CLOSE) <= 1.0
    assert asked.rounds == 1


def test_a_function_that_is_flat_on_one_side():
    found = least_between(lambda x: np.maximum(x, 0.5) ** 2 + (x < 0.2), -1.0, 1.0, CLOSE)
    assert 0.2 <= found <= 0.5 + CLOSE

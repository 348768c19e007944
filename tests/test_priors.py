"""Priors against SciPy's densities, and the form in which they are written."""

import math

import numpy as np
import pytest
from scipy import stats

from cevnsjax.errors import InputError
from cevnsjax.parameters import G_BL, QUENCHING_K, SIN2_THETA_W, Parameter
from cevnsjax.sampling.priors import Prior, default_prior, parse_prior

FREE = Parameter("x", 0.0, 1.0)


@pytest.mark.parametrize(
    ("prior", "parameter", "density"),
    [
        (Prior("flat", (0.1, 0.7)), SIN2_THETA_W, stats.uniform(0.1, 0.6)),
        (Prior("log_uniform", (1e-8, 1e-3)), G_BL, stats.loguniform(1e-8, 1e-3)),
        (Prior("normal", (0.3, 2.0)), FREE, stats.norm(0.3, 2.0)),
        (Prior("normal", (0.162, 0.1)), QUENCHING_K, stats.truncnorm(-1.12, 2.38, 0.162, 0.1)),
        (Prior("half_normal", (2e-5,)), G_BL, stats.halfnorm(scale=2e-5)),
    ],
    ids=["flat", "log_uniform", "normal", "normal, cut at bounds", "half_normal"],
)
def test_densities(prior: Prior, parameter: Parameter, density) -> None:
    made = prior.distribution(parameter)
    points = density.ppf(np.linspace(0.01, 0.99, 9))
    np.testing.assert_allclose(made.log_prob(points), density.logpdf(points), rtol=1e-9)


def test_defaults_are_flat_within_bounds_or_wide() -> None:
    assert default_prior(SIN2_THETA_W, 0.05) == Prior("flat", (0.0, 1.0))
    assert default_prior(G_BL, 2e-5).numbers == pytest.approx((0.0, 6e-4))
    assert default_prior(FREE, 0.1).numbers == pytest.approx((-3.0, 3.0))


def test_as_written_and_read() -> None:
    for prior in (Prior("flat", (0.0, 1e-4)), Prior("half_normal", (0.5,)), Prior("normal", (-1.0, 2.5))):
        assert parse_prior(f"name={prior}") == ("name", prior)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("g_bl", "NAME=KIND:NUMBERS"),
        ("=flat:0:1", "NAME=KIND:NUMBERS"),
        ("g_bl=flt:0:1", "unknown prior 'flt'; did you mean 'flat'"),
        ("g_bl=flat:0", "flat:LOW:HIGH with LOW below HIGH"),
        ("g_bl=flat:1:0", "'flat:1:0' is not possible: give flat:LOW:HIGH with LOW below HIGH"),
        ("g_bl=flat:0:inf", "is not possible"),
        ("g_bl=log_uniform:0:1", "with 0 < LOW < HIGH"),
        ("g_bl=normal:0:-1", "a positive width"),
        ("g_bl=half_normal:1:2", "half_normal:WIDTH"),
        ("g_bl=flat:a:b", "has an entry that is no number"),
    ],
)
def test_mistakes(text: str, message: str) -> None:
    with pytest.raises(InputError, match=message):
        parse_prior(text)


def test_no_density_without_an_end() -> None:
    with pytest.raises(InputError, match="is not possible"):
        Prior("flat", (0.0, math.nan))

"""Figures without a fit behind them: what is shaded, and splines between calculated points."""

import dataclasses

import numpy as np
import pytest
import xarray as xr

from cevnsjax.figures import Panel, profiles_figure, value_label
from cevnsjax.figures.smooth import FINE, refined, smooth_profile
from cevnsjax.inference import Axis, ScanResult
from cevnsjax.parameters import CHARGE_RADII, G_BL, M_Z, MU_NU, SIN2_THETA_W, Parameter

X = Parameter("x", 0.0, 1.0, (-10.0, 10.0), latex="x")
Y = dataclasses.replace(X, name="y", latex="y")


def curve(low: float, high: float) -> xr.Dataset:
    x = np.linspace(low, high, 61)
    return xr.Dataset({"delta_chi2": ("x", x**2)}, {"x": x})


@pytest.mark.parametrize(
    ("ends", "allowed", "shaded"),
    [
        ((-3.0, 3.0), (-1.0, 2.0), [(-3.0, -1.0), (2.0, 3.0)]),
        ((0.0, 3.0), (0.0, 2.0), [(2.0, 3.0)]),
        ((-3.0, 3.0), (-4.0, 5.0), []),
    ],
    ids=["an interval", "an upper limit", "a limit beyond the axis"],
)
def test_a_published_limit_shades_what_it_excludes(ends, allowed, shaded) -> None:
    panel = Panel([("mine", curve(*ends))], X, allowed=(*allowed, "excluded"))
    (axes,) = profiles_figure([panel], 1, [(2.71, "level")]).axes
    found = [end for patch in axes.patches for end in (patch.get_x(), patch.get_x() + patch.get_width())]
    assert found == pytest.approx([end for side in shaded for end in side])
    labels = [text.get_text() for text in axes.get_legend().get_texts()]
    assert labels == [*["excluded"] * bool(shaded), "mine", "level"]
    assert axes.get_xlim() == ends


def test_a_measurement_is_a_band() -> None:
    panel = Panel([("mine", curve(-3.0, 3.0))], X, measured=(-1.0, 2.0, "published"))
    (axes,) = profiles_figure([panel], 1, [(1.0, "level")], looks=[("#CC79A7", ":")]).axes
    (band,) = axes.patches
    assert (band.get_x(), band.get_width()) == (-1.0, 3.0)
    assert (axes.get_lines()[0].get_color(), axes.get_lines()[0].get_linestyle()) == ("#CC79A7", ":")


def plane(x: Axis, y: Axis) -> ScanResult:
    """Delta chi^2 is the fourth power of the distance from (1, 1), on logarithmic axes in e-folds from there."""
    u, v = (np.log(a.values) if a.parameter.logarithmic else a.values - 1 for a in (x, y))
    delta = (u[None, :] ** 2 + v[:, None] ** 2) ** 2
    return ScanResult(x, y, delta, {x.parameter.name: 1.0, y.parameter.name: 1.0}, 0.0, [], 0.9, 2).at_level(0.9, 2)


@pytest.mark.parametrize("logarithmic", [False, True])
def test_splines_take_the_corners_of_a_contour(logarithmic: bool) -> None:
    x = Axis(X, np.linspace(-1.5, 3.5, 13))
    y = Axis(dataclasses.replace(Y, logarithmic=logarithmic), np.exp(x.values - 1) if logarithmic else x.values)
    errors = []
    for result in (plane(x, y), refined(plane(x, y))):
        (ring,) = result.contours
        # Between its points a contour is straight: corners are farther from the ring than the points themselves.
        middle = (ring[1:] + ring[:-1]) / 2
        v = np.log(middle[:, 1]) if logarithmic else middle[:, 1] - 1
        errors.append(np.abs(np.hypot(middle[:, 0] - 1, v) - (2 * np.log(10)) ** 0.25).max())
    assert errors[0] > 0.02
    assert errors[1] < 0.005


def test_a_plane_of_few_values_stays() -> None:
    x = Axis(X, np.linspace(-1.5, 3.5, 6))
    few = plane(x, Axis(Y, x.values))
    assert refined(few) is few
    more = plane(Axis(X, np.linspace(-1.5, 3.5, 9)), Axis(Y, np.linspace(-1.5, 3.5, 9)))
    more.delta_chi2[0, 0] = np.inf
    assert refined(more) is more


def test_a_profile_between_its_points() -> None:
    x = np.linspace(-2.0, 3.0, 21)
    fine = smooth_profile("x", x, (x**3 + x**2).tolist())
    assert fine.sizes["x"] == FINE
    np.testing.assert_allclose(fine["delta_chi2"], fine["x"] ** 3 + fine["x"] ** 2, atol=1e-10)


@pytest.mark.parametrize(
    ("parameter", "value", "text"),
    [
        (MU_NU["e"], 9.16e-11, r"$\mu_{\nu_e} = 9.16 \times 10^{-11}\,\mu_B$"),
        (CHARGE_RADII["ee"], -6e-32, r"$\langle r^2_{ee}\rangle = -6 \times 10^{-32}\,\mathrm{cm}^2$"),
        (M_Z, 10.0, r"$M_{Z'} = 10\,\mathrm{MeV}$"),
        (G_BL, 1e-5, "$g_{B-L} = 10^{-5}$"),
        (SIN2_THETA_W, 0.25, r"$\sin^2\theta_W = 0.25$"),
    ],
)
def test_values_in_legends(parameter: Parameter, value: float, text: str) -> None:
    assert value_label(parameter, value, 3) == text

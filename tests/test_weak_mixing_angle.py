"""Fig. 3 of the study of CONUS+: momentum transfers, points fitted here, and how the figure draws them."""

import math
from types import SimpleNamespace

import direct
import numpy as np
import pytest
import xarray as xr
from ingredients import bins, experiment, isotopes

import cevnsjax
from cevnsjax.constants import SIN2_THETA_W, SIN2_THETA_W_Z
from cevnsjax.figures import AnglePoint, weak_mixing_angle_figure
from cevnsjax.likelihood import Likelihood
from cevnsjax.reproduce import weak_mixing_angle
from cevnsjax.reproduce.assumptions import ONE_SIGMA
from cevnsjax.reproduce.one_sigma import around
from cevnsjax.reproduce.weak_mixing_angle import against_scale, momentum_transfer, point_of
from cevnsjax.reproduce.workspace import Workspace

THEORY = np.array([1.0, 1e5]), np.array([0.2386, 0.2315])


def at(scale: float, low: float | None = 0.23, high: float | None = 0.25, label: str = "point") -> AnglePoint:
    return AnglePoint(label, scale, 0.24, low, high)


def drawn(figure) -> dict[str, list[float]]:
    """Return the momentum transfers of the markers by their labels in the legend."""
    (axes,) = figure.axes
    return {bars.get_label(): bars.lines[0].get_xdata().tolist() for bars in axes.containers}


def arrows(figure) -> list[tuple[str, float]]:
    (axes,) = figure.axes
    lines = [line for line in axes.lines if line.get_marker() in ("v", "^") and line.get_label().startswith("_")]
    return [(line.get_marker(), float(line.get_ydata()[0])) for line in lines if not line.get_clip_on()]


def test_momentum_transfer_of_conus_plus_by_direct_quadrature(likelihood) -> None:
    """Rates by adaptive quadrature over the flux, and a trapezoidal sum over recoils, of the reference calculation."""
    ends = [direct.recoil_energy(ionisation, 0.162) for ionisation in direct.TRUE_RANGE_EV]
    recoils = np.geomspace(*ends, 200)  # keV
    rates = np.array([direct.cevns_rate(T, SIN2_THETA_W, "polynomial", 1.5e13, 1e-6) for T in recoils])
    mass = sum(i["abundance"] * i["M"] for i in isotopes())
    seen = np.zeros(recoils.size)
    for low, high in zip(*(edges.tolist() for edges in bins()[:2]), strict=True):
        shares = [direct.response(direct.lindhard(T, 0.162) * T * 1e3, low, high) for T in recoils]
        active = sum(one["mass_kg"] for one in experiment()["detectors"] if one["threshold"] <= low)
        seen += active * direct.exposure_days(low) * np.array(shares)
    events = seen * rates
    mean = np.trapezoid(events * np.sqrt(2 * mass * recoils * 1e-3), recoils) / np.trapezoid(events, recoils)
    assert momentum_transfer(likelihood) == pytest.approx(mean, rel=2e-3)


def test_momentum_transfer_of_two_experiments_is_that_of_all_events() -> None:
    names = "coherent_csi", "coherent_lar"
    scales, events = [], []
    for name in names:
        one = Likelihood(name)
        (own,) = one.experiments
        scales.append(momentum_transfer(one))
        events.append(float((np.asarray(one.expected({})) - own.background()).sum()))
    both = momentum_transfer(Likelihood(*names))
    assert both == pytest.approx(np.average(scales, weights=events), rel=1e-3)
    # Neutrinos up to half the mass of the muon: q < 2 E = 105.7 MeV; argon's lighter nuclei have less at one energy.
    assert all(20 < scale < 105.7 for scale in scales)


def test_momentum_transfer_needs_nuclei() -> None:
    with pytest.raises(ValueError, match="xenonnt_er: there are no recoils of nuclei"):
        momentum_transfer(Likelihood("xenonnt_er"))


@pytest.fixture(scope="module")
def made(tmp_path_factory) -> tuple[dict, xr.Dataset, list]:
    """Fig. 3 by its step, with two of the own points."""
    work = Workspace(tmp_path_factory.mktemp("fig3"), "conus_plus", "x")
    figures = []
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(weak_mixing_angle, "OWN", dict(list(weak_mixing_angle.OWN.items())[:2]))
        patch.setattr(work, "figure", lambda name, figure, likelihood: figures.append(figure))
        result = against_scale(work)
    with xr.open_dataset(work.folder / "fig3_weak_mixing_angle.nc", engine="h5netcdf") as curve:
        return result, curve.load(), figures


def test_own_points_are_the_fits(made, likelihood) -> None:
    points = {point["experiment"]: point for point in made[0]["angles"]}
    assert list(points) == ["CONUS+", "Dresden-II"]
    result = cevnsjax.fit(likelihood, ["sin2_theta_w"], cl=ONE_SIGMA)
    ((low, high),) = result.intervals["sin2_theta_w"]
    here = points["CONUS+"]
    assert [here["value"], here["low"], here["high"]] == pytest.approx([result.best_fit["sin2_theta_w"], low, high])
    # The paper finds the two experiments comparable; both hold the Standard Model within one sigma.
    other = points["Dresden-II"]
    assert other["high"] - other["low"] == pytest.approx(high - low, rel=0.2)
    assert all(point["low"] < SIN2_THETA_W < point["high"] for point in points.values())
    # The quenching that explains Dresden-II lifts smaller recoils above its threshold.
    assert other["scale_MeV"] < here["scale_MeV"]


def test_the_curve_is_saved_with_the_points(made) -> None:
    result, saved, _ = made
    assert saved.experiment.values[-2:].tolist() == ["CONUS+, this work", "Dresden-II, this work"]
    assert saved.scale_MeV.values[-2:].tolist() == [point["scale_MeV"] for point in result["angles"]]
    assert saved.momentum_transfer.attrs["units"] == "MeV"
    assert "normalised to the published value at q = 0" in saved.theory.attrs["long_name"]
    ends = saved.theory.interp(momentum_transfer=[1.0, 91188.0]).values
    assert ends == pytest.approx([SIN2_THETA_W, SIN2_THETA_W_Z], abs=5e-4)
    assert result["theory"]["at_z"] == pytest.approx(ends[1], abs=1e-5)


def test_the_figure_has_all_points(made) -> None:
    _, saved, (figure,) = made
    places = drawn(figure)
    assert len(places) == 7 + 2 + 1
    scale = float(saved.scale_MeV[-2])
    assert places["CONUS+, this work"] == [scale]
    # The published point has the same data, hence the same scale: it stands beside.
    assert places["CONUS+, arXiv:2501.12441"] == [pytest.approx(1.25 * scale)]
    assert figure.axes[0].lines[0].get_label() == "one loop, normalised at $q = 0$"
    assert not arrows(figure)


def test_points_that_would_cover_each_other_move_to_the_right() -> None:
    ours = [at(10.0, label="a"), at(11.0, label="b"), at(40.0, label="c"), at(100.0, label="d")]
    places = drawn(weak_mixing_angle_figure([at(41.0, label="quoted")], THEORY, ours))
    assert places["quoted"] == [41.0]
    assert [places[name][0] for name in "abcd"] == pytest.approx([10.0, 12.5, 41 * 1.25, 100.0])


def test_many_own_points() -> None:
    ours = [at(10.0, label=f"number {i}") for i in range(9)]
    places = drawn(weak_mixing_angle_figure([], THEORY, ours))
    assert sorted(x for (x,) in places.values()) == pytest.approx([10 * 1.25**i for i in range(9)])


@pytest.mark.parametrize(
    ("low", "high", "expected"),
    [
        (0.2, 0.3, []),
        (None, 0.3, [("v", 0.12)]),
        (0.2, None, [("^", 0.38)]),
        (0.05, 0.45, [("v", 0.12), ("^", 0.38)]),
    ],
)
def test_an_end_beyond_the_axes_has_an_arrow(low, high, expected) -> None:
    figure = weak_mixing_angle_figure([], THEORY, [at(10.0, low, high)])
    assert arrows(figure) == expected
    (bars,) = figure.axes[0].containers[0].lines[2]
    (ends,) = bars.get_segments()
    inside = max(low or 0.0, 0.12), min(high or 1.0, 0.38)
    assert ends[:, 1] == pytest.approx(inside)


def test_the_interval_is_the_one_around_the_best_fit(monkeypatch, likelihood) -> None:
    """A second minimum, with the sign of the weak charge turned, does not end the bar; an open end stays open."""
    result = SimpleNamespace(best_fit={"sin2_theta_w": 0.25}, intervals={"sin2_theta_w": [(-0.9, -0.8), (0.2, None)]})
    monkeypatch.setattr("cevnsjax.reproduce.one_sigma.fit", lambda *arguments, **options: result)
    point = point_of("label", likelihood)
    assert (point.low, point.high) == (0.2, None)
    row = weak_mixing_angle._row(point)
    assert float(row["error_up"]) == math.inf
    assert float(row["error_down"]) == pytest.approx(0.05)


def test_a_best_fit_outside_of_all_intervals_is_no_result() -> None:
    with pytest.raises(RuntimeError, match=r"contains the best fit 0\.5"):
        around(0.5, [(None, 0.4), (0.6, None)])
    assert around(0.5, [(None, 0.5), (0.6, None)]) == (None, 0.5)

"""Figures of fits, profiles and toys: what is drawn is what was calculated, and the level stands beside it."""

import json
import logging

import numpy as np
import pytest

import cevnsjax
from cevnsjax.cli import main, output
from cevnsjax.errors import InputError
from cevnsjax.figures import fit_figure, toys_figure
from cevnsjax.inference import Axis
from cevnsjax.results import write_figure


def texts(figure) -> str:
    """All legends' titles and entries."""
    legends = [*figure.legends, *(legend for part in figure.subfigs for legend in part.legends)]
    legends += [legend for axes in figure.axes if (legend := axes.get_legend()) is not None]
    return "\n".join(text.get_text() for one in legends for text in [one.get_title(), *one.get_texts()])


def line(axes, label: str) -> np.ndarray:
    (found,) = (one for one in axes.get_lines() if one.get_label() == label)
    return np.asarray(found.get_xydata())


def test_a_fit(conus_plus, tmp_path, caplog) -> None:
    likelihood = cevnsjax.Likelihood(conus_plus, systematics="detailed")
    result = cevnsjax.fit(likelihood)
    figure = fit_figure(result)
    spectrum, pulls = figure.axes
    (data,) = spectrum.containers
    np.testing.assert_allclose(data.lines[0].get_ydata(), conus_plus.observed)
    best = line(spectrum, "best fit")
    expected = np.asarray(likelihood.expected(result.best_fit))
    # Three points a bin: its two ends, and the step to the next one.
    np.testing.assert_allclose(best[0::3, 1], expected, rtol=1e-9)
    np.testing.assert_allclose(best[0::3, 0], conus_plus.cells.low())
    places = [label.get_text() for label in pulls.get_yticklabels()]
    drawn = dict(zip(places, pulls.containers[0].lines[0].get_xdata(), strict=True))
    assert drawn == pytest.approx({row["name"]: row["pull"] for row in result.nuisances if row["pull"] is not None})
    assert "90 % CL, 1 d.o.f." in texts(figure)
    low, high = result.intervals["sin2_theta_w"][0]
    assert f"[{low:.3g}, {high:.3g}]" in texts(figure)
    with caplog.at_level(logging.WARNING):
        write_figure(tmp_path / "fit.png", figure, ["a note"])
    assert not caplog.records  # no glyph is missing


def test_several_experiments_with_backgrounds_and_axes() -> None:
    """Sums over all axes but the first, with the source on, and the background of the fit."""
    likelihood = cevnsjax.Likelihood("conus_plus", "coherent_lar")
    result = cevnsjax.fit(likelihood, of=[])
    figure = fit_figure(result)
    panel = figure.axes[1]
    argon = likelihood.experiments[1]
    shape = [axis.size for axis in argon.cells.axes]
    assert len(shape) == 3
    for label, means in (("best fit", likelihood.expected_in), ("without signal", likelihood.background_in)):
        counts = np.asarray(means(result.best_fit)[1])[: argon.cells.size].reshape(shape).sum(axis=(1, 2))
        np.testing.assert_allclose(line(panel, label)[0::3, 1], counts, rtol=1e-9)
    assert "without signal" in texts(figure)


def test_a_result_without_a_likelihood_is_refused() -> None:
    with pytest.raises(InputError, match="holds no likelihood"):
        fit_figure(cevnsjax.FitResult({}, 1.0, {}, 0.9, True))


def test_toys_along_a_parameter(likelihood) -> None:
    result = cevnsjax.feldman_cousins(likelihood, ("sin2_theta_w", 0.1, 0.45, 8), toys=50, cl=0.68)
    figure = toys_figure(result, "data")
    (axes,) = figure.axes
    np.testing.assert_allclose(line(axes, "data")[:, 1], result.delta_chi2)
    np.testing.assert_allclose(line(axes, "critical value, by toys")[:, 1], result.critical)
    assert "Feldman-Cousins, 68 % CL, 1 parameter, 50 toys a point" in texts(figure)
    (low, high), *others = result.intervals
    assert not others
    below, above = axes.patches
    assert below.get_label() == "excluded"
    assert (below.get_x(), below.get_x() + below.get_width()) == pytest.approx((0.1, low))
    assert (above.get_x(), above.get_x() + above.get_width()) == pytest.approx((high, 0.45))


def test_toys_of_a_plane() -> None:
    """A disc of radius one half is allowed: the curve lies on it, and what is shaded around it."""
    x, y = (Axis(cevnsjax.model("nsi_vector").parameters[i], np.linspace(-1.0, 1.0, n)) for i, n in ((1, 81), (2, 61)))
    distance = np.hypot(x.values[None, :], y.values[:, None])
    result = cevnsjax.FeldmanCousins(
        (x, y), 8 * distance, np.full(distance.shape, 4.0), np.full(distance.shape, 0.1), [], [], 0.9, 20
    )
    figure = toys_figure(result, "data")
    assert "2 parameters, 20 toys a point" in texts(figure)
    (axes,) = figure.axes
    filled, edge = (np.concatenate([path.vertices for path in one.get_paths()]) for one in axes.collections[:2])
    np.testing.assert_allclose(np.hypot(*edge.T), 0.5, atol=0.01)
    assert np.hypot(*filled.T).min() == pytest.approx(0.5, abs=0.01)
    assert np.abs(filled).max() == pytest.approx(1.0)


@pytest.mark.parametrize(
    "arguments",
    [
        ("fit", "conus_plus"),
        ("profile", "conus_plus", "--over", "sin2_theta_w", "--points", "5"),
        ("profile", "conus_plus", "--model", "magnetic_moment", "--over", "mu_nu_mu", "--points", "5"),
        ("feldman-cousins", "conus_plus", "--x", "sin2_theta_w", "0.1", "0.45", "8", "--toys", "50"),
    ],
    ids=["fit", "profile", "a profile of nothing", "toys"],
)
def test_commands_draw(arguments, tmp_path, capsys, monkeypatch) -> None:
    monkeypatch.setattr(output, "DELAY", 1e6)  # no word of progress on a slow machine
    with pytest.raises(SystemExit) as left:
        main([*arguments, "--figure", str(tmp_path / "a.svg"), "--json"])
    assert not left.value.code
    record = json.loads(capsys.readouterr().out)["provenance"]
    assert record["command"].replace("_", "-") == arguments[0]
    assert record["date"] in (tmp_path / "a.svg").read_text()

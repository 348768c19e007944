"""Impacts and the parts of an error: a linear likelihood by matrices, iminuit, and refits to shifted data by hand."""

import dataclasses
import json
import pickle
from pathlib import Path

import jax
import numpy as np
import pytest
import xarray as xr
from examples import check_example
from iminuit import Minuit
from linear import SAMPLES, WIDTHS, linear, matrices
from one_bin import on_and_off
from scattering import quick
from scipy.optimize import minimize_scalar

import cevnsjax
from cevnsjax.cli import main
from cevnsjax.errors import InputError
from cevnsjax.experiments import load_experiment
from cevnsjax.figures import impacts_figure
from cevnsjax.figures.impacts import MOST_ROWS
from cevnsjax.inference import refits
from cevnsjax.inference.curvature import covariance_of
from cevnsjax.inference.refits import Refits, refitted
from cevnsjax.likelihood.kernel import opened
from cevnsjax.provenance import rerun
from cevnsjax.results import impacts_dataset, impacts_dict, write_figure, write_netcdf

NAMES = ["norm", "flat_rate", "exposure", "falling_rate"]


def rows_of(result):
    return {row["name"]: row for row in result.nuisances}


@pytest.fixture(scope="module")
def detailed():
    return cevnsjax.Likelihood("conus_plus", systematics="detailed")


@pytest.fixture(scope="module")
def conus(detailed):
    return cevnsjax.impacts(detailed, "sin2_theta_w")


@pytest.fixture(scope="module")
def straight():
    likelihood = cevnsjax.Likelihood(linear())
    return cevnsjax.impacts(likelihood, "norm"), *matrices(likelihood, NAMES)


def test_a_linear_likelihood(straight) -> None:
    """All follows from A, the slopes, and W, the constraints: C = (A^T A + W)^-1. Searches leave 1e-7."""
    result, a, data, w = straight
    covariance = np.linalg.inv(a.T @ a + w)
    error = np.sqrt(np.diag(covariance))
    best = covariance @ a.T @ data
    assert result.value == pytest.approx(1 + best[0], rel=1e-6)
    assert [result.error, result.error_up, result.error_down] == pytest.approx([error[0]] * 3, rel=1e-6)
    assert result.statistical == pytest.approx(np.sqrt((covariance @ a.T @ a @ covariance)[0, 0]), rel=1e-6)
    assert result.systematic == pytest.approx(np.sqrt((covariance @ w @ covariance)[0, 0]), rel=1e-6)
    assert result.closure == pytest.approx(1.0, rel=1e-6)
    assert result.bending == pytest.approx(0.0, abs=1e-6)
    assert result.statistical_held == pytest.approx((a[:, 0] @ a[:, 0]) ** -0.5, rel=1e-6)
    assert result.systematic_held == pytest.approx(np.sqrt(error[0] ** 2 - result.statistical_held**2), rel=1e-6)
    rows = rows_of(result)
    assert set(rows) == set(NAMES[1:])
    for i, name in enumerate(NAMES[1:], start=1):
        row = rows[name]
        assert row["value"] == pytest.approx(1 + best[i], rel=1e-6)
        assert [row["error"], row["error_up"], row["error_down"]] == pytest.approx([error[i]] * 3, rel=1e-6)
        impact = covariance[0, i] / error[i]
        assert [row["impact_up"], row["impact_down"]] == pytest.approx([impact, -impact], rel=1e-5)
        assert row["held"] == pytest.approx(abs(impact), rel=1e-6)
        without = np.linalg.inv(np.delete(np.delete(a.T @ a + w, i, 0), i, 1))[0, 0]
        assert row["held"] == pytest.approx(np.sqrt(error[0] ** 2 - without), rel=1e-6)
        if name in WIDTHS:
            before = covariance[0, i] / error[i] ** 2 * WIDTHS[name]
            assert [row["prefit_up"], row["prefit_down"]] == pytest.approx([before, -before], rel=1e-5)
            assert row["contribution"] == pytest.approx(covariance[0, i] / WIDTHS[name], rel=1e-5)
            assert row["pull"] == pytest.approx(best[i] / WIDTHS[name], rel=1e-5)
        else:
            assert row["pull"] is row["contribution"] is row["prefit_up"] is row["prefit_down"] is None
    sizes = [abs(row["impact_up"]) for row in result.nuisances]
    assert sizes == sorted(sizes, reverse=True)


def test_common_impacts_do_not_add_up(straight) -> None:
    """Nuisances that the data correlate: squares of impacts and of the held split miss the error, the parts do not."""
    result = straight[0]
    impacts = np.array([row["impact_up"] for row in result.nuisances])
    assert abs(np.hypot(result.statistical_held, np.linalg.norm(impacts)) / result.error - 1) > 0.05


class Minimiser:
    """chi^2 of CONUS+ with all variables given, so that nothing is minimised but by iminuit."""

    def __init__(self, likelihood):
        self.likelihood = likelihood
        self.names = ("sin2_theta_w", *likelihood.searched)
        self.chi2 = jax.jit(lambda x: likelihood.chi2(dict(zip(self.names, x, strict=True))))
        self.gradient = jax.jit(jax.grad(lambda x: likelihood.chi2(dict(zip(self.names, x, strict=True)))))

    def fit(self, start, held=None, shifted=None):
        """Return iminuit after a fit; a nuisance may be held, or the centre of its constraint be moved by a width."""
        nuisances = {n.name: n for n in self.likelihood.nuisances}
        move = np.zeros(len(self.names))
        extra = 0.0
        if shifted is not None:  # (x - c - s)^2 / s^2 less (x - c)^2 / s^2
            name, sign = shifted
            n = nuisances[name]
            move[self.names.index(name)] = -2 * sign / n.sigma
            extra = 1 + 2 * sign * n.centre / n.sigma
        minuit = Minuit(
            lambda x: float(self.chi2(x)) + float(move @ x) + extra,
            np.array(start),
            grad=lambda x: np.asarray(self.gradient(x)) + move,
            name=self.names,
        )
        minuit.errordef, minuit.tol = Minuit.LEAST_SQUARES, 1e-5
        for name in self.names:
            minuit.errors[name] = self.likelihood.parameters[name].scale / 10
        if held is not None:
            minuit.values[held[0]], minuit.fixed[held[0]] = held[1], True
        minuit.migrad()
        assert minuit.valid
        return minuit


def test_against_iminuit(detailed, conus) -> None:
    """Errors by MINOS, and the parameter after fits with a nuisance held, or a constraint's centre moved."""
    minimiser = Minimiser(detailed)
    best = minimiser.fit([detailed.parameters[name].default for name in minimiser.names])
    best.minos("sin2_theta_w", "energy_shift", "quenching_k")
    start = list(best.values)
    tolerance = 1e-3 * conus.error
    assert conus.value == pytest.approx(best.values["sin2_theta_w"], abs=tolerance)
    ends = best.merrors
    assert [conus.error_up, conus.error_down] == pytest.approx(
        [ends["sin2_theta_w"].upper, -ends["sin2_theta_w"].lower], rel=2e-3
    )
    rows = rows_of(conus)
    for name in ("energy_shift", "quenching_k"):
        row = rows[name]
        assert [row["error_up"], row["error_down"]] == pytest.approx([ends[name].upper, -ends[name].lower], rel=2e-3)
        for sign, side in ((1, "up"), (-1, "down")):
            held = minimiser.fit(start, held=(name, row["value"] + sign * row[f"error_{side}"]))
            assert row[f"impact_{side}"] == pytest.approx(held.values["sin2_theta_w"] - conus.value, abs=tolerance)
            before = minimiser.fit(start, held=(name, row["value"] + sign * row["width"]))
            assert row[f"prefit_{side}"] == pytest.approx(before.values["sin2_theta_w"] - conus.value, abs=tolerance)
        moved = [minimiser.fit(start, shifted=(name, sign)).values["sin2_theta_w"] for sign in (1, -1)]
        assert row["contribution"] == pytest.approx((moved[0] - moved[1]) / 2, abs=tolerance)


def test_statistical_by_shifting_each_observation(detailed, conus) -> None:
    """The sum over cells of the squared response to each cell's own error; the best fit is not quite linear in them."""
    (experiment,) = detailed.experiments
    view = detailed.view({}, ["sin2_theta_w"])
    start, held = view.start({})
    moves = experiment.sigma * np.eye(experiment.observed.size)
    sets = experiment.observed + np.concatenate([moves, -moves])[:, None] / 2
    starts, masks = (np.tile(one, (len(sets), 1)) for one in (start, held))
    fits = Refits(opened(view.kernel), (sets,), np.arange(len(sets)), np.zeros_like(starts), starts, masks)
    found = refitted(fits).place[:, view.layout.place("sin2_theta_w")]
    up, down = np.split(view.layout.value("sin2_theta_w", found), 2)
    square = np.sum((up - down) ** 2)
    assert conus.statistical == pytest.approx(square**0.5, rel=0.02)
    assert conus.closure == pytest.approx(1.0, abs=0.01)


@pytest.mark.parametrize("parameter", ["sin2_theta_w", "norm"])
def test_what_second_derivatives_of_counts_change(detailed, parameter: str) -> None:
    """Chi-squared is twice as curved as J^T V^-1 J + W, but for the residuals times second derivatives of counts."""
    result = cevnsjax.impacts(detailed, parameter)
    (experiment,) = detailed.experiments
    nuisances = {n.name: n for n in detailed.nuisances}
    values = {parameter: result.value} | {row["name"]: row["value"] for row in result.nuisances}
    names, width = list(values), np.array([nuisances[n].sigma if n in nuisances else 1.0 for n in values])
    width[0] = result.error
    best = np.array(list(values.values()))

    def at(x):
        return {name: best[i] + width[i] * x[i] for i, name in enumerate(names)}

    zero = np.zeros(len(names))
    curvature = quick(jax.hessian(lambda x: detailed.chi2(at(x))))
    half = np.asarray(curvature(zero)) / 2
    jacobian = quick(jax.jacfwd(lambda x: detailed.expected_in(at(x))[0]))
    slopes = np.asarray(jacobian(zero)) / experiment.sigma[:, None]
    constraint = np.diag([float(name in nuisances and name != parameter) for name in names])
    row = np.linalg.inv(half)[0]
    assert result.bending == pytest.approx(1 - row @ (slopes.T @ slopes + constraint) @ row / row[0], abs=1e-5)
    assert abs(result.bending) > 1e-3


@pytest.mark.parametrize("systematics", sorted({"detailed", "literature"} & set(load_experiment("conus_plus").sets)))
def test_the_energy_scale_drives_conus_plus(systematics: str) -> None:
    """As the collaboration says: 14.1 % of the signal, against 7.3 % of the quenching and 4.6 % of the flux.

    In units of the signal, which the mixing angle makes larger where a shift makes it smaller.
    """
    likelihood = cevnsjax.Likelihood("conus_plus", systematics=systematics)
    result = cevnsjax.impacts(likelihood, "sin2_theta_w")
    first = result.nuisances[0]
    assert first["name"] == "energy_shift"
    angles = (result.value + move for move in (0.0, first["impact_up"], first["impact_down"]))
    signal, up, down = (float(likelihood.expected(result.best_fit | {"sin2_theta_w": x}).sum()) for x in angles)
    assert abs(up - down) / (2 * signal) == pytest.approx(0.141, abs=0.005)
    assert result.closure == pytest.approx(1.0, abs=0.01)


def test_counts(tmp_path: Path) -> None:
    """On and off counts of one bin: s = (on - 4 off) / S, with a free background, whose share is statistical."""
    likelihood = on_and_off(tmp_path, on=1300, off=250)
    signal = float(likelihood.expected({"flat_rate": 0.0})[0])
    result = cevnsjax.impacts(likelihood, "norm")
    assert result.value == pytest.approx((1300 - 4 * 250) / signal, rel=1e-5)
    assert result.statistical == pytest.approx((1300 + 16 * 250) ** 0.5 / signal, rel=1e-4)
    assert result.systematic == 0.0
    assert result.closure == pytest.approx(1.0, abs=0.01)
    assert result.statistical_held == pytest.approx(1300**0.5 / signal, rel=0.01)
    (row,) = result.nuisances
    assert row["impact_up"] < 0 < row["impact_down"]
    assert row["contribution"] is None


def test_a_closed_normalisation_has_a_row(likelihood) -> None:
    """`norm` of CONUS+ is minimised in closed form elsewhere; the data do not determine it beside the mixing angle."""
    result = cevnsjax.impacts(likelihood, "sin2_theta_w")
    (row,) = result.nuisances
    assert row["name"] == "norm"
    assert row["error"] == pytest.approx(0.2, rel=1e-3)
    chi2 = jax.jit(lambda angle, norm: likelihood.chi2({"sin2_theta_w": angle, "norm": norm}))
    for side, sign in (("up", 1), ("down", -1)):
        norm = row["value"] + sign * row[f"error_{side}"]
        held = minimize_scalar(
            lambda x, norm=norm: float(chi2(x, norm)), bounds=(0.1, 0.5), method="bounded", options={"xatol": 1e-8}
        )
        assert row[f"impact_{side}"] == pytest.approx(held.x - result.value, abs=1e-6)


def test_a_parameter_with_a_constraint() -> None:
    """The constraint's own part is that of its centre; where the strength is free, too, all follows from matrices."""
    likelihood = cevnsjax.Likelihood(linear())
    result = cevnsjax.impacts(likelihood, "exposure", free=["norm"])
    a, _, w = matrices(likelihood, NAMES)
    covariance = np.linalg.inv(a.T @ a + w)
    assert result.error == pytest.approx(covariance[2, 2] ** 0.5, rel=1e-6)
    assert result.own_constraint == pytest.approx(covariance[2, 2] / WIDTHS["exposure"], rel=1e-5)
    assert result.statistical == pytest.approx((covariance @ a.T @ a @ covariance)[2, 2] ** 0.5, rel=1e-5)
    assert result.closure == pytest.approx(1.0, rel=1e-6)


def test_a_bound_that_is_near(tmp_path: Path) -> None:
    """The lower end lies below zero: there is none, and a nuisance is at its bound no farther than that."""
    likelihood = on_and_off(tmp_path, on=1010, off=250)
    result = cevnsjax.impacts(likelihood, "norm")
    assert result.error_down is None
    assert result.error_up == pytest.approx(result.error, rel=0.1)
    assert any("not linear" in message for message in result.messages)


def test_blocks_do_not_depend_on_each_other(detailed, conus) -> None:
    """In any order and any process: the work travels as bytes, as a cluster sends it."""
    sizes = []

    def backwards(work, blocks):
        sizes.append(len(blocks))
        work = pickle.loads(pickle.dumps(work))
        return [(i, work(blocks[i])) for i in reversed(range(len(blocks)))]

    assert cevnsjax.impacts(detailed, "sin2_theta_w", spread=backwards) == conus
    assert sum(sizes) < 10


def test_one_program_for_all_fits(detailed, conus) -> None:
    """Other nuisances held: no fit compiles anything."""
    before = refits._minimise.made
    again = cevnsjax.impacts(detailed, "sin2_theta_w", values={"quenching_k": 0.165, "flux": 1.02})
    assert refits._minimise.made == before
    assert {"quenching_k", "flux"}.isdisjoint(rows_of(again))
    assert again.error < conus.error


def test_the_figure(detailed, conus) -> None:
    dataset = impacts_dataset(conus, detailed)
    assert list(dataset["nuisance"].values) == [row["name"] for row in conus.nuisances]
    bars, pulls = impacts_figure(dataset, detailed.parameters["sin2_theta_w"]).axes
    widths = [patch.get_width() for patch in bars.containers[0]]
    assert widths == pytest.approx([row["impact_up"] for row in conus.nuisances])
    assert [text.get_text() for text in bars.get_yticklabels()] == [row["name"] for row in conus.nuisances]
    # Zero stands above zero, and the band of one standard deviation is where it is on the axis of pulls.
    for axes in (bars, pulls):
        assert sum(axes.get_xlim()) == pytest.approx(0.0, abs=1e-12)
    band = bars.patches[-1].get_extents().x1
    assert band == pytest.approx(pulls.transData.transform((1.0, 0.0))[0])
    many = xr.concat([dataset] * 6, dim="nuisance")
    bars, pulls = impacts_figure(many, detailed.parameters["sin2_theta_w"]).axes
    assert len(bars.get_yticks()) == MOST_ROWS
    assert pulls.get_xlabel().endswith("; 6 smaller ones not shown")


def test_by_command(tmp_path: Path, capsys, conus) -> None:
    out, figure = tmp_path / "impacts.nc", tmp_path / "impacts.pdf"
    command = ["impacts", "conus_plus", "--systematics", "detailed", "--over", "sin2_theta_w"]
    with pytest.raises(SystemExit) as left:
        main([*command, "--out", str(out), "--figure", str(figure), "--json"])
    assert left.value.code == 0
    content = json.loads(capsys.readouterr().out)
    assert content.items() >= json.loads(json.dumps(impacts_dict(conus))).items()
    assert figure.read_bytes().startswith(b"%PDF")
    with xr.open_dataset(out, engine="h5netcdf") as data:
        assert json.loads(data.attrs["provenance"]) == content["provenance"]
        assert rerun(json.loads(data.attrs["provenance"])) == conus
        np.testing.assert_array_equal(data["impact_up"], [row["impact_up"] for row in conus.nuisances])
        assert data.attrs["closure"] == conus.closure
    with pytest.raises(SystemExit):
        main(command)
    lines = capsys.readouterr().out.splitlines()
    page = (Path(__file__).parent.parent / "docs" / "impacts.md").read_text(encoding="utf-8")
    shown = page.split("```")[1].strip().splitlines()
    assert shown[:-1] == lines[: len(shown) - 1]
    assert shown[-1] == "..."
    assert [line.split()[0] for line in lines[4:]] == [row["name"] for row in conus.nuisances]


def test_without_nuisances(tmp_path: Path, detailed, conus) -> None:
    """As with a normalisation that nothing else disturbs: an empty table is a table."""
    dataset = impacts_dataset(dataclasses.replace(conus, nuisances=[]), detailed)
    write_netcdf(tmp_path / "impacts.nc", dataset)
    with xr.open_dataset(tmp_path / "impacts.nc", engine="h5netcdf") as data:
        assert data.sizes["nuisance"] == 0
        write_figure(tmp_path / "impacts.png", impacts_figure(data, detailed.parameters["sin2_theta_w"]))


MISTAKES = {
    "unknown parameter 'sin2'": ("sm", {"over": "sin2"}),
    "unknown parameter 'k'": ("sm", {"over": "sin2_theta_w", "free": ["k"]}),
    "'norm' is both free and set to 1": ("sm", {"over": "norm", "values": {"norm": 1.0}}),
    "its bound, 0; impacts need one within": ("magnetic_moment", {"over": "mu_nu_e"}),
    "counts are no polynomial in it; set it": ("vector_bl", {"over": "m_z"}),
}


@pytest.mark.parametrize("message", MISTAKES)
def test_mistakes(message: str) -> None:
    model, request = MISTAKES[message]
    with pytest.raises(InputError, match=message):
        cevnsjax.impacts(cevnsjax.Likelihood("conus_plus", model=model), **request)


def test_what_the_data_do_not_determine() -> None:
    """A factor on a background of zero: it has no error, and the parameter of interest does not mind."""
    nothing = [SAMPLES[0], SAMPLES[1] | {"height_per_keV_kg_d": 0.0}]
    likelihood = cevnsjax.Likelihood(linear(sample=nothing))
    with pytest.raises(InputError, match="these data do not determine falling_rate beside all else that is free"):
        cevnsjax.impacts(likelihood, "falling_rate", free=["norm"])
    result = cevnsjax.impacts(likelihood, "norm")
    row = rows_of(result)["falling_rate"]
    assert row["error"] is row["error_up"] is row["error_down"] is None
    assert (row["impact_up"], row["impact_down"], row["held"]) == pytest.approx((0.0, 0.0, 0.0), abs=1e-6)
    a, _, w = matrices(likelihood, NAMES[:3])
    assert result.error == pytest.approx(np.linalg.inv(a.T @ a + w)[0, 0] ** 0.5, rel=1e-6)
    assert result.closure == pytest.approx(1.0, rel=1e-6)
    h = np.array([[4.0, 1.0, 1.0, 0.0], [1.0, 2.0, 2.0, 0.0], [1.0, 2.0, 2.0, 0.0], [0.0, 0.0, 0.0, 3.0]])
    covariance = covariance_of(h, np.array([True, True, True, False]))
    assert covariance[0, 0] == pytest.approx(2 * np.linalg.inv(h[:2, :2])[0, 0])
    assert np.isinf(covariance[[1, 2], [1, 2]]).all()
    assert not covariance[3].any()


def test_an_integrated_normalisation(conus_plus) -> None:
    with pytest.raises(InputError, match="make the likelihood with pull='profiled'"):
        cevnsjax.impacts(cevnsjax.Likelihood(conus_plus, pull="marginalised"), "sin2_theta_w")


def test_the_examples_of_docstrings() -> None:
    check_example("cevnsjax.figures.impacts.impacts_figure")
    check_example("cevnsjax.inference.impacts.impacts")

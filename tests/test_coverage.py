"""Coverage by toys against exact sums of Poisson probabilities, and fits of toys against iminuit."""

import json
from operator import itemgetter

import jax
import jax.numpy as jnp
import numpy as np
import pytest
import xarray as xr
from examples import check_example
from iminuit import Minuit
from one_bin import with_known_background
from scipy import stats

import cevnsjax
from cevnsjax.cli import main
from cevnsjax.errors import InputError
from cevnsjax.likelihood.objective import chi2
from cevnsjax.provenance import rerun
from cevnsjax.toys.draw import drawn


@pytest.mark.parametrize(("signal", "background"), [(4.0, 3.0), (1.0, 0.5), (9.0, 0.2)])
def test_counts_in_one_bin_against_exact_sums(tmp_path, signal, background) -> None:
    """Share of counts n, by their Poisson probability, whose -2 log likelihood ratio at the truth is small enough."""
    likelihood = with_known_background(tmp_path, 3, background)
    unit = float(np.asarray(likelihood.expected({}))[0]) - background
    toys = 20_000
    result = cevnsjax.coverage(likelihood, "norm", {"norm": signal / unit}, toys=toys, seed=1)
    n = np.arange(200)
    best = np.maximum(n - background, 0.0) + background
    ratio = -2 * (stats.poisson.logpmf(n, signal + background) - stats.poisson.logpmf(n, best))
    probability = stats.poisson.pmf(n, signal + background)
    exact = probability[ratio <= stats.chi2.ppf(0.9, 1)].sum()
    assert result.wilks == pytest.approx(stats.chi2.ppf(0.9, 1), rel=1e-9)
    assert result.coverage == pytest.approx(exact, abs=5 * (exact * (1 - exact) / toys) ** 0.5)
    assert result.coverage_error == pytest.approx((result.coverage * (1 - result.coverage) / toys) ** 0.5)
    # The critical value is that of the first count, in the order of ratios, that lifts the sum to 0.9.
    order = np.argsort(ratio)
    summed = np.cumsum(probability[order])
    at = int(np.argmax(summed >= 0.9))
    if min(abs(summed[at] - 0.9), abs(summed[at - 1] - 0.9)) > 5 * (0.09 / toys) ** 0.5:
        assert result.critical == pytest.approx(ratio[order][at], abs=1e-5)
    for critical in (1.0, 5.0):
        assert result.of(critical)[0] == pytest.approx(probability[ratio <= critical].sum(), abs=0.015)


def test_a_linear_parameter_covers_exactly() -> None:
    """A free strength of Gaussian data is normal: Wilks' theorem holds at every level."""
    likelihood = cevnsjax.Likelihood(cevnsjax.load_experiment("conus_plus", {"nuisance": []}))
    result = cevnsjax.coverage(likelihood, "norm", {"norm": 4.0}, toys=20_000)
    assert result.coverage == pytest.approx(0.9, abs=5 * (0.09 / 20_000) ** 0.5)
    assert stats.kstest(result.delta_chi2, stats.chi2(1).cdf).pvalue > 1e-3
    # At zero, its bound, half of the toys have their minimum there.
    at_bound = cevnsjax.coverage(likelihood, "norm", {"norm": 0.0}, toys=20_000)
    assert at_bound.coverage == pytest.approx(0.95, abs=5 * (0.0475 / 20_000) ** 0.5)


def test_toys_of_a_joint_fit_against_iminuit() -> None:
    """Gaussian data and counts of templates: data and centres of constraints drawn, both fits by MIGRAD."""
    likelihood = cevnsjax.Likelihood("conus_plus", "coherent_csi")
    true = {"sin2_theta_w": 0.25, "quenching_0_coherent_csi": 0.5}
    result = cevnsjax.coverage(likelihood, "sin2_theta_w", true, toys=100, seed=5)
    assert {name: result.truth[name] for name in true} == pytest.approx(true)
    view = likelihood.view({}, ["sin2_theta_w"])
    kernel, layout = jax.tree.map(jnp.asarray, view.kernel), view.layout
    truth = jnp.array([layout.variable(name, result.truth[name]) for name in layout.names])
    toys = drawn(view.kernel, np.asarray(truth), 5, 0, 0)
    held = jnp.zeros(len(truth), dtype=bool)
    function = jax.jit(lambda data, y: chi2(kernel, data, y, held))
    slope = jax.jit(jax.grad(lambda y, data: chi2(kernel, data, y, held)))
    for toy in range(2):
        data = jax.tree.map(itemgetter(toy), toys)
        least = []
        for fixed in (True, False):
            fit = Minuit(
                lambda y, data=data: float(function(data, jnp.asarray(y))), np.asarray(truth),
                grad=lambda y, data=data: np.asarray(slope(jnp.asarray(y), data)), name=layout.names,
            )  # fmt: skip
            fit.limits = list(zip(np.asarray(kernel.low), np.asarray(kernel.high), strict=True))
            fit.fixed["sin2_theta_w"] = fixed
            fit.tol, fit.strategy = 1e-5, 1
            for _ in range(2):
                fit.migrad()
            least.append(fit.fval)
        assert result.delta_chi2[toy] == pytest.approx(least[0] - least[1], abs=2e-6)


def test_the_critical_value_is_that_of_feldman_and_cousins(likelihood) -> None:
    """Of the same seed: the first point of a grid has the same toys."""
    grid = cevnsjax.feldman_cousins(likelihood, ("sin2_theta_w", 0.23, 0.3, 2), toys=500, seed=3)
    result = cevnsjax.coverage(likelihood, "sin2_theta_w", {"sin2_theta_w": 0.23}, toys=500, seed=3)
    assert result.critical == pytest.approx(grid.critical[0], rel=1e-8)
    assert result.critical_error == pytest.approx(grid.critical_error[0], rel=1e-6)
    share, _ = result.of(result.critical)
    assert share == pytest.approx(0.9, abs=0.003)


def test_by_command(tmp_path, capsys) -> None:
    """The file has all toys, the JSON what follows from them, and both say how to do it again."""
    file = tmp_path / "toys.nc"
    words = ["coverage", "conus_plus", "--over", "sin2_theta_w", "--toys", "500", "--set", "norm=1.1", "--seed", "4"]
    with pytest.raises(SystemExit) as left:
        main([*words, "--out", str(file), "--json"])
    assert left.value.code == 0
    content = json.loads(capsys.readouterr().out)
    again = rerun(content["provenance"])
    assert (again.coverage, again.critical) == (content["coverage"], content["critical"])
    assert content["truth"] == pytest.approx({"sin2_theta_w": 0.23857, "norm": 1.1})
    with xr.open_dataset(file, engine="h5netcdf") as data:
        np.testing.assert_array_equal(data["delta_chi2"], again.delta_chi2)
        assert data.attrs["coverage"] == content["coverage"]
        assert json.loads(data.attrs["provenance"]) == content["provenance"]
    with pytest.raises(SystemExit):
        main(words)
    assert f"{content['coverage']:.4f} +- {content['coverage_error']:.4f}, 500 toys" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("--over", "norm"), "'norm' is minimised in closed form: toys cannot test it"),
        (("--over", "nothing"), "unknown parameter 'nothing'"),
        (("--over", "sin2_theta_w", "--set", "sin2_theta_w=2"), "sin2_theta_w = 2 is not allowed"),
        (("--over", "sin2_theta_w", "--toys", "3"), "3 toys given; give a whole number from 100"),
        (("--over", "sin2_theta_w", "--cl", "90"), "a confidence level of 90.0 is not possible"),
        (("--over", "m_z", "--model", "vector_bl"), "toys cannot test 'm_z': give it a value"),
        (("--over", "sin2_theta_w", "--out", "missing/toys.nc"), "cannot write 'missing/toys.nc': there is no folder"),
    ],
)
def test_mistakes(words, message: str, capsys) -> None:
    with pytest.raises(SystemExit) as left:
        main(["coverage", "conus_plus", *words])
    printed = capsys.readouterr()
    assert left.value.code == 2
    assert printed.out == ""
    assert printed.err.count("\n") == 1
    assert message in printed.err


def test_an_integrated_constraint_is_refused(conus_plus) -> None:
    with pytest.raises(InputError, match="pull='profiled'"):
        cevnsjax.coverage(cevnsjax.Likelihood(conus_plus, pull="marginalised"), "sin2_theta_w")


def test_the_example_of_the_docstring() -> None:
    check_example("cevnsjax.toys.coverage.coverage")

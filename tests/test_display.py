"""What a console and a notebook show of likelihoods, experiments and fits; covariances against Minuit."""

import re
import xml.etree.ElementTree as ET

import numpy as np
import pytest
from iminuit import Minuit

import cevnsjax
from cevnsjax.display import html_table, with_error
from cevnsjax.errors import InputError


def rows_of(html: str) -> dict[str, list[str]]:
    """The rows of all tables by their first cells; a text that is no XML does not parse."""
    tree = ET.fromstring(f"<all>{html}</all>")
    return {row[0].text or "": [cell.text or "" for cell in row[1:]] for row in tree.iter("tr")}


@pytest.fixture(scope="module")
def fitted(likelihood):
    return cevnsjax.fit(likelihood, cl=0.6827)


@pytest.mark.parametrize(
    ("value", "error", "text"),
    [
        (0.98765, 0.0456, "0.988 ± 0.046"),
        (3.2e-10, 1e-11, "(3.20 ± 0.10)e-10"),
        (0.0, 2.3e-12, "(0.0 ± 2.3)e-12"),
        (1234.5, 99.7, "1234 ± 100"),
        (0.258164, None, "0.258164"),
    ],
)
def test_values_are_rounded_as_their_errors(value, error, text) -> None:
    assert with_error(value, error) == text


def test_texts_are_escaped() -> None:
    assert rows_of(html_table(["a"], [["<b>", "x & y"]], "1 < 2"))["<b>"] == ["x & y"]


def test_likelihood(likelihood) -> None:
    text = repr(likelihood)
    assert text == "Likelihood(conus_plus; model sm, channel all, 19 cells, systematics default: norm)"
    rows = rows_of(likelihood._repr_html_())
    assert rows["conus_plus"] == ["19", "gaussian", "data"]
    assert rows["norm"] == ["1 ", "± 0.2"]


def test_experiment(conus_plus) -> None:
    assert "19 cells" in repr(conus_plus)
    assert "gaussian, data, systematics " in repr(conus_plus)
    rows = rows_of(conus_plus._repr_html_())
    assert set(rows) >= {"conus_plus", "axes", "cells", "data", "systematics default"}
    assert "norm" in rows["systematics default"][0]
    expected = cevnsjax.Likelihood("conus:eves").experiments[0]
    assert rows_of(expected._repr_html_())["data"] == ["expected of Standard Model and background"]


def test_fit(fitted) -> None:
    assert re.match(r"FitResult\(best_fit=\{'sin2_theta_w': 0\.258\d*, 'norm': ", repr(fitted))
    assert f"chi2_min={fitted.chi2_min:.6g}, " in repr(fitted)
    rows = rows_of(fitted._repr_html_())
    low, high = (float(end) for end in re.findall(r"[\d.]+", rows["sin2_theta_w"][1]))
    assert (low, high) == pytest.approx(fitted.intervals["sin2_theta_w"][0], rel=1e-5)
    value, error = (float(number) for number in rows["norm"][0].split(" ± "))
    assert (value, error) == pytest.approx((fitted.best_fit["norm"], fitted.nuisances[0]["error"]), abs=0.006)


def test_covariance_of_parameters_and_nuisances_against_hesse() -> None:
    likelihood = cevnsjax.Likelihood("conus_plus", systematics="detailed")
    result = cevnsjax.fit(likelihood)
    names = list(result.names)
    assert names[0] == "sin2_theta_w"
    assert len(names) > 3
    start = list(result.best_fit.values())
    minuit = Minuit(lambda *x: float(likelihood.chi2(dict(zip(names, x, strict=True)))), *start, name=names)
    minuit.errordef = Minuit.LEAST_SQUARES
    minuit.strategy = 2
    minuit.hesse()
    by_minuit = np.asarray(minuit.covariance)
    widths = np.sqrt(np.diag(by_minuit))
    np.testing.assert_allclose(
        result.covariance / np.outer(widths, widths), by_minuit / np.outer(widths, widths), atol=5e-3
    )
    np.testing.assert_allclose(list(result.errors.values()), widths, rtol=5e-3)
    np.testing.assert_allclose(result.correlation, np.asarray(minuit.covariance.correlation()), atol=5e-3)


def test_a_parameter_without_effect_has_no_variance(conus_plus, fitted) -> None:
    """Reactors make no muon neutrinos."""
    moments = cevnsjax.Likelihood(conus_plus, model="magnetic_moment")
    result = cevnsjax.fit(moments, ["sin2_theta_w", "mu_nu_mu"])
    assert np.isnan(result.errors["mu_nu_mu"])
    assert result.errors["sin2_theta_w"] == pytest.approx(fitted.errors["sin2_theta_w"], rel=1e-6)


def test_fixed_values_stay(likelihood) -> None:
    result = cevnsjax.fit(likelihood, values={"norm": 1.0})
    curvature = cevnsjax.hessian(likelihood, result.best_fit | {"norm": 1.0}, ["sin2_theta_w"])
    assert result.names == ("sin2_theta_w",)
    assert result.errors["sin2_theta_w"] == pytest.approx(float(curvature[0, 0]) ** -0.5, rel=1e-9)


def test_a_result_without_a_likelihood_has_no_covariance() -> None:
    bare = cevnsjax.FitResult({"sin2_theta_w": 0.2}, 1.0, {}, 0.9, True)
    with pytest.raises(InputError, match="holds no likelihood"):
        _ = bare.covariance

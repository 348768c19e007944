"""The test of no signal: q0 by hand, toys against the asymptotic formula, and what systematics do to it."""

import json

import numpy as np
import pytest
from scipy import stats

import cevnsjax
from cevnsjax.cli import main
from cevnsjax.errors import InputError


@pytest.mark.parametrize("power", [3.6, 1.2])
def test_without_moved_spectra(conus_plus, power: float) -> None:
    """With a free strength q0 is (sum R d / sigma^2)^2 / sum (R / sigma)^2, whatever the size of the prediction."""
    weaker = cevnsjax.load_experiment("conus_plus", {"source.power_GW": power, "source.total_flux_per_cm2_s": None})
    likelihood = cevnsjax.Likelihood(weaker)
    found = cevnsjax.significance(likelihood, toys=200_000, seed=1)
    unit = np.asarray(likelihood.expected({})) / np.asarray(conus_plus.sigma)
    data = np.asarray(conus_plus.observed / conus_plus.sigma)
    assert found.q0 == pytest.approx((unit @ data) ** 2 / (unit @ unit), rel=1e-9)
    assert found.strength == pytest.approx((unit @ data) / (unit @ unit), rel=1e-9)
    assert found.p_asymptotic == pytest.approx(stats.norm.sf(found.q0**0.5), rel=1e-9)
    # Linear and Gaussian: the formula is exact, and toys scatter around it by their error.
    assert found.p_toys == pytest.approx(found.p_asymptotic, abs=5 * (found.p_asymptotic / found.toys) ** 0.5)


def test_with_moved_spectra(conus_plus) -> None:
    """A spectrum that may move fits the data no worse, and noise, too: by toys that is no more significant."""
    plain = cevnsjax.significance(cevnsjax.Likelihood(conus_plus), toys=1000)
    detailed = cevnsjax.Likelihood(conus_plus, systematics="detailed")
    found = cevnsjax.significance(detailed, toys=5000)
    assert plain.q0 <= found.q0 < plain.q0 + 0.5
    assert found.p_toys < 0.002


def test_no_negative_signal(conus_plus) -> None:
    """Data turned upside down: the best strength is zero, q0 too, and every toy is as good."""
    import equinox as eqx

    likelihood = cevnsjax.Likelihood(eqx.tree_at(lambda e: e.observed, conus_plus, -conus_plus.observed))
    found = cevnsjax.significance(likelihood, toys=1000)
    assert (found.q0, found.strength, found.p_toys, found.p_asymptotic) == (0.0, 0.0, 1.0, 0.5)


def test_by_command(capsys) -> None:
    with pytest.raises(SystemExit) as left:
        main(["significance", "conus_plus", "--toys", "2000", "--json"])
    assert left.value.code == 0
    assert json.loads(capsys.readouterr().out)["q0"] == pytest.approx(13.8, abs=0.01)
    with pytest.raises(SystemExit):
        main(["significance", "conus_plus", "--toys", "2000"])
    assert "3.71 sigma" in capsys.readouterr().out


def test_mistakes(conus_plus, likelihood) -> None:
    other = cevnsjax.load_experiment("conus_plus", {"name": "again"})
    with pytest.raises(InputError, match="one at a time"):
        cevnsjax.significance(cevnsjax.Likelihood(conus_plus, other))
    with pytest.raises(InputError, match="at least 100"):
        cevnsjax.significance(likelihood, toys=10)

"""The test of no signal: q0 by hand, toys against the asymptotic formula, and what systematics do to it."""

import json

import numpy as np
import pytest
from examples import check_example
from iminuit import Minuit
from scipy import special, stats

import cevnsjax
from cevnsjax.cli import main
from cevnsjax.errors import InputError
from cevnsjax.experiments import projected


@pytest.mark.parametrize("power", [3.6, 1.2])
def test_without_moved_spectra(conus_plus, power: float) -> None:
    """With a free strength q0 is (sum R d / sigma^2)^2 / sum (R / sigma)^2, whatever the size of the prediction."""
    weaker = cevnsjax.load_experiment("conus_plus", {"source.power_GW": power, "source.total_flux_per_cm2_s": None})
    likelihood = cevnsjax.Likelihood(weaker)
    result = cevnsjax.significance(likelihood, toys=200_000, seed=1)
    unit = np.asarray(likelihood.expected({})) / conus_plus.sigma
    data = conus_plus.observed / conus_plus.sigma
    assert result.q0 == pytest.approx((unit @ data) ** 2 / (unit @ unit), rel=1e-9)
    assert result.strength == pytest.approx((unit @ data) / (unit @ unit), rel=1e-6)  # chi^2 to 1e-12
    assert result.p_asymptotic == pytest.approx(stats.norm.sf(result.q0**0.5), rel=1e-9)
    # Linear and Gaussian: the formula is exact, and toys scatter around it by their error.
    assert result.p_toys == pytest.approx(result.p_asymptotic, abs=5 * (result.p_asymptotic / result.toys) ** 0.5)
    assert result.p_upper is None
    assert result.p_error == pytest.approx((result.p_toys * (1 - result.p_toys) / result.toys) ** 0.5)


def test_no_toy_above_gives_an_upper_limit(likelihood) -> None:
    """Of none in n at 95 %: 1 - 0.05^(1/n), Clopper and Pearson's, about 3 / n."""
    result = cevnsjax.significance(likelihood, toys=1000)
    assert (result.p_toys, result.p_error) == (0.0, 0.0)
    assert result.p_upper == pytest.approx(stats.beta.ppf(0.95, 1, 1000), rel=1e-9)
    assert result.p_upper == pytest.approx(3 / 1000, rel=0.01)
    assert result.p_asymptotic < result.p_upper


def test_with_moved_spectra(conus_plus, likelihood) -> None:
    """A spectrum that may move fits the data no worse, and noise, too: by toys that is no more significant."""
    plain = cevnsjax.significance(likelihood, toys=100)
    detailed = cevnsjax.Likelihood(conus_plus, systematics="detailed")
    result = cevnsjax.significance(detailed, toys=1000)
    assert plain.q0 <= result.q0 < plain.q0 + 0.5
    assert result.p_toys < 0.002


def test_of_counts_with_a_background() -> None:
    """Expected data of a hundred times the exposure: q0 is the rise of chi^2 at no signal, toys follow the formula."""
    likelihood = cevnsjax.Likelihood(projected(cevnsjax.load_experiment("conus:C1R1_eves"), exposure=30.0))
    result = cevnsjax.significance(likelihood, toys=2000, seed=2)
    assert result.q0 == pytest.approx(float(likelihood.chi2({"norm": 0.0})), rel=1e-6)
    assert result.strength == pytest.approx(1.0, abs=1e-3)
    assert 0.01 < result.p_asymptotic < 0.5
    # Five binomial standard deviations; counts of thousands are normal.
    error = (result.p_asymptotic * (1 - result.p_asymptotic) / result.toys) ** 0.5
    assert result.p_toys == pytest.approx(result.p_asymptotic, abs=5 * error)


def test_no_negative_signal(likelihood, conus_plus) -> None:
    """Data turned upside down: the best strength is zero, q0 too, and every toy is as good."""
    result = cevnsjax.significance(likelihood.with_data([-conus_plus.observed]), toys=1000)
    assert (result.q0, result.strength, result.p_toys, result.p_asymptotic) == (0.0, 0.0, 1.0, 0.5)


def test_the_same_seed_gives_the_same_numbers(likelihood) -> None:
    low = likelihood.with_data([likelihood.experiments[0].observed / 4])
    first, same, other = (cevnsjax.significance(low, toys=1000, seed=seed) for seed in (1, 1, 2))
    assert first == same
    assert first.p_toys != other.p_toys
    # Fewer toys are the first of many, whatever is drawn side by side.
    few = cevnsjax.significance(low, toys=100, seed=1)
    assert few.p_toys == pytest.approx(first.p_toys, abs=5 * (first.p_toys / 100) ** 0.5)


def test_by_command(capsys) -> None:
    with pytest.raises(SystemExit) as left:
        main(["significance", "conus_plus", "--toys", "2000", "--json"])
    assert left.value.code == 0
    answer = json.loads(capsys.readouterr().out)
    assert answer["q0"] == pytest.approx(13.8, abs=0.01)
    with pytest.raises(SystemExit):
        main(["significance", "conus_plus", "--toys", "2000"])
    assert "3.71 sigma" in capsys.readouterr().out


def test_of_a_joint_fit_against_iminuit() -> None:
    """One strength common to Gaussian data and to counts: chi^2 written here, the norm of CONUS+ pulled to one.

    The prediction of CONUS+ is twice as large, so that the common strength and its norm share what is too much.
    """
    changed = cevnsjax.load_experiment("conus_plus", {"source.power_GW": 7.2, "source.total_flux_per_cm2_s": None})
    likelihood = cevnsjax.Likelihood(changed, "xenonnt_er")
    result = cevnsjax.significance(likelihood, toys=300)
    conus, xenon = likelihood.experiments
    rest = likelihood.background_in({})
    signal = [np.asarray(mean) - without for mean, without in zip(likelihood.expected_in({}), rest, strict=True)]

    def chi2(strength, norm, rate):
        away = (strength * norm * signal[0] - conus.observed) / conus.sigma
        mean, seen = strength * signal[1] + rate * rest[1], xenon.observed
        deviance = 2 * np.sum(mean - seen + special.xlogy(seen, np.where(seen > 0, seen, 1.0) / mean))
        return away @ away + ((norm - 1) / 0.2) ** 2 + deviance

    least = []
    for strength in (0.0, None):
        fit = Minuit(chi2, 1.0 if strength is None else strength, 1.0, 1.0)
        fit.limits["strength"], fit.fixed["strength"] = (0.0, None), strength is not None
        fit.tol, fit.strategy = 1e-6, 2
        fit.migrad()
        least.append(fit.fval)
    assert result.q0 == pytest.approx(least[0] - least[1], abs=1e-6)
    assert result.strength == pytest.approx(fit.values["strength"], abs=1e-4)
    # The norm is pulled, not held: that fits better.
    assert cevnsjax.significance(likelihood, {"norm_conus_plus": 1.0}, toys=100).q0 < result.q0 - 1e-5
    assert result.p_asymptotic == pytest.approx(stats.norm.sf(result.sigma), rel=1e-9)


def test_a_far_significance_has_its_digits(likelihood, conus_plus) -> None:
    """Thirteen standard deviations: p is 6e-39, and not zero."""
    more = cevnsjax.significance(likelihood.with_data([conus_plus.observed * 3.5]), toys=100)
    assert more.sigma > 10
    assert more.p_asymptotic == pytest.approx(stats.norm.sf(more.sigma), rel=1e-9)


def test_mistakes(likelihood) -> None:
    with pytest.raises(InputError, match="give a whole number from 100 to"):
        cevnsjax.significance(likelihood, toys=10)
    with pytest.raises(InputError, match="'norm' is the strength that is tested for"):
        cevnsjax.significance(likelihood, {"norm": 1.0})


def test_the_example_of_the_docstring() -> None:
    check_example("cevnsjax.toys.significance.significance")

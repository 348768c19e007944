"""XENONnT's electron recoils: counts against an independent integration, limits beside published ones."""

from pathlib import Path

import jax
import numpy as np
import pytest
import solar as reference
from editing import refused_copy
from scattering import quick

import cevnsjax
from cevnsjax.errors import InputError
from cevnsjax.resources import data_folder, read_table

SIN2 = 0.23857
LOW = 1 + 0.5 * np.arange(58)
CL = 0.90


def limits(model: str, name: str, overrides: dict | None = None) -> list[tuple[float | None, float | None]]:
    """Return the interval of one coupling, the background minimised."""
    experiment = cevnsjax.load_experiment("xenonnt_er", overrides)
    return cevnsjax.fit(cevnsjax.Likelihood(experiment, model=model), [name], cl=CL).intervals[name]


@pytest.fixture(scope="module")
def likelihood() -> cevnsjax.Likelihood:
    return cevnsjax.Likelihood("xenonnt_er")


@pytest.fixture(scope="module")
def moments() -> cevnsjax.Likelihood:
    return cevnsjax.Likelihood("xenonnt_er", model="magnetic_moment_effective")


@pytest.fixture(scope="module")
def solar(likelihood) -> np.ndarray:
    """Solar neutrinos of the Standard Model in all bins."""
    return np.asarray(likelihood.expected({})) - likelihood.experiments[0].background()


@pytest.fixture(scope="module")
def of_moment(moments) -> np.ndarray:
    """What a moment of 1e-11 mu_B adds in all bins."""
    return np.asarray(moments.expected({"mu_nu": 1e-11})) - np.asarray(moments.expected({}))


@pytest.mark.parametrize("low", [1.0, 1.5, 4.5, 5.0, 9.5, 29.5])
def test_bins_against_an_independent_integration(solar, of_moment, low) -> None:
    """At the threshold, at the L shells' edges, beyond them, and at the end."""
    (index,) = np.flatnonzero(low == LOW)
    alone = reference.xenonnt_counts(low, low + 0.5, SIN2)
    assert solar[index] == pytest.approx(alone, rel=1e-3)
    together = reference.xenonnt_counts(low, low + 0.5, SIN2, 1e-11)
    assert of_moment[index] == pytest.approx(together - alone, rel=1e-3)


def test_counts_of_the_standard_model(likelihood, solar) -> None:
    """Numbers that were calculated elsewhere, to their digits; the collaboration quotes about 25 from 1 to 10 keV."""
    assert solar[LOW < 10].sum() == pytest.approx(23.5, abs=0.05)
    assert solar.sum() == pytest.approx(80.6, abs=0.1)
    assert likelihood.experiments[0].observed.sum() == 433


def test_counts_of_a_moment(of_moment) -> None:
    assert of_moment.sum() == pytest.approx(30.8, abs=0.05)
    np.testing.assert_allclose(of_moment[:10].reshape(5, 2).sum(axis=1), [3.1, 3.7, 2.7, 2.2, 1.9], atol=0.05)


def test_the_table_of_the_background(solar, likelihood) -> None:
    """What is taken out of the collaboration's model is the Standard Model's signal, as it is predicted now."""
    columns = read_table(data_folder() / "xenonnt_er" / "background.csv", ("b0", "standard_model", "expected"))
    np.testing.assert_allclose(columns["standard_model"], solar, atol=2e-6)
    np.testing.assert_allclose(columns["b0"] - columns["standard_model"], columns["expected"], atol=2e-6)
    assert columns["b0"].sum() == pytest.approx(426.5, abs=0.05)
    np.testing.assert_allclose(np.asarray(likelihood.expected({})), columns["b0"], atol=1e-5)


def test_nuclear_recoils_are_not_seen(likelihood) -> None:
    assert likelihood.experiments[0].signal.nuclear is None
    nuclei = cevnsjax.Likelihood("xenonnt_er", channel="cevns")
    np.testing.assert_array_equal(np.asarray(nuclei.expected({})), likelihood.experiments[0].background())


def test_the_effective_moment() -> None:
    """Published: 6.4e-12 mu_B, of a likelihood up to 140 keV; here 10.5 % weaker.

    Were all 54 electrons free at any recoil it would be 4.4 % stronger: the shells explain more than the difference.
    """
    ((_, high),) = limits("magnetic_moment_effective", "mu_nu")
    assert high == pytest.approx(6.4e-12, rel=0.15)
    assert high == pytest.approx(7.072e-12, rel=1e-3)
    ((_, free),) = limits("magnetic_moment_effective", "mu_nu", {"target.electrons": "free"})
    assert free == pytest.approx(6.120e-12, rel=1e-3)


def test_the_expected_limit(likelihood) -> None:
    """Of data that equal the Standard Model's expectation: the observed limit, 7.07e-12, is stronger by chance."""
    data = likelihood.experiments[0].with_data(np.asarray(likelihood.expected({})))
    acting = cevnsjax.Likelihood(data, model="magnetic_moment_effective")
    ((_, high),) = cevnsjax.fit(acting, ["mu_nu"], cl=CL).intervals["mu_nu"]
    assert high == pytest.approx(1.047e-11, rel=1e-3)


def test_one_moment_is_that_of_all_flavours(moments, likelihood) -> None:
    each = cevnsjax.Likelihood("xenonnt_er", model="magnetic_moment")
    values = dict.fromkeys(("mu_nu_e", "mu_nu_mu", "mu_nu_tau"), 7e-12)
    np.testing.assert_allclose(moments.expected({"mu_nu": 7e-12}), each.expected(values), rtol=1e-12)
    np.testing.assert_array_equal(moments.expected({}), likelihood.expected({}))


def test_the_moment_of_electron_neutrinos() -> None:
    """Published: 0.9e-11 mu_B, to one digit."""
    ((_, high),) = limits("magnetic_moment", "mu_nu_e")
    assert high == pytest.approx(0.9e-11, rel=0.1)
    assert high == pytest.approx(9.595e-12, rel=1e-3)


def test_the_millicharge() -> None:
    """Published: [-0.1, 0.6]e-12 e, to one digit."""
    ((low, high),) = limits("millicharge", "q_ee")
    assert (low, high) == pytest.approx((-0.1e-12, 0.6e-12), abs=0.06e-12)
    assert (low, high) == pytest.approx((-0.138e-12, 0.653e-12), abs=1e-15)


def test_the_charge_radius() -> None:
    """Published: [-93.4, 9.5]e-32 cm^2. The normalisation of the background decides.

    It is free here, and a radius changes counts almost as it does. Where it is fixed the limits are near the published
    ones, and the middle, where less is expected than of the Standard Model, is excluded.
    """
    ((low, high),) = limits("charge_radius", "r2_ee")
    assert (low, high) == pytest.approx((-115.8e-32, 42.5e-32), abs=1e-33)
    fixed = {"nuisance.background_rate.free": False, "nuisance.background_rate.sigma": 1e-6}
    pieces = limits("charge_radius", "r2_ee", fixed)
    expected = [(-97.7e-32, -72.4e-32), (-13.5e-32, 13.8e-32)]
    np.testing.assert_allclose(np.array(pieces), expected, atol=1e-33)


@pytest.mark.parametrize("model", ["magnetic_moment_effective", "millicharge", "charge_radius"])
def test_gradients(model) -> None:
    """Finite without a coupling, and equal to differences elsewhere."""
    name, at = {"mag": ("mu_nu", 6e-12), "mil": ("q_ee", 3e-13), "cha": ("r2_ee", 2e-31)}[model[:3]]
    acting = cevnsjax.Likelihood("xenonnt_er", model=model)
    slope = quick(jax.grad(lambda x: acting.chi2({name: x, "background_rate": 1.0})))
    assert np.isfinite(float(slope(0.0)))
    above, below = (float(acting.chi2({name: at * s, "background_rate": 1.0})) for s in (1.0001, 0.9999))
    assert float(slope(at)) == pytest.approx((above - below) / (2e-4 * at), rel=1e-5)


MISTAKES = {
    "a word for nuclear": ('nuclear = "none"', 'nuclear = "no"', "response.nuclear"),
    "a yield that is not there": (
        '[[nuisance]]\nname = "pp_flux"\nkey = "source.fluxes.pp"',
        '[[nuisance]]\nname = "pp_flux"\nkey = "response.nuclear.yield.k"',
        "leads to no number",
    ),
}  # fmt: skip


@pytest.mark.parametrize(("old", "new", "message"), MISTAKES.values(), ids=MISTAKES)
def test_mistakes(tmp_path: Path, old: str, new: str, message: str) -> None:
    refused_copy("xenonnt_er", tmp_path, old, new, message)


def test_a_detector_that_sees_nothing() -> None:
    with pytest.raises(InputError, match="needs the response to electrons"):
        cevnsjax.load_experiment("xenonnt_er", {"response.electron": "none"})

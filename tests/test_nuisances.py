"""Nuisances of several experiments: names, who shares them, centres and widths, units, and what a fit says of them."""

import dataclasses

import jax
import numpy as np
import pytest
from iminuit import Minuit

import cevnsjax
from cevnsjax.errors import InputError
from cevnsjax.inference import describe_nuisance


def changed(name="conus_plus", **overrides):
    """Return CONUS+ under another name, with some entries of its file set."""
    experiment = cevnsjax.load_experiment("conus_plus", overrides)
    return dataclasses.replace(experiment, identity=dataclasses.replace(experiment.identity, name=name))


@pytest.fixture(scope="module")
def joint():
    return cevnsjax.Likelihood("conus_plus", "conus:C1R1", "dresden2", systematics="detailed")


def described(likelihood, name):
    return next(describe_nuisance(likelihood, n) for n in likelihood.nuisances if n.name == name)


def test_the_experiment_is_told_where_there_are_several(joint) -> None:
    own = {
        "conus_plus": ["flux", "active_mass", "trigger", "energy_shift", "norm"],
        "conus": ["flux", "norm"],
        "conus_C1R1": [],
        "dresden2": ["flux", "flat_rate", "L1_centre", "exponential_decay", "energy_shift", "norm"],
    }
    expected = {f"{name}_{whose}" for whose, names in own.items() for name in names}
    assert expected <= {n.name for n in joint.nuisances}
    # One run of an experiment alone needs no more than the experiment's name.
    assert {"detector_conus", "energy_shift_conus", "background_rate_conus"} <= {n.name for n in joint.nuisances}
    assert {"quenching_k", "quenching_yield", "nuclear_radius"} <= {n.name for n in joint.nuisances}


def test_one_experiment_alone_needs_no_suffix() -> None:
    assert set(cevnsjax.Likelihood("dresden2").searched) == {
        "flux", "flat_rate", "exponential_height", "exponential_decay", "L1_area", "L1_centre", "L1_width",
        "L1_ratio_M",
    }  # fmt: skip
    runs = set(cevnsjax.Likelihood("conus:cevns_bsm").searched)
    assert {"flux", "detector_C1R1", "energy_shift_C2R1", "noise_decay_C3R1_bsm"} <= runs


def test_who_shares_what(joint) -> None:
    assert described(joint, "quenching_k")["experiments"] == ["conus_plus", "conus:C1R1"]
    assert described(joint, "quenching_yield")["experiments"] == ["dresden2"]
    assert described(joint, "nuclear_radius")["experiments"] == ["conus_plus", "conus:C1R1", "dresden2"]
    assert described(joint, "flux_conus")["experiments"] == ["conus:C1R1"]


def test_a_shared_constraint_counts_once() -> None:
    """Both at a given k cost what each costs alone, less one of the two equal constraints."""
    alone = cevnsjax.Likelihood("conus_plus", systematics="detailed")
    both = cevnsjax.Likelihood(changed(), changed("copy"), systematics="detailed")
    given = {"quenching_k": 0.166, "nuclear_radius": 1.032}
    apart = 2 * float(alone.chi2(given)) - 2  # one standard deviation each
    assert float(both.chi2(given)) == pytest.approx(apart, abs=1e-9)


def test_the_first_constraint_holds_for_all() -> None:
    """Of CONUS+ 0.162 +- 0.004, of CONUS at Brokdorf 0.16: whichever stands first."""
    k = cevnsjax.Likelihood("conus_plus", "conus:C1R1", systematics="detailed").parameters["quenching_k"]
    assert k.default == 0.162
    other = cevnsjax.Likelihood("conus:C1R1", "conus_plus", systematics="detailed")
    assert other.parameters["quenching_k"].default == 0.16
    # Predictions are those at the common centre.
    plus = cevnsjax.Likelihood("conus_plus", systematics="detailed")
    np.testing.assert_allclose(other.expected({})[50:], plus.expected({"quenching_k": 0.16}), rtol=1e-12)
    wider = cevnsjax.Likelihood(
        changed(**{"nuisance.quenching_k.sigma": 0.008}), changed("copy"), systematics="detailed"
    )
    assert next(n.sigma for n in wider.nuisances if n.name == "quenching_k") == 0.008


def test_without_a_constraint_each_keeps_its_own() -> None:
    """Under the default systematics nobody constrains k, until it is given or freed."""
    likelihood = cevnsjax.Likelihood("conus_plus", "conus:C1R1")
    assert "quenching_k" not in likelihood.searched
    own = [cevnsjax.Likelihood(name).expected({}) for name in ("conus_plus", "conus:C1R1")]
    np.testing.assert_allclose(likelihood.expected({}), np.concatenate(own), rtol=1e-12)
    given = [cevnsjax.Likelihood(name).expected({"quenching_k": 0.17}) for name in ("conus_plus", "conus:C1R1")]
    np.testing.assert_allclose(likelihood.expected({"quenching_k": 0.17}), np.concatenate(given), rtol=1e-12)


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("quenching_k", ("constrained", 0.162, 0.004, "")),
        ("energy_shift_conus_plus", ("constrained", 0.0, 5.5, "eV_ee")),
        ("noise_decay_conus", ("free", 15.0, None, "eV_ee")),
        ("background_rate_conus", ("free", 10.0, None, "/ keV kg d")),
        ("L1_area_dresden2", ("free", 100.0, None, "/ kg d")),
        ("L1_centre_dresden2", ("free", 1297.0, None, "eV_ee")),
        ("L1_ratio_M_dresden2", ("constrained", 0.16, 0.0048, "")),
        ("flux_conus", ("constrained", 1.0, 0.03, "")),
        ("norm_dresden2", ("held", 1.0, None, "")),
    ],
)
def test_description_in_units_of_the_file(name, expected, joint) -> None:
    about = described(joint, name)
    assert set(about) == {"name", "state", "centre", "width", "unit", "experiments", "description"}
    assert (about["state"], about["centre"], about["width"], about["unit"]) == expected
    assert about["name"] == name


def test_values_in_units_of_the_file() -> None:
    """A decay of 15 eV_ee falls to 1/e 15 eV_ee higher."""
    likelihood = cevnsjax.Likelihood("conus:C1R1")
    (run,) = likelihood.experiments
    alone = {"background_rate": 0.0, "norm": 0.0, "noise_height": 40.0}
    for decay in (15.0, 60.0):
        counts = np.asarray(likelihood.expected({**alone, "noise_decay": decay}))
        centre = (run.cells.low(0) + run.cells.high(0)) / 2
        assert counts[1] / counts[0] == pytest.approx(np.exp(-(centre[1] - centre[0]) / decay), rel=1e-9)


def test_what_a_fit_says_against_iminuit() -> None:
    """Values, errors and pulls of CONUS+ with six nuisances; iminuit varies all seven, by finite differences."""
    likelihood = cevnsjax.Likelihood("conus_plus", systematics="detailed")
    result = cevnsjax.fit(likelihood)
    names = ("sin2_theta_w", *likelihood.searched)
    chi2 = jax.jit(lambda x: likelihood.chi2(dict(zip(names, x, strict=True))))
    start = [likelihood.parameters[name].default for name in names]
    minuit = Minuit(lambda *x: float(chi2(np.array(x))), *start, name=names)
    minuit.errordef = Minuit.LEAST_SQUARES
    for name in names:
        minuit.errors[name] = likelihood.parameters[name].scale / 10
    minuit.tol = 1e-4
    minuit.migrad()
    minuit.hesse()
    assert minuit.valid
    assert result.chi2_min == pytest.approx(minuit.fval, abs=1e-6)
    errors = dict(zip(names, minuit.errors, strict=True))
    assert [row["name"] for row in result.nuisances] == list(likelihood.searched)
    for row in result.nuisances:
        name = row["name"]
        assert row["value"] == result.best_fit[name]
        assert row["value"] == pytest.approx(minuit.values[name], abs=2e-3 * errors[name])
        # Gauss' and Newton's curvature leaves out what the prediction's own curvature adds.
        assert row["error"] == pytest.approx(errors[name], rel=0.01)
        assert row["pull"] == pytest.approx((row["value"] - row["centre"]) / row["width"], rel=1e-12, abs=1e-12)
        assert row["experiments"] == ["conus_plus"]


def test_a_given_nuisance_is_no_result() -> None:
    likelihood = cevnsjax.Likelihood("conus_plus")
    assert [row["name"] for row in cevnsjax.fit(likelihood).nuisances] == ["norm"]
    assert cevnsjax.fit(likelihood, values={"norm": 1.0}).nuisances == []
    # Freed by name, a held one has a value and an error, but no pull.
    rows = cevnsjax.fit(likelihood, ["nuclear_radius"]).nuisances
    (radius,) = (row for row in rows if row["name"] == "nuclear_radius")
    assert radius["state"] == "held"
    assert radius["pull"] is None
    assert radius["error"] > 0


def test_one_name_with_two_meanings_is_refused() -> None:
    factor = {"name": "tension", "scale": ["signal"], "sigma": 0.1}
    shift = {"name": "tension", "key": "response.shift", "sigma": 2.0}
    first, second = changed(nuisance=[factor]), changed("copy", nuisance=[shift])
    with pytest.raises(InputError, match="'tension' means different things in conus_plus, copy; rename one"):
        cevnsjax.Likelihood(first, second)
    # As each one's own it is two.
    own = [changed(name, nuisance=[{**one, "own": "experiment"}]) for name, one in (("a", factor), ("b", shift))]
    assert set(cevnsjax.Likelihood(*own).searched) == {"tension_a", "tension_b"}


def test_known_names_keep_their_meaning() -> None:
    with pytest.raises(InputError, match="nuisance 'quenching_k': this name means the same in all experiments"):
        changed(nuisance=[{"name": "quenching_k", "scale": ["signal"], "sigma": 0.1}])
    with pytest.raises(InputError, match="'sin2_theta_w' is a parameter of the model sm; give it another name"):
        changed(nuisance=[{"name": "sin2_theta_w", "scale": ["signal"], "sigma": 0.1}])

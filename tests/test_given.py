"""What verbs take: a likelihood, names, paths, experiments; and what they say of anything else."""

import inspect

import pytest

import cevnsjax
from cevnsjax.errors import InputError
from cevnsjax.likelihood import likelihood_of


def test_a_name_a_path_an_experiment_and_a_list_are_likelihoods(likelihood, conus_plus, copied) -> None:
    chi2 = float(likelihood.chi2({}))
    for given in ("conus_plus", str(copied / "experiment.toml"), copied / "experiment.toml", conus_plus, [conus_plus]):
        assert float(likelihood_of(given).chi2({})) == pytest.approx(chi2, rel=1e-12)
    assert likelihood_of(likelihood) is likelihood
    assert likelihood_of(("conus_plus", "dresden2")).names == ("conus_plus", "dresden2")


def test_verbs_take_a_name(likelihood) -> None:
    assert cevnsjax.fit("conus_plus", cl=0.6827) == cevnsjax.fit(likelihood, cl=0.6827)
    curves = [cevnsjax.profile(given, "sin2_theta_w", points=5) for given in ("conus_plus", likelihood)]
    assert curves[0].delta_chi2.tolist() == curves[1].delta_chi2.tolist()
    planes = [
        cevnsjax.scan(given, ("sin2_theta_w", 0.1, 0.4, 4), ("norm", 0.5, 1.5, 3))
        for given in ("conus_plus", likelihood)
    ]
    assert planes[0].delta_chi2.tolist() == planes[1].delta_chi2.tolist()
    draws = [
        cevnsjax.sample(given, samples=20, warmup=20, chains=2).summary["sin2_theta_w"]["mean"]
        for given in ("conus_plus", likelihood)
    ]
    assert draws[0] == draws[1]


@pytest.mark.parametrize("given", [3, None, {"conus_plus": 1}, [3], ["conus_plus", None]])
def test_anything_else_is_refused_with_what_to_write(given) -> None:
    # Without the tests' own check of types, which a user does not have.
    for verb in (cevnsjax.fit, cevnsjax.sample):
        with pytest.raises(InputError, match=r"is no likelihood; give the name of an experiment, 'conus_plus'"):
            inspect.unwrap(verb)(given)


def test_one_free_name_is_a_list() -> None:
    with pytest.raises(InputError, match=r"\['sin2_theta_w'\]"):
        cevnsjax.fit("conus_plus", free="sin2_theta_w")


def test_no_experiment_is_refused() -> None:
    with pytest.raises(InputError, match="no experiment given"):
        cevnsjax.fit([])

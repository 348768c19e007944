"""Counts in joint fits, their posteriors and toys, and what vector interactions leave as it is.

The limits of the CONUS programme are compared with the published ones in `test_reproduce.py`.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scipy.stats import norm

import cevnsjax
from cevnsjax.errors import InputError
from cevnsjax.statistics.base import problem_of
from cevnsjax.statistics.counted_toys import q0_of_counts, toys_above


@pytest.mark.parametrize(
    ("model", "name", "analysis", "systematics"),
    [("sm", "sin2_theta_w", "conus:C1R1", "detailed"), ("magnetic_moment", "mu_nu_e", "conus:C1R1_eves", "default")],
)
def test_together_never_weaker_than_the_better(conus_plus, model, name, analysis, systematics):
    """On what is expected; one parameter, and nuisances that keep their experiment's name, or are common."""
    options = {"model": model, "systematics": systematics}
    alone = [cevnsjax.asimov(cevnsjax.Likelihood(one, **options)) for one in (conus_plus, analysis)]
    joint = cevnsjax.asimov(cevnsjax.Likelihood(conus_plus, analysis, **options))
    assert {"flux_conus", "detector_conus"} <= set(joint.nuisance_names)
    shared = [shape.name for shape in joint.shapes if shape.name == "quenching_k"]
    assert len(shared) == (1 if systematics == "detailed" else 0)
    assert name in joint.parameters
    scale = 0.1 if model == "sm" else 1e-10
    for value in (0.3, 1.0, 3.0):
        at = {name: joint.parameters[name].default + value * scale}
        single = [float(one.chi2(at)) for one in alone]
        together = float(joint.chi2(at))
        assert together >= max(single) - 1e-9
        if not shared:  # but the parameter, so that both simply add
            assert together == pytest.approx(sum(single), rel=1e-6, abs=1e-9)


def test_counts_hardly_change_along_the_band():
    """(2 Z + N) eps_u + (Z + 2 N) eps_d is all that a nucleus sees; but germanium has five isotopes."""
    likelihood = cevnsjax.Likelihood("conus:C1R1_bsm", model="nsi_vector", channel="cevns")

    def signal(up=0.0, down=0.0):
        none = likelihood.expected({"norm": 0.0})
        return np.asarray(likelihood.expected({"eps_ee_uv": up, "eps_ee_dv": down}) - none)

    Z, N = 32, 40.7
    slope = -(2 * Z + N) / (Z + 2 * N)
    np.testing.assert_allclose(signal(0.1, slope * 0.1), signal(), rtol=0.01)
    assert (signal(0.1) < 0.5 * signal()).all()
    # Two values of the charge give the same counts: 2 |Q_V| apart.
    charge = Z * (0.5 - 2 * 0.23857) - N / 2
    assert signal(-2 * charge / (2 * Z + N)).sum() == pytest.approx(signal().sum(), rel=0.07)


def test_posterior_of_counts():
    """A moment with a flat prior: the posterior's 90 % is that of exp(-chi^2 / 2), its nuisances integrated."""
    likelihood = cevnsjax.Likelihood("conus:C1R1_eves", model="magnetic_moment")
    found = cevnsjax.sample(likelihood, ["mu_nu_e"], samples=500, warmup=500, chains=2)
    draws = found.data.posterior
    assert set(draws.data_vars) == {"mu_nu_e", *(shape.name for shape in likelihood.shapes)}
    moments = np.linspace(0.0, 4e-10, 161)
    density = np.exp([-float(likelihood.chi2({"mu_nu_e": moment})) / 2 for moment in moments])
    share = np.cumsum(density) / density.sum()
    assert np.quantile(draws["mu_nu_e"], 0.9) == pytest.approx(moments[np.searchsorted(share, 0.9)], rel=0.1)
    replicated = found.data.posterior_predictive["replicated"].values
    assert (replicated == np.round(replicated)).all()
    expected = np.asarray(likelihood.expected({}))
    np.testing.assert_allclose(replicated.mean(axis=(0, 1)), expected, rtol=0.02)


def test_toys_of_counts_follow_the_formula():
    """Without a signal q0 is zero for half of the toys, and above one for a sixth."""
    likelihood = cevnsjax.Likelihood("conus:C1R1_bsm")
    problem, _ = jax.jit(problem_of)(likelihood, {})
    q0, strength, place = jax.jit(q0_of_counts)(problem)
    assert float(strength) == pytest.approx(1.0, abs=1e-3)
    assert float(q0) == pytest.approx(float(likelihood.chi2({"norm": 0.0})), abs=1e-6)
    above, made = toys_above(problem, place, jnp.asarray(1.0), jax.random.key(0), 1000)
    p = norm.sf(1.0)
    assert above / made == pytest.approx(p, abs=4 * np.sqrt(p * (1 - p) / made))
    with pytest.raises(InputError, match="grids of toys are for Gaussian data"):
        cevnsjax.feldman_cousins(likelihood, ("sin2_theta_w", 0.1, 0.4, 3))
    with pytest.raises(InputError, match="do not set it"):
        cevnsjax.significance(likelihood, {"norm": 1.0})

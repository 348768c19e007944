"""Counts in joint fits, their posteriors and toys, what vector interactions leave as it is, and tensor recoils.

The limits of the CONUS programme are compared with the published ones in `test_reproduce.py`.
"""

import math

import numpy as np
import pytest
from scipy.integrate import quad
from scipy.stats import norm

import cevnsjax
from cevnsjax.constants import G_FERMI, HBAR_C_MEV_CM
from cevnsjax.errors import InputError
from cevnsjax.experiments import load_runs
from cevnsjax.flavours import NU_MU_BAR
from cevnsjax.rates import nuclear_nodes, rates_at
from cevnsjax.reproduce import tensor


@pytest.mark.parametrize(
    ("model", "name", "analysis", "systematics"),
    [("sm", "sin2_theta_w", "conus:C1R1", "detailed"), ("magnetic_moment", "mu_nu_e", "conus:C1R1_eves", "default")],
)
def test_together_never_weaker_than_the_better(conus_plus, model, name, analysis, systematics):
    """On what is expected; one parameter, and nuisances that keep their experiment's name, or are common."""
    options = {"model": model, "systematics": systematics}
    alone = [cevnsjax.asimov(cevnsjax.Likelihood(one, **options)) for one in (conus_plus, analysis)]
    joint = cevnsjax.asimov(cevnsjax.Likelihood(conus_plus, analysis, **options))
    assert {"flux_conus", "detector_conus"} <= set(joint.searched)
    shared = [name for name in joint.searched if name == "quenching_k"]
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
    found = cevnsjax.sample(likelihood, ["mu_nu_e"], samples=8000, warmup=500, chains=2)
    draws = found.data.posterior
    assert set(draws.data_vars) == {"mu_nu_e", *likelihood.searched}
    moments = np.linspace(0.0, 4e-10, 161)
    density = np.exp([-float(likelihood.chi2({"mu_nu_e": moment})) / 2 for moment in moments])
    share = np.cumsum(density) / density.sum()
    assert np.quantile(draws["mu_nu_e"], 0.9) == pytest.approx(moments[np.searchsorted(share, 0.9)], rel=0.05)
    replicated = found.data.posterior_predictive["observed"].values
    assert (replicated == np.round(replicated)).all()
    # Counts around the expectation of each draw: their mean over all draws is known to its Poisson error.
    expected = found.data.posterior_predictive["expected"].values
    away = (replicated - expected).sum(axis=(0, 1)) / np.sqrt(expected.sum(axis=(0, 1)))
    assert np.abs(away).max() < 4.5
    assert away.std() == pytest.approx(1.0, abs=0.3)
    np.testing.assert_allclose(expected.mean(axis=(0, 1)), np.concatenate(likelihood.expected_in({})), rtol=0.02)


def test_toys_of_counts_follow_the_formula():
    """What is expected with a signal has q0 = chi^2 of none; toys without one exceed it as half of chi^2 does."""
    likelihood = cevnsjax.Likelihood("conus:C1R1_bsm")
    found = cevnsjax.significance(likelihood, toys=400, seed=1)
    assert found.strength == pytest.approx(1.0, abs=1e-3)
    assert found.q0 == pytest.approx(float(likelihood.chi2({"norm": 0.0})), abs=1e-6)
    p = norm.sf(math.sqrt(found.q0))
    assert found.p_asymptotic == pytest.approx(p, rel=1e-9)
    assert found.p_toys == pytest.approx(p, abs=4 * math.sqrt(p * (1 - p) / found.toys))
    with pytest.raises(InputError, match="do not set it"):
        cevnsjax.significance(likelihood, {"norm": 1.0})


# Tensor interactions with recoils beyond the kinematic limit


def test_a_second_flux_for_the_tensor_term_changes_nothing_by_itself():
    """With the exact least energy counts are those of the model with one flux, nuisances moved or not."""
    (run,) = load_runs("conus:C1R1_bsm")
    one = cevnsjax.Likelihood(run, model="nsi_tensor")
    two = cevnsjax.Likelihood(tensor.with_tensor_component(run, 1.0), model=tensor.MODEL)
    for values in ({}, {"eps_ee_ut": 0.3}, {"eps_ee_ut": 0.3, "eps_ee_dt": -0.1, "energy_shift": 12.0, "flux": 1.05}):
        np.testing.assert_allclose(two.expected(values), one.expected(values), rtol=1e-10)


def test_tensor_recoils_up_to_where_the_bracket_vanishes():
    """dR/dT of the tensor term against SciPy: the flux from sqrt(M T) / 2 on, and the cross section's formula."""
    (run,) = load_runs("conus:C1R1_bsm")
    signal = tensor.with_tensor_component(run, tensor.REACH).signal
    flux = signal.components[1]
    assert flux.flavour == NU_MU_BAR
    energy = np.array([2e-4, 3e-4, 5e-4, 9e-4])
    nodes = nuclear_nodes(signal.target, signal.moments, signal.nuclear, energy)
    points = {p.name: np.zeros(2) for p in tensor.MODEL.parameters}
    points |= {"eps_ee_ut": np.array([0.0, 0.3]), "sin2_theta_w": np.full(2, 0.23857)}
    (rates,) = rates_at(tensor.MODEL, tuple(c.flavour for c in signal.components), [nodes], points)
    isotopes, per_kg = nodes.nucleus, np.asarray(nodes.per_kg)
    for j in range(energy.size):
        total = 0.0
        for i, mass in enumerate(isotopes.mass):
            T, charge = float(nodes.T[i, j]), 0.3 * (2 * isotopes.Z[i] + isotopes.N[i])
            least = math.sqrt(mass * T) / 2

            def rate(E, T=T, mass=mass, charge=charge, F=float(nodes.form_factor[i, j])):
                bracket = 1 - mass * T / (4 * E**2)
                strength = (G_FERMI * HBAR_C_MEV_CM * charge * F) ** 2 * mass / math.pi
                return float(flux.density(np.array(E))) * strength * bracket

            knots = [float(knot) for knot in flux.edges if least < knot < flux.edges[-1]]
            value, _ = quad(rate, least, float(flux.edges[-1]), points=knots, limit=1000, epsabs=0, epsrel=1e-8)
            total += per_kg[i, j] * value
        # The least energy is that of T << E: off by T / (2 E), to which a falling flux is ten times as sensitive.
        assert rates[1, 1, j] == pytest.approx(total, rel=3e-3)
        assert rates[0, 1, j] == 0.0

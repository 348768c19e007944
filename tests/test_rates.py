"""The prediction of CONUS+ against the independent calculation, and the error of the quadrature."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from direct import expected_counts as reference
from direct import flux as reference_flux
from direct import fold as reference_fold
from direct import minimum_energy

import cevnsjax
from cevnsjax.compilation import run_once
from cevnsjax.constants import ELECTRON_MASS, G_FERMI, HBAR_C_MEV_CM
from cevnsjax.experiments import expected_counts, tabulate
from cevnsjax.nuclei import element
from cevnsjax.rates import ionisation_rate, recoil_rate

SM = cevnsjax.model("sm")
DEFAULT = {"sin2_theta_w": jnp.asarray(0.23857)}


def variant(**overrides):
    """CONUS+ with entries of its description changed: a double underscore stands for the dot."""
    return cevnsjax.load_experiment(
        "conus_plus", overrides={key.replace("__", "."): value for key, value in overrides.items()}
    )


def prediction(experiment, channel="all", orders=()):
    def counts(experiment):
        return expected_counts(experiment, tabulate(experiment, *orders), SM, DEFAULT, channel).sum(axis=0)

    return np.asarray(run_once(counts, experiment))


# The prediction


@pytest.mark.parametrize("channel", ["cevns", "eves"])
def test_default_prediction(conus_plus, channel):
    # Measured: 2.5e-7 at worst. 1e-7 of that is in the normalisation to 1.5e13, which leaves out the
    # neutrinos below 50 eV.
    np.testing.assert_allclose(prediction(conus_plus, channel), reference(channel=channel), rtol=1e-6)


def test_both_channels_add_up(conus_plus):
    parts = prediction(conus_plus, "cevns") + prediction(conus_plus, "eves")
    np.testing.assert_allclose(prediction(conus_plus), parts, rtol=1e-14)


@pytest.mark.parametrize(("sin2_theta_w", "quenching_k"), [(0.05, 0.21), (0.6, 0.08)])
def test_other_angles_and_quenchings(likelihood, sin2_theta_w, quenching_k):
    # Through the likelihood, which makes the table anew for each k. Measured: 5e-7 at worst.
    values = {"sin2_theta_w": sin2_theta_w, "quenching_k": quenching_k}
    np.testing.assert_allclose(likelihood.expected(values), reference(**values), rtol=1e-6)


def test_flux_as_the_spectra_give_it():
    as_given = variant(source__total_flux_per_cm2_s=None)
    # Measured: 1.5e-7 at worst, 3e-8 in the sum over bins.
    np.testing.assert_allclose(prediction(as_given, "cevns"), reference(channel="cevns", total_flux=None), rtol=1e-6)


def test_exponential_tail():
    tail = variant(source__above_8_MeV="exponential")
    np.testing.assert_allclose(prediction(tail, "cevns"), reference(channel="cevns", above_8="exponential"), rtol=1e-6)


def test_spectrum_cut_at_8_MeV():
    # Where the spectrum ends with a step, dR/dT ends with a kink, within a panel: 8e-6 in the last bin,
    # which holds a thousandth of the signal.
    cut = variant(source__above_8_MeV="cut")
    np.testing.assert_allclose(prediction(cut, "cevns"), reference(channel="cevns", above_8="cut"), rtol=2e-5)


@pytest.mark.parametrize("channel", ["cevns", "eves"])
def test_without_resolution(channel):
    sharp = variant(response__resolution=None)
    np.testing.assert_allclose(prediction(sharp, channel), reference(channel=channel, resolution=False), rtol=1e-6)


def test_choice_of_tail_moves_the_prediction():
    # Known of CONUS+: cut 0.93, polynomial 1, exponential 1.03 in the number of CEvNS events.
    counts = {
        tail: prediction(variant(source__above_8_MeV=tail), "cevns").sum()
        for tail in ("cut", "polynomial", "exponential")
    }
    assert counts["cut"] / counts["polynomial"] == pytest.approx(0.93, abs=0.01)
    assert counts["exponential"] / counts["polynomial"] == pytest.approx(1.03, abs=0.01)


# Derivatives


def test_derivatives_of_the_prediction():
    sharp = cevnsjax.Likelihood(variant(response__resolution=None), channel="cevns")
    angle, k, step = 0.23857, 0.162, 1e-3
    slopes = jax.jacfwd(sharp.expected)({"sin2_theta_w": jnp.asarray(angle), "quenching_k": jnp.asarray(k)})

    def half_difference(angle_step, k_step):
        ahead, behind = (
            reference(angle + sign * angle_step, k + sign * k_step, channel="cevns", resolution=False)
            for sign in (1, -1)
        )
        return (ahead - behind) / 2

    in_angle = half_difference(step, 0.0) / step  # exact at any step: the cross section is a parabola
    in_k = (8 * half_difference(0.0, step) - half_difference(0.0, 2 * step)) / (6 * step)
    np.testing.assert_allclose(slopes["sin2_theta_w"], in_angle, rtol=1e-6)
    # A derivative in k carries the recoil energies, hence the moments' slopes: one order less exact.
    np.testing.assert_allclose(slopes["quenching_k"], in_k, rtol=1e-5)


def test_every_leaf_of_the_experiment_has_a_finite_derivative(conus_plus):
    def total(experiment):
        return expected_counts(experiment, tabulate(experiment), SM, DEFAULT).sum()

    leaves = jax.tree.leaves(eqx.filter_jit(eqx.filter_grad(total))(conus_plus))
    assert all(np.isfinite(leaf).all() for leaf in leaves)


# Quadrature


@pytest.mark.parametrize("channel", ["cevns", "eves"])
@pytest.mark.parametrize(
    ("changed", "measured"),
    [
        ({}, 2e-8),
        ({"response__resolution": None}, 3e-8),
        ({"source__above_8_MeV": "cut"}, 1e-5),
        ({"source__below_2_MeV": "bestiole", "source__above_2_MeV": "bestiole", "source__above_8_MeV": None}, 1e-7),
    ],
)
def test_doubling_both_orders_changes_nothing(changed, measured, channel):
    # The promise is 1e-4. Little more than what was measured is asserted: a loss is seen long before.
    experiment = variant(**changed)
    doubled = prediction(experiment, channel, orders=(8, 8))
    np.testing.assert_allclose(prediction(experiment, channel), doubled, rtol=measured)


# The path for any cross section


@pytest.fixture(scope="module")
def table(conus_plus):
    return run_once(tabulate, conus_plus)


def test_recoil_rate_of_any_function(conus_plus):
    (flux,) = conus_plus.fluxes
    T, mass = np.array([2e-4, 1e-3]), 67_663.0

    def cross_section(E, T):
        return 1e-40 * jnp.sin(E) ** 2 / (1 + 1e3 * T)

    expected = [
        reference_fold(
            lambda E, t=t: reference_flux(E, total_flux=1.5e13) * 1e-40 * np.sin(E) ** 2 / (1 + 1e3 * t),
            minimum_energy(t, mass),
            1e-10,
        )
        for t in T
    ]
    # 1e-7 from the neutrinos below 50 eV, as above.
    np.testing.assert_allclose(recoil_rate(cross_section, flux, jnp.asarray(T), jnp.asarray(mass)), expected, rtol=2e-7)


def test_fast_path_off_nuclei_equals_direct_folding(conus_plus, table):
    germanium = element("Ge")
    some = jnp.arange(40, table.energy.size, 40)
    (nuclei,), (flux,) = table.nuclei, conus_plus.fluxes
    T, total = nuclei.recoil.T[0, some], 0.0
    for i in range(5):
        protons, neutrons, mass = germanium.isotopes.Z[i], germanium.isotopes.N[i], germanium.isotopes.mass[i]
        charge = protons * (0.5 - 2 * 0.23857) - neutrons / 2

        def cross_section(E, T, mass=mass, charge=charge):
            return (G_FERMI * HBAR_C_MEV_CM * charge) ** 2 * mass / jnp.pi * (1 - mass * T / (2 * E**2))

        form_factor = nuclei.recoil.form_factor[i, some]
        total += nuclei.per_kg[i] * form_factor**2 * recoil_rate(cross_section, flux, T, mass)
    fast = ionisation_rate(table, SM, DEFAULT, "cevns")[some]
    # Of the largest: beyond the bins the rate falls below a millionth of that, with the tail of the flux.
    np.testing.assert_allclose(fast, nuclei.jacobian[some] * total, rtol=1e-6, atol=1e-12 * float(fast.max()))


def test_fast_path_off_electrons_equals_direct_folding(conus_plus, table):
    (flux,) = conus_plus.fluxes
    some = jnp.arange(40, table.energy.size, 40)
    g_v, g_a = 0.5 + 2 * 0.23857, -0.5

    def cross_section(E, T):
        bracket = (g_v + g_a) ** 2 + (g_v - g_a) ** 2 * (1 - T / E) ** 2
        bracket -= (g_v**2 - g_a**2) * ELECTRON_MASS * T / E**2
        return (G_FERMI * HBAR_C_MEV_CM) ** 2 * ELECTRON_MASS / (2 * jnp.pi) * bracket

    T = table.energy[some]
    direct = table.electrons.per_kg[some] * recoil_rate(cross_section, flux, T, jnp.asarray(ELECTRON_MASS))
    np.testing.assert_allclose(ionisation_rate(table, SM, DEFAULT, "eves")[some], direct, rtol=1e-9)

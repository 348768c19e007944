"""The prediction of CONUS+ against the independent calculation, and the error of the quadrature."""

import dataclasses
import gc

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from direct import ELECTRON_MASS, minimum_energy
from direct import expected_counts as reference
from direct import flux as reference_flux
from direct import fold_flux as reference_fold
from scattering import SM, by_quadrature, prediction, quick, sampled

from cevnsjax.constants import G_FERMI, HBAR_C_MEV_CM
from cevnsjax.experiments import load_experiment
from cevnsjax.flavours import NU_E_BAR
from cevnsjax.interactions import cross_section
from cevnsjax.likelihood import Likelihood
from cevnsjax.matter import element
from cevnsjax.rates import (
    _every_filled,
    _filled,
    electron_nodes,
    electron_rate,
    nuclear_nodes,
    nuclear_rate,
    rates_at,
    rates_by_quadrature,
    recoil_rate,
)
from cevnsjax.sources import energy_grid, flux_moments

FLAVOURS = (NU_E_BAR,)
DEFAULT = {"sin2_theta_w": np.float64(0.23857)}
SHARP = {"response.nuclear.smearing": None}


def variant(changes):
    return load_experiment("conus_plus", changes)


# The prediction


@pytest.mark.parametrize("channel", ["cevns", "eves"])
def test_default_prediction(conus_plus, channel):
    # Measured: 2.5e-7 at worst. 1e-7 of that is in the normalisation to 1.5e13, which leaves out the
    # neutrinos below 50 eV.
    np.testing.assert_allclose(prediction(conus_plus, channel=channel), reference(channel=channel), rtol=1e-6)


def test_both_channels_add_up(conus_plus):
    parts = sum(prediction(conus_plus, channel=channel) for channel in ("cevns", "eves"))
    np.testing.assert_allclose(prediction(conus_plus), parts, rtol=1e-14)


@pytest.mark.parametrize(("sin2_theta_w", "quenching_k"), [(0.05, 0.21), (0.6, 0.08)])
def test_other_angles_and_quenchings(likelihood, sin2_theta_w, quenching_k):
    # Through the likelihood, which makes nodes anew for each k. Measured: 5e-7 at worst.
    values = {"sin2_theta_w": sin2_theta_w, "quenching_k": quenching_k}
    np.testing.assert_allclose(likelihood.expected(values), reference(**values), rtol=1e-6)


@pytest.mark.parametrize(
    ("changed", "same_of_reference", "rtol"),
    [
        # Measured: 1.5e-7 at worst, 3e-8 in the sum over bins.
        ({"source.total_flux_per_cm2_s": None}, {"total_flux": None}, 1e-6),
        ({"source.above_8_MeV": "exponential"}, {"above_8": "exponential"}, 1e-6),
        # Where the spectrum ends with a step, dR/dT ends with a kink, within a panel: 8e-6 in the last bin,
        # which holds a thousandth of the signal.
        ({"source.above_8_MeV": "cut"}, {"above_8": "cut"}, 2e-5),
    ],
    ids=["flux as the spectra give it", "exponential tail", "cut at 8 MeV"],
)
def test_other_fluxes(changed, same_of_reference, rtol):
    found = prediction(variant(changed), channel="cevns")
    np.testing.assert_allclose(found, reference(channel="cevns", **same_of_reference), rtol=rtol)


@pytest.mark.parametrize("channel", ["cevns", "eves"])
def test_without_smearing(channel):
    expected = reference(channel=channel, resolution=False)
    np.testing.assert_allclose(prediction(variant(SHARP), channel=channel), expected, rtol=1e-6)


def test_choice_of_tail_moves_the_prediction():
    # Known of CONUS+: cut 0.93, polynomial 1, exponential 1.03 in the number of CEvNS events.
    tails = ("cut", "polynomial", "exponential")
    counts = {tail: prediction(variant({"source.above_8_MeV": tail}), channel="cevns").sum() for tail in tails}
    assert counts["cut"] / counts["polynomial"] == pytest.approx(0.93, abs=0.01)
    assert counts["exponential"] / counts["polynomial"] == pytest.approx(1.03, abs=0.01)


# Derivatives


def test_derivatives_of_the_prediction():
    """In the angle and in k, which moves recoil energies, form factors and moments."""
    signal = variant(SHARP).signal
    exposure = prediction(variant(SHARP), channel="cevns")

    def counts(angle, k):
        response = eqx.tree_at(lambda r: r.yields[0].k, signal.nuclear, k)
        energy, weight = response.nodes()
        nodes = nuclear_nodes(signal.target, signal.moments, response, energy)
        rates = nuclear_rate(SM, FLAVOURS, nodes, {"sin2_theta_w": angle})[0]
        return response.probabilities(energy, slice(None)) @ (weight * rates)

    angle, k, step = 0.23857, 0.162, 1e-3
    (in_angle, in_k), rates = quick(jax.jacfwd(lambda *at: (counts(*at),) * 2, argnums=(0, 1), has_aux=True))(angle, k)
    some = slice(None, None, 4)
    per_rate, in_angle, in_k = (exposure / rates)[some], in_angle[some], in_k[some]

    def half_difference(angle_step, k_step):
        ahead, behind = (
            reference(angle + sign * angle_step, k + sign * k_step, channel="cevns", resolution=False, some=some)
            for sign in (1, -1)
        )
        return (ahead - behind) / 2

    # Exact at any step: the cross section is a parabola.
    np.testing.assert_allclose(per_rate * in_angle, half_difference(step, 0.0) / step, rtol=1e-6)
    # A derivative in k carries the recoil energies, hence the moments' slopes: one order less exact.
    expected = (8 * half_difference(0.0, step) - half_difference(0.0, 2 * step)) / (6 * step)
    np.testing.assert_allclose(per_rate * in_k, expected, rtol=1e-5)


def assert_finite_derivatives(function, tree):
    """In a direction that has a part in every number: a derivative that is not finite shows in the sum."""
    numbers = jax.tree.map(lambda leaf: np.asarray(leaf, dtype=float), tree)
    ones = jax.tree.map(np.ones_like, numbers)
    slopes = quick(lambda x: jax.jvp(function, (x,), (ones,)))(numbers)
    assert all(np.isfinite(leaf).all() for leaf in jax.tree.leaves(slopes))
    return numbers


def test_every_number_of_the_source_has_a_finite_derivative(conus_plus):
    (flux,) = conus_plus.signal.components
    assert_finite_derivatives(lambda flux: flux_moments(flux)(np.geomspace(1e-3, 12.5, 50)), flux)


def test_every_number_of_the_detector_has_a_finite_derivative(conus_plus):
    signal = conus_plus.signal

    def counts(parts):
        target, nuclear, electron = parts
        energy, weight = nuclear.nodes()
        rates = nuclear_rate(SM, FLAVOURS, nuclear_nodes(target, signal.moments, nuclear, energy), DEFAULT)[0]
        off_nuclei = nuclear.probabilities(energy, slice(None)) @ (weight * rates)
        energy, weight = electron.nodes()
        rates = electron_rate(SM, FLAVOURS, electron_nodes(target, signal.moments, energy), DEFAULT)[0]
        return off_nuclei, electron.probabilities(energy, slice(None)) @ (weight * rates)

    assert_finite_derivatives(counts, (signal.target, signal.nuclear, signal.electron))


# Quadrature


@pytest.mark.parametrize("channel", ["cevns", "eves"])
@pytest.mark.parametrize(
    ("changed", "measured"),
    [
        ({}, 2e-8),
        (SHARP, 3e-8),
        ({"source.above_8_MeV": "cut"}, 1e-5),
        ({"source.below_2_MeV": "bestiole", "source.above_2_MeV": "bestiole", "source.above_8_MeV": None}, 1e-7),
    ],
    ids=["default", "no smearing", "cut at 8 MeV", "bestiole"],
)
def test_doubling_both_orders_changes_nothing(changed, measured, channel):
    # The promise is 1e-4. Little more than what was measured is asserted: a loss is seen long before.
    experiment = variant(changed)
    (flux,) = experiment.signal.components
    finer = dataclasses.replace(experiment.signal, moments=(flux_moments(flux, energy_grid(flux, 8)),))
    doubled = prediction(dataclasses.replace(experiment, signal=finer), channel=channel, order=8)
    np.testing.assert_allclose(prediction(experiment, channel=channel), doubled, rtol=measured)


# Several points, several sets of nodes


def test_rates_at_several_points_and_nodes(conus_plus):
    """Chunks, copies that fill them up and sets together do not change a digit."""
    signal = conus_plus.signal
    nuclear, electron = (sampled(signal, kind)[1] for kind in ("nuclear", "electron"))
    angles = np.linspace(0.1, 0.5, 6)
    points = {"sin2_theta_w": angles}
    others = sampled(signal.at({"response.nuclear.yield.k": 0.2}), "nuclear")[1]
    together = rates_at(SM, FLAVOURS, [nuclear, others], points)
    alone = [rates_at(SM, FLAVOURS, [nodes], points)[0] for nodes in (nuclear, others)]
    for one, other in zip(together, alone, strict=True):
        np.testing.assert_allclose(one, other, rtol=1e-13)
    many = rates_at(SM, FLAVOURS, [nuclear], {"sin2_theta_w": np.resize(angles, 100)})[0]
    np.testing.assert_allclose(many, np.resize(alone[0], many.shape), rtol=1e-13)
    assert alone[0].shape == (6, 1, nuclear.T.shape[1])
    # A parabola in the angle, off nuclei and off electrons.
    for rates in (alone[0], rates_at(SM, FLAVOURS, [electron], points)[0]):
        np.testing.assert_allclose(np.diff(rates, 3, axis=0), 0.0, atol=1e-12 * rates.max())
        assert (np.ptp(rates, axis=0) > 0).any()


# The path for any cross section


def test_recoil_rate_of_any_function(conus_plus):
    (flux,) = conus_plus.signal.components
    T, mass = np.array([2e-4, 1e-3]), 67_663.0

    def any_function(E, T, xp=jnp):
        return 1e-40 * xp.sin(E) ** 2 / (1 + 1e3 * T)

    expected = [
        reference_fold(lambda E, t=t: any_function(E, t, np), minimum_energy(t, mass), "polynomial", 1.5e13, 1e-10)
        for t in T
    ]
    # 1e-7 from the neutrinos below 50 eV, as above.
    found = quick(lambda T: recoil_rate(any_function, flux, T, mass))(T)
    np.testing.assert_allclose(found, expected, rtol=2e-7)
    assert reference_flux(3.0, total_flux=1.5e13) == pytest.approx(float(flux.density(np.float64(3.0))), rel=2e-7)


def test_fast_path_off_nuclei_equals_direct_folding(conus_plus):
    signal, isotopes = conus_plus.signal, element("Ge").isotopes
    nodes = sampled(signal, "nuclear")[1]
    some = np.arange(10, nodes.T.shape[1], 20)

    def cross_section(E, T, mass, charge):
        return (G_FERMI * HBAR_C_MEV_CM * charge) ** 2 * mass / np.pi * (1 - mass * T / (2 * E**2))

    @quick
    def folded(T, mass, charge):
        return recoil_rate(lambda E, t: cross_section(E, t, mass, charge), signal.components[0], T, mass)

    total = 0.0
    for i in range(5):
        charge = isotopes.Z[i] * (0.5 - 2 * 0.23857) - isotopes.N[i] / 2
        each = folded(nodes.T[i, some], isotopes.mass[i], charge)
        total += nodes.per_kg[i, some] * nodes.form_factor[i, some] ** 2 * each
    (fast,) = rates_at(SM, FLAVOURS, [nodes], {"sin2_theta_w": np.array([0.23857])})
    # Of the largest: beyond the bins the rate falls below a millionth of that, with the tail of the flux.
    np.testing.assert_allclose(fast[0, 0, some], total, rtol=1e-6, atol=1e-12 * fast.max())


def test_fast_path_off_electrons_equals_direct_folding(conus_plus):
    nodes = sampled(conus_plus.signal, "electron")[1]
    some = np.arange(10, nodes.T.size, 20)
    g_v, g_a = 0.5 + 2 * 0.23857, -0.5

    def cross_section(E, T):
        bracket = (g_v + g_a) ** 2 + (g_v - g_a) ** 2 * (1 - T / E) ** 2
        bracket -= (g_v**2 - g_a**2) * ELECTRON_MASS * T / E**2
        return (G_FERMI * HBAR_C_MEV_CM) ** 2 * ELECTRON_MASS / (2 * np.pi) * bracket

    (flux,) = conus_plus.signal.components
    folded = quick(lambda T: recoil_rate(cross_section, flux, T, ELECTRON_MASS))
    direct = nodes.per_kg[some] * folded(nodes.T[some])
    (fast,) = rates_at(SM, FLAVOURS, [nodes], {"sin2_theta_w": np.array([0.23857])})
    np.testing.assert_allclose(fast[0, 0, some], direct, rtol=1e-9)


def test_quadrature_over_both_energies_equals_the_fast_path(conus_plus):
    """Where the cross section is a polynomial in 1/E both hold; the moments are good to 1e-6."""
    values = {"sin2_theta_w": np.float64(0.3)}

    def nuclear(E, recoil, flavour):
        return cross_section(SM.nuclear(values, recoil, flavour), E)

    def electron(E, recoil, flavour):
        return cross_section(SM.electron(values, recoil, flavour), E)

    for channel, functions in (("cevns", {"nuclear": nuclear}), ("eves", {"electron": electron})):
        direct = by_quadrature(conus_plus, **functions)
        np.testing.assert_allclose(direct, prediction(conus_plus, SM, values, channel), rtol=1e-6)


def test_a_cross_section_that_is_no_polynomial(conus_plus):
    """Scattering off nuclei that stops above 6 MeV of neutrino energy leaves nothing above the recoil it can make."""
    signal = conus_plus.signal
    nodes = sampled(signal, "nuclear")[1]

    def below_6_MeV(E, recoil, flavour):
        return jnp.where(E < 6.0, 1e-40 * jnp.exp(-E), 0.0)

    rates = np.asarray(quick(lambda: rates_by_quadrature(nodes, signal.components, below_6_MeV))())[0]
    reach = 2 * 6.0**2 / (nodes.nucleus.mass.min() + 12.0)
    assert (rates[nodes.T[0] > reach] == 0).all()
    assert (rates[nodes.T[0] < 0.9 * reach] > 0).all()


def test_the_likelihood_predicts_the_same(conus_plus, likelihood):
    np.testing.assert_allclose(likelihood.expected({}), prediction(conus_plus), rtol=1e-13)
    sharp = Likelihood(variant(SHARP), channel="eves")
    np.testing.assert_allclose(sharp.expected({}), prediction(variant(SHARP), channel="eves"), rtol=1e-13)


def test_nodes_are_filled_up_once(conus_plus) -> None:
    """As long as they are there: nothing is kept for nodes that are gone."""
    signal = conus_plus.signal
    nodes = electron_nodes(signal.target, signal.moments, np.array([1e-3, 2e-3]))
    before = len(_every_filled)
    assert _filled(nodes, 2) is _filled(nodes, 2)
    assert len(_every_filled) == before + 1
    del nodes
    gc.collect()
    assert len(_every_filled) == before

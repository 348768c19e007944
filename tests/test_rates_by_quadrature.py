"""The two-dimensional path for any cross section, against the flux moments."""

import equinox as eqx
import jax.numpy as jnp
import numpy as np

import cevnsjax
from cevnsjax.compilation import run_once
from cevnsjax.experiments import tabulate
from cevnsjax.interactions import cross_section
from cevnsjax.rates import bin_rates, bin_rates_by_quadrature


def test_it_equals_the_fast_path(conus_plus) -> None:
    """Where the cross section is a polynomial in 1/E, both hold; the moments are good to 1e-6."""
    sm, params = cevnsjax.model("sm"), {"sin2_theta_w": jnp.asarray(0.3)}
    table = run_once(tabulate, conus_plus)

    def nuclear(E, recoil, flavour):
        return cross_section(sm.nuclear(params, recoil, flavour), E)

    def electron(E, recoil, flavour):
        return cross_section(sm.electron(params, recoil, flavour), E)

    for channel, options in (("cevns", {"nuclear": nuclear}), ("eves", {"electron": electron})):
        direct = run_once(lambda e, t, o=options: bin_rates_by_quadrature(t, e.fluxes, **o), conus_plus, table)
        np.testing.assert_allclose(direct, bin_rates(table, sm, params, channel), rtol=1e-6)
    both = bin_rates_by_quadrature(table, conus_plus.fluxes, nuclear, electron)
    np.testing.assert_allclose(both, bin_rates(table, sm, params), rtol=1e-6)


def test_a_cross_section_that_is_no_polynomial(conus_plus) -> None:
    """Scattering off nuclei that stops above 6 MeV of neutrino energy leaves nothing above the recoil it can make."""
    table = run_once(tabulate, conus_plus)

    def below_6_MeV(E, recoil, flavour):
        return jnp.where(E < 6.0, 1e-40 * jnp.exp(-E), 0.0)

    (nuclei,) = table.nuclei
    # With the identity for weights the rates come out node by node.
    by_node = eqx.tree_at(lambda t: t.weights, table, jnp.eye(table.energy.size))
    nodes = bin_rates_by_quadrature(by_node, conus_plus.fluxes, nuclear=below_6_MeV)
    reach = 2 * 6.0**2 / (nuclei.recoil.nucleus.mass.min() + 12.0)
    assert (np.asarray(nodes)[np.asarray(nuclei.recoil.T[0] > reach)] == 0).all()
    assert (np.asarray(nodes)[np.asarray(nuclei.recoil.T[0] < 0.9 * reach)] > 0).all()

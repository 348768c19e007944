"""Slopes and curvatures of chi-squared, from those of counts, against its automatic differentiation."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from scattering import quick

import cevnsjax
from cevnsjax.likelihood.objective import chi2, quadratic

CASES = {
    "moved spectra, two couplings": (("conus_plus",), "nsi_vector", ["eps_ee_uv", "eps_ee_dv"], "detailed"),
    "formulas": (("dresden2",), "sm", ["sin2_theta_w"], "default"),
    "formulas that move": (("conus:C1R1",), "magnetic_moment", ["mu_nu_e"], "detailed"),
    "tables that morph": (("xenonnt_b8", "coherent_lar:templates"), "sm", ["sin2_theta_w"], "default"),
    "tables on a grid": (("xenonnt_er",), "sm", ["sin2_theta_w"], "default"),
    "a free strength": (("coherent_lar:templates", "coherent_csi"), "sm", ["norm_coherent_lar"], "default"),
}


@pytest.mark.parametrize("case", CASES)
def test_against_automatic_differentiation(case: str) -> None:
    names, model, free, systematics = CASES[case]
    likelihood = cevnsjax.Likelihood(*names, model=model, systematics=systematics)
    view = likelihood.view({}, [name for name in free if name in likelihood.parameters] or ["norm"])
    y, held = view.start({})
    y = y + 0.3 * np.random.default_rng(0).normal(size=y.size)
    kernel, data, y, held = jax.tree.map(jnp.asarray, (view.kernel, view.data, y, held))

    @quick
    def both(y):
        def own(y):
            return chi2(kernel, data, y, held)

        return quadratic(kernel, data, y, held), (*jax.value_and_grad(own)(y), jax.hessian(own)(y))

    (value, gradient, curvature, bent), (value_ad, gradient_ad, hessian) = both(y)
    assert np.isfinite(value)
    assert float(value) == pytest.approx(float(value_ad), rel=1e-12)
    # Closed factors have no slope, as they are not searched for.
    searched = np.asarray(kernel.closed) == 0
    np.testing.assert_allclose(gradient[searched], gradient_ad[searched], rtol=1e-9, atol=1e-9 * float(value))
    if not searched.all() or case.startswith("formula"):
        return  # a closed factor's own bend, and those of formulas, are left out
    size = np.sqrt(np.outer(np.diag(hessian), np.diag(hessian)))
    np.testing.assert_allclose((curvature + bent) / size, hessian / size, atol=1e-9)
    assert (np.linalg.eigvalsh(curvature / size) > -1e-12).all()

"""Workspaces of HistFactory, evaluated and fitted by pyhf, which shares no code with this package."""

import re

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import cevnsjax
from cevnsjax.errors import InputError

POINTS = 100

# pyhf checks its schema by a class that jsonschema will drop.
pytestmark = pytest.mark.filterwarnings("ignore:jsonschema.RefResolver:DeprecationWarning")


WORKSPACES = {
    "csi": (["coherent_csi"], "rates", {}),
    "csi, backgrounds only": (["coherent_csi"], "backgrounds", {"sin2_theta_w": 0.25}),
    "csi, numbers that move the signal fixed": (
        ["coherent_csi"],
        "default",
        {"quenching_0": 0.5, "quenching_1": -0.2, "pe_efficiency": 0.1},
    ),
    "a factor fixed, others not": (["coherent_csi"], "rates", {"sns_flux": 1.2, "steady_rate": 0.98}),
    "lar": (["coherent_lar"], "default", {}),
    "both, a shared flux": (
        ["coherent"],
        "default",
        dict.fromkeys(("quenching_0_coherent_csi", "quenching_1_coherent_csi", "pe_efficiency_coherent_csi"), 0.0),
    ),
}


@pytest.mark.parametrize("case", WORKSPACES)
def test_pyhf_agrees(case):
    """2 Delta log L of a workspace as pyhf has it, by its own settings, at random points."""
    pyhf = pytest.importorskip("pyhf")
    experiments, systematics, values = WORKSPACES[case]
    likelihood = cevnsjax.Likelihood(*experiments, systematics=systematics)
    space = pyhf.Workspace(cevnsjax.export(likelihood, "pyhf", values))  # checks the schema
    theirs = space.model()
    data, rng = space.data(theirs), np.random.default_rng(11)
    nuisances = {n.name: n for n in likelihood.nuisances}
    norms = [name for name in nuisances if name.startswith("norm")]
    bounds = dict(zip(theirs.config.par_names, theirs.config.suggested_bounds(), strict=True))
    assert set(bounds) == {"mu", *(n.name for n in likelihood.nuisances if n.searched and n.name not in values)}
    rows = np.array([rng.uniform(low, high, POINTS) for low, high in bounds.values()])
    points = {name: jnp.asarray(nuisances[name].centre + nuisances[name].sigma * row)
              for name, row in zip(bounds, rows, strict=True) if name != "mu"}  # fmt: skip
    points |= dict.fromkeys(norms, jnp.asarray(rows[list(bounds).index("mu")]))
    ours = np.asarray(jax.jit(jax.vmap(lambda point: likelihood.chi2({**values, **point})))(points))
    found = np.array([-2 * float(theirs.logpdf(row, data)[0]) for row in rows.T])
    np.testing.assert_allclose(found - found[0], ours - ours[0], rtol=0, atol=1e-8)


def test_pyhf_fits_what_we_fit():
    """The strength at the best fit, by another minimiser."""
    pyhf = pytest.importorskip("pyhf")
    likelihood = cevnsjax.Likelihood("coherent_csi", systematics="rates")
    space = pyhf.Workspace(cevnsjax.export(likelihood, "pyhf"))
    theirs = space.model()
    best = pyhf.infer.mle.fit(space.data(theirs), theirs)
    ours = cevnsjax.fit(likelihood, free=["norm"], values={"sin2_theta_w": 0.23857})
    assert best[theirs.config.poi_index] == pytest.approx(ours.best_fit["norm"], abs=1e-3)


@pytest.mark.parametrize(
    ("experiment", "systematics", "message"),
    [
        ("coherent_csi", "default", "coherent_csi: pe_efficiency moves response.nuclear.efficiency.shifts.1"),
        (
            "coherent_lar",
            "detailed",
            "coherent_lar: brn_energy morphs brn by a parabola, which is no histosys; fix brn_",
        ),
        ("xenonnt_b8", "backgrounds", "xenonnt_b8:SR0: t_ly moves response.nuclear.matrix_at.t_ly"),
    ],
)
def test_what_has_no_exact_form_is_refused(experiment, systematics, message):
    with pytest.raises(InputError, match=re.escape(message)):
        cevnsjax.export(cevnsjax.Likelihood(experiment, systematics=systematics), "pyhf")

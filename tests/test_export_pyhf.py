"""Workspaces of HistFactory, evaluated and fitted by pyhf, which shares no code with this package."""

import dataclasses
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
    "a free factor": (["xenonnt_er"], "default", {}),
    "both, a shared flux": (
        ["coherent"],
        "default",
        dict.fromkeys(("quenching_0_coherent_csi", "quenching_1_coherent_csi", "pe_efficiency_coherent_csi"), 0.0),
    ),
}


def differences(likelihood, values):
    """Return 2 Delta log L of a workspace as pyhf has it, by its own settings, and ours, at random points."""
    pyhf = pytest.importorskip("pyhf")
    space = pyhf.Workspace(cevnsjax.export(likelihood, "pyhf", values))  # checks the schema
    theirs = space.model()
    data, rng = space.data(theirs), np.random.default_rng(11)
    nuisances = {n.name: n for n in likelihood.nuisances}
    bounds = dict(zip(theirs.config.par_names, theirs.config.suggested_bounds(), strict=True))
    assert set(bounds) == {"mu", *(n.name for n in likelihood.nuisances if n.searched and n.name not in values)}
    rows = {name: rng.uniform(low, high, POINTS) for name, (low, high) in bounds.items()}
    points = {}
    for name, row in rows.items():
        if name == "mu":
            points |= dict.fromkeys((norm for norm in nuisances if norm.startswith("norm")), jnp.asarray(row))
        else:
            n = nuisances[name]
            points[name] = jnp.asarray(row if n.sigma is None else n.centre + n.sigma * row)
    ours = np.asarray(jax.jit(jax.vmap(lambda point: likelihood.chi2({**values, **point})))(points))
    found = np.array([-2 * float(theirs.logpdf(row, data)[0]) for row in np.stack([*rows.values()]).T])
    return found - found[0], ours - ours[0]


@pytest.mark.parametrize("case", WORKSPACES)
def test_pyhf_agrees(case):
    experiments, systematics, values = WORKSPACES[case]
    found, expected = differences(cevnsjax.Likelihood(*experiments, systematics=systematics), values)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-8)


@pytest.fixture
def even():
    """Liquid argon whose beam neutrons are morphed by tables at equal distances; these nuisances, and others."""
    experiment = cevnsjax.load_experiment("coherent_lar")
    (brn,) = (sample for sample in experiment.samples if sample.name == "brn")
    up = brn.table * (1 + 0.1 * np.cos(np.arange(brn.table.size)))
    brn = dataclasses.replace(brn, morphs={**brn.morphs, "brn_energy": (up, 2 * brn.table - up)})
    others = tuple(sample for sample in experiment.samples if sample.name != "brn")
    chosen = [n for n in experiment.nuisances["detailed"] if n.name not in ("brn_time", "brn_width")]

    def made(*without):
        kept = tuple(n for n in chosen if n.name not in without)
        return dataclasses.replace(experiment, samples=(brn, *others), nuisances={"default": kept})

    return made


def test_a_morph_at_equal_distances_agrees(even):
    found, expected = differences(cevnsjax.Likelihood(even("brn_rate")), {})
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-8)


def test_a_morph_under_a_fixed_factor_agrees(even):
    found, expected = differences(cevnsjax.Likelihood(even()), {"brn_rate": 1.3})
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-8)


def test_a_fixed_morph_under_a_factor_agrees(even):
    found, expected = differences(cevnsjax.Likelihood(even()), {"brn_energy": -0.8})
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-8)


def test_a_product_is_refused(even):
    with pytest.raises(InputError, match=r"brn_rate, brn_energy scale and morph brn: .*; fix brn_rate at a value"):
        cevnsjax.export(cevnsjax.Likelihood(even()), "pyhf")


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
        (
            "coherent_csi",
            "default",
            "coherent_csi: pe_efficiency, quenching_0, quenching_1 would move response.nuclear.efficiency.shifts.1, ",
        ),
        (
            "coherent_lar",
            "detailed",
            "coherent_lar: brn_energy morphs brn by a parabola, which is no histosys; fix brn_",
        ),
        (
            "xenonnt_b8",
            "backgrounds",
            "which no histosys does; fix t_ly and t_qy at a value, or choose other systematics (backgrounds, ",
        ),
    ],
)
def test_what_has_no_exact_form_is_refused(experiment, systematics, message):
    with pytest.raises(InputError, match=re.escape(message)):
        cevnsjax.export(cevnsjax.Likelihood(experiment, systematics=systematics), "pyhf")

"""Nothing moved: results of version 0.1.0, made by its own code, again from this one.

What did move is listed here, each with its reason and a bound of its own:

- Dresden-II: the old quadrature reached across the knots of the tabulated yield, an error of up to 4e-4 of the largest
  bin. The new panels end at every knot; `test_tabulated_yields` compares both with an independent integration. With
  another `quenching_yield` the old nodes missed part of the signal.
- CONUS far from the minimum: the old polynomial in the shift of energies, of a fixed degree 8 over +- 75 eV, was
  wrong by some 1e-6 of the largest bin; the degree is chosen by the measured error now. A strength of 20, or a large
  coupling, multiplies it.
- Joint fits with systematics `detailed`: expected data are made at the common centre of k now.
- Two interactions with quarks at once: the old profile lost the valley along which counts stay as they are. The new end
  is compared with a plain minimum over a grid.
"""

import functools
import json
from pathlib import Path

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import cevnsjax
from cevnsjax.likelihood.derivatives import fisher, hessian

GOLDEN = json.loads((Path(__file__).parent / "golden" / "old_0.1.0.json").read_text(encoding="utf-8"))

SAME_COUNTS, SAME_CHI2, SAME_END = 1e-9, 1e-6, 1e-4
DRESDEN_COUNTS, DRESDEN_CHI2, OFF_CHI2 = 4e-4, 0.01, 0.04
"""Of the largest bin, where the signal is a fifth of the background; and of chi-squared, whose slope is largest with
the source off, where the best signal is negative."""

CONUS_CHI2 = 2e-5
"""Relative, beside SAME_CHI2: what an error of 1e-6 of the largest bin may do at a strength that is excluded."""


@functools.cache
def likelihood_of(experiments, model, channel, systematics, pull, overrides="{}", threshold=None):
    given = [e for name in experiments for e in cevnsjax.load_runs(name, json.loads(overrides), threshold)]
    return cevnsjax.Likelihood(*given, model=model, channel=channel, systematics=systematics, pull=pull)


def of_case(case, pull="profiled"):
    names = tuple(case.get("experiments") or [case["experiment"]])
    overrides = json.dumps(case.get("overrides", {}))
    channel = case.get("channel", "all")
    return likelihood_of(names, case["model"], channel, case["systematics"], pull, overrides, case.get("threshold"))


def label(case):
    names = "+".join(case.get("experiments") or [case["experiment"]])
    return f"{names}-{case.get('model', 'sm')}-{case.get('channel', 'all')}-{case['systematics']}-{case['values']}"


def on_dresden(case):
    return any("dresden2" in name for name in case.get("experiments") or [case["experiment"]])


THIRD = slice(None, None, 3)
"""All of chi-squared and of the fits were compared as long as the new code was new; every third is kept."""


def test_predictions():
    moved = []
    for case in GOLDEN["predictions"]:
        if "quenching_yield" in case["values"]:
            continue  # the old ones are wrong: see above
        expected = np.asarray(of_case(case).expected(case["values"]))
        allowed = DRESDEN_COUNTS if on_dresden(case) else SAME_COUNTS
        away = np.abs(expected[:: case["step"]] - case["expected"]).max() / case["largest"]
        total = abs(expected.sum() / case["total"] - 1) if case["total"] else abs(expected.sum())
        if not max(away, total) <= allowed:
            moved.append((label(case), away, total))
    assert not moved, moved


def test_chi_squared_and_nuisances():
    moved = []
    for case in GOLDEN["chi2"][THIRD]:
        if "quenching_yield" in case["values"] or (case["systematics"] == "detailed" and len(case["experiments"]) > 1):
            continue  # expected data are made at the common centre of k now
        if case["experiments"] != ["conus_plus"] and case["values"]:
            continue  # a program for each set of names, which takes seconds: once they were all compared
        likelihood = of_case(case, case["pull"])
        chi2 = float(likelihood.chi2(case["values"]))
        allowed = SAME_CHI2 + CONUS_CHI2 * abs(case["chi2"]) * any("conus:" in n for n in case["experiments"])
        if on_dresden(case):
            allowed = OFF_CHI2 if "dresden2:off" in case["experiments"] else DRESDEN_CHI2
        if not abs(chi2 - case["chi2"]) <= allowed:
            moved.append((label(case), chi2, case["chi2"]))
        log_likelihood = float(likelihood.log_likelihood(case["values"]))
        if not abs(log_likelihood - case["log_likelihood"]) <= allowed:
            moved.append((label(case), log_likelihood, case["log_likelihood"]))
        # The place is a program of its own for each shape: it is compared for some of them.
        if case["experiments"] != ["conus_plus"] and label(case) != "conus:cevns-sm-all-default-{}":
            continue
        best = likelihood.best_nuisances(case["values"])
        steps = {n.name: n.step for n in likelihood.nuisances}
        away = max(
            (
                abs(float(best[name]) - value) / steps[name]
                for name, value in case["best_nuisances"].items()
                if name in best
            ),
            default=0.0,
        )
        # A nuisance lies where chi-squared is flat: a chi-squared wrong by d moves it by the root of d.
        if not away <= 10 * allowed**0.5:
            moved.append((label(case), away))
    assert not moved, moved


def compared(intervals, expected):
    """Return the largest difference of two sets of intervals, in units of their widths; infinite if kinds differ."""
    worst = 0.0
    for name, pieces in expected.items():
        if len(pieces) != len(intervals[name]):
            return np.inf
        for (low, high), ours in zip(pieces, intervals[name], strict=True):
            for end, own in zip((low, high), ours, strict=True):
                if (end is None) != (own is None):
                    return np.inf
                if end is not None:
                    width = high - low if None not in (low, high) else abs(end)
                    worst = max(worst, abs(own - end) / width)
    return worst


def with_free_mass(case):
    return any(name in ("m_z", "m_phi") for name in case["free"])


def is_valley(case):
    return case["model"] == "nsi_vector" and len(case["free"]) == 2


SINGLE = [c for c in GOLDEN["fits"] if not (is_valley(c) or with_free_mass(c)) and c["experiments"] == ["conus_plus"]]


def test_fits():
    moved = []
    for case in SINGLE[THIRD]:
        result = cevnsjax.fit(of_case(case, case["pull"]), case["free"], case["values"], case["cl"])
        away = compared(result.intervals, case["intervals"])
        # The new search may find a lower minimum, and must then say so in chi2_min; none does here.
        if not (abs(result.chi2_min - case["chi2_min"]) <= SAME_CHI2 and away <= SAME_END):
            moved.append((label(case), case["free"], result.chi2_min - case["chi2_min"], away))
    assert not moved, moved


@pytest.mark.parametrize("case", [c for c in GOLDEN["fits"] if is_valley(c)], ids=label)
def test_the_valley_that_was_lost(case):
    likelihood = of_case(case)
    result = cevnsjax.fit(likelihood, case["free"], case["values"], case["cl"])
    assert result.chi2_min <= case["chi2_min"] + SAME_CHI2
    assert result.intervals["eps_ee_uv"][0] == pytest.approx(case["intervals"]["eps_ee_uv"][0], rel=1e-4)
    (low, high), (old_low, old_high) = result.intervals["eps_ee_dv"][0], case["intervals"]["eps_ee_dv"][0]
    assert high == pytest.approx(old_high, rel=1e-4)
    assert low < old_low - 5
    # chi^2 is at the level at the new end: the least over a fine grid of the other coupling.
    level = result.chi2_min + cevnsjax.inference.threshold(case["cl"])
    up = jnp.linspace(-40.0, 40.0, 20001)
    at = jax.jit(jax.vmap(lambda u: likelihood.chi2({"eps_ee_uv": u, "eps_ee_dv": low})))
    assert float(at(up).min()) == pytest.approx(level, abs=1e-3)


def test_scans():
    for case in GOLDEN["scans"]:
        result = cevnsjax.scan(of_case(case | {"values": {}}), tuple(case["x"]), tuple(case["y"]), free=[])
        ours, old = result.delta_chi2 + result.chi2_min, np.array(case["chi2"])
        assert np.abs(ours - old).max() <= SAME_CHI2 * max(1.0, old.max())
        # The least of a plane is searched for with both parameters at once now.
        assert result.chi2_min <= case["chi2_min"] + SAME_CHI2


def test_derivatives():
    for case in GOLDEN["derivatives"][THIRD]:
        likelihood = of_case(case | {"model": "sm"})
        # Second derivatives of a polynomial that is exact to 1e-6 of the largest bin.
        for function, key in ((hessian, "hessian"), (fisher, "fisher")):
            obtained = np.asarray(function(likelihood, case["values"], case["names"]))
            scale = np.sqrt(np.outer(np.diag(case[key]), np.diag(case[key])))
            assert np.abs((obtained - case[key]) / scale).max() < 1e-4, key

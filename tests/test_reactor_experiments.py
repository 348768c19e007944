"""Reactor experiments without public spectra: counts against an independent integration, and published results."""

import math
import tomllib

import numpy as np
import power_reactor as reference
import pytest
from ingredients import DATA, read_table
from scipy.special import ndtr

import cevnsjax
from cevnsjax.errors import InputError
from cevnsjax.experiments import load_experiment, load_runs
from cevnsjax.inference import expected_intervals

SIN2 = 0.23857
NAMES = ("connie", "nugen", "texono", "ricochet", "relics", "nucleus")

PUBLISHED = {(row["experiment"], row["quantity"]): row for row in read_table("published/reactors.csv")}


def published(experiment: str, quantity: str) -> float:
    return float(PUBLISHED[experiment, quantity]["value"])


def signal(likelihood: cevnsjax.Likelihood) -> float:
    """Events of the signal over the run."""
    (both,), (none,) = (likelihood.expected_in({"sin2_theta_w": SIN2, "norm": norm}) for norm in (1.0, 0.0))
    return float(np.sum(np.asarray(both) - np.asarray(none)))


def per_kg_d(name: str, channel: str = "all") -> float:
    likelihood = cevnsjax.Likelihood(name, channel=channel)
    return signal(likelihood) / float(likelihood.experiments[0].sample_exposure[0])


def limit(name: str, parameter: str, cl: float) -> float:
    """The upper end of what will be allowed, if the Standard Model is true."""
    ((_, high),) = expected_intervals(cevnsjax.Likelihood(name), parameter, {}, cl)
    assert high is not None
    return high


def file(name: str) -> dict:
    return tomllib.loads((DATA / name / "experiment.toml").read_text(encoding="utf-8"))


# Counts against an independent integration


def test_sharp_recoils_in_xenon() -> None:
    given = file("relics")
    edges = given["runs"][0]["edges"]
    found = reference.counts(given["source"], {"Xe": 1}, SIN2, lambda T: 1.0, (edges["start"], 0.9, edges["stop"]))
    assert per_kg_d("relics") == pytest.approx(found, rel=1e-3)


def test_electrons_of_xenon() -> None:
    """NEST's formula in place of the table, and SciPy's Poisson distribution."""
    given = file("relics")
    quanta = given["variants"]["electrons"]["response"]["signal_per_keV"] * 13.7e-3

    def seen(T: float) -> float:
        charge = (1 - 1 / (1 + (T / 0.3) ** 2)) / (0.0480 * 200**-0.0533 * math.sqrt(T + 12.6))
        mean = quanta * charge * T
        return math.exp(-mean) * sum(mean**n / math.factorial(n) for n in range(4, 10))

    found = reference.counts(given["source"], {"Xe": 1}, SIN2, seen, (0.05, 0.2, 0.4, 0.7, 1.0, 1.5, 2.5))
    # The table is straight between energies 25 to 50 eV apart.
    assert per_kg_d("relics:electrons") == pytest.approx(found, rel=2e-3)


def test_silicon_with_the_measured_yield() -> None:
    given = file("connie")
    rows = read_table("quenching/silicon_2016_2017.csv")
    recoil, share = (np.array([float(row[c]) for row in rows]) for c in ("recoil_energy_keV", "cutoff"))
    smearing = given["response"]["nuclear"]["smearing"]

    def seen(T: float) -> float:
        energy = 1e3 * T * float(np.interp(T, recoil, share))
        sigma = math.sqrt(smearing["noise"] ** 2 + smearing["fano"] * smearing["pair_energy"] * energy)
        return float(ndtr((300 - energy) / sigma) - ndtr((100 - energy) / sigma))

    # All knots of the yield between 50 and 400 eV of ionisation.
    pieces = [T for T, Y in zip(recoil, share, strict=True) if 0.05 < T * Y < 0.4]
    found = reference.counts(given["source"], {"Si": 1}, SIN2, seen, [0.6, *pieces, 2.6])
    assert per_kg_d("connie", "cevns") == pytest.approx(found, rel=1e-3)


@pytest.mark.parametrize(
    ("name", "elements"), [("nucleus", {"Ca": 1, "W": 1, "O": 4}), ("nucleus:sapphire", {"Al": 2, "O": 3})]
)
def test_crystals_of_several_elements(name: str, elements: dict[str, int]) -> None:
    given = file("nucleus")
    sigma = given["response"]["nuclear"]["smearing"]["noise"]

    def seen(T: float) -> float:
        return float(ndtr((1000 - 1e3 * T) / sigma) - ndtr((20 - 1e3 * T) / sigma))

    pieces = (0.001, 0.01, 0.02, 0.03, 0.05, 0.1, 0.2, 0.4, 0.7, 0.97, 1.03)
    found = reference.counts(given["source"], elements, SIN2, seen, pieces)
    assert per_kg_d(name, "cevns") == pytest.approx(found, rel=1e-3)


def test_two_reactors_are_one_of_their_sum() -> None:
    source = file("nucleus")["source"]
    assert source["power_GW"] / source["baseline_m"] ** 2 == pytest.approx(4.25 / 72**2 + 4.25 / 102**2, rel=1e-4)


# What is published beside what is expected


@pytest.mark.parametrize("name", NAMES)
def test_every_result_says_that_data_are_expected(name: str) -> None:
    (note,) = cevnsjax.Likelihood(name).notes
    assert "no data are public" in note
    assert "assumptions" in note


@pytest.mark.parametrize("name", NAMES)
def test_all_variants_load(name: str) -> None:
    for variant in file(name).get("variants", {}):
        assert load_runs(f"{name}:{variant}")


@pytest.mark.parametrize("pair", [("nucleus", "sapphire"), ("ricochet", "zinc"), ("connie", "skipper")])
def test_detectors_at_one_reactor_share_its_flux(pair: tuple[str, str]) -> None:
    name, variant = pair
    searched = cevnsjax.Likelihood(name, f"{name}:{variant}").searched
    assert "flux" in searched
    assert sum(one.startswith("background_rate_") for one in searched) == 2


@pytest.mark.parametrize("name", ["ricochet", "ricochet:zinc"])
def test_rates_of_ricochet(name: str) -> None:
    """Both are 0.9 of the published ones: what is common to both is the flux, of which no more is published."""
    assert per_kg_d(name) / published(name, "rate") == pytest.approx(0.895, abs=0.005)


@pytest.mark.parametrize(("name", "sigmas"), [("ricochet", 30.1), ("ricochet:weak_veto", 18.8)])
def test_significance_of_ricochet(name: str, sigmas: float) -> None:
    """Two to four times the published one: efficiency, time without the reactor and shapes are not in the abstract."""
    expected = math.sqrt(float(cevnsjax.Likelihood(name).chi2({"norm": 0.0})))
    assert expected == pytest.approx(sigmas, abs=0.1)
    assert expected > published(name, "significance")


def test_events_of_relics() -> None:
    """Sharp recoil energies have the published events to 7 %; fluctuations of electrons make 3.4 times as many."""
    events = {name: signal(cevnsjax.Likelihood(name)) for name in ("relics", "relics:electrons")}
    assert events["relics"] / published("relics", "events") == pytest.approx(0.937, abs=0.003)
    assert events["relics:electrons"] / published("relics", "events") == pytest.approx(3.44, abs=0.03)
    for name in events:
        (experiment,) = load_runs(name)
        assert float(experiment.background().sum()) == pytest.approx(published("relics", "background"), rel=1e-4)


def test_limit_of_connie() -> None:
    """The background is known to an order of magnitude, so that its root, and the limit, are to a factor of three."""
    row = PUBLISHED["connie", "norm"]
    expected = limit("connie", "norm", float(row["cl"]))
    assert expected == pytest.approx(38.1, abs=0.1)
    assert 1 / 3 < expected / float(row["value"]) < 3
    # Lindhard's yield, more than twice the measured one, would more than double the limit's strength.
    assert limit("connie:lindhard", "norm", 0.95) < expected / 2


def test_limit_of_the_skipper_sensors() -> None:
    """'Comparable' with the earlier limit; what is not measured of the yield doubles it."""
    low, high = (limit(f"connie:{name}", "norm", 0.95) for name in ("skipper_constant", "skipper"))
    assert low == pytest.approx(52, abs=1)
    assert high == pytest.approx(101, abs=2)


def test_limit_of_nugen() -> None:
    """A background of 10 to 100 moves the limit by more than it differs from the published one."""
    row = PUBLISHED["nugen", "quenching_k"]
    expected = limit("nugen", "quenching_k", float(row["cl"]))
    assert expected == pytest.approx(0.203, abs=0.001)
    ends = []
    for rate in (10.0, 100.0):
        run = load_experiment("nugen", {"sample.background.rate_per_keV_kg_d": rate})
        ((_, high),) = expected_intervals(cevnsjax.Likelihood(run), "quenching_k", {}, 0.9)
        ends.append(high)
    assert ends[0] < expected < ends[1]


def test_limit_of_texono() -> None:
    """2.6 times as strong as the published one, which no flat background up to 100 explains."""
    row = PUBLISHED["texono", "norm"]
    expected = limit("texono", "norm", float(row["cl"]))
    assert expected == pytest.approx(1.82, abs=0.01)
    assert 1 < expected < float(row["value"])


def test_precision_of_nucleus() -> None:
    """17 % and 7.7 sigma, of which 5 % are the flux; 20 % and 4.7 sigma are published."""
    likelihood = cevnsjax.Likelihood("nucleus")
    ((low, high),) = expected_intervals(likelihood, "norm", {}, 0.6827)
    assert low is not None
    assert high is not None
    assert (high - low) / 2 == pytest.approx(published("nucleus", "precision"), rel=0.25)
    assert math.sqrt(float(likelihood.chi2({"norm": 0.0}))) == pytest.approx(7.7, abs=0.1)


# Yields that come with the package


def test_measured_yields_belong_to_their_elements() -> None:
    for name, table, column in (
        ("nugen", "silicon_2016_2017.csv", "cutoff"),
        ("connie", "xenon_nest_2.csv", "nest_200_V_cm"),
    ):
        given = {"kind": "table", "file": table, "column": column}
        with pytest.raises(InputError, match="put a table of your own"):
            load_experiment(name, {"response.nuclear.yield": given})


def test_silicon_yields() -> None:
    """The lowest measured energy leaves 60 eV; below, one column falls to zero and one stays; Lindhard lies above."""
    (cutoff,), (constant,), (lindhard,) = (
        load_runs(f"connie:{n}") for n in ("skipper", "skipper_constant", "lindhard")
    )
    T = np.array([0.35, 0.5, 0.68, 1.05, 2.0]) * 1e-3
    low, high, theory = (
        1e6 * np.asarray(run.signal.nuclear.of_element(0).visible(T)) for run in (cutoff, constant, lindhard)
    )
    assert low[2] == pytest.approx(60.0, abs=0.1)
    assert low[3] == pytest.approx(120.0, abs=0.1)
    np.testing.assert_allclose(low[2:], high[2:])
    assert (low[:2] < high[:2]).all()
    assert (theory > high).all()

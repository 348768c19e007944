"""The whole reproduction, once: files, figures, and numbers that agree with the functions behind them."""

import dataclasses
import itertools
import json
import math
from pathlib import Path

import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest
import xarray as xr

import cevnsjax
from cevnsjax.inference import threshold
from cevnsjax.interactions.electromagnetic import millicharge_of_moment
from cevnsjax.reproduce import (
    coherent,
    conus_events,
    conus_planes,
    global_fit,
    global_planes,
    mediators,
    reactor_planes,
    reactors,
    reproduce,
    solar_b8,
    solar_electrons,
    tensor,
    weak_mixing_angle,
)
from cevnsjax.reproduce.assumptions import INTEGRATED, LIKELY, ONE_SIGMA, angle_assumptions, limit_assumptions
from cevnsjax.reproduce.conus_limits import LOWEST_RECOIL
from cevnsjax.reproduce.tensor import BRACKET


@pytest.fixture(scope="module")
def folder(tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("results") / "here"
    with pytest.MonkeyPatch.context() as patch:
        # One plane of CONUS of four, coarser ones, and fewer switches, of what is made alike.
        patch.setattr(conus_planes, "PLANES", (dataclasses.replace(conus_planes.PLANES[0], masses=(1e-3, 1e2, 5)),))
        patch.setattr(conus_planes, "CHANNELS", conus_planes.CHANNELS[:1])
        patch.setattr(conus_planes, "VECTORS", (-3.0, 3.0, 7))
        patch.setattr(conus_planes, "TENSORS", (-0.5, 0.5, 7))
        patch.setattr(conus_events, "QUENCHING", (0.14, 0.16, 0.18))
        patch.setattr(conus_planes, "SPLITTINGS", (0.05, 5.0, 11))
        patch.setattr(tensor, "SWITCHES", tensor.SWITCHES[:1])
        # Of COHERENT what is published: each set of experiments waits for the compiler.
        for name, kept in (("ANGLES", ("csi_angle", "both_angle")), ("RADII", ("csi_radius",))):
            patch.setattr(coherent, name, {key: getattr(coherent, name)[key] for key in kept})
        patch.setattr(coherent, "STRENGTHS", coherent.STRENGTHS[:2])
        patch.setattr(coherent, "SWITCHES", dict(list(coherent.SWITCHES.items())[:2]))
        coarse = {"x": ("neutron_radius", 3.5, 7.5, 9), "y": ("sin2_theta_w", 0.14, 0.42, 9)}
        patch.setattr(coherent, "PLANE", dataclasses.replace(coherent.PLANE, **coarse))
        # Of the global fit the cheapest data, one limit, and two coarse planes.
        conus_plus, csi, electrons = global_planes.CONUS_PLUS, global_planes.CSI, global_planes.ELECTRONS
        _, flavours, _, vector, *_ = global_planes.PLANES
        coarse = {"x": ("eps_ee_dv", -0.3, 0.7, 11), "y": ("eps_mumu_dv", -0.3, 0.7, 11), "data": (csi,)}
        smaller = [dataclasses.replace(flavours, **coarse)]
        few = tuple(data._replace(systematics="simple") for data in (conus_plus, electrons))
        smaller += [dataclasses.replace(vector, x=("m_z", 1e-3, 1e3, 5), data=few)]
        patch.setattr(global_fit, "PLANES", tuple(smaller))
        patch.setattr(global_fit, "ANGLES", (conus_plus, csi))
        patch.setattr(global_fit, "DARK", (csi,))
        patch.setattr(global_fit, "LIMITS", {"charge_radius": ("r2_mumu",)})
        patch.setattr(global_fit, "LIMITED", (conus_plus, electrons))
        patch.setattr(global_fit, "ALL", csi)
        # Of solar neutrinos in Fig. 7 few masses, and none of their points in Fig. 3.
        coarser = [dataclasses.replace(one, masses=min(one.masses, 3)) for one in mediators.SOLAR]
        patch.setattr(mediators, "SOLAR", tuple(coarser))
        for label in ("XENONnT 8B", "PandaX-4T 8B"):
            patch.delitem(weak_mixing_angle.OWN, label)
        # Of reactor experiments two, and a coarse plane of radius and angle.
        patch.setattr(reactors, "EXPERIMENTS", {name: reactors.EXPERIMENTS[name] for name in ("texono", "nucleus")})
        patch.setattr(reactor_planes, "RADII", (3.5, 7.6, 13))
        patch.setattr(reactor_planes, "ANGLES", (0.14, 0.44, 13))
        # Of solar neutrinos fewer points, two of the limits, and the angle of one experiment beside CONUS+.
        patch.setattr(solar_b8, "POINTS", 9)
        patch.setattr(solar_electrons, "POINTS", 9)
        patch.setattr(solar_b8, "B8_LIMITS", solar_b8.B8_LIMITS[2:4])
        patch.delitem(solar_b8.ANGLES, "XENONnT, SR0 + SR1, and PandaX-4T")
        # Few modules of the studies give shapes, and the rooms beneath them have tests of their own: even without
        # checks of shapes and types in first calls the studies take a twelfth less time.
        patch.setattr(jaxtyping.config, "jaxtyping_disable", True)
        whole = reproduce(out, processes=1)  # others would not see what is patched
    assert json.loads((out / "report.json").read_text()) == whole
    return out


@pytest.fixture(scope="module")
def studies(folder: Path) -> dict:
    return json.loads((folder / "report.json").read_text())["studies"]


@pytest.fixture(scope="module")
def content(studies: dict) -> dict:
    return studies["conus_plus"]


@pytest.fixture(scope="module")
def of_conus(studies: dict) -> dict:
    return studies["conus"]


def test_all_is_there_and_nothing_else(folder: Path) -> None:
    electromagnetic = {"fig4_magnetic_moment": ["mu_nu_e"], "fig5_millicharge": ["q_ee", "q_emu"]}
    channels = ("all", "cevns", "eves")
    curves = ["fig1_spectrum", "fig3_weak_mixing_angle", "fig2_sin2_theta_w_profiled", "fig2_sin2_theta_w_marginalised"]
    new_physics = ("magnetic_moment", "millicharge", "charge_radius", "vector_bl", "scalar")
    curves += [f"fig1_spectrum_{name}" for name in new_physics]
    curves += [f"{name}_{q}_{c}" for name, quantities in electromagnetic.items() for q in quantities for c in channels]
    curves += [f"fig6_charge_radius_{q}_{c}" for q in ("r2_ee", "r2_emu") for c in ("all", "cevns")]
    planes = [f"fig7_{name}" for name in ("vector_bl", "scalar", "vector_universal")]
    curves += [f"{name}_{c}" for name in planes for c in channels]
    curves += [f"{name}_{experiment}" for name in planes[:2] for experiment in ("xenonnt_er", "xenonnt_b8")]
    figures = ["fig1_spectrum", "fig2_sin2_theta_w", "fig3_weak_mixing_angle", *electromagnetic, "fig6_charge_radius"]
    figures += [*planes, "quenching"]
    curves += ["quenching_sin2_theta_w", "quenching_mu_nu_e"]
    conus = ["conus_angle", "conus_angle_small_pulls", "conus_nsi", "conus_tensor", "conus_sterile"]
    curves += [*conus, "conus_events", "conus_scalar_cevns"]
    figures += [*conus, "conus_events", "conus_scalar", "dresden2_strengths", "coherent_sin2_theta_w"]
    curves += [f"coherent_sin2_theta_w_{name}" for name in ("csi", "lar", "csi_lar")]
    curves += ["coherent_radius_csi", "coherent_events_csi", "coherent_events_lar"]
    figures += [f"coherent_{name}" for name in ("spectra", "events", "radius")]
    curves += ["global_nsi_flavours_csi"]
    curves += [f"global_vector_bl_{name}" for name in ("conus_plus", "xenonnt_electrons", "all")]
    figures += ["global_angles", "global_nsi_flavours", "global_vector_bl"]
    curves += [f"reactor_radius_{name}" for name in ("csi", "csi_conus_plus", "csi_conus_100")]
    figures += ["reactor_radius", "reactor_spectrum"]
    figures += ["solar_flux", "solar_strengths", "solar_electron_limits", "solar_electron_spectrum"]
    curves += [f"solar_flux_{name}" for name in ("first_free", "first_fixed", "all_runs_free", "all_runs_fixed")]
    curves += ["solar_flux_together_free"]
    backgrounds = ("free", "within_3", "fixed")
    curves += [f"solar_{q}_background_{b}" for q in ("mu_nu", "mu_nu_e", "q_ee", "r2_ee") for b in backgrounds]
    expected = {f"{name}.{suffix}" for name in figures for suffix in ("pdf", "png")} | {f"{name}.nc" for name in curves}
    studies = "conus_plus", "conus", "dresden2", "coherent", "reactors", "solar", "global", "report"
    pages = {f"{name}{suffix}" for name in studies for suffix in (".json", ".md")}
    assert {path.name for path in folder.iterdir()} == expected | pages
    assert list(folder.parent.iterdir()) == [folder]
    for name in figures:
        assert (folder / f"{name}.png").read_bytes().startswith(b"\x89PNG")
        assert (folder / f"{name}.pdf").read_bytes().startswith(b"%PDF")


def test_published_values_stand_beside_those_obtained(content: dict, likelihood) -> None:
    rows = {row["name"]: row for row in content["comparisons"]}
    assert rows["sin2_theta_w"]["published"] == [0.252, 0.188, 0.308]
    found = cevnsjax.fit(likelihood, cl=ONE_SIGMA)
    ((low, high),) = found.intervals["sin2_theta_w"]
    assert rows["sin2_theta_w"]["obtained"] == pytest.approx([found.best_fit["sin2_theta_w"], low, high], abs=1e-9)
    # 3.7 sigma as the collaboration reports: sqrt(13.8 +- 0.3).
    assert rows["significance"]["obtained"][0] ** 2 == pytest.approx(13.8, abs=0.3)
    for row in rows.values():
        assert row["deviation"] == pytest.approx(row["obtained"][0] / row["published"][0] - 1)


def test_each_assumption_moves_what_it_should(content: dict) -> None:
    rows = {row["name"]: row for row in content["assumptions"]}
    assert list(rows) == [*(a.name for a in angle_assumptions()), "CEvNS alone"]
    events = {name: row["events"] / rows["default"]["events"] for name, row in rows.items()}
    # The known sizes of the flux and the tail: 1.386 for 1.5, and 0.93 and 1.03 above 8 MeV, the total rescaled.
    assert events["flux not rescaled to the quoted total"] == pytest.approx(1.386 / 1.5, rel=1e-3)
    assert events["spectrum cut at 8 MeV"] == pytest.approx(0.93, abs=0.02)
    assert events["exponential above 8 MeV"] == pytest.approx(1.03, abs=0.02)
    assert events["no energy resolution"] < 0.9
    narrower = rows["constraint of 16.9 % instead of 20 %"]
    assert narrower["high"] - narrower["low"] < rows["default"]["high"] - rows["default"]["low"]


def test_points_of_fig_3_are_those_of_the_studies(folder: Path, content: dict, studies: dict) -> None:
    """The angles beside the curve are the ones that CONUS+ and COHERENT have in their own tables."""
    points = {point["experiment"]: point for point in content["angles"]}
    own = {"CONUS+": content["assumptions"][0], "COHERENT CsI": None, "COHERENT CsI+LAr": None}
    for name, key in (("COHERENT CsI", "csi_angle"), ("COHERENT CsI+LAr", "both_angle")):
        own[name] = dict(zip(("best", "low", "high"), studies["coherent"]["angles"][key], strict=True))
    for name, row in own.items():
        ends = [row[key] for key in ("best", "low", "high")]
        assert [points[name][key] for key in ("value", "low", "high")] == pytest.approx(ends, abs=1e-6)
    text = (folder / "conus_plus.md").read_text()
    row = next(line for line in text.splitlines() if line.startswith("| Dresden-II | "))
    assert f"{points['Dresden-II']['scale_MeV']:.1f} | {points['Dresden-II']['value']:.3f}" in row
    assert f"At M_Z the curve is at {content['theory']['at_z']:.5f}" in text


def test_curves_are_the_fits(folder: Path, content: dict) -> None:
    rows = {row["name"]: row for row in content["assumptions"]}
    for pull, name in (("profiled", "default"), ("marginalised", INTEGRATED.name)):
        with xr.open_dataset(folder / f"fig2_sin2_theta_w_{pull}.nc", engine="h5netcdf") as curve:
            for end in ("low", "high"):
                at_end = curve["delta_chi2"].interp(sin2_theta_w=rows[name][end], method="linear")
                # A curve in steps of 0.002, read linearly where it is about a parabola of width 0.05.
                assert float(at_end) == pytest.approx(threshold(ONE_SIGMA), abs=2e-3)
    with xr.open_dataset(folder / "fig1_spectrum.nc", engine="h5netcdf") as spectrum:
        assert spectrum["expected"].dims == ("channel", "detector", "bin")
        assert spectrum["observed"].attrs["units"] == "counts / kg / (10 eV_ee)"


def test_limits_hold_what_was_asked_of_them(content: dict) -> None:
    """Published limits that the stated ingredients give back, with the tolerances agreed on before looking."""
    rows = {(row["quantity"], row["channel"]): row for row in content["limits"]}
    (_, mu), (low, high), (_, transition) = (
        rows[key]["obtained"] for key in (("mu_nu_e", "cevns"), ("r2_ee", "all"), ("r2_emu", "all"))
    )
    assert mu == pytest.approx(5.06e-10, rel=0.05)
    assert (low, high) == pytest.approx((-60.18e-32, 8.76e-32), abs=2e-32)
    assert transition == pytest.approx(34.48e-32, rel=0.05)
    (low, high), (_, transition) = (rows[key]["obtained"] for key in (("q_ee", "cevns"), ("q_emu", "cevns")))
    assert (high - low) / 2 == pytest.approx((3.79e-8 + 0.31e-8) / 2, rel=0.15)
    assert transition == pytest.approx(2.11e-8, rel=0.15)
    # The half-width of the diagonal radius is the limit on the other: both are the same parabola's.
    (low, high), (_, transition) = (rows[key]["obtained"] for key in (("r2_ee", "all"), ("r2_emu", "all")))
    assert (high - low) / 2 == pytest.approx(transition, rel=1e-3)


def test_limits_are_the_fits(content: dict) -> None:
    rows = {(row["quantity"], row["channel"]): row for row in content["limits"]}
    for channel in ("all", "cevns"):
        found = cevnsjax.fit(cevnsjax.Likelihood("conus_plus", model="magnetic_moment", channel=channel))
        ((_, high),) = found.intervals["mu_nu_e"]
        assert rows["mu_nu_e", channel]["obtained"] == [None, pytest.approx(high, rel=1e-6)]
    # Each deviation is that of what was obtained under the assumption.
    row = rows["q_ee", "all"]
    low, high = row["under"][LIKELY.name]
    published = (row["published"][1] - row["published"][0]) / 2
    assert row["deviations"][LIKELY.name] == pytest.approx((high - low) / 2 / published - 1)


def test_electrons_that_are_all_free_only_help_scattering_off_them(content: dict) -> None:
    rows = {(row["quantity"], row["channel"]): row["under"] for row in content["limits"]}
    free = "32 free electrons instead of Z_eff"
    # 32 electrons for 22 to 28 above 160 eV; a limit on mu goes about with the root of their number.
    assert (22 / 32) ** 0.5 < rows["mu_nu_e", "all"][free][1] / rows["mu_nu_e", "all"]["default"][1] < (28 / 32) ** 0.5
    assert rows["mu_nu_e", "cevns"][free][1] == pytest.approx(rows["mu_nu_e", "cevns"]["default"][1], rel=1e-6)


def test_spin_dependent_interactions_are_negligible(content: dict) -> None:
    """The paper leaves P, A and T out: their limits lie two to four orders of magnitude above those of S and V."""
    widest = {}
    for row in content["contacts"]:
        widest[row["structure"]] = min(widest.get(row["structure"], 1e9), row["intervals"][-1][1])
    assert min(widest[x] for x in "PAT") > 50 * max(widest[x] for x in "SV")


def test_a_better_known_spectrum_tells_more_of_the_angle(folder: Path, content: dict) -> None:
    rows = {(row["systematics"], row["quantity"]): row["intervals"] for row in content["systematics"]}
    ((low, high),) = rows["default", "sin2_theta_w"]
    ((tighter_low, tighter_high),) = rows["detailed", "sin2_theta_w"]
    assert tighter_high - tighter_low < high - low
    # A smaller k leaves fewer counts above threshold: the same excess then wants a larger weak charge.
    with xr.open_dataset(folder / "quenching_sin2_theta_w.nc") as curve:
        assert (np.diff(curve["best_fit"]) < 0).all()
        at_own = curve.interp(quenching_k=0.162)
        assert float(at_own["low"]) == pytest.approx(low, abs=2e-3)
        assert float(at_own["high"]) == pytest.approx(high, abs=2e-3)


def test_profiles_have_no_spikes(folder: Path) -> None:
    """A profile whose minimiser was lost at one point would stand out between its neighbours."""
    for path in folder.glob("fig[456]_*.nc"):
        with xr.open_dataset(path, engine="h5netcdf") as curve:
            delta = curve["delta_chi2"].values
        middle = (delta[:-2] + delta[2:]) / 2
        assert abs(delta[1:-1] - middle).max() < 0.2, path.name
        assert delta.min() > -1e-6, path.name


def test_massless_b_minus_l_is_a_millicharge(content: dict) -> None:
    """Off electrons a massless B-L boson of coupling g is a millicharge -g^2 / (4 pi alpha)."""
    from cevnsjax.constants import ALPHA

    (g,) = (
        row["intervals"][0][1]
        for row in content["mediators"]
        if (row["model"], row["channel"], row["mass_MeV"]) == ("vector_bl", "eves", 1e-3)
    )
    likelihood = cevnsjax.Likelihood("conus_plus", model="millicharge")
    ((low, _),) = cevnsjax.fit(likelihood, free=["q_ee"]).intervals["q_ee"]
    # At 1 keV the mass is not quite nothing, and q_ee moves nuclei, too, by very little.
    assert g**2 / (4 * math.pi * ALPHA) == pytest.approx(-low, rel=0.02)


@pytest.fixture(scope="module")
def conus(of_conus: dict) -> dict:
    return {row["quantity"]: row for row in of_conus["conus"]}


def test_moment_and_millicharge_of_conus(conus: dict) -> None:
    """Within 30 % of 7.5e-11 mu_B; the charge that a moment stands for at 2 keV is the published one."""
    assert conus["mu_nu_e"]["ratio"] == pytest.approx(1.0, abs=0.3)
    assert float(millicharge_of_moment(jnp.asarray(7.5e-11), LOWEST_RECOIL)) == pytest.approx(3.3e-12, abs=0.05e-12)
    # A fit of the charge itself knows its interference and the shape: it is no conversion, but of its size.
    assert conus["q_ee"]["obtained"] == pytest.approx(conus["q_ee from mu_nu_e"]["obtained"], rel=0.3)


def test_scales_of_conus(of_conus: dict, conus: dict) -> None:
    """The tensor's stays at half of the published one; another convention, or other recoils, would make up for it."""
    assert 1 / 1.3 < conus["vector_nsi"]["ratio"] < 1.3
    assert 0.5 < conus["tensor_nsi"]["ratio"] < 1 / 1.3
    scales = {row["assumption"]: row["scale_GeV"] for row in of_conus["conus_tensor"]}
    published = of_conus["conus_tensor_published"]
    assert published == conus["tensor_nsi"]["published"]
    for name in ("both of these", BRACKET):
        assert 1 / 1.3 < scales[name] / published < 1.3
    assert all(scale > conus["tensor_nsi"]["obtained"] for name, scale in scales.items() if "described" not in name)
    # Known estimates: 18 times as many events, and 363 GeV by s^2 / b.
    assert of_conus["conus_tensor_events"] == pytest.approx(18, abs=0.5)
    assert of_conus["conus_tensor_weighted_GeV"] == pytest.approx(363, abs=3)


@pytest.mark.parametrize("quantity", ["scalar_cevns", "scalar_eves", "vector_cevns", "vector_eves"])
def test_couplings_of_conus_at_small_mass(conus: dict, quantity: str) -> None:
    assert 1 / 1.5 < conus[quantity]["ratio"] < 1.5


def test_events_of_conus_against_quenching(folder: Path, of_conus: dict) -> None:
    """Fewer than 0.4 / kg / d were measured. A larger k makes more events: less of the prediction is allowed."""
    rows = of_conus["conus_events"]
    assert all(0.2 < row["limit"] < 0.8 for row in rows)
    strengths = [row["strength"] for row in rows]
    assert strengths == sorted(strengths, reverse=True)
    with xr.open_dataset(folder / "conus_events.nc", engine="h5netcdf") as curve:
        assert curve["strength"].values.tolist() == strengths


def test_projection_of_conus(of_conus: dict) -> None:
    rows = of_conus["conus_projection"]
    for less, more in zip(rows[:5], rows[5:], strict=True):
        assert more["signal_here"] / less["signal_here"] == pytest.approx(185, abs=0.5)
    for row in rows:
        s, b = row["signal_here"], row["background_here"]
        assert (row["Z_here"], row["V_here"]) == (pytest.approx(s / math.sqrt(b)), pytest.approx((s + b) / s**2))
    # From one threshold to the next: three of four steps are within 20 % of the talk's. The first, 49 over 30, is not:
    # it is smaller than the second, which no smooth falling tail gives, and the talk's efficiency is not known.
    here, talk = (np.array([row[name] for row in rows[:5]]) for name in ("signal_here", "signal"))
    steps, steps_of_talk = here[1:] / here[:-1], talk[1:] / talk[:-1]
    np.testing.assert_allclose(steps[1:], steps_of_talk[1:], rtol=0.2)
    assert steps_of_talk[0] < steps_of_talk[1]
    assert 1.2 < steps[0] / steps_of_talk[0] < 1.3
    # More exposure, and better known factors, tell more of the angle.
    widths = [row["fisher"][1] - row["fisher"][0] for row in of_conus["conus_angle"]]
    assert all(wide > narrow for half in (widths[:6], widths[6:]) for wide, narrow in itertools.pairwise(half))
    assert all(wide > narrow for wide, narrow in zip(widths[:6], widths[6:], strict=True))


def test_yields_serve_one_experiment_each(studies: dict) -> None:
    rows = studies["dresden2"]["quenching"]
    strength = {(row["experiment"], row["quenching"]): row["strength"] for row in rows}
    assert strength["conus_plus", "Lindhard"] == pytest.approx(1.13, abs=0.02)
    assert strength["dresden2", "Fef"] == pytest.approx(0.9, abs=0.35)
    assert strength["conus_plus", "Fef"] < 0.2
    assert strength["dresden2", "Lindhard"] > 2
    background = studies["dresden2"]["background_chi2"]
    assert background["obtained"] == pytest.approx(background["published"], abs=1.0)


def test_the_report_reads(folder: Path) -> None:
    text = (folder / "report.md").read_text()
    assert "| sin2_theta_w | 1 sigma | 0.252 +0.056 -0.064 |" in text
    for assumption in angle_assumptions():
        # In the table of the angle; where it may move limits, in theirs, and in that of the millicharge's ends.
        assert text.count(f"\n| {assumption.name} |") >= (3 if assumption in limit_assumptions() else 1)
    for table in ("Table 1", "Table 2", "Table 3"):
        assert table in text
    assert "${" not in text
    assert "nan" not in text


def test_curves_can_be_calculated_again(folder: Path) -> None:
    """From nothing but their own attributes."""
    from cevnsjax.provenance import rerun

    with xr.open_dataset(folder / "fig4_magnetic_moment_mu_nu_e_all.nc", engine="h5netcdf") as curve:
        again = rerun(json.loads(curve.attrs["provenance"]))
        np.testing.assert_allclose(again.delta_chi2, curve["delta_chi2"], rtol=0, atol=1e-9)


def test_coherent_beside_what_is_published(studies: dict) -> None:
    content = studies["coherent"]
    for row in content["comparisons"]:
        assert abs(row["deviation"]) < 0.10, row["name"]
    limits = {(row["name"], *row["free"]): row for row in content["limits"]}
    ((low, high),) = limits["r2_emu", "r2_ee", "r2_mumu"]["obtained"]
    assert -low == pytest.approx(30e-32, rel=0.05)
    assert high == pytest.approx(30e-32, rel=0.05)
    (first, second) = limits["r2_ee", "r2_mumu"]["obtained"]
    assert (first[0], second[1]) == pytest.approx((-69e-32, 14e-32), rel=0.1)
    for name, published in (("mu_nu_e", 4.2e-9), ("q_ee", 5e-10), ("q_emu", 1.8e-10)):
        assert limits[name,]["obtained"][0][1] == pytest.approx(published, rel=0.2)


def test_predictions_of_coherent(studies: dict) -> None:
    """Within 1 % of numbers that were calculated elsewhere; radiative corrections add 2 %."""
    rows = {(r["experiment"], r["model"], r["form_factor"]): r["events"] for r in studies["coherent"]["predictions"]}
    original = "Klein and Nystrand, R = 1.2 A^(1/3) fm"
    for experiment, helm, klein_nystrand in (("coherent_csi", 346.7, 322.2), ("coherent_lar", 135.4, 131.7)):
        assert rows[experiment, "sm", "Helm"] == pytest.approx(helm, rel=0.01)
        assert rows[experiment, "sm", original] == pytest.approx(klein_nystrand, rel=0.01)
        for form_factor in ("Helm", original):
            more = rows[experiment, "sm:radiative", form_factor] / rows[experiment, "sm", form_factor]
            assert more == pytest.approx(1.02, abs=0.006)


def test_planes_of_flavours(folder: Path, studies: dict) -> None:
    """Times tell electron from muon neutrinos: each of their two couplings has two values, next to four places."""
    with xr.open_dataset(folder / "global_nsi_flavours_csi.nc", engine="h5netcdf") as plane:
        near = {"method": "nearest"}
        for e in (0.0, 0.38):
            for mu in (0.0, 0.33):
                around = plane["delta_chi2"].sel(
                    eps_ee_dv=slice(e - 0.11, e + 0.11), eps_mumu_dv=slice(mu - 0.11, mu + 0.11)
                )
                assert float(around.min()) < 9
        assert float(plane["delta_chi2"].sel(eps_ee_dv=0.2, eps_mumu_dv=0.15, **near)) > 20
    row = next(r for r in studies["global"]["planes"] if r["plane"] == "global_nsi_flavours")
    likelihood = cevnsjax.Likelihood("global_2026:coherent_csi", model="nsi_vector")
    assert float(likelihood.chi2(row["best_fit"])) == pytest.approx(row["chi2_min"], abs=1e-6)
    assert row["standard_model"] == pytest.approx(float(likelihood.chi2({})) - row["chi2_min"], abs=1e-9)


def test_planes_of_data_that_share_nothing_add_up(folder: Path) -> None:
    """At masses of the grid, between which contours are drawn."""
    experiments = ("global_2026:conus_plus", "global_2026:xenonnt_er")
    joint = cevnsjax.Likelihood(*experiments, model="vector_bl", systematics="simple")
    parts = []
    for name in ("conus_plus", "xenonnt_electrons"):
        with xr.open_dataset(folder / f"global_vector_bl_{name}.nc", engine="h5netcdf") as plane:
            parts.append(plane["delta_chi2"].load())
    with xr.open_dataset(folder / "global_vector_bl_all.nc", engine="h5netcdf") as plane:
        drawn = plane["delta_chi2"].load()
    none = float(joint.chi2({"m_z": 1.0, "g_bl": 0.0}))
    # Each plane counts from its own minimum; here all count from a coupling that does nothing.
    base, drawn_base = (sum(float(part.isel(m_z=-1, g_bl=0)) for part in planes) for planes in (parts, [drawn]))
    for mass in parts[0]["m_z"].values:
        for coupling in (3e-8, 3e-7, 3e-6, 3e-5):
            place = {"g_bl": coupling, "method": "nearest"}
            at = {"m_z": float(mass), "g_bl": float(parts[0]["g_bl"].sel(**place))}
            both = sum(float(part.sel(m_z=mass, **place)) for part in parts)
            assert both - base == pytest.approx(float(joint.chi2(at)) - none, rel=1e-6, abs=1e-6)
            at_drawn = float(drawn.sel(m_z=mass, **place)) - drawn_base
            assert at_drawn == pytest.approx(both - base, rel=0.03, abs=0.03)


def test_the_second_solution(studies: dict) -> None:
    """On its lines, where oscillations put it, and as far above the minimum as chi-squared says there."""
    likelihood = cevnsjax.Likelihood("global_2026:coherent_csi", model="nsi_vector")
    for row, (low, high), published in zip(
        studies["global"]["second_solution"], ((-12 / 13, -0.8), (-1.5, -1.0)), (5.6, 7.2), strict=True
    ):
        electron, muon = row["at"].values()
        assert low - 1e-12 <= electron - muon <= high + 1e-12
        least = cevnsjax.fit(likelihood, list(row["at"]), of=[]).chi2_min
        assert float(likelihood.chi2(row["at"])) - least == pytest.approx(row["delta_chi2"], abs=1e-4)
        # More data than the published fit had.
        assert row["sigma"] == pytest.approx(row["delta_chi2"] ** 0.5)
        assert row["sigma"] > published


def test_reactor_neutrinos_know_no_muons(studies: dict) -> None:
    rows = {row["data"]: row["intervals"] for row in studies["global"]["limits"]}
    assert rows["CONUS+"] == []
    ((low, high),) = rows["XENONnT electrons"]
    assert low < -1e-31 < 1e-31 < high


def test_reactor_experiments_beside_what_is_published(studies: dict) -> None:
    """The numbers of docs/experiments.md."""
    rows = {(row["experiment"], row["quantity"]): row for row in studies["reactors"]["published"]}
    assert set(rows) == {("texono", "norm"), ("nucleus", "significance"), ("nucleus", "precision")}
    assert rows["texono", "norm"]["obtained"] == pytest.approx(1.82, abs=0.01)
    assert rows["nucleus", "significance"]["obtained"] == pytest.approx(7.7, abs=0.1)
    assert rows["nucleus", "precision"]["obtained"] == pytest.approx(0.17, abs=0.005)
    # TEXONO's limit is published at the confidence level of the first table.
    norms = {row["experiment"]: row["norm"] for row in studies["reactors"]["experiments"]}
    assert norms["texono"][0][1] == rows["texono", "norm"]["obtained"]


def test_flux_of_a_reactor_in_bins(studies: dict) -> None:
    """The fit's covariance is the inverse information, and what is known better makes errors smaller."""
    content = studies["reactors"]["spectrum"]
    wide, narrow = content["cases"]
    for case in (wide, narrow):
        np.testing.assert_allclose(case["covariance_fit"], case["covariance_Fisher"], rtol=0.02, atol=2e-4)
        assert (np.array(case["errors_smooth"]) < case["errors_Fisher"]).all()
    assert (np.array(narrow["errors_Fisher"]) < wide["errors_Fisher"]).all()
    # Counts alone would give the sum of all bins to 1 %: the energy scale costs the rest.
    events, background = sum(content["counts"]), content["background"]
    assert math.sqrt(events + background) / events < 0.01
    assert min(wide["errors_Fisher"]) > 0.3


def test_a_reactor_cuts_the_band_of_caesium_iodide(folder: Path, studies: dict) -> None:
    """The germanium at a reactor adds a function of the angle alone, and leaves less of the radius."""
    rows = {row["data"]: row for row in studies["reactors"]["radius"]["contours"]}
    planes = {}
    for label, name in (("CsI", "csi"), ("CsI + CONUS+", "csi_conus_plus"), ("CsI + CONUS-100", "csi_conus_100")):
        with xr.open_dataset(folder / f"reactor_radius_{name}.nc", engine="h5netcdf") as plane:
            assert plane["delta_chi2"].dims[0] == "sin2_theta_w"
            planes[label] = plane["delta_chi2"].values + rows[label]["chi2_min"]
    alone, level = planes.pop("CsI"), -2 * math.log(1 - 0.9)
    allowed = alone - rows["CsI"]["chi2_min"] < level
    for label, both in planes.items():
        added = both - alone
        # Chi-squared of the reactor: the same at all radii.
        np.testing.assert_allclose(added, np.broadcast_to(added.mean(axis=1, keepdims=True), added.shape), atol=0.01)
        # Each contour counts from its own minimum: inside, up to what the two data disagree by.
        tension = rows[label]["chi2_min"] - rows["CsI"]["chi2_min"] - added.min()
        joint = both - rows[label]["chi2_min"] < level
        assert not (joint & (alone - rows["CsI"]["chi2_min"] > level + max(tension, 0.0) + 0.01)).any()
        assert 0 < joint.sum() < allowed.sum()
    # So the band of germanium follows from the planes: that of its own fit.
    ((low, high),) = cevnsjax.fit(cevnsjax.Likelihood("conus_plus"), cl=0.90).intervals["sin2_theta_w"]
    assert studies["reactors"]["radius"]["angles"]["CONUS+"] == pytest.approx([low, high], abs=1e-3)
    low, high = rows["CsI + CONUS-100"]["intervals"]["neutron_radius"]
    assert rows["CsI"]["intervals"]["neutron_radius"][0] < low < high < 7


def test_fluxes_of_boron(studies: dict) -> None:
    """XENONnT's first two runs: published 2.73 sigma, and a flux of 4.7 with another response."""
    content = studies["solar"]
    response = content["response"]
    # 9.3 events of 11.9, as was calculated elsewhere.
    assert response == pytest.approx(9.3 / 11.9, rel=0.01)
    rows = {row["name"]: row for row in content["comparisons"]}
    assert rows["xenonnt_significance"]["deviation"] == pytest.approx(0.0, abs=0.02)
    assert rows["xenonnt_observed"]["obtained"][0] == rows["xenonnt_observed"]["published"][0] == 37
    best, low, high = rows["xenonnt_flux"]["obtained"]
    assert response * best == pytest.approx(4.7, abs=0.2)
    assert response * (high - best) == pytest.approx(3.6, rel=0.1)
    assert response * (best - low) == pytest.approx(2.3, rel=0.1)
    fluxes = {row["name"]: row for row in content["fluxes"]}
    # The efficiency does not move the flux; where it is fixed, the interval is narrower.
    for name in ("sr0", "sr1", "sr2", "first", "all_runs"):
        free, fixed = fluxes[name]["flux"], fluxes[name]["flux_efficiency_fixed"]
        assert fixed[0] == pytest.approx(free[0], rel=1e-4)
        assert free[1] < fixed[1] < fixed[0] < fixed[2] < free[2]
    assert fluxes["all_runs"]["chi2_min"] > sum(fluxes[name]["chi2_min"] for name in ("sr0", "sr1", "sr2"))
    assert fluxes["all_runs"]["predicted"] == pytest.approx(3.25 + 6.00 + 7.22, rel=0.01)


def test_boron_tells_less_of_the_angle_than_conus_plus(content: dict, studies: dict) -> None:
    """The paper's Sec. IV says so."""
    (_, low, high), (best, *ends) = (studies["solar"]["angles"][name] for name in ("XENONnT, three runs", "CONUS+"))
    assert high - low > 1.5 * (ends[1] - ends[0])
    (row,) = (row for row in content["comparisons"] if row["name"] == "sin2_theta_w")
    assert [best, *ends] == pytest.approx(row["obtained"], abs=1e-6)


def test_tables_1_to_3_have_the_experiments_with_solar_neutrinos(folder: Path, content: dict, studies: dict) -> None:
    """Their limits are the ends of the profiles of the other study; each stands above the one that is quoted of it."""
    rows = {(row["experiment"], row["quantity"]): row for row in content["solar_rows"]}
    names = ("xenonnt_er", "xenonnt_b8", "pandax4t_b8")
    quantities = ("mu_nu_e", "q_ee", "q_emu", "q_etau", "r2_ee", "r2_emu", "r2_etau")
    assert set(rows) == set(itertools.product(names, quantities))
    for limit in studies["solar"]["electron_limits"]:
        if limit["quantity"] in quantities:
            under, row = limit["under"][solar_electrons.DEFAULT], rows["xenonnt_er", limit["quantity"]]
            assert [end is None for end in row["obtained"]] == [end is None for end in under["ends"]]
            ends = [[end for end in pair if end is not None] for pair in (row["obtained"], under["ends"])]
            assert ends[0] == pytest.approx(ends[1], rel=1e-6)
            assert row["published"] == limit["published"]
            assert row["deviation"] == pytest.approx(under["deviation"], abs=1e-6)
    published = {key for key, row in rows.items() if row["published"] is not None}
    assert published == {("xenonnt_er", name) for name in ("mu_nu_e", "q_ee", "r2_ee")}
    # Muon and tau neutrinos arrive in equal shares.
    pandax = cevnsjax.Likelihood("pandax4t_b8", model="millicharge")
    (piece,) = cevnsjax.fit(pandax, ["q_etau"], cl=0.90).intervals["q_etau"]
    assert rows["pandax4t_b8", "q_etau"]["intervals"] == [pytest.approx(list(piece), rel=1e-6)]
    lines = (folder / "conus_plus.md").read_text().splitlines()
    for number, (computed, quoted) in enumerate(itertools.pairwise(lines)):
        if computed.startswith("| XENONnT electron recoils, as computed here |"):
            assert quoted.startswith("| XENONnT, as quoted |"), number
    for label in ("XENONnT electron recoils", "XENONnT 8B", "PandaX-4T 8B"):
        assert sum(line.startswith(f"| {label}, as computed here |") for line in lines) == 3


@pytest.mark.parametrize(("plane", "mass", "coupling"), [("vector_bl", "m_z", "g_bl"), ("scalar", "m_phi", "g_phi")])
def test_solar_neutrinos_in_fig_7(folder: Path, studies: dict, plane: str, mass: str, coupling: str) -> None:
    """Along the line of the smallest mass chi-squared rises by 2.71 up to the limit of the study of the Sun."""
    for name, limits in (("xenonnt_er", "electron_mediators"), ("xenonnt_b8", "b8_limits")):
        found = [row for row in studies["solar"][limits] if row["values"] == {mass: 1e-3}]
        if not found:  # left out of this report
            assert (name, plane) == ("xenonnt_b8", "scalar")
            continue
        (row,) = found
        with xr.open_dataset(folder / f"fig7_{plane}_{name}.nc", engine="h5netcdf") as curve:
            line = curve["delta_chi2"].isel({mass: 0})
            assert float(curve[mass][0]) == pytest.approx(1e-3)
            # The grid's steps are 8 % and 17 % of the coupling, of which chi-squared feels the fourth power.
            least = cevnsjax.fit(cevnsjax.Likelihood(name, model=plane), [coupling], {mass: 1e-3}).chi2_min
            at_limit = float(line.interp({coupling: row["intervals"][-1][1]})) + curve.attrs["chi2_min"] - least
            assert at_limit == pytest.approx(threshold(0.90), rel=0.05)


def test_limits_from_electron_recoils(folder: Path, studies: dict) -> None:
    """A fixed background and all electrons free leave 11 % of each deviation; the radius needs the first."""
    rows = {row["quantity"]: row for row in studies["solar"]["electron_limits"]}
    assert list(rows) == ["mu_nu", "mu_nu_e", "q_ee", "r2_ee"]
    assert rows["mu_nu"]["published"] == [None, 6.4e-12]
    for row in rows.values():
        assert row["under"][solar_electrons.DEFAULT]["deviation"] > row["under"][solar_electrons.BOTH]["deviation"]
        assert abs(row["under"][solar_electrons.BOTH]["deviation"]) < 0.12
    radius = rows["r2_ee"]["under"]
    assert radius[solar_electrons.DEFAULT]["deviation"] > 0.5
    assert abs(radius[solar_electrons.FIXED]["deviation"]) < 0.1
    pieces = radius[solar_electrons.FIXED]["intervals"]
    np.testing.assert_allclose(pieces, [(-97.7e-32, -72.4e-32), (-13.5e-32, 13.8e-32)], atol=1e-33)
    assert studies["solar"]["expected_moment"] > 1.3 * rows["mu_nu"]["under"][solar_electrons.DEFAULT]["ends"][1]
    # Light mediators: electrons see a smaller coupling of B-L than nuclei do.
    (nuclei,) = (row for row in studies["solar"]["b8_limits"] if row["values"] == {"m_z": 1e-3})
    (electrons,) = (row for row in studies["solar"]["electron_mediators"] if row["values"] == {"m_z": 1e-3})
    assert 100 * electrons["intervals"][-1][1] < nuclei["intervals"][-1][1]
    with xr.open_dataset(folder / "solar_r2_ee_background_fixed.nc", engine="h5netcdf") as curve:
        assert json.loads(curve.attrs["intervals"]) == pieces

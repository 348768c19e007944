"""The page of CONUS+: the placeholders of its template."""

from collections.abc import Mapping
from typing import Any

from cevnsjax.constants import SIN2_THETA_W, SIN2_THETA_W_Z
from cevnsjax.reproduce.assumptions import DEFAULT, FREE, INTEGRATED, LIKELY
from cevnsjax.reproduce.limits import CL
from cevnsjax.reproduce.markdown import at_cl, interval, pieces, table, with_errors
from cevnsjax.reproduce.published import ends_of

__all__ = ["conus_plus_page"]

Content = Mapping[str, Any]

FAR = 0.1
"""Limits that lie farther from the published ones, as a share, are listed with what may explain it."""

TABLES = (("mu_nu_e",), ("q_ee", "q_emu", "q_etau"), ("r2_ee", "r2_emu", "r2_etau"))
"""The quantities of the paper's Tables 1-3."""

HERE = "as computed here"
COMPUTED, QUOTED = f"CONUS+, {HERE}", "CONUS+, arXiv:2501.12441"
"""Rows of these tables."""

CHANNELS = {"all": "CEvNS + nu-e", "cevns": "CEvNS alone"}


def conus_plus_page(content: Content) -> dict[str, str]:
    """Return the texts that the template takes."""
    variants = {variant["name"]: variant for variant in content["assumptions"]}
    rows = {row["name"]: row for row in content["comparisons"]}
    observed, predicted = (rows[name]["published"][0] for name in ("signal_observed", "signal_predicted"))
    return {
        "cl": at_cl(CL),
        "standard_model": _standard_model(content),
        "readings": _readings(rows["sin2_theta_w"]["published"], variants),
        "events_published": with_errors(rows["signal_predicted"]["published"], ".0f"),
        "events": f"{variants[DEFAULT.name]['events']:.0f}",
        "ratio_published": f"{observed / predicted:.3f}",
        "ratio": f"{variants[DEFAULT.name]['strength']:.3f}",
        "angles": _angles(content),
        "at_zero": f"{SIN2_THETA_W:.5f}",
        "at_z": f"{content['theory']['at_z']:.5f}",
        "published_z": f"{SIN2_THETA_W_Z:.5f}",
        "quark_factor": f"{content['theory']['quark_factor']:.3f}",
        "likely": LIKELY.name,
        "limits": _limits(content),
        "causes": _causes(content),
        "tables": _tables(content),
        "solar_deviations": _solar_deviations(content),
        "angle_assumptions": _angle_assumptions(content),
        "limit_assumptions": _limit_assumptions(content),
        "millicharge_ends": _millicharge_ends(content),
        "scalars": _scalars(content),
        "mediators": _mediators(content),
        "contacts": _contacts(content),
        "systematics": _systematics(content),
    }


def _standard_model(content: Content) -> str:
    rows = []
    for row in content["comparisons"]:
        value = row["published"][0]
        digits = ".3f" if value < 1 else ".1f" if value < 10 else ".0f"
        unit = f" {row['unit']}" if row["unit"] else ""
        numbers = [with_errors(row[which], digits) + unit for which in ("published", "obtained")]
        rows.append((row["name"], row["cl"], *numbers, f"{row['deviation']:+.1%}", row["source"]))
    header = ("quantity", "errors", "published", "obtained", "deviation of the value", "source")
    return table(header, rows)


def _readings(published: list[float], variants: Mapping[str, Content]) -> str:
    """Compare the published centre and ends of the angle, digit by digit, with both treatments of the constraint."""
    chosen = [variants[name] for name in (DEFAULT.name, INTEGRATED.name)]
    rows = [
        (name, f"{value:.3f}", *(f"{one[key]:.4f}" for one in chosen))
        for name, key, value in zip(
            ("centre", "lower end", "upper end"), ("best", "low", "high"), published, strict=True
        )
    ]
    return table(("sin^2(theta_W), 1 sigma", "published", "constraint minimised", "constraint integrated out"), rows)


def _angles(content: Content) -> str:
    rows = [
        (p["experiment"], f"{p['scale_MeV']:.1f}", f"{p['value']:.3f}", f"[{_angle(p['low'])}, {_angle(p['high'])}]")
        for p in content["angles"]
    ]
    return table(("experiment", "momentum transfer [MeV]", "sin^2(theta_W)", "1 sigma"), rows)


def _angle(end: float | None) -> str:
    return "..." if end is None else f"{end:.3f}"


def _limits(content: Content) -> str:
    rows = [
        (
            limit["quantity"],
            CHANNELS[limit["channel"]],
            interval(limit["published"], limit["kind"]),
            interval(limit["obtained"], limit["kind"]),
            f"{limit['deviation']:+.1%}",
            f"{limit['deviations'][LIKELY.name]:+.1%}",
        )
        for limit in content["limits"]
    ]
    header = ("quantity", "channel", "published", "obtained", "deviation of the (half-)width", f"with {LIKELY.name}")
    return table(header, rows)


def _causes(content: Content) -> str:
    """Return what each of two likely causes explains of limits that lie far from the published ones."""
    far = [limit for limit in content["limits"] if abs(limit["deviation"]) > FAR and not _is_copy(limit)]
    names = (DEFAULT.name, FREE.name, INTEGRATED.name, LIKELY.name)
    rows = [
        (limit["quantity"], CHANNELS[limit["channel"]], *(f"{limit['deviations'][name]:+.1%}" for name in names))
        for limit in far
    ]
    return table(("quantity", "channel", *names), rows)


def _is_copy(limit: Content) -> bool:
    """Whether the data cannot tell a quantity from another that has a row."""
    return bool(limit["quantity"].endswith("tau"))


def _tables(content: Content) -> str:
    """Return Tables 1-3: CONUS+, the experiments calculated here, and others as quoted; each result of ours first."""
    ours: dict[str, dict[str, str]] = {COMPUTED: {}, QUOTED: {}}
    for limit in content["limits"]:
        if limit["channel"] == "all":
            for name, which in ((COMPUTED, "obtained"), (QUOTED, "published")):
                ours[name][limit["quantity"]] = interval(limit[which], limit["kind"])
    solar: dict[str, dict[str, str]] = {}
    for row in content["solar_rows"]:
        solar.setdefault(f"{row['label']}, {HERE}", {})[row["quantity"]] = interval(row["obtained"], row["kind"])
        if row["published"] is not None:
            quoted = solar.setdefault(f"{row['quoted']}, as quoted", {})
            quoted[row["quantity"]] = interval(row["published"], row["kind"])
    calculated = {row["quoted"] for row in content["solar_rows"]}
    others: dict[str, dict[str, str]] = {}
    for row in content["other_experiments"]:
        if row["experiment"] not in calculated:
            others.setdefault(row["experiment"], {})[row["quantity"]] = interval(ends_of(row), row["kind"])
    made = []
    for number, quantities in enumerate(TABLES, 1):
        rows = [
            (name, *(cells.get(q, "") for q in quantities))
            for name, cells in (ours | solar | others).items()
            if any(q in cells for q in quantities)
        ]
        made.append(f"Table {number}\n\n" + table(("experiment", *quantities), rows))
    return "\n\n".join(made)


def _solar_deviations(content: Content) -> str:
    """Return how far limits that are calculated here lie from those quoted of the same data."""
    rows = [
        (row["label"], row["quantity"], *(interval(row[which], row["kind"]) for which in ("published", "obtained")),
         f"{row['deviation']:+.0%}")
        for row in content["solar_rows"]
        if row["published"] is not None
    ]  # fmt: skip
    return table(("data", "quantity", "published", "obtained", "deviation of the (half-)width"), rows)


def _angle_assumptions(content: Content) -> str:
    rows = [
        (
            v["name"], with_errors((v["best"], v["low"], v["high"]), ".4f"), f"{v['events']:.1f}",
            f"{v['strength']:.3f}", f"{v['gain']:.2f}",
        )
        for v in content["assumptions"]
    ]  # fmt: skip
    return table(("assumption", "sin^2(theta_W), 1 sigma", "events", "strength", "gain"), rows)


def _limit_assumptions(content: Content) -> str:
    shown = [limit for limit in content["limits"] if not _is_copy(limit)]
    defaults = _of_mediators(content["limit_assumptions"][0])
    header = [
        "assumption",
        *(f"{m['quantity']}, {m['channel']}" for m in shown),
        *(f"{name}, all" for name in defaults),
    ]
    rows = []
    for variant in content["limit_assumptions"]:
        moved = _of_mediators(variant)
        cells = [f"{limit['deviations'][variant['name']]:+.1%}" for limit in shown]
        rows.append((variant["name"], *cells, *(f"{moved[name] / defaults[name] - 1:+.1%}" for name in defaults)))
    return table(header, rows)


def _of_mediators(variant: Content) -> dict[str, float]:
    return {limit["quantity"]: limit["intervals"][-1][1] for limit in variant["limits"] if limit["quantity"][0] == "g"}


def _millicharge_ends(content: Content) -> str:
    (limit,) = (x for x in content["limits"] if (x["quantity"], x["channel"]) == ("q_ee", "cevns"))
    rows = [("published", interval(limit["published"]))]
    rows += [(name, interval(ends)) for name, ends in limit["under"].items()]
    return table(("assumption", "q_ee, cevns [e]"), rows)


def _scalars(content: Content) -> str:
    rows = [
        (s["name"], f"{s['couplings'][0]:.2f}, {s['couplings'][1]:.2f}", f"{s['g_phi']:.3g}")
        for s in content["scalar_assumptions"]
    ]
    return table(("assumption", "proton, neutron", f"g_phi at 10 MeV, {at_cl(CL)}"), rows)


def _mediators(content: Content) -> str:
    rows = [
        (m["model"], m["channel"], m["coupling"], f"{m['mass_MeV']:g}", pieces(m["intervals"]))
        for m in content["mediators"]
    ]
    return table(("model", "channel", "coupling", "mass [MeV]", "allowed"), rows)


def _contacts(content: Content) -> str:
    rows = [(c["structure"], c["parameter"], pieces(c["intervals"])) for c in content["contacts"]]
    return table(("structure", "parameter", "allowed"), rows)


def _systematics(content: Content) -> str:
    rows = [
        (row["systematics"], row["quantity"], row["channel"], f"{row['best']:.4g}", pieces(row["intervals"]))
        for row in content["systematics"]
    ]
    return table(("systematics", "quantity", "channel", "best fit", f"allowed at {at_cl(CL)}"), rows)

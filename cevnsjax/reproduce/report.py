"""The report: published numbers beside those obtained, and what moves them."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cevnsjax.reproduce.assumptions import FREE, INTEGRATED, LIKELY
from cevnsjax.reproduce.markdown import interval, pieces, table, with_errors
from cevnsjax.reproduce.report_conus import second_document
from cevnsjax.results import replace_file

__all__ = ["write_report"]

Content = dict[str, Any]


def write_report(path: Path, content: Content) -> None:
    """Write `report.md` from what the parts of the reproduction have found."""
    sections = (
        _standard_model(content),
        _limits(content),
        _tables(content),
        _angle_assumptions(content),
        _limit_assumptions(content),
        _mediators(content),
        _systematics(content),
        *second_document(content),
        _reading(content),
    )
    replace_file(path, "\n".join(line for section in sections for line in [*section, ""]).encode())


def _standard_model(content: Content) -> list[str]:
    rows = []
    for c in content["comparisons"]:
        digits = ".3f" if c["published"][0] < 1 else ".1f" if c["published"][0] < 10 else ".0f"
        unit = f" {c['unit']}" if c["unit"] else ""
        rows.append(
            (
                c["name"],
                with_errors(c["published"], digits) + unit,
                with_errors(c["obtained"], digits) + unit,
                f"{c['deviation']:+.1%}",
                c["source"],
            )
        )
    header = ("quantity", "published", "obtained", "deviation of the value", "source")
    return ["# Published and obtained: Standard Model", "", *table(header, rows)]


def _limits(content: Content) -> list[str]:
    rows = [
        (
            limit["quantity"],
            {"all": "CEvNS + nu-e", "cevns": "CEvNS alone"}[limit["channel"]],
            interval(limit["published"], limit["kind"]),
            interval(limit["obtained"], limit["kind"]),
            f"{limit['deviation']:+.1%}",
            f"{limit['deviations'][LIKELY.name]:+.1%}",
        )
        for limit in content["limits"]
    ]
    header = ("quantity", "channel", "published", "obtained", "deviation of the (half-)width", f"with {LIKELY.name}")
    return [
        "# Published and obtained: electromagnetic properties, 90 % CL",
        "",
        "Units: mu_B, e, cm^2. The published numbers are those of arXiv:2501.12441. The data cannot tell an index tau",
        "from mu: q_etau and r2_etau are q_emu and r2_emu.",
        "",
        *table(header, rows),
    ]


def _tables(content: Content) -> list[str]:
    lines = ["# Tables 1-3: other experiments, 90 % CL, as arXiv:2501.12441 quotes them"]
    for number, quantities in enumerate((("mu_nu_e",), ("q_ee", "q_emu", "q_etau"), ("r2_ee", "r2_emu", "r2_etau")), 1):
        ours = {
            limit["quantity"]: (limit["obtained"], limit["published"], limit["kind"])
            for limit in content["limits"]
            if limit["channel"] == "all"
        }
        rows = [
            ("CONUS+, this work", *(interval(ours[q][0], ours[q][2]) for q in quantities)),
            ("CONUS+, arXiv:2501.12441", *(interval(ours[q][1], ours[q][2]) for q in quantities)),
        ]
        others = [row for row in content["other_experiments"] if row["quantity"] in quantities]
        for name in dict.fromkeys(row["experiment"] for row in others):
            cells = {}
            for row in others:
                if row["experiment"] == name:
                    low = float(row["low"]) if row["low"] else None
                    cells[row["quantity"]] = interval((low, float(row["high"])), row["kind"])
            rows.append((name, *(cells.get(q, "") for q in quantities)))
        lines += ["", f"Table {number}", "", *table(("experiment", *quantities), rows)]
    return lines


def _angle_assumptions(content: Content) -> list[str]:
    rows = [
        (
            v["name"],
            with_errors((v["best"], v["low"], v["high"]), ".4f"),
            f"{v['events']:.1f}",
            f"{v['strength']:.3f}",
            f"{v['gain']:.2f}",
        )
        for v in content["assumptions"]
    ]
    return [
        "# What moves sin^2(theta_W)",
        "",
        "One assumption switched at a time. Events: predicted in all detectors, over all bins of the data.",
        "Strength: the factor on the prediction that fits best without a pull. Gain: chi-squared without a",
        "signal less that of this best fit.",
        "",
        *table(("assumption", "sin^2(theta_W), 1 sigma", "events", "strength", "gain"), rows),
    ]


def _limit_assumptions(content: Content) -> list[str]:
    shown = [limit for limit in content["limits"] if not limit["quantity"].endswith("tau")]
    mediators = [
        (m["quantity"], m["channel"]) for m in content["limit_assumptions"][0]["limits"] if m["quantity"][0] == "g"
    ]
    header = [
        "assumption",
        *(f"{m['quantity']}, {m['channel']}" for m in shown),
        *(f"{name}, all" for name, _ in mediators),
    ]
    defaults = _mediator_limits(content["limit_assumptions"][0])
    rows = []
    for variant in content["limit_assumptions"]:
        cells = [f"{limit['deviations'][variant['name']]:+.1%}" for limit in shown]
        of_mediators = _mediator_limits(variant)
        cells += [f"{of_mediators[name] / defaults[name] - 1:+.1%}" for name in defaults]
        rows.append((variant["name"], *cells))
    scalars = [
        (s["name"], f"{s['couplings'][0]:.2f}, {s['couplings'][1]:.2f}", f"{s['g_phi']:.3g}")
        for s in content["scalar_assumptions"]
    ]
    return [
        "# What moves the limits",
        "",
        "Deviation of the (half-)width from the published one, one assumption switched at a time; for the couplings of",
        "mediators, at a mass of 10 MeV, from the default, as there is no published number.",
        "",
        *table(header, rows),
        "",
        "The ends of q_ee from CEvNS alone: at the upper one the millicharge has turned the sign of Q_V, as far as it",
        "can at all recoil energies at once, so they depend on the spectrum's shape.",
        "",
        *table(("assumption", "q_ee, cevns"), _millicharge_ends(content)),
        "",
        "The scalar's coupling to a proton and to a neutron, in units of its coupling to quarks, and the limit:",
        "",
        *table(("assumption", "proton, neutron", "g_phi at 10 MeV, 90 % CL"), scalars),
    ]


def _millicharge_ends(content: Content) -> list[tuple[str, str]]:
    (limit,) = (x for x in content["limits"] if (x["quantity"], x["channel"]) == ("q_ee", "cevns"))
    rows = [("published", interval(limit["published"]))]
    return rows + [(name, interval(ends)) for name, ends in limit["under"].items()]


def _mediator_limits(variant: Content) -> dict[str, float]:
    return {limit["quantity"]: limit["intervals"][-1][1] for limit in variant["limits"] if limit["quantity"][0] == "g"}


def _mediators(content: Content) -> list[str]:
    rows = [
        (m["model"], m["channel"], m["coupling"], f"{m['mass_MeV']:g}", pieces(m["intervals"]))
        for m in content["mediators"]
    ]
    contacts = [(c["structure"], c["parameter"], pieces(c["intervals"])) for c in content["contacts"]]
    return [
        "# Light mediators",
        "",
        "Limits at 90 % CL for one degree of freedom, far below and far above the momentum transfer. The contours of",
        "Fig. 7 are drawn for two; the paper does not say which it uses, and gives no numbers. `eves`: new physics off",
        "electrons alone, nuclei as in the Standard Model.",
        "",
        *table(("model", "channel", "coupling", "mass [MeV]", "allowed"), rows),
        "",
        "# Contact interactions, Eq. (8)",
        "",
        "One coupling at a time, 90 % CL. P, A and T act on the spin of 73Ge alone: the paper's claim that they are",
        "negligible is this table's last column.",
        "",
        *table(("structure", "parameter", "allowed"), contacts),
    ]


def _systematics(content: Content) -> list[str]:
    rows = [
        (row["systematics"], row["quantity"], row["channel"], f"{row['best']:.4g}", pieces(row["intervals"]))
        for row in content["systematics"]
    ]
    return [
        "# Systematics",
        "",
        "`default` is the paper's pull of 20 % on the normalisation. `detailed` has six nuisances: flux, active mass",
        "and trigger as factors, and quenching, energy scale and nuclear radius, which move the spectrum, minimised",
        "within their pulls. `quenching.pdf` has the intervals against k, each k taken as exact.",
        "",
        *table(("systematics", "quantity", "channel", "best fit", "allowed at 90 % CL"), rows),
    ]


def _reading(content: Content) -> list[str]:
    variants = {v["name"]: v for v in content["assumptions"]}
    default, marginal = variants["default"], variants[INTEGRATED.name]
    comparisons = {c["name"]: c for c in content["comparisons"]}
    angle, observed, predicted = (comparisons[n] for n in ("sin2_theta_w", "signal_observed", "signal_predicted"))
    best = [(v["best"], v["low"], v["high"]) for v in (default, marginal)]
    return [
        "# Reading",
        "",
        f"- The paper gives {with_errors(angle['published'], '.3f')}. Eq. (20) with its pull minimised gives "
        f"{with_errors(best[0], '.4f')}.",
        "- The paper says that it marginalises over the pull. Integrating the pull out instead of minimising it gives "
        f"{with_errors(best[1], '.4f')}: " + _agreement(best[1], angle["published"]),
        "- The spectrum above 8 MeV, the total flux, the quenching and the resolution each move the centre by as much "
        "as the table shows; none of them is tuned here.",
        f"- The collaboration predicts {with_errors(predicted['published'], '.0f')} events and this description "
        f"{predicted['obtained'][0]:.0f}; the ratio of observed to predicted is "
        f"{observed['published'][0] / predicted['published'][0]:.3f} there and {default['strength']:.3f} here. The "
        "difference in absolute size is within the published uncertainty of the prediction, and is not explained "
        "further here.",
        f"- In Fig. 3 the point stands at the mean momentum transfer of the signal, "
        f"{content['momentum_transfer_MeV']:.1f} MeV.",
        *_causes(content),
    ]


def _causes(content: Content) -> list[str]:
    """Say of each limit that deviates by more than a tenth what the two likely causes explain of it."""
    lines = []
    for limit in content["limits"]:
        if abs(limit["deviation"]) <= 0.1 or limit["quantity"].endswith("tau"):
            continue
        d = limit["deviations"]
        lines.append(
            f"- {limit['quantity']} ({limit['channel']}) comes out {limit['deviation']:+.1%} from the published limit; "
            f"{d[FREE.name]:+.1%} with {FREE.name}, {d[INTEGRATED.name]:+.1%} with the {INTEGRATED.name}, and "
            f"{d[LIKELY.name]:+.1%} with both. The paper's text has Z_eff, below Eq. (19): that it counts 32 electrons "
            "is a guess, which only its size speaks for. What is left then, no row of the table explains."
        )
    return lines


def _agreement(ours: Sequence[float], published: Sequence[float | None]) -> str:
    """Say which of the three published numbers a variant gives back to the last printed digit."""
    names = ("centre", "lower end", "upper end")
    given = {n: round(a, 3) == b for n, a, b in zip(names, ours, published, strict=True) if b is not None}
    same = ", ".join(name for name, equal in given.items() if equal) or "nothing"
    differ = ", ".join(name for name, equal in given.items() if not equal)
    return f"to the printed digits this agrees in: {same}" + (
        f"; it differs in: {differ}, unexplained." if differ else "."
    )

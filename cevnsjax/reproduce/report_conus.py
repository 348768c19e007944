"""The report's second half: the CONUS programme, its projections, and what the quenching does to two experiments."""

import itertools
from typing import Any

from cevnsjax.reproduce.markdown import interval, pieces, table
from cevnsjax.reproduce.programme import K
from cevnsjax.reproduce.quenching import LINDHARD

__all__ = ["second_document"]

Content = dict[str, Any]

EVENTS = "predicted", "limit", "strength", "events", "vector_scale_GeV"


def second_document(content: Content) -> tuple[list[str], ...]:
    """Return the sections, each a list of lines."""
    return (
        _limits(content),
        _events(content),
        _tensor(content),
        _projection(content),
        _bands(content),
        _quenching(content),
    )


def _limits(content: Content) -> list[str]:
    rows = [
        (
            row["quantity"] + (f" [{row['unit']}]" if row["unit"] else ""),
            row["analysis"],
            f"{row['published']:.3g}",
            f"{row['obtained']:.3g}",
            f"{row['ratio']:.2f}",
            row["note"],
        )
        for row in content["conus"]
    ]
    header = ("quantity", "analysis", "published", "expected here", "ratio", "of the published one")
    return [
        "# CONUS at Brokdorf, 90 % CL",
        "",
        "The talk's table. No binned data are public: what is expected of the Standard Model and the background",
        "stands in for them, so that these are expected limits, and a measured one may be stronger or weaker by",
        "chance. Of an interval the end farthest from zero stands here. `conus_scalar.pdf` and `conus_vector.pdf`",
        "have the planes. Events are set beside the first published limit; the final one, from 210 eV on, is",
        f"{content['conus_events_final']:g} / kg / d.",
        "Quark interactions are those of up quarks alone. Which quarks the talk means it does not say.",
        "",
        *table(header, rows),
    ]


def _events(content: Content) -> list[str]:
    rows = [(f"{row['quenching_k']:.2f}", *(f"{row[name]:.3g}" for name in EVENTS)) for row in content["conus_events"]]
    columns = (
        "k", "predicted / kg / d", "limit / kg / d", "limit over the prediction", "limit on events",
        "scale of vector interactions [GeV]",
    )  # fmt: skip
    over = next(row for row in content["conus"] if row["quantity"] == "events_over_prediction")
    return [
        "# Limits from CEvNS in CONUS against Lindhard's k",
        "",
        f"The published limit is {over['published']:.0f} times what its authors predict, at k = 0.16 it is",
        f"{over['obtained']:.0f} times what is predicted here: more events are predicted here than there, as in the",
        "projections below, where the talk's counts include an efficiency that is not given.",
        "`conus_events.pdf` has limit and prediction.",
        "",
        *table(columns, rows),
    ]


def _tensor(content: Content) -> list[str]:
    (published,) = (row["published"] for row in content["conus"] if row["quantity"] == "tensor_nsi")
    rows = [(row["assumption"], f"{row['epsilon']:.3g}", f"{row['scale_GeV']:.0f}") for row in content["conus_tensor"]]
    return [
        "# What moves the scale of tensor interactions",
        "",
        f"Published: {published:g} GeV. The talk's formula has G_F^2 M / pi; which quarks it quotes the scale for it",
        "does not say. Counts depend on the charge alone, so that another normalisation or other quarks rescale the",
        "limit exactly. Of what was tried only a cross section four times as large, for up and down quarks alike,",
        "comes near. But vector interactions, whose scale is the published one with up quarks alone, would with both",
        f"alike be excluded up to {content['conus_vector_alike']:.0f} GeV: one choice of quarks does not explain both.",
        "",
        *table(("assumption", "eps_ee_ut", "scale [GeV]"), rows),
    ]


def _projection(content: Content) -> list[str]:
    table_of_talk = content["conus_projection"][:5]
    steps, here = (
        [more[name] / less[name] for less, more in itertools.pairwise(table_of_talk)]
        for name in ("signal", "signal_here")
    )
    last = table_of_talk[-1]
    background = (last["signal"] / last["Z"]) ** 2 / (365.25 * last["kg_years"])
    rows = []
    for row in content["conus_projection"]:
        pairs = ((f"{row[name]:.3g}", f"{row[f'{name}_here']:.3g}") for name in ("signal", "Z", "V"))
        cells = [cell for pair in pairs for cell in pair]
        rows.append((f"{row['kg_years']:g}", f"{row['threshold_eV']:g}", *cells, f"{row['background_here']:.3g}"))
    header = ("kg yr", "threshold [eV]", "s, talk", "s", "Z, talk", "Z", "V, talk", "V", "b")
    angles = [
        (f"{row['kg_years']:.3g}", f"{row['systematics']:.2g}", interval(row["fisher"]), pieces(row["intervals"]))
        for row in content["conus_angle"]
    ]
    return [
        "# Projections of CONUS",
        "",
        f"Counts of CEvNS, Z = s / sqrt(b) and V = (s + b) / s^2 at k = {K:g}. The talk's counts include an",
        f"efficiency that is not given. Its Z tells of some {background:.0f} counts of background / kg / d,",
        f"which at 10 counts / keV / kg / d are {background / 10:.0f} keV; here it is that of the region",
        "alone, and the reduction by a fifth that the talk hopes for is left out. The noise's edge stays at the",
        "lowest bin: to measure from 200 eV on takes electronics whose noise ends there.",
        "",
        f"From threshold to threshold the talk's counts grow by {_factors(steps)}, those here by",
        f"{_factors(here)}: their ratios are {_factors([a / b for a, b in zip(here, steps, strict=True)])}. The talk's",
        "first step is smaller than its second, which no smooth falling tail gives; its efficiency may.",
        "",
        *table(header, rows),
        "",
        "What will be allowed for sin^2(theta_W) at 90 % CL, counted from 200 eV on, with pulls as they are (1) and",
        "a third as wide: by the Fisher information at the true value, and by fits to what is expected.",
        "",
        *table(("kg yr", "pulls", "Fisher information", "fit"), angles),
    ]


def _factors(values: list[float]) -> str:
    return ", ".join(f"{value:.2f}" for value in values)


def _bands(content: Content) -> list[str]:
    rows = [
        (row["target"], *(f"{row[n]:.3f}" for n in ("N_over_Z", "slope", "slope_lightest", "slope_heaviest")))
        for row in content["conus_band"]
    ]
    return [
        "# Along which lines vector interactions with quarks change nothing",
        "",
        "Slopes d(eps_d) / d(eps_u) of a target, and of its lightest and heaviest isotope. Two targets leave only what",
        "lies in both of their bands, which cross the more widely the closer their slopes are. `conus_nsi.pdf` has",
        "the band of germanium.",
        "",
        *table(("target", "N / Z", "slope", "lightest isotope", "heaviest isotope"), rows),
    ]


def _quenching(content: Content) -> list[str]:
    best = {(row["experiment"], row["quenching"]): row["strength"] for row in content["quenching"]}
    rows = [
        (
            row["experiment"],
            row["quenching"],
            f"{row['events']:.3g}",
            f"{row['strength']:.2f}",
            interval([round(end, 2) for end in row["interval"]]) if None not in row["interval"] else "open",
            f"{row['chi2_of_prediction']:.1f}",
            f"{row['chi2_of_no_signal']:.1f}",
            "" if row["published"] is None else "{:g} +- {:g}".format(*row["published"]),
        )
        for row in content["quenching"]
    ]
    header = (
        "experiment",
        "quenching",
        "events predicted",
        "strength",
        "1 sigma",
        "chi^2 of 1",
        "chi^2 of 0",
        "published",
    )
    return [
        "# Why Dresden-II and CONUS+ disagree on quenching",
        "",
        "The strength of the Standard Model's signal that the data prefer, free, with each description of the",
        "quenching, and by how much chi^2 exceeds its minimum at strengths one and zero. Events are those of the run,",
        "of Dresden-II of one day. Both experiments count nuclear recoils in germanium. With Lindhard's quenching",
        f"CONUS+ finds {best['conus_plus', LINDHARD]:.2f} of what is predicted, and Dresden-II prefers "
        f"{best['dresden2', LINDHARD]:.1f} times as much.",
        f"With the yield Fef Dresden-II finds {best['dresden2', 'Fef']:.2f}, and CONUS+ "
        f"{best['conus_plus', 'Fef']:.2f}: one yield cannot serve both.",
        "And the data of Dresden-II without the reactor (`dresden2:off`) prefer a signal that is negative: its",
        "background can imitate or hide one.",
        "",
        *table(header, rows),
    ]

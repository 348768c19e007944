"""The page of solar neutrinos: the placeholders of its template."""

from collections.abc import Mapping
from typing import Any

from cevnsjax.reproduce.markdown import at_cl, interval, pieces, table, with_errors
from cevnsjax.reproduce.solar_b8 import ANGLES, CL, REFERENCE
from cevnsjax.reproduce.solar_electrons import BOTH, DEFAULT, FIXED, FREE, VARIANTS

__all__ = ["solar_page"]

Content = Mapping[str, Any]

CAUSES = {
    "xenonnt_predicted": "response of 2026, not of 2024",
    "xenonnt_background": "nominal rates of the release of 2026",
    "xenonnt_significance": "response and templates of 2026, not of 2024",
    "xenonnt_flux": "the same: it sees less of the signal",
    "pandax_significance": "two counts; the published fit has spectra, which are not public",
    "pandax_flux": "the same",
    "lz_flux": "none: the published flux is the input, with the mean of its errors",
}
"""What explains a deviation of the flux, its significance, or counts."""

ELECTRON_CAUSES = {
    "mu_nu": "bound electrons; the published fit has 1 to 140 keV and constrains each part of the background",
    "mu_nu_e": "published to one digit",
    "q_ee": "published to one digit; the background's normalisation",
    "r2_ee": "the background's normalisation; bound electrons",
}
"""What explains a deviation of a limit from electron recoils."""


def solar_page(content: Content) -> dict[str, str]:
    """Return the texts that the template takes."""
    rows = {row["name"]: row for row in content["fluxes"]}
    flux = rows["first"]["flux"]
    limits = {row["quantity"]: row for row in content["electron_limits"]}
    spectrum = content["electron_spectrum"]
    angles = {label: (high - low) / 2 for label, (_, low, high) in content["angles"].items()}
    ours, *_, conus_plus = (angles[label] for label in ANGLES)
    response = content["response"]
    (lz,) = (row["value"] for row in content["published_only"] if row["name"] == "lz_significance")
    return {
        "cl": at_cl(CL),
        "comparisons": _comparisons(content),
        "reference": f"{REFERENCE:g}",
        "fluxes": _fluxes(content),
        "response": f"{response:.2f}",
        "flux_2024": with_errors([response * x for x in flux], ".1f"),
        "flux_published": _published_flux(content),
        "significance": f"{rows['all_runs']['significance']:.2f}",
        "lz_significance": f"{lz}",
        "angles": table(
            ("data", "sin^2(theta_W)"), [(name, with_errors(x, ".3f")) for name, x in content["angles"].items()]
        ),
        "angle_ratio": f"{ours / conus_plus:.1f}",
        "b8_limits": _mediators(content["b8_limits"]),
        "solar": f"{spectrum['solar']:.1f}",
        "solar_below_10": f"{spectrum['solar_below_10_keV']:.1f}",
        "observed": f"{spectrum['observed']:.0f}",
        "moment": f"{spectrum['moment']:.2g}",
        "of_moment": f"{spectrum['of_moment']:.0f}",
        "expected_moment": f"{content['expected_moment']:.3g}",
        "free_moment": pieces(limits["mu_nu"]["under"][FREE]["intervals"]),
        "fixed_radius": pieces(limits["r2_ee"]["under"][FIXED]["intervals"]),
        "both_radius": pieces(limits["r2_ee"]["under"][BOTH]["intervals"]),
        "electron_limits": _electron_limits(content),
        "variants": _variants(content),
        "mediators": _mediators(content["electron_mediators"]),
    }


def _comparisons(content: Content) -> str:
    rows = []
    for row in content["comparisons"]:
        digits = ".0f" if row["name"].endswith("observed") else ".2f" if row["unit"] == "sigma" else ".1f"
        numbers = [with_errors(row[which], digits) for which in ("published", "obtained")]
        cause = CAUSES.get(row["name"], "")
        rows.append((row["name"], row["unit"], *numbers, _deviation(row["deviation"]), cause, row["source"]))
    return table(("quantity", "unit", "published", "obtained", "deviation", "cause", "source"), rows)


def _published_flux(content: Content) -> str:
    (row,) = (row for row in content["comparisons"] if row["name"] == "xenonnt_flux")
    return with_errors(row["published"], ".1f")


def _fluxes(content: Content) -> str:
    rows = [
        (
            row["label"], *_counts(row),
            with_errors([x / REFERENCE for x in row["flux"]], ".2f"), with_errors(row["flux"], ".1f"),
            "" if row["flux_efficiency_fixed"] is None else with_errors(row["flux_efficiency_fixed"], ".1f"),
            f"{row['significance']:.2f}", f"{row['chi2_min']:.1f}", f"{row['cells']}",
        )
        for row in content["fluxes"]
    ]  # fmt: skip
    header = (
        "data", "observed", "background", "predicted", "strength", "flux", "flux, efficiency fixed", "sigma", "chi^2",
        "cells",
    )  # fmt: skip
    return table(header, rows)


def _counts(row: Content) -> tuple[str, str, str]:
    """Return observed, background and predicted events; the one number of LZ is no count of events."""
    if row["name"] in ("lz", "together"):
        return ("", "", "")
    return f"{row['observed']:.0f}", f"{row['background']:.1f}", f"{row['predicted']:.2f}"


def _deviation(share: float) -> str:
    """Return a deviation in per cent, without a minus at zero."""
    return f"{round(share, 2) + 0.0:+.0%}"


def _electron_limits(content: Content) -> str:
    rows = [
        (
            row["quantity"], interval(row["published"], row["kind"]), pieces(row["under"][DEFAULT]["intervals"]),
            *(_deviation(row["under"][name]["deviation"]) for name in (DEFAULT, BOTH)),
            ELECTRON_CAUSES[row["quantity"]], row["source"],
        )
        for row in content["electron_limits"]
    ]  # fmt: skip
    header = ("quantity", "published", "obtained", "deviation", f"deviation, {BOTH}", "cause", "source")
    return table(header, rows)


def _variants(content: Content) -> str:
    rows = [
        (name, *(pieces(row["under"][name]["intervals"]) for row in content["electron_limits"])) for name in VARIANTS
    ]
    return table(("assumption", *(row["quantity"] for row in content["electron_limits"])), rows)


def _mediators(limits: list[Content]) -> str:
    rows = [
        (
            row["model"],
            row["quantity"],
            ", ".join(f"{name} = {value:g} MeV" for name, value in row["values"].items()),
            pieces(row["intervals"]),
        )
        for row in limits
    ]
    return table(("model", "coupling", "mass", "allowed"), rows)

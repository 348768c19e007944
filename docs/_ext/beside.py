"""Published numbers of an experiment, from `data/published/`, each beside the one that a study obtained.

A study's JSON is what `cevnsjax reproduce` wrote. Where it is missing, the rows have the published numbers alone.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from cevnsjax.interactions import MODELS
from cevnsjax.reproduce.markdown import interval, pieces, with_errors
from cevnsjax.reproduce.published import ends_of, published_rows

__all__ = ["HEADER", "Row", "beside", "studies_in"]

HEADER = ("quantity", "unit", "published", "obtained", "source or remark")

UNITS = {parameter.name: parameter.unit for model in MODELS.values() for parameter in model.parameters}

Studies = Mapping[str, Mapping[str, Any]]


class Row(NamedTuple):
    """One line of the table; `obtained` is an empty text where no study calculates the quantity."""

    quantity: str
    unit: str
    published: str
    obtained: str
    remark: str


def studies_in(folder: Path) -> dict[str, dict[str, Any]]:
    """Return the studies that a folder of results holds."""
    report = folder / "report.json"
    return json.loads(report.read_text(encoding="utf-8"))["studies"] if report.exists() else {}


def beside(experiment: str, studies: Studies) -> list[Row]:
    """Return all rows of an experiment, none where nothing published is known to the package."""
    if experiment == "conus_plus":
        return _values("conus_plus", "", studies, "conus_plus") + _limits_of_conus_plus(studies)
    if experiment == "conus":
        return _conus(studies)
    if experiment == "dresden2":
        return _dresden2(studies)
    if experiment == "coherent_csi":
        return _values("coherent", ("csi_", "both_"), studies, "coherent") + _limits_of_coherent(studies)
    if experiment == "coherent_lar":
        return _values("coherent", ("lar_", "both_"), studies, "coherent") + _limits_of_coherent(studies)
    if experiment.endswith("_b8"):
        return _values("solar", f"{experiment.removesuffix('4t_b8').removesuffix('_b8')}_", studies, "solar")
    if experiment == "xenonnt_er":
        return _xenonnt_er(studies)
    return _reactor(experiment, studies)


def _values(table: str, prefix: str | tuple[str, ...], studies: Studies, study: str) -> list[Row]:
    """Return the rows of a table whose names begin so, beside the study's comparisons of the same names."""
    found = {row["name"]: row["obtained"] for row in studies.get(study, {}).get("comparisons", ())}
    rows = []
    for row in published_rows(table):
        if "name" in row and row["name"].startswith(prefix):
            numbers = [float(row["value"]), *ends_of(row)]
            obtained = with_errors(found[row["name"]], ".3g") if row["name"] in found else ""
            rows.append(Row(row["name"], row["unit"], with_errors(numbers, ".3g"), obtained, row["source"]))
    return rows


def _limits(experiment: str) -> list[dict[str, str]]:
    return [row for row in published_rows("limits") if row["experiment"] == experiment]


def _absolute(row: Mapping[str, str]) -> str:
    return ", absolute value" if row["kind"] == "absolute" else ""


def _quoted(row: Mapping[str, str]) -> str:
    return interval(ends_of(row), row["kind"])


def _limits_of_conus_plus(studies: Studies) -> list[Row]:
    found = {(row["quantity"], row["channel"]): row for row in studies.get("conus_plus", {}).get("limits", ())}
    rows = []
    for label, channel, remark in (
        ("conus_plus", "all", "90 % CL"),
        ("conus_plus CEvNS alone", "cevns", "90 % CL, CEvNS alone"),
    ):
        for row in _limits(label):
            here = found.get((row["quantity"], channel))
            obtained = "" if here is None else interval(here["obtained"], row["kind"])
            rows.append(
                Row(row["quantity"], UNITS[row["quantity"]], _quoted(row), obtained, f"{remark}; arXiv:2501.12441")
            )
    return rows


def _limits_of_coherent(studies: Studies) -> list[Row]:
    rows = []
    for row in _limits("COHERENT CsI+LAr"):
        found = [one for one in studies.get("coherent", {}).get("limits", ()) if one["name"] == row["quantity"]]
        for one in found or [None]:
            obtained = "" if one is None else pieces(one["obtained"])
            also = f", {' and '.join(one['free'])} free" if one and one["free"] else ""
            remark = f"CsI and LAr together, 90 % CL{_absolute(row)}{also}"
            rows.append(Row(row["quantity"], UNITS[row["quantity"]], _quoted(row), obtained, remark))
    return rows


def _conus(studies: Studies) -> list[Row]:
    study = studies.get("conus", {})
    found = {row["quantity"]: row for key in ("conus", "conus_events_beside") for row in study.get(key, ())}
    rows = []
    for row in published_rows("conus"):
        here = found.get(row["quantity"])
        obtained = "" if here is None else f"{here['obtained']:.4g}"
        rows.append(Row(row["quantity"], row["unit"], f"{float(row['value']):.4g}", obtained, row["note"]))
    return rows


def _dresden2(studies: Studies) -> list[Row]:
    study = studies.get("dresden2", {})
    found = {
        row["quenching"]: f"{row['strength']:.2f} +{row['interval'][1] - row['strength']:.2f}"
        f" -{row['strength'] - row['interval'][0]:.2f}"
        for row in study.get("quenching", ())
        if row["experiment"] == "dresden2"
    }
    rows = []
    for row in published_rows("dresden2"):
        name, error = row["quantity"], row["sigma"]
        published = f"{float(row['value']):g}" + (f" ± {float(error):g}" if error else "")
        if error:
            rows.append(
                Row(f"signal strength, quenching {name}", "", published, found.get(name, ""), "public analyses")
            )
        else:
            obtained = f"{study['background_chi2']['obtained']:.1f}" if study else ""
            rows.append(Row(name, "", published, obtained, "chi-squared without a signal"))
    return rows


def _xenonnt_er(studies: Studies) -> list[Row]:
    found = {row["quantity"]: row for row in studies.get("solar", {}).get("electron_limits", ())}
    published = [row | {"kind": "upper", "quantity": row["name"]} for row in published_rows("solar")]
    rows = []
    for row in [*(row for row in published if row["name"] == "mu_nu"), *_limits("XENONnT")]:
        here = found.get(row["quantity"])
        under = {} if here is None else here["under"]
        obtained = "; ".join(f"{interval(one['ends'], row['kind'])} ({label})" for label, one in under.items())
        source = row.get("source") or "tables of arXiv:2501.12441"
        rows.append(Row(row["quantity"], UNITS[row["quantity"]], _quoted(row), obtained, f"90 % CL; {source}"))
    return rows


def _reactor(experiment: str, studies: Studies) -> list[Row]:
    found = {
        (row["experiment"], row["quantity"], row["source"]): row["obtained"]
        for row in studies.get("reactors", {}).get("published", ())
    }
    rows = []
    for row in published_rows("reactors"):
        name, _, variant = row["experiment"].partition(":")
        if name == experiment:
            obtained = found.get((row["experiment"], row["quantity"], row["source"]))
            remark = ", ".join(filter(None, (variant, row["kind"], row["cl"] and f"CL {row['cl']}", row["source"])))
            published = f"{float(row['value']):.4g}" if row["value"] else "none as a number"
            shown = "" if obtained is None else f"{obtained:.4g}"
            rows.append(Row(row["quantity"], row["unit"], published, shown, remark))
    return rows

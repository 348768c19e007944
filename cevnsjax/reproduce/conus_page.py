"""The page of CONUS: the placeholders of its template."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from cevnsjax.reproduce.conus_events import K_OF_LIMIT
from cevnsjax.reproduce.conus_limits import CL
from cevnsjax.reproduce.markdown import at_cl, interval, pieces, table
from cevnsjax.reproduce.projections import DAYS_PER_YEAR

__all__ = ["conus_page"]

Content = Mapping[str, Any]

EVENTS = "predicted", "limit", "strength", "events", "vector_scale_GeV"


def conus_page(content: Content) -> dict[str, str]:
    """Return the texts that the template takes."""
    events = {row["quantity"]: row for row in content["conus_events_beside"]}
    over = events["events_over_prediction"]
    scales = [row["scale_GeV"] for row in content["conus_tensor"]]
    return {
        "cl": at_cl(CL),
        "limits": _limits(content),
        "events_final": f"{content['conus_events_final']:g}",
        "k": f"{K_OF_LIMIT:g}",
        "over_published": f"{over['published']:.0f}",
        "over": f"{over['obtained']:.0f}",
        "events": _events(content),
        "tensor_published": f"{content['conus_tensor_published']:g}",
        "tensor_exact": f"{scales[0]:.0f}",
        "tensor_bracket": f"{scales[-1]:.0f}",
        "tensor_events": f"{content['conus_tensor_events']:.0f}",
        "tensor_weighted": f"{content['conus_tensor_weighted_GeV']:.0f}",
        "vector_alike": f"{content['conus_vector_alike']:.0f}",
        "tensor": _tensor(content),
        **_projection(content),
        "bands": _bands(content),
    }


def _limits(content: Content) -> str:
    rows = [
        (
            row["quantity"] + (f" [{row['unit']}]" if row["unit"] else ""), row["analysis"],
            f"{row['published']:.3g}", f"{row['obtained']:.3g}", f"{row['ratio']:.2f}", row["note"],
        )
        for row in [*content["conus_events_beside"], *content["conus"]]
    ]  # fmt: skip
    return table(("quantity", "analysis", "published", "expected here", "ratio", "of the published one"), rows)


def _events(content: Content) -> str:
    rows = [(f"{row['quenching_k']:.2f}", *(f"{row[name]:.3g}" for name in EVENTS)) for row in content["conus_events"]]
    columns = (
        "k", "predicted / kg / d", "limit / kg / d", "limit over the prediction", "limit on events",
        "scale of vector interactions [GeV]",
    )  # fmt: skip
    return table(columns, rows)


def _tensor(content: Content) -> str:
    rows = [(row["assumption"], f"{row['epsilon']:.3g}", f"{row['scale_GeV']:.0f}") for row in content["conus_tensor"]]
    return table(("assumption", "eps_ee_ut", "scale [GeV]"), rows)


def _projection(content: Content) -> dict[str, str]:
    whole = content["conus_projection"]
    smallest = [row for row in whole if row["kg_years"] == whole[0]["kg_years"]]
    steps, here = (
        [more[name] / less[name] for less, more in itertools.pairwise(smallest)] for name in ("signal", "signal_here")
    )
    last = smallest[-1]
    background = (last["signal"] / last["Z"]) ** 2 / (DAYS_PER_YEAR * last["kg_years"])
    rows = []
    for row in whole:
        pairs = ((f"{row[name]:.3g}", f"{row[f'{name}_here']:.3g}") for name in ("signal", "Z", "V"))
        cells = [cell for pair in pairs for cell in pair]
        rows.append((f"{row['kg_years']:g}", f"{row['threshold_eV']:g}", *cells, f"{row['background_here']:.3g}"))
    header = ("kg yr", "threshold [eV_ee]", "s, talk", "s", "Z, talk", "Z", "V, talk", "V", "b")
    angles = [
        (f"{row['kg_years']:.3g}", f"{row['systematics']:.2g}", interval(row["fisher"]), pieces(row["intervals"]))
        for row in content["conus_angle"]
    ]
    return {
        "projection_k": f"{content['conus_projection_k']:g}",
        "talk_background": f"{background:.0f}",
        "steps_talk": _factors(steps),
        "steps": _factors(here),
        "steps_ratio": _factors([a / b for a, b in zip(here, steps, strict=True)]),
        "projection": table(header, rows),
        "angle_threshold": f"{last['threshold_eV']:g}",
        "angles": table(("kg yr", "factor on constraints", "Fisher information", "fit"), angles),
    }


def _factors(values: Sequence[float]) -> str:
    return ", ".join(f"{value:.2f}" for value in values)


def _bands(content: Content) -> str:
    names = ("N_over_Z", "slope", "slope_lightest", "slope_heaviest")
    rows = [(row["target"], *(f"{row[name]:.3f}" for name in names)) for row in content["conus_band"]]
    return table(("target", "N / Z", "slope", "lightest isotope", "heaviest isotope"), rows)

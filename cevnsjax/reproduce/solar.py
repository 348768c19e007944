"""The study of solar neutrinos in xenon: 8B off nuclei, and pp and others off electrons, beside published results."""

from typing import Any

from cevnsjax.reproduce.published import Estimate, beside, published_by
from cevnsjax.reproduce.solar_b8 import MEASUREMENTS, b8_steps
from cevnsjax.reproduce.solar_electrons import electron_limits, electron_steps
from cevnsjax.reproduce.solar_page import solar_page
from cevnsjax.reproduce.study import Results, Step, Study

__all__ = ["SOLAR"]


def _steps() -> tuple[Step, ...]:
    return (*b8_steps(), *electron_steps())


def _compose(results: Results) -> dict[str, Any]:
    published = published_by("solar", "name")
    fluxes = [{k: x for k, x in results[f"flux_{one.name}"].items() if k != "profiles"} for one in MEASUREMENTS]
    obtained: dict[str, Estimate] = {}
    for row in fluxes:
        if row["published"] is not None:
            obtained[f"{row['published']}_flux"] = tuple(row["flux"])
            for name in ("significance", "background", "observed", "predicted"):
                obtained[f"{row['published']}_{name}"] = (row[name], None, None)
    # One Gaussian number stands for LZ's data: it has no significance that could be set beside that of a fit to events.
    del obtained["lz_significance"]
    response = obtained["xenonnt_predicted"][0] / float(published["xenonnt_predicted"]["value"])
    return {
        "response": response,
        "comparisons": [beside(row, obtained[name]) for name, row in published.items() if name in obtained],
        "published_only": [row for name, row in published.items() if name in ("sno_flux", "lz_significance")],
        "fluxes": fluxes,
        "angles": results["b8_angles"],
        "b8_limits": results["b8_limits"],
        "electron_limits": electron_limits(results),
        "electron_spectrum": results["electrons_spectrum"],
        "expected_moment": results["electrons_expected"],
        "electron_mediators": results["electrons_mediators"],
    }


SOLAR = Study("solar", _steps, _compose, solar_page)

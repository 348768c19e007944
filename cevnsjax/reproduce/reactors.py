"""The study of reactors: experiments without public spectra, the flux from recoils, and reactors beside beams."""

import dataclasses
import math
from collections.abc import Mapping
from functools import partial
from typing import Any

import numpy as np

from cevnsjax.inference import expected_intervals
from cevnsjax.inference.value import chi2_at
from cevnsjax.likelihood import Likelihood
from cevnsjax.parameters import NORM, QUENCHING_K
from cevnsjax.reproduce.assumptions import ONE_SIGMA
from cevnsjax.reproduce.markdown import at_cl, interval, pieces, table
from cevnsjax.reproduce.published import published_rows
from cevnsjax.reproduce.reactor_planes import CL, PLANE, radius_steps
from cevnsjax.reproduce.reactor_spectrum import spectrum_steps
from cevnsjax.reproduce.study import Results, Step, Study
from cevnsjax.reproduce.workspace import Workspace

__all__ = ["EXPERIMENTS", "REACTORS"]

EXPERIMENTS: dict[str, str] = {
    "connie": "background of 1e4 counts / keV / kg / d, known to an order of magnitude; no loss of efficiency",
    "connie:lindhard": "the same; Lindhard's yield, more than twice the measured one",
    "connie:skipper": "background of 4e3; yield that falls to zero at 0.3 keV",
    "connie:skipper_constant": "the same; yield of 0.68 keV at all lower energies",
    "nugen": "flat background of 30; resolution",
    "texono": "flat background of 30; resolution; flux",
    "ricochet": "resolution; spectrum of pure 235U; a cycle of 50 d, as long without the reactor; flat background",
    "ricochet:zinc": "the same",
    "ricochet:weak_veto": "the same",
    "relics": "sharp edges at 0.63 and 1.36 keV in place of fluctuations and efficiency",
    "relics:electrons": "NEST's yield, 31 photoelectrons for each electron, all electrons extracted",
    "nucleus": "resolution; flat background that energies above the signal measure; no dead time",
    "nucleus:sapphire": "4 g; the background of calcium tungstate",
}
"""Experiments, and what stands in for unpublished input: docs/experiments.md has the reasons."""


def _steps() -> tuple[Step, ...]:
    return (
        *(Step(_step(name), f"expected of {name}", partial(_expected, name)) for name in EXPERIMENTS),
        *spectrum_steps(),
        *radius_steps(),
    )


def _step(name: str) -> str:
    return f"expected_{name.replace(':', '_')}"


def _expected(name: str, work: Workspace) -> dict[str, Any]:
    """Return expected events, the limit on the strength of the signal, and all that is published of an experiment."""
    likelihood = Likelihood(name)
    (experiment,) = likelihood.experiments
    on = slice(0, experiment.cells.size)
    (signal,), (rest,) = likelihood.signal_in({}), likelihood.background_in({})
    kg_d = float(experiment.sample_exposure[0])
    events, background = float(signal[on].sum()), float(rest[on].sum())
    numbers = _Numbers(likelihood, events, background, kg_d)
    rows = [
        {
            "experiment": name,
            "quantity": row["quantity"],
            "unit": row["unit"],
            "kind": row["kind"],
            "cl": float(row["cl"]) if row["cl"] else None,
            "published": float(row["value"]) if row["value"] else None,
            "source": row["source"],
            "obtained": numbers.of(row),
        }
        for row in published_rows("reactors")
        if row["experiment"] == name
    ]
    # Where the quenching is what is limited, the strength at one value of it would say little.
    of_quenching = any(row["quantity"] == QUENCHING_K.name for row in rows)
    strength = None if of_quenching else expected_intervals(likelihood, NORM.name, {}, CL)
    return {
        "experiment": name,
        "exposure_kg_d": kg_d,
        "events": events,
        "background": background,
        "norm": strength,
        "stands_in": EXPERIMENTS[name],
        "published": rows,
        "notes": likelihood.notes,
    }


@dataclasses.dataclass(frozen=True)
class _Numbers:
    """What is expected of one experiment, as its published results are given; exposure in kg d."""

    likelihood: Likelihood
    events: float
    background: float
    kg_d: float

    def of(self, row: Mapping[str, str]) -> float:
        """Return the number that stands beside a published one."""
        quantity = row["quantity"]
        simple = {"events": self.events, "background": self.background, "rate": self.events / self.kg_d}
        if quantity in simple:
            return simple[quantity]
        if quantity == "significance":
            return math.sqrt(chi2_at(self.likelihood, {NORM.name: 0.0}))
        if quantity == "precision":
            ((low, high),) = expected_intervals(self.likelihood, NORM.name, {}, ONE_SIGMA)
            assert low is not None
            assert high is not None
            return (high - low) / 2
        assert quantity in (NORM.name, QUENCHING_K.name)
        ((_, high),) = expected_intervals(self.likelihood, quantity, {}, float(row["cl"]))
        assert high is not None
        return high


def _compose(results: Results) -> dict[str, Any]:
    experiments = [dict(results[_step(name)]) for name in EXPERIMENTS]
    published = [row for one in experiments for row in one.pop("published")]
    notes = dict.fromkeys(note for one in experiments for note in one.pop("notes"))
    return {
        "experiments": experiments,
        "published": published,
        "notes": list(notes),
        "spectrum": results["spectrum"],
        "radius": results["radius"],
    }


def _page(content: Mapping[str, Any]) -> dict[str, str]:
    experiments = [
        (
            row["experiment"], f"{row['exposure_kg_d']:.4g}", f"{row['events']:.4g}", f"{row['background']:.4g}",
            "" if row["norm"] is None else pieces(row["norm"]), row["stands_in"],
        )
        for row in content["experiments"]
    ]  # fmt: skip
    published = [
        (
            row["experiment"], row["quantity"] + (f" [{row['unit']}]" if row["unit"] else ""),
            "" if row["cl"] is None else at_cl(row["cl"]),
            "no number" if row["published"] is None else _sign(row) + f"{row['published']:g}",
            _sign(row) + f"{row['obtained']:.3g}",
            "" if row["published"] is None else f"{row['obtained'] / row['published']:.2f}", row["source"],
        )
        for row in content["published"]
    ]  # fmt: skip
    return {
        "cl": at_cl(CL),
        "experiments": table(
            ("experiment", "kg d", "events", "background", "strength of the signal", "stands in"), experiments
        ),
        "published": table(
            ("experiment", "quantity", "CL", "published", "expected here", "ratio", "source"), published
        ),
        **_of_spectrum(content["spectrum"]),
        **_of_radius(content["radius"]),
    }


def _sign(row: Mapping[str, Any]) -> str:
    return "< " if row["kind"] == "limit" else ""


def _of_spectrum(content: Mapping[str, Any]) -> dict[str, str]:
    bins = [
        (label, f"{flux:.3g}", f"{counts:.0f}")
        for label, flux, counts in zip(content["labels"], content["flux_per_cm2_s"], content["counts"], strict=True)
    ]
    errors = []
    for case in content["cases"]:
        for kind, text in (("Fisher", "Fisher"), ("fit", "fit to Asimov data"), ("smooth", "Fisher, smoothness prior")):
            numbers = (f"{100 * error:.0f} %" for error in case[f"errors_{kind}"])
            errors.append((case["constraints"], text, *numbers))
    ends = [
        (case["constraints"], *(f"{low:.2f}, {high:.2f}" for low, high in case["at_ends"])) for case in content["cases"]
    ]
    correlations = [
        (case["constraints"], label, *(f"{value:.2f}" for value in row))
        for case in content["cases"]
        for label, row in zip(content["labels"], _correlation(case["covariance_Fisher"]), strict=True)
    ]
    widths = [
        (
            case["constraints"],
            f"{case['factor']:.2g}",
            f"{case['energy_scale_eV']:.3g}",
            f"{100 * case['detector']:.2g} %",
        )
        for case in content["cases"]
    ]
    labels = [f"{label} MeV" for label in content["labels"]]
    return {
        "kg_years": f"{content['exposure_kg_years']:g}",
        "threshold": f"{content['threshold_eV']:g}",
        "least_energy": f"{content['least_energy_MeV']:.1f}",
        "shown": f"{content['shown_MeV'][0]:g}",
        "below": f"{100 * content['share_below_shown']:.2f} %",
        "background": f"{content['background']:.3g}",
        "smoothness": f"{100 * content['smoothness']:g} %",
        "constraint_widths": table(("constraints", "factor", "energy scale [eV_ee]", "detector"), widths),
        "bins": table(("bin [MeV]", "flux [1 / cm^2 / s]", "counts"), bins),
        "errors": table(("constraints", "by", *labels), errors),
        "ends": table(("constraints", *labels), ends),
        "correlations": table(("constraints", "bin", *labels), correlations),
    }


def _correlation(covariance: list[list[float]]) -> np.ndarray:
    matrix = np.array(covariance)
    errors = np.sqrt(np.diag(matrix))
    return matrix / np.outer(errors, errors)


def _of_radius(content: Mapping[str, Any]) -> dict[str, str]:
    contours = [
        (
            row["data"],
            *(cell for name in PLANE for cell in (f"{row['best_fit'][name]:.3g}", interval(row["intervals"][name]))),
            f"{row['chi2_min']:.1f}",
        )
        for row in content["contours"]
    ]
    return {
        "constraints": f"{content['constraints']:.2g}",
        "angles": table(
            ("germanium", f"sin^2(theta_W), {at_cl(content['cl'])}"),
            [(label, interval(ends)) for label, ends in content["angles"].items()],
        ),
        "contours": table(("data", "R_n [fm]", "allowed", "sin^2(theta_W)", "allowed", "chi^2"), contours),
    }


REACTORS = Study("reactors", _steps, _compose, _page, (PLANE,))

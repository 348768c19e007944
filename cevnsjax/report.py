"""The report: published numbers beside those obtained, and what moves them."""

import dataclasses
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from cevnsjax.results import replace_file

__all__ = ["Comparison", "Variant", "write_report"]


@dataclasses.dataclass(frozen=True)
class Comparison:
    """A published value with its interval, and the one obtained here."""

    name: str
    unit: str
    cl: str
    source: str
    published: tuple[float, float | None, float | None]
    obtained: tuple[float, float | None, float | None]

    @classmethod
    def of(cls, row: dict[str, str], value: float, low: float | None, high: float | None) -> "Comparison":
        """Return the comparison with a row of `data/published/`."""
        ends = [float(row[end]) if row[end] else None for end in ("low", "high")]
        published = float(row["value"]), ends[0], ends[1]
        return cls(row["name"], row["unit"], row["cl"], row["source"], published, (value, low, high))

    @property
    def deviation(self) -> float:
        """How far the obtained value lies from the published one, as a share of the latter."""
        return self.obtained[0] / self.published[0] - 1

    def as_dict(self) -> dict[str, Any]:
        """Return what `report.json` holds."""
        return dataclasses.asdict(self) | {"deviation": self.deviation}


@dataclasses.dataclass(frozen=True)
class Variant:
    """What one set of assumptions gives: sin^2(theta_W) with its 1 sigma interval, the predicted events, the
    factor on them that the data want without a pull, and by how much chi-squared falls from no signal to it."""

    name: str
    best: float
    low: float
    high: float
    events: float
    strength: float
    gain: float

    def as_dict(self) -> dict[str, Any]:
        """Return what `report.json` holds."""
        return dataclasses.asdict(self)


def _value(numbers: tuple[float, float | None, float | None], digits: str) -> str:
    value, low, high = numbers
    if low is None or high is None:
        return f"{value:{digits}}"
    return f"{value:{digits}} +{high - value:{digits}} -{value - low:{digits}}"


def write_report(path: Path, comparisons: Sequence[Comparison], variants: Sequence[Variant], scale: float) -> None:
    """Write `report.md`."""
    lines = [
        "# Published and obtained",
        "",
        "| quantity | published | obtained | deviation of the value | source |",
        "|---|---|---|---|---|",
    ]
    for c in comparisons:
        digits = ".3f" if c.published[0] < 1 else ".1f" if c.published[0] < 10 else ".0f"
        unit = f" {c.unit}" if c.unit else ""
        lines.append(
            f"| {c.name} | {_value(c.published, digits)}{unit} | {_value(c.obtained, digits)}{unit} "
            f"| {c.deviation:+.1%} | {c.source} |"
        )
    default, marginal = variants[0], variants[1]
    angle = next(c for c in comparisons if c.name == "sin2_theta_w")
    (value, low, high), events = angle.published, {c.name: c for c in comparisons}
    observed, predicted = events["signal_observed"], events["signal_predicted"]
    lines += [
        "",
        "# What moves sin^2(theta_W)",
        "",
        "One assumption switched at a time. Events: predicted in all detectors, over all bins of the data.",
        "Strength: the factor on the prediction that fits best without a pull. Gain: chi-squared without a",
        "signal less that of this best fit.",
        "",
        "| assumption | sin^2(theta_W), 1 sigma | events | strength | gain |",
        "|---|---|---|---|---|",
    ]
    for v in variants:
        numbers = _value((v.best, v.low, v.high), ".4f")
        lines.append(f"| {v.name} | {numbers} | {v.events:.1f} | {v.strength:.3f} | {v.gain:.2f} |")
    lines += [
        "",
        "# Reading",
        "",
        f"- The paper gives {_value(angle.published, '.3f')}. Eq. (20) with its pull minimised gives "
        f"{_value((default.best, default.low, default.high), '.4f')}.",
        f"- The paper says that it marginalises over the pull. Integrating the pull out instead of minimising it gives "
        f"{_value((marginal.best, marginal.low, marginal.high), '.4f')}: " + _agreement(marginal, value, low, high),
        "- The spectrum above 8 MeV, the total flux, the quenching and the resolution each move the centre by as much "
        "as the table shows; none of them is tuned here.",
        f"- The collaboration predicts {_value(predicted.published, '.0f')} events and this description "
        f"{predicted.obtained[0]:.0f}; the ratio of observed to predicted is "
        f"{observed.published[0] / predicted.published[0]:.3f} there and {default.strength:.3f} here. The difference "
        "in absolute size is within the published uncertainty of the prediction, and is not explained further here.",
        f"- In Fig. 3 the point stands at the mean momentum transfer of the signal, {scale:.1f} MeV.",
        "",
    ]
    replace_file(path, "\n".join(lines).encode())


def _agreement(variant: Variant, value: float, low: float | None, high: float | None) -> str:
    """Say which of the three published numbers a variant gives back to the last printed digit."""
    ours = (variant.best, variant.high, variant.low)
    names = ("centre", "upper end", "lower end")
    given = {n: round(a, 3) == b for n, a, b in zip(names, ours, (value, high, low), strict=True) if a is not None}
    same = ", ".join(name for name, equal in given.items() if equal) or "nothing"
    differ = ", ".join(name for name, equal in given.items() if not equal)
    return f"to the printed digits this agrees in: {same}" + (
        f"; it differs in: {differ}, unexplained." if differ else "."
    )

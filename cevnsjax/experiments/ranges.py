"""Types of the numbers and texts in an experiment file. A number far outside its range is a mistake of the unit."""

import dataclasses
import re
from collections.abc import Callable
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field, GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

__all__ = [
    "Baseline",
    "Days",
    "Edge",
    "Exposure",
    "Factor",
    "Finite",
    "Flux",
    "Mass",
    "Name",
    "NotNegative",
    "Positive",
    "Potential",
    "Power",
    "Range",
    "RunName",
    "Share",
    "Sigma",
    "Signal",
    "Text",
    "Width",
    "one_of",
]


@dataclasses.dataclass(frozen=True)
class Range:
    """The annotation of a number from `low` to `high`."""

    low: float
    high: float

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        """Return the check of a number, whose error has both ends."""
        return core_schema.no_info_after_validator_function(self._check, handler(source))

    def _check(self, value: float) -> float:
        if not self.low <= value <= self.high:
            raise ValueError(f"give a number from {self.low:g} to {self.high:g}")
        return value


def _text(rule: str, pattern: str) -> Callable[[str], str]:
    """Return the check of a text by a regular expression; `rule` says in words what the text must be."""

    def check(value: str) -> str:
        if not re.fullmatch(pattern, value):
            raise ValueError(rule)
        return value

    return check


def one_of(*known: str) -> BeforeValidator:
    """Return the check of a text that must be one of the known ones."""

    def check(value: object) -> object:
        if value not in known:
            raise ValueError(f"give one of {', '.join(known)}")
        return value

    return BeforeValidator(check)


Positive = Annotated[float, Range(1e-12, 1e12)]
NotNegative = Annotated[float, Range(0.0, 1e12)]
Power = Annotated[float, Range(1e-6, 100.0)]
Baseline = Annotated[float, Range(0.1, 1e13)]
Mass = Annotated[float, Range(1e-9, 1e9)]
Days = Annotated[float, Range(1e-6, 1e5)]
Exposure = Annotated[float, Range(1e-9, 1e12)]
Signal = Annotated[float, Range(0.0, 1e9)]
Width = Annotated[float, Range(1e-3, 1e9)]
Share = Annotated[float, Range(0.0, 1.0)]
Factor = Annotated[float, Range(1e-3, 1e3)]
Flux = Annotated[float, Range(1e-3, 1e20)]
Potential = Annotated[float, Range(0.0, 1e-9)]
Sigma = Annotated[float, Range(1e-30, 1e12)]
Edge = Annotated[float, Range(-1e9, 1e9)]
Finite = Annotated[float, Range(-1e30, 1e30)]

_one_line = _text("give text without line breaks", r"[^\x00-\x1f\x7f-\x9f\u2028\u2029]*")
_name = _text("give letters, digits and underscores, a letter first", r"[A-Za-z][A-Za-z0-9_]*")
_run = _text("give letters, digits and underscores", r"[A-Za-z0-9_]+")

Text = Annotated[str, Field(max_length=1000), AfterValidator(_one_line)]
Name = Annotated[str, Field(max_length=100), AfterValidator(_name)]
RunName = Annotated[str, Field(max_length=100), AfterValidator(_run)]

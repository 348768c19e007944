"""Prior densities of parameters: their kinds, their defaults, and how they are written on the command line."""

import dataclasses
import json
import math
from typing import Any, Literal, get_args

from cevnsjax.arguments import REAL, choice
from cevnsjax.errors import InputError, shown, unknown_name
from cevnsjax.parameters import Parameter

__all__ = ["KINDS", "Kind", "Prior", "default_prior", "parse_prior"]

Kind = Literal["flat", "log_uniform", "normal", "half_normal"]
KINDS: tuple[str, ...] = get_args(Kind)

WIDE = 30.0
"""Half the width of a flat prior without bounds, in units of the parameter's own scale."""


@dataclasses.dataclass(frozen=True)
class Prior:
    """A prior density, cut at the parameter's bounds.

    Args:
        kind: "flat" or "log_uniform" between two ends; "normal" of a mean and a width; "half_normal" of a width.
        numbers: the ends, or mean and width, in the parameter's unit.

    Raises:
        InputError: for an unknown kind, and numbers that make no density.

    Examples:
        >>> str(cevnsjax.Prior("log_uniform", (1e-8, 1e-3)))
        'log_uniform:1e-08:0.001'
    """

    kind: Kind
    numbers: tuple[float, ...]

    def __post_init__(self) -> None:
        choice(self.kind, "prior", KINDS)
        wanted = 1 if self.kind == "half_normal" else 2
        possible = isinstance(self.numbers, tuple | list) and len(self.numbers) == wanted
        possible = possible and all(isinstance(n, REAL) and math.isfinite(n) for n in self.numbers)
        if possible:
            first, last = self.numbers[0], self.numbers[-1]
            possible = {"flat": first < last, "log_uniform": 0 < first < last}.get(self.kind, last > 0)
        if not possible:
            raise InputError(f"the prior '{self}' is not possible: give {_FORMS[self.kind]}")

    def __str__(self) -> str:
        numbers = self.numbers if isinstance(self.numbers, tuple | list) else (self.numbers,)
        return ":".join([self.kind, *(f"{n:g}" if isinstance(n, REAL) else shown(n) for n in numbers)])

    def distribution(self, parameter: Parameter) -> Any:
        """Return the density as a distribution of NumPyro, cut at the bounds of a `parameter`."""
        import numpyro.distributions as dist

        low, high = parameter.bounds
        if self.kind in ("flat", "log_uniform"):
            ends = max(low, self.numbers[0]), min(high, self.numbers[1])
            return dist.Uniform(*ends) if self.kind == "flat" else dist.LogUniform(*ends)
        middle, width = (0.0, *self.numbers)[-2:]
        if self.kind == "half_normal":
            low = max(low, 0.0)
        finite = {name: end for name, end in (("low", low), ("high", high)) if math.isfinite(end)}
        return dist.TruncatedNormal(middle, width, **finite) if finite else dist.Normal(middle, width)


_FORMS = {
    "flat": "flat:LOW:HIGH with LOW below HIGH",
    "log_uniform": "log_uniform:LOW:HIGH with 0 < LOW < HIGH",
    "normal": "normal:MEAN:WIDTH with a positive width",
    "half_normal": "half_normal:WIDTH with a positive width",
}


def default_prior(parameter: Parameter, step: float) -> Prior:
    """Return a flat prior between the parameter's bounds, or wide around its default where it has none.

    `step` is a typical step of the data; a wide prior extends thirty steps to both sides. Couplings and masses have
    flat priors, too. A prior that is flat in the logarithm must be asked for, because its lower end decides the answer.
    """
    low, high = parameter.bounds
    low = low if math.isfinite(low) else parameter.default - WIDE * step
    high = high if math.isfinite(high) else parameter.default + WIDE * step
    return Prior("flat", (low, high))


def parse_prior(text: str) -> tuple[str, Prior]:
    """Return the parameter's name and the prior of a `text` NAME=KIND:NUMBER:NUMBER.

    Raises `InputError` for another form.

    >>> from cevnsjax.sampling import parse_prior
    >>> parse_prior("sin2_theta_w=normal:0.24:0.06")
    ('sin2_theta_w', Prior(kind='normal', numbers=(0.24, 0.06)))
    """
    name, equals, rest = text.partition("=")
    kind, *numbers = rest.split(":")
    if not (name and equals):
        raise InputError(f"--prior {text!r} is not one: give NAME=KIND:NUMBERS, such as g_bl=log_uniform:1e-8:1e-3")
    if kind not in KINDS:
        raise unknown_name("prior", kind, KINDS)
    try:
        found = tuple(float(number) for number in numbers)
    except ValueError:
        raise InputError(f"the prior '{rest}' has an entry that is no number: give {_FORMS[kind]}") from None
    return name, Prior(kind, found)  # type: ignore[arg-type]


def as_json(priors: dict[str, Prior]) -> str:
    """Return priors as they are kept with results."""
    return json.dumps({name: str(prior) for name, prior in priors.items()})

"""The parameters that models and experiments share: one entry each, used by fits, figures and `--help`.

An interaction names the parameters it needs by their entries here; a user's own interaction may just as
well bring a `Parameter` of its own.
"""

import dataclasses
import math
from collections.abc import Iterable, Mapping

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from cevnsjax.constants import SIN2_THETA_W as _SIN2_THETA_W
from cevnsjax.errors import InputError, unknown_name

__all__ = ["NORM", "QUENCHING_K", "SIN2_THETA_W", "Parameter", "Parameters", "canonical", "check_value"]

Parameters = Mapping[str, Float[Array, ""]]
"""Values that travel through the package: a plain mapping from name to scalar."""


@dataclasses.dataclass(frozen=True)
class Parameter:
    """What is known of a parameter before any data.

    `scale` is a typical step, by which minimisers divide; `bounds` are physical limits, infinite where
    there is none; `latex` is the symbol on an axis and `unit` what follows it.
    """

    name: str
    default: float
    scale: float
    bounds: tuple[float, float] = (-math.inf, math.inf)
    unit: str = ""
    latex: str = ""
    description: str = ""


SIN2_THETA_W = Parameter(
    "sin2_theta_w", _SIN2_THETA_W, 0.05, (0.0, 1.0), "", r"\sin^2\theta_W", "weak mixing angle at q = 0"
)
NORM = Parameter(
    "norm",
    1.0,
    0.1,
    (0.0, math.inf),
    "",
    r"1+\alpha",
    "factor on the predicted signal, Eq. (20) of 2501.12441",
)
QUENCHING_K = Parameter("quenching_k", 0.162, 0.01, (0.05, 0.4), "", "k", "Lindhard's k of the quenching factor")


def check_value(parameter: Parameter, value: float) -> float:
    """Return the value, or raise `InputError` where it is not finite or out of the parameter's bounds."""
    low, high = parameter.bounds
    if not (math.isfinite(value) and low <= value <= high):
        raise InputError(
            f"{parameter.name} = {value:g} is not allowed: give a finite number between {low:g} and {high:g}"
        )
    return value


def canonical(params: Mapping[str, object], known: Iterable[str]) -> dict[str, Array]:
    """Return the values as float64 arrays, so that any way to write a number leads to one compilation.

    Shapes: whatever the caller's arrays have (scalars inside `vmap`). Raises `InputError` for a name that
    is not in `known` or a value that is no real number.
    """
    known = tuple(known)
    for name, value in params.items():
        if name not in known:
            raise unknown_name("parameter", name, known)
        if not isinstance(value, jax.Array):
            try:
                float(value)  # type: ignore[arg-type]
            except (TypeError, ValueError):
                raise InputError(f"{name} = {value!r} is not a real number") from None
    return {name: jnp.asarray(params[name], dtype=jnp.float64) for name in sorted(params)}

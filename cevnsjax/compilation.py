"""How the package sets itself up without waiting for the compiler."""

from collections.abc import Callable
from typing import TypeVar

import jax
import numpy as np
from jaxtyping import Array, Float
from numpy.typing import ArrayLike

__all__ = ["constant", "run_once"]

Result = TypeVar("Result")


def constant(values: ArrayLike) -> Float[Array, "..."]:
    """Return values read from a file as an array of doubles; unlike `jnp.asarray` this compiles nothing."""
    return jax.device_put(np.asarray(values, dtype=np.float64))


def run_once(function: Callable[..., Result], *arguments: object) -> Result:
    """Return `function(*arguments)`, compiled with little optimisation.

    For setting up tables: the compiler's effort costs more there than it saves, and halving it halves the
    time to the first number. Arguments are pytrees of arrays; not for use inside another `jit`.
    """
    return jax.jit(function, compiler_options={"xla_backend_optimization_level": 0})(*arguments)

"""Functions and objects for NumPy and JAX alike: NumPy makes tables without the compiler, JAX differentiates."""

from types import ModuleType
from typing import TYPE_CHECKING, Any, TypeAlias

import equinox as eqx
import jax
import jax.numpy as jnp
import jax.scipy.special
import numpy as np
import scipy.special

__all__ = ["AnyArray", "Part", "namespace", "special"]

if TYPE_CHECKING:
    # The two kinds share an interface that no static type describes; shapes and types are checked at run time in tests.
    AnyArray: TypeAlias = Any
else:
    AnyArray = jax.Array | np.ndarray | np.float64
"""An array of either kind; inside `jit`, `grad` or `vmap` it is JAX's."""


def namespace(*values: Any) -> ModuleType:
    """Return `jax.numpy` if any of the values is an array of JAX's, else `numpy`.

    Tables from files are NumPy arrays, so that setting up an experiment compiles nothing. A function that uses
    `namespace` also works on traced values.
    """
    return jnp if any(isinstance(value, jax.Array) for value in values) else np


def special(*values: Any) -> ModuleType:
    """Return the module of special functions that belongs to `namespace` of the same values."""
    return jax.scipy.special if namespace(*values) is jnp else scipy.special


class Part(eqx.Module):
    """An object of a detector or a source: a pytree, as all modules of equinox.

    Its methods are Python's own. Those of equinox are pytrees, too, made anew each time one is called: with the
    polynomials of six nuisances that took a quarter of the time, and no method is passed through JAX here.
    """

    __getattribute__ = object.__getattribute__

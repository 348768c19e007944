"""How the package sets itself up without waiting for the compiler."""

from collections.abc import Callable
from typing import TypeVar

import jax
import numpy as np
from jax.sharding import Mesh, PartitionSpec
from jaxtyping import Array, Float
from numpy.typing import ArrayLike

__all__ = ["constant", "over_devices", "run_once"]

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


def over_devices(function: Callable[..., Array], given: object, values: Array) -> Array:
    """Return `function(given, values)`, the leading axis of `values` spread over all devices.

    The function must treat each value by itself, and the axis be a multiple of the number of devices. Traceable.
    """
    if jax.device_count() == 1:
        return function(given, values)
    mesh = Mesh(np.array(jax.devices()), ("devices",))
    every, share = PartitionSpec(), PartitionSpec("devices")
    spread = jax.shard_map(function, mesh=mesh, in_specs=(every, share), out_specs=share, check_vma=False)
    return spread(given, values)

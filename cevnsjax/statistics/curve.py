"""A function of one parameter, with what it takes to find where it crosses a level."""

import abc
from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

__all__ = ["Curve", "FunctionCurve", "Points"]

Scalar = Float[Array, ""]

CHUNK = 64
"""Values of which a function is taken at once, so that one program serves any number of them."""


class Points(eqx.Module):
    """A curve at ascending values: its height, its slope, and whatever helps to find it again in between."""

    x: Float[Array, "*n"]
    value: Float[Array, "*n"]
    slope: Float[Array, "*n"]
    state: Float[Array, "*n lanes others"]


class Curve(eqx.Module):
    """A function of one parameter."""

    @abc.abstractmethod
    def along(self, x: Float[np.ndarray, " n"]) -> Points:
        """Return the curve at ascending values."""

    @abc.abstractmethod
    def between(self, x: Scalar, left: Points, right: Points) -> tuple[Scalar, Scalar]:
        """Return height and slope at a value between two neighbouring points; traceable."""


class FunctionCurve(Curve):
    """A curve given by a scalar function, traceable and differentiable."""

    function: Callable[[Scalar], Scalar]

    def along(self, x: Float[np.ndarray, " n"]) -> Points:
        """Return the function at given values, vmapped."""
        chunks = np.resize(x, (-(-x.size // CHUNK), CHUNK))
        found = [_vectorised(self, jnp.asarray(chunk)) for chunk in chunks]
        height, slope = (jnp.concatenate(one)[: x.size] for one in zip(*found, strict=True))
        return Points(jnp.asarray(x), height, slope, jnp.zeros((x.size, 0, 0)))

    def between(self, x: Scalar, left: Points, right: Points) -> tuple[Scalar, Scalar]:
        """Return the function and its derivative."""
        return jax.jvp(self.function, (x,), (jnp.ones(()),))


@eqx.filter_jit
def _vectorised(curve: FunctionCurve, x: Float[Array, " n"]) -> tuple[Float[Array, " n"], Float[Array, " n"]]:
    return jax.vmap(lambda one: jax.jvp(curve.function, (one,), (jnp.ones(()),)))(x)

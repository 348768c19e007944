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
        """Return the function at ascending values, vmapped."""
        values = jnp.asarray(x)
        height, slope = _vectorised(self, values)
        return Points(values, height, slope, jnp.zeros((x.size, 0, 0)))

    def between(self, x: Scalar, left: Points, right: Points) -> tuple[Scalar, Scalar]:
        """Return the function and its derivative."""
        return jax.jvp(self.function, (x,), (jnp.ones(()),))


@eqx.filter_jit
def _vectorised(curve: FunctionCurve, x: Float[Array, " n"]) -> tuple[Float[Array, " n"], Float[Array, " n"]]:
    return jax.vmap(lambda one: jax.jvp(curve.function, (one,), (jnp.ones(()),)))(x)

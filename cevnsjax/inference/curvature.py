"""Chi-squared of a kernel around its minimum: the covariance, and how far observations move each variable."""

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from cevnsjax.likelihood.kernel import Data, Kernel, Vector
from cevnsjax.likelihood.objective import chi2
from cevnsjax.likelihood.terms import TERMS
from cevnsjax.programs import program

__all__ = ["covariance_of", "hessian_of", "shifted_observations"]

SINGULAR = 1e-11
"""An eigenvalue of the Hessian, its diagonal scaled to one, below which a direction is not determined."""


def hessian_of(kernel: Kernel, data: Data, y: Float[np.ndarray, " n"]) -> Float[np.ndarray, "n n"]:
    """Return the exact second derivatives of chi-squared in all variables, closed factors varied like all others."""
    return np.asarray(_hessian(kernel, data, y))


def covariance_of(hessian: Float[np.ndarray, "n n"], varied: Bool[np.ndarray, " n"]) -> Float[np.ndarray, "n n"]:
    """Return the covariance of the varied variables: twice the inverse Hessian, zero for all others.

    A variable that the data do not determine has an infinite variance.
    """
    diagonal = np.diag(hessian)
    known = varied & (diagonal > 0)
    found = np.zeros_like(hessian)
    found[varied & ~known, varied & ~known] = np.inf
    scale = np.sqrt(diagonal[known])
    values, vectors = np.linalg.eigh(hessian[np.ix_(known, known)] / np.outer(scale, scale))
    good = values > SINGULAR
    inverse = (vectors[:, good] / values[good]) @ vectors[:, good].T
    found[np.ix_(known, known)] = 2 * inverse / np.outer(scale, scale)
    for place in np.flatnonzero(known)[(np.abs(vectors[:, ~good]) > 1e-6).any(axis=1)]:
        found[place, place] = np.inf
    return found


def shifted_observations(
    kernel: Kernel, data: Data, y: Float[np.ndarray, " n"], along: Float[np.ndarray, " n"]
) -> tuple[tuple[Float[np.ndarray, "_terms _cells"], ...], float]:
    """Return the shift of all observations by one standard deviation that moves a variable farthest, and how far.

    `along` is the variable's row of the covariance. To first order the minimum moves by g_i = -along . d^2 chi^2 /
    (2 dy dn_i) with observation n_i. Among all shifts of chi-squared one, d V^-1 d = 1 with the covariance V of the
    observations, d = V g / sqrt(g V g) moves the variable farthest: by sqrt(g V g), its error from the fluctuations of
    the observations alone.
    """
    slopes = [np.asarray(slope) for slope in _response(kernel, data, y, along)]
    shifts = [
        np.asarray(TERMS[group.kind].covaried(slope, np.asarray(observed), np.asarray(group.sigma)))
        for group, slope, observed in zip(kernel.groups, slopes, data.observed, strict=True)
    ]
    length = np.sqrt(sum(float((slope * shift).sum()) for slope, shift in zip(slopes, shifts, strict=True)))
    return tuple(shift / length if length > 0 else shift for shift in shifts), float(length)


def _all_held(y: Vector) -> Bool[Array, " n"]:
    """Return that nothing is minimised: chi-squared is that at y."""
    return jnp.ones(y.shape, dtype=bool)


# Each of these runs once: the compiler need not try hard.
_lightly = program(effort=0)


@_lightly
def _hessian(kernel: Kernel, data: Data, y: Vector) -> Float[Array, "n n"]:
    return jax.jacfwd(jax.grad(lambda at: chi2(kernel, data, at, _all_held(y))))(y)


@_lightly
def _response(kernel: Kernel, data: Data, y: Vector, along: Vector) -> tuple[Float[Array, "_terms _cells"], ...]:
    """Return how far a minimum moves with each observation, by the implicit function theorem."""

    def slope(observed: tuple[Array, ...]) -> Array:
        def at(y: Vector) -> Float[Array, ""]:
            return chi2(kernel, Data(observed, data.centre), y, _all_held(y))

        return -jax.jvp(at, (y,), (along,))[1] / 2

    return jax.grad(slope)(data.observed)

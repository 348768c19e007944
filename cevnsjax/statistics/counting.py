"""Counts with a model of their background: Poisson, with a run without the reactor beside, or Gaussian.

    mean_on  = s n S(couplings, shapes) + t_on  B(quantities)
    mean_off =                            t_off B(quantities)

with the strength s of the signal, n = 1 + sum_j (nu_j - 1) of factors nu_j with a pull each, and exposures t. chi^2 is
-2 log(L / L_saturated): S. Baker and R. D. Cousins, Nucl. Instrum. Meth. 221, 437 (1984).
"""

import equinox as eqx
import jax
import jax.numpy as jnp
from jax.scipy.special import gammaln
from jaxtyping import Array, Float, Int

from cevnsjax.experiments.background import Background
from cevnsjax.parameters import Parameters
from cevnsjax.statistics import gaussian
from cevnsjax.statistics.pulls import Measurement, Places, Terms

__all__ = ["Counting", "deviance"]

Bins = Float[Array, " bins"]

LEAST_MEAN = 1e-12
"""Of counts in a bin, by which a curvature may divide."""


def deviance(observed: Bins, mean: Bins) -> Bins:
    """Return -2 log of the Poisson probability of counts, less that where the mean is what is observed.

    Zero counts where none are expected cost nothing, and others infinitely much, as does a negative mean.
    """
    possible = mean > 0
    some = observed > 0
    ratio = jnp.where(some, observed, 1.0) / jnp.where(possible, mean, 1.0)
    found = 2 * (mean - observed + jnp.where(some & possible, observed * jnp.log(ratio), 0.0))
    return jnp.where(possible | ((mean == 0) & ~some), found, jnp.inf)


class Counting(Measurement):
    """Counts in bins, on and off, and what they are compared with.

    `factors` are numbers of the likelihood's shapes that scale the signal, with standard deviations `factor_sigma`;
    `quantities` those that are the background's, with their own values and standard deviations; `shift` that of the
    energy scale, in steps of `shift_step` [keV], if it moves, and `strength` that of the signal's strength, where this
    is searched for, too. (Numbers are arrays, so that runs of one kind, stacked, are one calculation.) `norms` names
    the strength of the signal, which nothing pulls. Without `off` there is no run without the reactor; if not
    `poisson`, errors are Gaussian, `sigma`.
    """

    observed: Bins
    sigma: Bins
    off: Bins | None
    exposures: Float[Array, "2"]
    background: Background
    poisson: bool = eqx.field(static=True)
    norms: tuple[str, ...] = eqx.field(static=True)
    norm_sigma: Float[Array, " norms"]
    factors: Int[Array, " factors"]
    factor_sigma: Float[Array, " factors"]
    shapes: Int[Array, " moves"]
    powers: tuple[tuple[int, ...], ...] = eqx.field(static=True)
    quantities: Int[Array, " quantities"]
    quantity_value: Float[Array, " quantities"]
    quantity_sigma: Float[Array, " quantities"]
    shift: Int[Array, ""] | None
    shift_step: Float[Array, ""]
    strength: Int[Array, ""] | None = None

    def pull(self, params: Parameters) -> tuple[gaussian.Pull, Float[Array, ""]]:
        """Return the strength of the signal, one where `params` leaves it out, and no penalty."""
        return gaussian.Pull(params.get(self.norms[0], jnp.ones(())), jnp.zeros(())), jnp.zeros(())

    def means(self, signal: Bins, z: Places, strength: Float[Array, ""]) -> Float[Array, " cells"]:
        """Return what is expected in all bins with the reactor on, then in those of the run without it."""
        if self.strength is not None:
            strength = z[self.strength]
        factor = 1 + self.factor_sigma @ z[self.factors]
        values = self.quantity_value + self.quantity_sigma * z[self.quantities]
        shift = 0.0 if self.shift is None else self.shift_step * z[self.shift]
        background = self.background.counts(list(values), shift)
        on = strength * factor * signal + self.exposures[0] * background
        return on if self.off is None else jnp.concatenate([on, self.exposures[1] * background])

    @property
    def own(self) -> Int[Array, " own"]:
        """The numbers of all shapes that matter here."""
        found = [self.factors, self.shapes, self.quantities]
        return jnp.concatenate(found if self.strength is None else [*found, self.strength[None]])

    @property
    def counted(self) -> Float[Array, " cells"]:
        """What was observed in the cells of `means`."""
        return self.observed if self.off is None else jnp.concatenate([self.observed, self.off])

    def chi2(self, terms: Terms, z: Places, pull: gaussian.Pull, integrated: Float[Array, ""]) -> Float[Array, ""]:
        """Return -2 log(L / L_saturated); nothing is integrated."""
        means = self.means(self.at(terms, z), z, pull.centre)
        if self.poisson:
            return jnp.sum(deviance(self.counted, means))
        return jnp.sum(((means - self.observed) / self.sigma) ** 2)

    def curvature(self, terms: Terms, z: Places, pull: gaussian.Pull) -> Float[Array, "shapes shapes"]:
        """Return the expected Hessian: 2 J^T V^-1 J with the means' slopes J and variances V."""
        own = self.own

        def along(own_z: Float[Array, " own"]) -> Float[Array, " cells"]:
            moved = z.at[own].set(own_z)
            return self.means(self.at(terms, moved), moved, pull.centre)

        means, slopes = along(z[own]), jax.jacfwd(along)(z[own])
        variance = jnp.maximum(means, LEAST_MEAN) if self.poisson else self.sigma**2
        matrix = 2 * slopes.T @ (slopes / variance[:, None])
        return jnp.zeros((z.size, z.size)).at[own[:, None], own].set(matrix)

    def log_constant(self) -> Float[Array, ""]:
        """Return the logarithm of the probability where each mean is what is observed."""
        if not self.poisson:
            return -jnp.sum(jnp.log(jnp.sqrt(2 * jnp.pi) * self.sigma))
        n = self.counted
        some = jnp.where(n > 0, n, 1.0)
        return jnp.sum(jnp.where(n > 0, n * jnp.log(some), 0.0) - n - gammaln(n + 1))

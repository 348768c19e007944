"""What pulls a prediction: factors on the signal and moved spectra, and chi-squared with them at their best."""

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from cevnsjax.experiments.surface import REACH, monomials
from cevnsjax.parameters import Parameters
from cevnsjax.statistics import gaussian
from cevnsjax.statistics.newton import least

__all__ = ["Data", "Problem", "Shape"]


class Shape(eqx.Module):
    """A nuisance parameter that moves the spectrum: its name, and its own value and standard deviation."""

    name: str = eqx.field(static=True)
    centre: Float[Array, ""]
    sigma: Float[Array, ""]


class Data(eqx.Module):
    """What was observed in each bin, with its standard deviation, and what pulls the prediction.

    `norms` are factors on the signal, `norm_sigma` their standard deviations. `shapes` are numbers of the likelihood's
    shapes, and `powers` those of each of them in the terms of the counts.
    """

    observed: Float[Array, " bins"]
    sigma: Float[Array, " bins"]
    norms: tuple[str, ...] = eqx.field(static=True)
    norm_sigma: Float[Array, " norms"]
    shapes: tuple[int, ...] = eqx.field(static=True, default=())
    powers: tuple[tuple[int, ...], ...] = eqx.field(static=True, default=((),))

    def pull(self, params: Parameters) -> tuple[gaussian.Pull, Float[Array, ""]]:
        """Return the pull of the factors that `params` leaves out, and what those in it add to chi^2."""
        centre, variance, penalty = jnp.ones(()), jnp.zeros(()), jnp.zeros(())
        for name, sigma in zip(self.norms, self.norm_sigma, strict=True):
            if name in params:
                centre += params[name] - 1
                # Without a pull a given factor is free.
                penalty += jnp.where(sigma > 0, (params[name] - 1) / jnp.where(sigma > 0, sigma, 1.0), 0.0) ** 2
            else:
                variance += sigma**2
        return gaussian.Pull(centre, variance), penalty

    def at(self, terms: Float[Array, "terms bins"], z: Float[Array, " shapes"]) -> Float[Array, " bins"]:
        """Return the prediction where the likelihood's shapes lie `z` standard deviations from their own values."""
        return monomials(z[np.array(self.shapes, dtype=int)] / REACH, self.powers) @ terms


class Problem(eqx.Module):
    """chi^2 of given predictions as a function of the shapes, factors on the signal minimised in closed form.

    Shapes are measured in standard deviations from their own values, and pulled to `centre`, zero for real data.
    Those numbered in `fixed` are given, at `z`.
    """

    terms: tuple[Float[Array, "terms bins"], ...]
    data: tuple[Data, ...]
    pulls: tuple[gaussian.Pull, ...]
    centre: Float[Array, " shapes"]
    integrated: Float[Array, ""]
    z: Float[Array, " shapes"]
    fixed: tuple[int, ...] = eqx.field(static=True)

    def place(self, free: Float[Array, " free"]) -> Float[Array, " shapes"]:
        """Return all shapes, those that are not given at `free`."""
        moving = np.array([i for i in range(self.z.size) if i not in self.fixed], dtype=int)
        return self.z.at[moving].set(free)

    def predicted(self, z: Float[Array, " shapes"]) -> tuple[Float[Array, " bins"], ...]:
        """Return each experiment's prediction, before normalisation."""
        return tuple(data.at(terms, z) for data, terms in zip(self.data, self.terms, strict=True))

    def sums(self, z: Float[Array, " shapes"]) -> tuple[gaussian.Sums, ...]:
        """Return each experiment's sums over bins."""
        pairs = zip(self.predicted(z), self.data, strict=True)
        return tuple(gaussian.sums(predicted, data.observed, data.sigma) for predicted, data in pairs)

    def norms(self, z: Float[Array, " shapes"]) -> list[Float[Array, ""]]:
        """Return the factors on each experiment's signal that suit its data best."""
        return [gaussian.best_norm(sums, pull) for sums, pull in zip(self.sums(z), self.pulls, strict=True)]

    def chi2(self, free: Float[Array, " free"]) -> Float[Array, ""]:
        """Return chi^2, less the penalties of given factors on the signal."""
        z = self.place(free)
        total = jnp.sum((z - self.centre) ** 2)
        for sums, pull in zip(self.sums(z), self.pulls, strict=True):
            total += gaussian.chi2_profiled(sums, pull) + self.integrated * gaussian.log_volume(sums, pull)
        return total

    def curvature(self, free: Float[Array, " free"]) -> Float[Array, "free free"]:
        """Return the Hessian as Gauss and Newton have it, the normalisations projected out; nowhere below 2."""
        total = 2 * jnp.eye(free.size)
        slopes = jax.jacfwd(lambda free: self.predicted(self.place(free)))(free)
        for predicted, slope, data, pull in zip(
            self.predicted(self.place(free)), slopes, self.data, self.pulls, strict=True
        ):
            unit, along = predicted / data.sigma, slope / data.sigma[:, None]
            mixed = unit @ along
            projected = pull.variance * jnp.outer(mixed, mixed) / (1 + pull.variance * (unit @ unit))
            sums = gaussian.sums(predicted, data.observed, data.sigma)
            total += 2 * gaussian.best_norm(sums, pull) ** 2 * (along.T @ along - projected)
        return total

    def minimised(self, start: Float[Array, " free"] | None = None, moves: bool = True) -> Float[Array, " free"]:
        """Return the shapes that are not given, where chi^2 is least; with derivatives, if it `moves`."""
        free = self.z.size - len(self.fixed)
        if not free:
            return jnp.zeros(0)
        begin = jnp.zeros(free) if start is None else start
        return least(_chi2_of, _curvature_of, self, begin, REACH, moves)


def _chi2_of(free: Float[Array, " free"], problem: Problem) -> Float[Array, ""]:
    return problem.chi2(free)


def _curvature_of(free: Float[Array, " free"], problem: Problem) -> Float[Array, "free free"]:
    return problem.curvature(free)

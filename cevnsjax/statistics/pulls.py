"""What pulls a prediction: factors on the signal and moved spectra, and chi-squared with them at their best."""

import abc
from collections.abc import Callable

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from cevnsjax.experiments.surface import REACH, monomials
from cevnsjax.parameters import Parameters
from cevnsjax.statistics import gaussian
from cevnsjax.statistics.newton import least, minimum

__all__ = ["Data", "Measurement", "Problem", "Shape"]

LEAST_PULL = 1e-6
"""On what nothing pulls, so that a step towards the minimum is finite; the minimum itself does not know of it."""

Terms = Float[Array, "terms bins"]
Places = Float[Array, " shapes"]


class Shape(eqx.Module):
    """A nuisance parameter that is searched for: its name, and its own value and standard deviation.

    One that is not `pulled` has a typical step for a standard deviation. `low` and `high` are how far it may go, in
    these.
    """

    name: str = eqx.field(static=True)
    centre: Float[Array, ""]
    sigma: Float[Array, ""]
    pulled: bool = eqx.field(static=True, default=True)
    low: float = eqx.field(static=True, default=-REACH)
    high: float = eqx.field(static=True, default=REACH)


class Measurement(eqx.Module):
    """What was observed in each bin, and how a prediction is compared with it.

    `norms` are factors on the signal that need not be searched for, `norm_sigma` their standard deviations. `shapes`
    are numbers of those of the likelihood's shapes that move this prediction's terms, and `powers` theirs in each.
    """

    observed: eqx.AbstractVar[Float[Array, " bins"]]
    sigma: eqx.AbstractVar[Float[Array, " bins"]]
    norms: eqx.AbstractVar[tuple[str, ...]]
    norm_sigma: eqx.AbstractVar[Float[Array, " norms"]]
    shapes: eqx.AbstractVar[tuple[int, ...] | Int[Array, " moves"]]
    powers: eqx.AbstractVar[tuple[tuple[int, ...], ...]]

    def at(self, terms: Terms, z: Places) -> Float[Array, " bins"]:
        """Return the prediction where the likelihood's shapes lie `z` standard deviations from their own values."""
        return monomials(z[jnp.asarray(self.shapes, dtype=int)] / REACH, self.powers) @ terms

    @abc.abstractmethod
    def pull(self, params: Parameters) -> tuple[gaussian.Pull, Float[Array, ""]]:
        """Return the pull of the factors that `params` leaves out, and what those in it add to chi^2."""

    @abc.abstractmethod
    def chi2(self, terms: Terms, z: Places, pull: gaussian.Pull, integrated: Float[Array, ""]) -> Float[Array, ""]:
        """Return chi^2 of the data, less all pulls of shapes."""

    @abc.abstractmethod
    def curvature(self, terms: Terms, z: Places, pull: gaussian.Pull) -> Float[Array, "shapes shapes"]:
        """Return chi^2's Hessian in all shapes as Gauss and Newton have it."""

    def hessian(
        self, terms: Terms, z: Places, pull: gaussian.Pull, integrated: Float[Array, ""]
    ) -> Float[Array, "shapes shapes"]:
        """Return chi^2's Hessian in all shapes; in those that matter here the others need not be varied."""
        own = self.own

        def along(own_z: Float[Array, " own"]) -> Float[Array, ""]:
            return self.chi2(terms, z.at[own].set(own_z), pull, integrated)

        return jnp.zeros((z.size, z.size)).at[own[:, None], own].set(jax.jacfwd(jax.jacfwd(along))(z[own]))

    @property
    def own(self) -> Int[Array, " own"]:
        """The numbers of all shapes that matter here."""
        return jnp.asarray(self.shapes, dtype=int)

    @abc.abstractmethod
    def log_constant(self) -> Float[Array, ""]:
        """Return the logarithm of the data's density where chi^2 is zero."""


class Data(Measurement):
    """Gaussian counts less their background, with factors on the signal minimised in closed form."""

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

    def chi2(self, terms: Terms, z: Places, pull: gaussian.Pull, integrated: Float[Array, ""]) -> Float[Array, ""]:
        """Return Eq. (20) of arXiv:2501.12441, its pull minimised or integrated."""
        sums = gaussian.sums(self.at(terms, z), self.observed, self.sigma)
        return gaussian.chi2_profiled(sums, pull) + integrated * gaussian.log_volume(sums, pull)

    def curvature(self, terms: Terms, z: Places, pull: gaussian.Pull) -> Float[Array, "shapes shapes"]:
        """Return chi^2's Hessian in all shapes as Gauss and Newton have it, the normalisation projected out."""
        predicted = self.at(terms, z)
        unit, along = predicted / self.sigma, jax.jacfwd(lambda z: self.at(terms, z))(z) / self.sigma[:, None]
        mixed = unit @ along
        projected = pull.variance * jnp.outer(mixed, mixed) / (1 + pull.variance * (unit @ unit))
        norm = gaussian.best_norm(gaussian.sums(predicted, self.observed, self.sigma), pull)
        return 2 * norm**2 * (along.T @ along - projected)

    def log_constant(self) -> Float[Array, ""]:
        """Return - sum_i log(sqrt(2 pi) sigma_i)."""
        return -jnp.sum(jnp.log(jnp.sqrt(2 * jnp.pi) * self.sigma))


class Problem(eqx.Module):
    """chi^2 of given predictions as a function of the shapes, factors on the signal minimised in closed form.

    Shapes are measured in standard deviations from their own values, and pulled to `centre`, zero for real data, with
    a `weight` of one, or zero where they are free. Those numbered in `fixed` are given, at `z`.
    """

    terms: tuple[Float[Array, "_terms _bins"], ...]
    data: tuple[Measurement, ...]
    pulls: tuple[gaussian.Pull, ...]
    centre: Places
    integrated: Float[Array, ""]
    z: Places
    fixed: tuple[int, ...] = eqx.field(static=True)
    weight: tuple[float, ...] = eqx.field(static=True)
    reach: tuple[tuple[float, float], ...] = eqx.field(static=True)

    @property
    def moving(self) -> np.ndarray:
        """The numbers of the shapes that are not given."""
        return np.array([i for i in range(self.z.size) if i not in self.fixed], dtype=int)

    def place(self, free: Float[Array, " free"]) -> Places:
        """Return all shapes, those that are not given at `free`."""
        return self.z.at[self.moving].set(free)

    def predicted(self, z: Places) -> tuple[Float[Array, " _bins"], ...]:
        """Return each experiment's prediction of the signal, before normalisation."""
        return tuple(data.at(terms, z) for data, terms in zip(self.data, self.terms, strict=True))

    def sums(self, z: Places) -> tuple[gaussian.Sums, ...]:
        """Return each experiment's sums over bins."""
        pairs = zip(self.predicted(z), self.data, strict=True)
        return tuple(gaussian.sums(predicted, data.observed, data.sigma) for predicted, data in pairs)

    def norms(self, z: Places) -> list[Float[Array, ""]]:
        """Return the factors on each experiment's signal that suit its data best."""
        return [gaussian.best_norm(sums, pull) for sums, pull in zip(self.sums(z), self.pulls, strict=True)]

    def chi2(self, free: Float[Array, " free"]) -> Float[Array, ""]:
        """Return chi^2, less the penalties of given factors on the signal."""
        z = self.place(free)
        total = jnp.sum(np.array(self.weight) * (z - self.centre) ** 2)
        return total + self._summed(lambda data, terms, pull: data.chi2(terms, z, pull, self.integrated))

    def curvature(self, free: Float[Array, " free"]) -> Float[Array, "free free"]:
        """Return the Hessian as Gauss and Newton have it; positive definite, as free shapes have a little of a pull."""
        z = self.place(free)
        total = jnp.diag(2 * np.maximum(self.weight, LEAST_PULL))
        total += self._summed(lambda data, terms, pull: data.curvature(terms, z, pull))
        return total[np.ix_(self.moving, self.moving)]

    def hessian(self, free: Float[Array, " free"]) -> Float[Array, "free free"]:
        """Return the Hessian."""
        z = self.place(free)
        total = jnp.diag(2 * np.array(self.weight))
        total += self._summed(lambda data, terms, pull: data.hessian(terms, z, pull, self.integrated))
        return total[np.ix_(self.moving, self.moving)]

    def _summed(self, function: Callable[[Measurement, Terms, gaussian.Pull], Array]) -> Array:
        """Return the sum of a function over all measurements; those of one kind are one calculation."""
        kinds: dict[object, list[tuple[Measurement, Terms, gaussian.Pull]]] = {}
        for one in zip(self.data, self.terms, self.pulls, strict=True):
            leaves, structure = jax.tree.flatten(one)
            kinds.setdefault((structure, tuple(jnp.shape(leaf) for leaf in leaves)), []).append(one)
        total = jnp.zeros(())
        for alike in kinds.values():
            if len(alike) == 1:
                total = total + function(*alike[0])
            else:
                stacked = jax.tree.map(lambda *leaves: jnp.stack(leaves), *alike)
                total = total + jnp.sum(jax.vmap(function)(*stacked), axis=0)
        return total

    def minimised(self, start: Float[Array, " free"] | None = None) -> Float[Array, " free"]:
        """Return the shapes that are not given, where chi^2 is least."""
        if not self.moving.size:
            return jnp.zeros(0)
        return least(_chi2_of, _curvature_of, _hessian_of, self, *self._box(start))

    def minimum(self, start: Float[Array, " free"] | None = None) -> Float[Array, ""]:
        """Return chi^2 where it is least, less the penalties of given factors on the signal."""
        if not self.moving.size:
            return self.chi2(jnp.zeros(0))
        return minimum(_chi2_of, _curvature_of, _hessian_of, self, *self._box(start))

    def _box(self, start: Float[Array, " free"] | None) -> tuple[Float[Array, " free"], np.ndarray, np.ndarray]:
        """Return where a search begins, and its walls."""
        begin = jnp.zeros(self.moving.size) if start is None else start
        low, high = np.array(self.reach)[self.moving].T
        return begin, low, high


def _chi2_of(free: Float[Array, " free"], problem: Problem) -> Float[Array, ""]:
    return problem.chi2(free)


def _curvature_of(free: Float[Array, " free"], problem: Problem) -> Float[Array, "free free"]:
    return problem.curvature(free)


def _hessian_of(free: Float[Array, " free"], problem: Problem) -> Float[Array, "free free"]:
    return problem.hessian(free)

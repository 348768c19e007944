"""Posterior densities: log p of unbounded coordinates, whatever draws from it.

Priors are numbers, and all that is drawn are values that lead to a kernel's variables: so the program of a sampler
serves every likelihood of the same shapes.
"""

import abc
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, Int
from scipy.special import ndtr, ndtri

from cevnsjax.inference.search import PolynomialSearch
from cevnsjax.likelihood.kernel import Data, Kernel, Term, means_of
from cevnsjax.likelihood.objective import chi2
from cevnsjax.likelihood.terms import best_norm, norm_width
from cevnsjax.numeric import AnyArray
from cevnsjax.parameters import Parameter
from cevnsjax.programs import program
from cevnsjax.sampling.priors import Prior

if TYPE_CHECKING:
    from cevnsjax.likelihood import Likelihood

__all__ = ["Density", "PolynomialDensity", "general_density"]

BARE, FLAT, LOG_FLAT, NORMAL, HALF_NORMAL = range(5)
KINDS = {"flat": FLAT, "log_uniform": LOG_FLAT, "normal": NORMAL, "half_normal": HALF_NORMAL}
"""Priors as numbers, so that they are no part of what is compiled; BARE has no density of its own."""


class Frame(eqx.Module):
    """How coordinates lead to values, and the priors of these; one entry for each drawn parameter.

    A coordinate u leads to a value within [low, high] by a logistic curve where both ends are finite, by an exponential
    where one is, and by `centre` + `step` u else. `kind` and `numbers` are the priors'.
    """

    low: Float[AnyArray, " drawn"]
    high: Float[AnyArray, " drawn"]
    centre: Float[AnyArray, " drawn"]
    step: Float[AnyArray, " drawn"]
    kind: Float[AnyArray, " drawn"]
    numbers: Float[AnyArray, "drawn 2"]

    @classmethod
    def of(cls, drawn: Sequence[Parameter], priors: Mapping[str, Prior], steps: Mapping[str, float]) -> "Frame":
        """Return the frame of parameters; one without a prior is constrained elsewhere, and flat here."""
        rows = []
        for p in drawn:
            prior, (low, high), kind = priors.get(p.name), p.bounds, BARE
            pair: tuple[float, ...] = (0.0, 1.0)
            if prior is not None:
                kind = KINDS[prior.kind]
                pair = (0.0, *prior.numbers)[-2:]
                if prior.kind in ("flat", "log_uniform"):
                    low, high = max(low, prior.numbers[0]), min(high, prior.numbers[1])
                if prior.kind == "half_normal":
                    low = max(low, 0.0)
            rows.append((low, high, p.default, steps[p.name], float(kind), pair))
        return cls(*(np.array(column, dtype=float) for column in zip(*rows, strict=True)))

    def values(self, u: Float[Array, " drawn"]) -> tuple[Float[Array, " drawn"], Float[Array, " drawn"]]:
        """Return the parameters' values at coordinates, and log |dvalue/du| of each."""
        below, above = jnp.isfinite(self.low), jnp.isfinite(self.high)
        low, high = jnp.where(below, self.low, 0.0), jnp.where(above, self.high, 0.0)
        width = jnp.where(below & above, high - low, 1.0)
        share = 1 / (1 + jnp.exp(-u))
        both, log_both = low + width * share, jnp.log(width) - jnp.logaddexp(0.0, u) - jnp.logaddexp(0.0, -u)
        growth = self.step * jnp.exp(u)
        one = jnp.where(below, low + growth, high - growth)
        free = self.centre + self.step * u
        value = jnp.where(below & above, both, jnp.where(below | above, one, free))
        slope = jnp.where(below & above, log_both, jnp.where(below | above, jnp.log(self.step) + u, jnp.log(self.step)))
        return value, slope

    def coordinates(self, value: Float[np.ndarray, "*n drawn"]) -> Float[np.ndarray, "*n drawn"]:
        """Return coordinates of values, by NumPy; values at or beyond an end are taken a little within it."""
        low, high, step = (np.asarray(a) for a in (self.low, self.high, self.step))
        below, above = np.isfinite(low), np.isfinite(high)
        with np.errstate(invalid="ignore", divide="ignore", over="ignore"):
            share = np.clip((value - low) / (high - low), 1e-6, 1 - 1e-6)
            both = np.log(share) - np.log1p(-share)
            one = np.log(np.maximum(np.where(below, value - low, high - value), 1e-6 * step) / step)
            free = (value - np.asarray(self.centre)) / step
        return np.where(below & above, both, np.where(below | above, one, free))

    def from_cube(self, cube: Float[np.ndarray, "*n drawn"]) -> Float[np.ndarray, "*n drawn"]:
        """Return values of evenly distributed numbers between zero and one, by NumPy: the priors' quantiles."""
        low, high, kind = (np.asarray(a) for a in (self.low, self.high, self.kind))
        a, b = np.asarray(self.numbers).T
        middle = np.where(kind == HALF_NORMAL, 0.0, a)
        gauss = (kind == NORMAL) | (kind == HALF_NORMAL)
        below, above = (ndtr(np.where(gauss, (end - middle) / b, 0.0)) for end in (low, high))
        quantile = middle + b * ndtri(below + cube * (above - below))
        with np.errstate(invalid="ignore", divide="ignore"):
            log_flat = np.exp(np.log(low) + cube * (np.log(high) - np.log(low)))
            flat = low + cube * (high - low)
        return np.where(gauss, quantile, np.where(kind == LOG_FLAT, log_flat, flat))

    def log_prior(self, value: Float[Array, " drawn"]) -> Float[Array, ""]:
        """Return the priors' log densities; what the kernel constrains itself has none here."""
        a, b = self.numbers[:, 0], self.numbers[:, 1]
        safe = jnp.maximum(value, 1e-300)
        gauss = -0.5 * ((value - a) / b) ** 2
        half = -0.5 * (value / b) ** 2
        found = jnp.select(
            [self.kind == LOG_FLAT, self.kind == NORMAL, self.kind == HALF_NORMAL], [-jnp.log(safe), gauss, half], 0.0
        )
        return jnp.sum(found)


class Density(eqx.Module):
    """log p of coordinates: the priors, and a chi-squared."""

    frame: eqx.AbstractVar[Frame]

    @abc.abstractmethod
    def chi2(self, value: Float[Array, " drawn"]) -> Float[Array, ""]:
        """Return chi-squared, what is constrained and not drawn integrated in closed form."""

    @abc.abstractmethod
    def expected(
        self, values: Float[np.ndarray, "draws drawn"], normal: Float[np.ndarray, "draws experiments"]
    ) -> Float[np.ndarray, "draws cells"]:
        """Return predictions of draws; a factor that is integrated is drawn from its density, which is normal."""

    def potential(self, u: Float[Array, " drawn"]) -> Float[Array, ""]:
        """Return -log p of the coordinates, up to a constant."""
        value, slope = self.frame.values(u)
        return self.chi2(value) / 2 - self.frame.log_prior(value) - jnp.sum(slope)


class PolynomialDensity(Density):
    """The density of a kernel: `places` of its variables are drawn, (value - origin) / unit to a `power`."""

    frame: Frame
    kernel: Kernel
    data: Data
    start: Float[AnyArray, " n"]
    held: Bool[AnyArray, " n"]
    places: Int[AnyArray, " drawn"]
    unit: Float[AnyArray, " drawn"]
    origin: Float[AnyArray, " drawn"]
    power: Float[AnyArray, " drawn"]
    groups: tuple[tuple[int, ...], ...] = eqx.field(static=True)

    @classmethod
    def of(
        cls,
        search: PolynomialSearch,
        drawn: Sequence[Parameter],
        priors: Mapping[str, Prior],
        steps: Mapping[str, float],
    ) -> "PolynomialDensity":
        """Return the density of the drawn parameters; a nuisance without a prior has its constraint in the kernel."""
        layout = search.view.layout
        places = np.array([layout.place(p.name) for p in drawn])
        held = search.held.copy()
        held[places] = True
        units = {p.name: step for p, step in zip(layout.couplings, layout.steps, strict=True)}
        powers = {p.name: p.power for p in layout.couplings}
        centres = {n.name: n.centre for n in layout.nuisances}
        return cls(
            frame=Frame.of(drawn, priors, steps),
            kernel=search.view.kernel,
            data=search.view.data,
            start=search.start,
            held=held,
            places=places,
            unit=np.array([units[p.name] if p.name in units else layout.nuisance(p.name).step for p in drawn]),
            origin=np.array([centres.get(p.name, 0.0) for p in drawn]),
            power=np.array([powers.get(p.name) or 1 for p in drawn], dtype=float),
            groups=tuple(tuple(members) for members in search.view.groups),
        )

    def variables(self, value: Float[Array, " drawn"]) -> Float[Array, " n"]:
        """Return the kernel's variables at values of the drawn parameters."""
        scaled = (value - self.origin) / self.unit
        return jnp.asarray(self.start).at[self.places].set(jnp.where(self.power == 2, scaled * scaled, scaled))

    def chi2(self, value: Float[Array, " drawn"]) -> Float[Array, ""]:
        """Return the kernel's chi-squared."""
        return chi2(self.kernel, self.data, self.variables(value), self.held)

    def expected(
        self, values: Float[np.ndarray, "draws drawn"], normal: Float[np.ndarray, "draws experiments"]
    ) -> Float[np.ndarray, "draws cells"]:
        """Return predictions of draws."""
        order = np.concatenate([np.array(members) for members in self.groups])
        by_group = np.asarray(normal)[:, order]
        found = [np.asarray(group) for group in _expected(self, values, by_group)]
        rows: list[Any] = [None] * len(order)
        for group, members in zip(found, self.groups, strict=True):
            for row, index in enumerate(members):
                rows[index] = group[:, row]
        return np.concatenate(rows, axis=1)


@program(effort=1)
def _expected(
    density: PolynomialDensity, values: Float[Array, "draws drawn"], normal: Float[Array, "draws terms"]
) -> list[Float[Array, "draws _terms _cells"]]:
    """Return predictions of all groups of terms."""

    def one(value: Array, normal: Array) -> list[Array]:
        y, first, found = density.variables(value), 0, []
        for group, observed in zip(density.kernel.groups, density.data.observed, strict=True):

            def cells(term: Term, observed: Array, normal: Array) -> Array:
                means = means_of(density.kernel, term, y, density.held, density.data.centre)
                norm = best_norm(means, observed, term.sigma) + norm_width(means, term.sigma) * normal
                return norm * means.signal + means.rest

            number = len(observed)
            found.append(jax.vmap(cells)(group, observed, normal[first : first + number]))
            first += number
        return found

    return jax.vmap(one)(values, normal)


def general_density(
    likelihood: "Likelihood",
    drawn: Sequence[Parameter],
    fixed: Mapping[str, float],
    priors: Mapping[str, Prior],
    steps: Mapping[str, float],
) -> Density:
    """Return the density of any parameters, a mass among them: the model itself is calculated for each draw."""

    class GeneralDensity(Density):
        frame: Frame

        def _params(self, value: Array) -> dict[str, Any]:
            return {**fixed, **{p.name: value[i] for i, p in enumerate(drawn)}}

        def chi2(self, value: Float[Array, " drawn"]) -> Float[Array, ""]:
            """Return the likelihood's chi-squared, closed factors integrated."""
            return likelihood.chi2_integrated(self._params(value))

        def expected(
            self, values: Float[np.ndarray, "draws drawn"], normal: Float[np.ndarray, "draws experiments"]
        ) -> Float[np.ndarray, "draws cells"]:
            """Return predictions of draws, factors at their best."""
            rows = []
            for value in values:
                params = {**fixed, **{p.name: float(v) for p, v in zip(drawn, value, strict=True)}}
                best = {name: float(v) for name, v in likelihood.best_nuisances(params).items()}
                rows.append(np.concatenate([np.asarray(e) for e in likelihood.expected_in({**params, **best})]))
            return np.stack(rows)

    return GeneralDensity(Frame.of(drawn, priors, steps))

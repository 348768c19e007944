"""What a detector counts without neutrinos: a sum of components, each with quantities that a fit may move."""

import abc
import dataclasses
from collections.abc import Mapping, Sequence
from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
from jax.scipy.special import erf
from jaxtyping import Array, Float

__all__ = ["Background", "Component", "Exponential", "Flat", "Line", "Quantity", "Tabulated"]

Bins = Float[Array, " bins"]
Scalar = Float[Array, ""]
Quantities = Mapping[str, Scalar]


class Quantity(eqx.Module):
    """A number of a background model: its own value, and how a fit may move it.

    It is held if `sigma` is None. If it is `pulled`, `sigma` is its standard deviation; else it is free within `low`
    and `high`, and `sigma` is a typical step.
    """

    value: float = eqx.field(static=True)
    sigma: float | None = eqx.field(static=True, default=None)
    pulled: bool = eqx.field(static=True, default=False)
    low: float = eqx.field(static=True, default=-jnp.inf)
    high: float = eqx.field(static=True, default=jnp.inf)

    def scaled(self, value: float, sigma: float) -> "Quantity":
        """Return this with its value, and its standard deviation or step, multiplied."""
        own = None if self.sigma is None else self.sigma * sigma
        return dataclasses.replace(self, value=self.value * value, sigma=own)


class Component(eqx.Module):
    """A part of the background, in reconstructed energy."""

    amplitude: ClassVar[str]
    """The quantity that its counts are proportional to."""

    name: str = eqx.field(static=True)
    quantities: dict[str, Quantity]

    def scaled(self, factor: float) -> "Component":
        """Return this with all counts multiplied."""
        changed = self.quantities[self.amplitude].scaled(factor, factor)
        return dataclasses.replace(self, quantities={**self.quantities, self.amplitude: changed})

    @abc.abstractmethod
    def counts(self, low: Bins, high: Bins, at: Quantities) -> Bins:
        """Return counts per kg and day in bins [keV], for given values of the component's quantities."""


class Flat(Component):
    """`rate` [counts / keV / kg / d], times 1 + `tilt` x, where x leads from -1 to 1 across all bins."""

    amplitude: ClassVar[str] = "rate"

    def counts(self, low: Bins, high: Bins, at: Quantities) -> Bins:
        """Return counts per kg and day in bins [keV]."""
        start, end = low[0], high[-1]
        x = (low + high - start - end) / (end - start)
        return at["rate"] * (high - low) * (1 + at["tilt"] * x)


class Exponential(Component):
    """`height` [counts / keV / kg / d] at the energy `start` [keV], falling to 1/e in each `decay` [keV] above it."""

    amplitude: ClassVar[str] = "height"

    start: Scalar

    def counts(self, low: Bins, high: Bins, at: Quantities) -> Bins:
        """Return counts per kg and day in bins [keV]."""
        decay = at["decay"]
        # A narrow bin would lose digits in a difference of two exponentials.
        return -at["height"] * decay * jnp.exp(-(low - self.start) / decay) * jnp.expm1(-(high - low) / decay)


class Line(Component):
    """A Gaussian of an `area` [counts / kg / d] about `centre` with a standard deviation `width` [keV].

    `followers` are weaker lines of the same decay: name, centre, and width [keV] if it is not that of the line. Of each
    `ratio_NAME` is the area in units of the line's.
    """

    amplitude: ClassVar[str] = "area"

    followers: tuple[tuple[str, float, float | None], ...] = eqx.field(static=True, default=())

    def counts(self, low: Bins, high: Bins, at: Quantities) -> Bins:
        """Return counts per kg and day in bins [keV]."""

        def peak(centre: Scalar | float, width: Scalar | float) -> Bins:
            root = jnp.sqrt(2.0) * width
            return (erf((high - centre) / root) - erf((low - centre) / root)) / 2

        total = peak(at["centre"], at["width"])
        for name, centre, width in self.followers:
            total += at[f"ratio_{name}"] * peak(centre, at["width"] if width is None else width)
        return at["area"] * total


class Tabulated(Component):
    """A spectrum that is given bin by bin [counts / kg / d], times a `factor`."""

    amplitude: ClassVar[str] = "factor"

    spectrum: Bins

    def counts(self, low: Bins, high: Bins, at: Quantities) -> Bins:
        """Return counts per kg and day in bins [keV]."""
        return at["factor"] * self.spectrum


class Background(eqx.Module):
    """The sum of components in bins that are given [keV]."""

    components: tuple[Component, ...]
    low: Bins
    high: Bins

    @property
    def moving(self) -> dict[str, Quantity]:
        """What a fit moves, by name: that of the component, then of its quantity."""
        # In the alphabet's order, which JAX gives a dict whenever a tree passes through it.
        return {
            f"{component.name}_{name}": component.quantities[name]
            for component in self.components
            for name in sorted(component.quantities)
            if component.quantities[name].sigma is not None
        }

    def counts(self, values: Sequence[Scalar] | None = None, shift: Scalar | float = 0.0) -> Bins:
        """Return counts per kg and day in each bin: `values` in the order of `moving`, the energy shifted [keV]."""
        given = dict(zip(self.moving, values, strict=True)) if values is not None else {}
        total = jnp.zeros_like(self.low)
        for component in self.components:
            at = {
                name: jnp.asarray(given.get(f"{component.name}_{name}", quantity.value))
                for name, quantity in component.quantities.items()
            }
            total += component.counts(self.low - shift, self.high - shift, at)
        return total

"""A response as a chain: recoil energy -> visible energy -> mean signal -> smearing -> efficiency -> bins."""

import abc
import functools
from typing import Any

import equinox as eqx
import jax
import numpy as np
from jaxtyping import Float, Int

from cevnsjax.errors import InputError
from cevnsjax.numeric import AnyArray, Part, namespace
from cevnsjax.quadrature import panel_nodes
from cevnsjax.response.efficiency import Efficiency
from cevnsjax.response.smearing import REACH, Exact, Smearing
from cevnsjax.response.yields import Yield

__all__ = ["RESPONSE_ORDER", "Chain", "Response", "panel_edges"]

RESPONSE_ORDER = 4
"""Gauss-Legendre nodes on each panel of the visible energy."""

MOST_PANELS = 100_000
"""More panels than this would take minutes and gigabytes."""

RECORDED_ORDER = 8
"""Nodes on each piece of the reconstructed signal over which an efficiency is integrated."""

FINEST, LEAST = 8, 64
"""Where smearing vanishes at zero, panels are at least 1/FINEST of the narrowest bin; the first is 1/LEAST of that."""


CLOSEST = 1 / 8
"""Of bins narrower than this share of a standard deviation not every edge needs a panel, as they vary smoothly."""


Bins = slice | Int[np.ndarray, " some"]
"""Some bins: a slice, or their numbers in rising order."""


class Response(Part):
    """Response to one kind of recoil: visible energies to integrate over, and the probability of each bin.

    `yields` has one entry for each element of the target, or one for all.
    """

    yields: eqx.AbstractVar[tuple[Yield, ...]]

    @abc.abstractmethod
    def nodes(self, order: int = RESPONSE_ORDER) -> tuple[Float[AnyArray, " nodes"], Float[AnyArray, " nodes"]]:
        """Return visible energies [MeV] and quadrature weights [MeV], of an `order` on each panel."""

    @abc.abstractmethod
    def probabilities(self, energy: Float[AnyArray, " nodes"], bins: Bins) -> Float[AnyArray, "_bins nodes"]:
        """Return the probability that a visible `energy` [MeV] is found in each of some `bins` of the first axis."""

    @abc.abstractmethod
    def reached(self, energy: Float[np.ndarray, " nodes"], bins: Bins) -> slice:
        """Return the part of rising visible energies, `energy` [MeV], beyond which some `bins` have no probability."""

    @property
    @abc.abstractmethod
    def content(self) -> Any:
        """All that `probabilities` depend on beside energies and bins, None where it is longer than they are."""

    @property
    @abc.abstractmethod
    def size(self) -> int:
        """Number of bins."""

    def of_element(self, index: int) -> Yield:
        """Return the yield of the element number `index` of the target."""
        return self.yields[index if len(self.yields) > 1 else 0]


class Chain(Response):
    """A response made of parts. The signal is `gain` times the visible energy, in the unit of the first axis.

    `yields` has one entry for each element of the target, or one for all; `smearing` and `efficiency` act on the
    signal. A mean signal s is reconstructed about s + `shift`, so a shift moves the spectrum and leaves the bins where
    they are. `low` and `high` limit the bins; `contiguous` says that each begins where the one before ends. `breaks`
    [MeV] are fixed panel edges of the visible energy.

    >>> from cevnsjax.response import Chain, Gaussian, Lindhard, panel_edges
    >>> low, smearing = np.arange(160.0, 360.0, 10.0), Gaussian(noise=20.0, poisson=0.3)
    >>> breaks = panel_edges(low, low + 10, smearing, gain=1e6, steps=np.zeros(0))
    >>> chain = Chain((Lindhard(0.162, 32.0),), 1e6, smearing, None, 0.0, low, low + 10, breaks, contiguous=True)
    >>> chain.probabilities(np.array([2e-4]), slice(0, 5))[:, 0].round(2)  # 200 eV_ee in the first five bins
    array([0.05, 0.09, 0.14, 0.18, 0.18])
    """

    yields: tuple[Yield, ...]
    gain: Float[AnyArray, ""] | float
    smearing: Smearing
    efficiency: Efficiency | None
    shift: Float[AnyArray, ""] | float
    low: Float[AnyArray, " bins"]
    high: Float[AnyArray, " bins"]
    breaks: Float[AnyArray, " breaks"]
    contiguous: bool = eqx.field(static=True)

    @property
    def size(self) -> int:
        """Number of bins."""
        return int(self.low.size)

    def nodes(self, order: int = RESPONSE_ORDER) -> tuple[Float[AnyArray, " nodes"], Float[AnyArray, " nodes"]]:
        """Return visible energies [MeV] and weights on panels between all edges.

        The bins' edges are among them, so that a bin without smearing is integrated to its very limits, and a moving
        edge has its derivative.
        """
        xp = namespace(self.shift, self.gain, self.low, self.high, self.breaks)
        inner = [self._bin_edges() - self.shift]
        if self.efficiency is not None:
            curve = self.efficiency
            inner.append(curve.knots - self.shift if curve.reconstructed else curve.knots)
        # With smearing nothing counts beyond the breaks; without it bins may be shifted out of them.
        end = np.inf if isinstance(self.smearing, Exact) else self.breaks[-1]
        bins = xp.clip(xp.concatenate(inner) / self.gain, 0.0, end)
        edges = xp.sort(xp.concatenate([self.breaks, bins]))
        if xp is np:
            edges = np.unique(edges)
        energy, weight = panel_nodes(edges[:-1], edges[1:], order)
        return energy.ravel(), weight.ravel()

    def _bin_edges(self) -> Float[AnyArray, " edges"]:
        """Return the bins' edges; of bins much narrower than the smearing some of them, each about CLOSEST apart."""
        edges = namespace(self.low, self.high).concatenate([self.low, self.high[-1:] if self.contiguous else self.high])
        apart = CLOSEST * self.smearing.deviation(self.low.min())
        if isinstance(edges, jax.Array) or isinstance(apart, jax.Array) or not apart > 0:
            return edges
        _, first = np.unique(np.floor(edges / apart), return_index=True)
        return edges[first]

    def probabilities(self, energy: Float[AnyArray, " nodes"], bins: Bins) -> Float[AnyArray, "_bins nodes"]:
        """Return the probability of each bin, the efficiency included."""
        mean = self.gain * energy
        if self.efficiency is None:
            return self._between(bins, mean)
        if not self.efficiency.reconstructed:
            return self._between(bins, mean) * self.efficiency(mean)
        if isinstance(self.smearing, Exact):
            return self._between(bins, mean) * self.efficiency(mean + self.shift)
        low, high = self.low[bins] - self.shift, self.high[bins] - self.shift
        rows = [self._recorded(mean, float(start), float(end)) for start, end in zip(low, high, strict=True)]
        return namespace(*rows).stack(rows)

    def _between(self, bins: Bins, mean: Float[AnyArray, " nodes"]) -> Float[AnyArray, "_bins nodes"]:
        """Return the probability of each bin by the smearing alone. Bins that meet share an edge, and what is below."""
        low, high = self.low[bins] - self.shift, self.high[bins] - self.shift
        if not (self.contiguous and isinstance(bins, slice) and low.size):
            return self.smearing.between(low[:, None], high[:, None], mean)
        xp = namespace(low, high, mean)
        below = self.smearing.below(xp.concatenate([low, high[-1:]])[:, None], mean)
        return below[1:] - below[:-1]

    def reached(self, energy: Float[np.ndarray, " nodes"], bins: Bins) -> slice:
        """Return the part of rising visible energies, `energy` [MeV], that the smearing takes into some `bins`."""
        low, high = self.low[bins] - self.shift, self.high[bins] - self.shift
        some = np.flatnonzero(self.smearing.reaches(float(low[0]), float(high[-1]), np.asarray(self.gain * energy)))
        return slice(int(some[0]), int(some[-1]) + 1) if some.size else slice(0, 0)

    @property
    def content(self) -> Any:
        """All but yields, and where they are integrated."""
        return self.gain, self.smearing, self.efficiency, self.shift, self.low, self.high, self.contiguous

    def _recorded(self, mean: Float[AnyArray, " nodes"], low: float, high: float) -> Float[AnyArray, " nodes"]:
        """Return the integral of efficiency and density over a bin, by parts: only probabilities are needed.

        int eff p dx = eff(high) P(low, high) - int eff'(x) P(low, x) dx, on pieces between the efficiency's points on
        which the smearing is smooth, too. Limits and numbers must be NumPy's.
        """
        assert self.efficiency is not None
        shift = float(self.shift)
        knots = self.efficiency.knots - shift
        edges = np.unique(np.concatenate([self.smearing.steps(low, high), knots[(knots > low) & (knots < high)]]))
        node, node_weight = panel_nodes(edges[:-1], edges[1:], RECORDED_ORDER)
        x, weight = node.ravel(), node_weight.ravel()
        start = np.array([[low]])
        below = self.smearing.between(start, x[:, None], mean)
        whole = self.smearing.between(start, np.array([[high]]), mean)[0]
        return self.efficiency(np.float64(high + shift)) * whole - (weight * self.efficiency.slope(x + shift)) @ below


def panel_edges(
    low: Float[np.ndarray, " bins"],
    high: Float[np.ndarray, " bins"],
    smearing: Smearing,
    gain: float,
    steps: Float[np.ndarray, " steps"],
) -> Float[np.ndarray, " breaks"]:
    """Return fixed panel edges [MeV] of the visible energy for bins from `low` to `high` in units of the signal.

    Panels are at most one standard deviation of the `smearing` wide; they reach REACH standard deviations beyond the
    bins, but not below zero. Without smearing they end with the bins, and are a tenth of the energy wide, or as wide as
    the narrowest bin. `gain` is the signal of 1 MeV. `steps` [MeV] are edges of their own: binding energies, kinks of a
    yield. Raises `InputError` for a smearing so narrow that there would be too many panels.

    >>> from cevnsjax.response import Exact, panel_edges
    >>> panel_edges(np.array([1.0]), np.array([2.0]), Exact(), gain=1e3, steps=np.array([1.5e-3]))  # bins in keV
    array([0.001 , 0.0015, 0.002 ])
    """
    start, end = float(low.min()), float(high.max())
    narrowest = float((high - low).min())
    numbers = tuple(float(number) for number in jax.tree.leaves(smearing))
    fill = _fill(type(smearing), numbers, start, end, narrowest)
    inside = gain * steps
    steps = steps[(inside > fill[0]) & (inside < fill[-1])]
    return np.unique(np.concatenate([fill / gain, steps]))


@functools.lru_cache(maxsize=256)
def _fill(
    kind: type[Smearing], numbers: tuple[float, ...], start: float, end: float, narrowest: float
) -> Float[np.ndarray, " edges"]:
    """Return panel edges in units of the signal; moved numbers elsewhere ask for the same ones again and again."""
    smearing = kind(*numbers)

    def deviation(signal: float) -> float:
        return float(smearing.deviation(signal))

    low, high, floor = start, end, 0.0
    if kind is not Exact:
        start = max(0.0, start - REACH * deviation(start))
        end += REACH * deviation(end)
        floor = 0.0 if deviation(0.0) > 0 else narrowest / FINEST

    def step(signal: float) -> float:
        if kind is Exact:
            return max(signal / 10, narrowest)
        # From zero, panels of a width that vanishes there grow in proportion to the signal.
        return max(deviation(signal), min(floor, max(signal, floor / LEAST)))

    fill, few = [start], (end - start) / step(end) <= MOST_PANELS
    while few and fill[-1] < end:
        fill.append(fill[-1] + step(fill[-1]))
        few = len(fill) <= MOST_PANELS
    if not few:
        raise InputError(
            f"a smearing of {step(fill[-1]):g} in bins from {low:g} to {high:g} needs more than {MOST_PANELS} panels: "
            "give a wider one, none at all, or fewer bins"
        )
    return np.array([*fill[:-1], end])

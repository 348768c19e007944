"""Signals of experiments under a model: at given parameters, or as polynomials in couplings and moved numbers."""

import dataclasses
import math
from collections.abc import Mapping, Sequence

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float

from cevnsjax.errors import InputError
from cevnsjax.experiments import Experiment, Signal
from cevnsjax.flavours import Flavour
from cevnsjax.interactions import Model
from cevnsjax.likelihood.expansion import LARGE, Lattice, natural_steps
from cevnsjax.likelihood.parabolas import ParabolaGrid, grid_of, grid_with
from cevnsjax.likelihood.shapes import Degrees, Moved, Rates, SignalGrid
from cevnsjax.numeric import AnyArray
from cevnsjax.parameters import Parameter, Parameters
from cevnsjax.programs import program
from cevnsjax.rates import Channel, ElectronNodes, NuclearNodes, electron_rate, nuclear_rate, rates_at, with_moments
from cevnsjax.store import content_of, keep, keeping, kept

__all__ = ["Expanded", "Signals"]

ROUNDING = 1e-13
"""Of the largest coefficient in a cell: what is left of a difference of equal counts."""


@dataclasses.dataclass(frozen=True, eq=False)
class Expanded:
    """One experiment's signal as coefficients of shape terms and coupling monomials in its cells."""

    degrees: Degrees
    coefficients: Float[AnyArray, "terms monomials all"]


class Signals:
    """The signals of several experiments under one model, in one channel. What was prepared is kept."""

    def __init__(self, experiments: Sequence[Experiment], model: Model, channel: Channel):
        """Take experiments, a model and a channel."""
        self.experiments, self.model, self.channel = tuple(experiments), model, channel
        self._grids: dict[object, SignalGrid | ParabolaGrid] = {}
        self._limits: dict[object, tuple[int, ...]] = {}
        # With the signal, whose id is part of the key.
        self._restored: dict[object, tuple[tuple[int, ...], Signal]] = {}

    def at(self, index: int, experiment: Experiment, params: Mapping[str, float]) -> Float[np.ndarray, " all"]:
        """Return an experiment's counts at given values; couplings that are left out have their defaults."""
        points = {p.name: np.array([params.get(p.name, p.default)]) for p in self.model.parameters}
        grid = self._grid(index, experiment, ())
        return grid.coefficients(self._rates(experiment, points))[0, 0]

    def steps(
        self, experiments: Sequence[Experiment], couplings: Sequence[Parameter], places: Sequence[Mapping[str, float]]
    ) -> tuple[Float[np.ndarray, "places couplings"], Bool[np.ndarray, "places couplings"]]:
        """Return a natural step of each coupling at each of several places in the other parameters, and if it acts."""
        if not couplings:
            return np.zeros((len(places), 0)), np.zeros((len(places), 0), dtype=bool)
        probes = np.concatenate([np.zeros((1, len(couplings))), np.diag([LARGE * p.scale for p in couplings])])
        points = self._points(couplings, np.tile(probes, (len(places), 1)), places)
        totals = np.zeros(len(probes) * len(places))
        for index, experiment in enumerate(experiments):
            grid = self._grid(index, experiment, ())
            totals += grid.coefficients(self._rates(experiment, points))[0].sum(axis=-1)
        return natural_steps(couplings, totals.reshape(len(places), len(probes)))

    def expand(
        self,
        index: int,
        experiment: Experiment,
        moved: tuple[Moved, ...],
        couplings: Sequence[Parameter],
        steps: Float[np.ndarray, "places couplings"],
        places: Sequence[Mapping[str, float]],
    ) -> list[Expanded]:
        """Return an experiment's signal as a polynomial, exact in the couplings, at each of several places."""
        lattice = Lattice(len(couplings))
        size = len(lattice.t)
        values = np.concatenate([lattice.values(couplings, row) for row in steps])
        rates = self._rates(experiment, self._points(couplings, values, places))
        key = index, id(experiment.signal), moved
        if key in self._grids:
            grid = self._grids[key]
            degrees, counts = grid.degrees, grid.coefficients(rates)
        else:
            points = (couplings, values, places) if len(places) == 1 else None
            degrees, counts = self._once(index, experiment, moved, rates, points)
        # A signal that no model changes is the same at all points.
        counts = np.broadcast_to(counts, (counts.shape[0], len(values), counts.shape[2]))
        each = counts.reshape(counts.shape[0], len(places), size, counts.shape[2])
        return [Expanded(degrees, one) for one in _without_noise(np.einsum("qp,mnpc->nmqc", lattice.inverse, each))]

    def traced(self, index: int, experiment: Experiment, moved: tuple[Moved, ...], params: Parameters) -> Expanded:
        """Return an experiment's signal at parameters of which some are traced by JAX: its only monomial is one."""
        values = {p.name: jnp.asarray(params.get(p.name, p.default), dtype=jnp.float64) for p in self.model.parameters}
        grid = self._known(index, experiment, moved)
        if grid is None:
            plain = {p.name: np.array([p.default]) for p in self.model.parameters}
            grid, _ = self._fitted(index, experiment, moved, self._rates(experiment, plain))
        flavours = tuple(c.flavour for c in experiment.signal.components)
        moments = self._survived(experiment, values)

        def rate(recoil: str, nodes: NuclearNodes | ElectronNodes) -> Float[Array, "components nodes"]:
            there = nodes if moments is None else with_moments(nodes, moments)
            if isinstance(there, NuclearNodes):
                return nuclear_rate(self.model, flavours, there, values)
            return electron_rate(self.model, flavours, there, values)

        return Expanded(grid.degrees, grid.traced(rate)[:, None])

    def _once(
        self, index: int, experiment: Experiment, moved: tuple[Moved, ...], rates: Rates, points: object | None
    ) -> tuple[Degrees, Float[np.ndarray, "terms points all"]]:
        """Return degrees and coefficients of counts at points in the couplings, on disk from an earlier process or not.

        Grids over several numbers take longer than all else in the first fit of a combination. Where `points` are None
        nothing is kept: a scan has thousands of places, and asks for them once.
        """
        kind = self._kind(experiment, moved)
        known = self._limits.get(kind, ())
        text = None
        if keeping() and moved and points is not None:
            signal_only = dataclasses.replace(experiment, observed=None)
            text = content_of((signal_only, moved, self.model, self.channel, known, points))
            found = None if text is None else kept("signal", text)
            if found is not None:
                degrees, counts, self._limits[kind] = found
                self._restored[index, id(experiment.signal), moved] = self._limits[kind], experiment.signal
                return degrees, counts
        restored = self._known(index, experiment, moved)
        if restored is None:
            grid, counts = self._fitted(index, experiment, moved, rates)
        else:
            grid, counts = restored, restored.coefficients(rates)
        if text is not None:
            keep("signal", text, (grid.degrees, counts, grid.limits))
        return grid.degrees, counts

    def _fitted(
        self, index: int, experiment: Experiment, moved: tuple[Moved, ...], rates: Rates
    ) -> tuple[SignalGrid | ParabolaGrid, Float[np.ndarray, "terms points all"]]:
        """Return a grid and the coefficients of its counts; runs of one experiment share degrees if they can."""
        kind = self._kind(experiment, moved)
        grid, counts = grid_of(experiment, moved, self.channel, rates, self._limits.get(kind, ()))
        self._limits[kind] = grid.limits
        self._grids[index, id(experiment.signal), moved] = grid
        return grid, counts

    def _known(self, index: int, experiment: Experiment, moved: tuple[Moved, ...]) -> SignalGrid | ParabolaGrid | None:
        """Return the grid of earlier points; where their counts were on disk it is made now, as it was then.

        So numbers do not depend on what was on disk.
        """
        key = index, id(experiment.signal), moved
        if key not in self._grids and key in self._restored:
            self._grids[key] = grid_with(experiment, moved, self.channel, self._restored[key][0])
        return self._grids.get(key)

    def _kind(self, experiment: Experiment, moved: tuple[Moved, ...]) -> object:
        """Return what runs have alike that share the degrees of polynomials."""
        return experiment.name, experiment.size, tuple((m.key, m.low, m.high) for m in moved)

    def _grid(self, index: int, experiment: Experiment, moved: tuple[Moved, ...]) -> SignalGrid | ParabolaGrid:
        key = index, id(experiment.signal), moved
        if key not in self._grids:
            if len(self._grids) > 64:
                self._grids.clear()
                self._restored.clear()
            self._grids[key] = SignalGrid(experiment, moved, (), self.channel)
        return self._grids[key]

    def _points(
        self,
        couplings: Sequence[Parameter],
        values: Float[np.ndarray, "points couplings"],
        places: Sequence[Mapping[str, float]],
    ) -> dict[str, Float[np.ndarray, " points"]]:
        """Return values of all parameters of the model: points in the couplings, as many at each place."""
        size = len(values) // len(places)
        columns = {
            p.name: np.repeat([place.get(p.name, p.default) for place in places], size).astype(float)
            for p in self.model.parameters
        }
        return columns | {p.name: values[:, i] for i, p in enumerate(couplings)}

    def _rates(self, experiment: Experiment, points: Mapping[str, Float[np.ndarray, " points"]]) -> Rates:
        """Return the function that gives rates at nodes, at some points in the model's parameters."""
        components = experiment.signal.components
        flavours = tuple(component.flavour for component in components)
        if not self.model.of_flux:
            return lambda nodes: rates_at(self.model, flavours, nodes, points)
        # Each point has a flux of its own.
        each = [
            {name: float(values[i]) for name, values in points.items()} for i in range(len(next(iter(points.values()))))
        ]
        moments = [self._survived(experiment, params) for params in each]

        def rates(
            nodes: Sequence[NuclearNodes | ElectronNodes],
        ) -> list[Float[np.ndarray, "points components nodes"]]:
            found = []
            for params, left in zip(each, moments, strict=True):
                assert left is not None
                one = {name: np.array([value]) for name, value in params.items()}
                found.append(rates_at(self.model, flavours, [with_moments(n, left) for n in nodes], one))
            return [np.concatenate(parts) for parts in zip(*found, strict=True)]

        return rates

    def _survived(self, experiment: Experiment, params: Mapping[str, object]):  # type: ignore[no-untyped-def]
        """Return the moments of what the model leaves of each component, None where it leaves all."""
        if not self.model.of_flux:
            return None
        found = []
        for component in experiment.signal.components:
            if not math.isfinite(component.baseline):
                raise InputError(
                    f"{experiment.label}: the model {self.model.name} changes the flux by its distance, and neutrinos "
                    "of this source have no distance over which they are coherent"
                )
            traced = any(isinstance(value, jax.core.Tracer) for value in params.values())
            given = self.model, params, component.energies(), component.baseline, component.flavour
            if traced:
                left: AnyArray = self.model.survival(*given[1:])
            else:
                with jax.core.eval_context():
                    left = np.asarray(_survival(*given))
            found.append(component.moments(left))
        return tuple(found)


def _without_noise(
    coefficients: Float[np.ndarray, "places terms monomials all"],
) -> Float[np.ndarray, "places terms monomials all"]:
    """Return the coefficients, zero for monomials that are no more than rounding in all cells.

    A coupling that does nothing would do something at a value so large that rounding grows to counts.
    """
    size = np.abs(coefficients).max(axis=1)
    noise = (size <= ROUNDING * size.max(axis=1, keepdims=True)).all(axis=-1)
    return np.where(noise[:, None, :, None], 0.0, coefficients)


@program("flavour")
def _survival(
    model: Model,
    params: Parameters,
    energy: Float[AnyArray, "*n"],
    baseline: Float[AnyArray, ""] | float,
    flavour: Flavour,
) -> Float[Array, "*n"]:
    return model.survival(params, energy, baseline, flavour)

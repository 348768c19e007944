"""What the nuisances of several experiments are called, how far they go, and what the data know of them."""

import dataclasses
import math
from collections.abc import Iterable, Sequence

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from cevnsjax.constants import EV, KEV
from cevnsjax.experiments import Experiment, Systematics
from cevnsjax.experiments.moves import MOVES, moved
from cevnsjax.experiments.surface import REACH
from cevnsjax.parameters import ENERGY_SHIFT, NORM, Parameter
from cevnsjax.statistics.counting import Counting
from cevnsjax.statistics.pulls import Data, Measurement, Shape

__all__ = ["Nuisances", "agreed"]

Powers = tuple[tuple[int, ...], ...]


def agreed(experiments: Sequence[Experiment], systematics: str) -> tuple[Experiment, ...]:
    """Return experiments with one centre and one standard deviation of what is pulled in any of them.

    Those are the first one's that pulls it, for all that have it. An energy scale is each experiment's own.
    """
    known: dict[str, tuple[Float[Array, ""], Float[Array, ""]]] = {}
    for e in experiments:
        for kind, sigma in zip(e.systematics[systematics].shapes, e.systematics[systematics].shape_sigma, strict=True):
            value = MOVES[kind].value(e)
            if kind != ENERGY_SHIFT.name and value is not None:
                known.setdefault(kind, (value, sigma))
    found = []
    for e in experiments:
        chosen = e.systematics[systematics]
        own = dict(zip(chosen.shapes, chosen.shape_sigma, strict=True))
        own |= {kind: sigma for kind, (_, sigma) in known.items() if MOVES[kind].value(e) is not None}
        if own:
            e = moved(e, {kind: value for kind, (value, _) in known.items()})
            common = dataclasses.replace(chosen, shapes=tuple(own), shape_sigma=jnp.stack(list(own.values())))
            e = dataclasses.replace(e, systematics={**e.systematics, systematics: common})
        found.append(e)
    return tuple(found)


@dataclasses.dataclass(frozen=True)
class Nuisances:
    """The nuisances of experiments and runs, numbered as they are given, with one set of systematics."""

    experiments: tuple[Experiment, ...]
    systematics: str

    def chosen(self, i: int) -> Systematics:
        """Return the systematics of the run numbered i."""
        return self.experiments[i].systematics[self.systematics]

    def name(self, kind: str, i: int, own: bool = False) -> str:
        """Return the name that a nuisance parameter of the run numbered i has here.

        It tells the experiment where there are several; where that experiment has several runs, it tells the run, if
        the parameter is the run's `own`, or the detector, if it is each detector's.
        """
        if kind in MOVES and kind != ENERGY_SHIFT.name:
            return kind
        e = self.experiments[i]
        parts = [kind]
        if any(other.name != e.name for other in self.experiments):
            parts.append(e.name)
        if (own or kind in self.chosen(i).own) and sum(other.name == e.name for other in self.experiments) > 1:
            parts.append(e.run if own else e.detectors.names[0])
        return "_".join(parts)

    def moves(self, i: int) -> dict[str, str]:
        """Return what can move the spectrum of the run numbered i: names here, and those in `MOVES`."""
        e, pulled = self.experiments[i], self.chosen(i).shapes
        own = [kind for kind, move in MOVES.items() if move.value(e) is not None]
        # A background moves with the energy scale, too, which it does where this has a pull.
        own = [kind for kind in own if e.counts is None or kind != ENERGY_SHIFT.name or kind in pulled]
        return {self.name(kind, i): kind for kind in own}

    def shapes(self) -> tuple[Shape, ...]:
        """Return what is searched for; what several runs have in common stands once."""
        searched: dict[str, Shape] = {}
        for i in range(len(self.experiments)):
            for shape in self._own_shapes(i):
                searched.setdefault(shape.name, shape)
        return tuple(searched.values())

    def _own_shapes(self, i: int) -> list[Shape]:
        """Return what is searched for in the run numbered i: what moves its spectrum, factors, and its background."""
        e, chosen = self.experiments[i], self.chosen(i)
        found = []
        for kind, sigma in zip(chosen.shapes, chosen.shape_sigma, strict=True):
            found.append(Shape(self.name(kind, i), jnp.asarray(MOVES[kind].value(e)), sigma))
        if e.counts is not None:
            for kind, sigma in self._factors(i):
                found.append(Shape(self.name(kind, i), jnp.ones(()), sigma))
            for name, q in e.counts.background.moving.items():
                assert q.sigma is not None
                low, high = ((end - q.value) / q.sigma for end in (q.low, q.high))
                if q.pulled:
                    low, high = max(low, -REACH), min(high, REACH)
                centre, sigma = jnp.asarray(q.value), jnp.asarray(q.sigma)
                found.append(Shape(self.name(name, i, own=True), centre, sigma, q.pulled, low, high))
        return found

    def _factors(self, i: int) -> list[tuple[str, Float[Array, ""]]]:
        """Return the factors on the signal of a run of counts, which all have a pull, and their standard deviations."""
        chosen = self.chosen(i)
        return [pair for pair in zip(chosen.norms, chosen.norm_sigma, strict=True) if pair[0] != NORM.name]

    def parameters(self, shapes: Sequence[Shape]) -> tuple[Parameter, ...]:
        """Return the nuisance parameters as they hold here: factors on the signal, then what moves the spectra."""
        found: dict[str, Parameter] = {}
        for i, e in enumerate(self.experiments):
            chosen = self.chosen(i)
            norms = dict(zip(chosen.norms, map(float, chosen.norm_sigma), strict=True))
            for kind, sigma in ({NORM.name: 0.0} | norms if e.counts is not None else norms).items():
                # Counts cannot be negative, but what is left of a background that a fit subtracts can.
                bounds = NORM.bounds if e.counts is None or e.counts.poisson else (-math.inf, math.inf)
                like = NORM if kind == NORM.name else _described(kind, f"factor on the predicted signal: {kind}")
                name = self.name(kind, i)
                found[name] = dataclasses.replace(like, name=name, scale=sigma or NORM.scale, bounds=bounds)
        for i, e in enumerate(self.experiments):
            for name, kind in self.moves(i).items():
                value = MOVES[kind].value(e)
                assert value is not None
                found.setdefault(name, dataclasses.replace(MOVES[kind].parameter, name=name, default=float(value)))
        for shape in shapes:
            # What is searched for keeps to where its pull, or the background's model, lets it go.
            known = found.get(shape.name) or _described(shape.name, "quantity of the background")
            centre, sigma = float(shape.centre), float(shape.sigma)
            low, high = (
                max(known.bounds[0], centre + shape.low * sigma),
                min(known.bounds[1], centre + shape.high * sigma),
            )
            found[shape.name] = dataclasses.replace(known, default=centre, scale=sigma, bounds=(low, high))
        return tuple(found.values())

    def measurement(self, i: int, shapes: Sequence[Shape], powers: Powers) -> Measurement:
        """Return the data of the run numbered i; `powers` are those of the shapes in its prediction's terms."""
        numbers = {shape.name: number for number, shape in enumerate(shapes)}
        e, chosen = self.experiments[i], self.chosen(i)
        moving = tuple(numbers[self.name(kind, i)] for kind in chosen.shapes)
        if e.counts is None:
            norms = tuple(self.name(kind, i) for kind in chosen.norms)
            return Data(e.observed, e.sigma, norms, chosen.norm_sigma, moving, powers)
        quantities = e.counts.background.moving
        shift = numbers[self.name(ENERGY_SHIFT.name, i)] if ENERGY_SHIFT.name in chosen.shapes else None
        return Counting(
            observed=e.observed,
            sigma=e.sigma,
            off=e.counts.off,
            exposures=e.counts.exposures,
            background=e.counts.background,
            poisson=e.counts.poisson,
            norms=(self.name(NORM.name, i),),
            norm_sigma=jnp.zeros(1),
            factors=_integers(numbers[self.name(kind, i)] for kind, _ in self._factors(i)),
            factor_sigma=jnp.asarray([sigma for _, sigma in self._factors(i)]),
            shapes=_integers(moving),
            powers=powers,
            quantities=_integers(numbers[self.name(name, i, own=True)] for name in quantities),
            quantity_value=jnp.asarray([q.value for q in quantities.values()]),
            quantity_sigma=jnp.asarray([q.sigma for q in quantities.values()]),
            shift=None if shift is None else jnp.asarray(shift),
            shift_step=jnp.zeros(()) if shift is None else shapes[shift].sigma * EV / KEV,
        )


def _described(name: str, description: str) -> Parameter:
    """Return an unbounded nuisance parameter; a name becomes its symbol."""
    latex = rf"\mathrm{{{name}}}".replace("_", r"\,")
    return dataclasses.replace(NORM, name=name, bounds=(-math.inf, math.inf), latex=latex, description=description)


def _integers(numbers: Iterable[int]) -> Int[Array, " n"]:
    return jnp.asarray(list(numbers), dtype=int)

"""How views are prepared, and kept: which parameters become variables, and which are built into the numbers."""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import numpy as np
from jaxtyping import Float

from cevnsjax.compilation import check_precision
from cevnsjax.errors import InputError
from cevnsjax.experiments import Experiment
from cevnsjax.interactions import Model
from cevnsjax.likelihood.assembly import Layout, assemble, data_of, moved_numbers
from cevnsjax.likelihood.nuisances import JointNuisance, at_values
from cevnsjax.likelihood.signals import Signals
from cevnsjax.likelihood.views import Along, View
from cevnsjax.parameters import Parameter
from cevnsjax.rates import Channel

__all__ = ["Moved", "Preparation"]

KEPT = 32
"""Views that are kept."""


class Moved:
    """Experiments with other numbers of their files, by parameters' values; the latest ones are kept."""

    def __init__(self, nuisances: tuple[JointNuisance, ...]):
        """Take the nuisances, whose keys say which numbers they move."""
        self.nuisances = nuisances
        self._kept: dict[object, tuple[Experiment, Experiment]] = {}

    def at(self, index: int, experiment: Experiment, values: Mapping[str, float]) -> Experiment:
        """Return an experiment with the numbers of its file that `values` name moved; kept for the next time."""
        keys = {}
        for joint in self.nuisances:
            nuisance = joint.of(index)
            if nuisance is not None and nuisance.key is not None and joint.name in values:
                keys[nuisance.key] = float(values[joint.name])
        if not keys:
            return experiment
        identity = index, tuple(sorted(keys.items()))
        of, moved = self._kept.get(identity, (None, None))
        if of is not experiment or moved is None:
            if len(self._kept) > KEPT * len(self.nuisances):
                self._kept.clear()
            moved = at_values(experiment, keys)
            self._kept[identity] = experiment, moved
        return moved


class Preparation:
    """Experiments under one model, ready to be looked at as functions of any of their parameters."""

    def __init__(
        self,
        experiments: tuple[Experiment, ...],
        model: Model,
        channel: Channel,
        nuisances: tuple[JointNuisance, ...],
        integrated: bool,
        signals: Signals | None = None,
    ):
        """Take experiments, a model, a channel, nuisances, and whether closed factors are integrated.

        `signals` may be those of the same experiments with other data.
        """
        self.experiments, self.model, self.channel = experiments, model, channel
        self.nuisances, self.integrated = nuisances, integrated
        self.moved = Moved(nuisances)
        self.signals = Signals(experiments, model, channel) if signals is None else signals
        self._views: OrderedDict[object, View] = OrderedDict()

    def with_experiments(self, experiments: tuple[Experiment, ...]) -> "Preparation":
        """Return the preparation of the same experiments with other data."""
        return Preparation(experiments, self.model, self.channel, self.nuisances, self.integrated, self.signals)

    def view(self, values: Mapping[str, Any], free: Sequence[str] = ()) -> View:
        """Return this likelihood as a function of the nuisances that are searched for, and some other parameters.

        `values` are given parameters; those of couplings that are traced by JAX or named in `free` become variables,
        and so do all nuisances among them; the rest is built in. `free` couplings must have a `power`; free nuisances
        may be any.
        """
        check_precision()
        traced = {name for name, value in values.items() if isinstance(value, jax.core.Tracer)}
        couplings = tuple(
            p for p in self.model.parameters
            if p.power is not None and (p.name in free or p.name in traced or (p.name in values and not free))
        )  # fmt: skip
        bare = any(p.power is None and p.name in traced for p in self.model.parameters)
        polynomial = self.model.quadratic_in([p.name for p in couplings])
        if free and not polynomial:
            raise InputError(
                f"counts are no polynomial of degree two in {', '.join(p.name for p in couplings)} together: give all "
                "but one of them a value"
            )
        if bare or not polynomial:
            bare = bare or any(p.name in traced for p in couplings)
            couplings = ()  # all couplings go through the model itself, as the masses do
        numbers = {name: float(v) for name, v in values.items() if name not in traced}
        outside = {
            n.name for n in self.nuisances
            if n.moves_signal and n.name in numbers
            and not ((n.searched or n.name in free) and n.limits[0] <= numbers[n.name] <= n.limits[1])
        }  # fmt: skip
        variables = tuple(
            n for n in self.nuisances
            if n.searched or n.name in free or (n.name in values and n.name not in outside)
        )  # fmt: skip
        shapes = tuple(n for n in variables if n.name not in outside)
        model_values = {
            p.name: numbers[p.name] for p in self.model.parameters if p.name in numbers and p not in couplings
        }
        built = {name: numbers[name] for name in outside}
        key = (
            tuple(p.name for p in couplings), tuple(sorted(model_values.items())), tuple(sorted(built.items())),
            tuple(n.name for n in variables),
        )  # fmt: skip
        if not bare and key in self._views:
            self._views.move_to_end(key)
            return self._views[key]
        view = self._made(couplings, variables, shapes, model_values, built, values if bare else None)
        if not bare:
            self._views[key] = view
            if len(self._views) > KEPT:
                self._views.popitem(last=False)
        return view

    def _made(
        self,
        couplings: tuple[Parameter, ...],
        variables: tuple[JointNuisance, ...],
        shapes: tuple[JointNuisance, ...],
        fixed: dict[str, float],
        built: dict[str, float],
        traced: Mapping[str, Any] | None,
    ) -> View:
        """Return a view that is calculated; `traced` are the model's parameters where JAX traces some of them."""
        experiments = [self.moved.at(i, e, built) if built else e for i, e in enumerate(self.experiments)]
        steps, acts = self.signals.steps(experiments, couplings, [fixed])
        expanded = []
        for i, e in enumerate(experiments):
            moved = moved_numbers(i, shapes)
            if traced is None:
                expanded += self.signals.expand(i, e, moved, couplings, steps, [fixed])
            else:
                params = {p.name: traced[p.name] for p in self.model.parameters if p.name in traced}
                expanded.append(self.signals.traced(i, e, moved, params))
        layout = Layout(couplings, steps[0], variables)
        outside = frozenset(n.name for n in variables) - {n.name for n in shapes}
        kernel, groups = assemble(experiments, expanded, layout, self.integrated, outside)
        acting = dict(zip((p.name for p in couplings), acts[0].tolist(), strict=True))
        data = data_of(self.experiments, groups, len(layout.names))
        return View(kernel, data, layout, groups, acting, {**fixed, **built})

    def along(
        self, values: Mapping[str, float], free: Sequence[str], over: str, at: Float[np.ndarray, " places"]
    ) -> "Along":
        """Return what `view` is made of at several values of one more parameter of the model, prepared together."""
        (parameter,) = (p for p in self.model.parameters if p.name == over)
        # Views differ in numbers only, and the one at the default is kept for all.
        first = self.view({**values, over: parameter.default}, free)
        own = {p.name for p in self.model.parameters}
        built = {name: value for name, value in first.fixed.items() if name not in own}
        places = [{**first.fixed, over: float(value)} for value in at]
        experiments = [self.moved.at(i, e, built) if built else e for i, e in enumerate(self.experiments)]
        return Along(first, experiments, places, self.signals, self.integrated)

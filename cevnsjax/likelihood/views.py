"""A likelihood as a function of some of its parameters, all else built in: what inference works with."""

import dataclasses
import functools
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Bool, Float

from cevnsjax.experiments import Experiment
from cevnsjax.likelihood.assembly import Layout, assemble, moved_numbers
from cevnsjax.likelihood.kernel import Data, Kernel
from cevnsjax.likelihood.signals import Expanded, Signals

__all__ = ["Along", "View"]


@dataclasses.dataclass(frozen=True, eq=False)
class View:
    """A kernel, its data, and the meaning of its variables.

    `kernel` has only numbers; `data` are the observations and the centres of constraints; `layout` has the names and
    units of its variables; `groups` are the numbers of the experiments in each group of terms; `acts` tells for each
    coupling whether counts depend on it; `fixed` are the parameters that are built in.
    """

    kernel: Kernel
    data: Data
    layout: Layout
    groups: list[list[int]]
    acts: dict[str, bool]
    fixed: dict[str, float]

    def start(self, values: Mapping[str, Any]) -> tuple[Any, Bool[np.ndarray, " n"]]:
        """Return the variables, those not in `values` at their centres, and which of them `values` holds."""
        names = self.layout.names
        columns = [self.layout.variable(name, values[name]) if name in values else self._begin(name) for name in names]
        traced = any(isinstance(value, jax.Array) for value in columns)
        y = jnp.stack(columns) if traced and columns else np.array(columns, dtype=float).reshape(len(names))
        return y, np.array([name in values for name in names], dtype=bool)

    def _begin(self, name: str) -> float:
        for p in self.layout.couplings:
            if p.name == name:
                return float(self.layout.variable(name, p.default))
        return 0.0


@dataclasses.dataclass(frozen=True, eq=False)
class Along:
    """A view at several places.

    `first` is the view at the default of what differs between `places`; `experiments` are those of the likelihood, and
    `signals` theirs; `integrated` says that closed factors are integrated.
    """

    first: View
    experiments: Sequence[Experiment]
    places: list[dict[str, float]]
    signals: Signals
    integrated: bool

    @functools.cached_property
    def steps(self) -> tuple[Float[np.ndarray, "places couplings"], Bool[np.ndarray, "places couplings"]]:
        """The natural steps of all couplings at each place, and which of them act there."""
        return self.signals.steps(self.experiments, self.first.layout.couplings, self.places)

    def expanded(self, steps: Float[np.ndarray, "places couplings"]) -> list[list[Expanded]]:
        """Return each experiment's signal at each place, in steps of the couplings."""
        couplings, variables = self.first.layout.couplings, self.first.layout.nuisances
        return [
            self.signals.expand(i, e, moved_numbers(i, variables), couplings, steps, self.places)
            for i, e in enumerate(self.experiments)
        ]

    def views(self) -> list[View]:
        """Return the view at each place."""
        couplings, variables = self.first.layout.couplings, self.first.layout.nuisances
        steps, acts = self.steps
        expanded = self.expanded(steps)
        kernel, groups = assemble(self.experiments, [one[0] for one in expanded], self.first.layout, self.integrated)
        found = []
        for row, place in enumerate(self.places):
            layout = Layout(couplings, steps[row], variables)
            low, high = layout.bounds()
            # Places differ in the steps of the couplings and in the coefficients, and in nothing else.
            terms = tuple(
                dataclasses.replace(term, coefficients=np.stack([expanded[i][row].coefficients for i in members]))
                for term, members in zip(kernel.groups, groups, strict=True)
            )
            acting = dict(zip((p.name for p in couplings), acts[row].tolist(), strict=True))
            there = dataclasses.replace(kernel, groups=terms, low=low, high=high)
            found.append(View(there, self.first.data, layout, groups, acting, place))
        return found

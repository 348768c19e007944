"""Expected counts at plain numbers, by NumPy: nothing is compiled but the model's own cross sections."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float

from cevnsjax.experiments import SHIFT, SIGNAL, Experiment
from cevnsjax.likelihood.preparation import Preparation
from cevnsjax.parameters import NORM

__all__ = ["Prediction"]


class Prediction:
    """What is expected in all cells of one experiment at given values of couplings and nuisances.

    Nuisances that the values leave out are at their centres, couplings at their defaults. Where the effect of a
    nuisance is a parabola by definition, its signal is calculated at plus and minus one standard deviation only, as in
    a fit.
    """

    def __init__(self, preparation: Preparation, index: int, values: Mapping[str, Any]):
        """Take the likelihood's preparation, the number of the experiment in it, and values by name."""
        self._preparation, self._index = preparation, index
        self._numbers = {name: float(value) for name, value in values.items()}
        at_centre = {n.name: n.centre for n in preparation.nuisances if n.searched}
        self._centred = {**at_centre, **self._numbers}
        self._own = [(n, j) for j in preparation.nuisances if (n := j.of(index)) is not None]
        self._parabolas = [j for n, j in self._own if n.parabola and j.name in self._centred]
        shifted = {j.name for n, j in self._own if n.key == SHIFT}
        self._experiment = self._at({j.name: j.centre for j in self._parabolas if j.name not in shifted})

    def total(self) -> Float[np.ndarray, " all"]:
        """Return the counts of background and signal together."""
        return self.background() + self.signal()

    def background(self) -> Float[np.ndarray, " all"]:
        """Return the counts of all templates."""
        counts = np.zeros(self._experiment.size)
        for sample in self._experiment.samples:
            z = {
                n.name: (self._centred[j.name] - j.centre) / j.step
                for n, j in self._own
                if sample.name in n.morph and j.name in self._centred
            }
            counts = counts + self._factor(sample.name) * self._experiment.sample_counts(sample.morphed(z))
        return counts

    def signal(self) -> Float[np.ndarray, " all"]:
        """Return the counts of the signal alone."""
        couplings = {
            p.name: self._numbers[p.name] for p in self._preparation.model.parameters if p.name in self._numbers
        }
        at_centres = {j.name: j.centre for j in self._parabolas}

        def counts(moved: Mapping[str, float]) -> Float[np.ndarray, " all"]:
            return self._preparation.signals.at(self._index, self._at({**at_centres, **moved}), couplings)

        middle = counts({})
        total = middle
        for joint in self._parabolas:
            z = (self._centred[joint.name] - joint.centre) / joint.step
            if z != 0:
                up, down = (counts({joint.name: joint.centre + s * joint.step}) for s in (1.0, -1.0))
                total = total + z * (up - down) / 2 + z * z * ((up + down) / 2 - middle)
        return self._factor(SIGNAL) * total

    def _at(self, moved: Mapping[str, float]) -> Experiment:
        """Return the experiment at the given numbers, some of them changed."""
        preparation = self._preparation
        return preparation.moved.at(self._index, preparation.experiments[self._index], {**self._centred, **moved})

    def _factor(self, name: str) -> float:
        """Return the factor on a sample: factors add, but the strength of the signal multiplies."""
        strength, total = 1.0, 1.0
        for n, joint in self._own:
            if name in n.scale and joint.name in self._centred:
                if n.name == NORM.name and joint.sigma is None:
                    strength = self._centred[joint.name]
                else:
                    total += self._centred[joint.name] - 1
        return strength * total

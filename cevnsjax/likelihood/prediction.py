"""Expected counts at plain numbers, by NumPy: nothing is compiled but the model's own cross sections."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from jaxtyping import Float

from cevnsjax.experiments import SIGNAL
from cevnsjax.likelihood.preparation import Preparation
from cevnsjax.parameters import NORM

__all__ = ["expected_counts"]


def expected_counts(
    preparation: Preparation, index: int, values: Mapping[str, Any], signal: bool = True
) -> Float[np.ndarray, " all"]:
    """Return what is expected in all cells of one experiment: templates, and the signal if asked for.

    Nuisances that `values` leaves out are at their centres, couplings at their defaults.
    """
    numbers = {name: float(value) for name, value in values.items()}
    at_centre = {n.name: n.centre for n in preparation.nuisances if n.searched}
    experiment = preparation.moved.at(index, preparation.experiments[index], {**at_centre, **numbers})
    centred = {**at_centre, **numbers}
    own = [(n, j) for j in preparation.nuisances if (n := j.of(index)) is not None]

    def factor(name: str) -> float:
        """Return the factor on a sample: factors add, but the strength of the signal multiplies."""
        strength, total = 1.0, 1.0
        for n, joint in own:
            if name in n.scale and joint.name in centred:
                if n.name == NORM.name and joint.sigma is None:
                    strength = centred[joint.name]
                else:
                    total += centred[joint.name] - 1
        return strength * total

    counts = np.zeros(experiment.size)
    for sample in experiment.samples:
        z = {
            n.name: (centred[j.name] - j.centre) / j.step
            for n, j in own
            if sample.name in n.morph and j.name in centred
        }
        counts = counts + factor(sample.name) * experiment.sample_counts(sample.morphed(z))
    if signal:
        couplings = {p.name: numbers[p.name] for p in preparation.model.parameters if p.name in numbers}
        counts = counts + factor(SIGNAL) * preparation.signals.at(index, experiment, couplings)
    return counts

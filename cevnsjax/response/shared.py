"""Probabilities of bins that all likelihoods of a process share.

Fits in other models, channels and sets of systematics ask for the same probabilities, and so do runs with the same
response. To calculate them takes longer than all else in the preparation of a likelihood whose programs are there.
"""

import numpy as np
from jaxtyping import Float

from cevnsjax.recent import Recent, key_of
from cevnsjax.response.chain import Bins, Response

__all__ = ["shared_probabilities"]

MEMORY = 64 << 20
"""Bytes of probabilities that are kept: three times those of a fit of all experiments."""

_recent: Recent[tuple[slice, Float[np.ndarray, "_bins seen"]]] = Recent(MEMORY)


def shared_probabilities(
    response: Response, energy: Float[np.ndarray, " nodes"], bins: Bins
) -> tuple[slice, Float[np.ndarray, "_bins seen"]]:
    """Return the part of rising visible energies, `energy` [MeV], that some `bins` see, and their probabilities there.

    What another likelihood has asked for with the same response, energies and bins is not calculated again. The array
    is read-only.

    >>> from cevnsjax.response.shared import shared_probabilities
    >>> response = cevnsjax.load_experiment("conus_plus").signal.nuclear
    >>> part, matrix = shared_probabilities(response, response.nodes()[0], slice(0, 5))
    >>> matrix is shared_probabilities(response, response.nodes()[0], slice(0, 5))[1]
    True
    """
    key = None
    if response.content is not None:
        key = key_of(response.content, energy, np.arange(response.size)[bins])
    found = _recent.get(key)
    if found is None:
        part = response.reached(energy, bins)
        found = _recent.put(key, (part, response.probabilities(energy[part], bins)))
    return found

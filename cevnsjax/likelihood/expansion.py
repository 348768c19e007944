"""Counts as a polynomial in the couplings: exact, and as cheap as a short sum.

At given masses every amplitude is linear in value^power of its parameters, and counts are quadratic in the
amplitudes. So a few predictions determine all others: one at zero, two along each coupling, and one for each
pair of them. `Parameter.power` states that amplitudes have this form.
"""

from collections.abc import Sequence

import numpy as np
from jaxtyping import Bool, Float

from cevnsjax.parameters import Parameter

__all__ = ["LARGE", "Lattice", "natural_steps", "powers_of"]

LARGE = 1e8
"""A value, in units of a coupling's own scale, at which its square outweighs all else if it acts at all."""


class Lattice:
    """The points t_i = (value_i / step_i)^power_i at which predictions determine the polynomial in 1, t_i, t_i t_j."""

    def __init__(self, size: int):
        """Take the number of couplings."""
        units = np.eye(size)
        pairs = (units[:, None] + units)[np.triu_indices(size)]
        self.t = np.concatenate([np.zeros((1, size)), units, pairs.reshape(len(pairs), size)])
        left, right = np.triu_indices(size)
        monomials = np.concatenate([np.ones((len(self.t), 1)), self.t, self.t[:, left] * self.t[:, right]], axis=1)
        self.inverse = np.linalg.inv(monomials)

    def values(
        self, couplings: Sequence[Parameter], steps: Float[np.ndarray, " couplings"]
    ) -> Float[np.ndarray, "points couplings"]:
        """Return the values of the couplings at the points."""
        return steps * self.t ** (1 / powers_of(couplings))


def powers_of(couplings: Sequence[Parameter]) -> Float[np.ndarray, " couplings"]:
    """Return the powers of couplings, each one or two."""
    return np.array([p.power for p in couplings], dtype=float)


def natural_steps(
    couplings: Sequence[Parameter], totals: Float[np.ndarray, "*places probes"]
) -> tuple[Float[np.ndarray, "*places couplings"], Bool[np.ndarray, "*places couplings"]]:
    """Return the value of each coupling whose square adds as many counts as there are without it, and if it acts.

    `totals` are all counts without couplings, then with each of them at LARGE times its scale. A much smaller step
    would lose the coupling's digits, a much larger one those of its interference. It follows from values so large
    that only the square matters; a coupling that adds nothing keeps its own scale.
    """
    none = totals[..., :1]
    added = totals[..., 1:] - none
    # Counts are sums of squares: whatever acts adds a great deal there.
    acts = np.abs(added) > 1e-9 * np.maximum(np.abs(none), 1e-300)
    share = np.where(none == 0, 1.0, none) / np.where(added > 0, added, 1.0)
    own = np.array([p.scale for p in couplings])
    steps = LARGE * own * np.where(added > 0, share, 1.0) ** (1 / (2 * powers_of(couplings)))
    return np.where(acts & (added > 0), steps, own), acts

"""One strength of the signal, common to all terms of a kernel, as a further variable."""

import dataclasses

import numpy as np
from jaxtyping import Float

from cevnsjax.likelihood.kernel import Data, Kernel, Term

__all__ = ["NOTHING", "with_strength"]

NOTHING = -1.0
"""The variable of a strength of zero: it is the strength less one."""


def with_strength(
    kernel: Kernel, data: Data, y: Float[np.ndarray, " n"]
) -> tuple[Kernel, Data, Float[np.ndarray, " longer"]]:
    """Return a kernel, its data and its variables with one more variable at the end, z: all signals are times 1 + z.

    The strength cannot be negative, and nothing constrains it. Free strengths of single experiments become numbers,
    with the values that they have in `y`. Closed factors must be opened before.
    """
    old, new = len(y), len(y) + 1

    def moved(index: np.ndarray) -> np.ndarray:
        """Return places in the longer list, in which the place of nothing is one further."""
        return np.where(np.asarray(index) == old, new, index)

    def one(term: Term) -> Term:
        own = np.asarray(term.strength) + np.sum(
            np.asarray(term.strength_step) * np.append(y, 0.0)[np.asarray(term.strength_index)], axis=-1
        )
        last = np.full((*own.shape, 1), old)
        templates = tuple(
            dataclasses.replace(
                t,
                index=moved(t.index),
                factor_index=moved(t.factor_index),
                grid_index=moved(t.grid_index),
                shift_index=moved(t.shift_index),
                morph_index=moved(t.morph_index),
            )
            for t in term.templates
        )
        return dataclasses.replace(
            term,
            shape_index=moved(term.shape_index),
            factor_index=moved(term.factor_index),
            closed_index=moved(term.closed_index),
            strength=own,
            strength_index=last,
            strength_step=own[..., None],
            templates=templates,
            own=np.concatenate([moved(term.own), last], axis=-1),
        )

    longer = dataclasses.replace(
        kernel,
        groups=tuple(one(group) for group in kernel.groups),
        weight=np.append(kernel.weight, 0.0),
        closed=np.append(kernel.closed, 0.0),
        low=np.append(kernel.low, NOTHING),
        high=np.append(kernel.high, np.inf),
    )
    return longer, Data(data.observed, np.append(data.centre, 0.0)), np.append(y, 0.0)

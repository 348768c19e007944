"""Ranks of true values among draws of their posteriors, and whether they are uniform, as they are if all is right.

S. Talts et al., arXiv:1804.06788.
"""

import functools

import numpy as np
from jaxtyping import Float, Int
from scipy import stats

__all__ = ["BINS", "excess", "largest_excess", "rank", "uniformity", "width"]

BINS = 10
"""Bins of the test by chi-squared."""

SIMULATED, SEED = 4000, 1804_06788
"""Sets of uniform ranks with which the largest deviation of an ECDF is compared, and their seed."""


def rank(draws: Float[np.ndarray, "*sets draws"], truth: Float[np.ndarray, "*sets"]) -> Int[np.ndarray, "*sets"]:
    """Return how many draws (the last axis) lie below the truth."""
    return (draws < truth[..., None]).sum(axis=-1)


def excess(ranks: Int[np.ndarray, "*many sets"], draws: int) -> Float[np.ndarray, "*many draws"]:
    """Return the ECDF of ranks (the last axis) less the uniform one, in its standard deviations for uniform ranks."""
    below = np.stack([(ranks <= r).mean(axis=-1) for r in range(draws)], axis=-1)
    return (below - np.arange(1, draws + 1) / (draws + 1)) / width(ranks.shape[-1], draws)


def width(sets: int, draws: int) -> Float[np.ndarray, " draws"]:
    """Return the standard deviation of the ECDF of uniform ranks, at each rank but the last."""
    uniform = np.arange(1, draws + 1) / (draws + 1)
    return np.sqrt(uniform * (1 - uniform) / sets)


@functools.cache
def largest_excess(sets: int, draws: int) -> Float[np.ndarray, " simulated"]:
    """Return the largest absolute excess in each of many sets of uniform ranks."""
    ranks = np.random.default_rng(SEED).integers(0, draws + 1, (SIMULATED, sets))
    return np.abs(excess(ranks, draws)).max(axis=-1)


def uniformity(ranks: Int[np.ndarray, " sets"], draws: int) -> dict[str, float]:
    """Return p-values of uniform ranks: of chi-squared in bins, and of the ECDF, which sees slow trends better."""
    edges = np.linspace(0, draws + 1, BINS + 1)
    counts = np.histogram(ranks, edges)[0]
    # Bins of whole ranks may hold different numbers of them.
    share = np.histogram(np.arange(draws + 1), edges)[0] / (draws + 1)
    as_large = largest_excess(ranks.size, draws) >= np.abs(excess(ranks, draws)).max() - 1e-9
    p_value = stats.chisquare(counts, ranks.size * share).pvalue
    return {"chi2_p_value": float(p_value), "ecdf_p_value": float(as_large.mean())}

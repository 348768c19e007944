"""A fitted value and the ends of its interval of one standard deviation, as tables and figures quote it."""

from collections.abc import Sequence

from cevnsjax.inference import Interval, fit
from cevnsjax.likelihood import Likelihood
from cevnsjax.reproduce.assumptions import ONE_SIGMA
from cevnsjax.reproduce.published import Estimate

__all__ = ["around", "one_sigma"]


def one_sigma(likelihood: Likelihood, name: str) -> Estimate:
    """Return a parameter's value that fits best, with the interval of one standard deviation that contains it.

    The parameter is the only free one; nuisances are minimised. Raises `RuntimeError` as `around` does.
    """
    result = fit(likelihood, [name], cl=ONE_SIGMA)
    best = result.best_fit[name]
    return (best, *around(best, result.intervals[name]))


def around(best: float, intervals: Sequence[Interval]) -> Interval:
    """Return the piece of what is allowed that contains the best fit.

    Raises `RuntimeError` if none does: the fit is not the minimum then, and no number may be quoted.
    """
    for low, high in intervals:
        if (low is None or low <= best) and (high is None or best <= high):
            return low, high
    raise RuntimeError(f"no interval of {intervals} contains the best fit {best}")

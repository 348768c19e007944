"""What a fit gives: the best fit, intervals, nuisances, and the covariance of all that was varied."""

import dataclasses
from collections.abc import Callable
from functools import cached_property
from typing import Any

import numpy as np
from jaxtyping import Float

from cevnsjax.display import html_table, with_error
from cevnsjax.errors import InputError
from cevnsjax.inference.intervals import Interval
from cevnsjax.likelihood import Likelihood
from cevnsjax.likelihood.derivatives import hessian

__all__ = ["FitResult"]


@dataclasses.dataclass(frozen=True, repr=False)
class FitResult:
    """The least chi-squared and where it lies: free parameters, and nuisances.

    `best_fit` has free parameters and minimised nuisances by name, in their units; `chi2_min` is chi-squared there.
    `intervals` hold, for each free parameter, the pieces allowed at `cl` with the others profiled; an end is
    None where the data give none within the parameter's bounds. `converged` says whether the search ended by itself.
    `messages` are sentences that a reader must know. `likelihood` and the fixed `values` are those of the fit, and
    `pulls` calculates `nuisances`.
    """

    best_fit: dict[str, float]
    chi2_min: float
    intervals: dict[str, list[Interval]]
    cl: float
    converged: bool
    messages: list[str] = dataclasses.field(default_factory=list)
    likelihood: Likelihood | None = dataclasses.field(default=None, compare=False)
    values: dict[str, float] = dataclasses.field(default_factory=dict, compare=False)
    pulls: Callable[[], list[dict[str, Any]]] = dataclasses.field(default=list, compare=False)

    @property
    def names(self) -> tuple[str, ...]:
        """The free parameters and the nuisances that were minimised, in the order of `covariance`."""
        return tuple(self.best_fit)

    @cached_property
    def nuisances(self) -> list[dict[str, Any]]:
        """Value, error and pull of each nuisance that was minimised, beside its centre and width.

        Calculated when it is first asked for: errors need a program of their own.
        """
        return self.pulls()

    @cached_property
    def covariance(self) -> Float[np.ndarray, "names names"]:
        """The inverse of the Hessian of -log L at the best fit, in the parameters' units, as Minuit's HESSE gives it.

        Calculated when it is first asked for. Rows and columns are NaN for parameters on which nothing depends, and all
        is NaN where the Hessian of the others is singular. At a bound, or at a coupling of zero that enters squared,
        chi-squared is no parabola: variances there mean nothing, and may be negative. Raises `InputError` for a result
        that holds no likelihood.
        """
        if self.likelihood is None:
            raise InputError(
                "this FitResult holds no likelihood, which a covariance needs; take one that `fit` returns"
            )
        scales = np.array([self.likelihood.parameters[name].scale for name in self.names])
        curvature = np.asarray(hessian(self.likelihood, {**self.values, **self.best_fit}, self.names))
        curvature = curvature * np.outer(scales, scales)
        known = np.flatnonzero(np.diag(curvature) != 0)
        found = np.full(curvature.shape, np.nan)
        try:
            found[np.ix_(known, known)] = np.linalg.inv(curvature[np.ix_(known, known)])
        except np.linalg.LinAlgError:
            return found
        return found * np.outer(scales, scales)

    @property
    def errors(self) -> dict[str, float]:
        """Standard deviations of all `names`, square roots of the variances; NaN where there is none."""
        with np.errstate(invalid="ignore"):
            return dict(zip(self.names, np.sqrt(np.diag(self.covariance)).tolist(), strict=True))

    @property
    def correlation(self) -> Float[np.ndarray, "names names"]:
        """The covariance in units of the errors, with ones on the diagonal."""
        errors = np.array(list(self.errors.values()))
        return self.covariance / np.outer(errors, errors)

    def __repr__(self) -> str:
        best = ", ".join(f"{name!r}: {value:.6g}" for name, value in self.best_fit.items())
        allowed = ", ".join(f"{name!r}: {_pieces(pieces)}" for name, pieces in self.intervals.items())
        ended = "" if self.converged else ", converged=False"
        return (
            f"FitResult(best_fit={{{best}}}, chi2_min={self.chi2_min:.6g}, intervals={{{allowed}}}, "
            f"cl={self.cl:g}{ended})"
        )

    def _repr_html_(self) -> str:
        pulls = {row["name"]: row for row in self.nuisances}
        rows = []
        for name, value in self.best_fit.items():
            row = pulls.get(name, {})
            pull = row.get("pull")
            interval = _pieces(self.intervals[name]) if name in self.intervals else ""
            shown = with_error(value, row.get("error"))
            rows.append([name, shown, interval, "" if pull is None else f"{pull:+.2f}"])
        doubt = "" if self.converged else "; NOT converged"
        caption = f"least χ² {self.chi2_min:.6g}{doubt}; intervals at {100 * self.cl:g} % CL, 1 d.o.f."
        return html_table(["parameter", "best fit", f"allowed at {100 * self.cl:g} %", "pull"], rows, caption)


def _pieces(intervals: list[Interval]) -> str:
    """Return intervals as text, an open end as an ellipsis."""
    shown = ("[" + ", ".join("..." if end is None else f"{end:.6g}" for end in piece) + "]" for piece in intervals)
    return " or ".join(shown) or "nothing"

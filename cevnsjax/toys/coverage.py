"""Coverage: how often an interval by Wilks' theorem holds the truth, and which critical value would be exact."""

import dataclasses
from collections.abc import Callable, Mapping
from functools import partial

import numpy as np
from jaxtyping import Float

from cevnsjax.arguments import check_seed, dict_of
from cevnsjax.inference.intervals import threshold
from cevnsjax.inference.search import PolynomialSearch, checked
from cevnsjax.likelihood import Given, likelihood_of
from cevnsjax.parameters import canonical, check_names, check_value
from cevnsjax.spreading import Kept, Spread
from cevnsjax.toys.draw import check_toys, gathered
from cevnsjax.toys.fits import check_profiled, check_tested, deltas_of, hypotheses, quantiles

__all__ = ["Coverage", "coverage"]


@dataclasses.dataclass(frozen=True, eq=False)
class Coverage:
    """How often intervals of one parameter, `name`, hold its true value, in a number of `toys`.

    An interval at `cl` has all values whose Delta chi-squared is at most `wilks`, the quantile `cl` of chi-squared with
    one degree of freedom. `coverage` is the share of toys whose interval holds the truth, `coverage_error` its binomial
    error. Intervals with `critical` in the place of `wilks` would hold it in exactly the share `cl`: it is the critical
    value of Feldman and Cousins at this point, and `critical_error` is its Monte-Carlo error. `truth` are the true
    values of the parameter, of others that were given, and of all nuisances. `delta_chi2` is that of each toy at the
    truth.
    """

    name: str
    truth: dict[str, float]
    cl: float
    toys: int
    wilks: float
    coverage: float
    coverage_error: float
    critical: float
    critical_error: float
    delta_chi2: Float[np.ndarray, " toys"]

    def of(self, critical: float) -> tuple[float, float]:
        """Return the coverage that intervals with another `critical` value have, and its binomial error.

        Both are shares of the toys.
        """
        share = float((self.delta_chi2 <= critical).mean())
        return share, float(np.sqrt(share * (1 - share) / self.toys))


def coverage(
    likelihood: Given,
    over: str,
    values: Mapping[str, float] | None = None,
    cl: float = 0.90,
    toys: int = 10_000,
    seed: int = 0,
    spread: Spread | None = None,
    kept: Kept | None = None,
    advance: Callable[[int, int], None] | None = None,
) -> Coverage:
    """Return how often the interval of a parameter holds its true value.

    Toys are drawn at the true values: data, and the centres of constraints around the true nuisances. Each toy is
    fitted twice, at the true value of the parameter and with it free within its bounds. Nuisances are minimised in
    both, also those in `values`, unless the experiment's file holds them; other parameters of the model stay at their
    true values.

    Args:
        likelihood: a `Likelihood`; or an experiment, or a list of them, under the Standard Model.
        over: the name of the parameter.
        values: true values by name. The parameter's own is by default the model's; nuisances that are left out have
            the true values that suit the data best.
        cl: the confidence level of the intervals.
        toys: the number of toys, at least 100.
        seed: a whole number; the same one gives the same toys.
        spread: does blocks of toys; by default `in_threads`.
        kept: the blocks that an earlier run has finished; new ones are added.
        advance: called as `advance(done, all)` after each block.

    Raises:
        InputError: for impossible names and numbers, for a mass, for a factor that is minimised in closed form, and
            where a normalisation is integrated.

    Examples:
        >>> result = cevnsjax.coverage("conus_plus", "sin2_theta_w", toys=200)
        >>> abs(result.coverage - 0.9) < 4 * result.coverage_error
        True
    """
    likelihood = likelihood_of(likelihood)
    wilks = float(threshold(cl))
    check_toys(toys, 100)
    check_seed(seed)
    check_profiled(likelihood)
    given = {name: float(value) for name, value in canonical(dict_of(values), likelihood.parameters).items()}
    check_names([over], likelihood.parameters)
    parameter = likelihood.parameters[over]
    true = check_value(parameter, given.pop(over, parameter.default))
    known = {
        name: check_value(likelihood.parameters[name], given.pop(name)) for name in likelihood.searched if name in given
    }
    (parameter,), fixed = checked(likelihood, [over], given)
    check_tested(likelihood, None, [parameter])
    search = PolynomialSearch(likelihood, [parameter], fixed)
    check_tested(likelihood, search, [parameter])
    hypothesis, _ = hypotheses(search, [parameter], [np.array([true])], known)
    delta = gathered(partial(deltas_of, hypothesis, seed), toys, spread, kept, advance)
    (critical,), (error,) = quantiles(delta[None], cl)
    share = float((delta <= wilks).mean())
    layout = search.view.layout
    nuisances = {
        n.name: float(layout.value(n.name, hypothesis.truths[0, layout.place(n.name)])) for n in layout.nuisances
    }
    return Coverage(
        name=over,
        truth={over: true} | fixed | nuisances,
        cl=cl,
        toys=toys,
        wilks=wilks,
        coverage=share,
        coverage_error=float(np.sqrt(share * (1 - share) / toys)),
        critical=float(critical),
        critical_error=float(error),
        delta_chi2=delta,
    )

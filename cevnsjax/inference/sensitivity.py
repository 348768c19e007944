"""What an experiment will be able to say: by the Fisher information, and by fits to what is expected."""

import dataclasses
from collections.abc import Callable, Mapping, Sequence
from functools import partial

import numpy as np
from jaxtyping import Float

from cevnsjax.arguments import dict_of
from cevnsjax.errors import InputError, shown
from cevnsjax.experiments import check_factor, projected
from cevnsjax.inference.fit import search_of
from cevnsjax.inference.intervals import Interval, allowed_intervals, threshold
from cevnsjax.inference.profile import Curve
from cevnsjax.inference.search import checked
from cevnsjax.inference.starts import search_grid, typical_steps
from cevnsjax.likelihood import Given, Likelihood, likelihood_of
from cevnsjax.likelihood.derivatives import fisher
from cevnsjax.parameters import canonical, check_names
from cevnsjax.spreading import Gathering, Kept, Spread

__all__ = ["Projection", "asimov", "expected_intervals", "project"]

ROUNDING = 1e-20
"""The information, in units of a parameter's scale, that rounding leaves where the parameter does not act."""

NEAR = 1e-3
"""Where a power of the parameter is all that acts, in units of the end of what is allowed."""


@dataclasses.dataclass(frozen=True, eq=False)
class Projection:
    """Intervals that are expected for the parameter `name` at each `exposure`, in units of the experiment's own.

    `fisher` [low, high] follows from the derivatives at the true values: chi^2 is quadratic in the parameter, or in its
    square if counts depend on the square alone. `asimov` are the intervals of fits to expected data, pieces and
    open ends as in a fit. `cl` is their confidence level.
    """

    name: str
    exposure: Float[np.ndarray, " n"]
    fisher: Float[np.ndarray, "n 2"]
    asimov: list[list[Interval]]
    cl: float


def asimov(likelihood: Given, values: Mapping[str, float] | None = None) -> Likelihood:
    """Return a likelihood whose data are the expectation: G. Cowan et al., EPJ C 71, 1554 (2011), arXiv:1007.1727.

    Args:
        likelihood: a `Likelihood`; or an experiment, or a list of them, under the Standard Model.
        values: true values of parameters by name; the others have their defaults, nuisances their centres.

    Raises:
        InputError: for an unknown parameter.

    Examples:
        >>> likelihood = cevnsjax.asimov("conus_plus", {"sin2_theta_w": 0.3})
        >>> f"{likelihood.chi2({'sin2_theta_w': 0.3}):.3f}"
        '0.000'
    """
    likelihood = likelihood_of(likelihood)
    params = canonical(dict_of(values), likelihood.parameters)
    return likelihood.with_data([np.asarray(means) for means in likelihood.expected_in(params)])


def project(
    likelihood: Given,
    name: str,
    exposures: Sequence[float],
    values: Mapping[str, float] | None = None,
    background: float = 1.0,
    systematics: float = 1.0,
    cl: float = 0.90,
    advance: Callable[[int, int], None] | None = None,
    spread: Spread | None = None,
    kept: Kept | None = None,
) -> Projection:
    """Return the intervals of a parameter that are expected at several exposures if `values` and the defaults are true.

    Args:
        likelihood: a `Likelihood`; or an experiment, or a list of them, under the Standard Model.
        name: the parameter.
        exposures: exposures in units of the experiment's own.
        values: true values of other parameters, which stay fixed.
        background: a factor on the background.
        systematics: a factor on the widths of all constraints.
        cl: the confidence level.
        advance: called as `advance(done, all)` after each exposure.
        spread: does blocks of work, one for each exposure; by default one after another.
        kept: the blocks that an earlier run has finished; new ones are added.

    Raises:
        InputError: for an unknown parameter, one that is given a value, impossible factors, and a normalisation that is
            integrated.

    Examples:
        >>> result = cevnsjax.project("conus_plus", "sin2_theta_w", [1, 10], cl=0.6827)
        >>> [[round(end, 3) for end in pieces[0]] for pieces in result.asimov]
        [[0.183, 0.297], [0.208, 0.278]]
    """
    likelihood = likelihood_of(likelihood)
    level = threshold(cl)
    given = _checked(likelihood, name, values)
    if isinstance(exposures, str) or not isinstance(exposures, Sequence | np.ndarray) or len(exposures) == 0:
        raise InputError(f"exposures = {shown(exposures)} are not possible: give a list of at least one number")
    blocks = [check_factor("exposure", exposure) for exposure in exposures]
    factors = check_factor("background", background), check_factor("systematics", systematics)
    work = partial(_at_exposure, likelihood, name, given, *factors, level)
    # The first row follows from Fisher's information, the others are the pieces of the fit.
    rows = Gathering(spread, kept, advance).results(work, blocks)
    by_fit = [[(_end(low), _end(high)) for low, high in pieces[1:].tolist()] for pieces in rows]
    return Projection(name, np.array(blocks), np.array([pieces[0] for pieces in rows]), by_fit, cl)


def _at_exposure(
    likelihood: Likelihood, name: str, values: dict[str, float], background: float, systematics: float, level: float,
    exposure: float,
) -> Float[np.ndarray, "rows 2"]:  # fmt: skip
    """Return the interval by Fisher's information, then the pieces by a fit, NaN for an open end."""
    future = asimov(_future(likelihood, exposure, background, systematics), values)
    pieces = _from_curve(future, name, values, level)
    return np.array([_from_fisher(future, name, values, level), *pieces], dtype=float)


def _end(value: float) -> float | None:
    return None if np.isnan(value) else value


def expected_intervals(
    likelihood: Given, name: str, values: Mapping[str, float] | None = None, cl: float = 0.90
) -> list[Interval]:
    """Return the intervals of a parameter that are expected if `values`, and else the defaults, are true.

    Args:
        likelihood: a `Likelihood`; or an experiment, or a list of them, under the Standard Model.
        name: the parameter.
        values: true values of other parameters, which stay fixed.
        cl: the confidence level.

    Returns:
        The pieces [low, high] in the parameter's unit; None for an open end.

    Raises:
        InputError: for an unknown parameter, one that is given a value, and a normalisation that is integrated.

    Examples:
        >>> (low, high), = cevnsjax.expected_intervals("conus_plus", "sin2_theta_w", cl=0.6827)
        >>> round(low, 3), round(high, 3)
        (0.183, 0.297)
    """
    likelihood = likelihood_of(likelihood)
    level, given = threshold(cl), _checked(likelihood, name, values)
    return _from_curve(asimov(likelihood, given), name, given, level)


def _checked(likelihood: Likelihood, name: str, values: Mapping[str, float] | None) -> dict[str, float]:
    """Return the values; raises `InputError` where they, or the name, are impossible."""
    if likelihood.pull == "marginalised":
        raise InputError("a projection with pull='marginalised' is not possible: choose pull='profiled'")
    check_names([name], likelihood.parameters)
    if name in (given := dict_of(values)):
        raise InputError(f"'{name}' is both projected and set; choose one")
    return checked(likelihood, [name], given)[1]


def _from_curve(likelihood: Likelihood, name: str, values: Mapping[str, float], level: float) -> list[Interval]:
    """Return where chi^2 stays below a level above its minimum.

    Of data that are expected chi^2 is least at what is true: no minimum need be searched for.
    """
    parameters, fixed = checked(likelihood, [name], values)
    search = search_of(likelihood, parameters, fixed)
    if not search.acts(name):
        return [(None, None)]
    (parameter,), (step,) = parameters, typical_steps(search, parameters)
    curve = Curve(search, name, search.start[None], {})
    grid = search_grid(parameter, parameter.default, float(step))
    # Which is no more than what nuisances cost that are set beside their constraints' centres.
    least = float(curve.at(np.array([parameter.default]))[0])
    return allowed_intervals(curve, grid, least + level)


def _future(likelihood: Likelihood, exposure: float, background: float, systematics: float) -> Likelihood:
    experiments = [projected(e, exposure, background, systematics) for e in likelihood.experiments]
    return Likelihood(
        *experiments, model=likelihood.model, channel=likelihood.channel, pull=likelihood.pull,
        systematics=likelihood.systematics,
    )  # fmt: skip


def _from_fisher(likelihood: Likelihood, name: str, values: Mapping[str, float], level: float) -> tuple[float, float]:
    """Return the interval that the Fisher information allows, in the lowest power of the parameter that acts.

    The prediction begins with u = value^q, with q = 2 for a magnetic moment, or a coupling whose amplitude interferes,
    and 4 for one whose amplitude does not. The information on u is that on the value over (du / dvalue)^2, close to
    zero.
    """
    parameter = likelihood.parameters[name]

    def information(value: float) -> float:
        return float(fisher(likelihood, {**values, name: value}, [name])[0, 0])

    unit = parameter.scale**2
    if (at_default := information(parameter.default)) * unit > ROUNDING:
        width = (level / at_default) ** 0.5
        low, high = parameter.default - width, parameter.default + width
        return max(low, parameter.bounds[0]), min(high, parameter.bounds[1])
    end = parameter.scale
    for _ in range(3):  # near zero in units of the end itself, which is not known at first
        value = NEAR * end
        near, twice = information(value), information(2 * value)
        if not near * unit > ROUNDING * NEAR**2:  # it does not act
            return parameter.bounds
        q = 1 + round(np.log2(twice / near) / 2)
        end = (level / near) ** (1 / (2 * q)) * (q * value ** (q - 1)) ** (1 / q)
    return (0.0 if parameter.bounds[0] == 0 else -end), end

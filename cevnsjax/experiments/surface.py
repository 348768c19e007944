"""Counts as a polynomial in what moves the spectrum, for given couplings.

A likelihood that minimises over the quenching, the energy scale and the nuclei's radius would make the rate table anew
at each step. But none of them touches the cross sections at a given recoil energy: the response moves the
matrix that bins them, smoothly, and the radius the form factor. So the matrix is made on a grid once, and a polynomial
fitted to it; what is left at each point of a fit is one product of matrices.
"""

import functools
import itertools
import operator
from collections.abc import Mapping, Sequence

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from cevnsjax.errors import InputError
from cevnsjax.experiments.experiment import Experiment
from cevnsjax.experiments.moves import MOVES, moved
from cevnsjax.form_factors import FORM_FACTORS
from cevnsjax.interactions import Model
from cevnsjax.parameters import NUCLEAR_RADIUS, Parameters
from cevnsjax.rates import RESPONSE_ORDER, Channel, RateTable, ionisation_rate

__all__ = ["REACH", "Surface", "check_shapes", "monomials", "shape_values", "surface"]

REACH = 5.0
"""How far, in standard deviations, the spectrum may be moved; the fit is good to the ends and to no more."""

DEGREE = 8
"""Of the polynomial; a test holds its error below 1e-6 of the largest bin."""

RADIUS_DEGREE = 3
RADIUS_WEIGHT = 2
"""Degree in the radius, of which counts depend little: each of its powers stands for two of the others."""


class Surface(eqx.Module):
    """Coefficients of the bins' weights, by powers of the response's shapes in units of REACH standard deviations.

    `radii` are the factors on the nuclei's radii at which rates are calculated, and `form_factors` those of each
    element there. `powers` are those of all shapes in each term of the counts.
    """

    nuclear: Float[Array, "responses bins nodes"]
    electron: Float[Array, "responses bins nodes"]
    form_factors: tuple[Float[Array, "radii _isotopes nodes"], ...]
    from_radii: Float[Array, "radii radii"]
    terms: tuple[tuple[int, int], ...] = eqx.field(static=True)
    powers: tuple[tuple[int, ...], ...] = eqx.field(static=True)

    def rates(self, table: RateTable, model: Model, params: Parameters, channel: Channel) -> Float[Array, "terms bins"]:
        """Return the rates in the bins [events kg^-1 s^-1], as coefficients of the monomials of the shapes."""
        found = jnp.zeros((len(self.powers), self.nuclear.shape[1]))
        response, radius = (np.array(column) for column in zip(*self.terms, strict=True))
        if channel != "eves":

            def at_radius(form_factors: Sequence[Array]) -> Float[Array, " nodes"]:
                where = lambda t: [nuclei.recoil.form_factor for nuclei in t.nuclei]  # noqa: E731
                return ionisation_rate(eqx.tree_at(where, table, list(form_factors)), model, params, "cevns")

            rates = self.from_radii @ jax.vmap(at_radius)(self.form_factors)
            found += jnp.einsum("mbj,rj->mrb", self.nuclear, rates)[response, radius]
        if channel != "cevns":
            rate = self.electron @ ionisation_rate(table, model, params, "eves")
            found += jnp.where((radius == 0)[:, None], rate[response], 0.0)
        return found


def check_shapes(experiment: Experiment, systematics: str) -> None:
    """Raise `InputError` where the experiment cannot have what a set of its systematics moves."""
    for name in experiment.systematics[systematics].shapes:
        if MOVES[name].value(experiment) is None:
            raise InputError(f"systematics '{systematics}' of {experiment.name} move {name}: its quenching has none")
        if experiment.response.resolution is None and name != NUCLEAR_RADIUS.name:
            raise InputError(
                f"systematics '{systematics}' of {experiment.name} move {name}: that needs a resolution, so that "
                "counts change smoothly"
            )


def monomials(x: Float[Array, " shapes"], powers: tuple[tuple[int, ...], ...]) -> Float[Array, " terms"]:
    """Return the products of powers of the shapes, in units of REACH standard deviations."""
    if not x.size:
        return jnp.ones(len(powers))
    rising = [jnp.ones_like(x)]
    for _ in range(max(power for term in powers for power in term)):
        rising.append(rising[-1] * x)
    # Looked up and not written out: a compiler takes its time over hundreds of products and their derivatives.
    factors = jnp.stack(rising)[np.array(powers), np.arange(x.size)]
    return functools.reduce(operator.mul, [factors[:, i] for i in range(x.size)])


def shape_values(
    experiment: Experiment, shapes: Sequence[str], sigma: Float[Array, " shapes"], x: Float[Array, " shapes"]
) -> dict[str, Float[Array, ""]]:
    """Return the parameters' values at a place, in units of REACH standard deviations from the experiment's own."""
    own = {name: MOVES[name].value(experiment) for name in shapes}
    return {name: jnp.asarray(own[name]) + REACH * sigma[i] * x[i] for i, name in enumerate(shapes)}


def surface(
    experiment: Experiment, table: RateTable, shapes: tuple[str, ...], sigma: Float[Array, " shapes"]
) -> Surface:
    """Return how the experiment's rates move with the `shapes`, whose standard deviations are `sigma`.

    The recoil energies of `table` are kept: what moves is the ionisation energy that each leaves.
    """
    response = [i for i, name in enumerate(shapes) if name != NUCLEAR_RADIUS.name]
    has_radius = NUCLEAR_RADIUS.name in shapes
    knots = np.cos(np.pi * (np.arange(DEGREE + 2) + 0.5) / (DEGREE + 2))
    grid = np.array(list(itertools.product(knots, repeat=len(response)))).reshape(-1, len(response))
    exponents = [e for e in itertools.product(range(DEGREE + 1), repeat=len(response)) if sum(e) <= DEGREE]
    vandermonde = np.prod(grid[:, None] ** np.array(exponents, dtype=int).reshape(1, -1, len(response)), axis=-1)
    fit = jnp.asarray(np.linalg.pinv(vandermonde))

    T = table.nuclei[0].recoil.T[0]
    energy, weight = experiment.response.nodes(RESPONSE_ORDER)

    def matrices(x: Float[Array, " responses"]) -> tuple[Array, Array]:
        place = jnp.zeros(len(shapes)).at[np.array(response, dtype=int)].set(x)
        there = moved(experiment, shape_values(experiment, shapes, sigma, place)).response
        of_nuclei = there.bin_matrix(jax.vmap(there.quenching.ionisation)(T))
        return of_nuclei * weight, there.bin_matrix(energy) * weight

    nuclear, electron = (jnp.tensordot(fit, one, 1) for one in jax.lax.map(matrices, jnp.asarray(grid)))

    radius_degree = RADIUS_DEGREE if has_radius else 0
    ends = np.cos(np.pi * (np.arange(radius_degree + 1) + 0.5) / (radius_degree + 1)) if has_radius else np.zeros(1)
    from_radii = np.linalg.inv(ends[:, None] ** np.arange(radius_degree + 1))
    which = shapes.index(NUCLEAR_RADIUS.name) if has_radius else 0
    factors = 1.0 + (REACH * sigma[which] * jnp.asarray(ends) if has_radius else jnp.zeros(1))
    form_factors = tuple(
        jax.vmap(lambda f, n=nuclei: _form_factor(experiment, n.recoil, f))(factors) for nuclei in table.nuclei
    )
    terms = [
        (m, r)
        for m, r in itertools.product(range(len(exponents)), range(radius_degree + 1))
        if sum(exponents[m]) + RADIUS_WEIGHT * r <= DEGREE
    ]
    powers = []
    for m, r in terms:
        by_shape: Mapping[int, int] = dict(zip(response, exponents[m], strict=True))
        powers.append(tuple(by_shape.get(i, r) for i in range(len(shapes))))
    return Surface(nuclear, electron, form_factors, jnp.asarray(from_radii), tuple(terms), tuple(powers))


def _form_factor(experiment: Experiment, recoil: object, factor: Float[Array, ""]) -> Float[Array, "isotopes nodes"]:
    nucleus = recoil.nucleus  # type: ignore[attr-defined]
    q2 = 2 * nucleus.mass * recoil.T  # type: ignore[attr-defined]
    return FORM_FACTORS[experiment.target.form_factor](q2, factor * nucleus.charge_radius)

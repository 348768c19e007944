"""The likelihood of one experiment, or of several together, as a function of a dict of parameters."""

import functools
import os
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import Literal, get_args

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from cevnsjax import interactions
from cevnsjax.compilation import constant, run_once
from cevnsjax.errors import InputError, unknown_name
from cevnsjax.experiments import Experiment, expected_counts, load_runs, tabulate
from cevnsjax.experiments.moves import moved, oscillated
from cevnsjax.experiments.surface import Surface, check_shapes, surface
from cevnsjax.interactions import Model
from cevnsjax.parameters import Parameter, Parameters, canonical
from cevnsjax.rates import CHANNELS, Channel, RateTable
from cevnsjax.statistics.base import BinnedLikelihood
from cevnsjax.statistics.counting import Counting
from cevnsjax.statistics.expansion import ExpandedLikelihood, expand
from cevnsjax.statistics.nuisances import Nuisances, agreed
from cevnsjax.statistics.pulls import Measurement, Shape

__all__ = ["Likelihood"]

Pull = Literal["profiled", "marginalised"]
Values = Mapping[str, object]


class Likelihood(BinnedLikelihood):
    """Likelihood of experiments under a model, of Gaussian and Poisson data. Parameters travel as a plain dict.

    What a dict leaves out is treated as it is in the published analysis: couplings stay at their defaults, what moves
    the spectrum at the experiment's own values, and the normalisation's pull is minimised in closed form
    (`pull="profiled"`) or integrated out (`pull="marginalised"`). What a dict holds is used as given, so
    `jax.grad(likelihood.chi2)(params)` and `jax.vmap(likelihood.chi2)(params)` do what they say.

    `systematics` names a set of the experiments' descriptions. What moves the spectrum (`quenching_k`, `energy_shift`,
    `nuclear_radius`) and stands in that set has a pull: it is minimised where a dict leaves it out, within five
    standard deviations. What does not stand there may be given, or freed, without one.

    In a joint fit factors on the signal and `energy_shift` are each experiment's own, `norm_<experiment>` for
    instance, and may be each detector's; quantities of a background are each run's. Couplings, `quenching_k`,
    `quenching_yield` and `nuclear_radius` are common to all; where several experiments pull one of these, the first
    one's centre and standard deviation hold for all.
    """

    names: tuple[str, ...] = eqx.field(static=True)
    experiments: tuple[Experiment, ...]
    tables: tuple[RateTable, ...]
    surfaces: tuple[Surface | None, ...]
    model: Model
    channel: Channel = eqx.field(static=True)
    pull: Pull = eqx.field(static=True)
    systematics: str = eqx.field(static=True)
    integrated: Float[Array, ""]
    shapes: tuple[Shape, ...]
    nuisances: tuple[Parameter, ...] = eqx.field(static=True)

    def __init__(
        self,
        *experiments: Experiment | str | os.PathLike[str],
        model: Model | str = "sm",
        channel: str = "all",
        pull: str = "profiled",
        systematics: str = "default",
    ):
        """Take experiments (objects, names or TOML paths), a model (object or name), a channel and systematics.

        Raises `InputError` for an unknown name, no experiment, or the same one twice.
        """
        for kind, given, known in (
            ("channel", channel, CHANNELS),
            ("treatment of the pull", pull, get_args(Pull)),
        ):
            if given not in known:
                raise unknown_name(kind, given, known)
        self.model = model if isinstance(model, Model) else interactions.model(model)
        self.experiments = tuple(
            run for e in experiments for run in ((e,) if isinstance(e, Experiment) else load_runs(e))
        )
        self.names = names = tuple(e.label for e in self.experiments)
        if not names:
            raise InputError("no experiment given; give at least one name or TOML file")
        if len(set(names)) < len(names):
            raise InputError(f"experiments {', '.join(names)} given; each may stand once in a joint fit")
        for e in self.experiments:
            if systematics not in e.systematics:
                raise unknown_name(f"systematics of {e.name}", systematics, e.systematics)
        self.experiments = agreed(self.experiments, systematics)
        for e in self.experiments:
            check_shapes(e, systematics)
        self.channel = channel  # type: ignore[assignment]
        self.pull = pull  # type: ignore[assignment]
        self.systematics = systematics
        self.integrated = constant(1.0 if pull == "marginalised" else 0.0)
        self.shapes = self._about.shapes()
        if self.shapes and pull == "marginalised":
            raise InputError(
                f"systematics '{systematics}' move the spectrum, which has no closed integral, nor has a "
                "background: sample them, or choose pull='profiled'"
            )
        self.tables = tuple(run_once(tabulate, e.bare()) for e in self.experiments)
        self.surfaces = tuple(
            run_once(_surfaces(shapes), e.bare(), table, self._about.chosen(i).shape_sigma)
            if (shapes := self._about.chosen(i).shapes)
            else None
            for i, (e, table) in enumerate(zip(self.experiments, self.tables, strict=True))
        )
        self.nuisances = self._about.parameters(self.shapes)
        couplings = {p.name for p in self.model.parameters}
        if taken := [p.name for p in self.nuisances if p.name in couplings]:
            raise InputError(f"'{taken[0]}' is a parameter of {self.model.name}: give the nuisance another name")

    @property
    def _about(self) -> Nuisances:
        return Nuisances(self.experiments, self.systematics)

    @property
    def parameters(self) -> dict[str, Parameter]:
        """All parameters by name: the model's, then the nuisances; defaults as they hold here."""
        return {p.name: p for p in (*self.model.parameters, *self.nuisances)}

    @property
    def closed_norms(self) -> tuple[str, ...]:
        """The factors on the signal whose minimum is taken in closed form: those with a pull, if it is profiled."""
        if self.pull != "profiled":
            return ()
        pairs = [pair for data in self.observations() for pair in zip(data.norms, data.norm_sigma, strict=True)]
        return tuple(name for name, sigma in pairs if sigma > 0)

    def observations(self) -> tuple[Measurement, ...]:
        """Return the data of each experiment."""
        powers = [((),) if moves is None else moves.powers for moves in self.surfaces]
        return tuple(self._about.measurement(i, self.shapes, powers[i]) for i in range(len(self.names)))

    def expected(self, params: Values) -> Float[Array, " bins"]:
        """Return the prediction in each bin, in the data's unit, experiments one after the other.

        A factor on the signal that `params` leaves out is one, and what moves the spectrum is at the experiment's own
        value. Raises `InputError` for an unknown parameter.
        """
        return _expected(self, canonical(params, self.parameters))

    def cells(self, params: Values) -> tuple[Float[Array, " cells"], Float[Array, " cells"]]:
        """Return the mean and the variance of each cell of the data, nuisances at `params` or their own values.

        Cells are bins, and for runs of counts those with the reactor off, too.
        """
        found = _means(self, canonical(params, self.parameters))
        variances = [means if isinstance(one, Counting) and one.poisson else one.sigma**2 for means, one in found]
        return jnp.concatenate([means for means, _ in found]), jnp.concatenate(variances)

    @property
    def notes(self) -> list[str]:
        """What a reader of any result must know of the data: sentences, none where there is nothing to say."""
        return list(dict.fromkeys(e.note for e in self.experiments if e.note))

    def expected_by_detector(self, params: Values) -> tuple[Float[Array, "_detectors _bins"], ...]:
        """Return, for each experiment, what each detector adds to its signal, in the data's unit."""
        return _expected_by_detector(self, canonical(params, self.parameters))

    def counts(self, params: Parameters) -> tuple[Float[Array, "_detectors _bins"], ...]:
        """Return each experiment's prediction by detector, in the data's unit, before normalisation."""
        couplings = {p.name: params.get(p.name, jnp.asarray(p.default)) for p in self.model.parameters}
        experiments, tables = self._moved(params)
        return tuple(
            expected_counts(experiment, table, self.model, couplings, self.channel)
            for experiment, table in zip(experiments, tables, strict=True)
        )

    def terms(self, params: Parameters) -> tuple[Float[Array, "_terms _bins"], ...]:
        """Return each experiment's prediction, detectors summed, as coefficients of the monomials of its shapes."""
        if not self.shapes:
            return tuple(counts.sum(axis=0, keepdims=True) for counts in self.counts(params))
        couplings = {p.name: params.get(p.name, jnp.asarray(p.default)) for p in self.model.parameters}
        absorbed = self.absorb({**{p.name: couplings[p.name] for p in self._oscillating(params)}, **params})[0]
        found = []
        for e, table, moves in zip(absorbed.experiments, absorbed.tables, absorbed.surfaces, strict=True):
            if moves is None:
                counts = expected_counts(e, table, self.model, couplings, self.channel)
                found.append(counts.sum(axis=0, keepdims=True))
            else:
                rates = moves.rates(table, self.model, couplings, self.channel)
                found.append(e.exposure().sum(axis=0) * rates)
        return tuple(found)

    def _oscillating(self, params: Parameters) -> tuple[Parameter, ...]:
        """Return the model's parameters that change the flux, if any of them is given."""
        of_flux = self.model.of_flux
        return of_flux if any(p.name in params for p in of_flux) else ()

    def _moved(self, params: Parameters) -> tuple[tuple[Experiment, ...], tuple[RateTable, ...]]:
        """Return experiments and tables made for the parameters that move them."""
        experiments, tables = [], []
        for i, (e, table) in enumerate(zip(self.experiments, self.tables, strict=True)):
            moves = {kind: params[name] for name, kind in self._about.moves(i).items() if name in params}
            here = moved(e, moves) if moves else e
            if oscillating := self._oscillating(params):
                given = {p.name: params.get(p.name, jnp.asarray(p.default)) for p in oscillating}
                here = oscillated(here, self.model, given)
            experiments.append(here)
            tables.append(table if here is e else tabulate(here))
        return tuple(experiments), tuple(tables)

    def absorb(self, params: Parameters) -> tuple["Likelihood", Parameters]:
        """Return this likelihood with tables made for the parameters that move them, and the other parameters.

        Whoever varies couplings at a fixed quenching absorbs it first, and so makes the tables once. What has a pull
        stays among the parameters.
        """
        pulled = {shape.name for shape in self.shapes}
        moving = {name for i in range(len(self.names)) for name in self._about.moves(i)} - pulled
        # A flux is oscillated once, when all is known that it takes.
        of_flux = {p.name for p in self.model.of_flux}
        moving |= of_flux if of_flux <= params.keys() else set()
        absorbing = {name: value for name, value in params.items() if name in moving}
        if not absorbing:
            return self, params
        experiments, tables = self._moved(absorbing)
        surfaces = tuple(
            _surface(e, table, self._about.chosen(i).shape_sigma, self._about.chosen(i).shapes)
            for i, (e, table) in enumerate(zip(experiments, tables, strict=True))
        )
        absorbed = eqx.tree_at(
            lambda one: (one.experiments, one.tables, one.surfaces),
            self,
            (experiments, tables, surfaces),
            is_leaf=lambda leaf: leaf is None,
        )
        return absorbed, {name: value for name, value in params.items() if name not in absorbing}

    def expand(self, params: Parameters, couplings: Sequence[str]) -> ExpandedLikelihood:
        """Return this likelihood as a function of some couplings and the nuisances with a pull, the others at `params`.

        Exact: counts are quadratic in amplitudes. Each coupling must have a `power`. Detectors are summed.
        """
        likelihood, others = self.absorb(params)
        expanded = tuple(self.parameters[name] for name in couplings)
        expansions = expand(lambda values: likelihood.terms({**others, **values}), expanded)
        kept = tuple(p for p in self.nuisances if p.name in self.nuisance_names)
        return ExpandedLikelihood(self.names, self.integrated, self.shapes, self.observations(), expansions, kept)


@functools.cache
def _surfaces(shapes: tuple[str, ...]) -> Callable[[Experiment, RateTable, Array], Surface | None]:
    """Return one function for each set of shapes, so that what is compiled for one run serves all."""
    return partial(_surface, shapes=shapes)


def _surface(
    experiment: Experiment, table: RateTable, sigma: Float[Array, " shapes"], shapes: tuple[str, ...]
) -> Surface | None:
    """Return how the experiment's rates move with the shapes of its systematics, if it has any."""
    return surface(experiment, table, shapes, sigma) if shapes else None


@jax.jit
def _expected_by_detector(likelihood: Likelihood, params: Parameters) -> tuple[Float[Array, "_detectors _bins"], ...]:
    found = []
    for data, counts in zip(likelihood.observations(), likelihood.counts(params), strict=True):
        pull, _ = data.pull(params)
        found.append(pull.centre * counts)
    return tuple(found)


@jax.jit
def _expected(likelihood: Likelihood, params: Parameters) -> Float[Array, " bins"]:
    return jnp.concatenate([means[: one.observed.size] for means, one in _means(likelihood, params)])


def _means(likelihood: Likelihood, params: Parameters) -> list[tuple[Float[Array, " cells"], Measurement]]:
    """Return what is expected in each cell of each measurement, nuisances at `params` or their own values."""
    z = jnp.stack([(params.get(s.name, s.centre) - s.centre) / s.sigma for s in likelihood.shapes] or [jnp.zeros(())])
    found = []
    for data, counts in zip(likelihood.observations(), likelihood.counts(params), strict=True):
        signal, strength = counts.sum(axis=0), data.pull(params)[0].centre
        found.append((data.means(signal, z, strength) if isinstance(data, Counting) else strength * signal, data))
    return found

"""The likelihood of one experiment, or of several together, as a function of a dict of parameters."""

import dataclasses
import os
from collections.abc import Mapping, Sequence
from functools import partial
from typing import Literal, get_args

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from cevnsjax import interactions
from cevnsjax.compilation import constant, run_once
from cevnsjax.errors import InputError, unknown_name
from cevnsjax.experiments import Experiment, Systematics, expected_counts, load_experiment, tabulate
from cevnsjax.experiments.moves import MOVES, moved
from cevnsjax.experiments.surface import REACH, Surface, check_shapes, surface
from cevnsjax.interactions import Model
from cevnsjax.parameters import ENERGY_SHIFT, NORM, Parameter, Parameters, canonical
from cevnsjax.rates import CHANNELS, Channel, RateTable
from cevnsjax.statistics.base import BinnedLikelihood
from cevnsjax.statistics.expansion import ExpandedLikelihood, expand
from cevnsjax.statistics.pulls import Data, Shape

__all__ = ["Likelihood"]

Pull = Literal["profiled", "marginalised"]
Values = Mapping[str, object]


class Likelihood(BinnedLikelihood):
    """Gaussian likelihood of experiments under a model. Parameters travel as a plain dict.

    What a dict leaves out is treated as it is in the published analysis: couplings stay at their defaults, what moves
    the spectrum at the experiment's own values, and the normalisation's pull is minimised in closed form
    (`pull="profiled"`) or integrated out (`pull="marginalised"`). What a dict holds is used as given, so
    `jax.grad(likelihood.chi2)(params)` and `jax.vmap(likelihood.chi2)(params)` do what they say.

    `systematics` names a set of the experiments' descriptions. What moves the spectrum (`quenching_k`, `energy_shift`,
    `nuclear_radius`) and stands in that set has a pull: it is minimised where a dict leaves it out, within five
    standard deviations. What does not stand there may be given, or freed, without one.

    In a joint fit factors on the signal and `energy_shift` are each experiment's own, `norm_<experiment>` for
    instance. Couplings, `quenching_k` and `nuclear_radius` are common to all.
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
        self.experiments = tuple(e if isinstance(e, Experiment) else load_experiment(e) for e in experiments)
        self.names = names = tuple(e.name for e in self.experiments)
        if not names:
            raise InputError("no experiment given; give at least one name or TOML file")
        if len(set(names)) < len(names):
            raise InputError(f"experiments {', '.join(names)} given; each may stand once in a joint fit")
        for e in self.experiments:
            if systematics not in e.systematics:
                raise unknown_name(f"systematics of {e.name}", systematics, e.systematics)
            check_shapes(e, systematics)
        self.channel = channel  # type: ignore[assignment]
        self.pull = pull  # type: ignore[assignment]
        self.systematics = systematics
        self.integrated = constant(1.0 if pull == "marginalised" else 0.0)
        pulled: dict[str, Shape] = {}
        for i, e in enumerate(self.experiments):
            for kind, sigma in zip(self._chosen(i).shapes, self._chosen(i).shape_sigma, strict=True):
                centre = MOVES[kind].value(e)
                pulled.setdefault(self._name(kind, i), Shape(self._name(kind, i), jnp.asarray(centre), sigma))
        self.shapes = tuple(pulled.values())
        if self.shapes and pull == "marginalised":
            raise InputError(
                f"systematics '{systematics}' move the spectrum, which has no closed integral: sample them, or choose "
                "pull='profiled'"
            )
        self.tables = tuple(run_once(tabulate, e) for e in self.experiments)
        self.surfaces = tuple(
            run_once(partial(_surface, shapes=shapes), e, table, self._chosen(i).shape_sigma)
            if (shapes := self._chosen(i).shapes)
            else None
            for i, (e, table) in enumerate(zip(self.experiments, self.tables, strict=True))
        )
        self.nuisances = self._nuisances()

    def _chosen(self, i: int) -> Systematics:
        """Return the systematics of the experiment numbered i."""
        return self.experiments[i].systematics[self.systematics]

    def _name(self, kind: str, i: int) -> str:
        """Return the name that a nuisance parameter of the experiment numbered i has here."""
        common = kind in MOVES and kind != ENERGY_SHIFT.name
        return kind if common or len(self.names) == 1 else f"{kind}_{self.names[i]}"

    def _moves(self, i: int) -> dict[str, str]:
        """Return what can move the spectrum of the experiment numbered i: names here, and those in `MOVES`."""
        own = [kind for kind, move in MOVES.items() if move.value(self.experiments[i]) is not None]
        return {self._name(kind, i): kind for kind in own}

    def _nuisances(self) -> tuple[Parameter, ...]:
        """Return the nuisance parameters as they hold here: factors on the signal, then what moves the spectra."""
        found: dict[str, Parameter] = {}
        for i in range(len(self.names)):
            for kind, sigma in zip(self._chosen(i).norms, self._chosen(i).norm_sigma, strict=True):
                text = NORM.description if kind == NORM.name else f"factor on the predicted signal: {kind}"
                scale = float(sigma) or NORM.scale
                latex = NORM.latex if kind == NORM.name else rf"\mathrm{{{kind}}}".replace("_", r"\,")
                found[self._name(kind, i)] = dataclasses.replace(
                    NORM, name=self._name(kind, i), scale=scale, latex=latex, description=text
                )
        pulled = {shape.name: shape for shape in self.shapes}
        for i, e in enumerate(self.experiments):
            for name, kind in self._moves(i).items():
                own = MOVES[kind].value(e)
                assert own is not None
                parameter = dataclasses.replace(MOVES[kind].parameter, name=name, default=float(own))
                if name in pulled:
                    centre, sigma = float(pulled[name].centre), float(pulled[name].sigma)
                    low, high = parameter.bounds
                    bounds = max(low, centre - REACH * sigma), min(high, centre + REACH * sigma)
                    parameter = dataclasses.replace(parameter, scale=sigma, bounds=bounds)
                found.setdefault(name, parameter)
        return tuple(found.values())

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

    def observations(self) -> tuple[Data, ...]:
        """Return the data of each experiment."""
        numbers = {shape.name: number for number, shape in enumerate(self.shapes)}
        found = []
        for i, (e, moves) in enumerate(zip(self.experiments, self.surfaces, strict=True)):
            chosen = self._chosen(i)
            norms = tuple(self._name(kind, i) for kind in chosen.norms)
            shapes = tuple(numbers[self._name(kind, i)] for kind in chosen.shapes)
            powers = ((),) if moves is None else moves.powers
            found.append(Data(e.observed, e.sigma, norms, chosen.norm_sigma, shapes, powers))
        return tuple(found)

    def expected(self, params: Values) -> Float[Array, " bins"]:
        """Return the prediction in each bin, in the data's unit, experiments one after the other.

        A factor on the signal that `params` leaves out is one, and what moves the spectrum is at the experiment's own
        value. Raises `InputError` for an unknown parameter.
        """
        return _expected(self, canonical(params, self.parameters))

    def expected_by_detector(self, params: Values) -> tuple[Float[Array, "detectors bins"], ...]:
        """Return, for each experiment, what each detector adds to the prediction, in the data's unit."""
        return _expected_by_detector(self, canonical(params, self.parameters))

    def counts(self, params: Parameters) -> tuple[Float[Array, "detectors bins"], ...]:
        """Return each experiment's prediction by detector, in the data's unit, before normalisation."""
        couplings = {p.name: params.get(p.name, jnp.asarray(p.default)) for p in self.model.parameters}
        experiments, tables = self._moved(params)
        return tuple(
            expected_counts(experiment, table, self.model, couplings, self.channel)
            for experiment, table in zip(experiments, tables, strict=True)
        )

    def terms(self, params: Parameters) -> tuple[Float[Array, "terms bins"], ...]:
        """Return each experiment's prediction, detectors summed, as coefficients of the monomials of its shapes."""
        if not self.shapes:
            return tuple(counts.sum(axis=0, keepdims=True) for counts in self.counts(params))
        couplings = {p.name: params.get(p.name, jnp.asarray(p.default)) for p in self.model.parameters}
        absorbed = self.absorb(params)[0]
        found = []
        for e, table, moves in zip(absorbed.experiments, absorbed.tables, absorbed.surfaces, strict=True):
            if moves is None:
                counts = expected_counts(e, table, self.model, couplings, self.channel)
                found.append(counts.sum(axis=0, keepdims=True))
            else:
                rates = moves.rates(table, self.model, couplings, self.channel)
                found.append(e.exposure().sum(axis=0) * rates)
        return tuple(found)

    def _moved(self, params: Parameters) -> tuple[tuple[Experiment, ...], tuple[RateTable, ...]]:
        """Return experiments and tables made for the parameters that move them."""
        experiments, tables = [], []
        for i, (e, table) in enumerate(zip(self.experiments, self.tables, strict=True)):
            moves = {kind: params[name] for name, kind in self._moves(i).items() if name in params}
            experiments.append(moved(e, moves) if moves else e)
            tables.append(tabulate(experiments[-1]) if moves else table)
        return tuple(experiments), tuple(tables)

    def absorb(self, params: Parameters) -> tuple["Likelihood", Parameters]:
        """Return this likelihood with tables made for the parameters that move them, and the other parameters.

        Whoever varies couplings at a fixed quenching absorbs it first, and so makes the tables once. What has a pull
        stays among the parameters.
        """
        pulled = {shape.name for shape in self.shapes}
        moving = {name for i in range(len(self.names)) for name in self._moves(i)} - pulled
        absorbing = {name: value for name, value in params.items() if name in moving}
        if not absorbing:
            return self, params
        experiments, tables = self._moved(absorbing)
        surfaces = tuple(
            _surface(e, table, self._chosen(i).shape_sigma, self._chosen(i).shapes)
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


def _surface(
    experiment: Experiment, table: RateTable, sigma: Float[Array, " shapes"], shapes: tuple[str, ...]
) -> Surface | None:
    """Return how the experiment's rates move with the shapes of its systematics, if it has any."""
    return surface(experiment, table, shapes, sigma) if shapes else None


@jax.jit
def _expected_by_detector(likelihood: Likelihood, params: Parameters) -> tuple[Float[Array, "detectors bins"], ...]:
    found = []
    for data, counts in zip(likelihood.observations(), likelihood.counts(params), strict=True):
        pull, _ = data.pull(params)
        found.append(pull.centre * counts)
    return tuple(found)


@jax.jit
def _expected(likelihood: Likelihood, params: Parameters) -> Float[Array, " bins"]:
    return jnp.concatenate([p.sum(axis=0) for p in _expected_by_detector(likelihood, params)])

"""The likelihood of one experiment, or of several together, as a function of a dict of parameters."""

import dataclasses
import os
from collections.abc import Mapping, Sequence
from typing import Literal, get_args

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from cevnsjax import interactions
from cevnsjax.compilation import constant, run_once
from cevnsjax.errors import InputError, unknown_name
from cevnsjax.experiments import Experiment, expected_counts, load_experiment, tabulate
from cevnsjax.interactions import Model
from cevnsjax.parameters import NORM, QUENCHING_K, Parameter, Parameters, canonical
from cevnsjax.rates import CHANNELS, Channel, RateTable
from cevnsjax.response import Lindhard
from cevnsjax.statistics.base import BinnedLikelihood, Data
from cevnsjax.statistics.expansion import ExpandedLikelihood, expand

__all__ = ["Likelihood"]

Pull = Literal["profiled", "marginalised"]
Values = Mapping[str, object]


class Likelihood(BinnedLikelihood):
    """Gaussian likelihood of experiments under a model. Parameters travel as a plain dict.

    What a dict leaves out is treated as it is in the published analysis: couplings stay at their defaults,
    the quenching at the experiment's own, and the normalisation's pull is minimised in closed form
    (`pull="profiled"`) or integrated out (`pull="marginalised"`). What a dict holds is used as given, so
    `jax.grad(likelihood.chi2)(params)` and `jax.vmap(likelihood.chi2)(params)` do what they say.

    With one experiment its normalisation is called `norm`; in a joint fit each has its own,
    `norm_<experiment>`. Couplings and `quenching_k` are common to all.
    """

    names: tuple[str, ...] = eqx.field(static=True)
    experiments: tuple[Experiment, ...]
    tables: tuple[RateTable, ...]
    model: Model
    channel: Channel = eqx.field(static=True)
    pull: Pull = eqx.field(static=True)
    integrated: Float[Array, ""]
    nuisances: tuple[Parameter, ...] = eqx.field(static=True)

    def __init__(
        self,
        *experiments: Experiment | str | os.PathLike[str],
        model: Model | str = "sm",
        channel: str = "all",
        pull: str = "profiled",
    ):
        """Take experiments (objects, names or TOML paths), a model (object or name) and a channel.

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
        self.tables = tuple(run_once(tabulate, e) for e in self.experiments)
        self.channel = channel  # type: ignore[assignment]
        self.pull = pull  # type: ignore[assignment]
        self.integrated = constant(1.0 if pull == "marginalised" else 0.0)
        lindhard = [e.response.quenching for e in self.experiments if isinstance(e.response.quenching, Lindhard)]
        quenching = [dataclasses.replace(QUENCHING_K, default=float(q.k)) for q in lindhard[:1]]
        self.nuisances = (*(dataclasses.replace(NORM, name=name) for name in self.norms), *quenching)

    @property
    def parameters(self) -> dict[str, Parameter]:
        """All parameters by name: the model's, then the nuisances; defaults as they hold here."""
        return {p.name: p for p in (*self.model.parameters, *self.nuisances)}

    @property
    def closed_norms(self) -> tuple[str, ...]:
        """The normalisations whose minimum is taken in closed form: those with a pull, if it is profiled."""
        if self.pull != "profiled":
            return ()
        return tuple(norm for norm, data in zip(self.norms, self.observations(), strict=True) if data.norm_sigma > 0)

    def observations(self) -> tuple[Data, ...]:
        """Return the data of each experiment."""
        return tuple(Data(e.observed, e.sigma, e.norm_sigma) for e in self.experiments)

    def expected(self, params: Values) -> Float[Array, " bins"]:
        """Return the prediction in each bin, in the data's unit, experiments one after the other.

        A normalisation that `params` leaves out is one. Raises `InputError` for an unknown parameter.
        """
        return _expected(self, canonical(params, self.parameters))

    def expected_by_detector(self, params: Values) -> tuple[Float[Array, "detectors bins"], ...]:
        """Return, for each experiment, what each detector adds to the prediction, in the data's unit."""
        return _expected_by_detector(self, canonical(params, self.parameters))

    def counts(self, params: Parameters) -> tuple[Float[Array, "detectors bins"], ...]:
        """Return each experiment's prediction by detector, in the data's unit, before normalisation."""
        couplings = {p.name: params.get(p.name, jnp.asarray(p.default)) for p in self.model.parameters}
        likelihood, _ = self.absorb(params)
        return tuple(
            expected_counts(experiment, table, self.model, couplings, self.channel)
            for experiment, table in zip(likelihood.experiments, likelihood.tables, strict=True)
        )

    def absorb(self, params: Parameters) -> tuple["Likelihood", Parameters]:
        """Return this likelihood with tables made for the parameters that move them, and the other parameters.

        Whoever varies couplings at a fixed quenching absorbs it first, and so makes the tables once.
        """
        if QUENCHING_K.name not in params:
            return self, params
        k = params[QUENCHING_K.name]
        pairs = [_requenched(e, t, k) for e, t in zip(self.experiments, self.tables, strict=True)]
        experiments, tables = zip(*pairs, strict=True)
        absorbed = eqx.tree_at(lambda one: (one.experiments, one.tables), self, (experiments, tables))
        return absorbed, {name: value for name, value in params.items() if name != QUENCHING_K.name}

    def expand(self, params: Parameters, couplings: Sequence[str]) -> ExpandedLikelihood:
        """Return this likelihood as a function of some couplings alone, the others at `params`.

        Exact: counts are quadratic in amplitudes. Each coupling must have a `power`. Normalisations stay free, and
        detectors are summed.
        """
        likelihood, others = self.absorb(params)
        expanded = tuple(self.parameters[name] for name in couplings)

        def together(values: Parameters) -> list[Float[Array, "1 bins"]]:
            """Return the counts with detectors summed: chi^2 asks for no more, and a point of a scan costs a third."""
            return [counts.sum(axis=0, keepdims=True) for counts in likelihood.counts({**others, **values})]

        expansions = expand(together, expanded)
        norms = tuple(p for p in self.nuisances if p.name in self.norms)
        return ExpandedLikelihood(self.names, self.integrated, self.observations(), expansions, norms)


def _requenched(experiment: Experiment, table: RateTable, k: Float[Array, ""]) -> tuple[Experiment, RateTable]:
    """Return an experiment and its table at another k, unchanged where the quenching is not Lindhard's."""
    if not isinstance(experiment.response.quenching, Lindhard):
        return experiment, table
    experiment = eqx.tree_at(lambda e: e.response.quenching.k, experiment, k)
    return experiment, tabulate(experiment)


@jax.jit
def _expected_by_detector(likelihood: Likelihood, params: Parameters) -> tuple[Float[Array, "detectors bins"], ...]:
    predictions = zip(likelihood.norms, likelihood.counts(params), strict=True)
    return tuple(params.get(norm, 1.0) * prediction for norm, prediction in predictions)


@jax.jit
def _expected(likelihood: Likelihood, params: Parameters) -> Float[Array, " bins"]:
    return jnp.concatenate([p.sum(axis=0) for p in _expected_by_detector(likelihood, params)])

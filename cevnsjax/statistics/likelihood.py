"""The likelihood of one experiment, or of several together, as a function of a dict of parameters."""

import dataclasses
import os
from collections.abc import Mapping
from typing import Literal, get_args

import equinox as eqx
import jax
import jax.numpy as jnp
from jaxtyping import Array, Float

from cevnsjax import interactions
from cevnsjax.compilation import run_once
from cevnsjax.errors import InputError, unknown_name
from cevnsjax.experiments import Experiment, expected_counts, load_experiment, tabulate
from cevnsjax.interactions import Model
from cevnsjax.parameters import NORM, QUENCHING_K, Parameter, Parameters, canonical
from cevnsjax.rates import CHANNELS, Channel, RateTable
from cevnsjax.response import Lindhard
from cevnsjax.statistics import gaussian

__all__ = ["Likelihood"]

Pull = Literal["profiled", "marginalised"]
Values = Mapping[str, object]


class Likelihood(eqx.Module):
    """Gaussian likelihood of experiments under a model. Parameters travel as a plain dict.

    What a dict leaves out is treated as it is in the published analysis: couplings stay at their defaults,
    the quenching at the experiment's own, and the normalisation's pull is minimised in closed form
    (`pull="profiled"`) or integrated out (`pull="marginalised"`). What a dict holds is used as given, so
    `jax.grad(likelihood.chi2)(params)` and `jax.vmap(likelihood.chi2)(params)` do what they say.

    With one experiment its normalisation is called `norm`; in a joint fit each has its own,
    `norm_<experiment>`. Couplings and `quenching_k` are common to all.
    """

    experiments: tuple[Experiment, ...]
    tables: tuple[RateTable, ...]
    model: Model
    channel: Channel = eqx.field(static=True)
    pull: Pull = eqx.field(static=True)
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
        names = [e.name for e in self.experiments]
        if not names:
            raise InputError("no experiment given; give at least one name or TOML file")
        if len(set(names)) < len(names):
            raise InputError(f"experiments {', '.join(names)} given; each may stand once in a joint fit")
        self.tables = tuple(run_once(tabulate, e) for e in self.experiments)
        self.channel = channel  # type: ignore[assignment]
        self.pull = pull  # type: ignore[assignment]
        lindhard = [e.response.quenching for e in self.experiments if isinstance(e.response.quenching, Lindhard)]
        quenching = [dataclasses.replace(QUENCHING_K, default=float(q.k)) for q in lindhard[:1]]
        self.nuisances = (*(dataclasses.replace(NORM, name=name) for name in self.norms), *quenching)

    @property
    def norms(self) -> tuple[str, ...]:
        """The names of the experiments' normalisations."""
        if len(self.experiments) == 1:
            return (NORM.name,)
        return tuple(f"{NORM.name}_{e.name}" for e in self.experiments)

    @property
    def closed_norms(self) -> tuple[str, ...]:
        """The normalisations whose minimum is taken in closed form: those with a pull, if it is profiled."""
        if self.pull != "profiled":
            return ()
        return tuple(n for n, e in zip(self.norms, self.experiments, strict=True) if e.norm_sigma > 0)

    @property
    def parameters(self) -> dict[str, Parameter]:
        """All parameters by name: the model's, then the nuisances; defaults as they hold here."""
        return {p.name: p for p in (*self.model.parameters, *self.nuisances)}

    def expected(self, params: Values) -> Float[Array, " bins"]:
        """Return the prediction in each bin, in the data's unit, experiments one after the other.

        A normalisation that `params` leaves out is one. Raises `InputError` for an unknown parameter.
        """
        return _expected(self, canonical(params, self.parameters))

    def expected_by_detector(self, params: Values) -> tuple[Float[Array, "detectors bins"], ...]:
        """Return, for each experiment, what each detector adds to the prediction, in the data's unit."""
        return _expected_by_detector(self, canonical(params, self.parameters))

    def chi2(self, params: Values) -> Float[Array, ""]:
        """Return Eq. (20) of arXiv:2501.12441, summed over experiments.

        Raises `InputError` for an unknown parameter.
        """
        return _chi2(self, canonical(params, self.parameters))

    def log_likelihood(self, params: Values) -> Float[Array, ""]:
        """Return -chi^2 / 2 - sum_i log(sqrt(2 pi) sigma_i): the density of the data, times that of the pulls.

        The pulls enter without their own constant, which no inference within this likelihood depends on.
        """
        width = jnp.concatenate([e.sigma for e in self.experiments])
        return -self.chi2(params) / 2 - jnp.sum(jnp.log(jnp.sqrt(2 * jnp.pi) * width))

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

    def best_norms(self, params: Values) -> dict[str, Float[Array, ""]]:
        """Return the normalisations that minimise chi^2 where `params` leaves them out, else as given."""
        return _best_norms(self, canonical(params, self.parameters))


def _requenched(experiment: Experiment, table: RateTable, k: Float[Array, ""]) -> tuple[Experiment, RateTable]:
    """Return an experiment and its table at another k, unchanged where the quenching is not Lindhard's."""
    if not isinstance(experiment.response.quenching, Lindhard):
        return experiment, table
    experiment = eqx.tree_at(lambda e: e.response.quenching.k, experiment, k)
    return experiment, tabulate(experiment)


def _predictions(likelihood: Likelihood, params: Parameters) -> list[Float[Array, "detectors bins"]]:
    """Return each experiment's prediction by detector, before normalisation."""
    couplings = {p.name: params.get(p.name, jnp.asarray(p.default)) for p in likelihood.model.parameters}
    likelihood, params = likelihood.absorb(params)
    return [
        expected_counts(experiment, table, likelihood.model, couplings, likelihood.channel)
        for experiment, table in zip(likelihood.experiments, likelihood.tables, strict=True)
    ]


@jax.jit
def _expected_by_detector(likelihood: Likelihood, params: Parameters) -> tuple[Float[Array, "detectors bins"], ...]:
    predictions = zip(likelihood.norms, _predictions(likelihood, params), strict=True)
    return tuple(params.get(norm, 1.0) * prediction for norm, prediction in predictions)


@jax.jit
def _expected(likelihood: Likelihood, params: Parameters) -> Float[Array, " bins"]:
    return jnp.concatenate([p.sum(axis=0) for p in _expected_by_detector(likelihood, params)])


@jax.jit
def _chi2(likelihood: Likelihood, params: Parameters) -> Float[Array, ""]:
    integrated = {"profiled": gaussian.chi2_profiled, "marginalised": gaussian.chi2_marginalised}[likelihood.pull]
    total = jnp.zeros(())
    for norm, e, prediction in zip(
        likelihood.norms, likelihood.experiments, _predictions(likelihood, params), strict=True
    ):
        data = prediction.sum(axis=0), e.observed, e.sigma, e.norm_sigma
        total += gaussian.chi2_at_norm(*data, params[norm]) if norm in params else integrated(*data)
    return total


@jax.jit
def _best_norms(likelihood: Likelihood, params: Parameters) -> dict[str, Float[Array, ""]]:
    norms = {}
    for norm, e, prediction in zip(
        likelihood.norms, likelihood.experiments, _predictions(likelihood, params), strict=True
    ):
        best = gaussian.best_norm(prediction.sum(axis=0), e.observed, e.sigma, e.norm_sigma)
        norms[norm] = params.get(norm, best)
    return norms

"""The likelihood of one experiment, or of several together, as a function of a dict of parameters."""

import dataclasses
import os
from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Bool, Float, PRNGKeyArray

from cevnsjax.arguments import choice, dict_of
from cevnsjax.compilation import check_precision
from cevnsjax.display import html_table
from cevnsjax.errors import InputError, shown
from cevnsjax.experiments import Experiment, load_runs
from cevnsjax.interactions import MODELS, Model
from cevnsjax.interactions import model as model_by_name
from cevnsjax.likelihood import newton
from cevnsjax.likelihood.kernel import Data, Kernel, Term, means_of
from cevnsjax.likelihood.nuisances import JointNuisance, joint_nuisances
from cevnsjax.likelihood.objective import chi2, with_closed
from cevnsjax.likelihood.prediction import Prediction
from cevnsjax.likelihood.preparation import Moved, Preparation
from cevnsjax.likelihood.signals import Signals
from cevnsjax.likelihood.terms import TERMS
from cevnsjax.likelihood.toys import ToyData, toy_data
from cevnsjax.likelihood.views import View
from cevnsjax.parameters import Parameter, canonical
from cevnsjax.programs import program
from cevnsjax.rates import CHANNELS, Channel

__all__ = ["Likelihood", "Pull"]

Pull = Literal["profiled", "marginalised"]
Values = Mapping[str, object]


class Likelihood:
    """Likelihood of experiments under a model, for Gaussian and Poisson data. Parameters travel as a plain dict.

    A coupling that the dict leaves out has its default, and a number of an experiment's file its value there. Nuisances
    that are constrained or free are minimised. Values in the dict are used as given, also under `jax.grad` and
    `jax.vmap`. A traced value of a parameter that moves the signal, such as `quenching_k`, is inserted into a
    polynomial that holds within five standard deviations or the bounds; beyond them the result is NaN. Plain numbers
    have no limit.

    Args:
        experiments: names, TOML paths or `Experiment` objects; several make a joint fit. A nuisance of the same name is
            shared, unless its file calls it its own: then the experiment's name follows it, as in `norm_conus_plus`.
        model: a `Model` or its name.
        channel: "all", "cevns" (nuclear recoils) or "eves" (electron recoils).
        pull: "profiled" minimises nuisances; "marginalised" integrates a factor on a Gaussian signal in closed form.
        systematics: the name of a set of nuisances in the experiments' files.

    Raises:
        InputError: for an unknown name, a wrong type, no experiment, or the same experiment twice.

    Examples:
        >>> likelihood = cevnsjax.Likelihood("conus_plus")
        >>> params = {"sin2_theta_w": 0.24}
        >>> f"{likelihood.chi2(params):.3f} {likelihood.log_likelihood(params):.2f}"
        '7.334 -67.28'
        >>> f"{jax.grad(likelihood.chi2)(params)['sin2_theta_w']:.2f}"
        '-12.53'
    """

    def __init__(
        self,
        *experiments: Experiment | str | os.PathLike[str],
        model: Model | str = "sm",
        channel: str = "all",
        pull: str = "profiled",
        systematics: str = "default",
    ):
        """Take experiments (objects, names or TOML paths), a model (object or name), a channel and systematics.

        Raises `InputError` for an unknown name, a wrong type, no experiment, or the same one twice.
        """
        for kind, given, known in (
            ("channel", channel, CHANNELS),
            ("treatment of the pull", pull, get_args(Pull)),
        ):
            choice(given, kind, known)
        self.model = model if isinstance(model, Model) else model_by_name(model)
        runs = [run for e in experiments for run in ((e,) if isinstance(e, Experiment) else load_runs(e))]
        labels = [e.label for e in runs]
        if not runs:
            raise InputError("no experiment given; give at least one name or TOML file")
        if len(set(labels)) < len(labels):
            raise InputError(f"experiments {', '.join(labels)} given; each may stand once in a joint fit")
        for e in runs:
            choice(systematics, f"systematics of {e.name}", e.sets)
        self.channel: Channel = channel  # type: ignore[assignment]
        self.pull: Pull = pull  # type: ignore[assignment]
        self.systematics = systematics
        self.nuisances: tuple[JointNuisance, ...] = joint_nuisances(runs, systematics)
        self._check(runs)
        self.experiments: tuple[Experiment, ...] = tuple(self._with_expected(i, e) for i, e in enumerate(runs))
        self.names = tuple(labels)
        self.preparation = self._prepared()

    def _prepared(self) -> Preparation:
        return Preparation(self.experiments, self.model, self.channel, self.nuisances, self.pull == "marginalised")

    # What was prepared can be prepared again where the likelihood is sent to.

    def __getstate__(self) -> dict[str, Any]:
        return {name: value for name, value in vars(self).items() if name != "preparation"}

    def __setstate__(self, state: dict[str, Any]) -> None:
        vars(self).update(state)
        self.preparation = self._prepared()

    def _check(self, runs: Sequence[Experiment]) -> None:
        couplings = {p.name for p in self.model.parameters}
        if taken := [n.name for n in self.nuisances if n.name in couplings]:
            raise InputError(f"'{taken[0]}' is a parameter of {self.model.name}: give the nuisance another name")
        open_ones = [
            n for n in self.nuisances if n.searched and not (n.closed and runs[n.members[0][0]].term == "gaussian")
        ]
        if open_ones and self.pull == "marginalised":
            raise InputError(
                f"'{open_ones[0].name}' of the systematics '{self.systematics}' has no closed integral: sample it, or "
                "choose pull='profiled'"
            )

    def _with_expected(self, index: int, experiment: Experiment) -> Experiment:
        """Return an experiment with data: what is expected of its hypothesis where it has none."""
        if experiment.observed is not None:
            return experiment
        centres = {n.name: n.centre for n in self.nuisances if n.searched}
        at_centre = Moved(self.nuisances).at(index, experiment, centres)
        counts = at_centre.background()
        if experiment.hypothesis == "sm":
            counts = counts + Signals((at_centre,), MODELS["sm"], "all").at(0, at_centre, {})
        return experiment.with_data(counts, experiment.hypothesis)

    @property
    def parameters(self) -> dict[str, Parameter]:
        """All parameters by name, the model's, then the nuisances; defaults and bounds as they hold here."""
        own = {p.name: p for p in self.model.parameters}
        return own | {n.name: dataclasses.replace(n.parameter, bounds=n.limits) for n in self.nuisances}

    @property
    def searched(self) -> tuple[str, ...]:
        """The names of the nuisances that are minimised where they are not given."""
        return tuple(n.name for n in self.nuisances if n.searched)

    @property
    def notes(self) -> list[str]:
        """Sentences on the data that a reader of any result must know, none where there is nothing to say."""
        return list(dict.fromkeys(e.note for e in self.experiments if e.note))

    def with_data(self, observed: Sequence[Float[np.ndarray, " _all"]], hypothesis: str = "values") -> "Likelihood":
        """Return a likelihood of other data: `observed` has an array of all cells for each experiment, in its unit.

        `hypothesis` is "values" for expected data, which results then say in `notes`, and "" for measured data. Raises
        `InputError` for anything but finite numbers in as many cells as there are.
        """
        if not isinstance(observed, Sequence) or len(observed) != len(self.experiments):
            names = ", ".join(self.names)
            raise InputError(f"data {shown(observed)} are not possible: give a list with one array for each of {names}")
        found = object.__new__(Likelihood)
        found.__dict__ |= self.__dict__
        pairs = zip(self.experiments, observed, strict=True)
        found.experiments = tuple(e.with_data(data, hypothesis) for e, data in pairs)
        found.preparation = self.preparation.with_experiments(found.experiments)
        return found

    def toys(self, key: PRNGKeyArray, n: int, params: Values | None = None) -> ToyData:
        """Return `n` sets of toy data drawn at `params`, by default at the parameters' defaults.

        Data are drawn in all cells, by Gauss or Poisson as their term says, at the expectation; nuisances that `params`
        leaves out are at their centres. The centres of constraints are drawn around the nuisances' values, as toys of
        an auxiliary measurement; `with_data` takes a toy's data and leaves constraints where they are. `key` is JAX's.
        Raises `InputError` for unknown parameters and an impossible number.

        >>> likelihood = cevnsjax.Likelihood("conus_plus")
        >>> toys = likelihood.toys(jax.random.key(0), 100, {"sin2_theta_w": 0.24})
        >>> first = likelihood.with_data(toys.data(0))
        """
        values = {name: float(value) for name, value in canonical(dict_of(params), self.parameters).items()}
        means = [np.asarray(mean) for mean in self.expected_in(values)]
        return toy_data(self.experiments, means, self.nuisances, values, key, n)

    def __repr__(self) -> str:
        cells = sum(e.size for e in self.experiments)
        return (
            f"Likelihood({', '.join(self.names)}; model {self.model.name}, channel {self.channel}, {cells} cells, "
            f"systematics {self.systematics}: {', '.join(self.searched) or 'none'})"
        )

    def _repr_html_(self) -> str:
        runs = [(e.label, e.size, e.term, e.kind_of_data) for e in self.experiments]
        about = f"model {self.model.name}, channel {self.channel}, systematics {self.systematics}, {self.pull}"
        rows = [
            (n.name, f"{n.centre:g} {n.parameter.unit}", "free" if n.sigma is None else f"± {n.sigma:g}")
            for n in self.nuisances if n.searched
        ]  # fmt: skip
        found = html_table(["experiment", "cells", "term", "data"], runs, about)
        return found + (html_table(["nuisance", "centre", "width"], rows) if rows else "")

    # What follows is called with dicts of parameters.

    def chi2(self, params: Values) -> Float[Array, ""]:
        """Return -2 log(L / L_saturated) at `params`, summed over experiments.

        Eq. (20) of arXiv:2501.12441 for Gaussian data. Constraints are part of it. Raises `InputError` for an unknown
        parameter.
        """
        return self._chi2(params, integrated=self.pull == "marginalised")

    def chi2_integrated(self, params: Values) -> Float[Array, ""]:
        """Return chi^2 at `params`, closed factors that are not given integrated as for a posterior, not minimised."""
        return self._chi2(params, integrated=True)

    def _chi2(self, params: Values, integrated: bool) -> Float[Array, ""]:
        values = canonical(params, self.parameters)
        view = self.view(values)
        y, held = view.start(values)
        search = (~held & (view.kernel.closed == 0)).any()
        kernel = dataclasses.replace(view.kernel, integrated=np.float64(integrated))
        value = (_minimum if search else _chi2)(kernel, view.data, y, held)
        for n in view.layout.nuisances:
            if n.moves_signal and isinstance(values.get(n.name), jax.core.Tracer):
                inside = (values[n.name] >= n.limits[0]) & (values[n.name] <= n.limits[1])
                value = jnp.where(inside, value, jnp.nan)
        return value

    def log_likelihood(self, params: Values) -> Float[Array, ""]:
        """Return the logarithm of the probability (density) of the data at `params`, times that of the constraints.

        That is -chi^2 / 2, less sum_i log(sqrt(2 pi) sigma_i) for Gaussian data. The constraints enter without their
        own constant, which no inference within this likelihood depends on. With your own prior on a
        nuisance use `log_likelihood_of_data`: here the nuisance would be constrained twice.
        """
        return -self.chi2(params) / 2 + self.log_constant

    def log_likelihood_of_data(self, params: Values) -> Float[Array, ""]:
        """Return the logarithm of the probability (density) of the data alone, without any constraint.

        `params` must hold all nuisances that are minimised elsewhere (`searched`), as nothing ties them to anything
        here. Raises `InputError` otherwise.
        """
        values = canonical(params, self.parameters)
        if missing := [name for name in self.searched if name not in values]:
            raise InputError(
                f"the likelihood of the data alone needs a value of each nuisance; give {', '.join(missing)}"
            )
        constraints = sum(((values[n.name] - n.centre) / n.sigma) ** 2 for n in self.nuisances if n.sigma is not None)
        return self.log_likelihood(params) + constraints / 2

    @property
    def log_constant(self) -> float:
        """The logarithm of the probability (density) of the data where chi^2 is zero."""
        pairs = ((e.term, np.asarray(e.observed), e.sigma) for e in self.experiments)
        return sum(float(TERMS[term].log_constant(observed, sigma)) for term, observed, sigma in pairs)

    def best_nuisances(self, params: Values) -> dict[str, Float[Array, ""]]:
        """Return the nuisances that minimise chi^2 where `params` leaves them out; those it holds as given."""
        values = canonical(params, self.parameters)
        view = self.view(values)
        y, held = view.start(values)
        best = _place(view.kernel, view.data, y, held)
        return {n.name: view.layout.value(n.name, best[view.layout.place(n.name)]) for n in view.layout.nuisances}

    def expected(self, params: Values) -> Float[Array, " bins"]:
        """Return the expectation in each cell, in the data's unit, experiments one after the other.

        Runs of counts with the source on and off give those with the source on. Nuisances that `params` leaves out are
        at their centres. Raises `InputError` for an unknown parameter.
        """
        means = self.expected_in(params)
        parts = [one[: e.cells.size] for e, one in zip(self.experiments, means, strict=True)]
        if any(isinstance(one, jax.Array) for one in parts):
            return jnp.concatenate(parts)
        return jax.device_put(np.concatenate(parts))  # `jnp.asarray` would compile

    def expected_in(self, params: Values) -> tuple[Float[Array, " _all"] | Float[np.ndarray, " _all"], ...]:
        """Return the expectation at `params` in all cells of each experiment, those with the source off included."""
        values = canonical(params, self.parameters)
        if not any(isinstance(value, jax.core.Tracer) for value in values.values()):
            return tuple(one.total() for one in self._predictions(values))
        view = self.view(values)
        y, _ = view.start(values)
        found: list[Any] = [None] * len(self.experiments)
        for group, members in zip(_means(view.kernel, y), view.groups, strict=True):
            for row, index in enumerate(members):
                found[index] = group[row]
        return tuple(found)

    def background_in(self, params: Values) -> tuple[Float[np.ndarray, " _all"], ...]:
        """Return the expectation without a signal in all cells of each experiment; `params` must be plain numbers."""
        return tuple(one.background() for one in self._predictions(canonical(params, self.parameters)))

    def signal_in(self, params: Values) -> tuple[Float[np.ndarray, " _all"], ...]:
        """Return the counts of the signal alone in all cells of each experiment; `params` must be plain numbers."""
        return tuple(one.signal() for one in self._predictions(canonical(params, self.parameters)))

    def _predictions(self, values: Mapping[str, Any]) -> list[Prediction]:
        check_precision()
        return [Prediction(self.preparation, i, values) for i in range(len(self.experiments))]

    def variance_in(self, params: Values) -> tuple[Float[Array, " _all"], ...]:
        """Return the variance of all cells of each experiment at `params`, in the data's unit squared."""
        gaussian = [e.term == "gaussian" for e in self.experiments]
        means = self.expected_in(params)
        pairs = zip(self.experiments, gaussian, means, strict=True)
        return tuple(jax.device_put(e.sigma**2 if g else m) for e, g, m in pairs)

    def expected_by_detector(self, params: Values) -> tuple[Float[np.ndarray, "_detectors _all"], ...]:
        """Return each detector's share of the signal, by experiment; `params` must be plain numbers."""
        found = []
        for e, counts in zip(self.experiments, self.signal_in(params), strict=True):
            share = e.detector_exposure / np.where(e.exposure > 0, e.exposure, 1.0)
            found.append(share * counts)
        return tuple(found)

    def view(self, values: Mapping[str, Any], free: Sequence[str] = ()) -> View:
        """Return this likelihood as a function of `free` parameters, others at `values`; see `Preparation.view`."""
        return self.preparation.view(values, free)


# The compiler's last effort takes twice the time here, and gains nothing in what it makes.
_chi2 = program(effort=1)(chi2)


@program(effort=1)
def _minimum(kernel: Kernel, data: Data, y: Float[Array, " n"], held: Bool[Array, " n"]) -> Float[Array, ""]:
    return newton.minimum((kernel, data, y, held))


@program(effort=1)
def _place(kernel: Kernel, data: Data, y: Float[Array, " n"], held: Bool[Array, " n"]) -> Float[Array, " n"]:
    best = newton.place((kernel, data, y, held))
    return with_closed(kernel, data, best, held)


@program(effort=1)
def _means(kernel: Kernel, y: Float[Array, " n"]) -> list[Float[Array, "_terms _cells"]]:
    """Return the expected counts of all terms, nothing minimised."""
    held = jnp.ones(y.shape, dtype=bool)

    def one(term: Term) -> Array:
        means = means_of(kernel, term, y, held, jnp.zeros(y.shape))
        return means.centre * means.signal + means.rest

    return [jax.vmap(one)(group) for group in kernel.groups]

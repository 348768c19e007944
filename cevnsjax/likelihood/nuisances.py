"""The nuisances of several experiments and runs: their names, their members and their constraints."""

import dataclasses
from collections.abc import Sequence

from cevnsjax.errors import InputError
from cevnsjax.experiments import SHIFT, SIGNAL, Experiment, Nuisance
from cevnsjax.parameters import Parameter

__all__ = ["JointNuisance", "joint_nuisances"]


@dataclasses.dataclass(frozen=True)
class JointNuisance:
    """A nuisance of a joint fit, with its effect in each experiment that has it (`members`).

    The same name is the same nuisance. Experiments that share it use the centre and width of the first experiment that
    constrains it: `parameter` has the centre, `sigma` is the width. A nuisance without a constraint that is not `free`
    stays at each experiment's own number until it is given or freed.
    """

    parameter: Parameter
    sigma: float | None
    free: bool
    members: tuple[tuple[int, Nuisance], ...]

    @property
    def name(self) -> str:
        """Its name here."""
        return self.parameter.name

    @property
    def centre(self) -> float:
        """Where it is centred, or begins."""
        return self.parameter.default

    @property
    def step(self) -> float:
        """Its standard deviation, or a typical step."""
        return self.members[0][1].step if self.sigma is None else self.sigma

    @property
    def searched(self) -> bool:
        """Whether a fit minimises over it without being asked."""
        return self.free or self.sigma is not None

    @property
    def like(self) -> Nuisance:
        """What it does, with the name, the centre and the width that hold here."""
        return dataclasses.replace(self.members[0][1], parameter=self.parameter, sigma=self.sigma, free=self.free)

    @property
    def limits(self) -> tuple[float, float]:
        """How far it may go."""
        return self.like.limits

    @property
    def moves_signal(self) -> bool:
        """Whether the signal has to be calculated anew for another value."""
        return self.members[0][1].moves_signal

    def of(self, experiment: int) -> Nuisance | None:
        """Return its effect in the `experiment` of a number, None if there is none."""
        return dict(self.members).get(experiment)

    @property
    def closed(self) -> bool:
        """Whether its minimum is closed where the term is Gaussian, as of a constrained factor on one signal alone."""
        (_, first), *others = self.members
        return self.sigma is not None and not others and first.scale == (SIGNAL,)


def joint_nuisances(experiments: Sequence[Experiment], systematics: str) -> tuple[JointNuisance, ...]:
    """Return all nuisances of experiments with one set of systematics, in the order in which they first stand.

    Raises `InputError` where one name means two different things.
    """
    members: dict[str, list[tuple[int, Nuisance]]] = {}
    for index, experiment in enumerate(experiments):
        for nuisance in experiment.nuisances[systematics]:
            members.setdefault(_name(nuisance, index, experiments), []).append((index, nuisance))
    found = []
    for name, given in members.items():
        kinds = {(n.key, bool(n.scale), bool(n.morph)) for _, n in given}
        if len(kinds) > 1 and len({n.key for _, n in given}) > 1 and None in {n.key for _, n in given}:
            labels = ", ".join(experiments[i].label for i, _ in given)
            raise InputError(f"'{name}' means different things in {labels}; rename one, or say own = 'experiment'")
        first = next((n for _, n in given if n.sigma is not None), None) or next(
            (n for _, n in given if n.free), given[0][1]
        )
        parameter = dataclasses.replace(first.parameter, name=name)
        found.append(JointNuisance(parameter, first.sigma, first.free, tuple(given)))
    return tuple(found)


def _name(nuisance: Nuisance, index: int, experiments: Sequence[Experiment]) -> str:
    """Return the name of a nuisance here.

    A nuisance of one experiment carries the experiment's name in a joint fit with others. A nuisance of one run or
    detector also carries that name if the experiment has several runs.
    """
    if nuisance.own is None:
        return nuisance.name
    here = experiments[index]
    parts = [nuisance.name]
    if any(other.name != here.name for other in experiments):
        parts.append(here.name)
    if nuisance.own != "experiment" and sum(other.name == here.name for other in experiments) > 1:
        parts.append(here.identity.run if nuisance.own == "run" else here.identity.detector)
    return "_".join(parts)


def at_values(experiment: Experiment, values: dict[str, float]) -> Experiment:
    """Return an experiment with other numbers of its file, by their paths: of samples, and of the signal."""
    of_signal = {key: value for key, value in values.items() if not key.startswith("sample.")}
    own_shift = experiment.signal.description.response.shift
    if of_signal:
        experiment = dataclasses.replace(experiment, signal=experiment.signal.at(of_signal))
    samples = []
    for sample in experiment.samples:
        prefix = f"sample.{sample.name}."
        moved = {key.removeprefix(prefix): value for key, value in values.items() if key.startswith(prefix)}
        samples.append(dataclasses.replace(sample, numbers={**sample.numbers, **moved}))
    shift = values.get(SHIFT, own_shift) - own_shift
    return dataclasses.replace(experiment, samples=tuple(samples), sample_shift=experiment.sample_shift + shift)

"""What verbs take for a likelihood: a likelihood, or the experiments of one."""

import os
from collections.abc import Sequence
from typing import Any

from cevnsjax.errors import InputError, shown
from cevnsjax.experiments import Experiment
from cevnsjax.likelihood.likelihood import Likelihood

__all__ = ["Given", "likelihood_of"]

One = Likelihood | Experiment | str | os.PathLike[str]
Given = One | Sequence[Experiment | str | os.PathLike[str]]
"""A likelihood, an experiment (an object, a name or the path of a TOML file), or a list of experiments."""


def likelihood_of(given: object) -> Likelihood:
    """Return a likelihood as it is, and that of an experiment, or of several, under the Standard Model.

    `given` is a `Likelihood`, an `Experiment`, a name, the path of a TOML file, or a list of experiments. Another
    model, channel or set of systematics needs a `Likelihood`. Raises `InputError` for anything else.

    >>> from cevnsjax.likelihood import likelihood_of
    >>> likelihood_of(["conus_plus", "dresden2"]).names
    ('conus_plus', 'dresden2')
    """
    if isinstance(given, Likelihood):
        return given
    single = isinstance(given, Experiment | str | os.PathLike)
    experiments: list[Any] = [given] if single else list(given) if isinstance(given, Sequence) else [None]
    if not all(isinstance(e, Experiment | str | os.PathLike) for e in experiments):
        raise InputError(
            f"{shown(given)} is no likelihood; give the name of an experiment, 'conus_plus' for instance, a list of "
            "names, or cevnsjax.Likelihood('conus_plus', model='sm')"
        )
    return Likelihood(*experiments)

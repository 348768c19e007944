"""The record of a result: what it was calculated from, with what, and when."""

import dataclasses
import datetime
import hashlib
import os
import platform
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from typing import Any

import jax
import numpy as np

from cevnsjax.experiments import Experiment
from cevnsjax.interactions import Model
from cevnsjax.interactions.model import has_name
from cevnsjax.likelihood import Likelihood

__all__ = ["content_digest", "experiments_record", "model_record", "plain", "provenance_of"]

SOFTWARE = ("jax", "jaxlib", "numpy")
"""Packages whose versions the last digits of a result may depend on."""


def provenance_of(
    likelihood: Likelihood | None = None,
    command: str = "",
    command_line: Sequence[str] | None = None,
    **request: object,
) -> dict[str, Any]:
    """Return where a result comes from, as a dict that JSON can hold.

    `likelihood` is that of the result, None for what has none. `command` is the name of the verb, `fit` for instance,
    and `request` its arguments by name: values that are fixed, free parameters, the seed, a range. `rerun` takes the
    dict and calculates the result again. `command_line` are the words of the command, where there was one.

    >>> from cevnsjax.provenance import provenance_of
    >>> record = provenance_of(cevnsjax.Likelihood("conus_plus"), "fit", cl=0.9)
    >>> record["command"], record["request"], record["model"]["name"]
    ('fit', {'cl': 0.9}, 'sm')
    """
    record: dict[str, Any] = {
        "package": "cevnsjax",
        "version": version("cevnsjax"),
        "date": datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds"),
        "command": command,
        "command_line": None if command_line is None else list(command_line),
        "request": plain(request),
        "software": {"python": platform.python_version()} | {name: version(name) for name in SOFTWARE},
        "device": f"{jax.device_count()} x {jax.devices()[0].device_kind}",
    }
    if likelihood is None:
        return record
    return record | {
        "experiments": experiments_record(likelihood.experiments),
        "model": model_record(likelihood.model),
        "channel": likelihood.channel,
        "systematics": likelihood.systematics,
        "pull": likelihood.pull,
    }


def experiments_record(experiments: Sequence[Experiment]) -> list[dict[str, Any]]:
    """Return one entry for each name that was given: the name, the digest of its files, changes, and its runs."""
    entries: list[dict[str, Any]] = []
    for experiment in experiments:
        identity = experiment.identity
        entry = {
            "name": identity.source,
            "digest": identity.digest,
            "overrides": plain(dict(identity.overrides)),
            "threshold": identity.threshold,
        }
        if identity.combination:
            entry["combination"] = identity.combination
        run = {"label": experiment.label, "content": content_digest(experiment)}
        run |= {"version": identity.version, "release": identity.release}
        if entries and {key: entries[-1][key] for key in entry} == entry:
            entries[-1]["runs"].append(run)
        else:
            entries.append(entry | {"runs": [run]})
    return entries


def content_digest(experiment: Experiment) -> str:
    """Return a digest of an experiment's numbers that tells whether it was changed after loading.

    Nine digits of what follows from the file by plain arithmetic: the same on every machine. Data that are expected of
    a hypothesis of the file are calculated, and left out.
    """
    remade = experiment.hypothesis in ("sm", "background")
    arrays = [experiment.exposure, experiment.sample_exposure, experiment.sigma]
    arrays += [edges for axis in experiment.cells.axes for edges in (axis.low, axis.high)]
    arrays += [] if remade or experiment.observed is None else [experiment.observed]
    nuisances = [n for chosen in experiment.nuisances.values() for n in chosen]
    arrays += [np.array([n.centre, n.sigma if n.sigma is not None else np.nan]) for n in nuisances]
    arrays += [np.array(list(sample.numbers.values())) for sample in experiment.samples]
    digest = hashlib.sha256(experiment.hypothesis.encode())
    for array in arrays:
        digest.update(" ".join(f"{value:.9g}" for value in np.ravel(array)).encode() + b"\n")
    return digest.hexdigest()


def model_record(model: Model) -> dict[str, Any]:
    """Return a model's name, the digest of the user's file that it comes from, and whether its name gives it again."""
    return {
        "name": model.name,
        "digest": model.digest,
        "by_name": has_name(model),
    }


def plain(content: Any) -> Any:
    """Return content made of what JSON knows: dicts, lists, texts, numbers, None."""
    if isinstance(content, Mapping):
        return {str(key): plain(value) for key, value in content.items()}
    if dataclasses.is_dataclass(content) and not isinstance(content, type):
        return plain({field.name: getattr(content, field.name) for field in dataclasses.fields(content)})
    if isinstance(content, os.PathLike):
        return os.fspath(content)
    if isinstance(content, list | tuple):
        return [plain(item) for item in content]
    if content is None or isinstance(content, bool | str | int):
        return content
    array = np.asarray(content)
    return str(content) if array.dtype == object else array.tolist()

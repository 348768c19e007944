"""The package's verbs by name: their results, and the same results once more from a record."""

import importlib
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import numpy as np

from cevnsjax.errors import InputError, unknown_name
from cevnsjax.experiments import Experiment, load_runs
from cevnsjax.interactions import Model, model
from cevnsjax.likelihood import Likelihood
from cevnsjax.provenance.record import content_digest

__all__ = ["VERBS", "answer", "rerun"]

VERBS = {
    "predict": "",
    "fit": "cevnsjax.inference",
    "profile": "cevnsjax.inference",
    "scan": "cevnsjax.inference",
    "project": "cevnsjax.inference",
    "impacts": "cevnsjax.inference",
    "consistency": "cevnsjax.inference",
    "sample": "cevnsjax.sampling",
    "calibrate": "cevnsjax.sampling",
    "coverage": "cevnsjax.toys",
    "feldman_cousins": "cevnsjax.toys",
    "significance": "cevnsjax.toys",
    "goodness_of_fit": "cevnsjax.toys",
    "export": "cevnsjax.exporting",
}
"""The verbs, and the package of each: imported when it is asked for, as a prediction does not wait for samplers."""

FAR = 1e12
"""How many times its scale a parameter may be without a check: counts grow with its fourth power, chi^2 with the
eighth, so that both stay finite."""


def answer(likelihood: Likelihood, verb: str, request: Mapping[str, Any], **watch: Any) -> Any:
    """Return the result of a `verb` for a `likelihood`: what the function of this name in the package gives.

    `request` are its arguments by name, as a call or a record has them; `predict` gives what `Likelihood.expected`
    does. `watch` are arguments that do not change the result, such as functions that report progress. Raises
    `InputError` for an unknown verb, a value so large that counts or chi-squared overflow, and what the verb refuses.

    >>> from cevnsjax.provenance import answer
    >>> answer(cevnsjax.Likelihood("conus_plus"), "predict", {"values": {}}).shape
    (19,)
    """
    if verb not in VERBS:
        raise unknown_name("verb", verb, VERBS)
    _check_overflow(likelihood, request)
    if verb == "predict":
        return likelihood.expected(request.get("values") or {})
    function: Callable[..., Any] = getattr(importlib.import_module(VERBS[verb]), verb)
    return function(likelihood, **{name: _argument(name, value) for name, value in request.items()}, **watch)


def rerun(provenance: Mapping[str, Any]) -> Any:
    """Return a result calculated again from its record.

    Args:
        provenance: the record, `json.loads` of a file's attribute `provenance` for instance.

    Returns:
        The result of the function that the record's `command` names; for `predict` that of `Likelihood.expected`.

    Raises:
        InputError: where that is not possible: files that are not the same any more, a model or an experiment that was
            made or changed in Python, or a record of no verb.

    Examples:
        >>> from cevnsjax.provenance import provenance_of
        >>> likelihood = cevnsjax.Likelihood("conus_plus")
        >>> record = provenance_of(likelihood, "predict", values={"sin2_theta_w": 0.3})
        >>> bool((cevnsjax.rerun(record) == likelihood.expected({"sin2_theta_w": 0.3})).all())
        True
    """
    try:
        verb, request = provenance["command"], provenance["request"]
        experiments = [run for entry in provenance["experiments"] for run in _runs(entry)]
        likelihood = Likelihood(
            *experiments,
            model=_model(provenance["model"]),
            channel=provenance["channel"],
            systematics=provenance["systematics"],
            pull=provenance["pull"],
        )
        contents = [run["content"] for entry in provenance["experiments"] for run in entry["runs"]]
    except (KeyError, TypeError, IndexError) as error:
        raise InputError(f"the provenance lacks {error}; give the dict that a result of a verb has") from error
    for experiment, content in zip(likelihood.experiments, contents, strict=True):
        if content_digest(experiment) != content:
            raise InputError(
                f"'{experiment.label}' was changed in Python before the result was calculated; its name alone does not "
                "give it again"
            )
    return answer(likelihood, verb, request)


def _runs(entry: Mapping[str, Any]) -> Iterator[Experiment]:
    """Yield the runs of one entry of the record."""
    name = entry["name"]
    if not name:
        raise InputError("an experiment that was made in Python cannot be loaded again by its name")
    runs = {run.label: run for run in load_runs(name, entry["overrides"], entry["threshold"])}
    for label in (run["label"] for run in entry["runs"]):
        if label not in runs:
            raise unknown_name(f"run of '{name}'", label, runs)
        if (digest := runs[label].identity.digest) != entry["digest"]:
            raise InputError(
                f"the files of '{name}' have changed since: their digest is {digest[:12]}, not {entry['digest'][:12]}"
            )
        yield runs[label]


def _model(entry: Mapping[str, Any]) -> Model:
    if not entry["by_name"]:
        raise InputError(f"the model '{entry['name']}' was made in Python; write it into a file, and give FILE.py:NAME")
    found = model(entry["name"])
    if found.digest != entry["digest"]:
        raise InputError(f"the file of the model '{entry['name']}' has changed since the result was calculated")
    return found


def _argument(name: str, value: Any) -> Any:
    """Return an argument as a verb takes it, from what JSON keeps of it."""
    if name in ("x", "y", "limits") and isinstance(value, list):
        return tuple(value)
    if name == "priors" and value:
        from cevnsjax.sampling import Prior

        return {
            key: Prior(prior["kind"], tuple(prior["numbers"])) if isinstance(prior, Mapping) else prior
            for key, prior in value.items()
        }
    return value


def _check_overflow(likelihood: Likelihood, request: Mapping[str, Any]) -> None:
    """Raise `InputError` naming the first value at which counts, or chi-squared, are no number any more."""
    for name, value in _asked(request):
        parameter = likelihood.parameters.get(name)
        if parameter is None or not math.isfinite(value) or abs(value) <= FAR * parameter.scale:
            continue  # an unknown name or an infinite value is refused by the verb
        with np.errstate(all="ignore"):
            counts = likelihood.expected_in({name: value})
            pulls = [(np.asarray(mean) / e.sigma) ** 2 for e, mean in zip(likelihood.experiments, counts, strict=True)]
            overflow = not np.isfinite(sum(pull.sum() for pull in pulls))
        if overflow:
            raise InputError(f"{name} = {value:g} is too large: what is expected overflows; give a smaller value")


def _asked(request: Mapping[str, Any]) -> Iterator[tuple[str, float]]:
    """Yield names and values that a request sets: fixed ones, and the ends of axes and ranges."""
    yield from (request.get("values") or {}).items()
    for axis in (request.get("x"), request.get("y")):
        if isinstance(axis, Sequence) and len(axis) == 4:
            yield axis[0], float(axis[1])
            yield axis[0], float(axis[2])
    for end in request.get("limits") or ():
        yield request["over"], float(end)

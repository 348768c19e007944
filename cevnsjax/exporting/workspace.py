"""A likelihood of counts as a workspace of HistFactory: the format "pyhf" of docs/export.md.

All parameters of the model are fixed, and `mu` is the strength of the signal in all channels. Factors on a sample add
to each other here, and so do several `histosys` of a sample there: a factor is a `histosys` with tables on either side,
at the same distance, for which the interpolation codes 0 and 4p (pyhf's default) are the same straight line. Nothing is
approximated. What has no such form is refused: tables at unequal distances, whose parabola no code gives beyond one
standard deviation, products of nuisances on one sample, and nuisances that move the signal.
"""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float

from cevnsjax.errors import InputError
from cevnsjax.experiments import SIGNAL, Experiment, Nuisance, Sample
from cevnsjax.likelihood import Likelihood
from cevnsjax.likelihood.kernel import Kernel, coupling_monomials, signal_table
from cevnsjax.likelihood.nuisances import JointNuisance
from cevnsjax.parameters import NORM
from cevnsjax.programs import program

__all__ = ["POI", "workspace"]

POI = "mu"
"""The strength of the signal."""

MOST = 10.0
"""The upper limit of strengths and free factors, for which HistFactory needs one."""

EVEN = 1e-12
"""How far from the middle of two tables the nominal one may be by rounding, relative to its largest cell."""

Cells = Float[np.ndarray, " all"]
Pairs = list[tuple[JointNuisance, Nuisance]]


def workspace(likelihood: Likelihood, values: Mapping[str, float], free: Sequence[str] | None) -> dict[str, Any]:
    """Return a workspace that `pyhf.Workspace` takes; arguments and errors are those of `export`."""
    if free:
        raise InputError(f"{', '.join(free)} free: a workspace has no coupling but {POI}; fix them at values")
    for e in likelihood.experiments:
        if e.term != "poisson":
            raise InputError(f"{e.label} has Gaussian data, and pyhf knows counts only; export it to json")
    if POI in likelihood.parameters:
        raise InputError(f"'{POI}' is the strength of the signal in a workspace: give the nuisance another name")
    return {
        "channels": [_channel(likelihood, i, signal, values) for i, signal in enumerate(_signals(likelihood, values))],
        "observations": [{"name": e.label, "data": _plain(np.asarray(e.observed))} for e in likelihood.experiments],
        "measurements": [
            {"name": likelihood.model.name, "config": {"poi": POI, "parameters": _parameters(likelihood, values)}}
        ],
        "version": "1.0.0",
    }


def _parameters(likelihood: Likelihood, values: Mapping[str, float]) -> list[dict[str, Any]]:
    """Return where each parameter begins, and how far it may go."""
    found = [{"name": POI, "inits": [1.0], "bounds": [[0.0, MOST]]}]
    for n in likelihood.nuisances:
        if not n.searched or n.name in values or _is_strength(n):
            continue
        if n.sigma is None:
            low, high = max(n.limits[0], 0.0), min(n.limits[1], MOST)
            found.append({"name": n.name, "inits": [n.centre], "bounds": [[low, high]]})
        else:
            ends = [(end - n.centre) / n.sigma for end in n.limits]
            found.append({"name": n.name, "inits": [0.0], "bounds": [ends]})
    return found


def _is_strength(joint: JointNuisance) -> bool:
    """Whether a nuisance is the strength of the signal itself, of which `mu` takes the place."""
    return joint.sigma is None and joint.members[0][1].name == NORM.name


def _signals(likelihood: Likelihood, values: Mapping[str, float]) -> list[Cells]:
    """Return each experiment's signal without factors, as chi-squared has it: polynomials in moved numbers inserted."""
    view = likelihood.view(values)
    y, _ = view.start(values)
    found = [np.zeros(0)] * len(likelihood.experiments)
    for rows, members in zip(_of_kernel(view.kernel, y), view.groups, strict=True):
        for row, index in zip(rows, members, strict=True):
            given = [
                values[j.name] for j in likelihood.nuisances if j.of(index) and _is_strength(j) and j.name in values
            ]
            found[index] = math.prod(given) * np.asarray(row)
    return found


@program(effort=1)
def _of_kernel(kernel: Kernel, y: Float[Array, " n"]) -> list[Float[Array, "_terms _cells"]]:
    ended, monomials = jnp.append(y, 0.0), coupling_monomials(y[: kernel.couplings])
    return [jax.vmap(lambda term: monomials @ signal_table(term, ended))(group) for group in kernel.groups]


def _channel(likelihood: Likelihood, index: int, signal: Cells, values: Mapping[str, float]) -> dict[str, Any]:
    experiment = likelihood.experiments[index]
    every = [(joint, n) for joint in likelihood.nuisances if (n := joint.of(index)) is not None]
    varied = [(joint, n) for joint, n in every if joint.searched and joint.name not in values]
    if moving := [joint.name for joint, n in varied if n.key is not None]:
        keys = ", ".join(n.key for _, n in varied if n.key is not None)
        raise _refused(experiment, moving, f"would move {keys}, which no histosys does", moving)
    fixed = {**{j.name: j.centre for j in likelihood.nuisances if j.searched}, **values}
    there = likelihood.preparation.moved.at(index, experiment, fixed)
    mu = {"name": POI, "type": "normfactor", "data": None}
    samples = [_sample(experiment, SIGNAL, signal, every, varied, values, [mu])]
    for sample in there.samples:
        samples.append(_template(there, sample, every, varied, values))
    return {"name": experiment.label, "samples": samples}


def _template(
    experiment: Experiment, sample: Sample, every: Pairs, varied: Pairs, values: Mapping[str, float]
) -> dict[str, Any]:
    """Return a template with the nuisances that morph it, or those that scale it."""
    held = {
        n.name: (values[j.name] - j.centre) / j.step for j, n in every if sample.name in n.morph and j.name in values
    }
    nominal = experiment.sample_counts(sample.morphed(held))
    morphs = []
    for joint, n in varied:
        if sample.name not in n.morph:
            continue
        if sample.tables is not None and n.name in sample.points:
            raise _refused(
                experiment, [joint.name], f"moves {sample.name} along a grid, which is no histosys", [joint.name]
            )
        up, down = (experiment.sample_counts(sample.morphed({**held, n.name: z})) for z in (1.0, -1.0))
        if np.abs(up + down - 2 * nominal).max() > EVEN * nominal.max():
            raise _refused(
                experiment, [joint.name], f"morphs {sample.name} by a parabola, which is no histosys", [joint.name]
            )
        morphs.append((joint.name, up, down))
    factors = [joint.name for joint, n in varied if sample.name in n.scale]
    if morphs and factors:
        names = [*factors, *(name for name, _, _ in morphs)]
        raise _refused(experiment, names, f"scale and morph {sample.name}: their product is no histosys", factors)
    factor = _factor(sample.name, every, values)
    modifiers = [_histosys(name, factor * up, factor * down) for name, up, down in morphs]
    return _sample(experiment, sample.name, nominal, every, varied, values, modifiers)


def _sample(
    experiment: Experiment,
    name: str,
    counts: Cells,
    every: Pairs,
    varied: Pairs,
    values: Mapping[str, float],
    modifiers: list[dict[str, Any]],
) -> dict[str, Any]:
    """Return a sample with its factors; `counts` are those at a factor of one."""
    nominal = _factor(name, every, values) * counts
    scaling = [joint for joint, n in varied if name in n.scale and not (name == SIGNAL and _is_strength(joint))]
    unconstrained = [joint for joint in scaling if joint.sigma is None]
    if unconstrained:
        if len(scaling) > 1 or not np.array_equal(nominal, counts):
            names = [joint.name for joint in scaling]
            raise _refused(experiment, names, f"add to one factor on {name}, and pyhf multiplies free ones", names)
        modifiers = [*modifiers, {"name": scaling[0].name, "type": "normfactor", "data": None}]
    else:
        steps = [(joint.name, joint.step * counts) for joint in scaling]
        modifiers = [*modifiers, *(_histosys(key, nominal + step, nominal - step) for key, step in steps)]
    return {"name": name, "data": _plain(nominal), "modifiers": modifiers}


def _factor(name: str, every: Pairs, values: Mapping[str, float]) -> float:
    """Return the factor on a sample that fixed nuisances make; the strength of the signal is not among them."""
    own = [joint for joint, n in every if name in n.scale and not (name == SIGNAL and _is_strength(joint))]
    return 1.0 + sum(values[joint.name] - 1.0 for joint in own if joint.name in values)


def _histosys(name: str, up: Cells, down: Cells) -> dict[str, Any]:
    return {"name": name, "type": "histosys", "data": {"hi_data": _plain(up), "lo_data": _plain(down)}}


def _plain(cells: Cells) -> list[float]:
    return [float(value) for value in cells]


def _refused(experiment: Experiment, names: Sequence[str], why: str, remedy: Sequence[str]) -> InputError:
    """Return the error for nuisances that have no exact form; `remedy` are those that a value makes harmless."""
    fix, sets = " and ".join(remedy), ", ".join(experiment.sets)
    return InputError(
        f"{experiment.label}: {', '.join(names)} {why}; fix {fix} at a value, or choose other systematics ({sets})"
    )

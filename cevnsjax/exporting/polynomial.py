"""A likelihood as a polynomial in couplings and nuisances, by names: the format "json" of docs/export.md.

A kernel has all numbers already, at places that only its layout knows. Here each place becomes a name, each variable
the parameter itself in its own unit, and each polynomial a list of coefficients with its degrees.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import jax
import numpy as np

from cevnsjax.errors import InputError
from cevnsjax.experiments import Experiment
from cevnsjax.likelihood import Likelihood
from cevnsjax.likelihood.assembly import Layout
from cevnsjax.likelihood.kernel import Template, Term
from cevnsjax.likelihood.nuisances import JointNuisance
from cevnsjax.likelihood.views import View
from cevnsjax.parameters import Parameter, check_names

__all__ = ["FORMAT", "FORMAT_VERSION", "polynomial_likelihood"]

FORMAT = "cevnsjax-likelihood"
FORMAT_VERSION = 1
"""Rises when a reader of the last version would go wrong."""

CHECKED = (0.0, 0.5)
"""How far, in steps, the parameters of the file's own checks are from their defaults."""


def polynomial_likelihood(
    likelihood: Likelihood, values: Mapping[str, float], free: Sequence[str] | None
) -> dict[str, Any]:
    """Return a likelihood as a polynomial; arguments and errors are those of `export`."""
    view = likelihood.view(values, _checked_free(likelihood, values, free))
    model, layout = likelihood.model, view.layout
    variables = [p.name for p in layout.couplings]
    fixed = {p.name: values.get(p.name, p.default) for p in model.parameters if p.name not in variables}
    return {
        "format": FORMAT,
        "format_version": FORMAT_VERSION,
        "model": {"name": model.name, "fixed": fixed},
        "channel": likelihood.channel,
        "systematics": likelihood.systematics,
        "fixed": {name: value for name, value in view.fixed.items() if name not in fixed},
        "couplings": [_coupling(p, step, values) for p, step in zip(layout.couplings, layout.steps, strict=True)],
        "nuisances": [_nuisance(n, likelihood, values) for n in layout.nuisances],
        "experiments": [
            _experiment(likelihood.experiments[i], term, layout) for i, term in sorted(_terms(view), key=lambda t: t[0])
        ],
        "log_constant": likelihood.log_constant,
        "checks": [_check(likelihood, view, values, away) for away in CHECKED],
    }


def _checked_free(likelihood: Likelihood, values: Mapping[str, float], free: Sequence[str] | None) -> list[str]:
    if free is None:
        return [name for name in likelihood.model.free if name not in values]
    check_names(free, likelihood.parameters)
    for name in free:
        if name in values:
            raise InputError(f"'{name}' is both free and fixed at {values[name]:g}; leave out one of the two")
        for p in likelihood.model.parameters:
            if p.name == name and p.power is None:
                raise InputError(f"counts are no polynomial in '{name}': fix it at a value, {name}={p.default:g} say")
    return list(free)


def _terms(view: View) -> Iterator[tuple[int, Term]]:
    """Yield the number of each experiment and its term, without a leading axis."""
    for group, members in zip(view.kernel.groups, view.groups, strict=True):
        for row, index in enumerate(members):
            yield index, jax.tree.map(lambda leaf, row=row: np.asarray(leaf)[row], group)


def _coupling(p: Parameter, step: float, values: Mapping[str, float]) -> dict[str, Any]:
    return {
        "name": p.name,
        "unit": p.unit,
        "description": p.description,
        "value": values.get(p.name, p.default),
        "step": float(step),
        "power": p.power,
        "limits": _limits(p.bounds),
    }


def _nuisance(n: JointNuisance, likelihood: Likelihood, values: Mapping[str, float]) -> dict[str, Any]:
    return {
        "name": n.name,
        "unit": n.parameter.unit,
        "description": n.parameter.description,
        "centre": n.centre,
        "sigma": n.sigma,
        "limits": _limits(n.limits),
        "value": values.get(n.name, n.centre),
        "fixed": n.name in values,
        "shared_by": [likelihood.experiments[i].label for i, _ in n.members],
    }


def _limits(ends: tuple[float, float]) -> list[float | None]:
    """Return limits, None where there is none: JSON has no word for infinity."""
    return [float(end) if math.isfinite(end) else None for end in ends]


def _experiment(experiment: Experiment, term: Term, layout: Layout) -> dict[str, Any]:
    """Return one experiment: its cells, data, signal and templates."""
    named = _Named(layout)
    strength = named.at(term.strength_index)
    monomials = [[], *([p.name] for p in layout.couplings)]
    pairs = zip(*np.triu_indices(len(layout.couplings)), strict=True)
    monomials += [[layout.couplings[i].name, layout.couplings[j].name] for i, j in pairs]
    content: dict[str, Any] = {
        "name": experiment.label,
        "title": experiment.identity.title,
        "reference": experiment.identity.reference,
        "note": experiment.note,
        "unit": experiment.unit,
        "axes": [
            {"name": a.name, "unit": a.unit, "low": a.low.tolist(), "high": a.high.tolist()}
            for a in experiment.cells.axes
        ],
        "phases": ["on", "off"][: experiment.phases],
        "term": term.kind,
        "observed": np.asarray(experiment.observed, dtype=float).tolist(),
        "data": f"expected: {experiment.hypothesis}" if experiment.hypothesis else "measured",
        "signal": {
            "strength": strength[0] if strength else float(term.strength),
            "factors": named.at(term.factor_index) + named.at(term.closed_index),
            **named.polynomial(term.shape_index, term.shape_offset, term.shape_slope, term.degrees),
            "monomials": monomials if term.coefficients.shape[1] > 1 else [[]],
            "coefficients": term.coefficients.tolist(),
        },
        "templates": [
            _template(sample.name, list(sample.numbers), template, named)
            for sample, template in zip(experiment.samples, term.templates, strict=True)
        ],
    }
    if term.kind == "gaussian":
        content["sigma"] = term.sigma.tolist()
    return content


class _Named:
    """Names in the place of indices."""

    def __init__(self, layout: Layout):
        self.layout = layout

    def at(self, index: Any) -> list[str]:
        """Return the names of variables; the place behind the last one stands for none."""
        names = self.layout.names
        return [names[i] for i in np.ravel(index) if i < len(names)]

    def polynomial(self, index: Any, offset: Any, slope: Any, degrees: Any) -> dict[str, Any]:
        """Return coordinates x = (2 value - low - high) / (high - low), and the degrees in them of each term."""
        coordinates = []
        for name, start, per_step in zip(self.at(index), offset, slope, strict=True):
            n = self.layout.nuisance(name)
            low, high = (n.centre + n.step * (x - start) / per_step for x in (-1.0, 1.0))
            coordinates.append({"parameter": name, "low": float(low), "high": float(high)})
        return {"coordinates": coordinates, "degrees": [list(row) for row in degrees]}


def _template(name: str, paths: Sequence[str], template: Template, named: _Named) -> dict[str, Any]:
    numbers: dict[str, Any] = {}
    for path, number, index in zip(paths, template.numbers, template.index, strict=True):
        moving = named.at(index)
        numbers[path] = moving[0] if moving else float(number)
    kind = template.kind[0]
    content = {"name": name, "kind": kind, "factors": named.at(template.factor_index), "numbers": numbers}
    if kind == "table":
        morphs = zip(named.at(template.morph_index), template.morph_linear, template.morph_square, strict=True)
        return content | {
            **named.polynomial(template.grid_index, template.grid_offset, template.grid_slope, template.degrees),
            "coefficients": template.tables.tolist(),
            "morphs": [
                {
                    "parameter": parameter,
                    "step": named.layout.nuisance(parameter).step,
                    "linear": linear.tolist(),
                    "square": square.tolist(),
                }
                for parameter, linear, square in morphs
            ],
        }
    return content | {
        "own_widths": list(template.kind[1:]),
        "low": template.low.tolist(),
        "high": template.high.tolist(),
        "weight": template.weight.tolist(),
        "ends": template.ends.tolist(),
        "keV": float(template.keV),
        "shift": float(template.shift),
        "shifts": named.at(template.shift_index),
    }


def _check(likelihood: Likelihood, view: View, values: Mapping[str, float], away: float) -> dict[str, Any]:
    """Return a point in all variables, and chi-squared there as the likelihood itself has it."""
    point = {}
    for p, step in zip(view.layout.couplings, view.layout.steps, strict=True):
        point[p.name] = _within(values.get(p.name, p.default) + away * float(step), p.bounds)
    for n in view.layout.nuisances:
        point[n.name] = values[n.name] if n.name in values else _within(n.centre + away * n.step, n.limits)
    return {"parameters": point, "chi2": float(likelihood.chi2({**values, **point}))}


def _within(value: float, ends: tuple[float, float]) -> float:
    return float(min(max(value, ends[0]), ends[1]))

"""[[nuisance]] of a description, made into nuisances; and those that every experiment has."""

import dataclasses
import math
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from cevnsjax.errors import InputError, unknown_name
from cevnsjax.experiments.cells import ENERGY_UNITS
from cevnsjax.experiments.effects import SIGNAL, Nuisance
from cevnsjax.experiments.samples import Sample
from cevnsjax.experiments.schema import Description, NuisanceTable
from cevnsjax.experiments.signal import NEUTRON_RADIUS_KEY, ON_GRID, Signal, number_of
from cevnsjax.interactions import MODELS
from cevnsjax.parameters import (
    ENERGY_SHIFT,
    NEUTRON_RADIUS,
    NORM,
    NUCLEAR_RADIUS,
    QUENCHING_K,
    QUENCHING_YIELD,
    Parameter,
)

__all__ = ["DEFAULT_SET", "SHIFT", "nuisances"]

DEFAULT_SET = "default"
SHIFT = "response.shift"
"""The key that moves formulas with the signal."""

YIELDS = "response.nuclear.yield"
RADIUS = "target.radius_factor"

RESERVED = {
    NORM.name: f"scale = ['{SIGNAL}']",
    ENERGY_SHIFT.name: f"key = '{SHIFT}'",
    NEUTRON_RADIUS.name: f"key = '{NEUTRON_RADIUS_KEY}'",
    NUCLEAR_RADIUS.name: f"key = '{RADIUS}'",
    QUENCHING_K.name: f"key = '{YIELDS}.k'",
    QUENCHING_YIELD.name: f"key = '{YIELDS}.factor'",
}
"""Names that mean the same in all experiments, and the effect of each."""

STEP = 0.1
"""A typical step of a free number, relative to its own value."""

RANGE = 3.0
"""By how much a decay or a width may change, as a factor."""


def nuisances(
    description: Description, templates: Sequence[Sample], here: Signal, path: Path, term: str
) -> dict[str, tuple[Nuisance, ...]]:
    """Return all nuisances of an experiment for each set of systematics; there always is a set `default`.

    Beside those that the file names every experiment has `norm`, the strength of its signal, and the parameters of its
    signal that can be moved. They are held until they are given or freed. Raises `InputError` for a nuisance that
    names a sample or a number that is not there, and for two of one name or one number.
    """
    implicit = _implicit(here, templates, term)
    made = []
    for table in description.nuisance:
        try:
            nuisance = _nuisance(table, description, templates, here, implicit, term)
        except InputError as error:
            raise InputError(f"'{path}': nuisance '{table.name}': {error}") from error
        if nuisance is not None:
            made.append((table, nuisance))
    by_set: dict[str, tuple[Nuisance, ...]] = {}
    for name in sorted({DEFAULT_SET, *(name for table in description.nuisance for name in table.systematics or ())}):
        chosen = [n for table, n in made if table.systematics is None or name in table.systematics]
        names, keys = [n.name for n in chosen], [n.key for n in chosen if n.key is not None]
        if twice := _twice(names):
            raise InputError(f"'{path}': two nuisances of the set '{name}' are named '{twice}'; rename one")
        if twice := _twice(keys):
            raise InputError(f"'{path}': two nuisances of the set '{name}' have the key '{twice}'; leave one out")
        by_set[name] = (*chosen, *(n for n in implicit.values() if n.name not in names and n.key not in keys))
    if description.check is not None and description.check.systematics not in by_set:
        raise InputError(f"'{path}': [check]: {unknown_name('systematics', description.check.systematics, by_set)}")
    return by_set


def _twice(names: Sequence[str]) -> str | None:
    return next((name for name in names if names.count(name) > 1), None)


def _implicit(here: Signal, templates: Sequence[Sample], term: str) -> dict[str, Nuisance]:
    """Return the nuisances that an experiment has without naming them, by name."""
    # Counts cannot be negative, but what is left of a background that a fit subtracts can.
    bounds = (-math.inf, math.inf) if templates and term == "gaussian" else NORM.bounds
    norm = dataclasses.replace(NORM, bounds=bounds)
    found = [Nuisance(norm, scale=(SIGNAL,), own="experiment")]
    nuclear = here.description.response.nuclear
    given = None if nuclear == "none" else nuclear.yield_
    if given is not None and given.kind == "lindhard":
        k = dataclasses.replace(QUENCHING_K, default=given.k)
        found.append(Nuisance(k, key=f"{YIELDS}.k"))
    if given is not None and given.kind == "table":
        factor = dataclasses.replace(QUENCHING_YIELD, default=given.factor)
        found.append(Nuisance(factor, key=f"{YIELDS}.factor"))
    if _can_shift(here, templates):
        axis = here.axes[0]
        # A hundredth of all bins together: a finer binning leaves the range of the shift as it is.
        step = max(float((axis.high - axis.low).min()), float(axis.high[-1] - axis.low[0]) / 100) / 10
        shift = dataclasses.replace(
            ENERGY_SHIFT, default=here.description.response.shift, scale=step, bounds=(-100 * step, 100 * step),
            unit=axis.unit,
        )  # fmt: skip
        found.append(Nuisance(shift, key=SHIFT, own="experiment"))
    radius = dataclasses.replace(NUCLEAR_RADIUS, default=here.description.target.radius_factor)
    found.append(Nuisance(radius, key=RADIUS))
    if here.description.target.form_factor != "point":
        found.append(Nuisance(_neutron_radius(here), key=NEUTRON_RADIUS_KEY, own="experiment"))
    return {n.name: n for n in found}


def _neutron_radius(here: Signal) -> Parameter:
    """Return the neutrons' radius; where the file has none a fit begins at the mean charge radius of the nuclei."""
    given = here.description.target.neutron_radius
    elements = here.target.elements
    charge = [float(e.abundance @ e.isotopes.charge_radius) for e in elements]
    weights = [
        n * float(e.abundance @ (e.isotopes.Z + e.isotopes.N)) for n, e in zip(here.target.atoms, elements, strict=True)
    ]
    centre = float(np.average(charge, weights=weights)) if given is None else given
    return dataclasses.replace(NEUTRON_RADIUS, default=centre, scale=centre / 20, bounds=(0.5 * centre, 1.6 * centre))


def _can_shift(here: Signal, templates: Sequence[Sample]) -> bool:
    """Whether the energy scale can move: a matrix and tables of counts cannot move with it."""
    response = here.description.response
    matrix = any(getattr(table, "matrix_file", None) for table in (response.nuclear, response.electron))
    return not matrix and all(sample.table is None for sample in templates)


def _nuisance(
    table: NuisanceTable, description: Description, templates: Sequence[Sample], here: Signal,
    implicit: Mapping[str, Nuisance], term: str,
) -> Nuisance | None:  # fmt: skip
    """Return a nuisance, or None where it is of samples that this run has not."""
    given = {sample.name: sample for sample in templates}
    _check_name(table)
    present: tuple[str, ...] = ()
    own: dict[str, Any] = {"sigma": table.sigma, "free": table.free, "own": table.own}
    if table.scale:
        _check_samples(table.scale, [SIGNAL, *(sample.name for sample in description.sample)])
        present = tuple(name for name in table.scale if name == SIGNAL or name in given)
        if table.bounds and present == (SIGNAL,) and table.sigma is not None and term == "gaussian":
            raise InputError("the best factor on the signal has a closed form, which knows no bounds; leave them out")
        about = f"factor on {', '.join(table.scale)}"
        bounds = (0.0, math.inf) if term == "poisson" else (-math.inf, math.inf)
        like = Parameter(table.name, 1.0, STEP, bounds, latex=_latex(table.name), description=about)
        like = implicit[NORM.name].parameter if table.name == NORM.name else like
        return Nuisance(_parameter(table, like), scale=present, **own) if present else None
    if table.morph:
        _check_samples(table.morph, [sample.name for sample in description.sample if sample.kind == "table"])
        present = tuple(name for name in table.morph if name in given)
    if table.key is None:
        about = f"morphs {', '.join(table.morph)}"
        like = Parameter(table.name, 0.0, 1.0, latex=_latex(table.name), description=about)
        parameter = _parameter(table, like)
        return _on_grids(Nuisance(parameter, morph=present, **own), given) if present else None
    if table.key.startswith("sample."):
        _, name, *rest = table.key.split(".")
        _check_samples([name], [sample.name for sample in description.sample])
        if name not in given:
            return None
        unit = "keV" if here.axes[0].unit in ENERGY_UNITS else here.axes[0].unit
        return Nuisance(_of_sample(table, given[name], ".".join(rest), unit), key=table.key, **own)
    parabola = table.interpolation == "parabola"
    parameter = _of_signal(table, here, templates, implicit)
    made = Nuisance(parameter, key=table.key, morph=present, parabola=parabola, degree=here.degree(table.key), **own)
    return _on_grids(made, given)


def _check_name(table: NuisanceTable) -> None:
    """Raise `InputError` for the name of a model's parameter, and a known name with an effect that is not its own."""
    for model in MODELS.values():
        if any(p.name == table.name for p in model.parameters):
            raise InputError(f"'{table.name}' is a parameter of the model {model.name}; give it another name")
    wanted = RESERVED.get(table.name)
    if wanted is None:
        return
    if table.name in (QUENCHING_K.name, QUENCHING_YIELD.name):  # of all elements, or of one of them
        right = table.key is not None and table.key.startswith(YIELDS) and table.key[-2:] == wanted[-3:-1]
    else:
        right = wanted == (f"key = '{table.key}'" if table.key is not None else f"scale = {table.scale}")
    if not right:
        raise InputError(f"this name means the same in all experiments: give it {wanted}, or another name")


def _on_grids(nuisance: Nuisance, given: Mapping[str, Sample]) -> Nuisance:
    """Return a nuisance; raises `InputError` where it may go beyond the grid of a table that it morphs."""
    for name in nuisance.morph:
        given[name].check_reach(nuisance.name, *((end - nuisance.centre) / nuisance.step for end in nuisance.limits))
    return nuisance


def _check_samples(names: Iterable[str], known: Sequence[str]) -> None:
    for name in names:
        if not known:
            raise InputError(f"'{name}' is no sample, and there is none that it could act on")
        if name not in known:
            raise unknown_name("sample for this effect", name, known)


def _of_signal(
    table: NuisanceTable, here: Signal, templates: Sequence[Sample], implicit: Mapping[str, Nuisance]
) -> Parameter:
    """Return the parameter of a nuisance that moves a number of target, source or response."""
    assert table.key is not None
    if table.key == SHIFT and not _can_shift(here, templates):
        raise InputError(
            "a matrix and tables of counts cannot move with the energy scale; leave it out, or morph the tables"
        )
    known = next((n.parameter for n in implicit.values() if n.key == table.key), None)
    centre = number_of(here.description, table.key)
    scale = abs(centre) * STEP or 1.0
    like = Parameter(table.name, centre, scale, latex=_latex(table.name), description=f"the file's {table.key}")
    parameter = _parameter(table, known or like)
    low, high = Nuisance(parameter, table.sigma, table.free).limits
    if not (math.isfinite(low) and math.isfinite(high)):
        raise InputError("a number that is free needs bounds = [LOW, HIGH]")
    if table.sigma is not None and table.sigma > high - low:
        raise InputError(
            f"sigma = {table.sigma:g} exceeds the range from {low:g} to {high:g}; give a smaller one, or free = true"
        )
    if table.interpolation == "parabola":
        assert table.sigma is not None
        low, high = centre - table.sigma, centre + table.sigma
    for end in (low, high):
        try:
            # The ends of a matrix' grid stand in its file, not in the schema.
            _ = here.at({table.key: end}) if ON_GRID in table.key else here.described({table.key: end})
        except InputError as error:
            reason = str(error).removeprefix(f"'{here.path}': ")
            raise InputError(
                f"it may go from {low:g} to {high:g}, which is too far: {reason}; give a smaller sigma, or bounds = "
                "[LOW, HIGH]"
            ) from error
    return parameter


def _of_sample(table: NuisanceTable, sample: Sample, number: str, per: str) -> Parameter:
    """Return the parameter of a nuisance that moves a number of a sample; its rates are per unit `per` of the axis."""
    if number not in sample.numbers:
        raise unknown_name(f"number of {sample.name}", number, sample.numbers)
    value, last = sample.numbers[number], number.rpartition(".")[2]
    natural = (-1.0, 1.0) if last == "tilt" else (0.0, math.inf)
    usual = (value / RANGE, value * RANGE) if last in ("decay", "width") else natural
    if table.free and value == 0 and last != "tilt":
        raise InputError(
            f"it is free and begins at zero, where a fit would stay; give {table.key} a positive value to begin with"
        )
    if table.bounds and not natural[0] <= table.bounds[0] < table.bounds[1] <= natural[1]:
        raise InputError(f"bounds of {table.key} lie between {natural[0]:g} and {natural[1]:g}")
    if table.bounds and table.bounds[0] == 0 and last in ("decay", "width"):
        raise InputError(f"the lower bound of {table.key} must be positive")
    # A tilt is small beside one, whatever it begins with.
    step = STEP if last == "tilt" else STEP * value or 1.0
    unit = f"/ {per} kg d" if last.endswith("per_keV_kg_d") else "/ kg d" if last.endswith("per_kg_d") else ""
    about = f"number of {sample.name}"
    return _parameter(table, Parameter(table.name, value, step, usual, unit, _latex(table.name), about))


def _latex(name: str) -> str:
    return rf"\mathrm{{{name}}}".replace("_", r"\,")


def _parameter(table: NuisanceTable, like: Parameter) -> Parameter:
    """Return the parameter of a nuisance, what the file leaves out taken from one that is `like` it."""
    low, high = table.bounds or like.bounds
    centre = like.default if table.centre is None else table.centre
    if not low <= centre <= high:
        raise InputError(f"its centre {centre:g} is not within {low:g} and {high:g}")
    return dataclasses.replace(
        like,
        name=table.name,
        default=centre,
        scale=table.sigma or like.scale,
        bounds=(low, high),
        unit=like.unit if table.unit is None else table.unit,
        latex=table.latex or like.latex,
        description=table.description or like.description,
    )

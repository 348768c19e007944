"""[[background]] of a description, made into components."""

from pathlib import Path

import numpy as np

from cevnsjax.compilation import constant
from cevnsjax.constants import EV, KEV
from cevnsjax.errors import InputError, unknown_name
from cevnsjax.experiments.background import Background, Component, Exponential, Flat, Line, Quantity, Tabulated
from cevnsjax.experiments.schema import Description, ExponentialTable, FlatTable, LineTable, TabulatedTable
from cevnsjax.resources import read_table

__all__ = ["background"]

STEP = 0.1
"""A typical step of a free quantity, relative to its own value."""

RANGE = 3.0
"""By how much a decay energy or a width may change, as a factor."""


def background(description: Description, run: str, low: np.ndarray, high: np.ndarray, path: Path) -> Background:
    """Return the background of a run ("" where there are none) in bins [eV].

    Raises `InputError` for a quantity that its component has not, for tables that make no sense, and for a spectrum
    bin by bin that a shift of the energy scale would have to move.
    """
    low, high = low * EV / KEV, high * EV / KEV
    chosen = [table for table in description.background if table.runs is None or run in table.runs]
    for names, what in (
        ([table.name for table in chosen], f"components of the background{f' of run {run}' if run else ''}"),
        *(
            ([f.name for f in table.followers], f"followers of '{table.name}'")
            for table in chosen
            if isinstance(table, LineTable)
        ),
    ):
        if len(set(names)) < len(names):
            raise InputError(f"'{path}': {what} must have different names; given are {', '.join(names)}")
    moving = [n for n, s in description.systematics.items() if s.energy_shift_eV or s.each.energy_shift_eV]
    for table in chosen:
        if moving and isinstance(table, TabulatedTable):
            raise InputError(
                f"'{path}': systematics '{moving[0]}' move the energy scale, with which the tabulated background "
                f"'{table.name}' cannot move; describe it otherwise, or leave out energy_shift_eV"
            )
    return Background(tuple(_component(table, low, path) for table in chosen), constant(low), constant(high))


def _component(
    table: FlatTable | ExponentialTable | LineTable | TabulatedTable, low: np.ndarray, path: Path
) -> Component:
    """Return a component in keV, with what a fit may move."""
    if isinstance(table, FlatTable):
        values = {"rate": table.rate_per_keV_kg_d, "tilt": table.tilt}
    elif isinstance(table, ExponentialTable):
        values = {"height": table.height_per_keV_kg_d, "decay": table.decay_eV * EV / KEV}
    elif isinstance(table, LineTable):
        values = {"area": table.area_per_kg_d, "centre": table.centre_eV * EV / KEV, "width": table.width_eV * EV / KEV}
        values |= {f"ratio_{one.name}": one.ratio for one in table.followers}
    else:
        values = {"factor": 1.0}
    for name in (*table.free, *table.pull):
        if name not in values:
            raise InputError(f"'{path}': background '{table.name}': {unknown_name('quantity', name, values)}")
    if zero := [name for name in table.free if values[name] == 0 and name != "tilt"]:
        raise InputError(
            f"'{path}': background '{table.name}': '{zero[0]}' is free and begins at zero, where a fit would stay; "
            "give a positive value to begin with"
        )
    if both := [name for name in table.free if name in table.pull]:
        raise InputError(f"'{path}': background '{table.name}': '{both[0]}' is both free and pulled; choose one")
    quantities = {name: _quantity(name, value, table.free, table.pull) for name, value in values.items()}
    if isinstance(table, FlatTable):
        return Flat(table.name, quantities)
    if isinstance(table, ExponentialTable):
        start = low[0] if table.start_eV is None else table.start_eV * EV / KEV
        return Exponential(table.name, quantities, constant(start))
    if isinstance(table, LineTable):
        weaker = [
            (f.name, f.centre_eV * EV / KEV, None if f.width_eV is None else f.width_eV * EV / KEV)
            for f in table.followers
        ]
        return Line(table.name, quantities, tuple(weaker))
    spectrum = read_table(path.parent / table.file, (table.column,))[table.column]
    if spectrum.size != low.size or not (np.isfinite(spectrum).all() and (spectrum >= 0).all()):
        raise InputError(
            f"'{path.parent / table.file}': '{table.column}' needs {low.size} counts that are not negative"
        )
    return Tabulated(table.name, quantities, constant(spectrum))


def _quantity(name: str, value: float, free: list[str], pull: dict[str, float]) -> Quantity:
    low, high = (-1.0, 1.0) if name == "tilt" else (0.0, np.inf)
    if name in ("decay", "width"):
        low, high = value / RANGE, value * RANGE
    if name in pull:
        return Quantity(value, pull[name], True, low, high)
    if name in free:
        # A tilt is small beside one, whatever it begins with.
        return Quantity(value, STEP if name == "tilt" else STEP * value, False, low, high)
    return Quantity(value)

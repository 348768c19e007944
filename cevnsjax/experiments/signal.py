"""The signal of an experiment: source, target and responses, as its description has them, or with a number moved."""

import dataclasses
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from pydantic import BaseModel

from cevnsjax.constants import METRE
from cevnsjax.errors import InputError
from cevnsjax.experiments.cells import Axis
from cevnsjax.experiments.parsing import parse_table
from cevnsjax.experiments.responses import responses
from cevnsjax.experiments.schema import Description
from cevnsjax.experiments.signal_schema import ReactorTable, ResponseTable, TableSource, TargetTable
from cevnsjax.flavours import FLAVOURS
from cevnsjax.matter import Target, target
from cevnsjax.resources import read_table
from cevnsjax.response import Response
from cevnsjax.sources import Component, FluxMoments, fission_spectrum, flux_moments, reactor_flux, tabulated_flux

__all__ = ["Signal", "number_of", "signal"]

ROOMS: dict[str, type[BaseModel]] = {"target": TargetTable, "source": ReactorTable, "response": ResponseTable}
"""The tables of a description that make the signal; a source may be of another kind."""


SHARP, MOST_CORNERS = 0.05, 64
"""A corner is sharp if the slope changes by this much of the largest change; more than so many are not sharp ones."""


@dataclasses.dataclass(frozen=True, eq=False)
class Signal:
    """Where neutrinos come from, what they meet, and how the detector answers to each kind of recoil.

    A `Response` is None where the detector does not see that kind of recoil. `axes` are those of the cells, and `path`
    is the description's file.
    """

    description: Description
    path: Path
    axes: tuple[Axis, ...]
    target: Target
    components: tuple[Component, ...]
    moments: tuple[FluxMoments, ...]
    nuclear: Response | None
    electron: Response | None

    def at(self, values: Mapping[str, float]) -> "Signal":
        """Return the signal with other numbers of the description, by their paths: {"response.shift": 2.0}.

        Raises `InputError` for a path that leads to no number of target, source or response, and a number out of range.
        """
        if not values:
            return self
        return signal(self.described(values), self.path, self.axes, like=self)

    def described(self, values: Mapping[str, float]) -> Description:
        """Return the description with other numbers, checked; errors are those of `at`."""
        tables = {room: getattr(self.description, room).model_dump(by_alias=True) for room in ROOMS}
        for key, value in values.items():
            table, last = _place(tables, key)
            table[last] = float(value)
        moved = {}
        for room in {key.split(".")[0] for key in values}:
            schema = type(self.description.source) if room == "source" else ROOMS[room]
            moved[room] = parse_table(schema, tables[room], self.path, room)
        return self.description.model_copy(update=moved)


def number_of(description: Description, key: str) -> float:
    """Return the number of target, source or response that a path leads to: `response.nuclear.yield.k`.

    A step into a list is a number, counted from one. Raises `InputError` where there is none.
    """
    tables = {room: getattr(description, room).model_dump(by_alias=True) for room in ROOMS}
    table, last = _place(tables, key)
    return float(table[last])


def _place(tables: Mapping[str, Any], key: str) -> tuple[Any, Any]:
    """Return the table or list that holds the number of a path, and its name or place there."""
    here: Any = tables
    steps = key.split(".")
    for number, step in enumerate(steps):
        place: str | int = step
        if isinstance(here, list):
            place = int(step) - 1 if step.isdecimal() and len(step) < 9 else -1
            inside = here[place] if 0 <= place < len(here) else None
        else:
            inside = here.get(step)
        if number == len(steps) - 1 and isinstance(inside, int | float) and not isinstance(inside, bool):
            return here, place
        if not isinstance(inside, dict | list):
            break
        here = inside
    raise InputError(
        f"the key '{key}' leads to no number that the file sets in {', '.join(ROOMS)}; numbers there are written like "
        "'response.nuclear.yield.k'"
    )


def signal(description: Description, path: Path, axes: tuple[Axis, ...], like: Signal | None = None) -> Signal:
    """Return the signal of a description; parts that `like` has from the same tables are taken from there.

    Raises `InputError` that names the file for anything that makes no sense.
    """

    def same(*rooms: str) -> bool:
        return like is not None and all(getattr(description, r) is getattr(like.description, r) for r in rooms)

    with _naming(path):
        t = description.target
        if like is not None and same("target"):
            made_of = like.target
        else:
            made_of = target(t.elements, t.form_factor, t.electrons, t.radius_factor)
        if like is not None and same("source"):
            components, moments = like.components, like.moments
        else:
            components = _components(description.source, path.parent, axes)
            moments = tuple(flux_moments(component) for component in components)
        corners = _corners(components) if description.source.kind == "table" else np.zeros(0)
        if like is not None and same("response", "target"):
            nuclear, electron = like.nuclear, like.electron
        else:
            nuclear, electron = responses(description.response, path.parent, axes[0], made_of, corners)
    return Signal(description, path, axes, made_of, components, moments, nuclear, electron)


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Name the description's file in errors of what is made of it."""
    try:
        yield
    except InputError as error:
        raise InputError(f"'{path}': {error}") from error


def _components(source: ReactorTable | TableSource, folder: Path, axes: tuple[Axis, ...]) -> tuple[Component, ...]:
    beside = {axis.name: axis for axis in axes[1:]}
    if isinstance(source, ReactorTable):
        if beside:
            raise InputError(f"a reactor has no profile along '{next(iter(beside))}': give a source of kind 'table'")
        spectrum = fission_spectrum(source.below_2_MeV, source.above_2_MeV, source.above_8_MeV)
        flux = reactor_flux(
            power_GW=source.power_GW,
            baseline_m=source.baseline_m,
            fission_fractions=source.fission_fractions,
            energy_per_fission_MeV=source.energy_per_fission_MeV,
            spectrum=spectrum,
            captures_per_fission=source.captures_per_fission,
        )
        total = source.total_flux_per_cm2_s
        return (flux if total is None else flux.normalised_to(total),)
    found = []
    for table in source.components:
        if unknown := [name for name in table.profiles if name not in beside]:
            raise InputError(
                f"the source's {table.flavour} has a profile along '{unknown[0]}', which is no second axis"
            )
        if missing := [name for name in beside if name not in table.profiles]:
            raise InputError(
                f"the source's {table.flavour} has no profile along '{missing[0]}': give one in its profiles"
            )
        profiles = {n: _profile(folder / given.file, given.column, beside[n]) for n, given in table.profiles.items()}
        flavour, baseline = FLAVOURS[table.flavour], source.baseline_m * METRE
        found.append(tabulated_flux(folder / source.file, table.column, flavour, baseline, table.scale, profiles))
    return tuple(found)


def _corners(components: tuple[Component, ...]) -> Float[np.ndarray, " corners"]:
    """Return the energies [MeV] of the sharp corners of all fluxes: a line, an end point.

    A flux with very many has corners everywhere, as a spectrum in fine bins does, and none that matters by itself.
    """
    found = [np.zeros(0)]
    for component in components:
        energy = np.asarray(component.edges)
        flux = np.asarray(component.density(energy))
        slopes = np.diff(flux) / np.diff(energy)
        bend = np.abs(np.diff(np.concatenate([[0.0], slopes, [0.0]])))
        sharp = np.flatnonzero(bend >= SHARP * bend.max())
        if sharp.size <= MOST_CORNERS:
            found.append(energy[sharp])
    return np.unique(np.concatenate(found))


def _profile(path: Path, column: str, axis: Axis) -> Float[np.ndarray, " bins"]:
    """Return the probability of each bin of an axis; what is outside all bins is not seen."""
    table = read_table(path, (f"{axis.name}_low", f"{axis.name}_high", column))
    low, high, values = table.values()
    if low.size != axis.size or not (np.allclose(low, axis.low) and np.allclose(high, axis.high)):
        raise InputError(
            f"'{path}': its bins are not the {axis.size} of the axis {axis.name}, {axis.low[0]:g} to {axis.high[-1]:g}"
        )
    if not ((values >= 0).all() and values.sum() <= 1 + 1e-6):
        raise InputError(f"'{path}': '{column}' must be probabilities, not negative and adding up to no more than 1")
    return values

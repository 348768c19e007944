"""The signal of an experiment: source, target and responses, as its description has them, or with a number moved."""

import dataclasses
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float
from pydantic import BaseModel

from cevnsjax.constants import DAY, METRE
from cevnsjax.errors import InputError
from cevnsjax.experiments.cells import Axis
from cevnsjax.experiments.parsing import parse_table
from cevnsjax.experiments.responses import efficiency_of, responses
from cevnsjax.experiments.schema import Description
from cevnsjax.experiments.signal_schema import ResponseTable, TargetTable
from cevnsjax.experiments.source_schema import PionAtRestTable, ReactorTable, SolarTable
from cevnsjax.flavours import FLAVOURS
from cevnsjax.matter import Target, target
from cevnsjax.resources import read_table
from cevnsjax.response import Efficiency, Matrix, Response
from cevnsjax.sources import (
    Component,
    Mixing,
    Moments,
    Pulse,
    fission_spectrum,
    pion_at_rest,
    reactor_flux,
    solar_neutrinos,
    tabulated_flux,
)

__all__ = ["NEUTRON_RADIUS_KEY", "ON_GRID", "Signal", "number_of", "signal"]

ROOMS: dict[str, type[BaseModel]] = {"target": TargetTable, "source": ReactorTable, "response": ResponseTable}
"""The tables of a description that make the signal; a source may be of another kind."""

NEUTRON_RADIUS_KEY = "target.neutron_radius"
"""A number that may be moved where the file does not set it."""

ON_GRID = ".matrix_at."
"""What stands before the axis of a matrix' grid in the key of a place there."""

FLUXES = "source.fluxes."
"""What the keys of the Sun's fluxes begin with."""

TIME = "time"
"""The axis along which a pulsed source has a profile."""

TIME_UNITS = {"us": 1.0, "ns": 1e-3}
"""Units of that axis, in microseconds."""


@dataclasses.dataclass(frozen=True, eq=False)
class Signal:
    """The neutrinos' `components`, the `target`, and the detector's response to each kind of recoil.

    `nuclear` and `electron` are these responses, None where the detector does not see that kind of recoil. `moments`
    are those of the components. `axes` are those of the cells, `description` is the checked file, and `path` its place.

    >>> signal = cevnsjax.load_experiment("conus_plus").signal
    >>> signal.at({"response.nuclear.yield.k": 0.17}).nuclear.yields[0].k
    0.17
    """

    description: Description
    path: Path
    axes: tuple[Axis, ...]
    target: Target
    components: tuple[Component, ...]
    moments: tuple[Moments, ...]
    nuclear: Response | None
    electron: Response | None

    def at(self, values: Mapping[str, float]) -> "Signal":
        """Return the signal with other `values` of numbers of the description, by their paths: {"response.shift": 2.0}.

        Raises `InputError` for a path that leads to no number of target, source or response, and a number out of range.
        """
        if not values:
            return self
        return signal(self.described(values), self.path, self.axes, like=self)

    def degree(self, key: str) -> int | None:
        """Return the degree of the polynomial that counts are in a number, None where they are none.

        `key` is the number's path in the file.
        """
        room, on_grid, name = key.partition(ON_GRID)
        response = self.electron if room.endswith("electron") else self.nuclear
        if on_grid and isinstance(response, Matrix):
            return dict(response.grid)[name] - 1
        return 1 if key.startswith(FLUXES) else None

    def described(self, values: Mapping[str, float]) -> Description:
        """Return the description with other `values`, checked; errors are those of `at`."""
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
    if table[last] is None:
        raise InputError(f"the file does not set {key}: give it a number there, where a constraint is centred")
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
        if key == NEUTRON_RADIUS_KEY and number == len(steps) - 1:
            return here, place
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
    with _naming(path):
        t = description.target
        same = set() if like is None else _same_rooms(description, like.description)
        if like is not None and "target" in same:
            made_of = like.target
        else:
            made_of = target(t.elements, t.form_factor, t.electrons, t.radius_factor, t.neutron_radius)
        if like is not None and "source" in same:
            components, moments = like.components, like.moments
        else:
            components = _components(description, path.parent, axes)
            moments = tuple(component.moments() for component in components)
        corners = np.unique(np.concatenate([component.corners for component in components]))
        if like is not None and same >= {"response", "target"}:
            nuclear, electron = like.nuclear, like.electron
        else:
            nuclear, electron = responses(description.response, path.parent, axes, made_of, corners)
    return Signal(description, path, axes, made_of, components, moments, nuclear, electron)


def _same_rooms(one: Description, other: Description) -> set[str]:
    """Return the parts that two descriptions share."""
    return {room for room in ("target", "source", "response") if getattr(one, room) is getattr(other, room)}


@contextmanager
def _naming(path: Path) -> Iterator[None]:
    """Name the description's file in errors of what is made of it."""
    try:
        yield
    except InputError as error:
        raise InputError(f"'{path}': {error}") from error


def _components(description: Description, folder: Path, axes: tuple[Axis, ...]) -> tuple[Component, ...]:
    source, profile = description.source, description.response.profile
    covered = description.response.matrix_axes if profile is None else profile.axes
    if strange := [name for name in covered if name not in [axis.name for axis in axes[1:]]]:
        given = "matrix_axes" if profile is None else "profile"
        raise InputError(f"response.nuclear.{given} has '{strange[0]}', which is no second axis")
    beside = {axis.name: axis for axis in axes[1:] if axis.name not in covered}
    along = description.response.efficiencies
    if unknown := [name for name in along if name not in beside]:
        raise InputError(f"response.efficiencies has '{unknown[0]}', which is no second axis")
    if isinstance(source, PionAtRestTable):
        return _of_pions(source, {name: efficiency_of(e, folder, beside[name]) for name, e in along.items()}, beside)
    if along:
        raise InputError("response.efficiencies are of a source that has a pulse; profiles of tables contain them")
    if isinstance(source, ReactorTable | SolarTable):
        if beside:
            raise InputError(
                f"a source of kind '{source.kind}' has no profile along '{next(iter(beside))}': give one of kind "
                "'table'"
            )
        return (_of_reactor(source),) if isinstance(source, ReactorTable) else _of_sun(source)
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


def _of_reactor(source: ReactorTable) -> Component:
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
    return flux if total is None else flux.normalised_to(total)


def _of_sun(source: SolarTable) -> tuple[Component, ...]:
    mixing = Mixing(source.sin2_theta_12, source.sin2_theta_13, source.dm2_21_eV2)
    return solar_neutrinos(source.fluxes, source.potentials_eV, mixing)


def _of_pions(
    source: PionAtRestTable, efficiencies: Mapping[str, Efficiency], beside: Mapping[str, Axis]
) -> tuple[Component, ...]:
    """Return the components of stopped pions; all protons arrive within one day, which is the exposure."""
    if other := [name for name in beside if name != TIME]:
        raise InputError(f"stopped pions have no profile along '{other[0]}', only along '{TIME}'")
    profiles: dict[str, dict[str, Float[np.ndarray, " bins"]]] = {"prompt": {}, "delayed": {}}
    if TIME in beside:
        axis = beside[TIME]
        if axis.unit not in TIME_UNITS:
            raise InputError(f"the axis {TIME} is in '{axis.unit}': give a unit of {', '.join(TIME_UNITS)}")
        if source.pulse is None:
            raise InputError(f"an axis '{TIME}' needs source.pulse = {{ mean_us, sigma_us }}")
        unit, pulse = TIME_UNITS[axis.unit], Pulse(source.pulse.mean_us, source.pulse.sigma_us)
        curve = efficiencies.get(TIME)
        recorded = None if curve is None else lambda time: curve(time / unit)
        for kind, arrived in (("prompt", pulse.prompt), ("delayed", pulse.delayed)):
            profiles[kind][TIME] = pulse.profile(arrived, axis.low * unit, axis.high * unit, recorded)
    distance = source.baseline_m * METRE
    flux = source.protons_on_target * source.neutrinos_per_proton / (4 * np.pi * distance**2) / DAY
    return pion_at_rest(flux, distance, profiles)


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

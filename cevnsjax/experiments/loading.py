"""From a TOML description and its CSV tables to an `Experiment`, everything checked on the way."""

import os
import tomllib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from cevnsjax.compilation import constant
from cevnsjax.constants import DAY, EV
from cevnsjax.errors import InputError, unknown_name
from cevnsjax.experiments.experiment import Detectors, Experiment, Systematics
from cevnsjax.experiments.schema import Description, ReactorTable, ResponseTable, SystematicsTable, parse
from cevnsjax.flux import ReactorFlux, fission_spectrum, reactor_flux
from cevnsjax.parameters import ENERGY_SHIFT, NORM, NUCLEAR_RADIUS, QUENCHING_K
from cevnsjax.resources import data_folder, read_table
from cevnsjax.response import (
    Efficiency,
    Lindhard,
    Quenching,
    Resolution,
    Response,
    panel_edges,
    tabulated_yield,
)
from cevnsjax.targets import Target, target

__all__ = ["experiment_names", "load_experiment"]

DESCRIPTION = "experiment.toml"


def experiment_names() -> list[str]:
    """Return the names of the embedded experiments."""
    return sorted(path.parent.name for path in data_folder().glob(f"*/{DESCRIPTION}"))


def load_experiment(name: str | os.PathLike[str], overrides: Mapping[str, object] | None = None) -> Experiment:
    """Return an embedded experiment by name, or the one that a TOML file describes.

    `overrides` replace entries of the description, {"source.above_8_MeV": "cut"} for instance; None removes
    one, {"response.resolution": None}. So one assumption at a time can be switched.

    Raises `InputError` for an unknown name, a file that cannot be read, and anything in it that is not
    known, missing, or impossible; the message says what was given and what would be right.
    """
    text = os.fspath(name)
    if text.endswith(".toml") or os.sep in text:
        path = Path(text)
    elif text in experiment_names():
        path = data_folder() / text / DESCRIPTION
    else:
        raise unknown_name("experiment", text, [*experiment_names(), "or a path to a .toml file"])
    try:
        content = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"cannot read the experiment file '{path}': {error.strerror}") from error
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise InputError(f"'{path}' is not valid TOML: {error}") from error
    for key, value in (overrides or {}).items():
        _override(content, key.split("."), value, path)
    return _build(parse(content, path), path)


def _override(content: dict[str, Any], keys: list[str], value: object, path: Path) -> None:
    """Set one entry of the description, or remove it where the value is None."""
    *tables, last = keys
    for table in tables:
        if not isinstance(content.get(table), dict):
            raise InputError(f"'{path}': there is no table '{table}' in which to override '{'.'.join(keys)}'")
        content = content[table]
    if value is None:
        content.pop(last, None)
    else:
        content[last] = value


def _build(description: Description, path: Path) -> Experiment:
    made_of = target(description.target.elements, description.target.form_factor, description.target.electrons)
    low, high, observed, sigma = _data(path.parent / description.data.file)
    response = _response(description.response, made_of, low * EV, high * EV, path)
    detectors = Detectors(
        names=tuple(d.name for d in description.detectors),
        mass=constant([d.mass_kg for d in description.detectors]),
        live_time=constant([d.live_days * DAY for d in description.detectors]),
        threshold=constant([d.threshold_eV * EV for d in description.detectors]),
    )
    if len(set(detectors.names)) < len(detectors.names):
        raise InputError(f"'{path}': detector names must differ; given are {', '.join(detectors.names)}")
    lowest = min(d.threshold_eV for d in description.detectors)
    if (low < lowest).any():
        raise InputError(
            f"'{path}': the bin at {low.min():g} eV lies below all thresholds, of which the lowest is {lowest:g} eV"
        )
    per_energy = description.data.per_energy_eV
    return Experiment(
        name=description.name,
        title=description.title,
        reference=description.reference,
        target=made_of,
        fluxes=(_reactor(description.source),),
        response=response,
        detectors=detectors,
        observed=constant(observed),
        sigma=constant(sigma),
        systematics=_systematics(description),
        per_kg=description.data.per_kg,
        per_energy=None if per_energy is None else per_energy * EV,
    )


def _systematics(description: Description) -> dict[str, Systematics]:
    """Return the sets by name; `default` there always is, if need be with a normalisation that is simply one."""
    found = {}
    for name, table in {"default": SystematicsTable(), **description.systematics}.items():
        norms = table.normalisation or {NORM.name: 0.0}
        shapes = {
            QUENCHING_K.name: table.quenching_k,
            ENERGY_SHIFT.name: table.energy_shift_eV,
            NUCLEAR_RADIUS.name: table.nuclear_radius,
        }
        given = {shape: sigma for shape, sigma in shapes.items() if sigma is not None}
        found[name] = Systematics(
            tuple(norms), constant(list(norms.values())), tuple(given), constant(list(given.values()))
        )
    return found


def _reactor(source: ReactorTable) -> ReactorFlux:
    spectrum = fission_spectrum(source.below_2_MeV, source.above_2_MeV, source.above_8_MeV)
    flux = reactor_flux(
        power_GW=source.power_GW,
        baseline_m=source.baseline_m,
        fission_fractions=source.fission_fractions,
        energy_per_fission_MeV=source.energy_per_fission_MeV,
        spectrum=spectrum,
        captures_per_fission=source.captures_per_fission,
    )
    return flux if source.total_flux_per_cm2_s is None else flux.normalised_to(source.total_flux_per_cm2_s)


def _response(table: ResponseTable, made_of: Target, low: np.ndarray, high: np.ndarray, path: Path) -> Response:
    quenching: Quenching
    if table.quenching.model == "lindhard":
        numbers = {element.atomic_number for element in made_of.elements}
        if len(numbers) > 1:
            raise InputError(f"'{path}': Lindhard's quenching is for one element; give a table for a compound")
        quenching = Lindhard(constant(table.quenching.k), Z=float(numbers.pop()))
    else:
        quenching = tabulated_yield(table.quenching.table, table.quenching.column)
    resolution = None
    if table.resolution is not None:
        resolution = Resolution(
            noise=constant(table.resolution.noise_eV * EV),
            fano=constant(table.resolution.fano),
            pair_energy=constant(table.resolution.pair_energy_eV * EV),
        )
    efficiency = None if table.efficiency_file is None else _efficiency(path.parent / table.efficiency_file)
    steps = np.concatenate([np.asarray(s.binding_energy) for s in made_of.shells])
    return Response(
        quenching=quenching,
        resolution=resolution,
        efficiency=efficiency,
        scale=constant(1.0),
        shift=constant(0.0),
        low=constant(low),
        high=constant(high),
        breaks=panel_edges(low, high, resolution, steps),
        contiguous=bool(np.array_equal(low[1:], high[:-1])),
    )


def _efficiency(path: Path) -> Efficiency:
    table = read_table(path, ("energy_eV", "efficiency"))
    energy, efficiency = table["energy_eV"], table["efficiency"]
    if not (np.isfinite(energy).all() and (np.diff(energy) > 0).all()):
        raise InputError(f"'{path}': energy_eV must be finite and rise from row to row")
    if not ((efficiency >= 0) & (efficiency <= 1)).all():
        raise InputError(f"'{path}': an efficiency lies between 0 and 1")
    return Efficiency(constant(energy * EV), constant(efficiency))


def _data(path: Path) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Return low, high [eV], observed and sigma of a binned spectrum, checked."""
    table = read_table(path, ("low_eV", "high_eV", "observed", "sigma"))
    for name, column in table.items():
        if not np.isfinite(column).all():
            row = int(np.flatnonzero(~np.isfinite(column))[0]) + 1
            raise InputError(
                f"row {row} of '{path}': '{name}' must be a finite number, not {column[row - 1]:g} or empty"
            )
    low, high, observed, sigma = table.values()
    for wrong, rule in (
        (low < 0, "low_eV must not be negative"),
        (high <= low, "high_eV must be above low_eV"),
        (np.append(False, low[1:] < high[:-1]), "bins must rise and not overlap"),
        (sigma <= 0, "sigma must be positive"),
    ):
        if wrong.any():
            row = int(np.flatnonzero(wrong)[0])
            raise InputError(
                f"row {row + 1} of '{path}' ({low[row]:g} to {high[row]:g} eV, sigma {sigma[row]:g}): {rule}"
            )
    return low, high, observed, sigma

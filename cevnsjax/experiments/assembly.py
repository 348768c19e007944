"""From a checked description and its CSV tables to an `Experiment`."""

from pathlib import Path

import numpy as np

from cevnsjax.compilation import constant
from cevnsjax.constants import DAY, EV
from cevnsjax.errors import InputError
from cevnsjax.experiments.backgrounds import background
from cevnsjax.experiments.experiment import Counts, Detectors, Experiment, Systematics
from cevnsjax.experiments.schema import Description, ReactorTable, ResponseTable, SystematicsTable
from cevnsjax.flux import ReactorFlux, fission_spectrum, reactor_flux
from cevnsjax.parameters import ENERGY_SHIFT, NORM, NUCLEAR_RADIUS, QUENCHING_K, QUENCHING_YIELD
from cevnsjax.resources import read_table
from cevnsjax.response import Efficiency, Lindhard, Quenching, Resolution, Response, panel_edges, tabulated_yield
from cevnsjax.targets import Target, target

__all__ = ["excess", "panel_ends", "reactor", "response", "systematics"]


def excess(description: Description, path: Path) -> Experiment:
    """Return an experiment whose data are counts less their background, one spectrum for all detectors."""
    assert description.data is not None
    if not description.detectors:
        raise InputError(f"'{path}': no [[detectors]] given; data need at least one")
    made_of = target(description.target.elements, description.target.form_factor, description.target.electrons)
    low, high, observed, sigma = _data(path.parent / description.data.file)
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
    if description.analyses:
        raise InputError(f"'{path}': [analyses] are of [[runs]]; data of one spectrum have variants")
    per_energy = description.data.per_energy_eV
    counts = None
    if description.background:
        if per_energy is not None and not np.allclose(high - low, per_energy):
            raise InputError(f"'{path}': with a background all bins must be per_energy_eV = {per_energy:g} wide")
        if description.data.per_kg:
            raise InputError(f"'{path}': data with a background are counts in all detectors; leave out per_kg")
        if late := [d.name for d in description.detectors if d.threshold_eV > low.min()]:
            raise InputError(
                f"'{path}': with a background all detectors must see all bins, but '{late[0]}' begins above "
                f"{low.min():g} eV"
            )
        if given := [table.name for table in description.background if table.runs is not None]:
            raise InputError(f"'{path}': background '{given[0]}' names runs, of which there are none")
        exposure = sum(d.mass_kg * d.live_days for d in description.detectors)
        counts = Counts(background(description, "", low, high, path), constant([exposure, 0.0]), None, poisson=False)
    return Experiment(
        name=description.name,
        title=description.title,
        reference=description.reference,
        target=made_of,
        fluxes=(reactor(description.source),),
        response=response(description.response, made_of, low * EV, high * EV, path),
        detectors=detectors,
        observed=constant(observed),
        sigma=constant(sigma),
        systematics=systematics(description, path),
        per_kg=description.data.per_kg,
        per_energy=None if per_energy is None else per_energy * EV,
        counts=counts,
        warning=description.warning,
    )


def systematics(description: Description, path: Path) -> dict[str, Systematics]:
    """Return the sets by name; `default` there always is, if need be with a normalisation that is simply one.

    Raises `InputError` for factors that an experiment with a background cannot have.
    """
    found = {}
    for name, one in description.systematics.items():
        for kind, sigma in {**one.normalisation, **one.each.normalisation}.items():
            if description.background and (kind == NORM.name or sigma == 0):
                raise InputError(
                    f"'{path}': systematics.{name}.normalisation.{kind} = {sigma:g} is wrong: beside a background the "
                    "strength of the signal, norm, is free; others need a positive standard deviation"
                )
    for name, table in {"default": SystematicsTable(), **description.systematics}.items():
        norms = {**table.normalisation, **table.each.normalisation} or {NORM.name: 0.0}
        own_shift = table.each.energy_shift_eV
        shapes = {
            QUENCHING_K.name: table.quenching_k,
            QUENCHING_YIELD.name: table.quenching_yield,
            ENERGY_SHIFT.name: table.energy_shift_eV if own_shift is None else own_shift,
            NUCLEAR_RADIUS.name: table.nuclear_radius,
        }
        given = {shape: sigma for shape, sigma in shapes.items() if sigma is not None}
        own = (*table.each.normalisation, *([] if own_shift is None else [ENERGY_SHIFT.name]))
        found[name] = Systematics(
            tuple(norms), constant(list(norms.values())), tuple(given), constant(list(given.values())), own
        )
    return found


def reactor(source: ReactorTable) -> ReactorFlux:
    """Return the flux of a [source]."""
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


def response(table: ResponseTable, made_of: Target, low: np.ndarray, high: np.ndarray, path: Path) -> Response:
    """Return the answer of detectors to ionisation, in bins [MeV]."""
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
            truncated=table.resolution.truncated,
        )
    efficiency = None if table.efficiency_file is None else _efficiency(path.parent / table.efficiency_file)
    steps = panel_ends(made_of, quenching)
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


def panel_ends(made_of: Target, quenching: Quenching) -> np.ndarray:
    """Return ionisation energies [MeV] across which no panel of a quadrature reaches."""
    return np.concatenate([*(np.asarray(s.binding_energy) for s in made_of.shells), quenching.kinks()])


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

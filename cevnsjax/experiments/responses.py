"""From [response] to chains and matrices: yields, smearing and efficiency as a file names them."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from jaxtyping import Float

from cevnsjax.constants import ELECTRON_MASS, KEV
from cevnsjax.errors import InputError
from cevnsjax.experiments.cells import ENERGY_UNITS, Axis
from cevnsjax.experiments.signal_schema import (
    AnySmearing,
    AnyYield,
    EfficiencyTable,
    PolynomialYield,
    RecoilTable,
    ResponseTable,
    TabulatedYield,
)
from cevnsjax.matter import Target, maximal_recoil_energy
from cevnsjax.resources import data_folder, read_table
from cevnsjax.response import (
    Chain,
    Efficiency,
    Exact,
    Full,
    Gamma,
    Gaussian,
    Lindhard,
    LogisticEfficiency,
    Matrix,
    Poisson,
    Polynomial,
    Response,
    Smearing,
    TabulatedEfficiency,
    Yield,
    matrix,
    panel_edges,
    tabulated_yield,
)

__all__ = ["efficiency_of", "responses"]

MEASURED_OF = {
    "germanium_collar_2021.csv": "Ge",
    "silicon_2016_2017.csv": "Si",
    "xenon_nest_2.csv": "Xe",
}
"""The element of each table in `data/quenching/`."""

NEAR = 3.0
"""Shifts of no more standard deviations of the smearing than this leave the panels as they are, which reach further."""

LEAST_YIELD, LEAST_RECOIL = 1e-4, 1e-9
"""A yield is at least this, from this recoil energy [MeV] on."""


def responses(
    table: ResponseTable, folder: Path, axes: Sequence[Axis], target: Target, corners: Float[np.ndarray, " corners"]
) -> tuple[Response | None, Response | None]:
    """Return the responses to nuclear and to electron recoils in the bins of the first axis.

    A matrix may cover more of the axes: its bins are all products of theirs, the last of them running fastest.

    A response is None where the detector does not see that kind of recoil. `folder` holds the files that the table
    names. `corners` [MeV] are energies at which the flux has a corner: no panel of the quadrature reaches across the
    largest recoil there. Raises `InputError` for files and numbers that make no sense.
    """
    nuclear, electron, axis = table.nuclear, table.electron, axes[0]
    kinks: Float[np.ndarray, " kinks"] = np.zeros(0)
    answers: Response | None = None
    if nuclear != "none" and nuclear.matrix_file is not None:
        bins = math.prod(a.size for a in axes if a is axis or a.name in nuclear.matrix_axes)
        answers = matrix(folder / nuclear.matrix_file, bins, nuclear.matrix_at)
    elif nuclear != "none":
        yields = _yields(nuclear, folder, target)
        kinks = np.concatenate([one.kinks() for one in yields])
        ends = [
            np.asarray(one.visible(maximal_recoil_energy(corners, mass)))
            for one, element in zip(yields, target.elements, strict=True)
            for mass in np.asarray(element.isotopes.mass)
        ]
        answers = _chain(nuclear, table, folder, axis, target, yields, np.concatenate([kinks, *ends]))
    if electron == "none" or (electron is None and isinstance(answers, Matrix)):
        return answers, None
    given = nuclear if electron is None else electron
    assert isinstance(given, RecoilTable)
    if given.matrix_file is not None:
        return answers, matrix(folder / given.matrix_file, axis.size, given.matrix_at)
    ends = [np.asarray(maximal_recoil_energy(corners, ELECTRON_MASS))]
    return answers, _chain(given, table, folder, axis, target, (Full(),), np.concatenate([kinks, *ends]))


def _chain(
    recoil: RecoilTable,
    table: ResponseTable,
    folder: Path,
    axis: Axis,
    target: Target,
    yields: tuple[Yield, ...],
    kinks: Float[np.ndarray, " kinks"],
) -> Chain:
    gain = _gain(table.signal_per_keV, axis)
    smearing = _smearing(recoil.smearing, gain)
    efficiency = None if recoil.efficiency is None else efficiency_of(recoil.efficiency, folder, axis)
    steps = [target.binding_energies, kinks]
    if efficiency is not None and not efficiency.reconstructed:
        steps.append(efficiency.knots / gain)
    breaks = panel_edges(axis.low, axis.high, smearing, gain, np.concatenate(steps))
    if abs(table.shift) > NEAR * float(smearing.deviation(axis.low.min())):
        # Signals are seen where the shift moves them to: panels reach there, too. Those that any shift has stay.
        seen = axis.low - table.shift, axis.high - table.shift
        wide = panel_edges(*seen, smearing, gain, np.concatenate(steps))
        breaks = np.concatenate([wide[wide < breaks[0]], breaks, wide[wide > breaks[-1]]])
    for one in yields:
        _check_rising(one, float(breaks[-1]))
    return Chain(
        yields=yields,
        gain=gain,
        smearing=smearing,
        efficiency=efficiency,
        shift=table.shift,
        low=axis.low,
        high=axis.high,
        breaks=breaks,
        contiguous=axis.contiguous,
    )


def _gain(per_keV: float | None, axis: Axis) -> float:
    """Return the signal per MeV of visible energy."""
    if axis.unit in ENERGY_UNITS:
        if per_keV is not None:
            raise InputError(f"the axis {axis.name} is in {axis.unit}: leave out response.signal_per_keV")
        return ENERGY_UNITS[axis.unit]
    if per_keV is None:
        raise InputError(
            f"the axis {axis.name} is in '{axis.unit}': give response.signal_per_keV, or a unit of "
            f"{', '.join(ENERGY_UNITS)}"
        )
    return per_keV / KEV


def _yields(table: RecoilTable, folder: Path, target: Target) -> tuple[Yield, ...]:
    """Return the yield of each element."""
    symbols = [element.symbol for element in target.elements]
    if table.yields and set(table.yields) != set(symbols):
        raise InputError(
            f"response.nuclear.yields is of {', '.join(table.yields)}, the target of {', '.join(symbols)}: give the "
            "yield of each element"
        )
    found = []
    for element in target.elements:
        given = table.yields[element.symbol] if table.yields else table.yield_
        assert given is not None
        found.append(_yield(given, folder, element.symbol, float(element.atomic_number)))
    return tuple(found)


def _yield(table: AnyYield, folder: Path, symbol: str, atomic_number: float) -> Yield:
    if table.kind == "lindhard":
        return Lindhard(table.k, Z=atomic_number)
    if table.kind == "table":
        return tabulated_yield(_table_of_yields(table, folder, symbol), table.column, table.factor)
    if table.kind == "constant":
        return Polynomial(np.array([table.value]))
    if table.kind == "linear":
        return Polynomial(np.array([table.intercept, table.slope_per_keV / KEV]))
    return Polynomial(_shifted(table.coefficients, table))


def _shifted(numbers: list[float], table: PolynomialYield | EfficiencyTable) -> Float[np.ndarray, " numbers"]:
    """Return numbers with what their components add."""
    return np.array(numbers) + np.array(table.shifts) @ np.array(table.components).reshape(-1, len(numbers))


def _table_of_yields(table: TabulatedYield, folder: Path, symbol: str) -> Path:
    """Return the file beside the description, or else the one of that name that comes with the package."""
    beside, embedded = folder / table.file, data_folder() / "quenching" / table.file
    if beside.exists() or table.file not in MEASURED_OF:
        return beside
    if MEASURED_OF[table.file] != symbol:
        raise InputError(
            f"'{table.file}' holds yields of {MEASURED_OF[table.file]}, and the target has {symbol}: put a table of "
            "your own beside the description"
        )
    return embedded


def _check_rising(one: Yield, end: float) -> None:
    """Raise `InputError` for a yield that is below LEAST_YIELD or above one, or a visible energy that falls.

    `end` [MeV] is the largest visible energy that counts: recoils up to there are looked for.
    """
    if isinstance(one, Full):
        return
    recoil = np.geomspace(LEAST_RECOIL, 1e4 * end, 4096)
    visible = np.asarray(one.visible(recoil))
    reached = np.flatnonzero(visible >= end)
    last = int(reached[0]) + 1 if reached.size else recoil.size
    wrong = {
        "lies above 1": visible > recoil * (1 + 1e-9),
        f"lies below {LEAST_YIELD:g}": visible < LEAST_YIELD * recoil,
        "falls so fast that the visible energy falls": np.append(False, np.diff(visible) <= 0),
    }
    first = {what: int(np.argmax(where[:last])) for what, where in wrong.items() if where[:last].any()}
    if first:
        what = min(first, key=first.__getitem__)
        raise InputError(
            f"the yield {what} at a recoil energy of {recoil[first[what]] / KEV:.4g} keV: it must be a share, and the "
            f"visible energy must rise up to {end / KEV:.4g} keV, which bins and smearing reach"
        )


def _smearing(table: AnySmearing | None, gain: float) -> Smearing:
    if table is None or table.kind == "none":
        return Exact()
    if table.kind == "gaussian":
        poisson = table.fano * table.pair_energy + table.relative_at_1_keV**2 * gain * KEV
        if not (table.noise or poisson or table.relative or table.linear):
            raise InputError("a gaussian smearing needs a noise, or a width that grows with the signal")
        return Gaussian(table.noise or 0.0, poisson, table.relative, table.linear, table.truncated)
    if table.kind == "gamma":
        return Gamma(table.shape_per_keV / (gain * KEV))
    return Poisson()


def efficiency_of(table: EfficiencyTable, folder: Path, axis: Axis) -> Efficiency:
    """Return the efficiency along an axis; raises `InputError` for a table that makes no sense."""
    reconstructed = table.against == "reconstructed"
    if table.kind == "logistic":
        return LogisticEfficiency(numbers=_shifted(table.numbers, table), reconstructed=reconstructed)
    assert table.file is not None
    path = folder / table.file
    columns = read_table(path, (axis.name, "efficiency"))
    signals, efficiency = columns[axis.name], columns["efficiency"]
    if not (np.isfinite(signals).all() and (np.diff(signals) > 0).all()):
        raise InputError(f"'{path}': {axis.name} must be finite and rise from row to row")
    if not ((efficiency >= 0) & (efficiency <= 1)).all():
        raise InputError(f"'{path}': an efficiency lies between 0 and 1")
    return TabulatedEfficiency(signal=signals, efficiency=efficiency, reconstructed=reconstructed)

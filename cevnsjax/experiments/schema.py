"""The description of an experiment as it stands in its TOML file, checked key by key."""

from pathlib import Path
from typing import Annotated, Any, Literal, get_args, get_origin

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from cevnsjax.errors import InputError, unknown_name
from cevnsjax.flux.reactor import ENERGY_TABLES
from cevnsjax.flux.spectra import ABOVE_2_MEV, ABOVE_8_MEV, BELOW_2_MEV, ISOTOPES
from cevnsjax.form_factors import FORM_FACTORS
from cevnsjax.targets import ELECTRONS

__all__ = ["Description", "parse"]


def _one_of(*known: str) -> AfterValidator:
    def check(value: str) -> str:
        if value not in known:
            raise ValueError(f"give one of {', '.join(known)}")
        return value

    return AfterValidator(check)


Positive = Annotated[float, Field(gt=0, allow_inf_nan=False)]
NotNegative = Annotated[float, Field(ge=0, allow_inf_nan=False)]


class _Table(BaseModel):
    """A TOML table: a key that is not named here is an error, and a number is no string."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class TargetTable(_Table):
    """[target]."""

    elements: Annotated[dict[str, Positive], Field(min_length=1)]
    form_factor: Annotated[str, _one_of(*FORM_FACTORS)] = "helm"
    electrons: Annotated[str, _one_of(*ELECTRONS)] = "bound"


class ReactorTable(_Table):
    """[source] of kind "reactor"."""

    kind: Literal["reactor"]
    power_GW: Positive
    baseline_m: Positive
    energy_per_fission_MeV: Positive | Annotated[str, _one_of(*ENERGY_TABLES)]
    fission_fractions: Annotated[dict[Annotated[str, _one_of(*ISOTOPES)], NotNegative], Field(min_length=4)]
    captures_per_fission: NotNegative = 0.6
    below_2_MeV: Annotated[str, _one_of(*BELOW_2_MEV)] = "vogel_engel"
    above_2_MeV: Annotated[str, _one_of(*ABOVE_2_MEV)] = "huber_mueller"
    above_8_MeV: Annotated[str, _one_of(*ABOVE_8_MEV)] | None = None
    total_flux_per_cm2_s: Positive | None = None


class LindhardTable(_Table):
    """quenching = { model = "lindhard", ... }."""

    model: Literal["lindhard"]
    k: Annotated[float, Field(ge=0.05, le=0.4)]


class YieldTable(_Table):
    """quenching = { model = "table", ... }."""

    model: Literal["table"]
    table: str
    column: str


class ResolutionTable(_Table):
    """resolution = { ... }."""

    noise_eV: Positive
    fano: NotNegative
    pair_energy_eV: Positive
    truncated: bool = False


class ResponseTable(_Table):
    """[response]."""

    quenching: Annotated[LindhardTable | YieldTable, Field(discriminator="model")]
    resolution: ResolutionTable | None = None
    efficiency_file: str | None = None


class DetectorTable(_Table):
    """[[detectors]]."""

    name: str
    mass_kg: Positive
    live_days: Positive
    threshold_eV: NotNegative


class DataTable(_Table):
    """[data]."""

    file: str
    per_kg: bool = False
    per_energy_eV: Positive | None = None


class RunTable(_Table):
    """[[runs]]: counts of one detector with the reactor on, and off.

    What stands in `each` of the systematics is the `detector`'s, that of the run's name if it is not said. Without a
    `file` what is expected stands in: of the Standard Model and the background ("sm"), or of the background alone.
    """

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_]+$")]
    detector: Annotated[str, Field(pattern=r"^[A-Za-z0-9_]+$")] | None = None
    on_kg_d: Positive
    off_kg_d: Positive | None = None
    low_eV: NotNegative
    high_eV: Positive
    bins: Annotated[int, Field(ge=1, le=10_000)]
    file: str | None = None
    expected: Literal["sm", "background"] | None = None


class _ComponentTable(_Table):
    """What all of [[background]] have: which quantities are free, and which have a pull; and in which runs it is."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z]\w*$")]
    free: list[str] = []
    pull: dict[str, Positive] = {}
    runs: list[str] | None = None


class FlatTable(_ComponentTable):
    """kind = "flat"."""

    kind: Literal["flat"]
    rate_per_keV_kg_d: NotNegative
    tilt: Annotated[float, Field(ge=-1, le=1)] = 0.0


class ExponentialTable(_ComponentTable):
    """kind = "exponential"; it starts with the first bin if not said otherwise."""

    kind: Literal["exponential"]
    height_per_keV_kg_d: NotNegative
    decay_eV: Positive
    start_eV: NotNegative | None = None


class FollowerTable(_Table):
    """followers = [{ ... }]: a weaker line of the same decay."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_]+$")]
    centre_eV: Positive
    width_eV: Positive | None = None
    ratio: NotNegative


class LineTable(_ComponentTable):
    """kind = "line"."""

    kind: Literal["line"]
    area_per_kg_d: NotNegative
    centre_eV: Positive
    width_eV: Positive
    followers: list[FollowerTable] = []


class TabulatedTable(_ComponentTable):
    """kind = "tabulated": a column of counts per kg and day, bin by bin."""

    kind: Literal["tabulated"]
    file: str
    column: str


BackgroundTable = Annotated[FlatTable | ExponentialTable | LineTable | TabulatedTable, Field(discriminator="kind")]


class EachTable(_Table):
    """[systematics.NAME.each]: what is each detector's own."""

    normalisation: dict[Annotated[str, Field(pattern=r"^[A-Za-z_]\w*$")], Positive] = {}
    energy_shift_eV: Positive | None = None


class SystematicsTable(_Table):
    """[systematics.NAME]: standard deviations of what is not known exactly.

    What stands in `each` is each detector's own, all else common to the file's runs.
    """

    normalisation: dict[Annotated[str, Field(pattern=r"^[A-Za-z_]\w*$")], NotNegative] = {}
    quenching_k: Positive | None = None
    quenching_yield: Positive | None = None
    energy_shift_eV: Positive | None = None
    nuclear_radius: Positive | None = None
    each: EachTable = EachTable()


class Description(_Table):
    """A whole file."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_]+$")]
    title: str
    reference: str = ""
    target: TargetTable
    source: ReactorTable
    response: ResponseTable
    detectors: list[DetectorTable] = []
    data: DataTable | None = None
    runs: list[RunTable] = []
    analyses: dict[str, Annotated[list[str], Field(min_length=1)]] = {}
    background: list[BackgroundTable] = []
    systematics: dict[str, SystematicsTable] = {}
    variants: dict[str, dict[str, Any]] = {}
    warning: str = ""


KINDS: dict[int | str, Any] = {
    "lindhard": LindhardTable,
    "table": YieldTable,
    "flat": FlatTable,
    "exponential": ExponentialTable,
    "line": LineTable,
    "tabulated": TabulatedTable,
}
"""What tells tables of one place apart, as the checker names it in the location of an error."""


def _known_keys(location: tuple[int | str, ...]) -> list[str]:
    """Return the keys that the table at a location may have, or nothing where it is not one table."""
    here: Any = Description
    for step in location:
        if isinstance(step, int):
            continue
        if here == dict[str, SystematicsTable]:  # by names of the user's own
            here = SystematicsTable
            continue
        field = getattr(here, "model_fields", {}).get(step)
        if field is None and step in KINDS:
            here = KINDS[step]
            continue
        if field is None:
            return []
        here = field.annotation
        if get_origin(here) is not dict:
            here = next((t for t in get_args(here) if hasattr(t, "model_fields")), here)
    return list(getattr(here, "model_fields", {}))


def _key(location: tuple[int | str, ...]) -> str:
    """Return a location as a user would write it: without the kind of a table that stands in a list, or has a model."""
    steps = [
        step
        for before, step in zip((None, *location), location, strict=False)
        if step != "[key]" and not (step in KINDS and (isinstance(before, int) or before == "quenching"))
    ]
    return ".".join(map(str, steps))


def parse(content: dict[str, Any], path: Path) -> Description:
    """Return the checked description; raises `InputError` naming the first key that is wrong, and why."""
    try:
        return Description.model_validate(content)
    except ValidationError as error:
        errors = error.errors(include_url=False)
    # A key that is not known is often the one that seems to be missing, misspelt.
    first = min(errors, key=lambda e: e["type"] != "extra_forbidden")
    location = first["loc"]
    key = _key(location)
    if first["type"] == "extra_forbidden":
        wrong = unknown_name("key", key, [_key((*location[:-1], k)) for k in _known_keys(location[:-1])])
        raise InputError(f"'{path}': {wrong}")
    if first["type"] == "missing":
        raise InputError(f"'{path}': the key '{key}' is missing")
    given = first["input"]
    shown = "" if isinstance(given, dict | list) else f" = {given!r}"
    message = first["msg"].removeprefix("Value error, ")
    raise InputError(f"'{path}': {key}{shown} is wrong: {message[0].lower()}{message[1:]}")

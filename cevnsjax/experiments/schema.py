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


class SystematicsTable(_Table):
    """[systematics.NAME]: standard deviations of what is not known exactly."""

    normalisation: dict[Annotated[str, Field(pattern=r"^[A-Za-z_]\w*$")], NotNegative] = {}
    quenching_k: Positive | None = None
    energy_shift_eV: Positive | None = None
    nuclear_radius: Positive | None = None


class Description(_Table):
    """A whole file."""

    name: Annotated[str, Field(pattern=r"^[A-Za-z0-9_]+$")]
    title: str
    reference: str = ""
    target: TargetTable
    source: ReactorTable
    response: ResponseTable
    detectors: Annotated[list[DetectorTable], Field(min_length=1)]
    data: DataTable
    systematics: dict[str, SystematicsTable] = {}


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
        if field is None:
            return []
        here = field.annotation
        if get_origin(here) is not dict:
            here = next((t for t in get_args(here) if hasattr(t, "model_fields")), here)
    return list(getattr(here, "model_fields", {}))


def parse(content: dict[str, Any], path: Path) -> Description:
    """Return the checked description; raises `InputError` naming the first key that is wrong, and why."""
    try:
        return Description.model_validate(content)
    except ValidationError as error:
        errors = error.errors(include_url=False)
    # A key that is not known is often the one that seems to be missing, misspelt.
    first = min(errors, key=lambda e: e["type"] != "extra_forbidden")
    location = first["loc"]
    key = ".".join(str(step) for step in location if step not in ("lindhard", "table", "[key]"))
    if first["type"] == "extra_forbidden":
        wrong = unknown_name("key", key, [".".join([*map(str, location[:-1]), k]) for k in _known_keys(location[:-1])])
        raise InputError(f"'{path}': {wrong}")
    if first["type"] == "missing":
        raise InputError(f"'{path}': the key '{key}' is missing")
    given = first["input"]
    shown = "" if isinstance(given, dict | list) else f" = {given!r}"
    message = first["msg"].removeprefix("Value error, ")
    raise InputError(f"'{path}': {key}{shown} is wrong: {message[0].lower()}{message[1:]}")

"""[source] of an experiment file: where neutrinos come from."""

from typing import Annotated, Any, Literal

from pydantic import Field, model_validator

from cevnsjax.experiments.ranges import Baseline, Factor, Flux, Potential, Power, Range, Share, Text, one_of
from cevnsjax.experiments.tables import Table
from cevnsjax.flavours import FLAVOURS
from cevnsjax.sources import SOLAR_COMPONENTS, SOLAR_MODELS, solar_fluxes, solar_potentials
from cevnsjax.sources.reactor import ENERGY_TABLES
from cevnsjax.sources.spectra import ABOVE_2_MEV, ABOVE_8_MEV, BELOW_2_MEV, ISOTOPES

__all__ = ["AnySource", "PionAtRestTable", "ReactorTable", "SolarTable", "TableSource"]


class ReactorTable(Table):
    """[source] of kind "reactor"."""

    kind: Literal["reactor"]
    power_GW: Power
    baseline_m: Baseline
    energy_per_fission_MeV: Annotated[float, Range(100.0, 300.0)] | Annotated[str, one_of(*ENERGY_TABLES)]
    fission_fractions: Annotated[dict[Annotated[str, one_of(*ISOTOPES)], Share], Field(min_length=4)]
    captures_per_fission: Annotated[float, Range(0.0, 10.0)] = 0.6
    below_2_MeV: Annotated[str, one_of(*BELOW_2_MEV)] = "vogel_engel"
    above_2_MeV: Annotated[str, one_of(*ABOVE_2_MEV)] = "huber_mueller"
    above_8_MeV: Annotated[str, one_of(*ABOVE_8_MEV)] | None = None
    total_flux_per_cm2_s: Flux | None = None


class ColumnTable(Table):
    """A file and one of its columns."""

    file: Text
    column: Text


class ComponentTable(Table):
    """[[source.components]]: one flavour, and its probability in each bin of other axes."""

    flavour: Annotated[str, one_of(*FLAVOURS)]
    column: Text
    scale: Factor = 1.0
    profiles: dict[Text, ColumnTable] = Field(default_factory=dict)


class TableSource(Table):
    """[source] of kind "table": a flux of one's own [cm^-2 s^-1 MeV^-1]."""

    kind: Literal["table"]
    file: Text
    baseline_m: Baseline
    components: Annotated[list[ComponentTable], Field(min_length=1)]


class PulseTable(Table):
    """pulse = { mean_us, sigma_us }: when protons arrive, on the clock of the axis `time`."""

    mean_us: Annotated[float, Range(-1e6, 1e6)]
    sigma_us: Annotated[float, Range(1e-4, 1e6)]


class PionAtRestTable(Table):
    """[source] of kind "pion_at_rest": a line of nu_mu, then nu_e and nu_mu_bar of the muon, as many of each."""

    kind: Literal["pion_at_rest"]
    baseline_m: Baseline
    protons_on_target: Annotated[float, Range(1e10, 1e30)]
    neutrinos_per_proton: Annotated[float, Range(1e-6, 10.0)]
    pulse: PulseTable | None = None


SolarComponent = Annotated[str, one_of(*SOLAR_COMPONENTS)]


class SolarTable(Table):
    """[source] of kind "solar".

    `fluxes` and `potentials_eV` always hold those of all `components`, so that nuisances can move them: what the file
    leaves out is the solar model's.
    """

    kind: Literal["solar"]
    components: Annotated[list[SolarComponent], Field(min_length=1)] | None = None
    model: Annotated[str, one_of(*SOLAR_MODELS)] = "gs98"
    fluxes: dict[SolarComponent, Flux] = Field(default_factory=dict)
    potentials_eV: dict[SolarComponent, Potential] = Field(default_factory=dict)
    sin2_theta_12: Annotated[float, Range(0.01, 0.99)] = 0.307
    sin2_theta_13: Annotated[float, Range(0.0, 0.5)] = 0.022
    dm2_21_eV2: Annotated[float, Range(1e-6, 1e-3)] = 7.53e-5

    @model_validator(mode="before")
    @classmethod
    def _complete(cls, given: Any) -> Any:
        """Fill in the numbers that the file leaves out, where those that it gives make sense so far."""
        if not isinstance(given, dict) or given.get("model", "gs98") not in SOLAR_MODELS:
            return given
        chosen = given.get("components") or SOLAR_COMPONENTS
        usual = {"fluxes": solar_fluxes(given.get("model", "gs98")), "potentials_eV": solar_potentials()}
        if not isinstance(chosen, list | tuple) or any(not isinstance(given.get(key, {}), dict) for key in usual):
            return given
        known = [name for name in SOLAR_COMPONENTS if name in chosen]
        filled = {key: {name: all_of[name] for name in known} | given.get(key, {}) for key, all_of in usual.items()}
        return {**given, **filled}

    @model_validator(mode="after")
    def _alike(self) -> "SolarTable":
        chosen = SOLAR_COMPONENTS if self.components is None else self.components
        if len(set(chosen)) < len(chosen):
            raise ValueError("components must differ; name each once")
        for key in ("fluxes", "potentials_eV"):
            if extra := [name for name in getattr(self, key) if name not in chosen]:
                raise ValueError(f"{key} has {extra[0]}, which is not among the components")
        return self


AnySource = Annotated[ReactorTable | TableSource | PionAtRestTable | SolarTable, Field(discriminator="kind")]

"""An experiment: target, flux, response, detectors and data, as one differentiable object."""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from cevnsjax.constants import EV
from cevnsjax.flux import Flux
from cevnsjax.interactions import Model
from cevnsjax.parameters import Parameters
from cevnsjax.rates import FLUX_ORDER, RESPONSE_ORDER, Channel, RateTable, bin_rates, rate_table
from cevnsjax.response import Response
from cevnsjax.targets import Target

__all__ = ["Detectors", "Experiment", "Systematics", "expected_counts", "tabulate"]


class Detectors(eqx.Module):
    """The detectors of an experiment: active mass [kg], live time [s], threshold [MeV] of each."""

    names: tuple[str, ...] = eqx.field(static=True)
    mass: Float[Array, " detectors"]
    live_time: Float[Array, " detectors"]
    threshold: Float[Array, " detectors"]

    def active(self, low: Float[Array, " bins"]) -> Bool[Array, "detectors bins"]:
        """Return which detectors see a bin: those whose threshold is at or below its lower edge [MeV]."""
        # Thresholds and edges are typed in eV; a part in 1e9 keeps their conversion from deciding.
        return self.threshold[:, None] <= low * (1 + 1e-9)


class Systematics(eqx.Module):
    """Standard deviations: of `norms`, factors on the signal (zero for none), and of what moves the spectrum.

    `shapes` are names in `cevnsjax.experiments.moves`.
    """

    norms: tuple[str, ...] = eqx.field(static=True)
    norm_sigma: Float[Array, " norms"]
    shapes: tuple[str, ...] = eqx.field(static=True)
    shape_sigma: Float[Array, " shapes"]


class Experiment(eqx.Module):
    """Everything that a description file says, in MeV, cm, s and kg.

    `observed` and `sigma` are in the data's own unit, as `unit` names it: counts over the run, divided by
    the active detectors' mass if `per_kg`, and given per `per_energy` [MeV] unless that is None.
    `systematics` are sets by name, of which a likelihood chooses one.
    """

    name: str = eqx.field(static=True)
    title: str = eqx.field(static=True)
    reference: str = eqx.field(static=True)
    target: Target
    fluxes: tuple[Flux, ...]
    response: Response
    detectors: Detectors
    observed: Float[Array, " bins"]
    sigma: Float[Array, " bins"]
    systematics: dict[str, Systematics]
    per_kg: bool = eqx.field(static=True)
    per_energy: float | None = eqx.field(static=True)

    @property
    def unit(self) -> str:
        """The data's unit, in words."""
        unit = "counts / kg" if self.per_kg else "counts"
        return unit if self.per_energy is None else f"{unit} / ({self.per_energy / EV:g} eV_ee)"

    def exposure(self) -> Float[Array, "detectors bins"]:
        """Return what turns a rate [kg^-1 s^-1] in a bin into each detector's share of the data's unit."""
        active = self.detectors.active(self.response.low)
        exposure = jnp.where(active, (self.detectors.mass * self.detectors.live_time)[:, None], 0.0)
        if self.per_kg:
            exposure /= self.active_mass()
        if self.per_energy is not None:
            exposure *= self.per_energy / (self.response.high - self.response.low)
        return exposure

    def active_mass(self) -> Float[Array, " bins"]:
        """Return the mass [kg] of the detectors that see each bin."""
        return jnp.sum(jnp.where(self.detectors.active(self.response.low), self.detectors.mass[:, None], 0.0), axis=0)

    def events(self, expected: Float[Array, " bins"]) -> Float[Array, " bins"]:
        """Return the number of events over the run that values in the data's unit stand for."""
        if self.per_energy is not None:
            expected = expected * (self.response.high - self.response.low) / self.per_energy
        return expected * self.active_mass() if self.per_kg else expected


def tabulate(experiment: Experiment, flux_order: int = FLUX_ORDER, response_order: int = RESPONSE_ORDER) -> RateTable:
    """Return the experiment's rate table; differentiable in every leaf of the experiment."""
    return rate_table(experiment.target, experiment.fluxes, experiment.response, flux_order, response_order)


def expected_counts(
    experiment: Experiment, table: RateTable, model: Model, params: Parameters, channel: Channel = "all"
) -> Float[Array, "detectors bins"]:
    """Return what each detector adds to each bin of the prediction, in the data's unit."""
    return experiment.exposure() * bin_rates(table, model, params, channel)

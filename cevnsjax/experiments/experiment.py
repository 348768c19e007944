"""An experiment: target, flux, response, detectors and data, as one differentiable object."""

import dataclasses

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Bool, Float

from cevnsjax.constants import EV
from cevnsjax.experiments.background import Background
from cevnsjax.flux import Flux
from cevnsjax.interactions import Model
from cevnsjax.parameters import Parameters
from cevnsjax.rates import FLUX_ORDER, RESPONSE_ORDER, Channel, RateTable, bin_rates, rate_table
from cevnsjax.response import Response
from cevnsjax.targets import Target

__all__ = ["Counts", "Detectors", "Experiment", "Systematics", "expected_counts", "tabulate"]


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

    `shapes` are names in `cevnsjax.experiments.moves`. Those of both that stand in `own` are one detector's own; the
    others are common to all runs of a description.
    """

    norms: tuple[str, ...] = eqx.field(static=True)
    norm_sigma: Float[Array, " norms"]
    shapes: tuple[str, ...] = eqx.field(static=True)
    shape_sigma: Float[Array, " shapes"]
    own: tuple[str, ...] = eqx.field(static=True, default=())


class Counts(eqx.Module):
    """What makes an experiment one of counts and a model of their background, not of an excess.

    `exposures` [kg d] are those with the reactor on and off, `off` the counts of the latter. If not `poisson`, errors
    are those of the data.
    """

    background: Background
    exposures: Float[Array, "2"]
    off: Float[Array, " bins"] | None
    poisson: bool = eqx.field(static=True)


class Experiment(eqx.Module):
    """Everything that a description file says, in MeV, cm, s and kg.

    `observed` and `sigma` are in the data's own unit, as `unit` names it: counts over the run, divided by
    the active detectors' mass if `per_kg`, and given per `per_energy` [MeV] unless that is None.
    `systematics` are sets by name, of which a likelihood chooses one. An experiment of several runs is one object for
    each, with the same name. `expected` says of what the data are that which is expected, "" if they are real, and
    `public` whether there are real ones; `warning` is what else a user of these data must know.
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
    counts: Counts | None = None
    run: str = eqx.field(static=True, default="")
    expected: str = eqx.field(static=True, default="")
    public: bool = eqx.field(static=True, default=True)
    warning: str = eqx.field(static=True, default="")

    @property
    def label(self) -> str:
        """Name and run, `conus:C1R1` for instance."""
        return f"{self.name}:{self.run}" if self.run else self.name

    def bare(self) -> "Experiment":
        """Return what a rate depends on, all names left out, so that what is compiled for one run serves all."""
        detectors = dataclasses.replace(self.detectors, names=tuple("" for _ in self.detectors.names))
        return dataclasses.replace(
            self, name="", title="", reference="", run="", expected="", public=True, warning="",
            detectors=detectors, systematics={}, counts=None,
        )  # fmt: skip

    @property
    def note(self) -> str:
        """What a reader of any result must know of the data, "" where there is nothing to say."""
        if not self.expected:
            return self.warning
        lead = f"what is expected {self.expected} stands in"
        lead = f"{self.name}: {lead} for its data" if self.public else f"{self.name}: no data are public; {lead}"
        return "; ".join(filter(None, (lead, self.warning)))

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

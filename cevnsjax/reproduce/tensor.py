"""What moves the scale of tensor interactions in CONUS, and recoils beyond the kinematic limit.

Exact kinematics let a neutrino of energy E give a nucleus of mass M at most T = 2 E^2 / (M + 2 E), whatever the
interaction. The bracket 1 - M T / (4 E^2) of the tensor cross section vanishes only at T = 4 E^2 / M. An analysis that
integrates wherever the bracket is positive therefore counts recoils that no neutrino of that energy gives.
"""

import dataclasses
from typing import Any

import equinox as eqx
import numpy as np
from jaxtyping import Float

from cevnsjax.experiments import Experiment, load_runs
from cevnsjax.flavours import NU_MU_BAR, Flavour, Lepton
from cevnsjax.inference import expected_intervals
from cevnsjax.interactions import ElectronRecoil, Interaction, Model, NuclearRecoil, StandardModel, TensorNSI
from cevnsjax.interactions.base import Amplitude, Coefficients
from cevnsjax.likelihood import Likelihood
from cevnsjax.numeric import AnyArray
from cevnsjax.parameters import Parameter, Parameters
from cevnsjax.reproduce.conus_limits import BSM, CL, farthest, scale_of, talk
from cevnsjax.reproduce.study import Results, Step
from cevnsjax.reproduce.workspace import Workspace
from cevnsjax.sources import Moments

__all__ = ["BRACKET", "MODEL", "REACH", "tensor", "tensor_steps", "with_tensor_component"]

UP = "eps_ee_ut"

SWITCHES: tuple[tuple[str, dict[str, object], float | None], ...] = (
    ("k = 0.18", {"response.nuclear.yield.k": 0.18}, None),
    ("resolution of 40 eV instead of 30 eV", {"response.nuclear.smearing.noise": 40.0}, None),
    ("exact energy scale", {"nuisance.energy_shift.sigma": 1e-3}, None),
    ("regions from 250 eV on", {}, 250.0),
)
"""A label, overrides of the description, and a threshold [eV]."""

EXACT, BRACKET = "as described: up quarks alone", "recoils up to T = 4 E^2 / M, where the bracket vanishes"

REACH = 2**-0.5
"""E_min of a recoil T = 4 E^2 / M, sqrt(M T) / 2, over the exact one: up to T / (2 E), which is below 3e-4 here."""


def tensor_steps() -> tuple[Step, ...]:
    """Return one step for each switch, and one for recoils up to where the bracket vanishes."""
    switches = [
        Step(f"tensor_{number}", f"tensor interactions: {label}", _Switched(overrides, threshold))
        for number, (label, overrides, threshold) in enumerate(SWITCHES)
    ]
    return (*switches, Step("tensor_bracket", "tensor interactions: recoils beyond the kinematic limit", _bracket))


def tensor(results: Results) -> dict[str, Any]:
    """Return the scale with one assumption switched at a time, and what conventions do to it."""
    epsilon = farthest(results["limit_tensor_nsi"])
    up, both = _quarks()
    found = [(EXACT, epsilon)]
    found += [(label, results[f"tensor_{number}"]) for number, (label, _, _) in enumerate(SWITCHES)]
    # Counts depend on the square of the charge alone, so that conventions need no fit.
    alike = epsilon * up / both
    found += [("up and down quarks alike", alike), ("cross section with 4 G_F^2 M / pi", epsilon / 2)]
    found += [("both of these", alike / 2), (BRACKET, results["tensor_bracket"]["epsilon"])]
    return {
        "conus_tensor": [{"assumption": label, "epsilon": eps, "scale_GeV": scale_of(eps)} for label, eps in found],
        "conus_tensor_published": float(talk()["tensor_nsi"]["value"]),
        "conus_tensor_events": results["tensor_bracket"]["events"],
        # Counts go with eps^2, so s^2 / b with eps^4, and the scale with the root of eps.
        "conus_tensor_weighted_GeV": scale_of(epsilon) * results["tensor_bracket"]["weighted"] ** (1 / 8),
        "conus_vector_alike": scale_of(farthest(results["limit_vector_nsi"]) * up / both),
    }


@dataclasses.dataclass(frozen=True)
class _Switched:
    """The limit on tensor interactions under other assumptions."""

    overrides: dict[str, object]
    threshold: float | None

    def __call__(self, work: Workspace) -> float:
        runs = load_runs(BSM, self.overrides, self.threshold)
        return farthest(expected_intervals(Likelihood(*runs, model="nsi_tensor"), UP, cl=CL))


def _quarks() -> tuple[float, float]:
    """Return how many up quarks a nucleus of germanium has, and how many quarks."""
    (element,) = load_runs("conus:C1R1_bsm")[0].signal.target.elements
    Z, N = element.atomic_number, float(element.abundance @ element.isotopes.N)
    return 2 * Z + N, 3 * (Z + N)


def _bracket(work: Workspace) -> dict[str, float]:
    """Return the limit with recoils up to T = 4 E^2 / M, and how the events of the tensor term grow.

    `events` is the ratio of their numbers, `weighted` that of the sums of s^2 / b over all bins with the reactor on.
    """
    likelihoods = [
        Likelihood(*(with_tensor_component(run, reach) for run in load_runs(BSM)), model=MODEL)
        for reach in (REACH, 1.0)
    ]
    wide, exact = (np.asarray(one.expected({UP: 1.0}) - one.expected({})) for one in likelihoods)
    runs, backgrounds = likelihoods[0].experiments, likelihoods[0].background_in({})
    b = np.concatenate([counts[: run.cells.size] for run, counts in zip(runs, backgrounds, strict=True)])
    return {
        "epsilon": farthest(expected_intervals(likelihoods[0], UP, cl=CL)),
        "events": float(wide.sum() / exact.sum()),
        "weighted": float((wide**2 / b).sum() / (exact**2 / b).sum()),
    }


def with_tensor_component(experiment: Experiment, reach: float) -> Experiment:
    """Return an experiment with its flux a second time, for the tensor term alone, with another least energy.

    The second component's moments at E_min are those of the flux at `reach` E_min. It carries the label of another
    flavour, by which `_OfFlavour` tells the two apart.
    """
    signal = experiment.signal
    (component,), (moments,) = signal.components, signal.moments
    second = dataclasses.replace(component, flavour=NU_MU_BAR)
    both = dataclasses.replace(signal, components=(component, second), moments=(moments, _Stretched(moments, reach)))
    return dataclasses.replace(experiment, signal=both)


class _Stretched(Moments):
    """Moments of the same flux from another least energy on, `reach` times E_min."""

    moments: Moments
    reach: float

    def __call__(self, minimum: Float[AnyArray, "*n"]) -> Float[AnyArray, "3 *n"]:
        return self.moments(self.reach * minimum)


class _OfFlavour(Interaction):
    """An interaction that acts on the component of one flavour, as if that were of electron neutrinos."""

    interaction: Interaction
    lepton: Lepton = eqx.field(static=True)

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        return self.interaction.parameters

    def _true(self, flavour: Flavour) -> Flavour | None:
        return flavour._replace(lepton="e") if flavour.lepton == self.lepton else None

    def nuclear_charge(self, params: Parameters, recoil: NuclearRecoil, flavour: Flavour, final: Lepton) -> Amplitude:
        true = self._true(flavour)
        return 0.0 if true is None else self.interaction.nuclear_charge(params, recoil, true, final)

    def nuclear_terms(self, params: Parameters, recoil: NuclearRecoil, flavour: Flavour) -> Coefficients:
        true = self._true(flavour)
        if true is None:
            return super().nuclear_terms(params, recoil, flavour)
        return self.interaction.nuclear_terms(params, recoil, true)

    def electron_couplings(
        self, params: Parameters, recoil: ElectronRecoil, flavour: Flavour, final: Lepton
    ) -> tuple[Amplitude, Amplitude]:
        true = self._true(flavour)
        return (0.0, 0.0) if true is None else self.interaction.electron_couplings(params, recoil, true, final)


MODEL = Model(
    "nsi_tensor", "tensor interactions with quarks, on a flux of their own",
    (_OfFlavour(StandardModel(), "e"), _OfFlavour(TensorNSI(), "mu")), (UP, "eps_ee_dt"),
)  # fmt: skip

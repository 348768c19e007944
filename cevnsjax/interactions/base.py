"""What an interaction is: a shift of the vector coupling, or an addition to the cross section.

At fixed recoil energy T every cross section here is a polynomial in 1/E,

    d(sigma)/dT (E, T) = c_0(T) + c_1(T)/E + c_2(T)/E^2 ,

and an interaction says how it changes c_n. Vector amplitudes are given for each final flavour: those with the
same one add up and interfere, then all are squared and summed. What keeps the flavour therefore interferes
with the Standard Model, and what changes it adds in squares. What flips the helicity, or is no vector current
at all, adds coefficients of its own.
"""

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from cevnsjax.constants import ELECTRON_MASS
from cevnsjax.flavours import Flavour, Lepton
from cevnsjax.matter.nuclei import Nucleus
from cevnsjax.numeric import AnyArray
from cevnsjax.parameters import Parameter, Parameters

__all__ = ["Amplitude", "Coefficients", "ElectronRecoil", "Interaction", "NuclearRecoil", "OnElectrons"]

Amplitude = Float[Array, ""] | float
"""A vector coupling; the number 0.0 where an interaction has none."""

Coefficients = Float[Array, "3"]
"""c_0, c_1, c_2 [cm^2 MeV^(n-1)]."""


class NuclearRecoil(eqx.Module):
    """A `nucleus` recoiling with kinetic energy `T` [MeV], and the `form_factor` F at its momentum transfer.

    >>> from cevnsjax.interactions import NuclearRecoil
    >>> from cevnsjax.matter import Nucleus
    >>> Z, N, mass, radius = (jnp.array(x) for x in (32.0, 40.0, 66_978.6, 4.06))
    >>> recoil = NuclearRecoil(jnp.array(1e-3), Nucleus(Z, N, mass, radius), form_factor=jnp.array(1.0))
    >>> round(float(recoil.q2) ** 0.5, 1)  # [MeV] at T = 1 keV
    11.6
    """

    T: Float[Array, "*n"]
    nucleus: Nucleus
    form_factor: Float[Array, "*n"]

    @property
    def q2(self) -> Float[Array, "*n"]:
        """Squared momentum transfer, 2 M T [MeV^2]."""
        return 2 * self.nucleus.mass * self.T


class ElectronRecoil(eqx.Module):
    """A free electron recoiling with kinetic energy `T` [MeV].

    >>> from cevnsjax.interactions import ElectronRecoil
    >>> round(float(ElectronRecoil(jnp.array(1e-3)).q2), 6)
    0.001022
    """

    T: Float[Array, "*n"]

    @property
    def q2(self) -> Float[Array, "*n"]:
        """Squared momentum transfer, 2 m_e T [MeV^2]."""
        return 2 * ELECTRON_MASS * self.T


class Interaction(eqx.Module):
    """Base of all interactions. Each method's default is to change nothing; override what applies.

    Every method takes `params`, the values of the parameters by name; a `recoil`; and the `flavour` of the incoming
    neutrino. `final` is the final lepton: "e", "mu" or "tau". All are scalar: `vmap` comes outside. Couplings are those
    of neutrinos; the model turns the sign of g_A for antineutrinos. (Their vector amplitudes all turn together,
    whatever the interaction, which leaves the cross section as it is.) Terms are c_0, c_1, c_2 [cm^2 MeV^(n-1)] of
    d(sigma)/dT = c_0 + c_1/E + c_2/E^2; charges and couplings are dimensionless.

    >>> from cevnsjax.interactions import Interaction, Model, StandardModel
    >>> from cevnsjax.parameters import Parameter
    >>> class NeutronContact(Interaction):
    ...     parameters = (Parameter("eps_n", default=0.0, scale=0.1, power=1),)
    ...
    ...     def nuclear_charge(self, params, recoil, flavour, final):
    ...         return params["eps_n"] * recoil.nucleus.N if final == flavour.lepton else 0.0
    >>> contact = Model("contact", "contact interaction", (StandardModel(), NeutronContact()), ("eps_n",))
    >>> cevnsjax.Likelihood("conus_plus", model=contact).parameters["eps_n"].default
    0.0
    """

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The parameters that the interaction reads; a subclass may simply assign a tuple."""
        return ()

    @property
    def cite(self) -> tuple[str, ...]:
        """Papers that the formulas are from, as keys of `data/references.bib` or BibTeX entries; assign a tuple."""
        return ()

    @property
    def of_flux(self) -> tuple[Parameter, ...]:
        """Those of the parameters that `survival` reads."""
        return ()

    def survival(
        self, params: Parameters, energy: Float[AnyArray, "*n"], baseline: Float[AnyArray, ""] | float, flavour: Flavour
    ) -> Float[Array, "*n"] | float:
        """Return the share of neutrinos of an `energy` [MeV] that are left at a `baseline` [cm] from the source."""
        return 1.0

    def nuclear_charge(self, params: Parameters, recoil: NuclearRecoil, flavour: Flavour, final: Lepton) -> Amplitude:
        """Return the addition to Q_V, the nucleus' vector charge towards a final flavour (the SM's is negative)."""
        return 0.0

    def nuclear_terms(self, params: Parameters, recoil: NuclearRecoil, flavour: Flavour) -> Coefficients:
        """Return the coefficients of what adds incoherently to scattering off the nucleus."""
        return jnp.zeros(3)

    def electron_couplings(
        self, params: Parameters, recoil: ElectronRecoil, flavour: Flavour, final: Lepton
    ) -> tuple[Amplitude, Amplitude]:
        """Return the additions to g_V and g_A of the electron towards a final flavour."""
        return 0.0, 0.0

    def electron_terms(self, params: Parameters, recoil: ElectronRecoil, flavour: Flavour) -> Coefficients:
        """Return the coefficients of what adds incoherently to scattering off one electron."""
        return jnp.zeros(3)


class OnElectrons(Interaction):
    """Another `interaction` as it acts on electrons, with nuclei left alone.

    So the limits of electron scattering are seen by themselves, and what nuclei do in the Standard Model stays.

    >>> from cevnsjax.interactions import ChargeRadius, OnElectrons
    >>> OnElectrons(ChargeRadius()).parameters[0].name
    'r2_ee'
    """

    interaction: Interaction

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The parameters of the other interaction."""
        return self.interaction.parameters

    @property
    def cite(self) -> tuple[str, ...]:
        """The papers of the other interaction."""
        return self.interaction.cite

    def electron_couplings(
        self, params: Parameters, recoil: ElectronRecoil, flavour: Flavour, final: Lepton
    ) -> tuple[Amplitude, Amplitude]:
        """Return what the other interaction adds."""
        return self.interaction.electron_couplings(params, recoil, flavour, final)

    def electron_terms(self, params: Parameters, recoil: ElectronRecoil, flavour: Flavour) -> Coefficients:
        """Return what the other interaction adds."""
        return self.interaction.electron_terms(params, recoil, flavour)

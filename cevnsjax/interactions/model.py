"""A model: a tuple of interactions, and the cross sections they make together."""

import dataclasses
import functools
from collections.abc import Sequence

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float

from cevnsjax.constants import ELECTRON_MASS, G_FERMI, HBAR_C_MEV_CM
from cevnsjax.errors import InputError, unknown_name
from cevnsjax.flavours import LEPTONS, Flavour
from cevnsjax.interactions.base import Coefficients, ElectronRecoil, Interaction, NuclearRecoil
from cevnsjax.interactions.electromagnetic import ChargeRadius, MagneticMoment, Millicharge
from cevnsjax.interactions.mediators import B_MINUS_L, L_MU_MINUS_L_TAU, UNIVERSAL, ScalarMediator, VectorMediator
from cevnsjax.interactions.nsi import TensorNSI, VectorNSI
from cevnsjax.interactions.standard_model import StandardModel
from cevnsjax.interactions.sterile import SterileNeutrino
from cevnsjax.numeric import AnyArray
from cevnsjax.parameters import G_BL, G_Z, M_Z, Parameter, Parameters

__all__ = ["MODELS", "Model", "cross_section", "has_name", "model"]

_CONTACT = G_FERMI**2 * HBAR_C_MEV_CM**2
"""G_F^2 (hbar c)^2 [cm^2 MeV^-2]."""


class Model(eqx.Module):
    """Interactions that act together.

    `name` and `description` are for results. `interactions` add their amplitudes, and the squares of what does not
    interfere. `free` names the parameters that a fit varies when the user does not say. `digest` is that of the user's
    file that a model comes from, if it does.

    Off a nucleus of spin 0 the kinematic factor is exactly 1 - T/E - M T / (2 E^2): the contraction of the lepton
    tensor with (p + p')^mu leaves no T^2 (a spin-1/2 target has + T^2 / (2 E^2)). `finite_recoil` keeps the T/E; Eq.
    (1) of arXiv:2501.12441, the default, drops it (1e-3 of the CONUS+ signal).

    Methods take `params`, the values of the parameters by name, a `recoil`, and the incoming `flavour`.

    >>> from cevnsjax.interactions import ChargeRadius, MagneticMoment, Model, StandardModel
    >>> both = Model("photon", "radii and moments", (StandardModel(), ChargeRadius(), MagneticMoment()), ("r2_ee",))
    >>> len(both.parameters)
    10
    """

    name: str = eqx.field(static=True)
    description: str = eqx.field(static=True)
    interactions: tuple[Interaction, ...]
    free: tuple[str, ...] = eqx.field(static=True)
    finite_recoil: bool = eqx.field(static=True, default=False)
    digest: str = eqx.field(static=True, default="")

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """All parameters of the interactions, each once, in the order of the interactions."""
        return tuple({p.name: p for interaction in self.interactions for p in interaction.parameters}.values())

    @property
    def cite(self) -> tuple[str, ...]:
        """The papers of all interactions, each once."""
        return tuple(dict.fromkeys(key for interaction in self.interactions for key in interaction.cite))

    @property
    def of_flux(self) -> tuple[Parameter, ...]:
        """Those of the parameters that change the flux."""
        return tuple({p.name: p for interaction in self.interactions for p in interaction.of_flux}.values())

    def quadratic_in(self, names: Sequence[str]) -> bool:
        """Return whether counts are of degree two in those of `names` that are parameters; other names do not count.

        All need a `power`, and what acts on the flux stands alone: it multiplies what the others give.
        """
        own = [p for p in self.parameters if p.name in names]
        flux = {p.name for p in self.of_flux}
        mixed = any(p.name in flux for p in own) and len(own) > 1
        return all(p.power is not None for p in own) and not mixed

    def survival(
        self, params: Parameters, energy: Float[AnyArray, "*n"], baseline: Float[AnyArray, ""] | float, flavour: Flavour
    ) -> Float[Array, "*n"]:
        """Return the share of neutrinos of an `energy` [MeV] that are left at a `baseline` [cm] from the source."""
        left = jnp.ones_like(energy)
        for interaction in self.interactions:
            left *= interaction.survival(params, energy, baseline, flavour)
        return left

    def nuclear(self, params: Parameters, recoil: NuclearRecoil, flavour: Flavour) -> Coefficients:
        """Return c_0, c_1, c_2 [cm^2 MeV^(n-1)] of scattering off a nucleus.

        Eq. (1) of arXiv:2501.12441 with Q_V^2 summed over final flavours, and what the interactions add.
        """
        charge2 = jnp.zeros(())
        for final in LEPTONS:
            charge2 += sum(i.nuclear_charge(params, recoil, flavour, final) for i in self.interactions) ** 2
        mass, T = recoil.nucleus.mass, recoil.T
        c1 = -T if self.finite_recoil else jnp.zeros_like(T)
        kinematics = jnp.stack([jnp.ones_like(T), c1, -mass * T / 2])
        vector = _CONTACT * mass / jnp.pi * recoil.form_factor**2 * charge2 * kinematics
        return sum((i.nuclear_terms(params, recoil, flavour) for i in self.interactions), vector)

    def electron(self, params: Parameters, recoil: ElectronRecoil, flavour: Flavour) -> Coefficients:
        """Return c_0, c_1, c_2 [cm^2 MeV^(n-1)] of scattering off one free electron.

        Eq. (3) of arXiv:2501.12441, summed over final flavours, and what the interactions add. g_A changes its sign for
        antineutrinos.
        """
        sign = -1 if flavour.antineutrino else 1
        T, brackets = recoil.T, jnp.zeros(3)
        for final in LEPTONS:
            couplings = [i.electron_couplings(params, recoil, flavour, final) for i in self.interactions]
            g_v, g_a = sum(v for v, _ in couplings), sign * sum(a for _, a in couplings)
            same, opposite, interference = (g_v + g_a) ** 2, (g_v - g_a) ** 2, g_v**2 - g_a**2
            brackets += jnp.stack(
                [same + opposite, -2 * T * opposite, T**2 * opposite - ELECTRON_MASS * T * interference]
            )
        vector = _CONTACT * ELECTRON_MASS / (2 * jnp.pi) * brackets
        return sum((i.electron_terms(params, recoil, flavour) for i in self.interactions), vector)


def cross_section(coefficients: Coefficients, energy: Float[Array, "*n"]) -> Float[Array, "*n"]:
    """Return d(sigma)/dT [cm^2/MeV] at a neutrino `energy` E [MeV] that can reach the recoil.

    It is c_0 + c_1/E + c_2/E^2 for `coefficients` c_n [cm^2 MeV^(n-1)].

    >>> from cevnsjax.flavours import NU_E_BAR
    >>> from cevnsjax.interactions import ElectronRecoil, cross_section
    >>> params, recoil = {"sin2_theta_w": np.float64(0.23857)}, ElectronRecoil(jnp.array(1e-3))
    >>> c = cevnsjax.model("sm").electron(params, recoil, NU_E_BAR)
    >>> f"{cross_section(c, jnp.array(4.0)):.2e}"  # off one electron, T = 1 keV, E = 4 MeV
    '1.04e-44'
    """
    c0, c1, c2 = coefficients
    return c0 + c1 / energy + c2 / energy**2


def _beyond(name: str, description: str, interaction: Interaction, free: tuple[str, ...]) -> Model:
    return Model(name, description, (StandardModel(), interaction), free)


MODELS: dict[str, Model] = {
    m.name: m
    for m in (
        Model("sm", "Standard Model", (StandardModel(),), ("sin2_theta_w",)),
        _beyond("magnetic_moment", "effective magnetic moments", MagneticMoment(), ("mu_nu_e",)),
        _beyond(
            "magnetic_moment_effective",
            "one effective magnetic moment of all flavours",
            MagneticMoment(common=True),
            ("mu_nu",),
        ),
        _beyond("millicharge", "electric charges of neutrinos", Millicharge(), ("q_ee", "q_emu", "q_etau")),
        _beyond("charge_radius", "charge radii of neutrinos", ChargeRadius(), ("r2_ee", "r2_emu", "r2_etau")),
        _beyond("vector_bl", "light vector mediator of B - L", VectorMediator(G_BL, M_Z, B_MINUS_L), ("g_bl",)),
        _beyond(
            "vector_universal", "light vector mediator, all charges one", VectorMediator(G_Z, M_Z, UNIVERSAL), ("g_z",)
        ),
        _beyond(
            "vector_lmu_ltau",
            "light vector mediator of L_mu - L_tau",
            VectorMediator(G_Z, M_Z, L_MU_MINUS_L_TAU),
            ("g_z",),
        ),
        _beyond("scalar", "light scalar mediator", ScalarMediator(), ("g_phi",)),
        _beyond("nsi_vector", "vector interactions with quarks", VectorNSI(), ("eps_ee_uv", "eps_ee_dv")),
        _beyond("nsi_tensor", "tensor interactions with quarks", TensorNSI(), ("eps_ee_ut", "eps_ee_dt")),
        _beyond("sterile", "light sterile neutrino", SterileNeutrino(), ("sin2_2theta_14",)),
    )
}
"""The models by name."""


RADIATIVE = ":radiative"


@functools.cache
def _with_radiative_corrections(name: str) -> Model:
    tree = MODELS[name]
    acting = tuple(StandardModel(radiative=True) if isinstance(i, StandardModel) else i for i in tree.interactions)
    about = f"{tree.description}, with radiative corrections"
    return dataclasses.replace(tree, name=tree.name + RADIATIVE, description=about, interactions=acting)


def has_name(given: Model) -> bool:
    """Return whether the name of a model gives it again."""
    name = given.name.removesuffix(RADIATIVE)
    return bool(given.digest) or (name in MODELS and model(given.name) is given)


def model(name: str) -> Model:
    """Return a model by name.

    Args:
        name: a key of `MODELS`, or FILE.py:NAME for a model of a user's file. With `:radiative` after it, the Standard
            Model's couplings to nucleons have radiative corrections.

    Raises:
        InputError: for an unknown name or a wrong type, and for files as `custom_model` does.

    Examples:
        >>> cevnsjax.model("charge_radius").free
        ('r2_ee', 'r2_emu', 'r2_etau')
        >>> [parameter.name for parameter in cevnsjax.model("scalar").parameters]
        ['sin2_theta_w', 'g_phi', 'm_phi']
    """
    if not isinstance(name, str):
        raise InputError(f"a model is given by its name, or as a Model, not as {type(name).__name__}")
    if ".py" in name:
        from cevnsjax.interactions.custom import custom_model

        return custom_model(name)
    tree = name.removesuffix(RADIATIVE)
    if tree not in MODELS:
        raise unknown_name("model", name, MODELS)
    return MODELS[name] if tree == name else _with_radiative_corrections(tree)

"""Electromagnetic properties of neutrinos, Eqs. (5)-(7) of arXiv:2501.12441.

The photon couples to the charge of the target: amplitudes of millicharge and charge radius shift the vector
coupling, and interfere with the Standard Model where they keep the flavour; a magnetic moment flips the
helicity and adds. For antineutrinos the electromagnetic and the weak vector amplitudes both change sign, so
that a charge or a radius of the neutrino means the same for both.
"""

import abc
from typing import ClassVar

import equinox as eqx
import jax.numpy as jnp
from jaxtyping import Array, Float, Inexact

from cevnsjax.constants import ALPHA, ELECTRON_MASS, G_FERMI, HBAR_C_MEV_CM
from cevnsjax.flavours import Flavour, Lepton, pair_of
from cevnsjax.interactions.base import Amplitude, Coefficients, ElectronRecoil, Interaction, NuclearRecoil
from cevnsjax.parameters import CHARGE_RADII, MILLICHARGES, MU_NU, MU_NU_COMMON, Parameter, Parameters

__all__ = [
    "ChargeRadius",
    "MagneticMoment",
    "Millicharge",
    "effective_magnetic_moment",
    "millicharge_of_moment",
]

_PHOTON = 2**0.5 * jnp.pi * ALPHA / G_FERMI
"""sqrt(2) pi alpha / G_F [MeV^2]: one photon exchange in units of one Z exchange."""

_DIPOLE = jnp.pi * ALPHA**2 / ELECTRON_MASS**2 * HBAR_C_MEV_CM**2
"""pi alpha^2 / m_e^2 [cm^2]: scattering by one Bohr magneton."""


class MagneticMoment(Interaction):
    """An effective magnetic moment mu of each flavour [mu_B]; Eqs. (6a) and (6b) of arXiv:2501.12441.

    d(sigma)/dT = (pi alpha^2 / m_e^2) (1/T - 1/E) (mu / mu_B)^2 off an electron, times Z^2 F^2 off a nucleus. If it is
    `common` all flavours have one moment, as solar experiments quote it.

    >>> from cevnsjax.interactions import ElectronRecoil, MagneticMoment, cross_section
    >>> from cevnsjax.flavours import NU_E_BAR
    >>> params = {"mu_nu_e": np.float64(1e-10), "mu_nu_mu": np.float64(0.0), "mu_nu_tau": np.float64(0.0)}
    >>> terms = MagneticMoment().electron_terms(params, ElectronRecoil(jnp.array(1e-3)), NU_E_BAR)
    >>> f"{cross_section(terms, jnp.array(4.0)):.2e}"  # [cm^2/MeV] at T = 1 keV and E = 4 MeV
    '2.49e-42'
    """

    common: bool = eqx.field(static=True, default=False)
    cite: ClassVar[tuple[str, ...]] = ("chattaraj2025",)

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """The moment of each flavour, or the one of all."""
        return (MU_NU_COMMON,) if self.common else tuple(MU_NU.values())

    def nuclear_terms(self, params: Parameters, recoil: NuclearRecoil, flavour: Flavour) -> Coefficients:
        """Return the coefficients of Eq. (6a)."""
        charge2 = (recoil.nucleus.Z * recoil.form_factor) ** 2
        return charge2 * self._terms(params, recoil.T, flavour)

    def electron_terms(self, params: Parameters, recoil: ElectronRecoil, flavour: Flavour) -> Coefficients:
        """Return the coefficients of Eq. (6b)."""
        return self._terms(params, recoil.T, flavour)

    def _terms(self, params: Parameters, T: Float[Array, ""], flavour: Flavour) -> Coefficients:
        moment = MU_NU_COMMON if self.common else MU_NU[flavour.lepton]
        strength = _DIPOLE * params[moment.name] ** 2
        return strength * jnp.stack([1 / T, -jnp.ones_like(T), jnp.zeros_like(T)])


class _PhotonExchange(Interaction):
    """What millicharge and charge radius share: Q_V -> Q_V - Z Q_ll', g_V -> g_V + Q_ll'; Eqs. (7a), (7b)."""

    @abc.abstractmethod
    def amplitude(self, params: Parameters, q2: Float[Array, ""], pair: str) -> Float[Array, ""]:
        """Return Q_ll' at a squared momentum transfer [MeV^2]."""

    def nuclear_charge(self, params: Parameters, recoil: NuclearRecoil, flavour: Flavour, final: Lepton) -> Amplitude:
        """Return -Z Q_ll'."""
        return -recoil.nucleus.Z * self.amplitude(params, recoil.q2, pair_of(flavour.lepton, final))

    def electron_couplings(
        self, params: Parameters, recoil: ElectronRecoil, flavour: Flavour, final: Lepton
    ) -> tuple[Amplitude, Amplitude]:
        """Return Q_ll' as an addition to g_V."""
        return self.amplitude(params, recoil.q2, pair_of(flavour.lepton, final)), 0.0


class Millicharge(_PhotonExchange):
    """Electric charges q_ll' of neutrinos, in units of e; Eqs. (7a) and (7b) of arXiv:2501.12441.

    Q_V -> Q_V - Z Q_ll' and g_V -> g_V + Q_ll' with Q_ll' = -(sqrt(2) pi alpha / G_F) (2 / q^2) q_ll'.

    >>> from cevnsjax.interactions import Millicharge
    >>> amplitude = Millicharge().amplitude({"q_ee": np.float64(1e-12)}, jnp.array(1e-3), "ee")
    >>> round(float(amplitude), 3)
    -5.559
    """

    parameters: ClassVar[tuple[Parameter, ...]] = tuple(MILLICHARGES.values())
    cite: ClassVar[tuple[str, ...]] = ("chattaraj2025",)

    def amplitude(self, params: Parameters, q2: Float[Array, ""], pair: str) -> Float[Array, ""]:
        """Return Q_ll', dimensionless, at a squared momentum transfer `q2` [MeV^2].

        `pair` names both flavours, "emu" for instance.
        """
        return -_PHOTON * 2 / q2 * params[MILLICHARGES[pair].name]


class ChargeRadius(_PhotonExchange):
    """Charge radii squared <r^2>_ll' of neutrinos [cm^2]; Eqs. (7a) and (7b) of arXiv:2501.12441.

    Q_V -> Q_V - Z Q_ll' and g_V -> g_V + Q_ll' with Q_ll' = (sqrt(2) pi alpha / G_F) <r^2>_ll' / 3. Zero is the
    Standard Model: its own radius, -0.83e-32 cm^2 for nu_e, belongs to the radiative corrections that the tree-level
    charge leaves out. A "total" radius in the literature includes it; TEXONO's is half of this one.

    >>> from cevnsjax.interactions import ChargeRadius
    >>> amplitude = ChargeRadius().amplitude({"r2_ee": jnp.array(-0.83e-32)}, jnp.array(1e-3), "ee")
    >>> round(float(amplitude), 4)  # beside g_V^p = 0.0229
    -0.0198
    """

    parameters: ClassVar[tuple[Parameter, ...]] = tuple(CHARGE_RADII.values())
    cite: ClassVar[tuple[str, ...]] = ("chattaraj2025",)

    def amplitude(self, params: Parameters, q2: Float[Array, ""], pair: str) -> Float[Array, ""]:
        """Return Q_ll', dimensionless, which is the same at all momentum transfers `q2` [MeV^2].

        `pair` names both flavours, "emu" for instance.
        """
        return _PHOTON / 3 * params[CHARGE_RADII[pair].name] / HBAR_C_MEV_CM**2


def effective_magnetic_moment(
    mixing: Inexact[Array, "3"], magnetic: Float[Array, "3 3"], electric: Float[Array, "3 3"]
) -> Float[Array, ""]:
    """Return the effective moment of a flavour near its source, from the moments of the mass states.

    ``mu_eff^2 = sum_j |sum_k U*_lk lambda_jk|^2`` with lambda = mu - i epsilon, Eq. (5) of arXiv:2501.12441 (which
    calls the same sum mu_eff, without the square; the dimension tells). `mixing` is the row U_lk of the flavour,
    complex or real; `magnetic` and `electric` are moments in any unit, which is that of the result. Finite gradients
    need a moment that is not zero.
    """
    moments = magnetic - 1j * electric
    return jnp.sqrt(jnp.sum(jnp.abs(moments @ jnp.conj(mixing)) ** 2))


def millicharge_of_moment(moment: Float[Array, "*n"], T: Float[Array, "*n"] | float) -> Float[Array, "*n"]:
    """Return the millicharge [e] that scatters off electrons at a recoil T [MeV] as often as a moment [mu_B] does.

    q = mu sqrt(T / (2 m_e)), where 1/T exceeds 1/E: A. Studenikin, Europhys. Lett. 107 (2014) 21001, as CONUS uses it
    (arXiv:2201.12257).
    """
    return moment * jnp.sqrt(T / (2 * ELECTRON_MASS))

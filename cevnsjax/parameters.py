"""The parameters that models and experiments share: one entry each, used by fits, figures and `--help`.

An interaction names the parameters it needs by their entries here; a user's own interaction may just as
well bring a `Parameter` of its own.
"""

import dataclasses
import math
import sys
from collections.abc import Iterable, Mapping

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Float

from cevnsjax.arguments import REAL
from cevnsjax.constants import SIN2_THETA_W as _SIN2_THETA_W
from cevnsjax.errors import InputError, shown, unknown_name
from cevnsjax.numeric import AnyArray

__all__ = [
    "DM2_41",
    "ENERGY_SHIFT",
    "NEUTRON_RADIUS",
    "NORM",
    "NUCLEAR_RADIUS",
    "QUENCHING_K",
    "QUENCHING_YIELD",
    "SIN2_2THETA_14",
    "SIN2_THETA_W",
    "Parameter",
    "Parameters",
    "canonical",
    "check_names",
    "check_value",
]

Parameters = Mapping[str, Float[AnyArray, ""]]
"""Values that travel through the package: a plain mapping from name to scalar."""


@dataclasses.dataclass(frozen=True)
class Parameter:
    r"""A parameter: its `name`, `default`, typical step and physical limits.

    `scale` is a typical step, by which minimisers divide; `bounds` are physical limits, infinite where there is none;
    `latex` is the symbol on an axis and `unit` stands behind it; `description` is for tables. `power`, one or two, says
    that all amplitudes are linear in value^power, so that at given masses counts are a polynomial of degree two; None
    says that no such power is known. `logarithmic` marks parameters of unknown order of magnitude: masses and
    couplings.

    >>> from cevnsjax.parameters import Parameter
    >>> Parameter("eps_n", default=0.0, scale=0.1, latex=r"\varepsilon_n", power=1).bounds
    (-inf, inf)
    """

    name: str
    default: float
    scale: float
    bounds: tuple[float, float] = (-math.inf, math.inf)
    unit: str = ""
    latex: str = ""
    description: str = ""
    power: int | None = None
    logarithmic: bool = False


SIN2_THETA_W = Parameter(
    "sin2_theta_w", _SIN2_THETA_W, 0.05, (0.0, 1.0), "", r"\sin^2\theta_W", "weak mixing angle at q = 0", power=1
)
# Dipole moments enter squared: their sign is no observable here.
MU_NU = {
    lepton: Parameter(
        f"mu_nu_{lepton}", 0.0, 1e-10, (0.0, math.inf), "mu_B", rf"\mu_{{\nu_{symbol}}}",
        f"effective magnetic moment of nu_{lepton}", power=1,
    )
    for lepton, symbol in (("e", "e"), ("mu", r"\mu"), ("tau", r"\tau"))
}  # fmt: skip

MU_NU_COMMON = Parameter(
    "mu_nu", 0.0, 1e-11, (0.0, math.inf), "mu_B", r"\mu_\nu", "effective magnetic moment, the same of all flavours",
    power=1,
)  # fmt: skip

_PAIRS = ("ee", "emu", "etau", "mumu", "mutau", "tautau")
_SYMBOLS = ("ee", r"e\mu", r"e\tau", r"\mu\mu", r"\mu\tau", r"\tau\tau")

MILLICHARGES = {
    pair: Parameter(
        f"q_{pair}", 0.0, 1e-12, unit="e", latex=f"q_{{{symbol}}}", description=f"millicharge, {pair}", power=1
    )
    for pair, symbol in zip(_PAIRS, _SYMBOLS, strict=True)
}
CHARGE_RADII = {
    pair: Parameter(
        f"r2_{pair}", 0.0, 1e-31, unit="cm^2", latex=rf"\langle r^2_{{{symbol}}}\rangle",
        description=f"charge radius squared beyond the Standard Model's, {pair}", power=1,
    )
    for pair, symbol in zip(_PAIRS, _SYMBOLS, strict=True)
}  # fmt: skip


def _nsi(pair: str, quark: str, current: str) -> Parameter:
    symbol = pair.replace("tau", r"\tau").replace("mu", r"\mu")
    latex = rf"\varepsilon_{{{symbol}}}^{{{quark}{current}}}"
    description = f"{'vector' if current == 'V' else 'tensor'} NSI with {quark} quarks, {pair}"
    return Parameter(f"eps_{pair}_{quark}{current.lower()}", 0.0, 0.1, latex=latex, description=description, power=1)


NSI_VECTOR = {pair: (_nsi(pair, "u", "V"), _nsi(pair, "d", "V")) for pair in _PAIRS}
NSI_TENSOR = {pair: (_nsi(pair, "u", "T"), _nsi(pair, "d", "T")) for pair in _PAIRS}


def _coupling(name: str, scale: float, latex: str, description: str) -> Parameter:
    """Return the coupling of a mediator: it stands at both ends of the exchange, so amplitudes go with its square."""
    return Parameter(name, 0.0, scale, (0.0, math.inf), "", latex, description, power=2, logarithmic=True)


def _mass(name: str, latex: str, description: str) -> Parameter:
    return Parameter(name, 10.0, 10.0, (0.0, math.inf), "MeV", latex, description, logarithmic=True)


G_BL = _coupling("g_bl", 1e-5, r"g_{B-L}", "coupling of the B-L vector mediator")
G_Z = _coupling("g_z", 1e-5, r"g_{Z'}", "coupling of the universal vector mediator")
M_Z = _mass("m_z", r"M_{Z'}", "mass of the vector mediator")
G_PHI = _coupling("g_phi", 1e-6, r"g_\phi", "coupling of the scalar mediator")
M_PHI = _mass("m_phi", r"M_\phi", "mass of the scalar mediator")

# Counts are linear in the mixing, whatever the mass.
SIN2_2THETA_14 = Parameter(
    "sin2_2theta_14", 0.0, 0.1, (0.0, 1.0), "", r"\sin^2 2\theta_{14}", "mixing with a sterile neutrino", power=1
)
DM2_41 = Parameter(
    "dm2_41", 1.0, 0.5, (0.0, 100.0), "eV^2", r"\Delta m^2_{41}", "mass splitting of the sterile neutrino",
    logarithmic=True,
)  # fmt: skip

NORM = Parameter(
    "norm", 1.0, 0.1, (0.0, math.inf), "", r"1+\alpha", "strength of the signal, a factor on its prediction"
)
QUENCHING_K = Parameter("quenching_k", 0.162, 0.01, (0.05, 0.4), "", "k", "Lindhard's k of the quenching factor")
QUENCHING_YIELD = Parameter(
    "quenching_yield", 1.0, 0.1, (0.2, 3.0), "", r"Q / Q_0", "factor on a tabulated quenching factor"
)
ENERGY_SHIFT = Parameter("energy_shift", 0.0, 1.0, (-100.0, 100.0), "eV", r"\Delta E", "shift of the energy scale")
NEUTRON_RADIUS = Parameter(
    "neutron_radius",
    5.0,
    0.5,
    (1.6, 20.0),
    "fm",
    "R_n",
    "radius of the neutrons in all nuclei of a target",
)
NUCLEAR_RADIUS = Parameter(
    "nuclear_radius", 1.0, 0.03, (0.0, 3.0), "", r"R / R_0", "factor on the nuclei's radii, in the form factor"
)


def check_value(parameter: Parameter, value: float) -> float:
    """Return the `value` of a `parameter` in its unit.

    Raises `InputError` where it is not finite or out of the parameter's bounds.

    >>> from cevnsjax.parameters import NORM, check_value
    >>> check_value(NORM, 1.1)
    1.1
    """
    low, high = parameter.bounds
    scalar = isinstance(value, np.ndarray | jax.Array) and value.ndim == 0 and value.dtype.kind in "fiu"
    if isinstance(value, bool) or not (scalar or isinstance(value, REAL)):
        raise InputError(f"{parameter.name} = {shown(value)} is not a real number")
    if not (abs(value) <= sys.float_info.max and low <= value <= high):
        given = shown(value) if isinstance(value, int) else f"{float(value):g}"
        raise InputError(
            f"{parameter.name} = {given} is not allowed: give a finite number between {low:g} and {high:g}"
        )
    return float(value)


def check_names(names: Iterable[str], known: Iterable[str]) -> None:
    """Raise `InputError` for one of `names` that is no text or not among the `known` ones.

    >>> from cevnsjax.parameters import check_names
    >>> check_names(["g_bl"], ["g_bl", "m_z"])
    """
    known = tuple(known)
    for name in names:
        if not isinstance(name, str):
            raise InputError(f"the name of a parameter must be a text, not {shown(name)}")
        if name not in known:
            raise unknown_name("parameter", name, known)


def canonical(params: Mapping[str, object], known: Iterable[str]) -> dict[str, Float[AnyArray, ""]]:
    """Return the values of `params` as scalars of double precision, each in its unit.

    They are NumPy's, or JAX's where they are traced. Raises `InputError` if `params` is not a mapping, for a name that
    is not in `known`, and for a value that is not a real number. For many points at once put `jax.vmap` around the
    call.

    >>> from cevnsjax.parameters import canonical
    >>> float(canonical({"g_bl": 1}, ["g_bl", "m_z"])["g_bl"])
    1.0
    """
    if not isinstance(params, Mapping):
        raise InputError(f"parameters are given as a dict of names and values, not as {type(params).__name__}")
    check_names(params, known)
    values: dict[str, AnyArray] = {}
    for name in sorted(params):
        value = params[name]
        if isinstance(value, bool | str | bytes) or value is None:
            raise InputError(f"{name} = {shown(value)} is not a real number")
        shape = np.shape(value)  # type: ignore[call-overload]
        if shape != ():
            raise InputError(
                f"{name} has the shape {shape}; give one number, and put jax.vmap outside for several points"
            )
        if isinstance(value, jax.core.Tracer):
            values[name] = jnp.asarray(value, dtype=jnp.float64)
            continue
        try:
            values[name] = np.float64(float(value))  # type: ignore[arg-type]
        except (TypeError, ValueError, OverflowError):
            raise InputError(f"{name} = {shown(value)} is not a real number") from None
    return values

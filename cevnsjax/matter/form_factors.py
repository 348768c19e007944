"""Nuclear form factors F(q^2), one at q = 0, both tied to the measured root-mean-square radius."""

from collections.abc import Callable
from math import factorial

from jaxtyping import Float

from cevnsjax.constants import HBAR_C_MEV_FM
from cevnsjax.numeric import AnyArray, namespace

__all__ = ["FORM_FACTORS", "helm", "klein_nystrand", "point"]

SKIN_THICKNESS_FM = 0.9
"""Helm's s [fm]."""

YUKAWA_RANGE_FM = 0.7
"""Klein and Nystrand's a [fm]."""

# 3 j_1(x)/x = sum_n (-1)^n 6 (n + 1) / (2n + 3)! x^(2n): nine terms are exact in double precision for x < 1.
_SERIES = [(-1) ** n * 6 * (n + 1) / factorial(2 * n + 3) for n in range(9)]


def _uniform_sphere(x2: Float[AnyArray, "*n"]) -> Float[AnyArray, "*n"]:
    """Return 3 j_1(x)/x of x^2. The closed form loses digits, and its derivative is NaN, at x = 0."""
    xp = namespace(x2)
    small = x2 < 1.0
    series = xp.polyval(xp.asarray(_SERIES[::-1]), xp.where(small, x2, 0.0))
    x = xp.sqrt(xp.where(small, 1.0, x2))
    closed = 3 * (xp.sin(x) - x * xp.cos(x)) / x**3
    return xp.where(small, series, closed)


def helm(q2: Float[AnyArray, "*n"], charge_radius: Float[AnyArray, "*n"]) -> Float[AnyArray, "*n"]:
    """Return Helm's form factor, dimensionless, at `q2` = q^2 [MeV^2] for a root-mean-square `charge_radius` R [fm].

    3 j_1(q R_0) / (q R_0) exp(-q^2 s^2 / 2) with R_0^2 = (5/3) (R^2 - 3 s^2), s = 0.9 fm:
    R. H. Helm, Phys. Rev. 104, 1466 (1956), in the parametrisation of arXiv:2501.12441.

    >>> from cevnsjax.matter import helm
    >>> helm(np.array([0.0, 100.0, 2500.0]), np.full(3, 4.06)).round(3)  # q = 0, 10 and 50 MeV off germanium
    array([1.   , 0.993, 0.835])
    """
    k2 = q2 / HBAR_C_MEV_FM**2
    r0_squared = 5 / 3 * (charge_radius**2 - 3 * SKIN_THICKNESS_FM**2)
    return _uniform_sphere(k2 * r0_squared) * namespace(k2).exp(-k2 * SKIN_THICKNESS_FM**2 / 2)


def klein_nystrand(q2: Float[AnyArray, "*n"], charge_radius: Float[AnyArray, "*n"]) -> Float[AnyArray, "*n"]:
    """Return Klein and Nystrand's form factor, dimensionless, at `q2` = q^2 [MeV^2] for a `charge_radius` R [fm].

    3 j_1(q R_A) / (q R_A) / (1 + a^2 q^2), a = 0.7 fm: S. R. Klein and J. Nystrand, Phys. Rev. C 60, 014903 (1999).
    R_A^2 = (5/3) (R^2 - 6 a^2), so that the root-mean-square radius is the measured one (1.2 A^(1/3) fm in the
    original).

    >>> from cevnsjax.matter import klein_nystrand
    >>> klein_nystrand(np.array([0.0, 100.0, 2500.0]), np.full(3, 4.06)).round(3)
    array([1.   , 0.993, 0.836])
    """
    k2 = q2 / HBAR_C_MEV_FM**2
    ra_squared = 5 / 3 * (charge_radius**2 - 6 * YUKAWA_RANGE_FM**2)
    return _uniform_sphere(k2 * ra_squared) / (1 + YUKAWA_RANGE_FM**2 * k2)


def point(q2: Float[AnyArray, "*n"], charge_radius: Float[AnyArray, "*n"]) -> Float[AnyArray, "*n"]:
    """Return one, dimensionless, at all `q2` [MeV^2]: a nucleus without size, whatever its `charge_radius` [fm].

    It is for checks, and shows how much a form factor changes.

    >>> from cevnsjax.matter import point
    >>> point(np.array([0.0, 100.0]), np.full(2, 4.06))
    array([1., 1.])
    """
    return namespace(q2).ones_like(q2)


FORM_FACTORS: dict[str, Callable[[AnyArray, AnyArray], AnyArray]] = {
    "helm": helm,
    "klein_nystrand": klein_nystrand,
    "point": point,
}
"""The form factors by the names that an experiment file may use."""

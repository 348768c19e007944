"""What the independent calculation starts from: constants, tables of the data folder, and form factors.

It shares no code and no constants with the package: physical constants are typed again. Energies are in MeV unless a
name ends in _keV or _eV.
"""

import csv
import math
import tomllib
from functools import cache
from pathlib import Path

import mpmath
import numpy as np
from scipy.special import hyp0f1

DATA = Path(__file__).resolve().parents[2] / "data"

# CODATA 2022 and PDG.
FERMI_CONSTANT = 1.1663788e-11  # MeV^-2
HBAR_C = 197.3269804  # MeV fm
ELECTRON_MASS = 0.51099895069  # MeV
ATOMIC_MASS_UNIT = 931.49410372  # MeV
FINE_STRUCTURE = 7.2973525643e-3
AVOGADRO = 6.02214076e23  # 1/mol
ELEMENTARY_CHARGE = 1.602176634e-19  # C

CM2_PER_MEV2 = (HBAR_C * 1e-13) ** 2  # turns MeV^-2 into cm^2
JOULE_PER_MEV = ELEMENTARY_CHARGE * 1e6
SECONDS_PER_DAY = 86400.0

HELM_SKIN_FM = 0.9
KLEIN_NYSTRAND_RANGE_FM = 0.7


def read_table(name: str) -> list[dict[str, str]]:
    """Rows of a table in the data folder: `#` comment lines, a header, comma-separated values."""
    lines = (DATA / name).read_text(encoding="utf-8").splitlines()
    return list(csv.DictReader(line for line in lines if not line.startswith("#")))


@cache
def experiment() -> dict:
    """The description of CONUS+ Run 1."""
    return tomllib.loads((DATA / "conus_plus" / "experiment.toml").read_text(encoding="utf-8"))


@cache
def element() -> str:
    """Symbol of the only target element."""
    (symbol,) = experiment()["target"]["elements"]
    return symbol


@cache
def isotopes() -> tuple[dict[str, float], ...]:
    """Isotopes of the target: Z, A, abundance (atom fraction), nuclear mass `M` [MeV], `radius` [fm].

    The nuclear mass is the atomic one less Z electron masses; electron binding (3e-6 relative) is neglected.
    """
    result = []
    for row in read_table("nuclei/isotopes.csv"):
        if row["element"] != element():
            continue
        protons = int(row["Z"])
        atomic_mass_u = float(row["atomic_mass_u"])
        result.append(
            {
                "Z": protons,
                "A": int(row["A"]),
                "abundance": float(row["abundance"]),
                "molar_mass": atomic_mass_u,
                "M": atomic_mass_u * ATOMIC_MASS_UNIT - protons * ELECTRON_MASS,
                "radius": float(row["charge_radius_fm"]),
            }
        )
    return tuple(result)


@cache
def isotopes_of(symbol: str) -> tuple[tuple[int, int, float, float, float], ...]:
    """Z, N, share of atoms, nuclear mass, charge radius [fm] of each isotope."""
    rows = [row for row in read_table("nuclei/isotopes.csv") if row["element"] == symbol]
    total = sum(float(row["abundance"]) for row in rows)
    return tuple(
        (
            int(row["Z"]), int(row["A"]) - int(row["Z"]), float(row["abundance"]) / total,
            float(row["atomic_mass_u"]) * ATOMIC_MASS_UNIT - int(row["Z"]) * ELECTRON_MASS,
            float(row["charge_radius_fm"]),
        )
        for row in rows
    )  # fmt: skip


def molar_mass(symbol: str) -> float:
    """Mean atomic mass [g / mol]."""
    rows = [row for row in read_table("nuclei/isotopes.csv") if row["element"] == symbol]
    total = sum(float(row["abundance"]) for row in rows)
    return sum(float(row["abundance"]) * float(row["atomic_mass_u"]) for row in rows) / total


@cache
def atoms_per_kg() -> float:
    """Atoms per kilogram of natural element, from the mean molar mass [g/mol]."""
    mean = sum(i["abundance"] * i["molar_mass"] for i in isotopes()) / sum(i["abundance"] for i in isotopes())
    return 1000.0 * AVOGADRO / mean


@cache
def shells() -> tuple[tuple[float, float], ...]:
    """(binding energy [eV], number of electrons) of each shell of the target atom."""
    rows = [r for r in read_table("atoms/binding_energies.csv") if r["element"] == element()]
    return tuple((float(r["binding_energy_eV"]), float(r["occupancy"])) for r in rows)


def bins() -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """Lower and upper edges [eV], observed excess and its error [counts / kg / (10 eV)]."""
    rows = read_table("conus_plus/" + experiment()["data"]["file"])
    columns = ("energy_low", "energy_high", "observed", "sigma")
    low, high, observed, sigma = (np.array([float(r[c]) for r in rows]) for c in columns)
    return low, high, observed, sigma


def helm(q2_MeV2: float, charge_radius_fm: float) -> float:
    """Helm form factor F(q^2), R. H. Helm, Phys. Rev. 104, 1466 (1956); s = 0.9 fm.

    3 j_1(x) / x is the hypergeometric function 0F1(; 5/2; -x^2/4), which is regular at x = 0.
    """
    q2 = q2_MeV2 / HBAR_C**2  # fm^-2
    box2 = 5.0 / 3.0 * (charge_radius_fm**2 - 3.0 * HELM_SKIN_FM**2)
    return float(hyp0f1(2.5, -q2 * box2 / 4.0)) * math.exp(-0.5 * q2 * HELM_SKIN_FM**2)


def _uniform_sphere_mp(x: mpmath.mpf) -> mpmath.mpf:
    if x == 0:
        return mpmath.mpf(1)
    return 3 * (mpmath.sin(x) - x * mpmath.cos(x)) / x**3


def helm_mp(q2_MeV2: float, charge_radius_fm: float, digits: int = 50) -> mpmath.mpf:
    """Helm form factor with `digits` digits, from the textbook expression with sine and cosine."""
    with mpmath.workdps(2 * digits):  # the expression loses digits at small q
        q = mpmath.sqrt(mpmath.mpf(q2_MeV2)) / mpmath.mpf(HBAR_C)
        s = mpmath.mpf(HELM_SKIN_FM)
        box = mpmath.sqrt(mpmath.mpf(5) / 3 * (mpmath.mpf(charge_radius_fm) ** 2 - 3 * s**2))
        result = _uniform_sphere_mp(q * box) * mpmath.exp(-(q**2) * s**2 / 2)
    with mpmath.workdps(digits):
        return +result


def klein_nystrand_mp(q2_MeV2: float, charge_radius_fm: float, digits: int = 50) -> mpmath.mpf:
    """Klein-Nystrand form factor, Phys. Rev. C 60, 014903 (1999); a = 0.7 fm.

    The sphere has R^2 = (5/3) (R_rms^2 - 6 a^2), so that the rms radius is the charge radius.
    """
    with mpmath.workdps(2 * digits):
        q = mpmath.sqrt(mpmath.mpf(q2_MeV2)) / mpmath.mpf(HBAR_C)
        a = mpmath.mpf(KLEIN_NYSTRAND_RANGE_FM)
        sphere = mpmath.sqrt(mpmath.mpf(5) / 3 * (mpmath.mpf(charge_radius_fm) ** 2 - 6 * a**2))
        result = _uniform_sphere_mp(q * sphere) / (1 + a**2 * q**2)
    with mpmath.workdps(digits):
        return +result

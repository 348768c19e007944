"""Planes of couplings with the curve of each experiment of the global fit, and that of all together."""

from cevnsjax.reproduce.planes import Data, Plane, published_radius

__all__ = ["ALL", "COHERENT", "CONUS_PLUS", "CSI", "ELECTRONS", "LAR", "PLANES", "SOLAR_B8"]

COMBINATION = "global_2026"
SIMPLE = "simple"
"""The set of the combination that takes each experiment's own default, for planes with a mass."""

CONUS_PLUS = Data("CONUS+", (f"{COMBINATION}:conus_plus",))
CSI = Data("CsI", (f"{COMBINATION}:coherent_csi",))
LAR = Data("LAr", (f"{COMBINATION}:coherent_lar",))
COHERENT = Data("CsI + LAr", (f"{COMBINATION}:coherent_csi", f"{COMBINATION}:coherent_lar"))
SOLAR_B8 = Data("XENONnT 8B", (f"{COMBINATION}:xenonnt_b8",))
ELECTRONS = Data("XENONnT electrons", (f"{COMBINATION}:xenonnt_er",))
ALL = Data("all", (COMBINATION,))

NUCLEI = (CONUS_PLUS, CSI, LAR, SOLAR_B8, ALL)
MEDIATED = (
    CONUS_PLUS._replace(systematics=SIMPLE, masses=61),
    COHERENT._replace(systematics=SIMPLE, masses=31),
    SOLAR_B8._replace(systematics=SIMPLE),
    ELECTRONS._replace(systematics=SIMPLE, masses=61),
)
"""Electrons feel masses that nuclei do not: more of them, where a mass takes little time."""

MASSES, COUPLINGS = (1e-3, 1e3, 19), (1e-8, 1e-2, 121)

PLANES = (
    Plane(
        "global_nsi_quarks", "nsi_vector", ("eps_ee_uv", -1.0, 1.0, 41), ("eps_ee_dv", -1.0, 1.0, 41), NUCLEI, (0, 0),
    ),
    Plane(
        "global_nsi_flavours", "nsi_vector", ("eps_ee_dv", -0.3, 0.7, 41), ("eps_mumu_dv", -0.3, 0.7, 41), NUCLEI,
        (0, 0),
    ),
    Plane(
        "global_charge_radii", "charge_radius", ("r2_ee", -9.5e-31, 4.5e-31, 41), ("r2_mumu", -9.5e-31, 4.5e-31, 41),
        (CONUS_PLUS, CSI, LAR, ELECTRONS, ALL), (0, 0),
    ),
    Plane("global_vector_bl", "vector_bl", ("m_z", *MASSES), ("g_bl", *COUPLINGS), MEDIATED, total=ALL.label),
    Plane(
        "global_vector_universal", "vector_universal", ("m_z", *MASSES), ("g_z", *COUPLINGS), MEDIATED, total=ALL.label
    ),
    # Reactor neutrinos have no charge here.
    Plane("global_lmu_ltau", "vector_lmu_ltau", ("m_z", *MASSES), ("g_z", *COUPLINGS), MEDIATED[1:], total=ALL.label),
    Plane("global_scalar", "scalar", ("m_phi", *MASSES), ("g_phi", *COUPLINGS), MEDIATED, total=ALL.label),
    Plane(
        "global_radius", "sm", ("neutron_radius_coherent_csi", 3.5, 7.5, 41), ("sin2_theta_w", 0.14, 0.42, 41),
        tuple(data._replace(systematics=SIMPLE) for data in (CSI, ALL)), published=published_radius,
    ),
)  # fmt: skip

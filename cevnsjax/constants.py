"""Physical constants as Python floats, in the package's one unit system: MeV, cm, s.

Sources: CODATA 2022 (E. Tiesinga et al.) unless a line says otherwise.
"""

# Python floats, so that nothing is made in single precision before the package switches float64 on.

G_FERMI = 1.1663788e-11
"""Fermi constant [MeV^-2]; PDG 2024, 1.1663788(6)e-5 GeV^-2."""

ALPHA = 7.2973525643e-3
"""Fine-structure constant at zero momentum transfer."""

SIN2_THETA_W = 0.23857
"""sin^2(theta_W) at q = 0 in the MS-bar scheme, +- 0.00005; quoted in arXiv:2501.12441, Sec. II."""

SIN2_THETA_W_Z = 0.23121
"""sin^2(theta_W) at the Z pole in the MS-bar scheme, +- 0.00004; quoted in arXiv:2501.12441, Sec. II."""

ELECTRON_MASS = 0.51099895069
"""Electron mass [MeV]."""

MUON_MASS = 105.6583755
"""Muon mass [MeV]; CODATA 2022."""

TAU_MASS = 1776.93
"""Tau mass [MeV]; PDG 2024, 1776.93(9)."""

PION_MASS = 139.57039
"""Mass of the charged pion [MeV]; PDG 2024, 139.57039(18)."""

PION_LIFE = 0.026033
"""Mean life of the charged pion [us]; PDG 2024, 26.033(5) ns."""

MUON_LIFE = 2.1969811
"""Mean life of the muon [us]; PDG 2024, 2.1969811(22)."""

PROTON_MASS = 938.27208943
"""Proton mass [MeV]."""

NEUTRON_MASS = 939.56542194
"""Neutron mass [MeV]."""

W_MASS = 80369.2
"""Mass of the W boson [MeV]; PDG 2024, 80.3692(133) GeV."""

Z_MASS = 91188.0
"""Mass of the Z boson [MeV]; PDG 2024, 91.1880(20) GeV."""

ATOMIC_MASS_UNIT = 931.49410372
"""Unified atomic mass unit [MeV]."""

HBAR_C_MEV_FM = 197.3269804
"""hbar c [MeV fm]; exact by definition of the SI, rounded at the tenth digit."""

HBAR_C_MEV_CM = HBAR_C_MEV_FM * 1e-13
"""hbar c [MeV cm]."""

AVOGADRO = 6.02214076e23
"""Avogadro constant [1/mol]; exact."""

JOULE = 1.0 / 1.602176634e-13
"""One joule [MeV]; exact."""

KEV = 1e-3
"""One kiloelectronvolt [MeV]."""

EV = 1e-6
"""One electronvolt [MeV]."""

DAY = 86400.0
"""One day [s]."""

GIGAWATT = 1e9 * JOULE
"""One gigawatt [MeV/s]."""

METRE = 100.0
"""One metre [cm]."""

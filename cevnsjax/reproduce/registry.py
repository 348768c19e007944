"""The studies that there are, in the order of the report."""

from cevnsjax.reproduce.coherent import COHERENT
from cevnsjax.reproduce.conus import CONUS
from cevnsjax.reproduce.conus_plus import CONUS_PLUS
from cevnsjax.reproduce.dresden2 import DRESDEN2
from cevnsjax.reproduce.global_fit import GLOBAL
from cevnsjax.reproduce.reactors import REACTORS
from cevnsjax.reproduce.solar import SOLAR
from cevnsjax.reproduce.study import Study

__all__ = ["STUDIES"]

STUDIES: dict[str, Study] = {
    study.name: study for study in (CONUS_PLUS, CONUS, DRESDEN2, COHERENT, REACTORS, SOLAR, GLOBAL)
}
"""The studies by name."""

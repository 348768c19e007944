"""The study of CONUS+: arXiv:2501.12441 and the collaboration's own result, calculated again."""

from typing import Any

from cevnsjax.reproduce.conus_plus_page import conus_plus_page
from cevnsjax.reproduce.limits import limit_steps, limits
from cevnsjax.reproduce.mediators import PLANES, mediator_steps, mediators
from cevnsjax.reproduce.solar_limits import solar_rows, solar_steps
from cevnsjax.reproduce.standard_model import standard_model, standard_model_steps
from cevnsjax.reproduce.study import Results, Step, Study
from cevnsjax.reproduce.systematics import systematics, systematics_steps

__all__ = ["CONUS_PLUS"]


def _steps() -> tuple[Step, ...]:
    return (*standard_model_steps(), *limit_steps(), *solar_steps(), *mediator_steps(), *systematics_steps())


def _compose(results: Results) -> dict[str, Any]:
    of_limits = limits(results)
    kinds = {row["quantity"]: row["kind"] for row in of_limits["limits"]}
    return {
        **standard_model(results),
        **of_limits,
        "solar_rows": solar_rows(results, kinds),
        **mediators(results),
        **systematics(results),
    }


CONUS_PLUS = Study(
    "conus_plus", _steps, _compose, conus_plus_page, tuple((plane.mass, plane.coupling) for plane in PLANES)
)

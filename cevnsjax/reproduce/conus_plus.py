"""The study of CONUS+: arXiv:2501.12441 and the collaboration's own result, calculated again."""

from typing import Any

from cevnsjax.reproduce.conus_plus_page import conus_plus_page
from cevnsjax.reproduce.limits import limit_steps, limits
from cevnsjax.reproduce.mediators import PLANES, mediator_steps, mediators
from cevnsjax.reproduce.standard_model import standard_model, standard_model_steps
from cevnsjax.reproduce.study import Results, Step, Study
from cevnsjax.reproduce.systematics import systematics, systematics_steps

__all__ = ["CONUS_PLUS"]


def _steps() -> tuple[Step, ...]:
    return (*standard_model_steps(), *limit_steps(), *mediator_steps(), *systematics_steps())


def _compose(results: Results) -> dict[str, Any]:
    return {**standard_model(results), **limits(results), **mediators(results), **systematics(results)}


CONUS_PLUS = Study(
    "conus_plus", _steps, _compose, conus_plus_page, tuple((plane.mass, plane.coupling) for plane in PLANES)
)

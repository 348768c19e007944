"""The study of CONUS at Brokdorf: the limits and the projections of the talk, expected here."""

from typing import Any

from cevnsjax.reproduce.conus_events import conus_event_steps, conus_events
from cevnsjax.reproduce.conus_limits import conus_limit_steps, conus_limits
from cevnsjax.reproduce.conus_page import conus_page
from cevnsjax.reproduce.conus_planes import PLANES, STERILE_PLANE, conus_plane_steps, conus_planes
from cevnsjax.reproduce.projections import projection_steps, projections
from cevnsjax.reproduce.study import Results, Step, Study
from cevnsjax.reproduce.tensor import tensor, tensor_steps

__all__ = ["CONUS"]


def _steps() -> tuple[Step, ...]:
    return (*conus_event_steps(), *conus_limit_steps(), *tensor_steps(), *projection_steps(), *conus_plane_steps())


def _compose(results: Results) -> dict[str, Any]:
    return {
        **conus_limits(results),
        **conus_events(results),
        **tensor(results),
        **projections(results),
        **conus_planes(results),
    }


CONUS = Study(
    "conus", _steps, _compose, conus_page, (*((plane.mass, plane.coupling) for plane in PLANES), STERILE_PLANE)
)

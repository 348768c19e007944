"""What a study is: steps that calculate, and a page that tells their results."""

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from cevnsjax.reproduce.workspace import Workspace

__all__ = ["Results", "Step", "Study"]

Results = Mapping[str, Any]
"""Plain data by the names of steps."""


class Step(NamedTuple):
    """One piece of a study: a name that serves as a file's, what progress says of it, and the function that does it.

    The function saves curves and figures in the workspace and returns plain data for JSON. Other processes do it,
    too: it is a function of a module, a `partial` of one, or an object that can be called. `reads` names the earlier
    steps whose results it finds there, in this order.
    """

    name: str
    title: str
    make: Callable[[Workspace], Any]
    reads: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Study:
    """A study: one experiment's published results, calculated again.

    `steps` returns the steps in their order. `compose` makes the content of the study's JSON of their results, and
    `page` the placeholders of its template `templates/NAME.md` of that content. `planes` are the pairs of parameters
    whose figures take curves of others.
    """

    name: str
    steps: Callable[[], tuple[Step, ...]]
    compose: Callable[[Results], dict[str, Any]]
    page: Callable[[Mapping[str, Any]], dict[str, str]]
    planes: tuple[tuple[str, str], ...] = ()

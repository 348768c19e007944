"""The steps of all studies in the order in which processes take them."""

import threading
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from cevnsjax.reproduce.study import Step

__all__ = ["Queue", "Task"]


class Task(NamedTuple):
    """A step of a study."""

    study: str
    step: Step


class Queue:
    """Steps that wait, by study, and what is known of the others.

    A process takes a study for itself and does its steps in their order, as neighbours share programs. Where all
    studies are taken it takes the last step of the study that has the most left. A step waits for those whose results
    it reads. Methods may be called by several threads, each for one process.
    """

    def __init__(self, steps: Mapping[str, Sequence[Step]]):
        """Take the steps by study, in the order in which studies are begun."""
        self._waiting = {study: list(each) for study, each in steps.items()}
        self._missing = {study: {step.name for step in each} for study, each in steps.items()}
        self._untouched = list(steps)
        self._own: dict[int, str] = {}
        self._changed = threading.Condition()
        self._error: BaseException | None = None

    def take(self, process: int) -> Task | None:
        """Return the next step for a process, by its number; None where nothing waits, or something has failed.

        Waits for a step whose results the next one reads.
        """
        with self._changed:
            while self._error is None and any(self._waiting.values()):
                if (found := self._next(process)) is not None:
                    self._waiting[found.study].remove(found.step)
                    return found
                self._changed.wait()
            return None

    def done(self, task: Task) -> None:
        """Note that a step is done."""
        with self._changed:
            self._missing[task.study].remove(task.step.name)
            self._changed.notify_all()

    def fail(self, error: BaseException) -> None:
        """Let no process take another step, for an error; the first one stays."""
        with self._changed:
            self._error = self._error or error
            self._changed.notify_all()

    @property
    def error(self) -> BaseException | None:
        """The first error."""
        return self._error

    def finished(self, study: str) -> bool:
        """Return whether all steps of a study are done."""
        with self._changed:
            return not self._missing[study]

    def _next(self, process: int) -> Task | None:
        for study in (self._own.get(process), *self._untouched):
            if study is not None and (ready := self._ready(study)):
                if study in self._untouched:
                    self._untouched.remove(study)
                    self._own[process] = study
                return Task(study, ready[0])
        for study in sorted(self._waiting, key=lambda study: -len(self._waiting[study])):
            if ready := self._ready(study):
                return Task(study, ready[-1])
        return None

    def _ready(self, study: str) -> list[Step]:
        return [step for step in self._waiting[study] if self._missing[study].isdisjoint(step.reads)]

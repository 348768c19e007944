"""The processes that do the steps of studies side by side: this one, and others that it starts."""

import contextlib
import os
import threading
from collections.abc import Callable, Generator, Iterator
from typing import Any

from cevnsjax.arguments import whole_number
from cevnsjax.errors import CutOff
from cevnsjax.programs import release_memory
from cevnsjax.reproduce.queue import Queue, Task
from cevnsjax.reproduce.study import Step
from cevnsjax.reproduce.workspace import Workspace
from cevnsjax.results.files import discard_unfinished
from cevnsjax.spreading import Interpreter, few_threads, own_threads

__all__ = ["check_processes", "do_all", "processes_for", "share_processors"]

MOST, UNASKED = 64, 4
"""The most processes that may be asked for, and the most that there are where nobody asks."""

PROGRAMS = 24
"""Programs that steps of a study hand on to each other, in all processes together: some half gigabyte."""

LEAST_PROGRAMS = 8
"""As many in each of many processes."""

Do = Callable[[Step, Workspace, bool], Any]
"""Does a step in a workspace, and returns its result. It is told whether a step of another study was done before."""

Begin = Callable[[Task], Workspace | None]
"""Is told that a step begins, and returns its workspace, or None where it was done by an earlier run."""

End = Callable[[Task, Any], None]
"""Takes the result of a step."""


def check_processes(given: object) -> None:
    """Raise `InputError` for an impossible number of processes; None, for the usual one, is possible."""
    if given is not None:
        whole_number(given, 1, MOST, "{} processes given")


def processes_for(given: int | None, studies: int, processors: int | None = None) -> int:
    """Return the number of processes: as many as are `given`, else one for each processor and study, but at most four.

    Where JAX works on devices that processes would have to share, it is one, unless `processors` says how many share.
    """
    if given is not None:
        return given
    return min(own_threads() if processors is None else processors, studies, UNASKED)


def _threads_each(processes: int) -> int:
    """Return the threads of each of several processes."""
    return max(1, own_threads() // processes)


def share_processors(processes: int | None, studies: int) -> None:
    """Let XLA start as many threads in this process as the processors that are its share.

    For a process of which others want nothing later. XLA reads the variable when JAX begins to work, which is too early
    to ask JAX for its devices.
    """
    processors = os.cpu_count() or 1
    os.environ.setdefault("NPROC", str(max(1, processors // processes_for(processes, studies, processors))))


def do_all(queue: Queue, processes: int, begin: Begin, end: End) -> Generator[None, None, None]:
    """Do the steps of a queue in this process and in others beside it; give a turn after each step that is done here.

    Raises what a step raises in whatever process, and `CutOff` where a process dies. A step that another process does
    is then finished, and one of this process goes on for a moment at most.
    """

    def here(step: Step, workspace: Workspace, another: bool) -> Any:
        return _made(step, workspace, another, processes)

    with _others(queue, processes, begin, end):
        yield from _work(queue, 0, begin, here, end)
        if processes > 1:
            release_memory()  # others still need theirs
    yield
    if queue.error is not None:
        raise queue.error


def _made(step: Step, workspace: Workspace, another: bool, processes: int) -> Any:
    """Do a step in this process, which is one of several, and return the result as it is kept."""
    if another:
        release_memory()  # studies share few programs
    with few_threads(_threads_each(processes)):
        workspace.keep(step.name, step.make(workspace))
    release_memory(above=max(LEAST_PROGRAMS, PROGRAMS // processes))
    return workspace.results[step.name]


def _work(queue: Queue, process: int, begin: Begin, do: Do, end: End) -> Iterator[None]:
    """Do steps as one of the processes, until there are none left to take."""
    study = None
    while (task := queue.take(process)) is not None:
        workspace = begin(task)
        if workspace is not None:
            end(task, do(task.step, workspace, study not in (None, task.study)))
            study = task.study
        queue.done(task)
        yield


@contextlib.contextmanager
def _others(queue: Queue, processes: int, begin: Begin, end: End) -> Iterator[None]:
    """Let all processes but this one do steps meanwhile, each called by a thread; wait for them at the end."""
    interpreters = [Interpreter(discard_unfinished, _threads_each(processes)) for _ in range(1, processes)]

    def there(interpreter: Interpreter, process: int) -> None:
        def do(step: Step, workspace: Workspace, another: bool) -> Any:
            try:
                return interpreter.call(_made, step, workspace, another, processes)
            except CutOff as error:
                said = f"{workspace.folder.name}: {step.title}: {error}"
                raise CutOff(f"{said}; the same command goes on from what is finished") from error

        try:
            for _ in _work(queue, process, begin, do, end):
                pass
        except BaseException as error:
            queue.fail(error)
        finally:
            interpreter.close()

    threads = [
        threading.Thread(target=there, args=(each, process), daemon=True)
        for process, each in enumerate(interpreters, start=1)
    ]
    for thread in threads:
        thread.start()
    try:
        yield
        for thread in threads:
            thread.join()
    except BaseException as error:
        queue.fail(error)
        for each in interpreters:
            each.close()
        raise

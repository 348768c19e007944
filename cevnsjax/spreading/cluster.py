"""Work spread over the workers of a Dask cluster: processes of this machine, or of many."""

import contextlib
import functools
import logging
import os
import platform
import queue
import sys
import time
from asyncio import CancelledError
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from importlib.metadata import PackageNotFoundError, version
from itertools import islice
from multiprocessing import resource_tracker
from pathlib import Path
from typing import Any

from cevnsjax.arguments import whole_number
from cevnsjax.compilation import cache_compilations
from cevnsjax.errors import CutOff, InputError
from cevnsjax.spreading.blocks import Spread, Work, in_one_thread

__all__ = ["dask_cluster", "local_processes"]

PATIENCE = 10.0
"""Seconds in which a scheduler must answer, and have a worker."""

LONELY = 120.0
"""Seconds without any worker after which work is given up."""

LOOK = 1.0
"""Seconds without a result after which the scheduler is looked at."""

WINDOW = 3
"""Blocks under way for each thread of a worker: others are made later, so that memory stays small."""

FETCH, FETCHERS = 60.0, 8
"""Seconds in which a finished result must arrive, else its block is begun anew; and how many are fetched at once."""

TRIES = 3
"""How often Dask may give up a block, after four of its workers died; or blocks in a row, without a result."""

SOFTWARE = ("cevnsjax", "jax", "jaxlib", "numpy")
"""Packages whose versions must be the same on all workers, as numbers depend on them."""

USERS_MODULES = "cevnsjax_user_"
"""Begins the names of modules that users' files of models become. Workers do not have these files."""

MOST_PROCESSES = 1024


@contextlib.contextmanager
def dask_cluster(address: str) -> Iterator[Spread]:
    """Give a way of spreading work over the Dask cluster at an `address`, `tcp://HOST:PORT`.

    Its scheduler and workers need this package, in the same version. What all blocks share is sent to each worker once,
    and a block whose worker dies is begun anew on another one. Raises `InputError` where Dask is not installed, nothing
    answers, there is no worker, or a worker has other software, and `CutOff` where the cluster is lost meanwhile::

        with dask_cluster("tcp://head:8786") as spread:
            plane = cevnsjax.scan(likelihood, x, y, spread=spread)
    """
    with _client(address, f"the Dask cluster at '{address}'") as spread:
        yield spread


@contextlib.contextmanager
def local_processes(number: int, scratch: Path | None = None) -> Iterator[Spread]:
    """Give a way of spreading work over a `number` of new processes of this machine, of one thread each.

    `scratch` is a folder for Dask's own files, by default in the system's folder of temporary files. Raises
    `InputError` for an impossible number, and where Dask is not installed::

        with local_processes(8) as spread:
            plane = cevnsjax.scan(likelihood, x, y, spread=spread)
    """
    whole_number(number, 1, MOST_PROCESSES, "{} workers given")
    distributed = _distributed()
    import dask

    _track_quietly()
    with (
        dask.config.set({} if scratch is None else {"temporary-directory": str(scratch)}),
        _quiet(),
        distributed.LocalCluster(
            n_workers=number,
            threads_per_worker=1,
            memory_limit=None,  # else a worker of many would rest because of what all processes have
            dashboard_address=":0",  # any port: that of every other cluster may be taken
            silence_logs=logging.CRITICAL,
        ) as cluster,
        _client(cluster, "the Dask cluster on this machine") as spread,
    ):
        yield spread


def _distributed() -> Any:
    try:
        import distributed
    except ImportError as error:
        raise InputError("workers and a scheduler need Dask: pip install 'cevnsjax[cluster]'") from error
    return distributed


def _track_quietly() -> None:
    """Start Python's tracker of semaphores: where this process ends at once it removes them, and need not say so."""
    before = os.environ.get("PYTHONWARNINGS")
    os.environ["PYTHONWARNINGS"] = ",".join(filter(None, [before, "ignore:resource_tracker"]))
    try:
        resource_tracker.ensure_running()
    finally:
        os.environ.pop("PYTHONWARNINGS")
        if before is not None:
            os.environ["PYTHONWARNINGS"] = before


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Switch Dask's own messages off: what a user must know is raised."""
    _distributed()
    names = [name for name in logging.root.manager.loggerDict if name.partition(".")[0] == "distributed"]
    before = {name: logging.getLogger(name).level for name in names}
    for name in names:
        logging.getLogger(name).setLevel(logging.CRITICAL + 1)
    try:
        yield
    finally:
        for name, level in before.items():
            logging.getLogger(name).setLevel(level)


@contextlib.contextmanager
def _client(cluster: Any, name: str) -> Iterator[Spread]:
    distributed = _distributed()
    # Closed by `with` only: the garbage collector may close it while another one begins, and both wait for ever.
    kind = type("Client", (distributed.Client,), {"__del__": lambda _: None})
    with _quiet():
        try:
            client = kind(cluster, timeout=PATIENCE, set_as_default=False)
        except (OSError, ValueError, TypeError, AssertionError) as error:  # it asserts that its own thread has begun
            raise InputError(
                f"no Dask scheduler answers at '{cluster}': give an address such as tcp://host:8786"
            ) from error
        with client:
            try:
                client.wait_for_workers(1, timeout=PATIENCE)
            except TimeoutError as error:
                raise InputError(f"{name} has no workers: start some, 'dask worker {cluster}' for instance") from error
            _check_software(client, name)
            yield _Cluster(client, name)


def _check_software(client: Any, name: str) -> None:
    """Raise `InputError` where the scheduler or a worker has other software.

    They are asked by Python's own function: who lacks this package could not read any other, and would die.
    """
    for package, mine in _software().items():
        found = {f"the worker {at}": v for at, v in client.run(version, package, on_error="return").items()}
        try:
            found["the scheduler"] = client.run_on_scheduler(version, package)
        except PackageNotFoundError as error:
            found["the scheduler"] = error
        for who, theirs in found.items():
            if isinstance(theirs, PackageNotFoundError):
                raise InputError(f"{who} of {name} has no {package}: install {package} {mine} there")
            if theirs != mine:
                raise InputError(f"{who} of {name} has {package} {theirs}, and it is {mine} here: install the same")


class _Cluster:
    """The way of spreading work over a cluster."""

    def __init__(self, client: Any, name: str):
        self.client, self.name = client, name
        self.work, self.shared = b"", None

    def __call__(self, work: Work, blocks: Sequence[Any]) -> Iterator[tuple[int, Any]]:
        """Give the number of each block with its result, as they come from the workers."""
        pickled = _pickled(work)
        if pickled != self.work:  # else workers have it from the last time
            self.work, self.shared = pickled, None
        crew = _Crew(self, blocks)
        try:
            yield from crew.results()
        finally:
            crew.release()

    def sent(self) -> Any:
        """Return the task that stands for the work on all workers."""
        if self.shared is None or self.shared.status in ("error", "cancelled"):
            # A task, and no scattered data: these would be lost with their worker.
            self.shared = self.client.submit(_same, self.work, pure=False)
        return self.shared

    def connected(self) -> bool:
        """Return whether there is a connection to the scheduler."""
        comm = self.client.scheduler_comm
        return self.client.status == "running" and comm is not None and not comm.comm.closed()


class _Crew:
    """Blocks under way on the workers of a cluster."""

    def __init__(self, cluster: _Cluster, blocks: Sequence[Any]):
        self.cluster, self.client, self.name, self.blocks = cluster, cluster.client, cluster.name, blocks
        self.software = _software()
        self.pool = ThreadPoolExecutor(FETCHERS)
        self.running: dict[Any, int] = {}
        self.tries: dict[int, int] = {}
        self.vain = 0  # blocks that were given up since the last result
        self.done: queue.SimpleQueue[Any] = queue.SimpleQueue()
        self.threads = max(sum(self.client.nthreads().values()), 1)
        self.looked = self.seen = time.monotonic()

    def results(self) -> Iterator[tuple[int, Any]]:
        """Give results as they come."""
        waiting = iter(range(len(self.blocks)))
        number = 0
        while number < len(self.blocks):
            for block in islice(waiting, max(WINDOW * self.threads - len(self.running), 0)):
                self._begin(block)
            if time.monotonic() - self.looked > LOOK:
                self._look(number)
            for block, result in self._arrived(number):
                number += 1
                self.seen, self.vain = time.monotonic(), 0
                yield block, result

    def _arrived(self, number: int) -> Iterator[tuple[int, Any]]:
        """Give the results that have come within a moment, fetched together; what failed is begun anew."""
        try:
            ended = [self.done.get(timeout=LOOK)]
        except queue.Empty:
            return
        with contextlib.suppress(queue.Empty):
            while True:
                ended.append(self.done.get_nowait())
        failed = []
        for future, outcome in zip(ended, self.pool.map(_outcome, ended), strict=True):
            block = self.running.pop(future)
            if isinstance(outcome, BaseException):
                failed.append((block, outcome))
            else:
                number += 1
                yield block, outcome[0]
        for block, error in failed:
            self._failed(block, error, number)

    def release(self) -> None:
        """Let go of all that is not finished."""
        if self.running and self.cluster.connected():
            self.client.cancel(list(self.running), force=True)
        self.running.clear()
        self.pool.shutdown(wait=False, cancel_futures=True)

    def _begin(self, block: int) -> None:
        future = self.client.submit(_do, self.cluster.sent(), self.software, self.blocks[block], pure=False)
        self.running[future] = block
        future.add_done_callback(self.done.put)

    def _failed(self, block: int, error: BaseException, number: int) -> None:
        """Begin a block anew whose worker was lost; raise what the work has raised."""
        distributed = _distributed()
        if not self.cluster.connected():
            raise self._lost(number) from error
        if isinstance(error, ImportError):
            needed = f"install cevnsjax {self.software['cevnsjax']} there; {self._finished(number)}"
            raise CutOff(f"a worker of {self.name} lacks what is needed ({error}): {needed}") from error
        if isinstance(error, distributed.KilledWorker):
            self.tries[block] = self.tries.get(block, 0) + 1
            self.vain += 1
            self.seen = time.monotonic()  # there are workers, if only for moments in which nobody looks
            if self.tries[block] > TRIES or self.vain > TRIES:
                which = f"block {block + 1} of {len(self.blocks)}" if self.tries[block] > TRIES else "a block"
                why = f"died whenever they did {which}, most often for want of memory"
                raise CutOff(f"workers of {self.name} {why}; {self._finished(number)}") from error
        elif not isinstance(error, TimeoutError | OSError | distributed.client.FutureCancelledError):
            raise error
        self._begin(block)

    def _look(self, number: int) -> None:
        """Count the threads of all workers; raise `CutOff` where the scheduler is lost, or has had none for long."""
        if not self.cluster.connected():
            raise self._lost(number)
        workers: dict[str, int] = {}
        with contextlib.suppress(OSError, RuntimeError):  # a scheduler that is busy may answer later
            workers = self.client.nthreads()
        self.looked = time.monotonic()
        if workers:
            self.seen, self.threads = self.looked, sum(workers.values())
        elif time.monotonic() - self.seen > LONELY:
            raise CutOff(f"{self.name} has shown no workers for {LONELY:g} s; {self._finished(number)}")

    def _lost(self, number: int) -> CutOff:
        return CutOff(f"{self.name} was lost; {self._finished(number)}")

    def _finished(self, number: int) -> str:
        return f"{number} of {len(self.blocks)} blocks were finished"


def _outcome(future: Any) -> tuple[Any] | BaseException:
    """Return the result of a block, or what was raised in its place."""
    try:
        return (future.result(timeout=FETCH),)
    except (Exception, CancelledError) as error:
        return error


def _pickled(work: Work) -> bytes:
    """Return work as bytes, with what users' files of models define in them."""
    import cloudpickle

    own = [module for name, module in sys.modules.items() if name.startswith(USERS_MODULES)]
    for module in own:
        cloudpickle.register_pickle_by_value(module)
    try:
        return cloudpickle.dumps(work)
    finally:
        for module in own:
            cloudpickle.unregister_pickle_by_value(module)


@functools.lru_cache(maxsize=4)
def _unpickled(work: bytes) -> Work:
    """Return work from bytes, made once in each process: what it compiles is compiled once."""
    import cloudpickle

    cache_compilations()
    return cloudpickle.loads(work)


@functools.cache
def _software() -> dict[str, str]:
    return {name: version(name) for name in SOFTWARE}


def _same(work: bytes) -> bytes:
    return work


def _do(work: bytes, software: dict[str, str], block: Any) -> Any:
    for name, mine in _software().items():
        if mine != software[name]:
            raise CutOff(
                f"a worker on {platform.node()} has {name} {mine}, and it is {software[name]} here: install the same"
            )
    return in_one_thread(_unpickled(work), block)

"""Blocks of work: how they are gathered, and the ways of doing them in this process.

A verb cuts its work into blocks that do not depend on each other: lines of a plane, points of a grid of toys. The cut
depends on the work alone, and never on who does it, so that numbers are the same wherever they were calculated.
"""

import contextlib
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import FIRST_COMPLETED, Future, ThreadPoolExecutor, wait
from contextvars import ContextVar
from itertools import islice
from typing import Any, Protocol, TypeVar, overload, runtime_checkable

import jax
import numpy as np

__all__ = [
    "Gathering",
    "Kept",
    "Lazy",
    "Spread",
    "Work",
    "few_threads",
    "in_one_thread",
    "in_threads",
    "one_by_one",
    "own_threads",
]

Block = TypeVar("Block")

Work = Callable[[Any], Any]
"""What is done with a block. To be sent elsewhere it must be a function of a module, or a `partial` of one."""

AHEAD = 2
"""Blocks that wait for each thread: others are made later, so that memory does not grow with their number."""

_threads: ContextVar[int] = ContextVar("threads")


Spread = Callable[[Work, Sequence[Any]], Iterable[tuple[int, Any]]]
"""A way of doing work, here, in threads, or on other machines.

It gives the number of each block with `work(block)`, as they finish; a block is asked for when it is its turn.
"""


@runtime_checkable
class Kept(Protocol):
    """What an earlier run has finished, and where this one leaves what it finishes."""

    @property
    def finished(self) -> Mapping[str, np.ndarray]:
        """The results that are known, by the names of their blocks."""
        ...

    def keep(self, name: str, result: np.ndarray) -> None:
        """Keep the `result` of a block under its `name`."""
        ...


class Lazy(Sequence[Block]):
    """Blocks that are made when they are asked for.

    `make` makes a block from its index, and `number` is how many there are.

    >>> from cevnsjax.spreading import Lazy
    >>> list(Lazy(lambda i: i**2, 4))
    [0, 1, 4, 9]
    """

    def __init__(self, make: Callable[[int], Block], number: int):
        """Take the function that makes a block from its number, and how many there are."""
        self._make, self._number = make, number

    def __len__(self) -> int:
        return self._number

    @overload
    def __getitem__(self, index: int) -> Block: ...

    @overload
    def __getitem__(self, index: slice) -> Sequence[Block]: ...

    def __getitem__(self, index: int | slice) -> Block | Sequence[Block]:
        if isinstance(index, slice):
            return [self._make(i) for i in range(*index.indices(self._number))]
        if not 0 <= index < self._number:
            raise IndexError(index)
        return self._make(index)


class Gathering:
    """Does blocks of work by some way of spreading them, and leaves out those that are finished already.

    `spread` is the way, by default one block after another. `kept` has finished results, and takes new ones. After each
    block `advance(done, all)` is called. Methods take the `work` and its `blocks`, and `names` that tell blocks from
    each other in what is kept, by default their numbers.

    >>> from cevnsjax.spreading import Gathering, in_threads
    >>> Gathering(in_threads).results(abs, [-1, -2, -3])
    [1, 2, 3]
    """

    def __init__(
        self,
        spread: Spread | None = None,
        kept: Kept | None = None,
        advance: Callable[[int, int], None] | None = None,
    ):
        """Take a way (by default one block after another), what is kept, and a function that is told of progress.

        `advance(done, all)` is called after each block.
        """
        self.spread: Spread = one_by_one if spread is None else spread
        self.kept, self.advance = kept, advance

    def each(self, work: Work, blocks: Sequence[Any], names: Sequence[str] | None = None) -> Iterator[tuple[int, Any]]:
        """Give the number of each block with its result, finished ones first and the others as they come."""
        names = [str(i) for i in range(len(blocks))] if names is None else names
        finished = {} if self.kept is None else self.kept.finished
        known = [i for i, name in enumerate(names) if name in finished]
        todo = [i for i, name in enumerate(names) if name not in finished]
        for i in known:
            yield i, finished[names[i]]
        results = self.spread(work, Lazy(lambda i: blocks[todo[i]], len(todo))) if todo else ()
        for done, (i, result) in enumerate(results, start=len(known) + 1):
            if self.kept is not None:
                self.kept.keep(names[todo[i]], result)
            if self.advance is not None:
                self.advance(done, len(blocks))
            yield todo[i], result

    def results(self, work: Work, blocks: Sequence[Any], names: Sequence[str] | None = None) -> list[Any]:
        """Return the results of all blocks, in their order."""
        gathered = dict(self.each(work, blocks, names))
        return [gathered[i] for i in range(len(blocks))]


def one_by_one(work: Work, blocks: Sequence[Any]) -> Iterator[tuple[int, Any]]:
    """Do the `work` of one of the `blocks` after another.

    >>> from cevnsjax.spreading import one_by_one
    >>> list(one_by_one(abs, [-1, -2]))
    [(0, 1), (1, 2)]
    """
    for i in range(len(blocks)):
        yield i, work(blocks[i])


def in_threads(work: Work, blocks: Sequence[Any]) -> Iterator[tuple[int, Any]]:
    """Do the `work` of `blocks` in as many threads as there are processors, where programs run on one core each.

    Programs over several devices would wait for each other if two of them were started at once: with several devices,
    or one that is no processor, blocks are done one by one.

    >>> from cevnsjax.spreading import in_threads
    >>> sorted(in_threads(abs, [-1, -2, -3]))
    [(0, 1), (1, 2), (2, 3)]
    """
    threads = own_threads()
    if threads == 1 or len(blocks) < 3:
        yield from one_by_one(work, blocks)
        return
    # The first block compiles, so that no two threads compile the same.
    yield 0, work(blocks[0])
    rest = iter(range(1, len(blocks)))
    with ThreadPoolExecutor(threads) as pool:
        running: dict[Future[Any], int] = {}
        try:
            while True:
                for i in islice(rest, AHEAD * threads - len(running)):
                    running[pool.submit(in_one_thread, work, blocks[i])] = i
                if not running:
                    return
                for future in wait(running, return_when=FIRST_COMPLETED).done:
                    yield running.pop(future), future.result()
        finally:
            pool.shutdown(cancel_futures=True)


def own_threads() -> int:
    """Return how many threads a block of work may use: one where blocks share the processors among themselves.

    >>> from cevnsjax.spreading import own_threads
    >>> own_threads() >= 1
    True
    """
    alone = jax.device_count() == 1 and jax.default_backend() == "cpu"
    return _threads.get((os.cpu_count() or 1) if alone else 1)


@contextlib.contextmanager
def few_threads(number: int) -> Iterator[None]:
    """Let a block of work use no more than a `number` of threads, as other processes are busy on the same machine.

    >>> from cevnsjax.spreading import few_threads, own_threads
    >>> with few_threads(1):
    ...     own_threads()
    1
    """
    token = _threads.set(min(number, own_threads()))
    try:
        yield
    finally:
        _threads.reset(token)


def in_one_thread(work: Work, block: Any) -> Any:
    """Do a block in this thread alone, as others are busy with their own."""
    with few_threads(1):
        return work(block)

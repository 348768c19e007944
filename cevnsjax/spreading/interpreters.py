"""A new Python beside this one, which calls functions for it: without Dask, and whatever this process has begun.

It is started afresh, as a process in which JAX runs must not be forked. Orders and answers go through its standard
streams. It ends when this process closes them, or ends in whatever way.
"""

import contextlib
import os
import pickle
import queue
import signal
import subprocess
import sys
import threading
import traceback
import warnings
import weakref
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO, cast

from cevnsjax.compilation import cache_compilations
from cevnsjax.errors import CutOff
from cevnsjax.store import keeping_in

__all__ = ["Interpreter", "end_interpreters", "serve"]

PROGRAM = "from cevnsjax.spreading.interpreters import serve; serve()"

THREADS = ("NPROC", "OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
"""Variables that tell XLA, OpenMP and libraries of linear algebra how many threads to start."""

PATIENCE = 1.0
"""Seconds in which a process that is told to end must be gone."""

_every: "weakref.WeakSet[Interpreter]" = weakref.WeakSet()


class Interpreter:
    """A process with a Python of its own, started when it is first called.

    It imports from where this process does, has its warning filters and its cache of programs. It shows its warnings
    here, and what it prints goes to standard error. Its libraries start as many `threads` as they are told, by default
    one for each processor. One thread may call it at a time. Where it is ended in the middle of its work it calls
    `at_end`, a function of a module.

    >>> import contextlib, math
    >>> from cevnsjax.spreading import Interpreter
    >>> with contextlib.closing(Interpreter()) as other:
    ...     other.call(math.sqrt, 4.0)
    2.0
    """

    def __init__(self, at_end: Callable[[], None] | None = None, threads: int | None = None):
        """Take what the process calls at a sudden end, and the number of threads."""
        self._at_end = at_end
        self._threads = {} if threads is None else dict.fromkeys(THREADS, str(threads))
        self._process: subprocess.Popen[bytes] | None = None
        self._closed = False
        self._lock = threading.Lock()

    def call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Return what a `function` returns there for its `arguments`: a function of a module, or a `partial` of one.

        Raises what it raises, with the text of its traceback as a note, and `CutOff` where the process dies.
        """
        order = pickle.dumps((function, arguments))
        process = self._begun()
        with contextlib.suppress(OSError, ValueError):  # it has died, or is closed: no answer will come
            _send(process.stdin, order)
        while True:
            try:
                answer = _received(process.stdout)
            except (EOFError, ValueError) as error:  # the stream has ended, or is closed here
                raise CutOff(f"its process {self._last_words(process)}") from error
            kind, *content = pickle.loads(answer)
            if kind == "result":
                return content[0]
            if kind == "error":
                raised, text = content
                raised.add_note(text)
                raise raised
            warnings.showwarning(*content)

    def close(self) -> None:
        """End the process, at once if it works."""
        with self._lock:
            self._closed = True
        process = self._process
        if process is None:
            return
        with contextlib.suppress(OSError):  # it has died
            cast(BinaryIO, process.stdin).close()
        try:
            process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()
        cast(BinaryIO, process.stdout).close()

    def _begun(self) -> "subprocess.Popen[bytes]":
        """Return the process, started if it is not."""
        with self._lock:
            if self._closed:
                raise CutOff("its process was ended")
            if self._process is None:
                _every.add(self)
                here = os.pathsep.join(folder or os.getcwd() for folder in sys.path)
                self._process = subprocess.Popen(
                    [sys.executable, "-P", "-c", PROGRAM],
                    stdin=subprocess.PIPE,
                    stdout=subprocess.PIPE,
                    env={**self._threads, **os.environ, "PYTHONPATH": here},
                    start_new_session=True,  # Ctrl-C is for this process, which ends the other one
                )
                filters = [each for each in warnings.filters if _can_be_sent(each)]
                _send(self._process.stdin, pickle.dumps((filters, keeping_in(), self._at_end)))
            return self._process

    def _last_words(self, process: "subprocess.Popen[bytes]") -> str:
        """Return how a process has ended."""
        try:
            status = process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            process.kill()
            return "closed its streams"
        if status >= 0:
            return f"ended with status {status}"
        with contextlib.suppress(ValueError):
            return f"was ended by {signal.Signals(-status).name}, most often for want of memory"
        return f"was ended by signal {-status}"


def end_interpreters() -> None:
    """End the processes of all interpreters, for the sudden end of this one.

    >>> from cevnsjax.spreading import end_interpreters
    >>> end_interpreters()
    """
    for each in list(_every):
        each.close()


def serve() -> None:
    """Do what the process that has started this one orders, until it wants no more."""
    orders, answers = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    with contextlib.suppress(OSError):
        os.dup2(2, 1)  # what libraries print is no answer
    sent: queue.SimpleQueue[bytes] = queue.SimpleQueue()
    try:
        filters, cache, at_end = pickle.loads(_received(orders))
    except EOFError:
        return
    threading.Thread(target=_listen, args=(orders, sent, at_end), daemon=True).start()
    if cache is not None:
        cache_compilations(Path(cache).parent)
    # The very list that `warnings` reads, which its stubs call a sequence.
    warnings.filters[:] = filters  # type: ignore[index]
    lock = threading.Lock()

    def answer(kind: str, *content: Any) -> None:
        with lock:
            _send(answers, pickle.dumps((kind, *content)))

    def show(message: Warning | str, category: type[Warning], filename: str, lineno: int, *_: Any) -> None:
        known = category if _can_be_sent(category) else UserWarning
        answer("warning", str(message), known, filename, lineno)

    # `warnings` documents that this function may be replaced; its stubs want the names of all arguments.
    warnings.showwarning = show  # type: ignore[assignment]
    while True:
        order = sent.get()
        try:
            function, arguments = pickle.loads(order)
            result = function(*arguments)
            answer("result", result)
        except BaseException as error:
            plain = error if _can_be_sent(error) else RuntimeError(f"{type(error).__name__}: {error}")
            answer("error", plain, traceback.format_exc())


def _listen(orders: BinaryIO, sent: "queue.SimpleQueue[bytes]", at_end: Callable[[], None] | None) -> None:
    """Take orders; end this process where there will be no more, whatever it does."""
    with contextlib.suppress(EOFError, OSError):
        while True:
            sent.put(_received(orders))
    if at_end is not None:
        at_end()
    os._exit(0)


def _send(to: Any, content: bytes) -> None:
    to.write(len(content).to_bytes(8, "big") + content)
    to.flush()


def _received(stream: Any) -> bytes:
    """Return the next message of a stream; raises `EOFError` where it ends."""
    head = stream.read(8)
    content: bytes = stream.read(int.from_bytes(head, "big"))
    if len(head) < 8 or len(content) < int.from_bytes(head, "big"):
        raise EOFError
    return content


def _can_be_sent(value: Any) -> bool:
    """Return whether a value can be pickled and read again."""
    try:
        pickle.loads(pickle.dumps(value))
    except Exception:  # of whatever kind: classes say themselves how they are pickled
        return False
    return True

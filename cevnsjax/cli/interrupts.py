"""Ctrl-C and SIGTERM: the process ends at once, in one line, and leaves no unfinished file."""

import contextlib
import os
import signal
import sys
import threading

__all__ = ["INTERRUPTED", "MESSAGE", "end_on_signals"]

INTERRUPTED = 130
"""The exit status."""

MESSAGE = "interrupted"

PATIENCE = 1.0
"""Seconds in which a process that is killed must be gone."""

SIGNALS = (signal.SIGINT, signal.SIGTERM)


def end_on_signals() -> None:
    """From now on SIGINT and SIGTERM end this process with the status INTERRUPTED.

    Python's own way, an exception in the main thread, waits for a compiled loop to end, is lost in callbacks, and then
    ends a process whose other threads still calculate. Here a thread waits for the signal and ends the process itself.
    For the process of the command line only: it must run in the main thread.
    """
    wanted = [number for number in SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]
    reader, writer = os.pipe()
    os.set_blocking(writer, False)
    for number in wanted:
        signal.signal(number, lambda *_: None)
    signal.set_wakeup_fd(writer, warn_on_full_buffer=False)
    threading.Thread(target=_wait, args=(reader, wanted), daemon=True).start()


def _wait(reader: int, wanted: list[signal.Signals]) -> None:
    while os.read(reader, 1)[0] not in wanted:
        pass
    _end_workers()
    files = sys.modules.get("cevnsjax.results.files")  # without it there is no file
    if files is not None:
        files.discard_unfinished()
    if os.isatty(2):
        os.write(2, b"\r\x1b[K\x1b[?25h")  # an empty line, and the cursor that a progress bar hides
    os.write(2, f"cevnsjax: {MESSAGE}\n".encode())
    os._exit(INTERRUPTED)


def _end_workers() -> None:
    """End the processes of `--workers` and `--processes`, which would go on for a while, and write."""
    # Modules that are not there yet, or not whole, have begun no processes.
    end_interpreters = getattr(sys.modules.get("cevnsjax.spreading"), "end_interpreters", None)
    if end_interpreters is not None:
        end_interpreters()
    multiprocessing = sys.modules.get("multiprocessing")
    if multiprocessing is not None:
        for process in multiprocessing.active_children():
            with contextlib.suppress(OSError, ValueError):  # it has ended already
                process.kill()
                process.join(PATIENCE)

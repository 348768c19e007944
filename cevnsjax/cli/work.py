"""How commands do their work: where it is spread, what of it is kept for a next time, and the answer."""

import contextlib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cevnsjax.checkpoint import Checkpoint
from cevnsjax.cli.inputs import answered
from cevnsjax.cli.output import Advance, progress
from cevnsjax.errors import CutOff, InputError
from cevnsjax.results import temporary_folder

if TYPE_CHECKING:
    from cevnsjax.likelihood import Likelihood
    from cevnsjax.spreading import Spread

__all__ = ["resumable", "spread_over"]


@contextlib.contextmanager
def spread_over(scheduler: str | None, workers: int | None) -> "Iterator[Spread | None]":
    """Give the way of spreading work that two options ask for, None where they ask for none.

    Raises `InputError` where both are given, and where the cluster is not there.
    """
    if scheduler is not None and workers is not None:
        raise InputError(f"--scheduler {scheduler} and --workers {workers} given; choose one")
    from cevnsjax.spreading import dask_cluster, local_processes

    if scheduler is not None:
        with dask_cluster(scheduler) as spread:
            yield spread
    elif workers is not None:
        with temporary_folder() as scratch, local_processes(workers, scratch) as spread:
            yield spread
    else:
        yield None


@contextlib.contextmanager
def resumable(
    likelihood: "Likelihood", verb: str, request: Mapping[str, Any], text: str, out: Path | None,
    scheduler: str | None, workers: int | None, told: bool = True,
) -> Iterator[tuple[Any, dict[str, Any]]]:  # fmt: skip
    """Give the result of a verb and its provenance; with a file `out`, finished blocks are kept until the end.

    They are kept until the block of the `with` statement has written the result. Where the work was cut off, or a file
    could not be written, they stay for the same command to go on from; where what was asked is wrong, nothing stays.
    `told` says whether the verb tells of its progress.
    """
    kept = None if out is None else Checkpoint(out, likelihood, verb, request)
    with spread_over(scheduler, workers) as spread:
        try:
            with progress(text) as advance:
                watch: dict[str, Advance] = {"advance": advance} if told else {}
                answer = answered(likelihood, verb, request, spread=spread, kept=kept, **watch)
        except CutOff as error:
            if kept is not None and kept.finished:
                kept.write()
                raise CutOff(f"{error}; the same command goes on from there") from error
            raise
        except InputError:
            if kept is not None and kept.written:
                kept.clear()
            raise
    yield answer
    if kept is not None:
        kept.clear()

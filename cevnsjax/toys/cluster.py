"""Toys spread over the workers of a Dask cluster: on one machine or many, with the same numbers as on none."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

import numpy as np

from cevnsjax.errors import InputError
from cevnsjax.toys.feldman_cousins import Spread, Work

__all__ = ["dask_cluster"]

PATIENCE = "10s"


@contextmanager
def dask_cluster(address: str) -> Iterator[Spread]:
    """Give a function that spreads blocks of work over the Dask cluster at an address, `tcp://HOST:PORT`.

    Its workers need this package; each block is one task, and the grid it works on is sent to a worker once. Raises
    `InputError` where Dask is not installed, or nothing answers.
    """
    try:
        from distributed import Client
    except ImportError as error:
        raise InputError("a scheduler needs Dask: pip install 'cevnsjax[cluster]'") from error
    try:
        client = Client(address, timeout=PATIENCE)
    except (OSError, ValueError) as error:
        raise InputError(
            f"no Dask scheduler answers at '{address}': give an address such as tcp://host:8786"
        ) from error

    def spread(work: Work, blocks: list[np.ndarray]) -> Iterable[np.ndarray]:
        sent = client.scatter(work, broadcast=True)
        return client.gather([client.submit(_do, sent, block, pure=False) for block in blocks])

    with client:
        yield spread


def _do(work: Work, block: np.ndarray) -> np.ndarray:
    return work(block)

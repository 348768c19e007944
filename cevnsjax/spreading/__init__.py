"""One way to spread work: over threads, processes, or the machines of a cluster, with the same numbers."""

from cevnsjax.spreading.blocks import (
    Gathering,
    Kept,
    Lazy,
    Spread,
    Work,
    few_threads,
    in_threads,
    one_by_one,
    own_threads,
)
from cevnsjax.spreading.cluster import dask_cluster, local_processes
from cevnsjax.spreading.interpreters import Interpreter, end_interpreters

__all__ = [
    "Gathering",
    "Interpreter",
    "Kept",
    "Lazy",
    "Spread",
    "Work",
    "dask_cluster",
    "end_interpreters",
    "few_threads",
    "in_threads",
    "local_processes",
    "one_by_one",
    "own_threads",
]

"""One way to spread work: over threads, processes, or the machines of a cluster, with the same numbers."""

from cevnsjax.spreading.blocks import Gathering, Kept, Lazy, Spread, Work, in_threads, one_by_one, own_threads
from cevnsjax.spreading.cluster import dask_cluster, local_processes

__all__ = [
    "Gathering",
    "Kept",
    "Lazy",
    "Spread",
    "Work",
    "dask_cluster",
    "in_threads",
    "local_processes",
    "one_by_one",
    "own_threads",
]

"""What a process keeps in memory, as it is asked for again and again: what was used last, up to a number of bytes.

A value is known by all that it depends on, so that no result depends on what is kept.
"""

import dataclasses
import hashlib
import threading
from collections import OrderedDict
from collections.abc import Hashable, Iterator, Mapping
from typing import Any, Generic, TypeVar

import jax
import numpy as np

from cevnsjax.store import known_structure

__all__ = ["Recent", "key_of"]

Value = TypeVar("Value")

ENTRY = 1024
"""Bytes of an entry beside its arrays: many that have next to none are not kept for ever."""

SHARE = 4
"""A value that takes more than one part in SHARE of all bytes is not kept: it would drive out too much."""


class Recent(Generic[Value]):
    """Values by their keys, whose arrays take no more than `limit` bytes. What was used longest ago goes first.

    All who ask for a value share it, threads too: its arrays become read-only.

    >>> from cevnsjax.recent import Recent
    >>> squares = Recent(limit=10_000)
    >>> squares.put("three", np.arange(3.0) ** 2), squares.get("three")
    (array([0., 1., 4.]), array([0., 1., 4.]))
    >>> squares.get("four") is None
    True
    """

    def __init__(self, limit: int):
        """Take the number of bytes."""
        self.limit = limit
        self._values: OrderedDict[Hashable, tuple[Value, int]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> Value | None:
        """Return the value of a key, None where there is none, or where the key is None."""
        with self._lock:
            if key not in self._values:
                return None
            self._values.move_to_end(key)
            return self._values[key][0]

    def put(self, key: Hashable, value: Value) -> Value:
        """Keep a value for a key, unless that is None, and return it."""
        if key is None:
            return value
        arrays = {id(array): array for array in _arrays(value)}.values()
        size = ENTRY + sum(array.nbytes for array in arrays)
        if SHARE * size > self.limit:
            return value
        for array in arrays:
            array.setflags(write=False)
        with self._lock:
            self._values[key] = value, size
            self._values.move_to_end(key)
            while self.size > self.limit:
                self._values.popitem(last=False)
        return value

    def clear(self) -> None:
        """Forget all values."""
        with self._lock:
            self._values.clear()

    @property
    def size(self) -> int:
        """The bytes that all values take."""
        return sum(size for _, size in self._values.values())


def _arrays(value: Any) -> Iterator[np.ndarray]:
    """Give the arrays in a value, through dataclasses, modules, and Python's collections."""
    if isinstance(value, np.ndarray):
        yield value
    elif isinstance(value, Mapping):
        for item in value.values():
            yield from _arrays(item)
    elif isinstance(value, tuple | list):
        for item in value:
            yield from _arrays(item)
    elif dataclasses.is_dataclass(value) and not isinstance(value, type):
        for field in dataclasses.fields(value):
            yield from _arrays(getattr(value, field.name, None))


def key_of(*parts: Any) -> Hashable | None:
    """Return a key that is the same for `parts`, pytrees, of the same content, down to the last bit of each number.

    It is None where content is not all that matters: for values that JAX traces, and a user's own classes, whose names
    do not tell what they do.

    >>> from cevnsjax.recent import key_of
    >>> key_of(np.zeros(3), 1.0) == key_of(np.zeros(3), 1.0)
    True
    """
    leaves, structure = jax.tree.flatten(parts)
    digest = hashlib.blake2b(digest_size=32)
    for leaf in leaves:
        if not isinstance(leaf, np.ndarray | np.generic | float | int) or np.asarray(leaf).dtype.hasobject:
            return None
        array = np.ascontiguousarray(leaf)
        digest.update(f"{array.dtype} {np.shape(leaf)} ".encode())
        digest.update(array.tobytes())
    return (structure, digest.digest()) if known_structure(structure) else None

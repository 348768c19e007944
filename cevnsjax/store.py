"""What is kept on disk between processes, in the folder of JAX's own cache: programs, and signals as polynomials.

An entry is known by a text that holds all it depends on. No entry is part of a result: where one is missing, damaged
or unwritable, it is calculated again.
"""

import contextlib
import functools
import hashlib
import importlib.metadata
import io
import os
import pickle
import platform
import tempfile
import zlib
from pathlib import Path
from types import FunctionType
from typing import Any

import jax
import numpy as np
from pydantic import BaseModel

from cevnsjax.resources import data_folder

__all__ = [
    "content_of",
    "fingerprint",
    "keep",
    "keep_in",
    "keeping",
    "keeping_in",
    "kept",
    "known_source",
    "known_structure",
]

PACKAGE = Path(__file__).parent

SOFTWARE = ("jax", "jaxlib", "numpy", "scipy", "equinox", "numpyro")
"""Packages that calculate an entry: their versions are part of its text."""

KNOWN = ("cevnsjax", *SOFTWARE, "builtins", "collections", "pathlib", "types", "copyreg", "_codecs")
"""Modules whose classes a name tells: the package's own source is part of the text, too, and Python's do not change."""

LARGEST = 32 << 20
"""Bytes of an entry before compression."""

_folder: Path | None = None


def keep_in(folder: Path | None) -> None:
    """Keep entries in a folder from now on, or none."""
    global _folder
    _folder = folder


def keeping() -> bool:
    """Return whether there is a folder."""
    return _folder is not None


def keeping_in() -> Path | None:
    """Return the folder, None where there is none."""
    return _folder


def kept(kind: str, text: str) -> Any:
    """Return what was kept for a text by an earlier process, None where there is nothing that can be trusted."""
    if _folder is None:
        return None
    path = _path(kind, text)
    try:
        content = path.read_bytes()
        if hashlib.sha256(content[32:]).digest() != content[:32]:
            return None
        os.utime(path)  # the entries used longest ago are removed first
        return pickle.loads(zlib.decompress(content[32:]))
    except Exception:  # of whatever kind: it is made anew
        return None


def keep(kind: str, text: str, value: Any) -> None:
    """Keep a value for a text; where that is not possible, the next process makes it again."""
    if _folder is None:
        return
    plain = pickle.dumps(value)
    if len(plain) > LARGEST:
        return
    content = zlib.compress(plain, 1)
    path = _path(kind, text)
    with contextlib.suppress(OSError):
        descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=".kept-")
        try:
            with open(descriptor, "wb") as file:
                file.write(hashlib.sha256(content).digest() + content)
            Path(name).replace(path)
        except OSError:  # a full disk
            Path(name).unlink()


class _Content(pickle.Pickler):
    """Writes objects so that the same content gives the same bytes in every process."""

    def reducer_override(self, value: Any) -> Any:
        """Write a description as text: it holds the set of keys that a file gives, in no order.

        Raises `_ForeignError` for a class or function whose source is not among what every entry depends on.
        """
        if isinstance(value, BaseModel):
            return str, (f"{type(value).__qualname__} {value.model_dump()}",)
        if isinstance(value, type | FunctionType) and not known_source(value):
            raise _ForeignError(value)
        if isinstance(value, np.ndarray) and value.flags.writeable:  # which is no part of its content
            value = value.view()
            value.setflags(write=False)
            return value.__reduce_ex__(5)
        return NotImplemented


class _ForeignError(Exception):
    """A user's own class or function: its name does not tell what it does."""


def known_source(of: type | FunctionType) -> bool:
    """Return whether a class or function is Python's, of this package, or of one whose version is known."""
    return of.__module__.split(".")[0] in KNOWN


def known_structure(tree: Any) -> bool:
    """Return whether all classes of a pytree's structure are of known source."""
    data = tree.node_data()
    return (data is None or known_source(data[0])) and all(known_structure(child) for child in tree.children())


def content_of(value: Any) -> str | None:
    """Return a text that tells all the content of dataclasses, modules, arrays and descriptions; None if none can."""
    stream = io.BytesIO()
    try:
        _Content(stream, protocol=5).dump(value)
    except (_ForeignError, pickle.PicklingError, TypeError, AttributeError):  # what has no content in this sense
        return None
    return hashlib.sha256(stream.getvalue()).hexdigest()


def _path(kind: str, text: str) -> Path:
    assert _folder is not None
    return _folder / f"{kind}-{hashlib.sha256(f'{_surroundings()} {text}'.encode()).hexdigest()}"


@functools.cache
def fingerprint() -> str:
    """Return a short text that differs between all that entries depend on besides their own texts."""
    return hashlib.sha256(_surroundings().encode()).hexdigest()[:8]


@functools.cache
def _surroundings() -> str:
    """Return what every entry depends on: source, versions, processor, settings."""
    source = hashlib.sha256()
    for path in sorted(PACKAGE.rglob("*.py")) + sorted(path for path in data_folder().rglob("*") if path.is_file()):
        source.update(hashlib.sha256(path.read_bytes()).digest())
    versions = [importlib.metadata.version(name) for name in SOFTWARE]
    settings = [os.environ.get("XLA_FLAGS", ""), str(jax.config.jax_enable_x64)]  # type: ignore[attr-defined]
    device = jax.devices()[0]
    return " ".join([source.hexdigest(), *versions, *settings, device.device_kind, _processor()])


def _processor() -> str:
    """Return the processor's abilities, of which compiled programs make use: a home may be shared by machines."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
    except OSError:
        return f"{platform.machine()} {platform.processor()} {platform.node()}"
    return next((line for line in lines if line.startswith(("flags", "Features"))), platform.machine())

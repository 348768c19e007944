"""Compiled programs: kept on disk between processes, and spread over devices."""

import contextlib
import os
import platform
import warnings
from collections.abc import Callable
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

import equinox as eqx
import jax
import jax.numpy as jnp
import numpy as np
from jax.sharding import Mesh, PartitionSpec

from cevnsjax.arguments import path_of
from cevnsjax.errors import InputError
from cevnsjax.store import keep_in

__all__ = ["CACHE_VARIABLE", "at_once", "cache_compilations", "check_precision", "over_devices"]

Result = TypeVar("Result")

CACHE_VARIABLE = "CEVNSJAX_CACHE"
"""The environment variable that names the cache's folder, or switches the cache off."""

OFF = ("off", "0", "no", "false")

SIDE_BY_SIDE = 8
"""Searches that a processor does at once."""

LARGEST_CACHE = 256 << 20
"""Bytes that the cache may have; the oldest entries beyond are removed when it is switched on."""


def cache_compilations(folder: str | os.PathLike[str] | None = None) -> Path | None:
    """Keep what JAX compiles on disk, so that a later process need not compile it again.

    Call it before anything is compiled. Entries belong to one version of jaxlib and one kind of processor. Results do
    not depend on the cache: an entry that cannot be read is compiled anew.

    Args:
        folder: the cache's folder. By default the environment variable CEVNSJAX_CACHE names it, or it is that of the
            user's caches.

    Returns:
        The folder. None where there is no cache, as CEVNSJAX_CACHE is `off` or the folder cannot be written.

    Examples:
        >>> cevnsjax.cache_compilations()  # doctest: +SKIP
        PosixPath('/home/user/.cache/cevnsjax/jaxlib-0.8.1-x86_64')
    """
    setting = os.environ.get(CACHE_VARIABLE, "")
    if setting.lower() in OFF:
        return None
    if folder is None and setting:
        folder = setting
    if folder is None:
        from platformdirs import user_cache_path

        folder = user_cache_path("cevnsjax", appauthor=False)
    path = path_of(folder, "the folder of the cache") / f"jaxlib-{version('jaxlib')}-{platform.machine()}"
    try:
        path.mkdir(parents=True, exist_ok=True)
        probe = path / f".probe-{os.getpid()}"
        probe.touch()
        probe.unlink()
        _shorten(path)
    except OSError:
        return None
    keep_in(path)
    jax.config.update("jax_compilation_cache_dir", str(path))
    jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.0)
    jax.config.update("jax_persistent_cache_min_entry_size_bytes", -1)
    # A full disk or a broken entry costs time, and nothing else: no user need read of it.
    warnings.filterwarnings("ignore", message="Error (reading|writing) persistent compilation cache")
    return path


def check_precision() -> None:
    """Raise `InputError` where JAX no longer calculates in double precision, which counts need.

    >>> from cevnsjax.compilation import check_precision
    >>> check_precision()
    """
    if not jax.config.jax_enable_x64:  # type: ignore[attr-defined]
        raise InputError("JAX' double precision was switched off after cevnsjax was imported: switch it on again")


def _shorten(path: Path) -> None:
    """Remove the entries that were used longest ago until the rest is no larger than LARGEST_CACHE."""
    entries = []
    for entry in path.iterdir():
        with contextlib.suppress(OSError):  # another process may remove it meanwhile
            about = entry.stat()
            entries.append((about.st_mtime, about.st_size, entry))
    total = sum(size for _, size, _ in entries)
    for _, size, entry in sorted(entries):
        if total <= LARGEST_CACHE:
            return
        with contextlib.suppress(OSError):
            entry.unlink()
        total -= size


def at_once(number: int, few: int = SIDE_BY_SIDE) -> int:
    """Return how many searches of a `number` of them one program does at once: on a processor `few`, elsewhere all.

    A processor's vectors are short: more at once gain nothing, and where searches are few their places stay empty.

    >>> from cevnsjax.compilation import at_once
    >>> at_once(3)
    3
    """
    return min(number, few) if jax.default_backend() == "cpu" else number


def over_devices(function: Callable[[Any, Any], Result], given: Any, values: Any) -> Result:
    """Return `function(given, values)`, the leading axis of all arrays of `values` spread over all devices.

    The `function` must act on each value separately; `given` is the same for all. The last value is worked on again
    where devices do not share evenly.
    """
    if jax.device_count() == 1:
        return function(given, values)
    mesh = Mesh(np.array(jax.devices()), ("devices",))
    every, share = PartitionSpec(), PartitionSpec("devices")
    length = jax.tree.leaves(values)[0].shape[0]
    padded = np.minimum(np.arange(-(-length // mesh.size) * mesh.size), length - 1)
    # Arrays without elements are made anew on each device: jaxlib 0.11.2 crashes where they are given to all.
    filled, empty = eqx.partition(given, lambda leaf: np.size(leaf) > 0)

    def on_each(filled: Any, values: Any) -> Result:
        return function(eqx.combine(filled, jax.tree.map(jnp.zeros_like, empty)), values)

    spread = jax.shard_map(on_each, mesh=mesh, in_specs=(every, share), out_specs=share, check_vma=False)
    results = spread(filled, jax.tree.map(lambda leaf: leaf[padded], values))
    return jax.tree.map(lambda leaf: leaf[:length], results)

"""Programs that are kept on disk as the compiler made them, so that a later process need not trace them.

JAX's own cache keeps them, too. To ask it, a process must first trace the program and write it in the compiler's
language, which takes longer than all else in a first answer. A `Program` is known by its name, the shapes of its
arguments, and the package's source; where it is on disk already, it is loaded as it is.
"""

import contextlib
import ctypes
import functools
import gc
import inspect
import os
import secrets
import threading
from collections.abc import Callable
from typing import Any, Generic, TypeVar

import jax
import jax.numpy as jnp
import numpy as np
from jax.experimental.serialize_executable import deserialize_and_load, serialize
from jax.stages import Compiled

from cevnsjax.store import fingerprint, keep, keeping, kept, known_structure

__all__ = ["LOADED", "Program", "forget_programs", "options_of", "program", "release_memory"]

Result = TypeVar("Result")

LOADED = "/cevnsjax/programs/loaded"
"""The event of which `jax.monitoring` tells where a program is loaded from disk, and not compiled."""

OLDER: dict[str, Any] = {"xla_cpu_use_fusion_emitters": False}
"""The option of XLA that chooses the older of two ways to make a processor's code of joined operations."""

_every: list["Program[Any]"] = []


def forget_programs() -> None:
    """Forget all programs that this process holds, as `jax.clear_caches` does for those of `jax.jit`."""
    for each in _every:
        each._made.clear()


def release_memory(above: int = 0) -> None:
    """Forget all programs, JAX's own too, where there are more than `above`, and give their memory to the system.

    A program takes 10 to 20 MB. One that is used again is read from disk or compiled again. Results do not depend on
    it.
    """
    if sum(each.made for each in _every) <= above:
        return
    forget_programs()
    jax.clear_caches()
    gc.collect()
    _trim_memory()


def _trim_memory() -> None:
    """Give memory that is no longer used back to the system, in milliseconds; programs stay.

    The compiler leaves some 40 MB behind for each program, in pieces that the C library keeps unless it is asked. Only
    glibc has the function; elsewhere this does nothing.
    """
    with contextlib.suppress(OSError, AttributeError, TypeError):
        ctypes.CDLL(None).malloc_trim(0)


def program(*static: str, effort: int | None = None) -> Callable[[Callable[..., Result]], "Program[Result]"]:
    """Return a decorator like `jax.jit`, whose programs are kept on disk where a folder is given.

    `static` names the arguments that are no arrays; `effort` is the compiler's level of optimisation, where not its
    highest.
    """
    return lambda function: Program(function, static, effort)


def options_of(effort: int | None) -> dict[str, Any] | None:
    """Return the compiler's options for its level of optimisation; without a wish there are none.

    >>> from cevnsjax.programs import options_of
    >>> options_of(1)["xla_backend_optimization_level"]
    1
    """
    return None if effort is None else {"xla_backend_optimization_level": effort, **_older()}


@functools.cache
def _older() -> dict[str, Any]:
    """Return the option of the older way to make code, and nothing where the compiler does not know it.

    It takes two thirds of the newer way's time, and what it makes is as fast for a fit. The command line says so for
    all programs, by a flag that spares more.
    """
    if "xla_cpu_disable_new_fusion_emitters" in os.environ.get("XLA_FLAGS", ""):
        return {}
    try:
        jax.jit(lambda x: x, compiler_options=OLDER).lower(0.0).compile()
    except jax.errors.JaxRuntimeError:  # no such option, as in later versions
        return {}
    return OLDER


class Program(Generic[Result]):
    """A function of arrays that JAX compiles once for arguments of the same shapes, and keeps on disk."""

    def __init__(self, function: Callable[..., Result], static: tuple[str, ...], effort: int | None):
        """Take the function, the names of its static arguments, and the compiler's effort."""
        functools.update_wrapper(self, function)
        self._function, self._static = function, static
        self._signature, self._effort = inspect.signature(function), effort
        self._made: dict[object, tuple[Compiled, Any] | None] = {}
        self._lock = threading.Lock()
        _every.append(self)

    def __call__(self, *args: Any, **kwargs: Any) -> Result:
        """Return the function's result, by a program that is there, is on disk, or is made now."""
        given: dict[str, Any] = self._signature.bind(*args, **kwargs).arguments
        fixed = {name: given.pop(name) for name in self._static}
        leaves, tree = jax.tree.flatten(given)
        if any(isinstance(leaf, jax.core.Tracer) for leaf in leaves):
            return self._nested(*args, **kwargs)
        leaves = [leaf if isinstance(leaf, jax.Array) else np.asarray(leaf) for leaf in leaves]
        key = tree, tuple((leaf.shape, leaf.dtype) for leaf in leaves), tuple(fixed.items())
        # With several devices a program belongs to their arrangement, and is not kept.
        keeps = keeping() and jax.device_count() == 1
        new = (keeps, key) not in self._made
        if new:
            with self._lock:  # threads share the work on one grid, and wait for one compiler
                if (keeps, key) not in self._made:
                    found = self._found(f"{key} {options_of(self._effort)}", tree, fixed, leaves) if keeps else None
                    self._made[keeps, key] = found
        made = self._made[keeps, key]
        if made is None:
            result = self._jitted(*args, **kwargs)
        else:
            call, out = made
            result = jax.tree.unflatten(out, call(*leaves))
        if new:
            _trim_memory()  # its first call has compiled it
        return result

    @functools.cached_property
    def _jitted(self) -> Callable[..., Any]:
        """The program of `jax.jit`, made when it is first called: its options ask for a device."""
        return jax.jit(self._function, static_argnames=self._static, compiler_options=options_of(self._effort))

    @functools.cached_property
    def _nested(self) -> Callable[..., Any]:
        """The program as a part of another one, such as its gradient, which alone may choose the compiler's effort."""
        return jax.jit(self._function, static_argnames=self._static)

    @property
    def made(self) -> int:
        """The number of programs that this process holds."""
        return len(self._made)

    def _found(self, key: str, tree: Any, fixed: dict[str, Any], leaves: list[Any]) -> tuple[Compiled, Any] | None:
        """Return a program and the structure of its result, from disk if it is there; None if it has no sure name."""
        # An address, an array cut short, or a class of a user's: the text does not tell what the program depends on.
        if " at 0x" in key or "..." in key or not known_structure(tree):
            return None
        text = f"{self._function.__module__}.{self._function.__qualname__} {key}"
        found = kept("program", text)
        if found is not None:
            serialized, out, needs_lapack = found
            if needs_lapack:
                _prepare_lapack()
            with contextlib.suppress(jax.errors.JaxRuntimeError, ValueError):  # else it is compiled anew
                made: Compiled = deserialize_and_load(*serialized)
                jax.monitoring.record_event(LOADED)
                return made, out
        _count_hits()
        # What JAX reads from its own cache, where it knows a program by its name, too, cannot be written once more.
        for name in (fingerprint(), secrets.token_hex(4)):
            before = _hits.number
            made, out = self._compiled(f"{self._function.__name__}_{name}", tree, fixed, leaves)
            if _hits.number == before:
                # One that calls back to Python, for instance, cannot be written: it is compiled in each process.
                with contextlib.suppress(jax.errors.JaxRuntimeError, ValueError, NotImplementedError):
                    keep("program", text, (serialize(made), out, "lapack" in (made.as_text() or "lapack")))
                break
        return made, out

    def _compiled(self, name: str, tree: Any, fixed: dict[str, Any], leaves: list[Any]) -> tuple[Compiled, Any]:
        """Return the function of a flat list of arrays as the compiler made it, and the structure of its result."""
        structure: list[Any] = []

        def flat(*leaves: Any) -> list[Any]:
            found, out = jax.tree.flatten(self._function(**jax.tree.unflatten(tree, leaves), **fixed))
            structure.append(out)
            return found

        flat.__name__ = name
        made = jax.jit(flat, compiler_options=options_of(self._effort)).lower(*leaves).compile()
        return made, structure[-1]


@functools.cache
def _prepare_lapack() -> None:
    """Let jaxlib find LAPACK's functions, as it does where a program with one of them is traced.

    A program from disk that calls one of them would else jump to nowhere, which ends the process.
    """
    jax.jit(jnp.linalg.cholesky).lower(np.eye(1))


class _Hits(threading.local):
    """How many programs JAX has read from its own cache in this thread."""

    number = 0


_hits = _Hits()


@functools.cache
def _count_hits() -> None:
    """Begin to count what JAX reads from its own cache."""

    def note(event: str, **_: Any) -> None:
        _hits.number += event == "/jax/compilation_cache/cache_hits"

    jax.monitoring.register_event_listener(note)

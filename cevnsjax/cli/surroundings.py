"""What the command line needs of its surroundings: a cache of compiled programs, a device, and a home to write to."""

import atexit
import contextlib
import os
import tempfile
from pathlib import Path

import jax
import platformdirs

from cevnsjax.compilation import cache_compilations
from cevnsjax.errors import InputError
from cevnsjax.results import temporary_folder

__all__ = ["prepare"]


def prepare() -> None:
    """Switch on the cache of compiled programs; make sure of a device, and of a home that libraries can write to.

    Raises `InputError` where JAX finds no device.
    """
    cache_compilations()
    _replace_home()
    try:
        jax.devices()
    except (RuntimeError, AssertionError) as error:  # JAX asserts where a platform is known, but nothing of it is there
        given = os.environ.get("JAX_PLATFORMS", "")
        raise InputError(f"JAX_PLATFORMS={given}: there is no such device here; unset it, or give cpu") from error


def _replace_home() -> None:
    """Give matplotlib and ArviZ a temporary folder where the user's own cannot be written: they would warn, or fail."""
    wanted = {
        "MPLCONFIGDIR": platformdirs.user_config_path("matplotlib"),
        "XDG_CACHE_HOME": platformdirs.user_cache_path(),
    }
    missing = [name for name, folder in wanted.items() if not (name == "MPLCONFIGDIR" and name in os.environ)]
    missing = [name for name in missing if not _can_write(wanted[name])]
    if missing:
        stack = contextlib.ExitStack()
        with contextlib.suppress(InputError):
            folder = stack.enter_context(temporary_folder())
            os.environ.update(dict.fromkeys(missing, str(folder)))
            atexit.register(stack.close)


def _can_write(folder: Path) -> bool:
    """Return whether a folder can be written, or made: whether the nearest one above it that exists can be written."""
    existing = next(above for above in (folder, *folder.parents) if os.path.lexists(above))
    try:
        with tempfile.TemporaryFile(dir=existing):
            return True
    except OSError:
        return False

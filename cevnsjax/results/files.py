"""Files that the package writes: checked before the work, written whole or not at all, nothing left behind."""

import contextlib
import errno
import json
import os
import shutil
import stat
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

from cevnsjax.errors import InputError

__all__ = [
    "check_folder",
    "check_target",
    "discard_unfinished",
    "replace_file",
    "temporary_folder",
    "write_json",
]

PREFIX = ".cevnsjax-"
"""Begins the names of all temporary files and folders."""

_unfinished: set[str] = set()
_lock = threading.Lock()


def check_target(path: Path) -> Path:
    """Return the file that will be written under a name, the `path`, symbolic links followed.

    Raises `InputError` where that is not possible: a folder, a device, a read-only file, or a folder that does not
    exist or cannot be written.

    >>> from pathlib import Path
    >>> from cevnsjax.results import check_target
    >>> check_target(Path("fit.json")).name
    'fit.json'
    """
    target, _ = _writable(path)
    _probe(target.parent, path)
    return target


def check_folder(folder: Path) -> None:
    """Raise `InputError` unless files can be written into a `folder`, or the folder can be made.

    >>> from pathlib import Path
    >>> from cevnsjax.results import check_folder
    >>> check_folder(Path("results"))
    """
    try:
        exists = folder.is_dir()
        taken = not exists and os.path.lexists(folder)
    except (OSError, ValueError) as error:  # a name with a zero byte is a ValueError
        raise _refused(folder, error, "into ") from error
    if taken:
        raise InputError(f"cannot write into '{folder}': it is a file; give a folder")
    parent = folder if exists else folder.absolute().parent
    if not parent.is_dir():
        raise InputError(f"cannot make the folder '{folder}': there is no folder '{folder.parent}'")
    _probe(parent, folder, "into ")


def replace_file(path: Path, content: bytes) -> None:
    """Write `content` into the file of a `path`, whole or not at all.

    It is written beside the target first, then moved. A file that is replaced keeps its permissions, and a
    symbolic link stays a link. Raises `InputError` where it cannot be written, as `check_target` does.

    >>> from pathlib import Path
    >>> from cevnsjax.results import replace_file
    >>> replace_file(Path("note.txt"), b"done")
    >>> Path("note.txt").read_text()
    'done'
    """
    target, mode = _writable(path)
    name = None
    try:
        with _lock:
            handle, name = tempfile.mkstemp(dir=target.parent, prefix=PREFIX)
            _unfinished.add(name)
        with os.fdopen(handle, "wb") as file:
            file.write(content)
        os.chmod(name, 0o666 & ~_umask() if mode is None else mode)
        os.replace(name, target)
    except OSError as error:
        raise _refused(path, error) from error
    finally:
        if name is not None:
            _discard(name)


def write_json(path: Path, content: object) -> None:
    """Write `content` as JSON into the file of a `path`; a NaN is an error, as JSON has no word for it.

    Raises `InputError` as `replace_file` does, and `ValueError` for a NaN.

    >>> from pathlib import Path
    >>> from cevnsjax.results import fit_dict, write_json
    >>> write_json(Path("fit.json"), fit_dict(cevnsjax.fit("conus_plus")))
    """
    replace_file(path, (json.dumps(content, indent=2, allow_nan=False) + "\n").encode())


@contextlib.contextmanager
def temporary_folder(parent: Path | None = None) -> Iterator[Path]:
    """Give a folder in `parent` that is removed at the end, and by `discard_unfinished`.

    By default it is where the system has its own. Raises `InputError` where the folder cannot be made.

    >>> from cevnsjax.results import temporary_folder
    >>> with temporary_folder() as folder:
    ...     folder.is_dir()
    True
    """
    try:
        with _lock:
            name = tempfile.mkdtemp(dir=parent, prefix=PREFIX)
            _unfinished.add(name)
    except OSError as error:
        raise _refused(parent or Path(tempfile.gettempdir()), error, "into ") from error
    try:
        yield Path(name)
    finally:
        _discard(name)


def discard_unfinished() -> None:
    """Remove all temporary files and folders of this process, and let it make no more: for its sudden end."""
    _lock.acquire()  # for good
    for name in list(_unfinished):
        _discard(name)


def _writable(path: Path) -> tuple[Path, int | None]:
    """Return a target, links followed, and its permissions if it exists."""
    try:
        target = Path(os.path.realpath(path))
        about = target.stat()
    except FileNotFoundError:
        about = None
    except (OSError, ValueError) as error:  # a name with a zero byte is a ValueError
        raise _refused(path, error) from error
    if about is None:
        if not target.parent.is_dir():
            raise InputError(f"cannot write '{path}': there is no folder '{target.parent}'")
        return target, None
    if stat.S_ISDIR(about.st_mode):
        raise InputError(f"cannot write '{path}': it is a folder; give the name of a file")
    if not stat.S_ISREG(about.st_mode):
        raise InputError(f"cannot write '{path}': it is a device, not a file")
    # The superuser may write everything: what the file itself says counts.
    if not (about.st_mode & 0o222 and os.access(target, os.W_OK)):
        raise InputError(f"cannot write '{path}': the file is read-only")
    return target, stat.S_IMODE(about.st_mode)


def _probe(folder: Path, path: Path, into: str = "") -> None:
    """Find out whether a file can be made in a folder, which permissions alone do not tell."""
    try:
        with tempfile.TemporaryFile(dir=folder, prefix=PREFIX):
            pass
    except OSError as error:
        raise _refused(path, error, into) from error


def _refused(path: Path, error: Exception, into: str = "") -> InputError:
    reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error)
    if isinstance(error, OSError) and error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        reason = f"{reason}; its folder cannot be written"
    return InputError(f"cannot write {into}'{path}': {reason}")


def _umask() -> int:
    umask = os.umask(0)
    os.umask(umask)
    return umask


def _discard(name: str) -> None:
    if os.path.isdir(name):
        shutil.rmtree(name, ignore_errors=True)
    else:
        with contextlib.suppress(OSError):
            os.unlink(name)
    _unfinished.discard(name)

"""Files: where the package's own data lie, and how texts and tables are read."""

import csv
import functools
import io
import stat
import zipfile
import zlib
from pathlib import Path

import numpy as np

from cevnsjax.errors import InputError

__all__ = [
    "check_regular",
    "data_folder",
    "docs_folder",
    "read_arrays",
    "read_bytes",
    "read_rows",
    "read_table",
    "read_text",
]

LARGEST = 32 << 20
"""Bytes of the largest file that is read: more is no table of this field, but a mistake."""


def data_folder() -> Path:
    """Return the folder of the embedded data, in an installed wheel or in a checkout."""
    return _beside("data")


def docs_folder() -> Path:
    """Return the folder of the documentation's pages, in an installed wheel or in a checkout."""
    return _beside("docs")


def _beside(name: str) -> Path:
    """Return a folder that a wheel holds in the package, and a checkout beside it."""
    package = Path(__file__).parent
    installed = package / name
    return installed if installed.is_dir() else package.parent / name


def read_bytes(path: Path, kind: str) -> bytes:
    """Return the content of a file of a kind, "table" for instance.

    Raises `InputError` for what is no regular file, is too large, or cannot be read.
    """
    size = check_regular(path, kind)
    if size > LARGEST:
        raise InputError(f"cannot read the {kind} '{path}': it has {size} bytes, more than {LARGEST}")
    try:
        return path.read_bytes()
    except OSError as error:
        raise InputError(f"cannot read the {kind} '{path}': {error.strerror}") from error


def check_regular(path: Path, kind: str) -> int:
    """Return the size of a file; raises `InputError` for what is no regular file, as a pipe, or is not there."""
    try:
        about = path.stat()
    except (OSError, ValueError) as error:  # a name with a zero byte is a ValueError
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"cannot read the {kind} '{path}': {reason}") from error
    if not stat.S_ISREG(about.st_mode):
        raise InputError(f"cannot read the {kind} '{path}': it is no regular file")
    return about.st_size


def read_text(path: Path, kind: str) -> str:
    """Return the text of a file; raises `InputError` as `read_bytes` does, and for what is no UTF-8."""
    content = read_bytes(path, kind)
    try:
        text = content.decode("utf-8-sig")  # as spreadsheets write it
    except UnicodeDecodeError as error:
        raise InputError(f"cannot read the {kind} '{path}': it is not a UTF-8 text") from error
    return text.replace("\r\n", "\n").replace("\r", "\n")


def read_arrays(path: Path, names: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Return all arrays of an .npz file, numbers as float64; `names` are those that must be there.

    Raises `InputError` for a file that is none, one that is too large unpacked, an array that is missing, and arrays
    of anything but numbers and texts.
    """
    content = read_bytes(path, "file of arrays")
    try:
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            size = sum(entry.file_size for entry in archive.infolist())
        if size > LARGEST:
            raise InputError(f"'{path}' has {size} bytes when it is unpacked, more than {LARGEST}")
        with np.load(io.BytesIO(content), allow_pickle=False) as arrays:
            found = {name: arrays[name] for name in arrays.files}
    except InputError:
        raise
    except (ValueError, OSError, EOFError, zipfile.BadZipFile, zlib.error) as error:
        raise InputError(f"'{path}' is not a valid .npz file of numbers: {error}") from error
    if missing := [name for name in names if name not in found]:
        raise InputError(f"'{path}' lacks the array '{missing[0]}'; its arrays are {', '.join(found)}")
    if strange := [name for name, array in found.items() if array.dtype.kind not in "fiuU"]:
        raise InputError(f"'{path}': the array '{strange[0]}' holds neither numbers nor texts")
    return {name: array if array.dtype.kind == "U" else array.astype(np.float64) for name, array in found.items()}


def read_rows(path: Path) -> list[dict[str, str]]:
    """Read a CSV table: `#` lines above the header are comments, the next line is the header.

    Raises `InputError` when the file cannot be read, has no rows, names a column twice, or a row has too many or too
    few cells.
    """
    lines = read_text(path, "table").splitlines()
    while lines and (not lines[0].strip() or lines[0].startswith("#")):
        lines.pop(0)
    try:
        reader = csv.DictReader([line for line in lines if line.strip()], restkey="", strict=True)
        rows = list(reader)
    except csv.Error as error:
        raise InputError(f"'{path}' is not a valid CSV table: {error}") from error
    if not rows:
        raise InputError(f"the table '{path}' has no rows; it needs a header line and at least one row")
    names = list(reader.fieldnames or ())
    if twice := [name for name in names if names.count(name) > 1]:
        raise InputError(f"the table '{path}' has two columns '{twice[0]}'; give each a name of its own")
    for number, row in enumerate(rows, start=1):
        if "" in row or None in row.values():
            raise InputError(f"row {number} of '{path}' does not have the header's {len(names)} cells")
    return rows


def read_table(path: Path, columns: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Read numeric columns of a CSV table as float64 arrays of shape (rows,); an empty cell is NaN.

    Raises `InputError` when a column is missing or a cell is not a number.
    """
    try:
        about = path.stat()
    except (OSError, ValueError):
        return _read_table(path, columns, 0, 0)
    return {
        name: values.copy() for name, values in _read_table(path, columns, about.st_mtime_ns, about.st_size).items()
    }


@functools.lru_cache(maxsize=64)
def _read_table(path: Path, columns: tuple[str, ...], changed: int, size: int) -> dict[str, np.ndarray]:
    """Read a table; a file that has not changed is read once."""
    rows = read_rows(path)
    missing = [name for name in columns if name not in rows[0]]
    if missing:
        raise InputError(f"'{path}' lacks the column '{missing[0]}'; its columns are {', '.join(rows[0])}")
    table = {}
    for name in columns:
        values = np.empty(len(rows))
        for i, row in enumerate(rows):
            text = row[name].strip()
            try:
                if "_" in text:  # Python's float would take 1_000 for 1000
                    raise ValueError
                values[i] = float(text) if text else np.nan
            except ValueError:
                raise InputError(f"'{row[name]}' in row {i + 1}, column '{name}' of '{path}' is not a number") from None
        table[name] = values
    return table

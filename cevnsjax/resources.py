"""Files: where the package's own data lie, and how texts and tables are read."""

import csv
import functools
import stat
from pathlib import Path

import numpy as np

from cevnsjax.errors import InputError

__all__ = ["data_folder", "read_rows", "read_table", "read_text"]

LARGEST = 32 << 20
"""Bytes of the largest file that is read: more is no table of this field, but a mistake."""


def data_folder() -> Path:
    """Return the folder of the embedded data, in an installed wheel or in a checkout."""
    package = Path(__file__).parent
    installed = package / "data"
    return installed if installed.is_dir() else package.parent / "data"


def read_text(path: Path, kind: str) -> str:
    """Return the text of a file of a kind, "table" for instance.

    Raises `InputError` for what is no regular file, is too large, cannot be read, or is no UTF-8.
    """
    try:
        about = path.stat()
        if not stat.S_ISREG(about.st_mode):
            raise InputError(f"cannot read the {kind} '{path}': it is no regular file")
        if about.st_size > LARGEST:
            raise InputError(f"cannot read the {kind} '{path}': it has {about.st_size} bytes, more than {LARGEST}")
        return path.read_text(encoding="utf-8-sig")  # as spreadsheets write it
    except InputError:
        raise
    except UnicodeDecodeError as error:
        raise InputError(f"cannot read the {kind} '{path}': it is not a UTF-8 text") from error
    except (OSError, ValueError) as error:  # a name with a zero byte is a ValueError
        reason = getattr(error, "strerror", None) or str(error)
        raise InputError(f"cannot read the {kind} '{path}': {reason}") from error


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

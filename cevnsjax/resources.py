"""The package's own data: where it lies, and how one of its tables is read."""

import csv
from pathlib import Path

import numpy as np

from cevnsjax.errors import InputError

__all__ = ["data_folder", "read_rows", "read_table"]


def data_folder() -> Path:
    """Return the folder of the embedded data, in an installed wheel or in a checkout."""
    package = Path(__file__).parent
    installed = package / "data"
    return installed if installed.is_dir() else package.parent / "data"


def read_rows(path: Path) -> list[dict[str, str]]:
    """Read a CSV table: `#` lines are comments, the next line is the header.

    Raises `InputError` when the file cannot be read, has no rows, or a row has too many or too few cells.
    """
    try:
        lines = path.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not a UTF-8 text"
        raise InputError(f"cannot read the table '{path}': {reason}") from error
    lines = [line for line in lines if line.strip() and not line.startswith("#")]
    try:
        reader = csv.DictReader(lines, restkey="", strict=True)
        rows = list(reader)
    except csv.Error as error:
        raise InputError(f"'{path}' is not a valid CSV table: {error}") from error
    if not rows:
        raise InputError(f"the table '{path}' has no rows; it needs a header line and at least one row")
    for number, row in enumerate(rows, start=1):
        if "" in row or None in row.values():
            raise InputError(
                f"row {number} of '{path}' does not have the header's {len(reader.fieldnames or ())} cells"
            )
    return rows


def read_table(path: Path, columns: tuple[str, ...]) -> dict[str, np.ndarray]:
    """Read numeric columns of a CSV table as float64 arrays of shape (rows,); an empty cell is NaN.

    Raises `InputError` when a column is missing or a cell is not a number.
    """
    rows = read_rows(path)
    missing = [name for name in columns if name not in rows[0]]
    if missing:
        raise InputError(f"'{path}' lacks the column '{missing[0]}'; its columns are {', '.join(rows[0])}")
    table = {}
    for name in columns:
        values = np.empty(len(rows))
        for i, row in enumerate(rows):
            try:
                values[i] = float(row[name]) if row[name].strip() else np.nan
            except ValueError:
                raise InputError(f"'{row[name]}' in row {i + 1}, column '{name}' of '{path}' is not a number") from None
        table[name] = values
    return table
